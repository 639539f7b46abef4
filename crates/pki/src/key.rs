//! Private and public keys: made, imported, written, signing.

mod export;
mod fault;
pub(crate) mod form;
mod import;
mod pkcs8;
mod public;
mod signing;
mod value;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_SHA256, RsaKeyPair,
};
use base::{Code, Result};
use zeroize::Zeroizing;

pub use export::{KeyFormat, PBKDF2_ROUNDS};
pub use public::PublicKey;
pub(crate) use public::{curve_of_oid, oid_of_curve, rsa_of_modulus};
pub use signing::SigningKey;
pub use value::is_same_key;

use crate::algorithm::Algorithm;

/// A private key of one of the [`Algorithm`]s, ready to sign.
///
/// The encoded form is PKCS#8 version 1 (RFC 5208), for elliptic curves with the public key inside: every
/// reader that matters takes it, which is not true of version 2 (OpenSSL 3.0 refuses it for Ed25519) nor of
/// EC keys without their public half (several Rust and Java readers want it).
pub struct PrivateKey {
    pkcs8: Zeroizing<Vec<u8>>,
    public: PublicKey,
    signer: Signer,
}

enum Signer {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(Box<RsaKeyPair>),
}

impl PrivateKey {
    /// Makes a new key from the operating system's random numbers.
    ///
    /// # Errors
    /// Only where the system cannot give random numbers.
    pub fn generate(algorithm: Algorithm) -> Result<Self> {
        let failed = |_: Unspecified| Code::Internal.error("the system gave no random numbers for a key");
        let rsa = |size| RsaKeyPair::generate(size).map(Box::new).map(Signer::Rsa).map_err(failed);
        let signer = match algorithm {
            Algorithm::EcP256 => {
                Signer::Ecdsa(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(failed)?)
            }
            Algorithm::EcP384 => {
                Signer::Ecdsa(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).map_err(failed)?)
            }
            Algorithm::Ed25519 => Signer::Ed25519(Ed25519KeyPair::generate().map_err(failed)?),
            Algorithm::Rsa2048 => rsa(KeySize::Rsa2048)?,
            Algorithm::Rsa3072 => rsa(KeySize::Rsa3072)?,
            Algorithm::Rsa4096 => rsa(KeySize::Rsa4096)?,
        };
        Self::from_signer(signer, algorithm)
    }

    fn from_signer(signer: Signer, algorithm: Algorithm) -> Result<Self> {
        let unwritable = |_: Unspecified| Code::Internal.error("a key cannot be encoded as PKCS#8");
        let (pkcs8, bits) = match &signer {
            Signer::Ecdsa(pair) => {
                (pkcs8::of_ecdsa(algorithm, pair).map_err(unwritable)?, pair.public_key().as_ref().to_vec())
            }
            Signer::Ed25519(pair) => (
                Zeroizing::new(pair.to_pkcs8v1().map_err(unwritable)?.as_ref().to_vec()),
                pair.public_key().as_ref().to_vec(),
            ),
            Signer::Rsa(pair) => {
                let der = AsDer::<Pkcs8V1Der<'_>>::as_der(pair.as_ref()).map_err(unwritable)?;
                (Zeroizing::new(der.as_ref().to_vec()), pair.public_key().as_ref().to_vec())
            }
        };
        Ok(Self { pkcs8, public: PublicKey::new(algorithm, bits), signer })
    }

    /// The kind of the key.
    pub fn algorithm(&self) -> Algorithm {
        self.public.algorithm()
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7) of the public half.
    pub fn spki_der(&self) -> &[u8] {
        self.public.spki_der()
    }

    /// PKCS#8 version 1 in DER, not encrypted, without a copy.
    pub fn pkcs8_der(&self) -> &[u8] {
        &self.pkcs8
    }

    /// PKCS#8 version 1 in DER, not encrypted.
    pub fn to_pkcs8_der(&self) -> Zeroizing<Vec<u8>> {
        self.pkcs8.clone()
    }

    /// Signs `message` with the hash that belongs to the algorithm; the result is the content of an X.509
    /// signature field.
    ///
    /// # Errors
    /// Only where the system cannot give random numbers.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        let failed = |_: Unspecified| Code::Internal.error("the key did not sign");
        Ok(match &self.signer {
            Signer::Ecdsa(pair) => pair.sign(&SystemRandom::new(), message).map_err(failed)?.as_ref().to_vec(),
            Signer::Ed25519(pair) => pair.try_sign(message).map_err(failed)?.as_ref().to_vec(),
            Signer::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                // PKCS #1 v1.5 and not PSS: every verifier of certificates in the field knows it, and many embedded
                // ones know only it.
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).map_err(failed)?;
                signature
            }
        })
    }

    /// Fails with [`Code::KeyMismatch`] unless this key is the one whose public half `spki_der` holds.
    pub fn check_belongs_to(&self, spki_der: &[u8]) -> Result<()> {
        SigningKey::check_belongs_to(self, spki_der)
    }
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PrivateKey({}, ..)", self.algorithm())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Secret;

    #[test]
    fn every_algorithm_signs_and_reads_back() {
        for algorithm in Algorithm::ALL {
            let key = PrivateKey::generate(*algorithm).unwrap();
            assert_eq!(key.algorithm(), *algorithm);
            assert!(!key.sign(b"message").unwrap().is_empty());

            let again = PrivateKey::from_pkcs8_der(&key.to_pkcs8_der()).unwrap();
            assert_eq!(again.spki_der(), key.spki_der());
            assert_eq!(again.to_pkcs8_der(), key.to_pkcs8_der());
        }
    }

    #[test]
    fn every_format_reads_back() {
        let passphrase = Secret::from("a passphrase");
        for algorithm in [Algorithm::EcP256, Algorithm::EcP384, Algorithm::Ed25519, Algorithm::Rsa2048] {
            let key = PrivateKey::generate(algorithm).unwrap();
            for format in [KeyFormat::Pkcs8, KeyFormat::Traditional] {
                let pem = key.to_pem(format).unwrap();
                let again = PrivateKey::from_pem_or_der(pem.as_bytes(), None).unwrap();
                assert_eq!(again.spki_der(), key.spki_der(), "{algorithm} {format:?}");
            }
            // Few rounds, because the test is about the form and not about the cost.
            let encrypted = key.to_encrypted_pem(&passphrase, 1000).unwrap();
            assert!(encrypted.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
            let again = PrivateKey::from_pem_or_der(encrypted.as_bytes(), Some(&passphrase)).unwrap();
            assert_eq!(again.spki_der(), key.spki_der());
        }
    }

    #[test]
    fn the_error_of_an_encrypted_key_names_the_missing_passphrase() {
        let key = PrivateKey::generate(Algorithm::EcP256).unwrap();
        let pem = key.to_encrypted_pem(&Secret::from("right"), 1000).unwrap();
        assert_eq!(PrivateKey::from_pem_or_der(pem.as_bytes(), None).unwrap_err().code(), Code::KeyEncrypted);
        let wrong = Secret::from("wrong");
        assert_eq!(
            PrivateKey::from_pem_or_der(pem.as_bytes(), Some(&wrong)).unwrap_err().code(),
            Code::WrongPassphrase
        );
    }

    #[test]
    fn a_foreign_key_is_told_apart() {
        let key = PrivateKey::generate(Algorithm::EcP256).unwrap();
        let other = PrivateKey::generate(Algorithm::EcP256).unwrap();
        assert!(key.check_belongs_to(key.spki_der()).is_ok());
        assert_eq!(key.check_belongs_to(other.spki_der()).unwrap_err().code(), Code::KeyMismatch);
    }

    #[test]
    fn debug_shows_no_key() {
        let key = PrivateKey::generate(Algorithm::EcP256).unwrap();
        assert_eq!(format!("{key:?}"), "PrivateKey(ec-p256, ..)");
    }
}
