//! The hash functions of password-based encryption, by their identifiers.

use der::asn1::ObjectIdentifier;

use super::known::Unsupported;

/// A hash function (FIPS 180-4), alone or in HMAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HashFunction {
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
    Sha512t224,
    Sha512t256,
}

impl HashFunction {
    /// The function that this identifier names alone.
    ///
    /// # Errors
    /// A digest that is not read, or PBMAC1 (RFC 9579).
    pub(crate) fn of_digest(id: &ObjectIdentifier) -> Result<Self, Unsupported> {
        Ok(match id.to_string().as_str() {
            "1.3.14.3.2.26" => Self::Sha1,
            "2.16.840.1.101.3.4.2.4" => Self::Sha224,
            "2.16.840.1.101.3.4.2.1" => Self::Sha256,
            "2.16.840.1.101.3.4.2.2" => Self::Sha384,
            "2.16.840.1.101.3.4.2.3" => Self::Sha512,
            "2.16.840.1.101.3.4.2.5" => Self::Sha512t224,
            "2.16.840.1.101.3.4.2.6" => Self::Sha512t256,
            _ => return Err(Unsupported::algorithm(id)),
        })
    }

    /// The function that this identifier names in HMAC (RFC 8018, appendix B.1).
    ///
    /// # Errors
    /// One that is not read.
    pub(super) fn of_hmac(id: &ObjectIdentifier) -> Result<Self, Unsupported> {
        Ok(match id.to_string().as_str() {
            "1.2.840.113549.2.7" => Self::Sha1,
            "1.2.840.113549.2.8" => Self::Sha224,
            "1.2.840.113549.2.9" => Self::Sha256,
            "1.2.840.113549.2.10" => Self::Sha384,
            "1.2.840.113549.2.11" => Self::Sha512,
            "1.2.840.113549.2.12" => Self::Sha512t224,
            "1.2.840.113549.2.13" => Self::Sha512t256,
            _ => return Err(Unsupported::algorithm(id)),
        })
    }
}
