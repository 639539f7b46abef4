//! Public keys compared by their value: two encodings of one key are the same key.

use x509_parser::asn1_rs::{Any, FromDer as _, Tag};
use x509_parser::oid_registry::{OID_KEY_TYPE_EC_PUBLIC_KEY, OID_PKCS1_RSAENCRYPTION, OID_PKCS1_RSASSAPSS};
use x509_parser::x509::SubjectPublicKeyInfo;

/// True if two SubjectPublicKeyInfos (RFC 5280, section 4.1.2.7) hold the same public key.
///
/// The form of a curve's point (compressed, hybrid or uncompressed; SEC 1, section 2.3.3) and the parameters of an RSA
/// algorithm do not count.
pub fn is_same_key(one: &[u8], other: &[u8]) -> bool {
    if one == other {
        return true;
    }
    let (Ok((_, one)), Ok((_, other))) = (SubjectPublicKeyInfo::from_der(one), SubjectPublicKeyInfo::from_der(other))
    else {
        return false;
    };
    match (KeyValue::of(&one), KeyValue::of(&other)) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    }
}

/// The numbers of a public key.
#[derive(PartialEq, Eq)]
enum KeyValue<'a> {
    /// The curve, the x coordinate, and the lowest bit of y. The curve's equation gives the rest of y.
    Ec { curve: &'a [u8], x: &'a [u8], is_odd: bool },
    /// Modulus and exponent, without leading zeros.
    Rsa { modulus: &'a [u8], exponent: &'a [u8] },
}

impl<'a> KeyValue<'a> {
    /// The value of a key whose encoding is not unique; none for other kinds, and for a key that cannot be read.
    fn of(spki: &'a SubjectPublicKeyInfo<'a>) -> Option<Self> {
        let algorithm = &spki.algorithm.algorithm;
        let bits = spki.subject_public_key.data.as_ref();
        if *algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY {
            let curve = spki.algorithm.parameters.as_ref().filter(|parameters| parameters.tag() == Tag::Oid)?.data;
            return match bits.split_first()? {
                (form @ (2 | 3), x) => Some(KeyValue::Ec { curve, x, is_odd: form & 1 == 1 }),
                (4 | 6 | 7, point) => {
                    let (x, y) = point.split_at_checked(point.len() / 2).filter(|(x, y)| x.len() == y.len())?;
                    Some(KeyValue::Ec { curve, x, is_odd: y.last()? & 1 == 1 })
                }
                _ => None,
            };
        }
        // A key for PSS alone has the same numbers, so that it is the same key (RFC 4055).
        if *algorithm == OID_PKCS1_RSAENCRYPTION || *algorithm == OID_PKCS1_RSASSAPSS {
            let (_, sequence) = Any::from_der(bits).ok()?;
            let (rest, modulus) = Any::from_der(sequence.data).ok()?;
            let (_, exponent) = Any::from_der(rest).ok()?;
            return Some(KeyValue::Rsa { modulus: significant(modulus.data), exponent: significant(exponent.data) });
        }
        None
    }
}

fn significant(octets: &[u8]) -> &[u8] {
    let zeros = octets.iter().take_while(|octet| **octet == 0).count();
    octets.get(zeros..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algorithm::Algorithm;
    use crate::asn1::tlv::{BIT_STRING, SEQUENCE, tlv};
    use crate::key::PrivateKey;

    /// The SPKI of a P-256 key with its point in another form.
    fn with_form(spki: &[u8], hybrid: bool) -> Vec<u8> {
        let point = &spki[spki.len() - 64..];
        let odd = point[63] & 1;
        let mut bits = vec![0, if hybrid { 6 | odd } else { 2 | odd }];
        bits.extend_from_slice(if hybrid { point } else { &point[..32] });
        tlv(SEQUENCE, &[&spki[2..23], &tlv(BIT_STRING, &bits)].concat())
    }

    #[test]
    fn every_form_of_a_point_is_the_same_key() {
        // Often enough to meet an even and an odd y, nearly always.
        for _ in 0..8 {
            let [key, other] = [(); 2].map(|()| PrivateKey::generate(Algorithm::EcP256).unwrap());
            for hybrid in [false, true] {
                let again = with_form(key.spki_der(), hybrid);
                assert!(is_same_key(key.spki_der(), &again) && is_same_key(&again, key.spki_der()));
                assert!(!is_same_key(other.spki_der(), &again));
                key.check_belongs_to(&again).unwrap();
            }
            assert!(is_same_key(&with_form(key.spki_der(), false), &with_form(key.spki_der(), true)));
        }
    }

    #[test]
    fn the_negative_of_a_point_is_another_key() {
        let key = PrivateKey::generate(Algorithm::EcP256).unwrap();
        let mut negative = with_form(key.spki_der(), false);
        let at = negative.len() - 33;
        // The other y of the same x.
        negative[at] ^= 1;
        assert!(!is_same_key(key.spki_der(), &negative));
    }

    #[test]
    fn rsa_without_parameters_is_the_same_key() {
        let key = PrivateKey::generate(Algorithm::Rsa2048).unwrap();
        let spki = key.spki_der();
        // 30 82 xx xx, 30 0d 06 09 (oid) 05 00, then the bit string.
        let bare = tlv(SEQUENCE, &[&tlv(SEQUENCE, &spki[6..17])[..], &spki[19..]].concat());
        assert!(is_same_key(spki, &bare));
        key.check_belongs_to(&bare).unwrap();
        assert!(!is_same_key(PrivateKey::generate(Algorithm::Rsa2048).unwrap().spki_der(), &bare));
    }

    #[test]
    fn unreadable_keys_are_equal_to_their_copies_only() {
        assert!(is_same_key(b"x", b"x"));
        assert!(!is_same_key(b"x", b"y"));
        assert!(!is_same_key(b"\x30\x00", b"\x30\x01"));
    }
}
