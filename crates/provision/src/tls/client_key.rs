//! The client certificate that rustls offers to servers.

use std::sync::{Arc, Mutex, PoisonError};

use base::{Code, Result};
use pki::Certificate;
use rustls::client::ResolvesClientCert;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use rustls::{SignatureScheme, SupportedProtocolVersion};

use crate::files::LoginKey;

/// The certificate that is sent to every server that asks, or none. Records what the server asked for.
#[derive(Debug)]
pub(crate) struct ClientKey {
    key: Option<Arc<CertifiedKey>>,
    versions: &'static [&'static SupportedProtocolVersion],
    asked: Mutex<Option<CertificateRequest>>,
}

/// A server's request for a client certificate.
#[derive(Debug, Clone)]
pub(crate) struct CertificateRequest {
    /// The issuers that the server accepts: Names in DER. Empty means any.
    pub(crate) issuers: Vec<Vec<u8>>,
    /// True if the server accepts a signature algorithm of the key. If not, rustls sends no certificate.
    pub(crate) takes_key: bool,
}

impl ClientKey {
    /// No certificate.
    pub(crate) fn none() -> Self {
        Self { key: None, versions: rustls::ALL_VERSIONS, asked: Mutex::default() }
    }

    /// This chain, unchecked: whether version 1 or a wrong order is acceptable is the server's decision.
    ///
    /// # Errors
    /// [`Code::KeyUnreadable`] if rustls does not support the key.
    pub(crate) fn new(key: &LoginKey, chain: &[Certificate], provider: &CryptoProvider) -> Result<Self> {
        let key = match key {
            LoginKey::File(key) => key,
            LoginKey::Token(signer) => {
                let key = Some(Arc::new(signer.certified(chain)));
                return Ok(Self { key, versions: signer.versions(), asked: Mutex::default() });
            }
        };
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.to_pkcs8_der().to_vec()));
        let signing = provider.key_provider.load_private_key(der).map_err(|_| {
            Code::KeyUnreadable.error("TLS cannot use the key").because("rustls does not support its algorithm")
        })?;
        let chain = chain.iter().map(|certificate| CertificateDer::from(certificate.der().to_vec())).collect();
        let key = Some(Arc::new(CertifiedKey::new(chain, signing)));
        Ok(Self { key, versions: rustls::ALL_VERSIONS, asked: Mutex::default() })
    }

    /// The versions of TLS in which the key can sign.
    pub(crate) fn versions(&self) -> &'static [&'static SupportedProtocolVersion] {
        self.versions
    }

    /// The server's request, if it sent one.
    pub(crate) fn asked(&self) -> Option<CertificateRequest> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ResolvesClientCert for ClientKey {
    fn resolve(&self, issuers: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let takes_key = self.key.as_ref().is_some_and(|key| key.key.choose_scheme(schemes).is_some());
        let issuers = issuers.iter().map(|issuer| issuer.to_vec()).collect();
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(CertificateRequest { issuers, takes_key });
        // Whatever issuers the server names: ThingsBoard with PEM files names only itself, and accepts others.
        self.key.clone()
    }

    fn has_certs(&self) -> bool {
        self.key.is_some()
    }
}
