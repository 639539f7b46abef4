//! Files of earlier generations: a few sets of them are kept.

use std::path::Path;

use base::Result;
use base::file::{self, BulkDir};
use ledger::{Entry, Role, View};
use store::file_names::is_kept_as;
use store::identity_dir;

/// Removes files of superseded and revoked generations, except those of the last `keep`. Their names end with the serial number of a
/// certificate of this ledger, so nothing else is removed.
///
/// # Errors
/// Those of the ledger and of the disk.
pub fn prune(store: &Path, view: &View, current: &Entry, keep: usize) -> Result<()> {
    let history = view.history(current.key.kind, &current.key.name)?;
    let earlier = history.iter().rev().filter(|entry| entry.generation() < current.generation());
    let replaced = earlier.filter(|entry| matches!(entry.role, Role::Superseded | Role::Revoked));
    let suffixes: Vec<String> = replaced.map(|entry| format!(".{}", entry.serial)).collect();
    let own = identity_dir(store, current.key.kind, &current.key.name);
    remove_beyond(&own, &suffixes, keep)?;
    match current.copies.as_ref().map(Path::new).filter(|dir| dir.is_dir()) {
        Some(dir) => remove_beyond(dir, &suffixes, keep),
        None => Ok(()),
    }
}

/// Removes files of generations, the latest first, except the first `keep` of which there are files: a renewal that was
/// never used has left none.
fn remove_beyond(dir: &Path, suffixes: &[String], keep: usize) -> Result<()> {
    if suffixes.is_empty() {
        return Ok(());
    }
    let names = BulkDir::open(dir)?.names()?;
    let has_files = |suffix: &&String| names.iter().any(|name| is_kept_as(name, suffix));
    let beyond: Vec<String> = suffixes.iter().filter(has_files).skip(keep).cloned().collect();
    remove(dir, &beyond)
}

/// Removes the files of a directory that are kept with one of these suffixes.
pub(super) fn remove(dir: &Path, suffixes: &[String]) -> Result<()> {
    if suffixes.is_empty() {
        return Ok(());
    }
    let names = BulkDir::open(dir)?.names()?;
    for name in names.iter().filter(|name| suffixes.iter().any(|suffix| is_kept_as(name, suffix))) {
        file::remove(dir, name)?;
    }
    Ok(())
}
