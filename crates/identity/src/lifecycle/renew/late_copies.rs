//! Copies of a renewal that was made while their directory was missing: a disk that was not mounted, or a directory that was
//! moved away. The renewal has an open step until the directory has its files.

use std::path::{Path, PathBuf};

use base::file::{self, FileSet, WriteOutcome};
use base::{Code, Error, Result};
use ledger::{Entry, Key};
use pki::Certificate;
use pki::pem_bundle::PemBundle;
use store::file_names::{ANCHORS, CA_FILE, CLIENTS_CA};
use store::{FILE_LIMIT, Store, identity_dir};

use super::pending::Installed;
use super::recorded::{RecordedRequest, chain_file, copies, files_of, recorded};
use crate::files::kubernetes_secret;
use crate::issuance::first_in;
use crate::lifecycle::missing_copies;

/// The directory that must get copies of a generation and is not there.
pub(crate) fn missing(entry: &Entry) -> Option<&str> {
    entry.copies.as_deref().filter(|dir| !Path::new(dir).is_dir())
}

/// The error for such a directory.
pub(super) fn error(key: &Key, dir: &str) -> Error {
    missing_copies::error(key.kind, &key.name, dir)
}

/// The files in the directory with copies of the present generation whose CAs are not those of the files in the store: a chain
/// that differs, or a file with trusted CAs that lacks some. Further CAs in such a file are the user's.
///
/// # Errors
/// [`Code::LedgerUnreadable`] if the parameters of the identity are damaged, and those of reading the files of the store.
pub fn copies_with_other_cas(store: &Path, entry: &Entry) -> Result<Vec<PathBuf>> {
    let own = identity_dir(store, entry.key.kind, &entry.key.name);
    let Some(out) = copies(entry).filter(|_| own.is_dir()) else { return Ok(Vec::new()) };
    let chain = chain_file(entry.key.kind, &recorded(entry)?);
    // Files of another program, or of another certificate, are the subject of other checks.
    let read = |path: &Path| {
        let bytes = file::read_optional(path, FILE_LIMIT).ok().flatten()?;
        PemBundle::parse(&bytes).ok().map(|bundle| bundle.certificates)
    };
    let is_present =
        |chain: &[Certificate]| chain.first().is_some_and(|leaf| entry.fingerprint == Some(leaf.fingerprint()));
    let (Some(ours), Some(theirs)) = (read(&own.join(&chain)), read(&out.dir.join(&chain))) else {
        return Ok(Vec::new());
    };
    if !is_present(&ours) || !is_present(&theirs) {
        return Ok(Vec::new());
    }
    let prints = |all: &[Certificate]| all.iter().map(Certificate::fingerprint).collect::<Vec<_>>();
    let mut behind = Vec::new();
    if prints(&ours) != prints(&theirs) {
        behind.push(out.dir.join(&chain));
    }
    for name in [CA_FILE, CLIENTS_CA, ANCHORS] {
        let path = out.dir.join(name);
        let (Some(ours), Some(theirs)) = (read(&own.join(name)), read(&path)) else { continue };
        let theirs = prints(&theirs);
        if prints(&ours).iter().any(|ca| !theirs.contains(ca)) {
            behind.push(path);
        }
    }
    Ok(behind)
}

/// Brings the files of the present generation to the directory that was missing: all of them, because those that follow from
/// CAs can have changed while it was away. Does nothing if they are there.
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
    let is_changed = set.commit()?.iter().any(|file| file.outcome != WriteOutcome::Unchanged);
    Ok(if is_changed { Installed::Copies(out.dir) } else { Installed::Nothing })
}
