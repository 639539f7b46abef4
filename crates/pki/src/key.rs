//! Private keys.

/// A private key.
pub struct PrivateKey;
