//! The copy of a ledger that an earlier move has left on a server.
//!
//! All copies of a store have one identifier, and a file goes on after an interrupted move. The number of changes that
//! the file had when it was copied tells which contents are on the server.

use base::{Code, Error, Result};

use super::{TABLES, count};
use crate::ledger::ledger_status::LedgerStatus;
use crate::transaction::Transaction;
use crate::value::values;
use crate::view::View;

/// The contents of a server, compared with those of the file that is moved there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EarlierCopy {
    /// The server has no rows.
    None,
    /// The server has the rows of the file, and perhaps later ones.
    Same,
    /// The server has the rows that the file had, and nothing else: the file has gone on.
    Outdated,
}

impl EarlierCopy {
    /// Compares the ledger on a server with the file that has `status`.
    ///
    /// # Errors
    /// [`Code::LedgerNotEmpty`] if a move would lose rows of one of them; those of the database.
    pub(super) fn of(target: &View, status: &LedgerStatus) -> Result<Self> {
        let there = target.status()?;
        if there.uid != status.uid {
            let is_empty = TABLES.iter().map(|table| count(target, table)).sum::<Result<u64>>()? == 0;
            return if is_empty { Ok(Self::None) } else { Err(of_another_store(target)) };
        }
        // Only a complete move closes the file, and nothing is written to it after that.
        if status.moved_to.is_some() {
            return Ok(Self::Same);
        }
        let row = target.one("SELECT copied_changes FROM status", &[])?;
        let copied: Option<u64> = row.map_or(Ok(None), |row| row.get(0))?;
        match copied {
            Some(copied) if copied == status.changes => Ok(Self::Same),
            // Each verb that writes to a server counts a change there.
            Some(copied) if copied < status.changes && there.changes == first_change(copied) => Ok(Self::Outdated),
            _ => Err(of_this_store(target, status, copied)),
        }
    }

    /// Records that the server has a copy of a file with so many changes.
    ///
    /// # Errors
    /// Those of the database.
    pub(super) fn record(transaction: &Transaction<'_>, changes: u64) -> Result<()> {
        transaction.execute("UPDATE status SET copied_changes = ?1", values![changes])?;
        // A sequence is not rolled back with the transaction. The database has no rows then, and the number does no harm.
        transaction.one("SELECT setval('changes', ?1)", values![first_change(changes)]).map(drop)
    }

    /// Records that the file is closed.
    ///
    /// # Errors
    /// Those of the database.
    pub(super) fn complete(transaction: &Transaction<'_>) -> Result<()> {
        transaction.execute("UPDATE status SET copied_changes = NULL", &[]).map(drop)
    }
}

/// The number of changes of a server directly after a copy: above that of every copy of the file, which would otherwise
/// pass for the newer ledger.
fn first_change(copied: u64) -> u64 {
    copied.saturating_add(1)
}

fn of_another_store(target: &View) -> Error {
    Code::LedgerNotEmpty
        .error("the server has a ledger already")
        .at(target.path())
        .because("it has the rows of another store")
        .fix("name an empty database")
}

fn of_this_store(target: &View, status: &LedgerStatus, copied: Option<u64>) -> Error {
    let here = format!("this file has seen {} changes", status.changes);
    let why = match copied {
        Some(copied) if copied > status.changes => format!("it was copied after {copied} changes, and {here}"),
        Some(copied) => format!("it was copied after {copied} changes and has changed since, and {here}"),
        None => format!("another copy of the store was moved there, and {here} that the server may not have"),
    };
    Code::LedgerNotEmpty
        .error("the server has a ledger of this store with other contents")
        .at(target.path())
        .because(why)
        .fix(
            "to use the ledger on the server, move ledger.db and ledger.db-wal out of the store, set `[ledger] url` in \
             keygen.toml to that address, and run `tbpki store repair`, which takes over what the files show",
        )
}
