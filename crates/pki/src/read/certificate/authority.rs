//! The authority key identifier of certificates and of revocation lists (RFC 5280, sections 4.2.1.1 and 5.2.1).

use x509_parser::extensions::{AuthorityKeyIdentifier, GeneralName as Parsed};

use super::name;

/// The parts of an authority key identifier, each of which can be missing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Authority {
    /// The identifier of the key.
    pub(crate) key_id: Option<Vec<u8>>,
    /// The issuer of the certificate of that key, as a Name in DER.
    issuer: Option<Vec<u8>>,
    /// The serial number of the certificate of that key.
    serial: Option<Vec<u8>>,
}

/// The parts of a certificate that an authority key identifier names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SignerParts<'a> {
    /// The subject key identifier.
    pub(crate) key_id: Option<&'a [u8]>,
    /// The content octets of the serial number.
    pub(crate) serial: &'a [u8],
    /// The Name of its issuer in DER.
    pub(crate) issuer: &'a [u8],
}

/// The part of an authority key identifier that names another certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contradiction {
    KeyId,
    Serial,
    Issuer,
}

impl Authority {
    pub(crate) fn from_parsed(parsed: &AuthorityKeyIdentifier<'_>) -> Self {
        // Old tools name the certificate of the issuer, in place of its key identifier or together with it.
        let issuer = parsed.authority_cert_issuer.iter().flatten().find_map(|name| match name {
            Parsed::DirectoryName(name) => Some(name.as_raw().to_vec()),
            _ => None,
        });
        Self {
            key_id: parsed.key_identifier.as_ref().map(|id| id.0.to_vec()),
            issuer,
            serial: parsed.authority_cert_serial.map(<[u8]>::to_vec),
        }
    }

    /// The first part that does not name `signer`, if there is one.
    pub(crate) fn contradiction(&self, signer: SignerParts<'_>) -> Option<Contradiction> {
        // A part that one of the two leaves out is no contradiction.
        let differs = |own: &Option<Vec<u8>>, other: Option<&[u8]>| {
            own.as_deref().zip(other).is_some_and(|(own, other)| own != other)
        };
        if differs(&self.key_id, signer.key_id) {
            return Some(Contradiction::KeyId);
        }
        if differs(&self.serial, Some(signer.serial)) {
            return Some(Contradiction::Serial);
        }
        let is_other = |issuer: &Vec<u8>| !name::equal(issuer, signer.issuer);
        self.issuer.as_ref().is_some_and(is_other).then_some(Contradiction::Issuer)
    }
}
