//! The files of an imported certificate in the store.

use std::path::Path;

use base::file::{self, FileSet, Mode};
use base::{Code, Error, Result};
use identity::files::output::pem_of;
use ledger::{Entry, Kind};
use pki::key::KeyFormat;
use pki::pem_bundle::PemBundle;
use pki::{Certificate, PrivateKey};
use serde_json::Value;
use store::ca::Ca;
use store::file_names::{CERT, CHAIN, KEY, server_chain, server_key};
use store::{FILE_LIMIT, holds_identity, identity_dir};

use super::candidate::Candidate;

/// Where the store has the files of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    /// The ledger does not have it yet.
    Nowhere,
    /// In the directory of the device or server, perhaps not all of them.
    InDirectory,
    /// In the shard of a fleet, and in no directory of its own.
    InShard,
}

impl Held {
    /// The place of the files of a row that a candidate already has in the ledger.
    pub(super) fn of(store: &Path, entry: Option<&Entry>) -> Self {
        match entry {
            None => Held::Nowhere,
            // A directory of its own would count from then on, and its key would be missing.
            Some(entry) if entry.job.is_some() && !holds_identity(store, &entry.key) => Held::InShard,
            Some(_) => Held::InDirectory,
        }
    }
}

/// The prefix of the files of a row; none if it has none.
pub(super) fn recorded_prefix(entry: &Entry) -> Option<String> {
    let parameters: Value = serde_json::from_str(entry.parameters.as_str()).ok()?;
    parameters.get("prefix")?.as_str().filter(|prefix| !prefix.is_empty()).map(str::to_owned)
}

/// The CAs above a certificate: those of its file, or those of the store if it issued the certificate and the file lacks
/// one of them. Without them the holder could not present a path that others verify.
///
/// # Errors
/// Those of reading the files of the CA.
pub(super) fn complete(candidate: &mut Candidate, store: &Path) -> Result<()> {
    let Some(ca) = candidate.issuer.as_ref().and_then(|issuer| Ca::named(&issuer.name)) else { return Ok(()) };
    let path = ca.issuer_of(store, &candidate.leaf)?;
    // The path of another generation does not verify the certificate.
    if path.first().is_none_or(|issuer| candidate.leaf.verify_signed_by(issuer).is_err()) {
        return Ok(());
    }
    let is_there = |wanted: &Certificate| {
        let is_it =
            |one: &Certificate| one.subject_der() == wanted.subject_der() && one.spki_der() == wanted.spki_der();
        wanted.is_root() || candidate.above.iter().any(is_it)
    };
    if !path.iter().all(is_there) {
        candidate.above = path.into_iter().filter(|ca| !ca.is_root()).collect();
    }
    Ok(())
}

/// The files that the directory of the device or server lacks.
///
/// # Errors
/// Those of the key, and of reading the files that are there.
pub(super) fn missing_files(candidate: &Candidate, store: &Path) -> Result<FileSet> {
    let dir = identity_dir(store, candidate.kind, &candidate.name);
    let mut set = FileSet::new(&dir);
    if candidate.held == Held::InShard {
        return Ok(set);
    }
    let (key_file, chain_file) = match candidate.kind {
        Kind::Server => (server_key(&candidate.prefix), server_chain(&candidate.prefix)),
        _ => (KEY.to_owned(), CHAIN.to_owned()),
    };
    if let Some(key) = &candidate.key
        && !has_key(candidate, &dir.join(&key_file))?
    {
        set.add(key_file, key.to_pem(KeyFormat::Pkcs8)?.as_bytes().to_vec(), Mode::Private)?;
    }
    // A server has its leaf in the file of the chain alone.
    if candidate.kind != Kind::Server && !has_leaf(candidate, &dir.join(CERT))? {
        set.add(CERT, pem_of(std::slice::from_ref(&candidate.leaf)).into_bytes(), Mode::Public)?;
    }
    if !has_leaf(candidate, &dir.join(&chain_file))? {
        let chain = std::iter::once(&candidate.leaf).chain(&candidate.above);
        set.add(chain_file, pem_of(chain).into_bytes(), Mode::Public)?;
    }
    Ok(set)
}

/// Whether a file of an identity that the ledger has begins with its certificate. Such a file stays: the chain in it can be
/// longer than that of the imported file.
fn has_leaf(candidate: &Candidate, path: &Path) -> Result<bool> {
    if candidate.held == Held::Nowhere {
        return Ok(false);
    }
    let Some(bytes) = file::read_optional(path, FILE_LIMIT)? else { return Ok(false) };
    // A file that cannot be read as certificates is in the way, and reported as such.
    let first = PemBundle::parse(&bytes).ok().and_then(|bundle| bundle.certificates.into_iter().next());
    Ok(first.is_some_and(|first| first == candidate.leaf))
}

/// Whether a file of an identity that the ledger has holds its key, perhaps in another form.
fn has_key(candidate: &Candidate, path: &Path) -> Result<bool> {
    if candidate.held == Held::Nowhere {
        return Ok(false);
    }
    let Some(bytes) = file::read_optional(path, FILE_LIMIT)? else { return Ok(false) };
    let key = PrivateKey::from_pem_or_der(&bytes, None).ok();
    Ok(key.is_some_and(|key| key.check_belongs_to(candidate.leaf.spki_der()).is_ok()))
}

/// Adds the imported file to the error about a file of the store that is in the way.
pub(super) fn in_the_way(error: Error, candidate: &Candidate) -> Error {
    if error.code() != Code::TargetExists {
        return error;
    }
    error.because(format!("the certificate of {} in {} belongs there", candidate.name, candidate.path.display()))
}
