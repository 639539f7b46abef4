//! Copies of a renewal that was made while their directory was missing: a disk that was not mounted, or a directory that was
//! moved away. The renewal has an open step until the directory has its files.

use std::path::Path;

use base::file::FileSet;
use base::{Code, Error, Result};
use ledger::{Entry, Key};
use pki::Certificate;
use store::{Store, identity_dir};

use super::pending::Installed;
use super::recorded::{RecordedRequest, chain_file, copies, files_of, recorded};
use crate::files::kubernetes_secret;
use crate::issuance::first_in;
use crate::lifecycle::missing_copies;

/// The directory that must get copies of a generation and is not there.
pub(super) fn missing(entry: &Entry) -> Option<&str> {
    entry.copies.as_deref().filter(|dir| !Path::new(dir).is_dir())
}

/// The error for such a directory.
pub(super) fn error(key: &Key, dir: &str) -> Error {
    missing_copies::error(key.kind, &key.name, dir)
}

/// Brings the files of the present generation to the directory that was missing. Does nothing if they are there.
///
/// # Errors
/// [`Code::CopiesMissing`] if it is still missing; [`Code::TargetExists`] if it has the files of another certificate. Those
/// of the disk.
pub(super) fn deliver(store: &Store, entry: &Entry) -> Result<Installed> {
    if let Some(dir) = missing(entry) {
        return Err(error(&entry.key, dir));
    }
    let Some(out) = copies(entry) else { return Ok(Installed::Nothing) };
    let asked: RecordedRequest = recorded(entry)?;
    let chain = chain_file(entry.key.kind, &asked);
    let own = identity_dir(store.dir(), entry.key.kind, &entry.key.name);
    // A later generation, or files that do not belong to this one, must not get there under its name.
    if first_in(&own.join(&chain))?.is_none_or(|leaf| entry.fingerprint != Some(leaf.fingerprint())) {
        return Ok(Installed::Nothing);
    }
    let present = first_in(&out.dir.join(&chain))?;
    if present.as_ref().is_some_and(|leaf| entry.fingerprint == Some(leaf.fingerprint())) {
        return Ok(Installed::Nothing);
    }
    // Without the chain, the other files there are still those of an earlier generation.
    let suffix = present.as_ref().map_or_else(|| "old".to_owned(), Certificate::serial_hex);
    let mut set = FileSet::new(&out.dir).owned_by(out.ownership).replacing(&suffix);
    if let Some(leaf) = &present {
        let history = store.ledger.history(entry.key.kind, &entry.key.name)?;
        if !history.iter().any(|earlier| earlier.fingerprint == Some(leaf.fingerprint())) {
            return Err(Code::TargetExists
                .error("the directory for copies has the certificate of another identity")
                .at(out.dir.join(&chain))
                .item(&entry.key.name)
                .fix("move it away, and run the same command again"));
        }
    }
    let files = files_of(&own, entry, &asked)?;
    for file in &files {
        set.add(&file.name, file.contents.clone(), file.mode)?;
    }
    // It has copies of the files.
    if let Some(secret) = kubernetes_secret::with_files(&out.dir, &files.iter().collect::<Vec<_>>())? {
        set.add_over(secret.name, secret.contents, secret.mode, suffix)?;
    }
    set.commit()?;
    Ok(Installed::Copies(out.dir))
}
