//! The private key of a device.

use alloc::vec::Vec;
use core::fmt;

/// The length of a public key in bytes: an uncompressed point of P-256 (SEC 1, section 2.3.3).
pub const PUBLIC_KEY: usize = 65;

/// A private key of P-256 that signs.
pub trait Signer {
    /// The public key: 4, and then X and Y.
    fn public_key(&self) -> [u8; PUBLIC_KEY];

    /// Signs a message with ECDSA and SHA-256. The signature is an `ECDSA-Sig-Value` in DER (RFC 3279, section 2.2.3).
    ///
    /// # Errors
    /// [`SignError`] if the key or the random generator fails.
    fn sign(&mut self, message: &[u8]) -> Result<Vec<u8>, SignError>;
}

/// The key cannot sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignError;

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the private key cannot sign")
    }
}

impl core::error::Error for SignError {}
