//! Keystores and what is in them.

use base::{Error, Result};
use time::OffsetDateTime;

use super::item::{Content, InspectedItem};
use super::passwords::InspectPasswords;
use super::view::KeystoreView;
use super::{certificate, key};
use crate::key::PrivateKey;
use crate::keystore::{self, EntryKind, KeyState, Keystore, KeystoreFormat, ListedEntry};

/// The keystore, and after it each entry: a key followed by its chain, or a certificate.
pub(super) fn items(bytes: &[u8], passwords: &InspectPasswords, now: OffsetDateTime) -> Result<Vec<InspectedItem>> {
    let both = passwords.store.as_ref().map(|store| keystore::Passwords {
        store: store.clone(),
        key: passwords.key.as_ref().unwrap_or(store).clone(),
    });
    let listing = keystore::list(bytes, both.as_ref())?;
    // Reading fails as a whole when one of the keys does not open; the listing has named it.
    let opened = match &both {
        Some(both) => Keystore::read(bytes, both),
        None => Keystore::read_without_password(bytes),
    };
    let opened = opened.unwrap_or_default();
    let mut whole = InspectedItem::new(Content::Keystore(KeystoreView {
        format: listing.format.to_string(),
        integrity_checked: listing.intact,
        entries: listing.entries.len(),
    }));
    if listing.format == KeystoreFormat::Jks {
        whole.findings.push(keystore::jks_weak());
    }
    let mut items = vec![whole];
    for entry in listing.entries {
        let alias = entry.alias.clone();
        let of_entry = entry_items(entry, &opened, now);
        items.extend(of_entry.into_iter().map(|item| InspectedItem { alias: Some(alias.clone()), ..item }));
    }
    Ok(items)
}

fn entry_items(entry: ListedEntry, opened: &Keystore, now: OffsetDateTime) -> Vec<InspectedItem> {
    let mut items = Vec::new();
    match entry.kind {
        EntryKind::Key(state) => {
            let der = opened.keys.iter().find(|key| key.alias == entry.alias).map(|key| &key.key);
            items.push(key_item(state, der.map(|der| PrivateKey::from_pkcs8_der(der)), &entry.certificates));
        }
        EntryKind::Secret => items.push(InspectedItem::new(Content::Secret)),
        EntryKind::Trusted | EntryKind::Certificate => {}
    }
    for der in &entry.certificates {
        items.push(certificate::der_item(der, now).unwrap_or_else(|error| InspectedItem {
            findings: vec![error.into_finding()],
            ..InspectedItem::new(Content::Unreadable { label: "CERTIFICATE".to_owned() })
        }));
    }
    items
}

fn key_item(state: KeyState, opened: Option<Result<PrivateKey>>, chain: &[Vec<u8>]) -> InspectedItem {
    // A key that fits its leaf is shown by `match_keys`; one that does not needs an error of its own.
    let mismatch = match (&opened, chain.first().map(|leaf| crate::Certificate::from_der(leaf))) {
        (Some(Ok(key)), Some(Ok(leaf))) => key.check_belongs_to(leaf.spki_der()).err(),
        _ => None,
    };
    let mut item = key::view("keystore entry", true, opened.unwrap_or_else(|| Err(locked())));
    if let KeyState::Shut(finding) = state {
        item.findings = vec![finding];
    }
    item.findings.extend(mismatch.map(Error::into_finding));
    item
}

fn locked() -> base::Error {
    base::Code::KeyEncrypted.error("the key was not opened")
}
