//! The private key of a login: in this process, or in a token.

use base::Result;
use pki::PrivateKey;
use pki::key::{PublicKey, SigningKey};
use pki::pkcs11::TokenKey;

use super::token_signer::TokenSigner;

/// A private key that signs requests and TLS handshakes.
#[derive(Debug)]
pub enum LoginKey {
    /// A key from a file.
    File(PrivateKey),
    /// A key that its token keeps to itself.
    Token(TokenSigner),
}

impl LoginKey {
    /// A key in a token.
    ///
    /// # Errors
    /// Those of a token that went away.
    pub fn in_token(key: TokenKey) -> Result<Self> {
        TokenSigner::new(key).map(Self::Token)
    }
}

impl SigningKey for LoginKey {
    fn public(&self) -> &PublicKey {
        match self {
            Self::File(key) => key.public(),
            Self::Token(signer) => signer.key().public(),
        }
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        match self {
            Self::File(key) => key.sign(message),
            Self::Token(signer) => signer.key().sign(message),
        }
    }
}
