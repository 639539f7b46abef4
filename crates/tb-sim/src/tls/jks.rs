//! Java's own keystore format, read-only.

use sha1::{Digest, Sha1};

use super::keystore::{Keystore, KeystoreEntry};
use crate::error::{Error, Result};

const MAGIC: u32 = 0xfeed_feed;
const DIGEST: usize = 20;

/// True if the bytes begin like a JKS keystore.
pub(crate) fn is_one(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC.to_be_bytes())
}

/// Reads a keystore.
pub(crate) fn read(bytes: &[u8], store_password: &str, key_password: &str) -> Result<Keystore> {
    let tampered = || Error::new("Keystore was tampered with, or password was incorrect");
    let split = bytes.len().checked_sub(DIGEST).ok_or_else(tampered)?;
    let (data, digest) = bytes.split_at_checked(split).ok_or_else(tampered)?;
    let mut hash = Sha1::new();
    hash.update(utf16(store_password));
    // The constant of Java's own code (`getPreKeyedHash` in JavaKeyStore), behind the password.
    hash.update(b"Mighty Aphrodite");
    hash.update(data);
    // A wrong password and a damaged file look the same, to Java as well.
    if hash.finalize().as_slice() != digest {
        return Err(tampered());
    }
    entries(data, key_password).ok_or_else(|| Error::new("Invalid keystore format"))
}

fn entries(data: &[u8], key_password: &str) -> Option<Keystore> {
    let mut reader = Reader(data);
    let (_magic, version, count) = (reader.u32()?, reader.u32()?, reader.u32()?);
    let mut store = Keystore { keys: Vec::new(), trusted: Vec::new() };
    for _ in 0..count {
        let kind = reader.u32()?;
        let alias = reader.text()?;
        let _date = reader.take(8)?;
        match kind {
            1 => {
                let protected = reader.long()?;
                let mut chain = Vec::new();
                for _ in 0..reader.u32()? {
                    chain.push(reader.certificate(version)?);
                }
                // A key that does not open is kept without content: what that means is decided in `keys`.
                store.keys.push(KeystoreEntry { alias, key: recover(protected, key_password), chain });
            }
            2 => store.trusted.push(reader.certificate(version)?),
            _ => return None,
        }
    }
    Some(store)
}

/// Opens a key: its bytes lie under a stream of SHA-1 hashes, each of the password and the one before; the last hash,
/// over password and key, shows whether the password was right.
fn recover(protected: &[u8], password: &str) -> Option<Vec<u8>> {
    let content = octets_of_encrypted_key(protected)?;
    let (salt, rest) = content.split_at_checked(DIGEST)?;
    let (covered, check) = rest.split_at_checked(rest.len().checked_sub(DIGEST)?)?;
    let password = utf16(password);
    let mut block = salt.to_vec();
    let mut key = Vec::with_capacity(covered.len());
    for chunk in covered.chunks(DIGEST) {
        let mut hash = Sha1::new();
        hash.update(&password);
        hash.update(&block);
        block = hash.finalize().to_vec();
        key.extend(chunk.iter().zip(&block).map(|(covered, stream)| covered ^ stream));
    }
    let mut hash = Sha1::new();
    hash.update(&password);
    hash.update(&key);
    (hash.finalize().as_slice() == check).then_some(key)
}

/// EncryptedPrivateKeyInfo (RFC 5958): a sequence of an algorithm and octets. There is one algorithm in JKS.
fn octets_of_encrypted_key(der: &[u8]) -> Option<&[u8]> {
    let mut outer = Reader(der);
    let mut inner = Reader(outer.tlv(0x30)?);
    let _algorithm = inner.tlv(0x30)?;
    inner.tlv(0x04)
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_be_bytes)
    }

    fn text(&mut self) -> Option<String> {
        let length = self.u16()?;
        self.take(usize::from(length)).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    fn long(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()?;
        self.take(usize::try_from(length).ok()?)
    }

    fn certificate(&mut self, version: u32) -> Option<Vec<u8>> {
        // Version 1 does not say which kind of certificate it is.
        if version == 2 {
            self.text()?;
        }
        self.long().map(<[u8]>::to_vec)
    }

    /// An element with this tag; its content.
    fn tlv(&mut self, tag: u8) -> Option<&'a [u8]> {
        let &[found, first] = self.take(2)? else { return None };
        let length = if first < 0x80 {
            usize::from(first)
        } else {
            self.take(usize::from(first & 0x7f))?
                .iter()
                .try_fold(0_usize, |length, byte| length.checked_mul(256)?.checked_add(usize::from(*byte)))?
        };
        let content = self.take(length)?;
        (found == tag).then_some(content)
    }
}
