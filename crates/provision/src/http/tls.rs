//! TLS as the platform's REST API is talked to.

use std::sync::Arc;

use base::{Code, Result};
use pki::Certificate;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

use super::origin::Origin;
use crate::roots::Roots;

/// A configuration that trusts `roots`, or those of this system.
///
/// # Errors
/// [`Code::FileUnreadable`] where this system has no roots, [`Code::CertificateUnreadable`] for a root that is none.
pub(super) fn config(origin: &Origin, roots: Option<&[Certificate]>) -> Result<ClientConfig> {
    let mut store = RootCertStore::empty();
    match roots {
        Some(roots) => {
            for root in roots {
                store.add(CertificateDer::from(root.der().to_vec())).map_err(|error| {
                    Code::CertificateUnreadable.error("a root of the platform cannot be used").because(error)
                })?;
            }
        }
        // Where there is no TLS, no roots are needed.
        None if origin.is_https() => drop(store.add_parsable_certificates(Roots::system()?.into_certificates())),
        None => {}
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Code::Internal.error("TLS cannot be set up").because(error))?
        .with_root_certificates(store)
        .with_no_client_auth();
    Ok(config)
}
