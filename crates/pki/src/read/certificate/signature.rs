//! Signatures on certificates, requests and revocation lists, checked with aws-lc-rs.

use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA1_ASN1, ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P256_SHA512_ASN1,
    ECDSA_P256K1_SHA256_ASN1, ECDSA_P384_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA512_ASN1,
    ECDSA_P521_SHA1_ASN1, ECDSA_P521_SHA224_ASN1, ECDSA_P521_SHA256_ASN1, ECDSA_P521_SHA384_ASN1,
    ECDSA_P521_SHA512_ASN1, ED25519, RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_2048_8192_SHA384, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
    UnparsedPublicKey, VerificationAlgorithm,
};
use x509_parser::asn1_rs::{BitString, FromDer as _};
use x509_parser::signature_algorithm::RsaSsaPssParams;
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo};

use super::public_key::PublicKeyKind;
use crate::asn1::oid;

/// A hash function inside a signature algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hash {
    Md2,
    Md4,
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// A signature algorithm that has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    RsaPkcs1(Hash),
    RsaPss(Hash),
    Ecdsa(Hash),
    Ed25519,
    Ed448,
    Dsa(Hash),
}

/// The algorithm that a signature names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureAlgorithm {
    scheme: Option<Scheme>,
    name: String,
}

/// Why a signature does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SignatureFailure {
    /// It was not made by this key over these bytes.
    Mismatch,
    /// Nothing here can check it: the algorithm, for this kind of key.
    Unsupported(String),
}

impl SignatureAlgorithm {
    pub(crate) fn from_parsed(identifier: &AlgorithmIdentifier<'_>) -> Self {
        let dotted = oid::text(identifier.algorithm.as_bytes());
        let (scheme, name) = match dotted.as_str() {
            "1.2.840.113549.1.1.2" => (Some(Scheme::RsaPkcs1(Hash::Md2)), "md2WithRSAEncryption"),
            "1.2.840.113549.1.1.3" => (Some(Scheme::RsaPkcs1(Hash::Md4)), "md4WithRSAEncryption"),
            "1.2.840.113549.1.1.4" => (Some(Scheme::RsaPkcs1(Hash::Md5)), "md5WithRSAEncryption"),
            // The second one is an older identifier of the same algorithm, which Microsoft's makecert wrote.
            "1.2.840.113549.1.1.5" | "1.3.14.3.2.29" => (Some(Scheme::RsaPkcs1(Hash::Sha1)), "sha1WithRSAEncryption"),
            "1.2.840.113549.1.1.14" => (Some(Scheme::RsaPkcs1(Hash::Sha224)), "sha224WithRSAEncryption"),
            "1.2.840.113549.1.1.11" => (Some(Scheme::RsaPkcs1(Hash::Sha256)), "sha256WithRSAEncryption"),
            "1.2.840.113549.1.1.12" => (Some(Scheme::RsaPkcs1(Hash::Sha384)), "sha384WithRSAEncryption"),
            "1.2.840.113549.1.1.13" => (Some(Scheme::RsaPkcs1(Hash::Sha512)), "sha512WithRSAEncryption"),
            "1.2.840.113549.1.1.10" => match pss_hash(identifier) {
                Some(hash) => (Some(Scheme::RsaPss(hash)), "rsassaPss"),
                None => return Self { scheme: None, name: unusual_pss(identifier) },
            },
            "1.2.840.10045.4.1" => (Some(Scheme::Ecdsa(Hash::Sha1)), "ecdsa-with-SHA1"),
            "1.2.840.10045.4.3.1" => (Some(Scheme::Ecdsa(Hash::Sha224)), "ecdsa-with-SHA224"),
            "1.2.840.10045.4.3.2" => (Some(Scheme::Ecdsa(Hash::Sha256)), "ecdsa-with-SHA256"),
            "1.2.840.10045.4.3.3" => (Some(Scheme::Ecdsa(Hash::Sha384)), "ecdsa-with-SHA384"),
            "1.2.840.10045.4.3.4" => (Some(Scheme::Ecdsa(Hash::Sha512)), "ecdsa-with-SHA512"),
            "1.2.840.10040.4.3" => (Some(Scheme::Dsa(Hash::Sha1)), "dsa-with-SHA1"),
            "2.16.840.1.101.3.4.3.1" => (Some(Scheme::Dsa(Hash::Sha224)), "dsa-with-SHA224"),
            "2.16.840.1.101.3.4.3.2" => (Some(Scheme::Dsa(Hash::Sha256)), "dsa-with-SHA256"),
            "1.3.101.112" => (Some(Scheme::Ed25519), "ED25519"),
            "1.3.101.113" => (Some(Scheme::Ed448), "ED448"),
            other => (None, other),
        };
        Self { scheme, name: name.to_owned() }
    }

    /// True if the hash is broken: MD2, MD4, MD5 and SHA-1.
    pub fn is_weak(&self) -> bool {
        let hash = match self.scheme {
            Some(Scheme::RsaPkcs1(hash) | Scheme::RsaPss(hash) | Scheme::Ecdsa(hash) | Scheme::Dsa(hash)) => hash,
            // An unknown algorithm has a finding of its own: it cannot be checked.
            Some(Scheme::Ed25519 | Scheme::Ed448) | None => return false,
        };
        matches!(hash, Hash::Md2 | Hash::Md4 | Hash::Md5 | Hash::Sha1)
    }

    /// Checks a signature over `message` with the public key `spki`.
    pub(crate) fn verify(
        &self,
        spki: &SubjectPublicKeyInfo<'_>,
        message: &[u8],
        signature: &BitString<'_>,
    ) -> Result<(), SignatureFailure> {
        let kind = PublicKeyKind::of_parsed(spki);
        let algorithm = self.checked_by(&kind)?;
        if signature.unused_bits != 0 {
            return Err(SignatureFailure::Mismatch);
        }
        UnparsedPublicKey::new(algorithm, &spki.subject_public_key.data)
            .verify(message, &signature.data)
            .map_err(|_| SignatureFailure::Mismatch)
    }

    /// False if a key of this kind cannot have made such a signature.
    pub(crate) fn is_of(&self, key: &PublicKeyKind) -> bool {
        !matches!(self.checked_by(key), Err(SignatureFailure::Mismatch))
    }

    /// The verifier for this kind of signature with that kind of key.
    fn checked_by(&self, kind: &PublicKeyKind) -> Result<&'static dyn VerificationAlgorithm, SignatureFailure> {
        use Hash::{Sha1, Sha224, Sha256, Sha384, Sha512};
        use PublicKeyKind::{Ec, Ed25519, Rsa, RsaPss};
        let Some(scheme) = self.scheme else {
            return Err(SignatureFailure::Unsupported(self.name.clone()));
        };
        // aws-lc reads no other sizes, and would call such a signature false.
        if matches!(kind, Rsa(..1024 | 8193..) | RsaPss(..1024 | 8193..)) {
            return Err(SignatureFailure::Unsupported(format!("{} with a key of {}", self.name, kind.name())));
        }
        Ok(match (scheme, kind) {
            // 1,024 bits are read, so that the finding can be about the key's weakness and not about a signature.
            (Scheme::RsaPkcs1(Sha1), Rsa(_)) => &RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
            (Scheme::RsaPkcs1(Sha256), Rsa(_)) => &RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
            // aws-lc-rs has no verifier of SHA-384 for shorter keys.
            (Scheme::RsaPkcs1(Sha384), Rsa(2048..)) => &RSA_PKCS1_2048_8192_SHA384,
            (Scheme::RsaPkcs1(Sha512), Rsa(_)) => &RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
            (Scheme::RsaPss(Sha256), Rsa(2048..) | RsaPss(2048..)) => &RSA_PSS_2048_8192_SHA256,
            (Scheme::RsaPss(Sha384), Rsa(2048..) | RsaPss(2048..)) => &RSA_PSS_2048_8192_SHA384,
            (Scheme::RsaPss(Sha512), Rsa(2048..) | RsaPss(2048..)) => &RSA_PSS_2048_8192_SHA512,
            // Not every curve has every hash: these are the pairs that aws-lc-rs verifies.
            (Scheme::Ecdsa(Sha1), Ec("p256", _)) => &ECDSA_P256_SHA1_ASN1,
            (Scheme::Ecdsa(Sha256), Ec("p256", _)) => &ECDSA_P256_SHA256_ASN1,
            (Scheme::Ecdsa(Sha384), Ec("p256", _)) => &ECDSA_P256_SHA384_ASN1,
            (Scheme::Ecdsa(Sha512), Ec("p256", _)) => &ECDSA_P256_SHA512_ASN1,
            (Scheme::Ecdsa(Sha256), Ec("p384", _)) => &ECDSA_P384_SHA256_ASN1,
            (Scheme::Ecdsa(Sha384), Ec("p384", _)) => &ECDSA_P384_SHA384_ASN1,
            (Scheme::Ecdsa(Sha512), Ec("p384", _)) => &ECDSA_P384_SHA512_ASN1,
            (Scheme::Ecdsa(Sha1), Ec("p521", _)) => &ECDSA_P521_SHA1_ASN1,
            (Scheme::Ecdsa(Sha224), Ec("p521", _)) => &ECDSA_P521_SHA224_ASN1,
            (Scheme::Ecdsa(Sha256), Ec("p521", _)) => &ECDSA_P521_SHA256_ASN1,
            (Scheme::Ecdsa(Sha384), Ec("p521", _)) => &ECDSA_P521_SHA384_ASN1,
            (Scheme::Ecdsa(Sha512), Ec("p521", _)) => &ECDSA_P521_SHA512_ASN1,
            (Scheme::Ecdsa(Sha256), Ec("secp256k1", _)) => &ECDSA_P256K1_SHA256_ASN1,
            (Scheme::Ed25519, Ed25519) => &ED25519,
            // An algorithm that the key cannot have been used with is a signature by another key.
            (Scheme::RsaPkcs1(_), Ec(..) | Ed25519) | (Scheme::Ecdsa(_), Rsa(_) | Ed25519) => {
                return Err(SignatureFailure::Mismatch);
            }
            (Scheme::Ed25519, Rsa(_) | Ec(..)) => return Err(SignatureFailure::Mismatch),
            _ => return Err(SignatureFailure::Unsupported(format!("{} with a key of {}", self.name, kind.name()))),
        })
    }
}

impl fmt::Display for SignatureAlgorithm {
    /// The name that OpenSSL prints, or the object identifier.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// The hash of RSASSA-PSS parameters (RFC 4055), where they are those that everybody uses: one hash for message
/// and mask, a salt of its length.
fn pss_hash(identifier: &AlgorithmIdentifier<'_>) -> Option<Hash> {
    let parameters = RsaSsaPssParams::try_from(identifier.parameters()?).ok()?;
    let mask = parameters.mask_gen_algorithm().ok()?;
    let (hash, length) = match oid::text(parameters.hash_algorithm_oid().as_bytes()).as_str() {
        "1.3.14.3.2.26" => (Hash::Sha1, 20),
        "2.16.840.1.101.3.4.2.1" => (Hash::Sha256, 32),
        "2.16.840.1.101.3.4.2.2" => (Hash::Sha384, 48),
        "2.16.840.1.101.3.4.2.3" => (Hash::Sha512, 64),
        _ => return None,
    };
    let usual = mask.hash == *parameters.hash_algorithm_oid()
        && parameters.salt_length() == length
        && parameters.trailer_field() == 1;
    usual.then_some(hash)
}

/// The name of RSASSA-PSS whose parameters are not the usual ones.
fn unusual_pss(identifier: &AlgorithmIdentifier<'_>) -> String {
    match identifier.parameters().map(RsaSsaPssParams::try_from) {
        Some(Ok(parameters)) => {
            let hash = parameters.hash_algorithm_oid();
            let mask = parameters.mask_gen_algorithm().ok();
            match mask.filter(|mask| mask.hash != *hash) {
                Some(mask) => format!(
                    "rsassaPss with a mask by another hash ({}) than the message ({})",
                    oid::text(mask.hash.as_bytes()),
                    oid::text(hash.as_bytes())
                ),
                None if parameters.trailer_field() != 1 => "rsassaPss with an unknown trailer".to_owned(),
                None => format!("rsassaPss with a salt of {} octets", parameters.salt_length()),
            }
        }
        _ => "rsassaPss with unreadable parameters".to_owned(),
    }
}

/// [`SignatureAlgorithm::verify`] with the public key as DER.
pub(crate) fn verify_with_spki_der(
    algorithm: &SignatureAlgorithm,
    spki: &[u8],
    message: &[u8],
    signature: &BitString<'_>,
) -> Result<(), SignatureFailure> {
    let (_, spki) = SubjectPublicKeyInfo::from_der(spki)
        .map_err(|_| SignatureFailure::Unsupported("an unreadable public key".to_owned()))?;
    algorithm.verify(&spki, message, signature)
}
