//! Public keys and signatures: from the form of PKCS#11 to that of certificates.

use base::{Code, Error, Result};
use der::asn1::{ObjectIdentifier, OctetStringRef, UintRef};
use der::{Decode, Encode, Sequence};

use crate::algorithm::Algorithm;
use crate::key::PublicKey;

/// An EC public key from CKA_EC_PARAMS and CKA_EC_POINT (PKCS#11 v2.40, section 2.3.3).
pub(super) fn ec_public(params: &[u8], point: &[u8]) -> Result<PublicKey> {
    let curve =
        ObjectIdentifier::from_der(params).map_err(|error| unfit("its curve has no name").with_source(error))?;
    let algorithm = crate::key::curve_of_oid(&curve)?;
    // The standard wants a DER OCTET STRING; some tokens hand out what is in it.
    let inner = <&OctetStringRef>::from_der(point).map(|octets| octets.as_bytes().to_vec());
    let bits = inner.ok().filter(|inner| is_point(inner, algorithm)).unwrap_or_else(|| point.to_vec());
    if !is_point(&bits, algorithm) {
        return Err(unfit("its public half is no uncompressed point of its curve"));
    }
    Ok(PublicKey::new(algorithm, bits))
}

/// An RSA public key from CKA_MODULUS and CKA_PUBLIC_EXPONENT, both big-endian.
pub(super) fn rsa_public(modulus: &[u8], exponent: &[u8]) -> Result<PublicKey> {
    let number =
        |octets| UintRef::new(octets).map_err(|error| unfit("its public half is not readable").with_source(error));
    let algorithm = crate::key::rsa_of_modulus(modulus)?;
    let public = pkcs1::RsaPublicKeyRef { modulus: number(modulus)?, public_exponent: number(exponent)? };
    let bits = public.to_der().map_err(|error| unfit("its public half is not readable").with_source(error))?;
    Ok(PublicKey::new(algorithm, bits))
}

/// CKA_EC_PARAMS for a curve: its object identifier in DER.
pub(super) fn ec_params(algorithm: Algorithm) -> Option<Vec<u8>> {
    crate::key::oid_of_curve(algorithm).and_then(|oid| oid.to_der().ok())
}

/// An ECDSA signature as certificates carry it (RFC 3279, section 2.2.3), from the r and s that tokens put side by side.
pub(super) fn ecdsa_signature(raw: &[u8], algorithm: Algorithm) -> Result<Vec<u8>> {
    let size = coordinate(algorithm).unwrap_or_default();
    // Without `size > 0` an empty signature would pass as two equal halves.
    let halves = raw.split_at_checked(size).filter(|(r, s)| size > 0 && r.len() == s.len());
    let (r, s) = halves.ok_or_else(|| {
        Code::Pkcs11Failed.error(format!("the token gave a signature of {} octets, not {}", raw.len(), 2 * size))
    })?;
    let unreadable = |_| Code::Pkcs11Failed.error("the token gave a signature that is none");
    // An INTEGER has no leading zeros (X.690, section 8.3.2), which the halves of fixed size may have.
    let signature = EcdsaSignature { r: UintRef::new(r).map_err(unreadable)?, s: UintRef::new(s).map_err(unreadable)? };
    signature.to_der().map_err(unreadable)
}

#[derive(Sequence)]
struct EcdsaSignature<'a> {
    r: UintRef<'a>,
    s: UintRef<'a>,
}

fn is_point(bits: &[u8], algorithm: Algorithm) -> bool {
    // 4 marks an uncompressed point (SEC 1, section 2.3.3).
    coordinate(algorithm).is_some_and(|size| bits.len() == 1 + 2 * size && bits.first() == Some(&4))
}

/// The octets of a coordinate, and of each half of a signature.
fn coordinate(algorithm: Algorithm) -> Option<usize> {
    match algorithm {
        Algorithm::EcP256 => Some(32),
        Algorithm::EcP384 => Some(48),
        _ => None,
    }
}

fn unfit(why: &str) -> Error {
    Code::Pkcs11KeyUnfit.error("the public half of the key in the token cannot be used").because(why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::PrivateKey;

    #[test]
    fn points_are_taken_in_both_forms() {
        for algorithm in [Algorithm::EcP256, Algorithm::EcP384] {
            let key = PrivateKey::generate(algorithm).unwrap();
            let size = 1 + 2 * coordinate(algorithm).unwrap();
            let point = &key.spki_der()[key.spki_der().len() - size..];
            let wrapped = OctetStringRef::new(point).unwrap().to_der().unwrap();
            let params = ec_params(algorithm).unwrap();
            for form in [point, &wrapped] {
                assert_eq!(ec_public(&params, form).unwrap().spki_der(), key.spki_der());
            }
            for damaged in [&point[1..], &point[..size - 1], &[4; 10], &[]] {
                assert_eq!(ec_public(&params, damaged).unwrap_err().code(), Code::Pkcs11KeyUnfit);
            }
        }
        assert_eq!(ec_public(&[5, 0], &[4; 65]).unwrap_err().code(), Code::Pkcs11KeyUnfit);
    }

    #[test]
    fn rsa_keys_are_put_together_whatever_zeros_stand_before_them() {
        let key = PrivateKey::generate(Algorithm::Rsa2048).unwrap();
        // 270 octets: the RSAPublicKey of a modulus of 2,048 bits and the exponent 65,537.
        let bits = &key.spki_der()[key.spki_der().len() - 270..];
        let public = pkcs1::RsaPublicKeyRef::try_from(bits).unwrap();
        let padded = [&[0], public.modulus.as_bytes()].concat();
        for modulus in [public.modulus.as_bytes(), &padded] {
            assert_eq!(rsa_public(modulus, &[1, 0, 1]).unwrap().spki_der(), key.spki_der());
        }
        assert_eq!(rsa_public(&[0xff; 128], &[1, 0, 1]).unwrap_err().code(), Code::WeakKey);
    }

    #[test]
    fn signatures_lose_their_zeros_and_get_the_one_that_keeps_them_positive() {
        let mut raw = [0_u8; 64];
        // r is 1 with 31 zeros in front, and s begins with its highest bit.
        raw[31] = 1;
        raw[32] = 0x80;
        let der = ecdsa_signature(&raw, Algorithm::EcP256).unwrap();
        assert_eq!(der[..7], [0x30, 38, 2, 1, 1, 2, 33]);
        assert_eq!(der[7..9], [0, 0x80]);
        for length in [0, 63, 65, 96] {
            let error = ecdsa_signature(&vec![1; length], Algorithm::EcP256).unwrap_err();
            assert_eq!(error.code(), Code::Pkcs11Failed);
        }
    }
}
