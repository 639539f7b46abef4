//! The client's certificate as rustls is handed it: shown whoever the server would accept, and of whatever version.

use std::sync::{Arc, Mutex, PoisonError};

use base::{Code, Result};
use pki::{Certificate, PrivateKey};
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;

/// Shows one certificate, or none, to every server that asks.
#[derive(Debug)]
pub(crate) struct ClientKey {
    key: Option<Arc<CertifiedKey>>,
    asked: Mutex<Option<Asked>>,
}

/// What a server asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    /// Whether it checks a kind of signature that the key can make. Without, rustls shows nothing.
    pub(crate) takes_key: bool,
}

impl ClientKey {
    /// Shows nothing.
    pub(crate) fn none() -> Self {
        Self { key: None, asked: Mutex::default() }
    }

    /// Shows this chain as it is: version 1 and wrong orders included, since it is for the server to say.
    ///
    /// # Errors
    /// [`Code::KeyUnreadable`] for keys that rustls does not sign with.
    pub(crate) fn new(key: &PrivateKey, chain: &[Certificate], provider: &CryptoProvider) -> Result<Self> {
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.to_pkcs8_der().to_vec()));
        let signing = provider
            .key_provider
            .load_private_key(der)
            .map_err(|error| Code::KeyUnreadable.error("TLS cannot use the key").because(error))?;
        let chain = chain.iter().map(|certificate| CertificateDer::from(certificate.der().to_vec())).collect();
        Ok(Self { key: Some(Arc::new(CertifiedKey::new(chain, signing))), asked: Mutex::default() })
    }

    /// What the server asked for, if it did.
    pub(crate) fn asked(&self) -> Option<Asked> {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ResolvesClientCert for ClientKey {
    fn resolve(&self, _issuers: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let takes_key = self.key.as_ref().is_some_and(|key| key.key.choose_scheme(schemes).is_some());
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(Asked { takes_key });
        self.key.clone()
    }

    fn has_certs(&self) -> bool {
        self.key.is_some()
    }
}
