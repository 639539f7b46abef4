//! Leaves by the thousand: what is the same in all of them is written, and checked, once.

use base::Result;

use super::{LocalCa, check_as_ordered};
use crate::algorithm::Algorithm;
use crate::issue::lint;
use crate::issue::profile::Profile;
use crate::issue::serial::Serial;
use crate::issue::tbs::{self, Contents, Pieces};
use crate::key::{PrivateKey, PublicKey, SigningKey};
use crate::names::san::San;
use crate::names::subject::Subject;
use crate::read::certificate::Certificate;

/// Leaves of one CA that differ in nothing but serial number, subject, alternative names and key.
///
/// They are, byte for byte, what [`Issuer::issue`] makes of the same order. That path parses every certificate to check it
/// against the rules, and parses it again once it is signed. Here this is done for the first one, with a key that is thrown
/// away; of each leaf only that is checked in which it differs from that one.
///
/// [`Issuer::issue`]: super::Issuer::issue
#[derive(Debug)]
pub struct LeafTemplate<'a, K = PrivateKey> {
    ca: &'a LocalCa<K>,
    profile: Profile,
    key: Algorithm,
    pieces: Pieces,
    /// The validity of all leaves, as DER.
    period: Vec<u8>,
}

/// The differences between the leaves of a [`LeafTemplate`].
#[derive(Debug, Clone, Copy)]
pub struct LeafOrder<'a> {
    /// Whose it is.
    pub subject: &'a Subject,
    /// Under which names.
    pub sans: &'a [San],
    /// The serial number.
    pub serial: &'a Serial,
}

impl<'a, K: SigningKey> LeafTemplate<'a, K> {
    /// A template for leaves with keys of the algorithm `key` that `ca` signs and that have what `contents` has, but
    /// for serial number, subject and alternative names, which every [`LeafOrder`] brings.
    ///
    /// # Errors
    /// [`Code::OutlivesIssuer`](base::Code::OutlivesIssuer), [`Code::PathLength`](base::Code::PathLength), [`Code::LintFailed`](base::Code::LintFailed).
    pub fn new(ca: &'a LocalCa<K>, contents: &Contents, key: Algorithm) -> Result<Self> {
        Self::of_sample(ca, contents, PrivateKey::generate(key)?.public())
    }

    /// The template of which a certificate for `key` is a sample.
    fn of_sample(ca: &'a LocalCa<K>, contents: &Contents, key: &PublicKey) -> Result<Self> {
        ca.check_period_and_place(contents)?;
        let pieces = ca.pieces_of_sample(contents, key)?;
        let period = tbs::period(&contents.validity)?;
        Ok(Self { ca, profile: contents.profile, key: key.algorithm(), pieces, period })
    }

    /// Makes a key, and a leaf for it in DER. Several threads may do so at once.
    ///
    /// # Errors
    /// [`Code::NameConstraint`](base::Code::NameConstraint), [`Code::BadSan`](base::Code::BadSan) and [`Code::LintFailed`](base::Code::LintFailed), before anything is signed.
    pub fn issue(&self, leaf: &LeafOrder<'_>) -> Result<(PrivateKey, Vec<u8>)> {
        self.check_order(leaf)?;
        let key = PrivateKey::generate(self.key)?;
        let der = self.sign(leaf, key.public())?;
        Ok((key, der))
    }

    /// Reads a leaf back whole, as [`Issuer::issue`](super::Issuer::issue) does with every one: for a sample of those
    /// that were made.
    ///
    /// # Errors
    /// [`Code::BadSignature`](base::Code::BadSignature), [`Code::LintFailed`](base::Code::LintFailed) and [`Code::CertificateUnreadable`](base::Code::CertificateUnreadable) for one that is not what was
    /// ordered.
    pub fn check(&self, der: &[u8], leaf: &LeafOrder<'_>, key: &PublicKey) -> Result<Certificate> {
        let certificate = Certificate::from_der(der)?;
        check_as_ordered(&certificate, leaf.subject, leaf.serial, &self.ca.issued_by(), key)?;
        certificate.verify_signed_by(self.ca.certificate())?;
        Ok(certificate)
    }

    /// Checks all in which a leaf differs from the sample, but for its key.
    fn check_order(&self, leaf: &LeafOrder<'_>) -> Result<()> {
        self.ca.check_names(self.profile, leaf.subject, leaf.sans)?;
        leaf.sans.iter().try_for_each(tbs::check_san)?;
        lint::check_varying(self.profile, leaf.serial, leaf.subject, leaf.sans)
    }

    /// The leaf for a key.
    fn sign(&self, leaf: &LeafOrder<'_>, key: &PublicKey) -> Result<Vec<u8>> {
        let tbs = self.tbs(leaf, key);
        tbs::seal(&tbs, &self.ca.key().sign(&tbs)?)
    }

    /// The bytes to be signed.
    fn tbs(&self, leaf: &LeafOrder<'_>, key: &PublicKey) -> Vec<u8> {
        self.pieces.write(leaf.serial, &self.period, leaf.subject.to_der(), leaf.sans, key)
    }
}

#[cfg(test)]
mod tests;
