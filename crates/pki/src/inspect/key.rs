//! Keys: what may be seen of them.

use base::{Code, Result, hex};

use super::item::{Content, InspectedItem};
use super::passwords::InspectPasswords;
use super::view::{KeyView, PublicKeyView};
use crate::key::PrivateKey;
use crate::read::certificate::{PublicKeyKind, sha256};
use crate::read::pem_bundle::KeyBlock;

/// A key in a PEM file, or one in DER.
pub(super) fn item(block: &KeyBlock, passwords: &InspectPasswords) -> InspectedItem {
    let form = match block.label() {
        "PRIVATE KEY" => "PKCS#8",
        "ENCRYPTED PRIVATE KEY" => "encrypted PKCS#8",
        "EC PRIVATE KEY" => "SEC 1",
        "RSA PRIVATE KEY" => "PKCS#1",
        "OPENSSH PRIVATE KEY" => "OpenSSH",
        other => other,
    };
    let form = match block.old_encryption() {
        Some(scheme) => format!("{form}, {scheme}"),
        None => form.to_owned(),
    };
    view(&form, block.is_encrypted(), block.open(passwords.of_key()))
}

/// A key that was opened, or why it was not.
pub(super) fn view(form: &str, encrypted: bool, opened: Result<PrivateKey>) -> InspectedItem {
    let mut view =
        KeyView { form: form.to_owned(), encrypted, algorithm: None, public_key_sha256: None, belongs_to: None };
    let findings = match opened {
        Ok(key) => {
            view.algorithm = Some(key.algorithm().to_string());
            view.public_key_sha256 = Some(hex::lower(&sha256(key.spki_der())));
            Vec::new()
        }
        // A locked key is in order, as long as no password is given.
        Err(error) if error.code() == Code::KeyEncrypted => {
            let finding = error.into_finding();
            vec![Code::KeyEncrypted.note(finding.what)]
        }
        Err(error) => vec![error.into_finding()],
    };
    InspectedItem { findings, ..InspectedItem::new(Content::PrivateKey(view)) }
}

/// A SubjectPublicKeyInfo; nothing, when it is something else.
pub(super) fn public_item(der: &[u8]) -> Option<InspectedItem> {
    use x509_parser::prelude::{FromDer as _, SubjectPublicKeyInfo};
    match SubjectPublicKeyInfo::from_der(der) {
        Ok(([], _)) => Some(InspectedItem::new(Content::PublicKey(PublicKeyView {
            algorithm: PublicKeyKind::of_spki(der).name(),
            public_key_sha256: hex::lower(&sha256(der)),
        }))),
        _ => None,
    }
}
