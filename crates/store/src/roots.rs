//! Roots that the configuration names for a server that tbpki talks to.

use std::path::Path;

use base::{Code, Result, file};
use pki::Certificate;
use pki::pem_bundle::PemBundle;

use crate::paths::FILE_LIMIT;

/// The roots in the file at `path`, which verify `what`.
///
/// # Errors
/// [`Code::CertificateUnreadable`] if the file holds none, and those of reading it.
pub fn roots(path: &Path, what: &str) -> Result<Vec<Certificate>> {
    let bytes = file::read(path, FILE_LIMIT)?;
    let certificates = PemBundle::parse(&bytes).map_err(|error| error.at(path))?.certificates;
    if certificates.is_empty() {
        return Err(Code::CertificateUnreadable
            .error(format!("the file with the roots for {what} contains no certificate"))
            .at(path)
            .fix("name a PEM file with the root of the CA that issued its certificate"));
    }
    Ok(certificates)
}
