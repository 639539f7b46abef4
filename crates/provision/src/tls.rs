//! TLS connections to brokers: one verifier for the connection that only looks and for the one that logs in.
//!
//! The certificate of the platform's REST API is verified by rustls alone (`http::tls`).

mod client_key;
mod close_reason;
mod policy;
mod verifier;

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, Error};

pub(crate) use client_key::ClientKey;
pub(crate) use close_reason::CloseReason;
pub(crate) use policy::TrustPolicy;
pub(crate) use verifier::ServerVerifier;

/// A configuration without session resumption, so that every handshake shows certificates.
pub(crate) fn client_config(verifier: Arc<ServerVerifier>, client: Arc<ClientKey>) -> Result<ClientConfig, Error> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(client.versions())?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_cert_resolver(client);
    config.resumption = Resumption::disabled();
    Ok(config)
}
