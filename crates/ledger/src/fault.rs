//! What SQLite says, in this workspace's words.

use std::path::Path;

use pki::{Code, Error};
use rusqlite::ErrorCode;

/// The error for a failure of SQLite on the ledger at `path`.
pub(crate) fn fault(path: &Path, error: &rusqlite::Error) -> Error {
    let found = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Code::StoreLocked.error("another process is writing to the ledger").fix("try again when it is done")
        }
        Some(ErrorCode::DiskFull) => {
            Code::DiskFull.error("the ledger cannot grow").fix("make room and run the same command again")
        }
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
    found.at(path).because(error)
}
