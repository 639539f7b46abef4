//! Reading a file with revocation lists.

use std::path::Path;

use base::{Result, file};
use pki::crl::Crl;
use pki::pem_bundle::PemBundle;

/// The largest file that is read, in bytes.
pub const LIMIT: usize = 64 << 20;

/// The lists in a file; none if there is no file.
///
/// # Errors
/// Those of reading the file.
pub(crate) fn lists_in(path: &Path) -> Result<Vec<Crl>> {
    let Some(bytes) = file::read_optional(path, LIMIT)? else { return Ok(Vec::new()) };
    let lists = PemBundle::parse(&bytes).map_err(|error| error.at(path))?.crls;
    lists.iter().map(|der| Crl::from_der(der).map_err(|error| error.at(path))).collect()
}
