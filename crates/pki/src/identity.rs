//! The identity of a server or device.

use crate::key::PrivateKey;
use crate::read::certificate::Certificate;

/// A server's or a device's identity: the content of its files.
#[derive(Debug)]
pub struct Identity {
    /// The name of the device or server.
    pub name: String,
    /// The trust anchors of its holder.
    pub anchors: Vec<Certificate>,
    /// The certificate with its chain and key.
    pub x509: X509,
}

/// A certificate with its chain and key.
#[derive(Debug)]
pub struct X509 {
    /// The private key; `None` if its holder kept it and sent a certificate signing request.
    pub key: Option<PrivateKey>,
    /// The certificate.
    pub leaf: Certificate,
    /// The CAs between the leaf and its root, nearest first, without the root.
    pub intermediates: Vec<Certificate>,
}
