//! The certificates of the test kit, parsed.

use std::ops::Deref;

use rcgen::{CertificateParams, KeyPair};
use testkit::certificates::{self as kit, TestCertificate as Unparsed};
pub(crate) use testkit::certificates::{ca, greedy_request, leaf, server};

use super::Certificate;
use crate::read::crl::Crl;

/// A certificate with its key, able to issue others.
pub(crate) struct TestCa {
    pub(crate) certificate: Certificate,
    made: Unparsed,
}

impl TestCa {
    fn parse(made: Unparsed) -> Self {
        Self { certificate: Certificate::from_der(&made.der).unwrap(), made }
    }

    /// Signs a certificate for a new P-256 key.
    pub(crate) fn issue(&self, params: &CertificateParams) -> Self {
        Self::parse(self.made.issue(params))
    }

    /// Signs a certificate for this key.
    pub(crate) fn issue_for(&self, params: &CertificateParams, key: KeyPair) -> Self {
        Self::parse(self.made.issue_for(params, key))
    }
}

impl Deref for TestCa {
    type Target = Unparsed;

    fn deref(&self) -> &Unparsed {
        &self.made
    }
}

/// A self-signed certificate of these parameters.
pub(crate) fn self_signed(params: &CertificateParams) -> TestCa {
    TestCa::parse(kit::self_signed(params))
}

/// A root CA.
pub(crate) fn root(name: &str) -> TestCa {
    TestCa::parse(kit::root(name))
}

/// A revocation list of `issuer` with these certificates, all of them for a compromised key.
pub(crate) fn crl(issuer: &TestCa, revoked: &[&Certificate]) -> Crl {
    let serials: Vec<&[u8]> = revoked.iter().map(|certificate| certificate.serial()).collect();
    Crl::from_der(&kit::crl(issuer, &serials)).unwrap()
}
