//! The last revocation lists of CAs that are out of service. No broker reads them; they keep a revocation known if the ledger
//! is lost.

use std::path::{Path, PathBuf};

use base::file::{self, Mode};
use base::{Code, Result};
use pki::armor;
use pki::crl::Crl;
use pki::pem_bundle::PemBundle;
use store::file_names::RETIRED;

use super::revocation_lists::list_file::{LIMIT, lists_in};

/// The name of the file.
const FILE: &str = "lists.pem";

/// The file in a store.
pub fn path(store: &Path) -> PathBuf {
    store.join("ca").join(RETIRED).join(FILE)
}

/// The lists of a store: one for each CA key, unless no list was ever written of it.
///
/// # Errors
/// Those of reading the file.
pub fn read(store: &Path) -> Result<Vec<Crl>> {
    lists_in(&path(store))
}

/// Keeps lists that the file for brokers is about to lose. An earlier list of the same CA key makes room.
///
/// # Errors
/// Those of reading and writing the file.
pub(super) fn keep(store: &Path, dropped: &[&Crl]) -> Result<()> {
    if dropped.is_empty() {
        return Ok(());
    }
    let mut kept = read(store)?;
    // CA keys have names of their own, and each list of a key has the name of its CA.
    kept.retain(|list| !dropped.iter().any(|new| new.issuer_der() == list.issuer_der()));
    let mut pem = Vec::new();
    kept.iter().chain(dropped.iter().copied()).for_each(|list| armor::append("X509 CRL", list.der(), &mut pem));
    let path = path(store);
    file::create_dir(path.parent().ok_or_else(|| Code::Internal.error("the file is in no directory"))?)?;
    file::replace(&path, &pem, Mode::Public, LIMIT, |before| PemBundle::parse(before).is_ok())
}
