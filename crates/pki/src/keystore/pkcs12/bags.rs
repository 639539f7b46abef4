//! The bags of a PKCS#12 file: keys, certificates and secrets with their names.
//!
//! ```text
//! SafeContents ::= SEQUENCE OF SafeBag     -- RFC 7292, section 4.2
//! SafeBag ::= SEQUENCE { bagId OID, bagValue [0], bagAttributes SET OPTIONAL }
//! ```

use der::asn1::{AnyRef, BmpString, ObjectIdentifier};
use der::{Encode, Tag};
use zeroize::Zeroizing;

use crate::asn1::element::{self, CONTEXT_0};

const KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.1");
const SHROUDED_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.2");
const CERTIFICATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.3");
const SECRET: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.5");
const SAFE_CONTENTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.6");
const X509: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.22.1");
const FRIENDLY_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.20");
const LOCAL_KEY_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.21");
/// The attribute by which Java marks what it trusts, and its value for every purpose.
const TRUSTED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.113894.746875.1.1");
const ANY_PURPOSE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");

/// The depth to which bags can hold bags.
const MAX_DEPTH: usize = 4;

/// A bag with its name. CRLs and certificates other than X.509 are left out: no reader of keystores uses them.
pub(super) struct Bag {
    pub(super) content: BagContent,
    pub(super) name: Option<String>,
    /// The id that a key shares with its leaf.
    pub(super) key_id: Option<Vec<u8>>,
    /// True if Java's mark of a trusted certificate is there.
    pub(super) trusted: bool,
}

pub(super) enum BagContent {
    /// PKCS#8.
    Key(Zeroizing<Vec<u8>>),
    /// An EncryptedPrivateKeyInfo.
    ShroudedKey(Vec<u8>),
    /// An X.509 certificate.
    Certificate(Vec<u8>),
    /// A symmetric key or a text.
    Secret,
}

/// The bags of SafeContents in DER.
pub(super) fn read(contents: &[u8]) -> der::Result<Vec<Bag>> {
    let mut bags = Vec::new();
    read_into(contents, 0, &mut bags)?;
    Ok(bags)
}

fn read_into(contents: &[u8], depth: usize, bags: &mut Vec<Bag>) -> der::Result<()> {
    for bag in element::elements(element::only(contents, Tag::Sequence)?)? {
        let parts = element::elements(element::content(bag, Tag::Sequence)?)?;
        let [id, value, attributes @ ..] = parts.as_slice() else {
            return Err(Tag::Sequence.length_error().into());
        };
        let value = element::content(*value, CONTEXT_0)?;
        let content = match id.decode_as::<ObjectIdentifier>()? {
            KEY => BagContent::Key(value.to_vec().into()),
            SHROUDED_KEY => BagContent::ShroudedKey(value.to_vec()),
            CERTIFICATE => match read_certificate(value)? {
                Some(der) => BagContent::Certificate(der),
                // CRL bags and SDSI certificates: no reader of keystores uses them.
                None => continue,
            },
            SECRET => BagContent::Secret,
            SAFE_CONTENTS if depth < MAX_DEPTH => {
                // Nested SafeContents are legal (RFC 7292, section 4.2.6). The depth is limited because the recursion
                // follows the input.
                read_into(value, depth + 1, bags)?;
                continue;
            }
            // An unknown bag must not stop the others from being read.
            _ => continue,
        };
        let mut bag = Bag { content, name: None, key_id: None, trusted: false };
        if let Some(attributes) = attributes.first() {
            for attribute in element::elements(element::content(*attributes, Tag::Set)?)? {
                bag.take(attribute)?;
            }
        }
        bags.push(bag);
    }
    Ok(())
}

/// `CertBag ::= SEQUENCE { certId OID, certValue [0] OCTET STRING }` (RFC 7292, section 4.2.3); none if it is not X.509.
fn read_certificate(value: &[u8]) -> der::Result<Option<Vec<u8>>> {
    match element::elements(element::only(value, Tag::Sequence)?)?.as_slice() {
        [kind, value] if kind.decode_as::<ObjectIdentifier>()? == X509 => {
            Ok(Some(element::only(element::content(*value, CONTEXT_0)?, Tag::OctetString)?.to_vec()))
        }
        _ => Ok(None),
    }
}

impl Bag {
    /// `Attribute ::= SEQUENCE { type OID, values SET }`, of which the first value counts.
    fn take(&mut self, attribute: AnyRef<'_>) -> der::Result<()> {
        let parts = element::elements(element::content(attribute, Tag::Sequence)?)?;
        let [kind, values] = parts.as_slice() else { return Err(Tag::Sequence.length_error().into()) };
        let kind = kind.decode_as::<ObjectIdentifier>()?;
        let values = element::elements(element::content(*values, Tag::Set)?)?;
        let Some(value) = values.first() else { return Ok(()) };
        match kind {
            // A name or an id of the wrong type counts as none: the key or the certificate can still be used.
            FRIENDLY_NAME => self.name = value.decode_as::<BmpString>().ok().map(|name| name.to_string()),
            LOCAL_KEY_ID => self.key_id = element::content(*value, Tag::OctetString).ok().map(<[u8]>::to_vec),
            // Java's attribute can name single purposes. Only the value for every purpose makes an entry trusted in
            // Java.
            TRUSTED_KEY_USAGE => self.trusted = value.to_der()? == ANY_PURPOSE.to_der()?,
            _ => {}
        }
        Ok(())
    }
}
