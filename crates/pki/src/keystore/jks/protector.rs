//! How JKS hides a private key: Sun's "JKS key protector" (`sun.security.provider.KeyProtector`).
//!
//! ```text
//! EncryptedPrivateKeyInfo ::= SEQUENCE {             -- RFC 5208, section 6
//!     SEQUENCE { OID 1.3.6.1.4.1.42.2.17.1.1, NULL },
//!     OCTET STRING  -- salt (20) || key XOR stream || SHA-1(password || key)
//! }
//! stream = W1 || W2 || ..,  W1 = SHA-1(password || salt),  Wn = SHA-1(password || Wn-1)
//! ```
//!
//! The password is UTF-16BE without an end mark. The last digest tells a right password from a wrong one, to its owner
//! and to everybody else who has the file.

use base::{Code, Error, Result, Secret};
use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Encode, Reader, SliceReader, Tag};
use sha1::{Digest, Sha1};
use zeroize::Zeroizing;

use super::super::fault::unreadable;
use super::utf16;
use crate::asn1::element as tlv;

const ALGORITHM: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.42.2.17.1.1");

/// The length of the salt and of each piece of the stream, in bytes.
pub(super) const SALT_LENGTH: usize = 20;

/// Hides a key. The salt has to be random: two keys under one password and one salt give each other away.
pub(super) fn protect(key: &[u8], password: &Secret, salt: [u8; SALT_LENGTH]) -> Result<Vec<u8>> {
    let password = utf16(password);
    let mut hidden = Vec::with_capacity(2 * SALT_LENGTH + key.len());
    hidden.extend_from_slice(&salt);
    hidden.extend_from_slice(&xor(key, &password, salt));
    hidden.extend_from_slice(&check(key, &password));
    encode(&hidden).map_err(|_| Code::Internal.error("a JKS key entry cannot be encoded"))
}

/// Shows a key again.
pub(super) fn recover(protected: &[u8], password: &Secret) -> Result<Zeroizing<Vec<u8>>> {
    let (algorithm, hidden) =
        decode(protected).map_err(|_| unreadable("a private key of the JKS keystore is no EncryptedPrivateKeyInfo"))?;
    // Other algorithms belong to JCEKS, the later format of Java.
    if algorithm != ALGORITHM {
        return Err(unreadable(format!("a private key of the JKS keystore is protected by the unknown {algorithm}")));
    }
    let split = hidden.split_first_chunk().and_then(|(salt, rest)| Some((salt, rest.split_last_chunk()?)));
    let Some((salt, (hidden, expected))) = split else {
        return Err(unreadable("a private key of the JKS keystore is too short"));
    };
    let password = utf16(password);
    let key = xor(hidden, &password, *salt);
    // The comparison need not be constant in time: the digest is in the file, and an attacker can compute it offline.
    if check(&key, &password) == *expected { Ok(key) } else { Err(wrong_key_password()) }
}

fn wrong_key_password() -> Error {
    Code::KeystorePassword
        .error("the key password does not open the private key")
        .fix("a JKS keystore may have a password for its keys besides its own")
}

/// The key from what hides it, and the other way round.
fn xor(input: &[u8], password: &[u8], salt: [u8; SALT_LENGTH]) -> Zeroizing<Vec<u8>> {
    // With its final size from the start: a vector that grows leaves copies of the key behind, which are not wiped.
    let mut output = Zeroizing::new(Vec::with_capacity(input.len()));
    let mut piece = salt;
    for chunk in input.chunks(SALT_LENGTH) {
        // Each piece of the stream depends on the one before, so the key cannot be opened in part.
        piece = Sha1::new().chain_update(password).chain_update(piece).finalize().into();
        output.extend(chunk.iter().zip(piece).map(|(byte, mask)| byte ^ mask));
    }
    output
}

fn check(key: &[u8], password: &[u8]) -> [u8; SALT_LENGTH] {
    Sha1::new().chain_update(password).chain_update(key).finalize().into()
}

fn encode(hidden: &[u8]) -> der::Result<Vec<u8>> {
    let algorithm = tlv::element(Tag::Sequence, &[&ALGORITHM.to_der()?, &AnyRef::NULL.to_der()?])?;
    let hidden = tlv::element(Tag::OctetString, &[hidden])?;
    tlv::element(Tag::Sequence, &[&algorithm, &hidden])
}

fn decode(protected: &[u8]) -> der::Result<(ObjectIdentifier, &[u8])> {
    let mut reader = SliceReader::new(tlv::only(protected, Tag::Sequence)?)?;
    let algorithm = tlv::content(reader.decode()?, Tag::Sequence)?;
    let hidden = tlv::content(reader.decode()?, Tag::OctetString)?;
    reader.finish()?;
    // Nothing depends on the NULL behind the identifier.
    Ok((SliceReader::new(algorithm)?.decode()?, hidden))
}
