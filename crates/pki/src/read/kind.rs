//! The kind of a structure in DER or BER, told by its shape alone.

use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Tag, Tagged};

use crate::asn1::{ber, element};

/// A kind of structure. A right shape does not mean that the content is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StructureKind {
    /// RFC 5280, section 4.1.
    Certificate,
    /// RFC 2986, section 4.
    Request,
    /// RFC 5280, section 5.1.
    RevocationList,
    /// A private key of any algorithm (RFC 5958).
    Pkcs8,
    /// An elliptic curve key (RFC 5915).
    Sec1,
    /// An RSA key (RFC 8017, appendix A.1.2).
    Pkcs1,
    /// A DSA key in OpenSSL's own structure.
    DsaKey,
    /// RFC 5958, section 3.
    EncryptedKey,
    /// RFC 5280, section 4.1.2.7.
    PublicKey,
    /// An RSA public key alone (RFC 8017, appendix A.1.1).
    RsaPublicKey,
    /// Parameters of an elliptic curve (SEC 1, appendix C.2), of DSA (RFC 3279, section 2.3.2), or of Diffie-Hellman
    /// (PKCS#3).
    KeyParameters,
    /// A sequence of certificates (ITU-T X.509, section 9.7), as Java writes a path.
    PkiPath,
    /// A request for a time stamp (RFC 3161, section 2.4.1).
    TimeStampRequest,
    /// RFC 2315 and RFC 5652.
    Pkcs7,
    /// RFC 7292, section 4.
    Pkcs12,
    /// Another one, or damage.
    Other,
}

impl StructureKind {
    /// The kind of the one element in `bytes`.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        // BER too, because PKCS #7 and #12 come in it.
        ber::to_der(bytes).and_then(|der| of_der(&der)).unwrap_or(Self::Other)
    }

    /// The name in messages.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Certificate => "a certificate",
            Self::Request => "a certificate signing request",
            Self::RevocationList => "a certificate revocation list",
            Self::Pkcs8 | Self::Sec1 | Self::Pkcs1 => "a private key",
            Self::DsaKey => "a DSA key",
            Self::EncryptedKey => "an encrypted private key",
            Self::PublicKey => "a public key",
            Self::RsaPublicKey => "an RSA public key",
            Self::KeyParameters => "parameters of keys",
            Self::PkiPath => "a PkiPath, a sequence of certificates",
            Self::TimeStampRequest => "a time-stamp request",
            Self::Pkcs7 => "PKCS#7",
            Self::Pkcs12 => "a PKCS#12 keystore",
            Self::Other => "something else",
        }
    }
}

fn of_der(der: &[u8]) -> Option<StructureKind> {
    let parts = element::elements(element::only(der, Tag::Sequence).ok()?).ok()?;
    let tags: Vec<Tag> = parts.iter().map(Tagged::tag).collect();
    match (tags.as_slice(), parts.as_slice()) {
        ([Tag::ObjectIdentifier, Tag::ContextSpecific { .. }], _) => Some(StructureKind::Pkcs7),
        ([Tag::Sequence, Tag::OctetString], _) => Some(StructureKind::EncryptedKey),
        ([Tag::Sequence, Tag::BitString], _) => Some(StructureKind::PublicKey),
        ([Tag::Sequence, Tag::Sequence, Tag::BitString], [signed, ..]) => of_signed(*signed),
        // Sec1 before PKCS #8: both begin with a version, and the second element tells them apart.
        ([Tag::Integer, Tag::OctetString, ..], _) => Some(StructureKind::Sec1),
        ([Tag::Integer, Tag::Sequence, Tag::OctetString, ..], _) => Some(StructureKind::Pkcs8),
        // A field, a curve and a point, before PKCS #12: a field begins with its kind, as a content does.
        ([Tag::Integer, Tag::Sequence, Tag::Sequence, Tag::OctetString, Tag::Integer, ..], _) => {
            Some(StructureKind::KeyParameters)
        }
        ([Tag::Integer, Tag::Sequence, ..], [_, second, ..]) => {
            if is_content_info(*second) {
                return Some(StructureKind::Pkcs12);
            }
            is_message_imprint(*second).then_some(StructureKind::TimeStampRequest)
        }
        (tags, parts) if !tags.is_empty() && tags.iter().all(|tag| *tag == Tag::Integer) => match tags.len() {
            // The exponent of RSA is odd, and is 3 or at least 17 in all that is written; generators of groups are 2 or 5.
            2 if matches!(parts.last().map(|last| last.value()), Some([2 | 5])) => Some(StructureKind::KeyParameters),
            2 => Some(StructureKind::RsaPublicKey),
            3 => Some(StructureKind::KeyParameters),
            // Six integers are DSA's traditional key, nine RSA's (PKCS #1).
            6 => Some(StructureKind::DsaKey),
            9 => Some(StructureKind::Pkcs1),
            _ => None,
        },
        (tags, parts) if !tags.is_empty() && tags.iter().all(|tag| *tag == Tag::Sequence) => {
            parts.iter().all(|part| is_certificate(*part)).then_some(StructureKind::PkiPath)
        }
        _ => None,
    }
}

/// A certificate, a request or a revocation list, by what is signed.
fn of_signed(signed: AnyRef<'_>) -> Option<StructureKind> {
    let parts = element::elements(element::content(signed, Tag::Sequence).ok()?).ok()?;
    let tags: Vec<Tag> = parts.iter().map(Tagged::tag).collect();
    let times = |tag: &Tag| matches!(tag, Tag::UtcTime | Tag::GeneralizedTime);
    // A version 1 certificate and some revocation lists have no version in front.
    match tags.as_slice() {
        [Tag::Integer, Tag::Sequence, Tag::Sequence, rest @ ..] => match rest {
            [Tag::ContextSpecific { .. }] => Some(StructureKind::Request),
            [time, ..] if times(time) => Some(StructureKind::RevocationList),
            [Tag::Sequence, ..] => Some(StructureKind::Certificate),
            _ => None,
        },
        [Tag::Sequence, Tag::Sequence, time, ..] if times(time) => Some(StructureKind::RevocationList),
        [Tag::ContextSpecific { .. }, Tag::Integer, ..] => Some(StructureKind::Certificate),
        _ => None,
    }
}

fn is_certificate(element: AnyRef<'_>) -> bool {
    let parts = element::content(element, Tag::Sequence).and_then(element::elements).unwrap_or_default();
    match parts.as_slice() {
        [signed, _, signature] if signature.tag() == Tag::BitString => {
            of_signed(*signed) == Some(StructureKind::Certificate)
        }
        _ => false,
    }
}

/// A hash with its algorithm (RFC 3161, section 2.4.1).
fn is_message_imprint(element: AnyRef<'_>) -> bool {
    let parts = element::content(element, Tag::Sequence).and_then(element::elements).unwrap_or_default();
    let tags: Vec<Tag> = parts.iter().map(Tagged::tag).collect();
    tags == [Tag::Sequence, Tag::OctetString]
}

fn is_content_info(element: AnyRef<'_>) -> bool {
    let Some(parts) = element::content(element, Tag::Sequence).ok().and_then(|content| element::elements(content).ok())
    else {
        return false;
    };
    parts.first().is_some_and(|kind| kind.decode_as::<ObjectIdentifier>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::certificate::testing;

    #[test]
    fn each_kind_has_its_shape() {
        let root = testing::root("Root");
        let leaf = root.issue(&testing::leaf("device-1"));
        assert_eq!(StructureKind::of(root.certificate.der()), StructureKind::Certificate);
        assert_eq!(StructureKind::of(&testing::greedy_request(&leaf.key, &[])), StructureKind::Request);
        assert_eq!(StructureKind::of(testing::crl(&root, &[&leaf.certificate]).der()), StructureKind::RevocationList);
        assert_eq!(StructureKind::of(&leaf.key.serialize_der()), StructureKind::Pkcs8);
        assert_eq!(StructureKind::of(leaf.certificate.spki_der()), StructureKind::PublicKey);
        assert_eq!(
            // In BER, with indefinite lengths.
            StructureKind::of(&[0x30, 0x80, 2, 1, 3, 0x30, 0x80, 6, 1, 0x2a, 0, 0, 0, 0]),
            StructureKind::Pkcs12
        );
        assert_eq!(StructureKind::of(&[0x30, 0x80, 6, 1, 0x2a, 0xa0, 0x80, 0, 0, 0, 0]), StructureKind::Pkcs7);
        let path = crate::asn1::tlv::tlv(0x30, &[root.certificate.der(), leaf.certificate.der()].concat());
        assert_eq!(StructureKind::of(&path), StructureKind::PkiPath);
        for (der, kind) in [
            // A modulus and 65537; a prime and 2; p, q and g.
            (&[0x30, 8, 2, 1, 15, 2, 3, 1, 0, 1][..], StructureKind::RsaPublicKey),
            (&[0x30, 6, 2, 1, 23, 2, 1, 2], StructureKind::KeyParameters),
            (&[0x30, 9, 2, 1, 23, 2, 1, 11, 2, 1, 2], StructureKind::KeyParameters),
            // Version, field, curve, point, order.
            (
                &[0x30, 20, 2, 1, 1, 0x30, 6, 6, 1, 0x2a, 2, 1, 7, 0x30, 0, 4, 2, 4, 1, 2, 1, 5],
                StructureKind::KeyParameters,
            ),
            (&[0x30, 12, 2, 1, 1, 0x30, 7, 0x30, 3, 6, 1, 0x2a, 4, 0], StructureKind::TimeStampRequest),
        ] {
            assert_eq!(StructureKind::of(der), kind, "{der:02x?}");
        }
        for bytes in [&b""[..], b"hello", &[0x30, 0], &[0x30, 3, 2, 1, 0]] {
            assert_eq!(StructureKind::of(bytes), StructureKind::Other);
        }
    }
}
