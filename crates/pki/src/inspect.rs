//! What a file holds, whatever it is: the engine behind `tbpki inspect`.
//!
//! The content decides, not the file's name. Private keys show their algorithm and the hash of their public half, never
//! themselves.

use base::{Code, Finding, Result};
use time::OffsetDateTime;

use crate::keystore::Format;
use crate::read::certificate::Certificate;
use crate::read::crl::Crl;
use crate::read::pem_bundle::{Block, KeyBlock, blocks, first_element, looks_like_pem};

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

pub use item::{Content, Item};
pub use passwords::Passwords;
pub use view::{
    CertificateView, KeyView, KeystoreView, PublicKeyView, RequestView, RevocationListView, RevokedView, TokenKeyView,
};

/// Shows what is in a file: PEM blocks in any mix, one certificate, request, revocation list or key in DER, PKCS#12 or
/// JKS, or the PKCS#11 URI of a key in a token. `now` is the moment for which dates are judged.
///
/// What cannot be read inside of a file that can is an item of its own, with the finding that says why.
///
/// # Errors
/// [`Code::CertificateUnreadable`] for what is none of these, [`Code::Pkcs11Uri`] for a URI that cannot be, the errors of [`keystore::list`](crate::keystore::list)
/// for keystores, those of damaged PEM blocks.
pub fn inspect(bytes: &[u8], passwords: &Passwords, now: OffsetDateTime) -> Result<Vec<Item>> {
    let mut items = if Format::detect(bytes).is_some() {
        keystore::items(bytes, passwords, now)?
    } else if bytes.first() == Some(&0x30) {
        vec![of_der(bytes, passwords, now)?]
    } else if looks_like_pem(bytes) || bytes.starts_with(&[0xff, 0xfe]) {
        blocks(bytes)?.iter().map(|block| of_block(block, passwords, now)).collect()
    } else if let Some(item) = token_key::item(bytes) {
        vec![item?]
    } else {
        return Err(unknown());
    };
    match_keys(&mut items);
    Ok(items)
}

fn unknown() -> base::Error {
    Code::CertificateUnreadable
        .error("this is no certificate, key, request, revocation list or keystore")
        .fix("read are PEM, DER, PKCS#12 and JKS, and PKCS#11 URIs")
}

fn of_der(der: &[u8], passwords: &Passwords, now: OffsetDateTime) -> Result<Item> {
    let refusal = match Certificate::from_der(der) {
        Ok(certificate) => return Ok(certificate::item(&certificate, now)),
        Err(error) => error,
    };
    if let Ok(crl) = Crl::from_der(der) {
        return Ok(revocation_list::item(&crl, now));
    }
    if let Ok(item) = request::item(der) {
        return Ok(item);
    }
    if let Some(item) = key::public_item(der) {
        return Ok(item);
    }
    key::der_item(der, passwords).ok_or_else(|| unknown().because(refusal))
}

fn of_block(block: &Block, passwords: &Passwords, now: OffsetDateTime) -> Item {
    let line = block.line;
    let item = match block.label.as_str() {
        "CERTIFICATE" | "X509 CERTIFICATE" => certificate::der_item(&block.der, now),
        "TRUSTED CERTIFICATE" => certificate::der_item(first_element(&block.der), now),
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => request::item(&block.der),
        "X509 CRL" => Crl::from_der(&block.der).map(|crl| revocation_list::item(&crl, now)),
        "PUBLIC KEY" => Ok(key::public_item(&block.der)).and_then(|item| item.ok_or_else(unknown)),
        label if label.ends_with("PRIVATE KEY") => Ok(key::item(&KeyBlock::from(block.clone()), passwords)),
        _ => Ok(Item::new(Content::Other { label: block.label.clone() })),
    };
    let unreadable = |finding: Finding| Item {
        findings: vec![finding],
        ..Item::new(Content::Unreadable { label: block.label.clone() })
    };
    let mut item = item.unwrap_or_else(|error| unreadable(error.into_finding()));
    item.line = Some(line);
    item
}

/// Tells each key and request to which certificate of the same file it belongs.
fn match_keys(items: &mut [Item]) {
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
