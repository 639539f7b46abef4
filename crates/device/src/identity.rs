//! The identity that a device shows in a TLS handshake.

use crate::secret::Secret;

/// The identity that a TLS connection shows. The texts are PEM and a NUL.
#[derive(Debug, Clone, Copy)]
pub struct Identity<'a> {
    /// The chain, leaf first.
    pub chain: &'a str,
    /// The private key.
    pub key: &'a Secret,
}
