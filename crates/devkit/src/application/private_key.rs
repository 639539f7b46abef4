//! Private keys in DER among other bytes: PKCS#8 (RFC 5958), SEC 1 (RFC 5915), PKCS#1 (RFC 8017, A.1.2), and the form in
//! which OpenSSL writes those of DSA.

use memchr::memchr_iter;

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;

/// The curve and the public key in SEC 1.
const CURVE: u8 = 0xA0;
const PUBLIC_KEY: u8 = 0xA1;

/// id-ecPublicKey (RFC 5480).
const EC: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01];
/// The arc of rsaEncryption (1) and id-RSASSA-PSS (10).
const PKCS1: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01];
/// id-dsa (RFC 3279, 2.3.2).
const DSA: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x38, 0x04, 0x01];
/// The arc of X25519, X448, Ed25519 and Ed448 (RFC 8410).
const EDWARDS: &[u8] = &[0x2B, 0x65];

/// The shortest modulus of RSA or DSA that is taken for one, in bytes.
const MIN_MODULUS: usize = 64;

/// True if `bytes` contain an unencrypted private key in DER.
pub(super) fn is_in(bytes: &[u8]) -> bool {
    memchr_iter(SEQUENCE, bytes).any(|at| bytes.get(at..).is_some_and(|der| secret(der).is_some()))
}

/// The secret number of the private key in DER at the beginning of `der`: the scalar of a curve, or the private exponent
/// of RSA or DSA.
pub(crate) fn secret(der: &[u8]) -> Option<&[u8]> {
    let (content, _) = element(der, SEQUENCE)?;
    sec1(content).or_else(|| pkcs8(content)).or_else(|| pkcs1(content)).or_else(|| dsa(content))
}

fn pkcs8(content: &[u8]) -> Option<&[u8]> {
    let (version, rest) = element(content, INTEGER)?;
    let (algorithm, rest) = element(rest, SEQUENCE)?;
    let (oid, _) = element(algorithm, OID)?;
    let (key, _) = element(rest, OCTET_STRING)?;
    match (version, oid.split_last()?) {
        ([0 | 1], _) if oid == EC => sec1(element(key, SEQUENCE)?.0),
        ([0 | 1], _) if oid == DSA => element(key, INTEGER).map(|(number, _)| number).filter(|number| is_dsa(number)),
        ([0 | 1], (1 | 10, PKCS1)) => pkcs1(element(key, SEQUENCE)?.0),
        ([0 | 1], (0x6E..=0x71, EDWARDS)) => element(key, OCTET_STRING)
            .filter(|(scalar, rest)| matches!(scalar.len(), 32 | 56 | 57) && rest.is_empty() && is_random(scalar))
            .map(|(scalar, _)| scalar),
        _ => None,
    }
}

fn sec1(content: &[u8]) -> Option<&[u8]> {
    let (version, rest) = element(content, INTEGER)?;
    let (scalar, rest) = element(rest, OCTET_STRING)?;
    let rest = match element(rest, CURVE) {
        // The name of the curve, or its parameters.
        Some((curve, rest)) => element(curve, OID).or_else(|| element(curve, SEQUENCE)).map(|_| rest)?,
        None => rest,
    };
    let rest = match element(rest, PUBLIC_KEY) {
        Some((public, rest)) => element(public, BIT_STRING).map(|_| rest)?,
        None => rest,
    };
    // From the shortest curve that any library has, secp160, to P-521.
    let is_key = version == [1] && (20..=66).contains(&scalar.len()) && rest.is_empty() && is_random(scalar);
    is_key.then_some(scalar)
}

fn pkcs1(content: &[u8]) -> Option<&[u8]> {
    let (version, rest) = element(content, INTEGER)?;
    let (modulus, rest) = element(rest, INTEGER)?;
    let (_, rest) = element(rest, INTEGER)?;
    let (exponent, mut rest) = element(rest, INTEGER)?;
    // Two primes, two exponents and a coefficient.
    for _ in 0..5 {
        (_, rest) = element(rest, INTEGER)?;
    }
    // Version 1 has more than two primes, and a sequence of the others.
    let is_end = match version {
        [0] => rest.is_empty(),
        [1] => element(rest, SEQUENCE).is_some_and(|(others, rest)| !others.is_empty() && rest.is_empty()),
        _ => false,
    };
    let is_key = is_end && modulus.len() >= MIN_MODULUS && exponent.len() >= MIN_MODULUS / 2;
    is_key.then_some(exponent)
}

/// Version 0, the primes p and q, the generator, the public and the private number.
fn dsa(content: &[u8]) -> Option<&[u8]> {
    let (version, rest) = element(content, INTEGER)?;
    let (modulus, rest) = element(rest, INTEGER)?;
    let (order, rest) = element(rest, INTEGER)?;
    let (_, rest) = element(rest, INTEGER)?;
    let (_, rest) = element(rest, INTEGER)?;
    let (number, rest) = element(rest, INTEGER)?;
    let is_key = version == [0] && modulus.len() >= MIN_MODULUS && is_dsa_length(order) && rest.is_empty();
    (is_key && is_dsa(number)).then_some(number)
}

/// True for a private number of DSA.
fn is_dsa(number: &[u8]) -> bool {
    is_dsa_length(number) && is_random(number)
}

/// True for the length of a number modulo the order, which has 160 to 256 bits (FIPS 186-4, 4.2).
fn is_dsa_length(number: &[u8]) -> bool {
    (18..=33).contains(&number.len())
}

/// True if the bytes can be a random number. Programs that encode keys contain the bytes before the scalar, too, and after
/// them zeros, text or addresses, which repeat more bytes than random numbers do.
fn is_random(bytes: &[u8]) -> bool {
    let mut seen = [false; 256];
    bytes.iter().for_each(|byte| {
        if let Some(seen) = seen.get_mut(usize::from(*byte)) {
            *seen = true;
        }
    });
    // Of 32 random bytes 30 are different on average, and fewer than 22 once in 10^8 numbers.
    seen.iter().filter(|seen| **seen).count() * 3 >= bytes.len() * 2
}

/// The content of a DER element with this tag at the beginning of `bytes`, and the bytes after it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (length, rest) = match bytes.strip_prefix(&[tag])? {
        [length @ 0..=0x7F, rest @ ..] | [0x81, length @ 0x80..=0xFF, rest @ ..] => (usize::from(*length), rest),
        [0x82, high @ 1..=0xFF, low, rest @ ..] => (usize::from(u16::from_be_bytes([*high, *low])), rest),
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use aws_lc_rs::encoding::{AsDer, EcPrivateKeyRfc5915Der, Pkcs8V1Der};
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair,
        Ed25519KeyPair,
    };

    /// A private key in each form, and its name.
    pub(crate) fn keys() -> Vec<(String, Vec<u8>)> {
        let mut keys = Vec::new();
        for algorithm in
            [&ECDSA_P256_SHA256_ASN1_SIGNING, &ECDSA_P384_SHA384_ASN1_SIGNING, &ECDSA_P521_SHA512_ASN1_SIGNING]
        {
            let key = EcdsaKeyPair::generate(algorithm).unwrap();
            let pkcs8 = key.to_pkcs8v1().unwrap();
            keys.push((format!("{algorithm:?} in PKCS#8"), pkcs8.as_ref().to_vec()));
            let sec1: EcPrivateKeyRfc5915Der<'_> = key.private_key().as_der().unwrap();
            keys.push((format!("{algorithm:?} in SEC 1"), sec1.as_ref().to_vec()));
        }
        let scalar = secret(&keys[0].1).unwrap().to_vec();
        keys.push(("SEC 1 without curve".to_owned(), [&[0x30, 37, 2, 1, 1, 4, 32][..], &scalar].concat()));
        let rsa = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).unwrap();
        let pkcs8: Pkcs8V1Der<'_> = rsa.as_der().unwrap();
        // Version, algorithm and the header of the octet string come before PKCS#1.
        let pkcs1 = pkcs8.as_ref()[26..].to_vec();
        keys.push(("RSA in PKCS#8".to_owned(), pkcs8.as_ref().to_vec()));
        keys.push(("RSA in PKCS#1".to_owned(), pkcs1));
        let ed25519 = Ed25519KeyPair::generate().unwrap();
        keys.push(("Ed25519 in PKCS#8".to_owned(), ed25519.to_pkcs8v1().unwrap().as_ref().to_vec()));
        keys.push(("Ed25519 in PKCS#8, version 2".to_owned(), ed25519.to_pkcs8().unwrap().as_ref().to_vec()));
        keys
    }

    /// An element with a tag and a length below 65,536.
    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        match length {
            [0, low @ 0..=0x7F] => [&[tag, low][..], content].concat(),
            [0, low] => [&[tag, 0x81, low][..], content].concat(),
            [high, low] => [&[tag, 0x82, high, low][..], content].concat(),
        }
    }

    #[test]
    fn rare_forms_are_found() {
        let (_, key) = keys().remove(0);
        let scalar = secret(&key).unwrap().to_vec();
        let number = |length: usize| der(INTEGER, &vec![0x55; length]);
        let numbers = |count: usize| number(64).repeat(count);
        let explicit = der(CURVE, &der(SEQUENCE, &[&[2, 1, 1][..], &number(32)].concat()));
        let sec1 = der(SEQUENCE, &[&[2, 1, 1][..], &der(OCTET_STRING, &scalar), &explicit].concat());
        let primes = der(SEQUENCE, &der(SEQUENCE, &numbers(3)));
        let three = der(SEQUENCE, &[&[2, 1, 1][..], &numbers(8), &primes].concat());
        let dsa = [&[2, 1, 0][..], &number(128), &number(20), &number(128), &number(128), &der(INTEGER, &scalar[..20])];
        let traditional = der(SEQUENCE, &dsa.concat());
        let algorithm = der(SEQUENCE, &[der(OID, DSA), der(SEQUENCE, &numbers(3))].concat());
        let private = der(OCTET_STRING, &der(INTEGER, &scalar[..20]));
        let pkcs8 = der(SEQUENCE, &[&[2, 1, 0][..], &algorithm, &private].concat());
        for (name, key) in [("explicit", sec1), ("three primes", three), ("DSA", traditional), ("DSA in PKCS#8", pkcs8)]
        {
            assert!(is_in(&[b"code ", key.as_slice(), b" code"].concat()), "{name}");
            assert!(!is_in(&key[..key.len() - 1]), "{name}");
        }
    }

    #[test]
    fn every_form_of_a_key_is_found_and_a_part_of_it_is_not() {
        for (name, key) in keys() {
            assert!(is_in(&[b"code 0\x300", key.as_slice(), b"\xFFmore"].concat()), "{name}");
            // Cut off, with another version, and with another length.
            assert!(!is_in(&key[..key.len() - 1]), "{name}");
            let version = key.windows(2).position(|bytes| bytes == [2, 1]).unwrap() + 2;
            let mut other = key.clone();
            other[version] = 7;
            // The traditional form inside stays a key.
            assert_eq!(is_in(&other), name.contains("PKCS#8") && !name.contains("Ed25519"), "{name}");
        }
    }

    #[test]
    fn a_program_that_encodes_keys_contains_none() {
        let (_, key) = keys().remove(0);
        let prefix = &key[..36];
        for after in [&[0; 200][..], &[0xFF; 200], &b"assertion failed: the key has no public part ".repeat(5)] {
            assert!(!is_in(&[prefix, after].concat()));
            assert!(!is_in(&[&[0x30, 37, 2, 1, 1, 4, 32][..], after].concat()));
            let ed25519 = [0x30, 0x2E, 2, 1, 0, 0x30, 5, 6, 3, 0x2B, 0x65, 0x70, 4, 0x22, 4, 0x20];
            assert!(!is_in(&[&ed25519[..], after].concat()));
        }
    }

    #[test]
    fn headers_within_headers_take_linear_time() {
        let bytes = [0x30, 0x82, 0x7F, 0xFF, 2, 1, 0, 2].repeat(1 << 18);
        assert!(!is_in(&bytes));
        assert!(!is_in(&vec![0x30; 2 << 20]));
    }
}
