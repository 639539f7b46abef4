//! The keys of a chip, by Mbed TLS.

use alloc::vec::Vec;

use rand_core::CryptoRng;
use sha2::{Digest, Sha256};

use crate::enrolment::{P256Key, PUBLIC_KEY, SignError, Signer};
use crate::life::Hardware;
use crate::secret::Secret;

/// Keys that are made with the random generator of a machine.
pub struct ChipKeys<R> {
    /// A generator as strong as the keys must be, or `None` while there is none: the true one of a chip has entropy only
    /// while the radio is on.
    random: fn() -> Option<R>,
    /// The free memory in bytes.
    free_memory: fn() -> Option<usize>,
}

impl<R: CryptoRng> ChipKeys<R> {
    /// Keys of a generator, on a machine with a measure of its free memory.
    pub fn new(random: fn() -> Option<R>, free_memory: fn() -> Option<usize>) -> Self {
        Self { random, free_memory }
    }
}

/// A key that signs.
pub struct ChipKey<R> {
    key: P256Key,
    random: R,
}

impl<R: CryptoRng> Signer for ChipKey<R> {
    fn public_key(&self) -> [u8; PUBLIC_KEY] {
        self.key.public
    }

    fn sign(&mut self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let digest = Sha256::digest(message).into();
        let (signature, length) =
            firmware_keys::sign(&self.key.private, &digest, &mut self.random).map_err(|_| SignError)?;
        signature.get(..length).map(<[u8]>::to_vec).ok_or(SignError)
    }
}

impl<R: CryptoRng> Hardware for ChipKeys<R> {
    type Key = ChipKey<R>;

    fn new_key(&mut self) -> Result<Secret, SignError> {
        let mut random = (self.random)().ok_or(SignError)?;
        let numbers = firmware_keys::generate(&mut random).map_err(|_| SignError)?;
        Ok(P256Key { private: numbers.private, public: numbers.public }.to_text())
    }

    fn key(&mut self, text: &Secret) -> Result<ChipKey<R>, SignError> {
        let key = P256Key::from_text(text).ok_or(SignError)?;
        Ok(ChipKey { key, random: (self.random)().ok_or(SignError)? })
    }

    fn free_memory(&self) -> Option<usize> {
        (self.free_memory)()
    }
}
