//! The form of public keys that every reader takes: uncompressed points of their curve (RFC 5480, section 2.2), and RSA
//! numbers that can be those of a key.
//!
//! OpenSSL reads compressed and hybrid points. Java, Go and Mbed TLS do not: a certificate with such a point cannot be
//! parsed there.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ECDSA_P521_SHA512_ASN1, ParsedPublicKey,
    RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, VerificationAlgorithm,
};

use crate::algorithm::Algorithm;

/// The way out of each fault.
pub(crate) const WAY_OUT: &str = "write an EC key in its uncompressed form with `openssl ec -conv_form uncompressed -in OLD -out NEW`, or make a new \
     key; then make the request or the certificate again";

/// The fault of the content of a subjectPublicKey field of one of our algorithms. `has_verified` is true if a signature was
/// verified with the key: its point is on the curve then.
pub(crate) fn fault(algorithm: Algorithm, bits: &[u8], has_verified: bool) -> Option<String> {
    match algorithm {
        Algorithm::EcP256 if has_verified => form_fault(bits, 32),
        Algorithm::EcP384 if has_verified => form_fault(bits, 48),
        Algorithm::EcP256 => point_fault(bits, 32, &ECDSA_P256_SHA256_ASN1),
        Algorithm::EcP384 => point_fault(bits, 48, &ECDSA_P384_SHA384_ASN1),
        Algorithm::Ed25519 => ed25519_fault(bits),
        Algorithm::Rsa2048 | Algorithm::Rsa3072 | Algorithm::Rsa4096 => rsa_fault(bits),
    }
}

/// The fault of a point of one of NIST's curves that TLS uses; none for other curves.
pub(crate) fn nist_point_fault(curve: &str, bits: &[u8]) -> Option<String> {
    match curve {
        "p256" => point_fault(bits, 32, &ECDSA_P256_SHA256_ASN1),
        "p384" => point_fault(bits, 48, &ECDSA_P384_SHA384_ASN1),
        // 521 bits take 66 octets.
        "p521" => point_fault(bits, 66, &ECDSA_P521_SHA512_ASN1),
        _ => None,
    }
}

/// The fault of an Ed25519 key (RFC 8410, section 4).
pub(crate) fn ed25519_fault(bits: &[u8]) -> Option<String> {
    (bits.len() != 32).then(|| format!("the Ed25519 key has {} octets and not 32", bits.len()))
}

/// The largest RSA key that Java and OpenSSL use.
const MAX_RSA_BITS: usize = 16_384;

/// The fault of an RSAPublicKey (RFC 8017, appendix A.1.1).
pub(crate) fn rsa_fault(bits: &[u8]) -> Option<String> {
    let Ok(key) = <pkcs1::RsaPublicKeyRef<'_> as der::Decode>::from_der(bits) else {
        return Some("the RSA key cannot be read".to_owned());
    };
    let is_odd = |octets: &[u8]| octets.last().is_some_and(|last| last & 1 == 1);
    let size = bits_of(key.modulus.as_bytes());
    if size > MAX_RSA_BITS {
        return Some(format!("the RSA key has {size} bits, and Java reads at most {MAX_RSA_BITS}"));
    }
    if !is_odd(key.modulus.as_bytes()) {
        return Some("the modulus of the RSA key is even".to_owned());
    }
    if !is_odd(key.public_exponent.as_bytes()) || bits_of(key.public_exponent.as_bytes()) < 2 {
        return Some("the exponent of the RSA key is even, or 1".to_owned());
    }
    // aws-lc reads no other sizes, and would refuse them here for the wrong reason.
    let is_checked = (1024..=8192).contains(&size);
    let is_refused = is_checked && ParsedPublicKey::new(&RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, bits).is_err();
    is_refused.then(|| "the RSA key has an exponent that TLS libraries refuse".to_owned())
}

/// The bits of a number in big-endian octets.
pub(crate) fn bits_of(number: &[u8]) -> usize {
    let mut octets = number.iter().skip_while(|octet| **octet == 0);
    octets.next().map_or(0, |first| 8 - first.leading_zeros() as usize + 8 * octets.count())
}

fn point_fault(bits: &[u8], size: usize, algorithm: &'static dyn VerificationAlgorithm) -> Option<String> {
    let is_off = || ParsedPublicKey::new(algorithm, bits).is_err();
    form_fault(bits, size).or_else(|| is_off().then(|| "the EC key is not a point of its curve".to_owned()))
}

/// The fault of the form of a point, wherever it is.
fn form_fault(bits: &[u8], size: usize) -> Option<String> {
    let reader = "which Java and Go cannot read";
    match bits.first() {
        Some(2 | 3) => Some(format!("the EC key is written as a compressed point, {reader}")),
        Some(6 | 7) => Some(format!("the EC key is written as a hybrid point, {reader}")),
        Some(4) if bits.len() == 1 + 2 * size => None,
        _ => Some("the EC key is not written as a point".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use testkit::der::element;

    use super::*;

    #[test]
    fn java_reads_rsa_keys_up_to_16384_bits() {
        // Odd, and with the highest bit of so many octets.
        let key = |octets: usize, first: u8| {
            let mut modulus = vec![first];
            modulus.resize(octets, 1);
            if first & 0x80 != 0 {
                modulus.insert(0, 0);
            }
            element(0x30, &[element(2, &modulus), element(2, &[1, 0, 1])].concat())
        };
        assert_eq!(rsa_fault(&key(2048, 0x80)), None);
        assert_eq!(
            rsa_fault(&key(2049, 1)),
            Some("the RSA key has 16385 bits, and Java reads at most 16384".to_owned())
        );
    }
}
