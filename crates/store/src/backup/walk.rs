//! The files of a store that a backup contains.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use base::file::{BulkDir, Mode};
use base::{Code, Result};

use super::{COPY, LEDGER};
use crate::rollback::IN_STORE;

/// Directories in a store are never nested deeper.
const DEPTH: usize = 8;

/// Passes on each regular file of a store with its name, its mode and its path, in the order of their names. The ledger,
/// the notes about it, and files of the file layer are left out, and so are symbolic links.
///
/// # Errors
/// Those of reading the directories, and of `take`.
pub(super) fn files(store: &Path, take: &mut dyn FnMut(&str, Mode, &Path) -> Result<()>) -> Result<()> {
    walk(store, "", DEPTH, take)
}

/// Whether a file is the database, with its `-wal` and `-shm` files, or the copy of it that is in the backup, or the note,
/// which would belong to another moment than that copy. The file with the server to which the ledger was moved is none of
/// them: without it, a restored store would begin a second ledger of the same CAs.
fn is_of_ledger(name: &str) -> bool {
    let is_of =
        |database: &str| name.strip_prefix(database).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
    is_of(LEDGER) || is_of(COPY) || name == IN_STORE
}

fn walk(dir: &Path, prefix: &str, depth: usize, take: &mut dyn FnMut(&str, Mode, &Path) -> Result<()>) -> Result<()> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(Code::FileUnreadable.error("the directories are nested too deeply").at(dir));
    };
    let mut names = BulkDir::open(dir)?.names()?;
    names.sort();
    for name in names {
        let is_left_out = name == ".lock" || name.starts_with(".tbpki-");
        if is_left_out || (prefix.is_empty() && is_of_ledger(&name)) {
            continue;
        }
        let path = dir.join(&name);
        let unreadable = |error| Code::FileUnreadable.error("this cannot be looked at").at(&path).caused_by(error);
        let metadata = path.symlink_metadata().map_err(unreadable)?;
        if metadata.is_dir() {
            walk(&path, &format!("{prefix}{name}/"), depth, take)?;
        } else if metadata.is_file() {
            let is_private = metadata.permissions().mode() & 0o077 == 0;
            take(&format!("{prefix}{name}"), if is_private { Mode::Private } else { Mode::Public }, &path)?;
        } else {
            tracing::warn!(path = %path.display(), "not a file, and not in the backup");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_database_its_copy_and_the_note_are_left_out() {
        for name in ["ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.copy", "ledger.copy-journal", "ledger.note"]
        {
            assert!(is_of_ledger(name), "{name}");
        }
        for name in ["ledger.moved", "ledger.db.old", "ledger.notes", "ledger.", "ledger"] {
            assert!(!is_of_ledger(name), "{name}");
        }
    }
}
