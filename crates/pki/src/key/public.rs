//! The public half of a key, as certificates carry it.

use base::{Code, Error, Result, digest};
use der::Decode;
use der::asn1::{BitStringRef, ObjectIdentifier};
use pkcs8::AlgorithmIdentifierRef;
use rcgen::{PublicKeyData, SignatureAlgorithm};
use sha1::{Digest, Sha1};

use super::fault::{explicit_curve, unreadable};
use super::form;
use super::value::is_same_key;
use crate::algorithm::Algorithm;
use crate::asn1::tlv::{BIT_STRING, SEQUENCE, length_of, push_header};

pub(super) const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
pub(super) const SECP256R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
pub(super) const SECP384R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
pub(super) const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
pub(super) const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// A public key of one of the [`Algorithm`]s.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    algorithm: Algorithm,
    bits: Vec<u8>,
    spki: Vec<u8>,
}

impl PublicKey {
    /// From the content of the subjectPublicKey field, which the caller knows to fit the algorithm.
    pub(crate) fn new(algorithm: Algorithm, bits: Vec<u8>) -> Self {
        let spki = spki(algorithm, &bits);
        Self { algorithm, bits, spki }
    }

    /// Reads a SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7). An RSA algorithm without its NULL parameters gets them.
    ///
    /// # Errors
    /// [`Code::WeakKey`] for RSA below 2,048 bits, [`Code::UnknownAlgorithm`] for what is none of ours,
    /// [`Code::PublicKeyForm`] for a point that is compressed or not on its curve, [`Code::KeyUnreadable`] for anything
    /// else.
    pub fn from_spki_der(der: &[u8]) -> Result<Self> {
        Self::read(der, false)
    }

    /// As [`Self::from_spki_der`], for a key with which a signature was verified.
    pub(crate) fn from_verified_spki_der(der: &[u8]) -> Result<Self> {
        Self::read(der, true)
    }

    fn read(der: &[u8], has_verified: bool) -> Result<Self> {
        let malformed = |_: der::Error| unreadable("the public key is malformed");
        let spki = pkcs8::spki::SubjectPublicKeyInfo::<der::asn1::AnyRef<'_>, BitStringRef<'_>>::from_der(der)
            .map_err(malformed)?;
        let bits = spki.subject_public_key.as_bytes().ok_or_else(|| unreadable("the public key is malformed"))?;
        let algorithm = algorithm_of(&spki.algorithm, bits)?;
        if let Some(fault) = form::fault(algorithm, bits, has_verified) {
            return Err(Code::PublicKeyForm.error(fault).fix(form::WAY_OUT));
        }
        let key = Self::new(algorithm, bits.to_vec());
        // RFC 3279 wants NULL as the parameters of RSA, and some old tools leave it out; both are the same key.
        let lacks_null = spki.algorithm.oid == RSA_ENCRYPTION && spki.algorithm.parameters.is_none();
        if key.spki != der && !lacks_null {
            return Err(unreadable("the public key is not encoded as its standard wants"));
        }
        Ok(key)
    }

    /// The kind of the key.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The SubjectPublicKeyInfo in DER.
    pub fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// The SHA-256 of the SubjectPublicKeyInfo in hexadecimal, by which people tell keys apart.
    pub fn fingerprint_hex(&self) -> String {
        digest::hex(&digest::sha256(&self.spki))
    }

    /// Fails with [`Code::KeyMismatch`] unless this is the key that `spki_der` holds, in whatever form.
    pub fn check_belongs_to(&self, spki_der: &[u8]) -> Result<()> {
        if is_same_key(&self.spki, spki_der) {
            return Ok(());
        }
        Err(Code::KeyMismatch
            .error("the private key does not belong to the certificate")
            .fix("use the key and the certificate that were made together"))
    }

    /// The key identifier for subjectKeyIdentifier and authorityKeyIdentifier: SHA-1 over the public key bits
    /// (RFC 5280, section 4.2.1.2, method 1). It identifies and protects nothing, so SHA-1 does no harm.
    pub fn key_id(&self) -> Vec<u8> {
        Sha1::digest(&self.bits).to_vec()
    }
}

/// SubjectPublicKeyInfo (RFC 5280, section 4.1): the AlgorithmIdentifier, and the bits, of which none is unused.
fn spki(algorithm: Algorithm, bits: &[u8]) -> Vec<u8> {
    let identifier = identifier(algorithm);
    let length = identifier.len() + length_of(1 + bits.len());
    let mut spki = Vec::with_capacity(length_of(length));
    push_header(&mut spki, SEQUENCE, length);
    spki.extend_from_slice(identifier);
    push_header(&mut spki, BIT_STRING, 1 + bits.len());
    // No unused bits.
    spki.push(0);
    spki.extend_from_slice(bits);
    spki
}

/// The AlgorithmIdentifier of a key, complete (RFC 5480, section 2.1.1; RFC 8410, section 3; RFC 3279, section 2.3.1).
pub(super) const fn identifier(algorithm: Algorithm) -> &'static [u8] {
    match algorithm {
        Algorithm::EcP256 => b"\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07",
        Algorithm::EcP384 => b"\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22",
        Algorithm::Ed25519 => b"\x30\x05\x06\x03\x2b\x65\x70",
        Algorithm::Rsa2048 | Algorithm::Rsa3072 | Algorithm::Rsa4096 => {
            b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00"
        }
    }
}

/// The algorithm of ours that an AlgorithmIdentifier with its key bits names.
fn algorithm_of(identifier: &AlgorithmIdentifierRef<'_>, bits: &[u8]) -> Result<Algorithm> {
    if identifier.oid == EC_PUBLIC_KEY {
        return curve_of(identifier);
    }
    if identifier.oid == ED25519 {
        return Ok(Algorithm::Ed25519);
    }
    if identifier.oid == RSA_ENCRYPTION {
        let public = pkcs1::RsaPublicKeyRef::try_from(bits).map_err(|_| unreadable("the RSA key is malformed"))?;
        return rsa_of_modulus(public.modulus.as_bytes());
    }
    Err(unknown(&identifier.oid))
}

/// The curve that an id-ecPublicKey identifier names.
pub(super) fn curve_of(identifier: &AlgorithmIdentifierRef<'_>) -> Result<Algorithm> {
    let curve = identifier.parameters_oid().map_err(|_| match identifier.parameters {
        // The parameters of a whole curve instead of its name: readers refuse them, and an attacker can choose a weak
        // one (CVE-2020-0601).
        Some(parameters) if der::Tagged::tag(&parameters) == der::Tag::Sequence => explicit_curve(),
        _ => unreadable("the elliptic curve key names no curve"),
    })?;
    curve_of_oid(&curve)
}

pub(crate) fn curve_of_oid(curve: &ObjectIdentifier) -> Result<Algorithm> {
    match *curve {
        SECP256R1 => Ok(Algorithm::EcP256),
        SECP384R1 => Ok(Algorithm::EcP384),
        _ => Err(unknown(curve)),
    }
}

/// The object identifier of an algorithm's curve; none for an algorithm without one.
pub(crate) fn oid_of_curve(algorithm: Algorithm) -> Option<ObjectIdentifier> {
    match algorithm {
        Algorithm::EcP256 => Some(SECP256R1),
        Algorithm::EcP384 => Some(SECP384R1),
        _ => None,
    }
}

/// The RSA size of a modulus in big-endian octets. Bits are counted: a modulus of 2,047 bits also has 256 octets.
pub(crate) fn rsa_of_modulus(modulus: &[u8]) -> Result<Algorithm> {
    // Sizes in between are valid keys, but untested with the clients that would use them.
    match form::bits_of(modulus) {
        2048 => Ok(Algorithm::Rsa2048),
        3072 => Ok(Algorithm::Rsa3072),
        4096 => Ok(Algorithm::Rsa4096),
        bits if bits < 2048 => Err(Code::WeakKey
            .error(format!("the RSA key has {bits} bits"))
            .fix("make a key of at least 2,048 bits, or use ec-p256")),
        bits => Err(Code::UnknownAlgorithm
            .error(format!("RSA keys of {bits} bits are not supported"))
            .fix("use 2,048, 3,072 or 4,096 bits")),
    }
}

pub(super) fn unknown(oid: &ObjectIdentifier) -> Error {
    Code::UnknownAlgorithm
        .error(format!("keys of the algorithm or curve {oid} are not supported"))
        .fix("use ec-p256, ec-p384, ed25519 or RSA")
}

impl PublicKeyData for PublicKey {
    fn der_bytes(&self) -> &[u8] {
        &self.bits
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        match self.algorithm {
            Algorithm::EcP256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            Algorithm::EcP384 => &rcgen::PKCS_ECDSA_P384_SHA384,
            Algorithm::Ed25519 => &rcgen::PKCS_ED25519,
            Algorithm::Rsa2048 | Algorithm::Rsa3072 | Algorithm::Rsa4096 => &rcgen::PKCS_RSA_SHA256,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::PrivateKey;

    #[test]
    fn a_public_key_is_written_as_others_write_it() {
        for algorithm in Algorithm::ALL {
            let key = PrivateKey::generate(*algorithm).unwrap();
            assert_eq!(key.public().spki_der(), key.public().subject_public_key_info(), "{algorithm}");
        }
    }

    #[test]
    fn bits_of_a_modulus_are_counted_and_not_its_octets() {
        let modulus = |first: u8, octets: usize| {
            let mut modulus = vec![0xff; octets];
            modulus[0] = first;
            modulus
        };
        assert_eq!(rsa_of_modulus(&modulus(0x80, 256)).unwrap(), Algorithm::Rsa2048);
        assert_eq!(rsa_of_modulus(&[&[0], &modulus(0x80, 384)[..]].concat()).unwrap(), Algorithm::Rsa3072);
        for (first, octets, code, bits) in [
            // One bit short, in as many octets.
            (0x7f, 256, Code::WeakKey, "2047"),
            (0x01, 256, Code::WeakKey, "2041"),
            (0x7f, 384, Code::UnknownAlgorithm, "3071"),
            (0x7f, 512, Code::UnknownAlgorithm, "4095"),
            (0x80, 257, Code::UnknownAlgorithm, "2056"),
        ] {
            let error = rsa_of_modulus(&modulus(first, octets)).unwrap_err();
            assert_eq!(error.code(), code);
            assert!(error.to_string().contains(bits), "{error}");
        }
    }

    #[test]
    fn an_rsa_key_without_parameters_is_read_and_gets_them() {
        let key = PrivateKey::generate(Algorithm::Rsa2048).unwrap();
        let spki = key.spki_der();
        // Without the header of four octets and the NULL of two.
        let length = u16::try_from(spki.len() - 6).unwrap().to_be_bytes();
        let bare = [&[0x30, 0x82, length[0], length[1], 0x30, 0x0b], &spki[6..17], &spki[19..]].concat();
        assert_eq!(PublicKey::from_spki_der(&bare).unwrap().spki_der(), spki);
    }

    #[test]
    fn a_point_in_another_form_or_off_its_curve_is_refused() {
        let key = PrivateKey::generate(Algorithm::EcP256).unwrap();
        let spki = key.spki_der().to_vec();
        let mut hybrid = spki.clone();
        hybrid[26] = 6 | (spki[90] & 1);
        let mut off = spki.clone();
        // The lowest bit of y: the x of the point has no such y.
        off[90] ^= 1;
        let mut compressed = spki[..59].to_vec();
        (compressed[1], compressed[24], compressed[26]) = (0x39, 0x22, 2 | (spki[90] & 1));
        for (bytes, said) in [(hybrid, "hybrid"), (off, "not a point of its curve"), (compressed, "compressed")] {
            let error = PublicKey::from_spki_der(&bytes).unwrap_err();
            assert_eq!(error.code(), Code::PublicKeyForm, "{error}");
            assert!(error.to_string().contains(said), "{error}");
        }
    }
}
