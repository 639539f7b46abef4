//! Errors of SQLite, in this workspace's words.

use std::path::Path;
use std::time::Duration;

use base::{Code, Error};
use rusqlite::{ErrorCode, ffi};

/// The longest wait for another process that is writing.
///
/// Most transactions take milliseconds, but staging a million names holds the file for seconds, and a slow disk for
/// longer. The enrolment service gives a request 30 seconds, and should still answer it.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// The error for a failure of SQLite on the ledger at `path`.
pub(crate) fn fault(path: &Path, error: rusqlite::Error) -> Error {
    let found = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Code::StoreLocked
            .error(format!("another process was still writing to the ledger after {} seconds", PATIENCE.as_secs()))
            .fix("run the same command again when it is done; `fuser` with this file names the process"),
        _ if is_disk_full(&error) => {
            Code::DiskFull.error("the ledger cannot grow").fix("make room and run the same command again")
        }
        // There is no such journal once the ledger is made: from then on it keeps a -wal file.
        _ if is(&error, ffi::SQLITE_READONLY_ROLLBACK) => {
            Code::StoreMissing.error("the making of the ledger was interrupted").fix("any verb that writes finishes it")
        }
        _ if UNWRITTEN.iter().any(|code| is(&error, *code)) => Code::FileUnwritable
            .error("the ledger cannot be written")
            .fix("see to the disk and run the same command again"),
        Some(ErrorCode::ReadOnly) => Code::FileUnwritable.error("the ledger cannot be written"),
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            Code::FileUnreadable.error("the ledger cannot be opened")
        }
        Some(ErrorCode::ConstraintViolation) => Code::Internal.error("the ledger refuses a row that breaks its rules"),
        Some(ErrorCode::NotADatabase) => Code::LedgerUnreadable
            .error("this is not a ledger")
            .fix("restore ledger.db and ledger.db-wal from a backup"),
        _ => Code::LedgerUnreadable
            .error("the ledger cannot be used")
            .fix("restore ledger.db and ledger.db-wal from a backup"),
    };
    found.at(path).caused_by(error)
}

/// Errors after which nothing new reached the disk, and the old content is as it was.
const UNWRITTEN: &[i32] =
    &[ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_DIR_FSYNC, ffi::SQLITE_IOERR_TRUNCATE];

/// SQLite has words of its own for a disk too full for the -shm file, which even a reader needs.
fn is_disk_full(error: &rusqlite::Error) -> bool {
    is(error, ffi::SQLITE_IOERR_SHMSIZE) || error.sqlite_error_code() == Some(ErrorCode::DiskFull)
}

fn is(error: &rusqlite::Error, extended: i32) -> bool {
    error.sqlite_error().is_some_and(|error| error.extended_code == extended)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_ledger_names_the_time_that_was_waited() {
        let busy = rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_BUSY), None);
        let fault = fault(Path::new("ledger.db"), busy);
        assert_eq!(fault.finding().what, "another process was still writing to the ledger after 20 seconds");
        assert_eq!(fault.finding().location.file.as_deref(), Some(Path::new("ledger.db")));
        let advice = "run the same command again when it is done; `fuser` with this file names the process";
        assert_eq!(fault.finding().fix.as_deref(), Some(advice));
    }

    #[test]
    fn faults_that_the_user_can_repair_are_told_from_damage() {
        for (sqlite, code) in [
            (ffi::SQLITE_BUSY, Code::StoreLocked),
            (ffi::SQLITE_FULL, Code::DiskFull),
            // SQLite could not enlarge the -shm file, which happens on a full disk.
            (ffi::SQLITE_IOERR_SHMSIZE, Code::DiskFull),
            (ffi::SQLITE_READONLY_ROLLBACK, Code::StoreMissing),
            (ffi::SQLITE_IOERR_FSYNC, Code::FileUnwritable),
            (ffi::SQLITE_READONLY, Code::FileUnwritable),
            (ffi::SQLITE_CANTOPEN, Code::FileUnreadable),
            (ffi::SQLITE_NOTADB, Code::LedgerUnreadable),
            (ffi::SQLITE_CORRUPT, Code::LedgerUnreadable),
            (ffi::SQLITE_IOERR_READ, Code::LedgerUnreadable),
            (ffi::SQLITE_CONSTRAINT_UNIQUE, Code::Internal),
        ] {
            let error = rusqlite::Error::SqliteFailure(ffi::Error::new(sqlite), None);
            let words = error.to_string();
            let fault = fault(Path::new("ledger.db"), error);
            assert_eq!(fault.code(), code, "{words}");
            // The reason is the text of SQLite, and the error itself is kept.
            assert_eq!(fault.finding().why.as_deref(), Some(words.as_str()));
            assert!(matches!(std::error::Error::source(&fault), Some(source) if source.is::<rusqlite::Error>()));
        }
    }
}
