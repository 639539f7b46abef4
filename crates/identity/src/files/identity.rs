//! An identity as those see it who write its files.

use base::{Code, Result};
use pki::identity::Identity;
use pki::{Certificate, PrivateKey};

/// An identity with a certificate, taken apart for those who write its files.
#[derive(Debug, Clone, Copy)]
pub struct IdentityView<'a> {
    key: Option<&'a PrivateKey>,
    /// The certificate.
    pub leaf: &'a Certificate,
    /// The CAs between the leaf and its root.
    pub intermediates: &'a [Certificate],
    /// The trust anchors of the holder.
    pub anchors: &'a [Certificate],
}

impl<'a> IdentityView<'a> {
    /// A view of an identity.
    pub fn of(identity: &'a Identity) -> Self {
        let x509 = &identity.x509;
        Self {
            key: x509.key.as_ref(),
            leaf: &x509.leaf,
            intermediates: &x509.intermediates,
            anchors: &identity.anchors,
        }
    }

    /// The private key.
    pub fn key(&self) -> Result<&'a PrivateKey> {
        self.key.ok_or_else(|| Code::Internal.error("a file with a key was planned for an identity without one"))
    }

    /// The leaf and the CAs above it, without the root.
    pub fn chain(&self) -> impl Iterator<Item = &'a Certificate> {
        std::iter::once(self.leaf).chain(self.intermediates)
    }
}
