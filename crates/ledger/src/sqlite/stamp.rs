//! The files of a ledger, told apart from other files and from other contents without reading them.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The files of a ledger, as they were at some time: `ledger.db` and `ledger.db-wal`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileStamps([Option<Stamp>; 2]);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    /// The device and the inode: a file that was moved into its place has others.
    id: (u64, u64),
    length: u64,
    /// The time of the last change of the contents, in seconds and nanoseconds. The other time (`ctime`) also changes when
    /// root opens the ledger, because SQLite gives `ledger.db-wal` to the owner of `ledger.db` then.
    changed: (i64, i64),
}

impl FileStamps {
    /// The stamps of the files that have the names of this ledger now.
    pub(crate) fn of(path: &Path) -> Self {
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        Self([stamp(path.as_os_str()), stamp(&log)])
    }
}

/// `None` for a file that is not there, or that cannot be looked at.
fn stamp(path: &OsStr) -> Option<Stamp> {
    let file = fs::metadata(path).ok()?;
    Some(Stamp { id: (file.dev(), file.ino()), length: file.len(), changed: (file.mtime(), file.mtime_nsec()) })
}
