//! Who somebody is towards their peers, and whom they trust.

use base::Secret;

use crate::certificate::Certificate;
use crate::key::PrivateKey;

/// A server's or a device's identity: what the sinks write down.
#[derive(Debug)]
pub struct Identity {
    /// The device's name, or the server's.
    pub name: String,
    /// The certificates that its holder trusts.
    pub anchors: Vec<Certificate>,
    /// How it proves who it is.
    pub credential: Credential,
}

/// How an identity is proven.
#[derive(Debug)]
pub enum Credential {
    /// By the private key of a certificate.
    X509(Box<X509>),
    /// By an access token.
    Token(Secret),
}

/// A certificate, those above it, and its key.
#[derive(Debug)]
pub struct X509 {
    /// The key, unless the holder kept it and sent a certificate signing request.
    pub key: Option<PrivateKey>,
    /// The certificate.
    pub leaf: Certificate,
    /// The CAs between the leaf and its root, nearest first, without the root.
    pub intermediates: Vec<Certificate>,
}
