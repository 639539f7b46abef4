//! Keys in OpenSSL's traditional encryption (`Proc-Type: 4,ENCRYPTED`, RFC 1421 with OpenSSL's own derivation).

use aes::{Aes128, Aes192, Aes256};
use cbc::Decryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockCipherDecrypt, BlockModeDecrypt as _, KeyInit, KeyIvInit as _};
use des::TdesEde3;
use md5::{Digest as _, Md5};

use crate::error::{Error, Result};

/// True for a block in this encryption.
pub(crate) fn is_encrypted(block: &pem::Pem) -> bool {
    block.headers().get("Proc-Type").is_some_and(|value| value.contains("ENCRYPTED"))
}

/// The DER inside.
pub(crate) fn decrypt(block: &pem::Pem, password: &str) -> Result<Vec<u8>> {
    let refused = || Error::new("exception using cipher - please check password and data.");
    // `CIPHER,IV`: the initialization vector is the salt of the derivation at the same time.
    let (cipher, iv) = block.headers().get("DEK-Info").and_then(|info| info.split_once(',')).ok_or_else(refused)?;
    let iv = bytes(iv.trim()).ok_or_else(refused)?;
    let key = |length: usize| derive(password.as_bytes(), &iv, length);
    let data = block.contents();
    let plain = match cipher {
        "AES-128-CBC" => open::<Aes128>(&key(16), &iv, data),
        "AES-192-CBC" => open::<Aes192>(&key(24), &iv, data),
        "AES-256-CBC" => open::<Aes256>(&key(32), &iv, data),
        "DES-EDE3-CBC" => open::<TdesEde3>(&key(24), &iv, data),
        _ => None,
    };
    // One wrong password in 256 leaves what looks like padding; a key always begins as a SEQUENCE.
    plain.filter(|der| der.first() == Some(&0x30)).ok_or_else(refused)
}

fn open<C: BlockCipherDecrypt + KeyInit>(key: &[u8], iv: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    Decryptor::<C>::new_from_slices(key, iv).ok()?.decrypt_padded_vec::<Pkcs7>(data).ok()
}

/// MD5 over the last hash, the password and the first eight bytes of the initialization vector, until the key is complete.
fn derive(password: &[u8], iv: &[u8], length: usize) -> Vec<u8> {
    let salt = iv.get(..8).unwrap_or_default();
    let mut key: Vec<u8> = Vec::new();
    let mut last: Vec<u8> = Vec::new();
    while key.len() < length {
        // EVP_BytesToKey of OpenSSL, with one round: weak, but there is no other derivation in this form.
        let mut hash = Md5::new();
        hash.update(&last);
        hash.update(password);
        hash.update(salt);
        last = hash.finalize().to_vec();
        key.extend(&last);
    }
    key.truncate(length);
    key
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> = hex.chars().map(|c| c.to_digit(16)).collect::<Option<_>>()?;
    digits.chunks_exact(2).map(|pair| u8::try_from(pair.first()? * 16 + pair.get(1)?).ok()).collect()
}
