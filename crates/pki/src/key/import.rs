//! Reading private keys of any origin.

use aws_lc_rs::encoding::{AsBigEndian, EcPrivateKeyBin};
use aws_lc_rs::error::KeyRejected;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair, RsaKeyPair,
};
use base::{Code, Error, Result, Secret};
use der::Decode;
use der::asn1::AnyRef;
use pkcs8::PrivateKeyInfoRef;

use super::fault::{explicit_curve, unreadable, unsupported_encryption};
use super::public::{EC_PUBLIC_KEY, ED25519, RSA_ENCRYPTION, curve_of, curve_of_oid, rsa_of_modulus, unknown};
use super::{PrivateKey, Signer};
use crate::algorithm::Algorithm;
use crate::asn1::ber;
use crate::asn1::blocks::{blocks, looks_like_pem};
use crate::encryption::traditional::{self, Traditional};
use crate::encryption::{Cost, Password, Scheme, encrypted_key};
use crate::foreign;
use crate::read::kind::StructureKind;
use crate::read::mislabeled;

/// More rounds than any honest file demands. Fuzzers have less patience.
const MAX_ROUNDS: u64 = if cfg!(fuzzing) { 20_000 } else { 10_000_000 };
/// The memory that scrypt may demand, in bytes; OpenSSL's default takes 16 MiB.
const MAX_SCRYPT_MEMORY: u64 = if cfg!(fuzzing) { 1 << 20 } else { 256 << 20 };

impl PrivateKey {
    /// Reads the first private key in `bytes`: PEM with anything around it, or DER.
    ///
    /// # Errors
    /// [`Code::KeyEncrypted`] without a passphrase where one is needed, [`Code::WrongPassphrase`],
    /// [`Code::UnsupportedEncryption`], [`Code::UnknownAlgorithm`], [`Code::WeakKey`], [`Code::ForeignFormat`] for kinds of
    /// files that are not read, else [`Code::KeyUnreadable`].
    pub fn from_pem_or_der(bytes: &[u8], passphrase: Option<&Secret>) -> Result<Self> {
        // 0x30 is the tag of a SEQUENCE, with which every key in DER begins; it is also the digit 0 of a text.
        if !looks_like_pem(bytes) && bytes.first() == Some(&0x30) {
            return Self::from_der(ber::without_padding(bytes), passphrase);
        }
        let blocks = blocks(bytes)?;
        match blocks.iter().find(|block| block.label.ends_with("PRIVATE KEY")) {
            Some(block) => Self::from_block(&block.label, &block.headers, &block.der, passphrase),
            None => Err(no_key(bytes, &blocks)),
        }
    }

    /// Reads the key of a PEM block.
    pub(crate) fn from_block(
        label: &str,
        headers: &[String],
        content: &[u8],
        passphrase: Option<&Secret>,
    ) -> Result<Self> {
        if let Some(kind) = foreign::of_block(label, content) {
            return Err(kind.error());
        }
        if !traditional::is_announced(headers) {
            return Self::from_der(content, passphrase);
        }
        let scheme = Traditional::read(headers).map_err(|algorithm| unsupported_encryption(&algorithm))?;
        let passphrase = passphrase.ok_or_else(|| {
            encrypted("the private key is encrypted in OpenSSL's traditional way, which protects it badly")
        })?;
        let plain = scheme
            .decrypt(passphrase.reveal(), content)
            // Padding that is right by chance, in one of 256 cases, must not pass for the right passphrase.
            .filter(|plain| StructureKind::of(plain) != StructureKind::Other);
        Self::from_der(&plain.ok_or_else(wrong_passphrase)?, None)
    }

    /// Reads one private key in DER, whichever of the known structures it is.
    fn from_der(der: &[u8], passphrase: Option<&Secret>) -> Result<Self> {
        // PKCS#8 first: it is the only structure of these that names its algorithm.
        if PrivateKeyInfoRef::from_der(der).is_ok() {
            return Self::from_pkcs8_der(der);
        }
        if let Some((algorithm, data)) = AnyRef::from_der(der).ok().and_then(encrypted_key) {
            return Self::from_encrypted(algorithm, data, passphrase);
        }
        if let Ok(key) = sec1::EcPrivateKey::from_der(der) {
            return Self::from_sec1(der, &key);
        }
        if let Ok(key) = pkcs1::RsaPrivateKeyRef::from_der(der) {
            let algorithm = rsa_of_modulus(key.modulus.as_bytes())?;
            let pair = RsaKeyPair::from_der(der).map_err(|error| rejected("RSA", &error))?;
            return Self::from_signer(Signer::Rsa(Box::new(pair)), algorithm);
        }
        Err(not_a_key(der))
    }

    /// Reads PKCS#8 of version 1 or 2 in DER. Keys of elliptic curves without their public half, as keygen.sh
    /// left them, get it computed.
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self> {
        let info = PrivateKeyInfoRef::from_der(der)
            .map_err(|error| unreadable("the bytes are not PKCS#8").with_source(error))?;
        if info.algorithm.oid == EC_PUBLIC_KEY {
            let algorithm = curve_of(&info.algorithm)?;
            let pair = EcdsaKeyPair::from_pkcs8(signing(algorithm)?, der)
                .map_err(|error| rejected("elliptic curve", &error))?;
            return Self::from_ecdsa(&pair, algorithm);
        }
        if info.algorithm.oid == ED25519 {
            // Without its public half too (RFC 5958 makes it optional): OpenSSL writes such keys.
            let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map_err(|error| rejected("Ed25519", &error))?;
            return Self::from_signer(Signer::Ed25519(pair), Algorithm::Ed25519);
        }
        if info.algorithm.oid == RSA_ENCRYPTION {
            let inner = pkcs1::RsaPrivateKeyRef::from_der(info.private_key.as_bytes())
                .map_err(|error| unreadable("the RSA key is malformed").with_source(error))?;
            let algorithm = rsa_of_modulus(inner.modulus.as_bytes())?;
            let pair = RsaKeyPair::from_pkcs8(der).map_err(|error| rejected("RSA", &error))?;
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
            .map_err(|error| rejected("elliptic curve", &error))?;
        Self::from_ecdsa(&pair, algorithm)
    }

    /// Takes over a parsed pair. It is built again, because a pair read without its public half is also written
    /// without it.
    fn from_ecdsa(pair: &EcdsaKeyPair, algorithm: Algorithm) -> Result<Self> {
        // Only the private half is taken over; aws-lc has computed or compared the public one.
        let private: EcPrivateKeyBin<'_> =
            pair.private_key().as_be_bytes().map_err(|_| unreadable("the elliptic curve key has no private half"))?;
        let whole = EcdsaKeyPair::from_private_key_and_public_key(
            signing(algorithm)?,
            private.as_ref(),
            pair.public_key().as_ref(),
        )
        .map_err(|error| rejected("elliptic curve", &error))?;
        Self::from_signer(Signer::Ecdsa(whole), algorithm)
    }

    fn from_encrypted(algorithm: AnyRef<'_>, data: &[u8], passphrase: Option<&Secret>) -> Result<Self> {
        let scheme = Scheme::read(algorithm).map_err(|algorithm| unsupported_encryption(&algorithm))?;
        let passphrase = passphrase.ok_or_else(|| match scheme.old_name() {
            None => encrypted("the private key is encrypted"),
            Some(name) => encrypted(format!(
                "the private key is encrypted with the old algorithm {name}, which protects it badly"
            )),
        })?;
        check_cost(scheme.cost())?;
        // A wrong passphrase shows as bad padding, or as bytes that are not PKCS#8.
        let plain = Password::forms(passphrase.reveal()).find_map(|password| {
            scheme.decrypt(password, data).filter(|plain| PrivateKeyInfoRef::from_der(plain).is_ok())
        });
        Self::from_pkcs8_der(&plain.ok_or_else(wrong_passphrase)?)
    }
}

fn encrypted(what: impl Into<String>) -> Error {
    Code::KeyEncrypted.error(what).fix("give the file with its passphrase")
}

fn wrong_passphrase() -> Error {
    Code::WrongPassphrase
        .error("the passphrase does not open the private key")
        .fix("check the passphrase; only one final newline of its file is ignored")
}

/// The error for a key that is encoded as its standard wants and that aws-lc does not take.
fn rejected(kind: &str, error: &KeyRejected) -> Error {
    let why = match error.description_() {
        "InconsistentComponents" => "its parts do not belong together",
        "InvalidComponent" => "one of its numbers is out of range",
        _ => "its numbers do not belong together, or are out of range",
    };
    unreadable(format!("the {kind} key is damaged")).because(why)
}

/// The error for PEM without a private key.
fn no_key(bytes: &[u8], blocks: &[crate::asn1::blocks::Block]) -> Error {
    if blocks.iter().any(|block| block.label == "PKCS12") {
        return foreign::PKCS12.error();
    }
    let is_key = |error: &Error| matches!(error.code(), Code::KeyUnreadable | Code::ForeignFormat);
    if let Some(error) = blocks.iter().filter_map(mislabeled::unknown_label).find(is_key) {
        return error;
    }
    if let Some(error) = mislabeled::behind_white_space(bytes) {
        return error;
    }
    let error = unreadable("there is no private key in the file");
    if bytes.trim_ascii().is_empty() {
        return error.because("the file is empty");
    }
    // A bundle of roots has hundreds of blocks, and an error one line.
    let labels: Vec<&str> = blocks.iter().map(|block| block.label.as_str()).take(3).collect();
    match labels.as_slice() {
        [] => error.because("it is neither PEM nor DER"),
        labels => error.because(format!("it holds {}", base::text::quote(&labels.join(", ")))),
    }
}

/// The error for DER that is no private key of ours.
fn not_a_key(der: &[u8]) -> Error {
    match StructureKind::of(der) {
        StructureKind::Sec1 if has_explicit_curve(der) => explicit_curve(),
        StructureKind::DsaKey => Code::UnknownAlgorithm
            .error("the private key is a DSA key, which no TLS library uses any more")
            .fix("use ec-p256, ec-p384, ed25519 or RSA"),
        StructureKind::Pkcs8 | StructureKind::Sec1 | StructureKind::Pkcs1 => unreadable("the private key is damaged"),
        StructureKind::Other => unreadable("the bytes are no private key"),
        StructureKind::Pkcs12 => foreign::PKCS12.error(),
        other => unreadable(format!("the file holds {}, and no private key", other.name())),
    }
}

/// True if this is SEC 1 (RFC 5915, section 3) with the parameters of a curve in place of its name.
fn has_explicit_curve(der: &[u8]) -> bool {
    use crate::asn1::element::{CONTEXT_0, elements, only};
    use der::{Tag, Tagged as _};
    let parts = only(der, Tag::Sequence).and_then(elements).unwrap_or_default();
    parts.iter().any(|part| part.tag() == CONTEXT_0 && part.value().first() == Some(&0x30))
}

fn signing(algorithm: Algorithm) -> Result<&'static EcdsaSigningAlgorithm> {
    match algorithm {
        Algorithm::EcP256 => Ok(&ECDSA_P256_SHA256_ASN1_SIGNING),
        Algorithm::EcP384 => Ok(&ECDSA_P384_SHA384_ASN1_SIGNING),
        other => Err(Code::Internal.error(format!("{other} is no elliptic curve for ECDSA"))),
    }
}

/// Refuses key derivations that would take minutes or gigabytes.
fn check_cost(cost: Cost) -> Result<()> {
    if cost.rounds > MAX_ROUNDS || cost.memory > MAX_SCRYPT_MEMORY {
        return Err(unreadable("the encrypted key demands more work than any honest file")
            .because(format!("{} rounds of key derivation, {} bytes of memory", cost.rounds, cost.memory)));
    }
    Ok(())
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
    fn an_encryption_that_is_not_read_is_named() {
        // pbeWithSHAAnd128BitRC4, then an identifier that is not assigned.
        let der = |last: u8| {
            [
                &b"\x30\x1e\x30\x18\x06\x0a\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01"[..],
                &[last],
                b"\x30\x0a\x04\x04salt\x02\x02\x08\x00\x04\x02xx",
            ]
            .concat()
        };
        for (der, name) in [(der(1), "PBE-SHA1-RC4-128"), (der(99), "1.2.840.113549.1.12.1.99")] {
            for passphrase in [None, Some(Secret::from("x"))] {
                let error = PrivateKey::from_pem_or_der(&der, passphrase.as_ref()).unwrap_err();
                assert_eq!(error.code(), Code::UnsupportedEncryption);
                assert!(error.to_string().contains(name), "{error}");
            }
        }
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
        for cost in [Cost::of_rounds(MAX_ROUNDS + 1), Cost { rounds: 1, memory: MAX_SCRYPT_MEMORY + 1 }] {
            assert_eq!(check_cost(cost).unwrap_err().code(), Code::KeyUnreadable);
        }
        assert!(check_cost(Cost::of_rounds(MAX_ROUNDS)).is_ok());
    }
}
