//! The trusted roots of the system.

use base::{Code, Result};
use pki::Certificate;
use rustls::pki_types::{CertificateDer, TrustAnchor};
use time::OffsetDateTime;

use crate::fingerprint::Fingerprint;

/// A set of trusted roots.
pub struct Roots {
    certificates: Vec<CertificateDer<'static>>,
}

impl Roots {
    /// The roots of the operating system, or of SSL_CERT_FILE and SSL_CERT_DIR if they are set, as for OpenSSL.
    ///
    /// # Errors
    /// [`Code::FileUnreadable`] if there are none. Unreadable files are skipped as long as there are others.
    pub fn system() -> Result<Self> {
        let found = rustls_native_certs::load_native_certs();
        if found.certs.is_empty() {
            let error = Code::FileUnreadable.error("no trusted roots were found on this system");
            let error = match found.errors.first() {
                Some(first) => error.because(first),
                None => error,
            };
            return Err(error.fix("install them (Debian's package is ca-certificates), or set SSL_CERT_FILE"));
        }
        Ok(Self { certificates: found.certs })
    }

    /// A set of roots in DER. Invalid certificates are ignored when verifying.
    pub fn new(certificates: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self { certificates: certificates.into_iter().map(CertificateDer::from).collect() }
    }

    /// The roots that can be parsed.
    pub(crate) fn certificates(&self) -> Vec<Certificate> {
        self.certificates.iter().filter_map(|root| Certificate::from_der(root).ok()).collect()
    }

    /// The subset with this fingerprint.
    pub(crate) fn only(&self, fingerprint: &Fingerprint) -> Self {
        let is_it = |root: &CertificateDer<'_>| {
            Certificate::from_der(root).is_ok_and(|certificate| Fingerprint::of(&certificate) == *fingerprint)
        };
        Self { certificates: self.certificates.iter().filter(|root| is_it(root)).cloned().collect() }
    }

    /// The roots in DER.
    pub(crate) fn into_certificates(self) -> Vec<CertificateDer<'static>> {
        self.certificates
    }

    /// The roots in DER, for other verifiers.
    pub fn into_der(self) -> Vec<Vec<u8>> {
        self.certificates.iter().map(|root| root.to_vec()).collect()
    }

    /// The roots as trust anchors for webpki.
    pub(crate) fn anchors(&self) -> Vec<TrustAnchor<'_>> {
        self.certificates.iter().filter_map(|root| webpki::anchor_from_trusted_cert(root).ok()).collect()
    }

    /// The certificate of a trust anchor. If several match, a valid one is preferred, then a self-signed one, then the one
    /// that expires last.
    pub(crate) fn certificate_of(&self, anchor: &TrustAnchor<'_>, now: OffsetDateTime) -> Option<Certificate> {
        self.certificates
            .iter()
            .filter(|root| webpki::anchor_from_trusted_cert(root).is_ok_and(|found| found == *anchor))
            .filter_map(|root| Certificate::from_der(root).ok())
            .max_by_key(|root| {
                let valid = root.not_before() <= now && now <= root.not_after();
                (valid, root.self_signature().is_possible(), root.not_after())
            })
    }
}
