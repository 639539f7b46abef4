//! Signatures, checked with the key inside a certificate of any version.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA1_ASN1, ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P256_SHA512_ASN1,
    ECDSA_P384_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA512_ASN1, ECDSA_P521_SHA1_ASN1,
    ECDSA_P521_SHA256_ASN1, ECDSA_P521_SHA384_ASN1, ECDSA_P521_SHA512_ASN1, ED25519,
    RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA384, UnparsedPublicKey,
    VerificationAlgorithm,
};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::x509::SubjectPublicKeyInfo;

/// True if `child` was signed with `parent`'s key. Names are not compared.
pub(crate) fn links(child: &X509Certificate<'_>, parent: &X509Certificate<'_>) -> bool {
    let key = parent.public_key();
    let bytes = key.subject_public_key.data.as_ref();
    let (kind, curve) = algorithm_of(key);
    let algorithm = child.signature_algorithm.algorithm.to_id_string();
    let Some(verifies) = algorithm_for(&algorithm, &kind, &curve) else { return false };
    let signed = child.tbs_certificate.as_ref();
    UnparsedPublicKey::new(verifies, bytes).verify(signed, child.signature_value.data.as_ref()).is_ok()
}

/// The identifiers of a key's algorithm and curve; the latter is empty for other keys than those on curves.
fn algorithm_of(key: &SubjectPublicKeyInfo<'_>) -> (String, String) {
    let curve = key.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
    (key.algorithm.algorithm.to_id_string(), curve.map(|oid| oid.to_id_string()).unwrap_or_default())
}

const SECP256K1: &str = "1.3.132.0.10";
const SHA1_WITH_RSA: &str = "1.2.840.113549.1.1.5";
const ECDSA_WITH_SHA1: &str = "1.2.840.10045.4.1";

/// The algorithm of a certificate's signature, by the identifiers of signature, key and curve (RFC 3279, 5758, 8410).
fn algorithm_for(signature: &str, key: &str, curve: &str) -> Option<&'static dyn VerificationAlgorithm> {
    const RSA: &str = "1.2.840.113549.1.1.1";
    const EC: &str = "1.2.840.10045.2.1";
    const P256: &str = "1.2.840.10045.3.1.7";
    const P384: &str = "1.3.132.0.34";
    const P521: &str = "1.3.132.0.35";
    Some(match (signature, key, curve) {
        // Java 17 allows SHA-1 in the chains of clients, and RSA from 1024 bits.
        (SHA1_WITH_RSA, RSA, _) => &RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
        ("1.2.840.113549.1.1.11", RSA, _) => &RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        ("1.2.840.113549.1.1.12", RSA, _) => &RSA_PKCS1_2048_8192_SHA384,
        ("1.2.840.113549.1.1.13", RSA, _) => &RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
        (ECDSA_WITH_SHA1, EC, P256) => &ECDSA_P256_SHA1_ASN1,
        (ECDSA_WITH_SHA1, EC, P521) => &ECDSA_P521_SHA1_ASN1,
        ("1.2.840.10045.4.3.2", EC, P256) => &ECDSA_P256_SHA256_ASN1,
        ("1.2.840.10045.4.3.3", EC, P256) => &ECDSA_P256_SHA384_ASN1,
        ("1.2.840.10045.4.3.4", EC, P256) => &ECDSA_P256_SHA512_ASN1,
        ("1.2.840.10045.4.3.2", EC, P384) => &ECDSA_P384_SHA256_ASN1,
        ("1.2.840.10045.4.3.3", EC, P384) => &ECDSA_P384_SHA384_ASN1,
        ("1.2.840.10045.4.3.4", EC, P384) => &ECDSA_P384_SHA512_ASN1,
        ("1.2.840.10045.4.3.2", EC, P521) => &ECDSA_P521_SHA256_ASN1,
        ("1.2.840.10045.4.3.3", EC, P521) => &ECDSA_P521_SHA384_ASN1,
        ("1.2.840.10045.4.3.4", EC, P521) => &ECDSA_P521_SHA512_ASN1,
        ("1.3.101.112", "1.3.101.112", _) => &ED25519,
        _ => return None,
    })
}

/// The handshake's signature. rustls would look for a key in certificates of version 3 alone.
pub(super) fn handshake(
    message: &[u8],
    leaf: &[u8],
    signed: &DigitallySignedStruct,
    supported: &WebPkiSupportedAlgorithms,
) -> Result<(), Error> {
    let bad = || Error::InvalidCertificate(CertificateError::BadSignature);
    let leaf = crate::certificate::parse(leaf).ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))?;
    let key = leaf.public_key();
    let (kind, curve) = algorithm_of(key);
    // OpenJDK 17 no longer has this curve, so Java finds no common algorithm: alert handshake_failure.
    if curve == SECP256K1 {
        return Err(Error::General("secp256k1 is not supported".to_owned()));
    }
    let sha1 = match signed.scheme {
        SignatureScheme::RSA_PKCS1_SHA1 => algorithm_for(SHA1_WITH_RSA, &kind, &curve),
        SignatureScheme::ECDSA_SHA1_Legacy => algorithm_for(ECDSA_WITH_SHA1, &kind, &curve),
        _ => None,
    };
    // rustls itself has no SHA-1.
    if let Some(sha1) = sha1 {
        let key = UnparsedPublicKey::new(sha1, key.subject_public_key.data.as_ref());
        return key.verify(message, signed.signature()).map_err(|_| bad());
    }
    // The content of the algorithm's SEQUENCE, which is how rustls names an algorithm.
    let algorithm = content(key.raw).and_then(content).ok_or_else(bad)?;
    let mapped = supported.mapping.iter().find(|(scheme, _)| *scheme == signed.scheme).ok_or_else(bad)?;
    let fits = mapped.1.iter().find(|one| one.public_key_alg_id().as_ref() == algorithm).ok_or_else(bad)?;
    fits.verify_signature(key.subject_public_key.data.as_ref(), message, signed.signature()).map_err(|_| bad())
}

/// The content of the first element.
fn content(der: &[u8]) -> Option<&[u8]> {
    let (_, any) = x509_parser::der_parser::asn1_rs::Any::from_der(der).ok()?;
    Some(any.data)
}
