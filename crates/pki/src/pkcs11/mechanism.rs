//! The mechanism with which a token signs for each algorithm.

use aws_lc_rs::digest::{self, SHA256, SHA384};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
    VerificationAlgorithm,
};
use base::{Code, Error, Result};
use cryptoki::error::Result as CryptokiResult;
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::ObjectHandle;
use cryptoki::session::Session;
use rcgen::PublicKeyData;

use super::encoding;
use crate::algorithm::Algorithm;
use crate::key::PublicKey;

/// The input of the token, and the use of its output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// A hash, signed by CKM_ECDSA: what every token with elliptic curves can do.
    EcdsaOfHash(Algorithm),
    /// The message, hashed by the token.
    Ecdsa(Algorithm),
    /// The message, hashed and padded by the token.
    Rsa,
    /// A hash with its name in front of it (RFC 8017, section 9.2), padded by the token.
    RsaOfDigestInfo,
}

/// The DER before a SHA-256 hash in PKCS#1 v1.5 (RFC 8017, section 9.2, note 1).
const SHA256_DIGEST_INFO: [u8; 19] =
    [0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20];

impl Method {
    /// The way in which a token with these mechanisms signs with a key of this algorithm.
    pub(super) fn choose(algorithm: Algorithm, mechanisms: &[MechanismType]) -> Result<Self> {
        let hashed = match algorithm {
            Algorithm::EcP256 => MechanismType::ECDSA_SHA256,
            Algorithm::EcP384 => MechanismType::ECDSA_SHA384,
            Algorithm::Rsa2048 | Algorithm::Rsa3072 | Algorithm::Rsa4096 => MechanismType::SHA256_RSA_PKCS,
            // PKCS#11 3.0 has Ed25519, but tokens encode its keys in different ways.
            Algorithm::Ed25519 => return Err(unsupported(algorithm)),
        };
        let ways = match algorithm.is_rsa() {
            true => [(hashed, Method::Rsa), (MechanismType::RSA_PKCS, Method::RsaOfDigestInfo)],
            // The hash alone is less to carry to the device than the message.
            false => [(MechanismType::ECDSA, Method::EcdsaOfHash(algorithm)), (hashed, Method::Ecdsa(algorithm))],
        };
        ways.into_iter()
            .find(|(mechanism, _)| mechanisms.contains(mechanism))
            .map(|(_, method)| method)
            .ok_or_else(|| unsupported(algorithm))
    }

    /// Lets the token sign. The result is as the token gives it.
    pub(super) fn sign(self, session: &Session, key: ObjectHandle, message: &[u8]) -> CryptokiResult<Vec<u8>> {
        match self {
            Method::EcdsaOfHash(algorithm) => session.sign(&Mechanism::Ecdsa, key, hash(algorithm, message).as_ref()),
            Method::Ecdsa(Algorithm::EcP384) => session.sign(&Mechanism::EcdsaSha384, key, message),
            Method::Ecdsa(_) => session.sign(&Mechanism::EcdsaSha256, key, message),
            Method::Rsa => session.sign(&Mechanism::Sha256RsaPkcs, key, message),
            Method::RsaOfDigestInfo => {
                // The token signs raw blocks here, so the DigestInfo is built in software.
                let info = [&SHA256_DIGEST_INFO, digest::digest(&SHA256, message).as_ref()].concat();
                session.sign(&Mechanism::RsaPkcs, key, &info)
            }
        }
    }

    /// The signature as it is in an X.509 signature field.
    pub(super) fn encode(self, raw: Vec<u8>) -> Result<Vec<u8>> {
        match self {
            Method::EcdsaOfHash(algorithm) | Method::Ecdsa(algorithm) => encoding::ecdsa_signature(&raw, algorithm),
            Method::Rsa | Method::RsaOfDigestInfo => Ok(raw),
        }
    }
}

/// True if the key has signed this message.
pub(super) fn verifies(public: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
    let by: &dyn VerificationAlgorithm = match public.algorithm() {
        Algorithm::EcP256 => &ECDSA_P256_SHA256_ASN1,
        Algorithm::EcP384 => &ECDSA_P384_SHA384_ASN1,
        Algorithm::Rsa2048 | Algorithm::Rsa3072 | Algorithm::Rsa4096 => &RSA_PKCS1_2048_8192_SHA256,
        // Never reached: `choose` refuses the algorithm before anything is signed.
        Algorithm::Ed25519 => return false,
    };
    UnparsedPublicKey::new(by, public.der_bytes()).verify(message, signature).is_ok()
}

/// Fails for the algorithms that tokens are not asked for.
pub(super) fn unsupported(algorithm: Algorithm) -> Error {
    Code::Pkcs11Failed
        .error(format!("the token cannot sign with {algorithm} in a way that certificates know"))
        .fix("use ec-p256, ec-p384 or RSA, as the token supports: ca.alg in keygen.toml, or --alg")
}

fn hash(algorithm: Algorithm, message: &[u8]) -> digest::Digest {
    digest::digest(if algorithm == Algorithm::EcP384 { &SHA384 } else { &SHA256 }, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_does_what_it_can() {
        let all = [MechanismType::ECDSA, MechanismType::ECDSA_SHA256, MechanismType::RSA_PKCS];
        let choose = |algorithm, mechanisms: &[MechanismType]| Method::choose(algorithm, mechanisms).ok();
        assert_eq!(choose(Algorithm::EcP256, &all), Some(Method::EcdsaOfHash(Algorithm::EcP256)));
        assert_eq!(choose(Algorithm::EcP256, &all[1..]), Some(Method::Ecdsa(Algorithm::EcP256)));
        assert_eq!(choose(Algorithm::EcP384, &all[1..]), None);
        assert_eq!(choose(Algorithm::Rsa2048, &all), Some(Method::RsaOfDigestInfo));
        assert_eq!(choose(Algorithm::Rsa2048, &[MechanismType::SHA256_RSA_PKCS]), Some(Method::Rsa));
        assert_eq!(choose(Algorithm::Ed25519, &all), None);
    }

    #[test]
    fn a_signature_counts_for_its_message_and_key_alone() {
        use crate::key::PrivateKey;
        for algorithm in [Algorithm::EcP256, Algorithm::EcP384, Algorithm::Rsa2048] {
            let key = PrivateKey::generate(algorithm).unwrap();
            let signature = key.sign(b"message").unwrap();
            assert!(verifies(key.public(), b"message", &signature));
            assert!(!verifies(key.public(), b"another", &signature));
            let other = PrivateKey::generate(algorithm).unwrap();
            assert!(!verifies(other.public(), b"message", &signature));
        }
    }
}
