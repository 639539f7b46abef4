//! The files of a renewal that is not used yet, and their way to the places of the present ones.

use std::path::{Path, PathBuf};

use base::file::{self, FileSet, Ownership};
use base::text::{device_option, quote};
use base::{Code, Result};
use ledger::{Entry, Kind, Role, View};
use pki::Certificate;
use store::file_names::PENDING;
use store::{Store, Workspace, identity_dir};

use super::late_copies;
use super::recorded::{RecordedRequest, chain_file, copies, files_of, recorded};
use crate::issuance::first_in;

/// The files of a pending generation, in the store.
#[derive(Debug, Clone)]
pub struct PendingFiles {
    /// The directory that they are in.
    pub dir: PathBuf,
    /// The certificate.
    pub leaf: Certificate,
}

impl PendingFiles {
    /// The files of a pending generation that was renewed by itself.
    ///
    /// # Errors
    /// [`Code::IdentityChanged`] if they are not there or have another certificate.
    pub fn of(store: &Path, entry: &Entry) -> Result<Self> {
        let dir = pending_dir(store, entry);
        file::recover(&dir)?;
        let leaf = first_in(&dir.join(chain_file(Kind::Device, &RecordedRequest::default())))?;
        let leaf = leaf.filter(|leaf| entry.fingerprint == Some(leaf.fingerprint())).ok_or_else(|| {
            Code::IdentityChanged
                .error(format!("the files of the pending renewal of {} are not there", quote(&entry.key.name)))
                .at(&dir)
                .fix(format!(
                    "restore them from a backup, or renew again: `tbpki renew {}`",
                    device_option(&entry.key.name)
                ))
        })?;
        Ok(Self { dir, leaf })
    }
}

/// What [`install`] has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Installed {
    /// The files of a pending renewal are in their places.
    Renewal,
    /// A directory with copies was missing when the renewal was made, and has its files now.
    Copies(PathBuf),
    /// Everything was in its place.
    Nothing,
}

/// Moves the files of a renewal, which is current by now, to the places of the files before it, and to the directory with
/// copies. Does nothing if they are there. May be repeated: killed in between, the next run finishes it.
///
/// # Errors
/// [`Code::CopiesMissing`] if the directory with copies is not there: the files in the store are in their places then.
/// Those of the disk.
pub fn install(store: &mut Store, entry: &Entry) -> Result<Installed> {
    let own = identity_dir(store.dir(), entry.key.kind, &entry.key.name);
    let pending = pending_dir(store.dir(), entry);
    file::recover(&own)?;
    file::recover(&pending)?;
    let arrived = first_in(&pending.join(chain_file(Kind::Device, &RecordedRequest::default())))?;
    if arrived.is_none_or(|leaf| entry.fingerprint != Some(leaf.fingerprint())) {
        return late_copies::deliver(store, entry);
    }
    let before = before(store, entry)?;
    let suffix = before.as_ref().map_or_else(|| "old".to_owned(), |before| before.serial.to_string());
    let mut sets = vec![set(&own, &pending, entry, &suffix)?];
    if let Some(out) = before.as_ref().and_then(copies) {
        sets.push(set(&out.dir, &pending, entry, &suffix)?.owned_by(out.ownership));
    }
    // Store and copies are both on the disk before the first file moves, so a full disk leaves both as they were.
    let staged = sets.iter().map(FileSet::stage).collect::<Result<Vec<_>>>()?;
    for staged in staged {
        staged.commit()?;
    }
    if let Some(dir) = before.as_ref().and_then(|before| before.copies.as_ref()) {
        store.ledger.copied(&entry.key, dir)?;
    }
    // Last: while this directory exists, the next call finds what an interrupted one has left to do.
    file::remove(&own, PENDING)?;
    match before.as_ref().and_then(late_copies::missing) {
        Some(dir) => Err(late_copies::error(&entry.key, dir)),
        None => Ok(Installed::Renewal),
    }
}

/// Removes what earlier pending generations have left in the directory of the pending one.
pub(super) fn prune(workspace: &Workspace<'_>, view: &View, present: &Entry) -> Result<()> {
    let history = view.history(present.key.kind, &present.key.name)?;
    let later = history.iter().filter(|entry| entry.role != Role::Pending);
    let suffixes: Vec<String> = later.map(|entry| format!(".{}", entry.serial)).chain([".old".to_owned()]).collect();
    super::prune::remove(&pending_dir(workspace.store_dir(), present), &suffixes)
}

/// The generation that was current before this one.
fn before(store: &Store, entry: &Entry) -> Result<Option<Entry>> {
    let earlier = store.ledger.history(entry.key.kind, &entry.key.name)?.into_iter().rev();
    // Since it was replaced, it may have been revoked: by hand, or because lists have superseded generations.
    let was_used = |one: &Entry| matches!(one.role, Role::Superseded | Role::Revoked | Role::Retired);
    let mut earlier = earlier.filter(|one| one.generation() < entry.generation() && was_used(one));
    // A pending generation that was replaced has never had copies.
    let all: Vec<Entry> = earlier.by_ref().collect();
    let with_copies = all.iter().find(|one| one.copies.is_some()).cloned();
    Ok(with_copies.or_else(|| all.into_iter().next()))
}

/// The files of a directory, to be put into another one in place of those with the same names.
fn set(target: &Path, from: &Path, entry: &Entry, suffix: &str) -> Result<FileSet> {
    // Copies can be of an earlier generation than the store's files; a kept file is named after what it really is.
    let present = first_in(&target.join(chain_file(Kind::Device, &RecordedRequest::default()))).ok().flatten();
    let suffix = present.map_or_else(|| suffix.to_owned(), |leaf| leaf.serial_hex());
    let mut set = FileSet::new(target).replacing(suffix).owned_by(Ownership::default());
    for file in files_of(from, entry, &recorded(entry)?)? {
        set.add(file.name, file.contents, file.mode)?;
    }
    Ok(set)
}

fn pending_dir(store: &Path, entry: &Entry) -> PathBuf {
    identity_dir(store, Kind::Device, &entry.key.name).join(PENDING)
}
