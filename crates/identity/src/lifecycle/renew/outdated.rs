//! Files of renewals that were revoked or replaced before they were used.

use std::path::Path;

use base::Result;
use base::file::{self, BulkDir};
use ledger::{Entry, Kind, Role, View};
use store::file_names::{CHAIN, PENDING, is_of_identity};
use store::identity_dir;

use crate::issuance::first_in;

/// The generation in `pending/` of a device, if it is not pending any more and never was in use: no verb needs its files.
///
/// # Errors
/// Those of the ledger and of the files.
pub fn outdated(store: &Path, view: &View, name: &str) -> Result<Option<Entry>> {
    let dir = identity_dir(store, Kind::Device, name).join(PENDING);
    let leaf = if dir.is_dir() { first_in(&dir.join(CHAIN))? } else { None };
    let Some(leaf) = leaf else { return Ok(None) };
    let row = view.history(Kind::Device, name)?.into_iter().find(|row| row.fingerprint == Some(leaf.fingerprint()));
    // A device can still hold one that the platform had; the only copy of its key is here until it was moved.
    let is_outdated = |row: &Entry| match row.role {
        Role::Revoked | Role::Void => true,
        Role::Superseded | Role::Retired => !row.is_registered(),
        Role::Intended | Role::Current | Role::Pending => false,
    };
    Ok(row.filter(is_outdated))
}

/// Removes the files of [`outdated`], and the directory unless the user has put other files there. Returns whether there
/// were any.
///
/// # Errors
/// Those of the ledger and of the disk.
pub fn remove_outdated(store: &Path, view: &View, name: &str) -> Result<bool> {
    if outdated(store, view, name)?.is_none() {
        return Ok(false);
    }
    let own = identity_dir(store, Kind::Device, name);
    let mut names = BulkDir::open(own.join(PENDING))?.names()?;
    // Leftovers of killed writes and the lock are not the user's.
    names.retain(|file| !file.starts_with(".tbpki-") && file != ".lock");
    if names.iter().all(|file| is_of_identity(file)) {
        // In one step: a part of the files would look like a damaged renewal.
        return file::remove(&own, PENDING);
    }
    for file in names.iter().filter(|file| is_of_identity(file)) {
        file::remove(own.join(PENDING), file)?;
    }
    Ok(true)
}
