//! TLS for the platform's REST API.

use std::sync::Arc;

use base::{Code, Result};
use pki::Certificate;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

use super::origin::HttpOrigin;
use crate::roots::Roots;

/// A configuration that trusts `roots`, or the roots of the system.
///
/// # Errors
/// [`Code::FileUnreadable`] if the system has no roots, [`Code::CertificateUnreadable`] for an invalid root.
pub(super) fn config(origin: &HttpOrigin, roots: Option<&[Certificate]>) -> Result<ClientConfig> {
    let mut store = RootCertStore::empty();
    match roots {
        Some(roots) => {
            // Only these roots: with the system's roots as well, any public CA could vouch for the platform.
            for root in roots {
                store.add(CertificateDer::from(root.der().to_vec())).map_err(|error| {
                    Code::CertificateUnreadable.error("a root of the platform cannot be used").caused_by(error)
                })?;
            }
        }
        // Plain HTTP needs no roots.
        // Some systems ship roots that rustls cannot parse. They are left out instead of failing all.
        None if origin.is_https() => drop(store.add_parsable_certificates(Roots::system()?.into_certificates())),
        None => {}
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Code::Internal.error("TLS cannot be set up").caused_by(error))?
        .with_root_certificates(store)
        .with_no_client_auth();
    Ok(config)
}
