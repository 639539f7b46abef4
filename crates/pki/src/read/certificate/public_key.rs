//! The kind of the public key in a SubjectPublicKeyInfo.

use x509_parser::asn1_rs::FromDer as _;
use x509_parser::asn1_rs::{Any, Oid, Tag};
use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_DSA, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_NIST_EC_P521,
    OID_PKCS1_RSAENCRYPTION, OID_PKCS1_RSASSAPSS, OID_SIG_ED448, OID_SIG_ED25519,
};
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::asn1::oid;
use crate::key::form;

/// The algorithm of a public key, with its size.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublicKeyKind {
    /// RSA with a modulus of so many bits.
    Rsa(usize),
    /// RSA that only signs with PSS (RFC 4055), with a modulus of so many bits.
    RsaPss(usize),
    /// An elliptic curve by the name that we and OpenSSL's documentation use (`p256`), and its bits.
    Ec(&'static str, usize),
    /// An elliptic curve that is not one of NIST's: its object identifier.
    OtherEc(String),
    /// Ed25519.
    Ed25519,
    /// Ed448.
    Ed448,
    /// DSA.
    Dsa,
    /// Something else: its object identifier.
    Other(String),
}

impl PublicKeyKind {
    /// Reads the kind from a SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7).
    pub fn of_spki(der: &[u8]) -> Self {
        match SubjectPublicKeyInfo::from_der(der) {
            Ok((_, spki)) => Self::of_parsed(&spki),
            Err(_) => PublicKeyKind::Other("unreadable".to_owned()),
        }
    }

    pub(super) fn of_parsed(spki: &SubjectPublicKeyInfo<'_>) -> Self {
        let algorithm = &spki.algorithm.algorithm;
        if *algorithm == OID_PKCS1_RSAENCRYPTION {
            PublicKeyKind::Rsa(rsa_bits(spki))
        } else if *algorithm == OID_PKCS1_RSASSAPSS {
            PublicKeyKind::RsaPss(rsa_bits(spki))
        } else if *algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY {
            curve(spki)
        } else if *algorithm == OID_SIG_ED25519 {
            PublicKeyKind::Ed25519
        } else if *algorithm == OID_SIG_ED448 {
            PublicKeyKind::Ed448
        } else if *algorithm == OID_KEY_TYPE_DSA {
            PublicKeyKind::Dsa
        } else {
            PublicKeyKind::Other(oid::text(algorithm.as_bytes()))
        }
    }

    /// The name in reports: ours where we make such keys (`ec-p256`, `rsa-2048`), else one of the same form.
    pub fn name(&self) -> String {
        match self {
            PublicKeyKind::Rsa(bits) => format!("rsa-{bits}"),
            PublicKeyKind::RsaPss(bits) => format!("rsa-pss-{bits}"),
            PublicKeyKind::Ec(curve, _) => format!("ec-{curve}"),
            PublicKeyKind::OtherEc(curve) => format!("ec ({curve})"),
            PublicKeyKind::Ed25519 => "ed25519".to_owned(),
            PublicKeyKind::Ed448 => "ed448".to_owned(),
            PublicKeyKind::Dsa => "dsa".to_owned(),
            PublicKeyKind::Other(id) => id.clone(),
        }
    }

    /// True if current TLS libraries refuse keys of this size: RSA below 2,048 bits, curves below 256, all DSA.
    pub fn is_weak(&self) -> bool {
        match self {
            PublicKeyKind::Rsa(bits) | PublicKeyKind::RsaPss(bits) => *bits < 2048,
            PublicKeyKind::Ec(_, bits) => *bits < 256,
            PublicKeyKind::Dsa => true,
            _ => false,
        }
    }
}

/// The reason for which readers refuse the key of a SubjectPublicKeyInfo: its encoding, or numbers that are no key.
pub(super) fn form_fault(der: &[u8]) -> Option<String> {
    let Ok((_, spki)) = SubjectPublicKeyInfo::from_der(der) else {
        return Some("the public key cannot be read".to_owned());
    };
    if spki.subject_public_key.unused_bits != 0 {
        return Some("the public key is not a whole number of octets".to_owned());
    }
    let bits = &spki.subject_public_key.data;
    let parameters = spki.algorithm.parameters.as_ref();
    match PublicKeyKind::of_parsed(&spki) {
        PublicKeyKind::Rsa(_) if !parameters.is_some_and(|parameters| parameters.tag() == Tag::Null) => {
            Some("the algorithm of the RSA key lacks its NULL parameters, without which Go does not read it".to_owned())
        }
        PublicKeyKind::RsaPss(_) if parameters.is_some_and(|parameters| parameters.tag() != Tag::Sequence) => {
            Some("the parameters of the RSA-PSS key are not those of RFC 4055, and OpenSSL does not read it".to_owned())
        }
        PublicKeyKind::Rsa(_) | PublicKeyKind::RsaPss(_) => form::rsa_fault(bits),
        PublicKeyKind::Ec(curve, _) => form::nist_point_fault(curve, bits),
        PublicKeyKind::Ed25519 if parameters.is_some() => {
            Some("the algorithm of the Ed25519 key has parameters, which RFC 8410 forbids".to_owned())
        }
        PublicKeyKind::Ed25519 => form::ed25519_fault(bits),
        PublicKeyKind::Ed448 if parameters.is_some() => {
            Some("the algorithm of the Ed448 key has parameters, which RFC 8410 forbids".to_owned())
        }
        // RFC 8032, section 5.2.5.
        PublicKeyKind::Ed448 if bits.len() != 57 => {
            Some(format!("the Ed448 key has {} octets; it must have 57", bits.len()))
        }
        _ => None,
    }
}

/// The bits of the modulus, 0 when there is none to be read.
fn rsa_bits(spki: &SubjectPublicKeyInfo<'_>) -> usize {
    // Parsed here and not by `spki.parsed()`, which does not take PSS keys and rounds sizes up to octets.
    // 0 bits count as weak, so that no unreadable key passes.
    let Ok((_, sequence)) = Any::from_der(&spki.subject_public_key.data) else { return 0 };
    let Ok((_, modulus)) = Any::from_der(sequence.data) else { return 0 };
    if sequence.tag() != Tag::Sequence || modulus.tag() != Tag::Integer {
        return 0;
    }
    form::bits_of(modulus.data)
}

fn curve(spki: &SubjectPublicKeyInfo<'_>) -> PublicKeyKind {
    const CURVES: &[(Oid<'static>, &str, usize)] =
        &[(OID_EC_P256, "p256", 256), (OID_NIST_EC_P384, "p384", 384), (OID_NIST_EC_P521, "p521", 521)];
    let parameters = spki.algorithm.parameters.as_ref();
    let Some(id) = parameters.filter(|parameters| parameters.tag() == Tag::Oid) else {
        return PublicKeyKind::OtherEc("explicit parameters".to_owned());
    };
    match CURVES.iter().find(|(curve, _, _)| curve.as_bytes() == id.data) {
        Some((_, name, bits)) => PublicKeyKind::Ec(name, *bits),
        None => match oid::text(id.data).as_str() {
            // Curves that the parser has no constants for. No CA of ours uses them, but reports name them.
            "1.2.840.10045.3.1.1" => PublicKeyKind::Ec("p192", 192),
            "1.3.132.0.33" => PublicKeyKind::Ec("p224", 224),
            "1.3.132.0.10" => PublicKeyKind::Ec("secp256k1", 256),
            other => PublicKeyKind::OtherEc(other.to_owned()),
        },
    }
}
