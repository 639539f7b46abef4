//! The fields of an X.509 certificate that a device looks at (RFC 5280, section 4.1).

use alloc::vec::Vec;

use super::der::{CONTEXT_0, CONTEXT_3, INTEGER, OBJECT_IDENTIFIER, SEQUENCE, Values, seconds};

/// The object identifier of the extension subjectAltName, 2.5.29.17.
const ALTERNATIVE_NAMES: [u8; 3] = [0x55, 0x1D, 0x11];

/// A certificate in DER. Its signature is not verified here: it comes from a service that TLS has verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Certificate<'a> {
    /// All of its bytes.
    pub(super) der: &'a [u8],
    pub(super) issuer: &'a [u8],
    pub(super) subject: &'a [u8],
    /// The first and the last second in which it is valid, since 1970.
    pub(super) not_before: u64,
    pub(super) not_after: u64,
    /// The `SubjectPublicKeyInfo` in DER.
    pub(super) public_key: &'a [u8],
    /// The extension with the alternative names in DER, whole.
    pub(super) alternative_names: Option<&'a [u8]>,
}

impl<'a> Certificate<'a> {
    /// Reads a certificate, `None` if it is none.
    pub(super) fn read(der: &'a [u8]) -> Option<Self> {
        let mut fields = Values::new(Values::only(der, SEQUENCE)?.expect(SEQUENCE)?.contents);
        // The version is left out by version 1, which has no extensions either.
        if fields.peek()? == CONTEXT_0 {
            fields.next()?;
        }
        let _serial = fields.expect(INTEGER)?;
        let _algorithm = fields.expect(SEQUENCE)?;
        let issuer = fields.expect(SEQUENCE)?.whole;
        let mut validity = Values::new(fields.expect(SEQUENCE)?.contents);
        let (not_before, not_after) = (seconds(validity.next()?)?, seconds(validity.next()?)?);
        let subject = fields.expect(SEQUENCE)?.whole;
        let public_key = fields.expect(SEQUENCE)?.whole;
        // The unique identifiers of version 2 lie between.
        let alternative_names = match fields.find(|field| field.tag == CONTEXT_3) {
            Some(extensions) => alternative_names(extensions.contents)?,
            None => None,
        };
        Some(Self { der, issuer, subject, not_before, not_after, public_key, alternative_names })
    }

    /// True if the certificate names itself as its issuer, as trust anchors do.
    pub(super) fn is_self_issued(&self) -> bool {
        self.issuer == self.subject
    }
}

/// The extension with the alternative names among extensions. The outer `None` is for what cannot be read.
fn alternative_names(extensions: &[u8]) -> Option<Option<&[u8]>> {
    for extension in Values::only(extensions, SEQUENCE)? {
        let identifier = Values::new(extension.contents).expect(OBJECT_IDENTIFIER)?;
        if identifier.contents == ALTERNATIVE_NAMES {
            return Some(Some(extension.whole));
        }
    }
    Some(None)
}

/// The first certificate of a chain in PEM, with or without a NUL, in DER.
pub(super) fn leaf_der(chain: &str) -> Option<Vec<u8>> {
    const END: &str = "-----END CERTIFICATE-----";
    let begin = chain.find("-----BEGIN CERTIFICATE-----")?;
    let leaf = chain.get(begin..)?;
    let leaf = leaf.get(..leaf.find(END)? + END.len())?;
    let (_, der) = pem_rfc7468::decode_vec(leaf.as_bytes()).ok()?;
    Some(der)
}

/// The first and the last second in which the first certificate of a chain in PEM is valid, since 1970; `None` if there is
/// none.
pub fn leaf_dates(chain: &str) -> Option<(u64, u64)> {
    let der = leaf_der(chain)?;
    let leaf = Certificate::read(&der)?;
    Some((leaf.not_before, leaf.not_after))
}
