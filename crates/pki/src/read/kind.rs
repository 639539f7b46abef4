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
        ([Tag::Integer, Tag::Sequence, ..], [_, second, ..]) => {
            is_content_info(*second).then_some(StructureKind::Pkcs12)
        }
        (tags, _) if tags.iter().all(|tag| *tag == Tag::Integer) => match tags.len() {
            // Six integers are DSA's traditional key, nine RSA's (PKCS #1).
            6 => Some(StructureKind::DsaKey),
            9 => Some(StructureKind::Pkcs1),
            _ => None,
        },
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
        for bytes in [&b""[..], b"hello", &[0x30, 0], &[0x30, 3, 2, 1, 0]] {
            assert_eq!(StructureKind::of(bytes), StructureKind::Other);
        }
    }
}
