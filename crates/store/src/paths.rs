//! The directories of a store, and the size of its files.

use std::path::{Component, Path, PathBuf};

use base::{Code, Result};
use ledger::{Entry, Key, Kind, Role};

use crate::file_names::{CERT, CHAIN, KEY, PENDING};

/// The largest file in a store: an identity's keystore with long chains stays far below.
pub const FILE_LIMIT: usize = 1 << 20;

/// The directory in which a store keeps the paths of its places.
pub(crate) const PLACES: &str = "places";

/// The directory with the files of an identity.
pub fn identity_dir(store: &Path, kind: Kind, name: &str) -> PathBuf {
    kind_dir(store, kind).join(name)
}

/// The directory with the files of a generation: that of its identity, or inside of it that of a renewal that is not used
/// yet.
pub fn generation_dir(store: &Path, entry: &Entry) -> PathBuf {
    let dir = identity_dir(store, entry.key.kind, &entry.key.name);
    if entry.role == Role::Pending { dir.join(PENDING) } else { dir }
}

/// Whether the directory of a device in the store has a file of its identity. It may have others alone, for example images.
pub fn holds_identity(store: &Path, key: &Key) -> bool {
    let dir = identity_dir(store, key.kind, &key.name);
    [KEY, CERT, CHAIN].iter().any(|file| dir.join(file).exists())
}

/// The directory with the secrets that tbpki made.
pub fn secrets_dir(store: &Path) -> PathBuf {
    store.join("secrets")
}

/// The directory with all identities of a kind.
pub fn kind_dir(store: &Path, kind: Kind) -> PathBuf {
    store.join(match kind {
        Kind::Ca => "ca",
        Kind::Server => "servers",
        Kind::Device => "devices",
    })
}

/// Whether there are files of servers or devices in a store.
pub(crate) fn holds_identities(dir: &Path) -> bool {
    let is_used = |kind| kind_dir(dir, kind).read_dir().is_ok_and(|mut entries| entries.next().is_some());
    is_used(Kind::Server) || is_used(Kind::Device)
}

/// Whether a directory is inside of a store, or the store itself, on whichever way to it.
///
/// # Errors
/// [`Code::FileUnreadable`] if one of the paths cannot be followed.
pub fn is_inside(store: &Path, dir: &Path) -> Result<bool> {
    Ok(resolved(dir)?.starts_with(resolved(store)?))
}

/// The path without links and dots, as far as it is there.
fn resolved(path: &Path) -> Result<PathBuf> {
    let failed = |error| Code::FileUnreadable.error("this path cannot be followed").at(path).caused_by(error);
    let path = std::path::absolute(path).map_err(failed)?;
    // Links are followed as far as the path exists. The rest is made later by the caller, so no link can be in it.
    let there = path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    let mut resolved = there.canonicalize().map_err(failed)?;
    for part in path.strip_prefix(there).unwrap_or(Path::new("")).components() {
        match part {
            Component::ParentDir => drop(resolved.pop()),
            part => resolved.push(part),
        }
    }
    Ok(resolved)
}
