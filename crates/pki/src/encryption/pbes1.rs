//! PBES1 (RFC 8018, section 6.1) with PBKDF1: the encrypted PKCS#8 of OpenSSL before 1.1 and of old Java.

use der::asn1::{AnyRef, ObjectIdentifier};
use md5::Md5;
use sha1::{Digest, Sha1};
use zeroize::Zeroizing;

use super::cipher::Cipher;
use super::known::Unsupported;
use super::pkcs12::{Password, salt_and_rounds};

/// A scheme with its parameters.
pub(crate) struct Pbes1<'a> {
    pub(super) name: &'static str,
    hash: Hash,
    cipher: Cipher,
    salt: &'a [u8],
    pub(super) rounds: u32,
}

#[derive(Debug, Clone, Copy)]
enum Hash {
    Md5,
    Sha1,
}

/// RFC 8018, appendix A.3, without MD2.
const SCHEMES: [(&str, &str, Hash, Cipher); 4] = [
    ("1.2.840.113549.1.5.3", "PBE-MD5-DES", Hash::Md5, Cipher::Des),
    ("1.2.840.113549.1.5.6", "PBE-MD5-RC2-64", Hash::Md5, Cipher::Rc2(8)),
    ("1.2.840.113549.1.5.10", "PBE-SHA1-DES", Hash::Sha1, Cipher::Des),
    ("1.2.840.113549.1.5.11", "PBE-SHA1-RC2-64", Hash::Sha1, Cipher::Rc2(8)),
];

impl<'a> Pbes1<'a> {
    /// The scheme of this identifier; none if it is none of PBES1.
    pub(super) fn read(id: ObjectIdentifier, parameters: Option<AnyRef<'a>>) -> Option<Result<Self, Unsupported>> {
        let id = id.to_string();
        let (_, name, hash, cipher) = SCHEMES.iter().copied().find(|(known, ..)| *known == id)?;
        Some(salt_and_rounds(parameters).map(|(salt, rounds)| Self { name, hash, cipher, salt, rounds }))
    }

    pub(super) fn decrypt(&self, password: Password<'_>, data: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let derived = match self.hash {
            Hash::Md5 => pbkdf1::<Md5>(password.utf8(), self.salt, self.rounds),
            Hash::Sha1 => pbkdf1::<Sha1>(password.utf8(), self.salt, self.rounds),
        };
        // RFC 8018, section 6.1.2: eight octets of key, then eight of the initialization vector.
        let (key, rest) = derived.split_at_checked(8)?;
        self.cipher.decrypt(key, rest.get(..8)?, data)
    }
}

/// RFC 8018, section 5.1.
fn pbkdf1<D: Digest>(password: &[u8], salt: &[u8], rounds: u32) -> Zeroizing<Vec<u8>> {
    // The first hash counts as one round.
    let mut hash = Zeroizing::new(D::new().chain_update(password).chain_update(salt).finalize().to_vec());
    for _ in 1..rounds {
        *hash = D::digest(hash.as_slice()).to_vec();
    }
    hash
}
