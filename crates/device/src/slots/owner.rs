//! The owner of the slots.

use sha2::{Digest, Sha256};

/// The device that slots belong to: a hash over the name and the salt of its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner([u8; 32]);

impl Owner {
    /// The length of the hash in bytes.
    pub(super) const LENGTH: usize = 32;

    /// The owner with this name, which a record of this salt names. The salt tells two records of one device apart: a
    /// new one is written for a device whose identity must not be used any more.
    pub fn new(device_name: &str, salt: &[u8; 16]) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"tbpki slot owner\0");
        hash.update(salt);
        hash.update(device_name.as_bytes());
        Self(hash.finalize().into())
    }

    pub(super) fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }
}
