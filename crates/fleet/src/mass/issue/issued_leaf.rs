//! Identities that have been made and are nowhere but in memory yet.

use std::sync::Arc;

use pki::{Certificate, PrivateKey, armor};
use zeroize::Zeroizing;

/// The label of PKCS#8 in PEM.
const KEY: &str = "PRIVATE KEY";
/// The label of a certificate in PEM.
const CERTIFICATE: &str = "CERTIFICATE";

/// A device of a shard, just made.
#[derive(Debug)]
pub struct IssuedLeaf {
    /// The name of the device.
    pub name: String,
    /// The private key.
    pub key: PrivateKey,
    /// The leaf, in DER.
    pub leaf: Vec<u8>,
    /// The serial number of the leaf.
    pub serial: ledger::SerialNumber,
    /// SHA-256 over the DER of the leaf.
    pub fingerprint: [u8; 32],
    /// By what the platform knows the leaf.
    pub credentials_id: String,
    /// Who signed it.
    pub issuer: Arc<IssuerChain>,
}

/// The CAs above the leaves of a CA, without the root: what is sent behind a leaf.
#[derive(Debug)]
pub struct IssuerChain {
    /// The CA that signed and those above it.
    pub certificates: Vec<Certificate>,
    pem: Vec<u8>,
}

impl IssuerChain {
    /// The chain of these CAs.
    pub fn new(certificates: Vec<Certificate>) -> Self {
        let pem = identity::files::output::pem_of(&certificates).into_bytes();
        Self { certificates, pem }
    }
}

impl IssuedLeaf {
    /// The number of bytes that [`combined`](Self::combined) appends.
    pub(crate) fn combined_length(&self) -> usize {
        let key = armor::length(KEY, self.key.pkcs8_der());
        key + armor::length(CERTIFICATE, &self.leaf) + self.issuer.pem.len()
    }

    /// Appends key, leaf and the CAs above it in PEM: all that a device sends and signs with, in one file.
    pub(crate) fn combined(&self, to: &mut Zeroizing<Vec<u8>>) {
        armor::append(KEY, self.key.pkcs8_der(), to);
        armor::append(CERTIFICATE, &self.leaf, to);
        to.extend_from_slice(&self.issuer.pem);
    }

    /// The leaf in PEM.
    pub(crate) fn leaf_text(&self) -> String {
        let mut text = Vec::with_capacity(armor::length(CERTIFICATE, &self.leaf));
        self.leaf_pem(&mut text);
        // PEM is ASCII.
        String::from_utf8(text).unwrap_or_default()
    }

    /// Appends the leaf in PEM.
    pub(crate) fn leaf_pem(&self, to: &mut Vec<u8>) {
        armor::append(CERTIFICATE, &self.leaf, to);
    }
}
