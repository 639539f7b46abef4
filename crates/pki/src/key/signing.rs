//! Whatever signs: a private key in this process's hands, or one that a token keeps to itself.

use std::fmt::Debug;

use base::Result;

use super::{PrivateKey, PublicKey};

/// The private key of a CA, wherever it is kept. Several threads may sign with it at once.
pub trait SigningKey: Debug + Send + Sync {
    /// The public half.
    fn public(&self) -> &PublicKey;

    /// Signs `message` with the hash that belongs to the algorithm; the result is the content of an X.509
    /// signature field.
    ///
    /// # Errors
    /// What keeps the key from signing.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>>;

    /// Fails with [`Code::KeyMismatch`](base::Code::KeyMismatch) unless this key is the one whose public half `spki_der` holds.
    fn check_belongs_to(&self, spki_der: &[u8]) -> Result<()> {
        self.public().check_belongs_to(spki_der)
    }
}

impl SigningKey for PrivateKey {
    fn public(&self) -> &PublicKey {
        PrivateKey::public(self)
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        PrivateKey::sign(self, message)
    }
}

impl<K: SigningKey + ?Sized> SigningKey for &K {
    fn public(&self) -> &PublicKey {
        (**self).public()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        (**self).sign(message)
    }
}

impl<K: SigningKey + ?Sized> SigningKey for Box<K> {
    fn public(&self) -> &PublicKey {
        (**self).public()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        (**self).sign(message)
    }
}
