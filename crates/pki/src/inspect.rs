//! What a file holds, whatever it is: the engine behind `tbpki inspect`.
//!
//! The content decides, not the file's name. Private keys show their algorithm and the hash of their public half, never
//! themselves.

use base::{Code, Finding, Result};
use time::OffsetDateTime;

use crate::asn1::ber::{split_first, without_padding};
use crate::asn1::blocks::{Block, blocks, looks_like_pem};
use crate::keystore::find_keystore;
use crate::pkcs11::REFERENCE_LABEL;
use crate::read::crl::Crl;
use crate::read::kind::StructureKind;
use crate::read::mislabeled;
use crate::read::pem_bundle::{KeyBlock, first_element, is_pkcs7};
use crate::read::pkcs7::Pkcs7;

mod certificate;
mod item;
mod key;
mod keystore;
mod passwords;
mod render;
mod request;
mod revocation_list;
mod token_key;
mod view;

pub use item::{Content, InspectedItem};
pub use passwords::InspectPasswords;
pub use view::{
    CertificateView, KeyView, KeystoreView, PublicKeyView, RecordEntryView, RequestView, RevocationListView,
    RevokedView, TokenKeyView,
};

/// Shows what is in a file: PEM blocks in any mix, one certificate, request, revocation list or key in DER, PKCS#7, PKCS#12
/// or JKS, or the PKCS#11 URI of a key in a token. `now` is the moment for which dates are judged.
///
/// An unreadable part of a readable file is an item of its own, with a finding that contains the reason.
///
/// # Errors
/// [`Code::CertificateUnreadable`] for what is none of these, [`Code::ForeignFormat`] for kinds of files that are not read,
/// [`Code::Pkcs11Uri`] for a URI that cannot be, the errors of [`keystore::list`](crate::keystore::list) for keystores, those
/// of damaged PEM blocks.
pub fn inspect(bytes: &[u8], passwords: &InspectPasswords, now: OffsetDateTime) -> Result<Vec<InspectedItem>> {
    let mut items = items_of(bytes, passwords, now)?;
    match_keys(&mut items);
    Ok(items)
}

/// Shows what is in the entries of a credentials record, as [`inspect`] does for a file.
///
/// # Errors
/// Those of [`inspect`].
pub fn inspect_entries<'a>(
    entries: impl IntoIterator<Item = (RecordEntryView, &'a [u8])>,
    passwords: &InspectPasswords,
    now: OffsetDateTime,
) -> Result<Vec<InspectedItem>> {
    let mut items = Vec::new();
    for (entry, bytes) in entries {
        let of_entry = items_of(bytes, passwords, now)?.into_iter();
        // Lines are those of the entry, and would look like those of the file.
        items.extend(of_entry.map(|item| InspectedItem { line: None, entry: Some(entry.clone()), ..item }));
    }
    match_keys(&mut items);
    Ok(items)
}

fn items_of(bytes: &[u8], passwords: &InspectPasswords, now: OffsetDateTime) -> Result<Vec<InspectedItem>> {
    // Keystores first, because PKCS#12 begins as all DER does.
    Ok(if let Some(keystore) = find_keystore(bytes) {
        keystore::items(&keystore, passwords, now)?
    } else if bytes.first() == Some(&0x30) {
        of_der(bytes, passwords, now)?
    } else if looks_like_pem(bytes) {
        blocks(bytes)?.iter().flat_map(|block| of_block(block, passwords, now)).collect()
    } else if let Some(item) = token_key::item(bytes) {
        vec![item?]
    } else {
        // Names the kind of file, if it is a common one.
        blocks(bytes)?;
        return Err(mislabeled::behind_white_space(bytes).unwrap_or_else(|| unknown(bytes)));
    })
}

fn unknown(bytes: &[u8]) -> base::Error {
    let error = Code::CertificateUnreadable
        .error("the file is not a certificate, key, request, revocation list or keystore")
        .fix("tbpki reads PEM, DER, PKCS#7, PKCS#12, JKS and PKCS#11 URIs");
    if bytes.trim_ascii().is_empty() { error.because("the file is empty") } else { error }
}

fn of_der(bytes: &[u8], passwords: &InspectPasswords, now: OffsetDateTime) -> Result<Vec<InspectedItem>> {
    let der = without_padding(bytes);
    // By the first element: the reader of its kind tells of octets behind it.
    Ok(vec![match StructureKind::of(split_first(der).0) {
        StructureKind::Certificate => certificate::der_item(der, now)?,
        StructureKind::RevocationList => revocation_list::item(&Crl::from_der(der)?, now),
        StructureKind::Request => request::item(der)?,
        StructureKind::PublicKey => key::public_item(der).ok_or_else(|| unknown(der))?,
        StructureKind::Pkcs8
        | StructureKind::Sec1
        | StructureKind::Pkcs1
        | StructureKind::DsaKey
        | StructureKind::EncryptedKey => key::item(&KeyBlock::of_der(der), passwords),
        StructureKind::Pkcs7 => return of_pkcs7(der, now),
        StructureKind::Pkcs12 | StructureKind::Other => return Err(unknown(bytes)),
        kind @ (StructureKind::RsaPublicKey
        | StructureKind::KeyParameters
        | StructureKind::PkiPath
        | StructureKind::TimeStampRequest) => return Err(mislabeled::not_read(kind)),
    }])
}

/// The certificates and revocation lists of PKCS#7, with a note of where they were.
fn of_pkcs7(bytes: &[u8], now: OffsetDateTime) -> Result<Vec<InspectedItem>> {
    let Pkcs7 { certificates, crls } = Pkcs7::from_ber(bytes)?;
    let mut items: Vec<InspectedItem> = certificates.iter().map(|one| certificate::item(one, now)).collect();
    for der in crls {
        items.push(revocation_list::item(&Crl::from_der(&der)?, now));
    }
    // Once, because the note is about the file and not about each certificate.
    if let Some(first) = items.first_mut() {
        first.findings.push(
            Code::ForeignFormat
                .note("the file is PKCS#7, which tbpki reads and ThingsBoard does not")
                .fix("write PEM: `openssl pkcs7 -print_certs -in FILE -out FILE.pem`"),
        );
    }
    Ok(items)
}

fn of_block(block: &Block, passwords: &InspectPasswords, now: OffsetDateTime) -> Vec<InspectedItem> {
    let one = |item: InspectedItem| vec![item];
    let items = match block.label.as_str() {
        // Windows writes PKCS#7 under this label, and OpenSSL a Netscape certificate sequence.
        "CERTIFICATE" | "X509 CERTIFICATE" => match StructureKind::of(&block.der) {
            StructureKind::Certificate | StructureKind::Other => certificate::der_item(&block.der, now).map(one),
            StructureKind::Pkcs7 => of_pkcs7(&block.der, now),
            kind => Err(mislabeled::error(kind, &block.label)),
        },
        // OpenSSL appends its settings for trust to the certificate.
        "TRUSTED CERTIFICATE" => certificate::der_item(first_element(&block.der), now).map(one),
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => request::item(&block.der).map(one),
        "X509 CRL" => Crl::from_der(&block.der).map(|crl| one(revocation_list::item(&crl, now))),
        "PUBLIC KEY" => key::public_item(&block.der).map(one).ok_or_else(|| unknown(&block.der)),
        REFERENCE_LABEL => token_key::block_item(&block.der).map(one),
        "PKCS12" => keystore::items(&block.der, passwords, now),
        label if is_pkcs7(label) => of_pkcs7(&block.der, now),
        label if label.ends_with("PRIVATE KEY") => Ok(one(key::item(&KeyBlock::from(block.clone()), passwords))),
        _ => match mislabeled::unknown_label(block) {
            Some(error) => Err(error),
            None => Ok(one(InspectedItem::new(Content::Other { label: block.label.clone() }))),
        },
    };
    let unreadable = |finding: Finding| InspectedItem {
        findings: vec![finding],
        ..InspectedItem::new(Content::Unreadable { label: block.label.clone() })
    };
    let mut items = items.unwrap_or_else(|error| vec![unreadable(error.into_finding())]);
    items.iter_mut().for_each(|item| item.line = Some(block.line));
    items
}

/// Tells each key and request to which certificate of the same file it belongs.
fn match_keys(items: &mut [InspectedItem]) {
    let certificates: Vec<(String, String)> = items
        .iter()
        .filter_map(|item| match &item.content {
            Content::Certificate(view) => Some((view.public_key_sha256.clone(), view.subject.clone())),
            _ => None,
        })
        .collect();
    for item in items {
        let (id, belongs_to) = match &mut item.content {
            Content::PrivateKey(view) => (view.public_key_sha256.as_ref(), &mut view.belongs_to),
            Content::Request(view) => (Some(&view.public_key_sha256), &mut view.belongs_to),
            _ => continue,
        };
        let owner = certificates.iter().find(|(certificate_id, _)| Some(certificate_id) == id);
        *belongs_to = owner.map(|(_, subject)| subject.clone());
    }
}

#[cfg(test)]
mod tests;
