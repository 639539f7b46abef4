//! Leaves by the thousand: what is the same in all of them is written once.

use super::{Issuer, KeySource, LocalCa, Order};
use crate::algorithm::Algorithm;
use crate::code::Code;
use crate::error::Result;
use crate::key::{PrivateKey, SigningKey};
use crate::san::San;
use crate::serial::Serial;
use crate::subject::Subject;
use crate::tbs::Contents;

/// Leaves of one CA that differ in nothing but serial number, subject, alternative names and key.
#[derive(Debug)]
pub struct LeafTemplate<'a, K = PrivateKey> {
    ca: &'a LocalCa<K>,
    contents: Contents,
    key: Algorithm,
}

/// What makes one leaf of a [`LeafTemplate`] another than the next.
#[derive(Debug, Clone, Copy)]
pub struct LeafOrder<'a> {
    /// Whose it is.
    pub subject: &'a Subject,
    /// Under which names.
    pub sans: &'a [San],
    /// Its serial number.
    pub serial: &'a Serial,
}

impl<'a, K: SigningKey> LeafTemplate<'a, K> {
    /// A template for leaves with keys of the algorithm `key` that `ca` signs and that say what `contents` says, but
    /// for serial number, subject and alternative names, which every [`LeafOrder`] brings.
    ///
    /// # Errors
    /// Those of [`Issuer::issue`].
    pub fn new(ca: &'a LocalCa<K>, contents: &Contents, key: Algorithm) -> Result<Self> {
        Ok(Self { ca, contents: contents.clone(), key })
    }

    /// Makes a key and a leaf for it (DER). Several threads may do so at once.
    ///
    /// # Errors
    /// Those of [`Issuer::issue`].
    pub fn issue(&self, leaf: &LeafOrder<'_>) -> Result<(PrivateKey, Vec<u8>)> {
        let contents = Contents {
            serial: *leaf.serial,
            subject: leaf.subject.clone(),
            sans: leaf.sans.to_vec(),
            ..self.contents.clone()
        };
        let issued = self.ca.issue(Order { contents, key: KeySource::Generate(self.key) })?;
        let certificate = issued.chain.first().map(|leaf| leaf.der().to_vec());
        issued.key.zip(certificate).ok_or_else(|| Code::Internal.error("a leaf was made without its key"))
    }
}
