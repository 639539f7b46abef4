//! An `init` that was killed once its files were there: what it had not done yet, done by the next one.

use std::path::{Path, PathBuf};

use base::{Code, Result, file};
use pki::pem_bundle::PemBundle;

use crate::init::{CaReport, InitReport, key_location, move_roots_out};
use crate::report::{CertificateReport, FileReport};
use store::StoreLocation;
use store::ca::key::KeyLocation;
use store::ca::{Ca, Hierarchy};
use store::{FILE_LIMIT, Store};

/// Whether a store lacks something that an `init` does last: its CAs in the ledger, or, with `root_out`,
/// the keys of the roots somewhere else.
///
/// # Errors
/// Those of the ledger.
pub fn is_unfinished(location: &StoreLocation, root_out: bool) -> Result<bool> {
    let dir = location.dir();
    if store::check_exists(dir).is_err() {
        return Ok(false);
    }
    let holds_root_keys = Hierarchy::ALL.into_iter().any(|hierarchy| hierarchy.root().key_path(dir).exists());
    match store::view(location) {
        Ok(_) => Ok(root_out && holds_root_keys),
        // The files are there and the ledger does not know the CAs: `init` was killed between the two.
        Err(error) if error.code() == Code::StoreMissing => Ok(true),
        Err(error) => Err(error),
    }
}

/// Does the rest.
///
/// # Errors
/// Those of [`init`](crate::init::init).
pub fn finish(config: &Path, location: &StoreLocation, root_out: Option<&Path>) -> Result<InitReport> {
    let dir = location.dir();
    // Opening records the CAs in the ledger.
    drop(Store::open(location, "init")?);
    let moved = root_out.map_or_else(|| Ok(Vec::new()), |out| move_roots_out(dir, out))?;
    let mut files = Vec::new();
    let mut cas = Vec::new();
    let mut encrypted = false;
    for ca in Ca::OF_INIT {
        let certificates = ca.certificates(dir)?;
        let key = Some(key_location(dir, &ca, root_out)).filter(|path| path.exists());
        let (uri_path, key_uri) = match ca.key_place(dir)? {
            KeyLocation::Token(uri) => (Some(ca.uri_path(dir)), Some(uri.to_string())),
            KeyLocation::File(_) | KeyLocation::Elsewhere => (None, None),
        };
        let here = [Some(ca.cert_path(dir)), key.clone().filter(|path| path.starts_with(dir)), uri_path];
        files.extend(here.into_iter().flatten().map(FileReport::unchanged));
        encrypted |= key.as_ref().map_or(Ok(false), is_encrypted)?;
        let certificate = certificates.first().map(CertificateReport::of);
        cas.extend(certificate.map(|certificate| CaReport { name: ca.name(), certificate, key, key_uri }));
    }
    files.extend(moved);
    Ok(InitReport {
        config: config.to_owned(),
        store: dir.to_owned(),
        cas,
        files,
        encrypted,
        has_server_out: false,
        findings: Vec::new(),
    })
}

fn is_encrypted(key: &PathBuf) -> Result<bool> {
    let bytes = file::read_secret(key, FILE_LIMIT)?;
    let bundle = PemBundle::parse(&bytes).map_err(|error| error.at(key))?;
    Ok(bundle.keys.iter().any(pki::pem_bundle::KeyBlock::is_encrypted))
}
