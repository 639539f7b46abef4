//! TLS as ThingsBoard's listeners speak it.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, version};
use tokio_rustls::TlsAcceptor;

use crate::core::Core;
use crate::error::{Error, Result};

pub(crate) mod jks;
pub(crate) mod keys;
pub(crate) mod old;
pub(crate) mod own;
pub(crate) mod pkcs12;
mod signature;
mod traditional;
mod verifier;

use keys::Loaded;
#[cfg(test)]
pub(crate) use signature::links;
pub(crate) use verifier::WantsClientCertificates;

/// The MQTT listener: 1.2 and 1.3; client certificates are wanted and not needed.
pub(crate) fn mqtt(loaded: &Loaded, core: Arc<Core>) -> Result<TlsAcceptor> {
    let verifier =
        WantsClientCertificates::new(loaded.named.clone(), Box::new(move |chain| core.state().present_chain(chain)));
    acceptor(loaded, Some(Arc::new(verifier)))
}

/// HTTPS: no client certificates at all.
pub(crate) fn https(loaded: &Loaded) -> Result<TlsAcceptor> {
    acceptor(loaded, None)
}

/// A listener with this verifier of clients, or without any.
pub(crate) fn acceptor(
    loaded: &Loaded,
    verifier: Option<Arc<dyn rustls::server::danger::ClientCertVerifier>>,
) -> Result<TlsAcceptor> {
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&version::TLS12, &version::TLS13])
        .map_err(|error| Error::new(error.to_string()))?
        .with_client_cert_verifier(verifier.unwrap_or_else(WebPkiClientVerifier::no_client_auth))
        .with_cert_resolver(Arc::new(Always(loaded.certified.clone())));
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The one certificate, whether its key fits or not: a real server does not look either.
#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesServerCert for Always {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}
