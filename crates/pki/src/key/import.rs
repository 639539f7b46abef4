//! Reading private keys that somebody else wrote.

use aws_lc_rs::encoding::{AsBigEndian, EcPrivateKeyBin};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair, RsaKeyPair,
};
use base::{Code, Result, Secret};
use der::Decode;
use pkcs5::EncryptionScheme;
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef};
use zeroize::Zeroizing;

use super::fault::unreadable;
use super::public::{EC_PUBLIC_KEY, ED25519, RSA_ENCRYPTION, curve_of, curve_of_oid, rsa_of_modulus, unknown};
use super::{PrivateKey, Signer};
use crate::algorithm::Algorithm;
use crate::kdf::Cost;

/// More rounds than anybody uses; a file that asks for more only wants to keep us busy. Fuzzers have less patience.
const MAX_ROUNDS: u64 = if cfg!(fuzzing) { 20_000 } else { 10_000_000 };
/// The memory that scrypt may ask for, in bytes; OpenSSL's default takes 16 MiB.
const MAX_SCRYPT_MEMORY: u64 = if cfg!(fuzzing) { 1 << 20 } else { 256 << 20 };

impl PrivateKey {
    /// Reads the first private key in `bytes`: PEM with anything around it, or DER.
    ///
    /// # Errors
    /// [`Code::KeyEncrypted`] without a passphrase where one is needed, [`Code::WrongPassphrase`],
    /// [`Code::UnknownAlgorithm`], [`Code::WeakKey`], else [`Code::KeyUnreadable`].
    pub fn from_pem_or_der(bytes: &[u8], passphrase: Option<&Secret>) -> Result<Self> {
        if bytes.first() == Some(&0x30) {
            return Self::from_der(bytes, passphrase);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| unreadable("the file is neither PEM nor DER"))?;
        let blocks = pem::parse_many(text).map_err(|error| unreadable("the PEM text is damaged").because(error))?;
        let block = blocks
            .iter()
            .find(|block| block.tag().ends_with("PRIVATE KEY"))
            .ok_or_else(|| unreadable("there is no private key in the file"))?;
        if block.headers().get("Proc-Type").is_some_and(|value| value.contains("ENCRYPTED")) {
            return Err(Code::KeyEncrypted
                .error("the key is encrypted in OpenSSL's traditional way, which protects it badly")
                .fix("convert it with `openssl pkcs8 -topk8 -in OLD -out NEW`, then use NEW"));
        }
        Self::from_der(block.contents(), passphrase)
    }

    /// Reads one private key in DER, whichever of the known structures it is.
    fn from_der(der: &[u8], passphrase: Option<&Secret>) -> Result<Self> {
        if PrivateKeyInfoRef::from_der(der).is_ok() {
            return Self::from_pkcs8_der(der);
        }
        if let Ok(encrypted) = EncryptedPrivateKeyInfoRef::from_der(der) {
            return Self::from_encrypted(&encrypted, passphrase);
        }
        if let Ok(key) = sec1::EcPrivateKey::from_der(der) {
            return Self::from_sec1(der, &key);
        }
        if let Ok(key) = pkcs1::RsaPrivateKeyRef::from_der(der) {
            let algorithm = rsa_of_modulus(key.modulus.as_bytes())?;
            let pair =
                RsaKeyPair::from_der(der).map_err(|error| unreadable("the RSA key is refused").because(error))?;
            return Self::from_signer(Signer::Rsa(Box::new(pair)), algorithm);
        }
        Err(match foreign_encryption(der) {
            Some(algorithm) => unreadable("the key is encrypted in a way that is not supported")
                .because(format!("it says {algorithm}"))
                .fix("convert it with `openssl pkcs8 -topk8 -v2 aes-256-cbc -in OLD -out NEW`, then use NEW"),
            None => unreadable("the bytes are no private key"),
        })
    }

    /// Reads PKCS#8 of version 1 or 2 in DER. Keys of elliptic curves without their public half, as keygen.sh
    /// left them, get it computed.
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self> {
        let refused = |error| unreadable("the private key is refused").because(error);
        let info = PrivateKeyInfoRef::from_der(der).map_err(|_| unreadable("the bytes are not PKCS#8"))?;
        if info.algorithm.oid == EC_PUBLIC_KEY {
            let algorithm = curve_of(&info.algorithm)?;
            let pair = EcdsaKeyPair::from_pkcs8(signing(algorithm)?, der).map_err(refused)?;
            return Self::from_ecdsa(&pair, algorithm);
        }
        if info.algorithm.oid == ED25519 {
            let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map_err(refused)?;
            return Self::from_signer(Signer::Ed25519(pair), Algorithm::Ed25519);
        }
        if info.algorithm.oid == RSA_ENCRYPTION {
            let inner = pkcs1::RsaPrivateKeyRef::from_der(info.private_key.as_bytes())
                .map_err(|_| unreadable("the RSA key is malformed"))?;
            let algorithm = rsa_of_modulus(inner.modulus.as_bytes())?;
            let pair = RsaKeyPair::from_pkcs8(der).map_err(refused)?;
            return Self::from_signer(Signer::Rsa(Box::new(pair)), algorithm);
        }
        Err(unknown(&info.algorithm.oid))
    }

    fn from_sec1(der: &[u8], key: &sec1::EcPrivateKey<'_>) -> Result<Self> {
        let algorithm = match key.parameters.as_ref().and_then(|parameters| parameters.named_curve()) {
            Some(curve) => curve_of_oid(&curve)?,
            // Without the curve only the length tells; among ours it is enough.
            None if key.private_key.len() == 32 => Algorithm::EcP256,
            None if key.private_key.len() == 48 => Algorithm::EcP384,
            None => return Err(unreadable("the elliptic curve key names no curve")),
        };
        let pair = EcdsaKeyPair::from_private_key_der(signing(algorithm)?, der)
            .map_err(|error| unreadable("the elliptic curve key is refused").because(error))?;
        Self::from_ecdsa(&pair, algorithm)
    }

    /// Takes over a parsed pair. It is built anew, because a pair read without its public half is also written
    /// without it.
    fn from_ecdsa(pair: &EcdsaKeyPair, algorithm: Algorithm) -> Result<Self> {
        let private: EcPrivateKeyBin<'_> =
            pair.private_key().as_be_bytes().map_err(|_| unreadable("the elliptic curve key has no private half"))?;
        let whole = EcdsaKeyPair::from_private_key_and_public_key(
            signing(algorithm)?,
            private.as_ref(),
            pair.public_key().as_ref(),
        )
        .map_err(|error| unreadable("the elliptic curve key is refused").because(error))?;
        Self::from_signer(Signer::Ecdsa(whole), algorithm)
    }

    fn from_encrypted(encrypted: &EncryptedPrivateKeyInfoRef<'_>, passphrase: Option<&Secret>) -> Result<Self> {
        let passphrase = passphrase.ok_or_else(|| {
            Code::KeyEncrypted.error("the private key is encrypted").fix("give the file with its passphrase")
        })?;
        check_cost(&encrypted.encryption_algorithm)?;
        let wrong = || {
            Code::WrongPassphrase
                .error("the passphrase does not open the private key")
                .fix("check the passphrase; only one final newline of its file is ignored")
        };
        // A wrong key shows as bad padding, or as bytes that are not PKCS#8.
        let plain = Zeroizing::new(
            encrypted.encryption_algorithm.decrypt(passphrase.reveal(), encrypted.encrypted_data.as_bytes()).map_err(
                |error| match error {
                    pkcs5::Error::EncryptFailed | pkcs5::Error::DecryptFailed => wrong(),
                    other => unreadable("the key is encrypted in a way that is not supported").because(other),
                },
            )?,
        );
        PrivateKeyInfoRef::from_der(&plain).map_err(|_| wrong())?;
        Self::from_pkcs8_der(&plain)
    }
}

fn signing(algorithm: Algorithm) -> Result<&'static EcdsaSigningAlgorithm> {
    match algorithm {
        Algorithm::EcP256 => Ok(&ECDSA_P256_SHA256_ASN1_SIGNING),
        Algorithm::EcP384 => Ok(&ECDSA_P384_SHA384_ASN1_SIGNING),
        other => Err(Code::Internal.error(format!("{other} is no elliptic curve for ECDSA"))),
    }
}

/// Refuses key derivations that would take minutes or gigabytes.
fn check_cost(scheme: &EncryptionScheme) -> Result<()> {
    let EncryptionScheme::Pbes2(parameters) = scheme else {
        return Ok(());
    };
    let cost = Cost::of(&parameters.kdf);
    if cost.rounds > MAX_ROUNDS || cost.memory > MAX_SCRYPT_MEMORY {
        return Err(unreadable("the key derivation of the encrypted key costs more than any honest file asks for"));
    }
    Ok(())
}

/// The algorithm of an EncryptedPrivateKeyInfo (RFC 5958, section 3) with parameters that nobody here knows, such as those
/// of OpenSSL 1.0.
fn foreign_encryption(der: &[u8]) -> Option<String> {
    use x509_parser::asn1_rs::{Any, FromDer as _, Tag};
    use x509_parser::x509::AlgorithmIdentifier;
    let (_, sequence) = Any::from_der(der).ok()?;
    let (rest, identifier) = AlgorithmIdentifier::from_der(sequence.data).ok()?;
    let (_, encrypted) = Any::from_der(rest).ok()?;
    (encrypted.tag() == Tag::OctetString).then(|| crate::asn1::oid::text(identifier.algorithm.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// PKCS#8 as keygen.sh's `openssl pkcs8 -topk8 -nocrypt` leaves it: no public key inside.
    const WITHOUT_PUBLIC_HALF: &str = "-----BEGIN PRIVATE KEY-----
MEECAQAwEwYHKoZIzj0CAQYIKoZIzj0DAQcEJzAlAgEBBCABAgMEBQYHCAkKCwwN
Dg8QERITFBUWFxgZGhscHR4fIA==
-----END PRIVATE KEY-----
";

    #[test]
    fn an_encryption_that_nobody_knows_is_named() {
        // pbeWithSHA1And3-KeyTripleDES-CBC, as OpenSSL 1.0 wrote it.
        let der = b"\x30\x1e\x30\x18\x06\x0a\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x03\x30\x0a\x04\x04salt\x02\x02\x08\x00\x04\x02xx";
        let error = PrivateKey::from_pem_or_der(der, Some(&"x".into())).unwrap_err();
        assert_eq!(error.code(), Code::KeyUnreadable);
        assert_eq!(error.finding().why.as_deref(), Some("it says 1.2.840.113549.1.12.1.3"));
    }

    #[test]
    fn a_key_without_its_public_half_gets_it_computed() {
        let key = PrivateKey::from_pem_or_der(WITHOUT_PUBLIC_HALF.as_bytes(), None).unwrap();
        assert_eq!(key.algorithm(), Algorithm::EcP256);
        // The secret scalar 0x0102..20 times the generator.
        let x = [0x51, 0x5c, 0x3d, 0x6e, 0xb9, 0xe3, 0x96, 0xb9];
        assert!(key.spki_der().windows(8).any(|window| window == x), "{:02x?}", key.spki_der());
        assert!(key.to_pkcs8_der().len() > 67);
    }

    #[test]
    fn text_around_the_block_does_no_harm() {
        let text = format!("Bag Attributes\r\n    friendlyName: x\n{WITHOUT_PUBLIC_HALF}trailing words");
        assert!(PrivateKey::from_pem_or_der(text.as_bytes(), None).is_ok());
    }

    #[test]
    fn what_is_no_key_is_named() {
        for bytes in [&b""[..], b"hello", b"\x30\x03\x02\x01\x01", b"-----BEGIN PRIVATE KEY-----\nAAAA", &[0xff; 40]] {
            let error = PrivateKey::from_pem_or_der(bytes, None).unwrap_err();
            assert_eq!(error.code(), Code::KeyUnreadable, "{bytes:?}");
        }
    }

    #[test]
    fn absurd_rounds_are_refused_at_once() {
        let rounds = u32::try_from(MAX_ROUNDS + 1).unwrap();
        let parameters = pkcs5::pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(rounds, &[1; 16], [2; 16]).unwrap();
        assert_eq!(check_cost(&EncryptionScheme::Pbes2(parameters)).unwrap_err().code(), Code::KeyUnreadable);
    }
}
