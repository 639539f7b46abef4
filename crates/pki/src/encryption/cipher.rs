//! Block ciphers in CBC mode with the padding of RFC 8018, section 6.1.1.

use aes::{Aes128, Aes192, Aes256};
use cbc::Decryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockCipherDecrypt, BlockModeDecrypt as _, KeyInit, KeyIvInit as _};
use des::{Des, TdesEde2, TdesEde3};
use rc2::Rc2;
use zeroize::Zeroizing;

/// A cipher with the length of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cipher {
    Aes128,
    Aes192,
    Aes256,
    Des,
    /// Triple DES with two keys, 16 octets.
    TripleDes2,
    /// Triple DES with three keys, 24 octets.
    TripleDes3,
    /// RC2 with a key of so many octets, all of which count.
    Rc2(usize),
}

impl Cipher {
    /// The length of the key, in octets.
    pub(super) const fn key_length(self) -> usize {
        match self {
            Self::Aes128 | Self::TripleDes2 => 16,
            Self::Aes192 | Self::TripleDes3 => 24,
            Self::Aes256 => 32,
            Self::Des => 8,
            Self::Rc2(length) => length,
        }
    }

    /// The length of a block and of the initialization vector, in octets.
    pub(super) const fn block_length(self) -> usize {
        match self {
            Self::Aes128 | Self::Aes192 | Self::Aes256 => 16,
            Self::Des | Self::TripleDes2 | Self::TripleDes3 | Self::Rc2(_) => 8,
        }
    }

    /// The plain octets; none if a length or the padding is wrong.
    pub(super) fn decrypt(self, key: &[u8], iv: &[u8], data: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        match self {
            Self::Aes128 => cbc::<Aes128>(key, iv, data),
            Self::Aes192 => cbc::<Aes192>(key, iv, data),
            Self::Aes256 => cbc::<Aes256>(key, iv, data),
            Self::Des => cbc::<Des>(key, iv, data),
            Self::TripleDes2 => cbc::<TdesEde2>(key, iv, data),
            Self::TripleDes3 => cbc::<TdesEde3>(key, iv, data),
            Self::Rc2(_) => cbc::<Rc2>(key, iv, data),
        }
    }
}

fn cbc<C: BlockCipherDecrypt + KeyInit>(key: &[u8], iv: &[u8], data: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    // Decrypted in place: the buffer is wiped, and no second copy of the key exists.
    let mut plain = Zeroizing::new(data.to_vec());
    let length = Decryptor::<C>::new_from_slices(key, iv).ok()?.decrypt_padded::<Pkcs7>(&mut plain).ok()?.len();
    plain.truncate(length);
    Some(plain)
}
