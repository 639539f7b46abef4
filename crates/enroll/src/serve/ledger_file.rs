//! The ledger's file, watched: a restored or replaced ledger must not be written to by a service that knows the other.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use base::{Code, Error, Result};
use store::StoreLocation;

/// Ends the service if the ledger is not the one of its start any more: another file, an older copy, one that was restored,
/// or one that was moved away. Returns all other errors, which can pass while the service runs.
///
/// # Errors
/// [`Code::LedgerReplaced`].
pub(crate) fn end_if_replaced(error: Error) -> Result<Error> {
    let what = match error.code() {
        Code::LedgerReplaced => return Err(error),
        Code::LedgerOlder => "the ledger was replaced by an older copy while the service ran",
        Code::LedgerRestored => "the ledger was restored from a backup while the service ran",
        Code::LedgerMoved => "the ledger was moved while the service ran",
        _ => return Ok(error),
    };
    let first = error.finding().fix.clone().unwrap_or_else(|| "find out who replaced it".to_owned());
    Err(Code::LedgerReplaced.error(what).because(error).fix(format!("{first}; then start the service again")))
}

/// The identity of the file at the start.
pub(crate) struct LedgerFile(Option<(PathBuf, (u64, u64))>);

impl LedgerFile {
    /// Remembers the file. A ledger on a server has none.
    pub(crate) fn of(location: &StoreLocation) -> Result<Self> {
        if location.is_shared() {
            return Ok(Self(None));
        }
        let path = location.ledger_path();
        match id(&path) {
            Some(id) => Ok(Self(Some((path, id)))),
            None => Err(Code::StoreMissing.error("there is no ledger").at(path)),
        }
    }

    /// Fails if another file has taken its place.
    ///
    /// # Errors
    /// [`Code::LedgerReplaced`].
    pub(crate) fn check(&self) -> Result<()> {
        match &self.0 {
            Some((path, known)) if id(path) != Some(*known) => Err(Code::LedgerReplaced
                .error("the ledger was replaced while the service ran")
                .at(path)
                .fix("find out who replaced it, then start the service again")),
            _ => Ok(()),
        }
    }
}

fn id(path: &std::path::Path) -> Option<(u64, u64)> {
    // A restored backup is a new file, even with the same bytes. SQLite itself never replaces the file.
    std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}
