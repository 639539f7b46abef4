//! Files of earlier generations: one set of them is kept.

use std::path::Path;

use base::Result;
use base::file::{self, BulkDir};
use ledger::{Entry, Role};
use store::{Workspace, identity_dir};

/// Removes files of generations before the one that was just replaced. Their names end with the serial number of a
/// certificate of this ledger, so nothing else is removed.
pub(super) fn prune(workspace: &Workspace<'_>, replaced: &Entry) -> Result<()> {
    let history = workspace.view()?.history(replaced.key.kind, &replaced.key.name)?;
    let suffixes: Vec<String> = history
        .iter()
        .filter(|entry| entry.role == Role::Superseded && entry.generation() < replaced.generation())
        .map(|entry| format!(".{}", entry.serial))
        .collect();
    if suffixes.is_empty() {
        return Ok(());
    }
    let own = identity_dir(workspace.store_dir(), replaced.key.kind, &replaced.key.name);
    remove(&own, &suffixes)?;
    match replaced.copies.as_ref().map(Path::new).filter(|dir| dir.is_dir()) {
        Some(dir) => remove(dir, &suffixes),
        None => Ok(()),
    }
}

fn remove(dir: &Path, suffixes: &[String]) -> Result<()> {
    let names = BulkDir::open(dir)?.names()?;
    for name in names.iter().filter(|name| suffixes.iter().any(|suffix| name.ends_with(suffix.as_str()))) {
        file::remove(dir, name)?;
    }
    Ok(())
}
