//! TLS of ThingsBoard's listeners.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::{Ticketer, default_provider};
use rustls::server::{ClientHello, ProducesTickets, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, version};
use tokio_rustls::TlsAcceptor;

use crate::error::{Error, Result};

mod jks;
pub(crate) mod keys;
mod keystore;
pub(crate) mod old_versions;
pub(crate) mod own_ca;
mod pkcs12;
mod server_keys;
mod signature;
mod traditional;
mod verifier;

use keys::LoadedKeys;
pub use server_keys::ServerKeys;
#[cfg(test)]
pub(crate) use signature::links;
pub(crate) use verifier::{ChainHandler, ClientCertificateVerifier};

/// The MQTT listener: 1.2 and 1.3; client certificates are wanted and not needed.
pub(crate) fn mqtt(loaded: &LoadedKeys, present: ChainHandler) -> Result<TlsAcceptor> {
    let verifier = ClientCertificateVerifier::new(loaded.named.clone(), present);
    acceptor(loaded, Some(Arc::new(verifier)))
}

/// The HTTPS listener, without client certificates.
pub(crate) fn https(loaded: &LoadedKeys) -> Result<TlsAcceptor> {
    acceptor(loaded, None)
}

/// A listener with this verifier of clients, or without any.
pub(crate) fn acceptor(
    loaded: &LoadedKeys,
    verifier: Option<Arc<dyn rustls::server::danger::ClientCertVerifier>>,
) -> Result<TlsAcceptor> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&version::TLS12, &version::TLS13])
        .map_err(|error| Error::new(error.to_string()))?
        .with_client_cert_verifier(verifier.unwrap_or_else(WebPkiClientVerifier::no_client_auth))
        .with_cert_resolver(Arc::new(FixedCertificate(loaded.certified.clone())));
    let tickets = Ticketer::new().map_err(|error| Error::cannot("make session tickets", error))?;
    config.ticketer = Arc::new(DayTickets(tickets));
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Session tickets that are announced for a day, as those of Java 17.
#[derive(Debug)]
struct DayTickets(Arc<dyn ProducesTickets>);

impl ProducesTickets for DayTickets {
    fn enabled(&self) -> bool {
        self.0.enabled()
    }

    /// The lifetime in seconds.
    fn lifetime(&self) -> u32 {
        86_400
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.0.encrypt(plain)
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.0.decrypt(cipher)
    }
}

/// The one certificate. Like the real server it does not check that the key belongs to it.
#[derive(Debug)]
struct FixedCertificate(Arc<CertifiedKey>);

impl ResolvesServerCert for FixedCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}
