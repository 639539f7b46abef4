//! The ledger itself: its identifier, the number of its changes, and whether it may be written to.

mod moving;

use std::path::Path;

use base::{Code, Result};

use crate::ledger::Ledger;
use crate::ledger::ledger_status::LedgerStatus;
use crate::value::values;
use crate::view::View;

impl View {
    /// The state of the ledger itself.
    ///
    /// # Errors
    /// Those of the database, here and below.
    pub fn status(&self) -> Result<LedgerStatus> {
        // A counter in a row would make all stations of a server wait for each
        // other, and a rollback would give its number back. A sequence does neither.
        let changes = if self.is_shared() { "(SELECT last_value FROM changes)" } else { "changes" };
        let row = self.one(&LedgerStatus::select(changes), &[])?;
        let row = row.ok_or_else(|| Code::LedgerUnreadable.error("the ledger has no status").at(self.path()))?;
        LedgerStatus::of(&row)
    }
}

impl Ledger {
    /// Counts a change of a ledger on a server, once for each verb that writes. A file counts its transactions by itself.
    pub fn count_change(&mut self) -> Result<()> {
        if self.is_shared() { self.one("SELECT nextval('changes')", &[]).map(drop) } else { Ok(()) }
    }

    /// Raises the number of changes to at least this.
    pub fn raise_changes(&mut self, least: u64) -> Result<()> {
        if self.is_shared() {
            let sql = "SELECT setval('changes', greatest(?1, (SELECT last_value FROM changes)))";
            return self.one(sql, values![least]).map(drop);
        }
        self.transaction(|transaction| {
            transaction.execute("UPDATE status SET changes = max(changes, ?1)", values![least]).map(drop)
        })
    }

    /// Writes a consistent copy of the ledger to the file at `path`, which must be empty, by SQLite's backup. Other
    /// processes may write meanwhile.
    ///
    /// # Errors
    /// [`Code::SharedLedger`] for a ledger on a server: it has backups of its own.
    pub fn back_up(&self, path: &Path) -> Result<()> {
        let file = self.view().file().ok_or_else(|| {
            Code::SharedLedger
                .error("the ledger is on a server")
                .at(self.path())
                .fix("back it up with pg_dump; the store's backup has everything else")
        })?;
        // A plain copy of the file would lack the commits that are still in the -wal file.
        file.run(|connection| connection.backup(rusqlite::MAIN_DB, path, None::<fn(rusqlite::backup::Progress)>))
    }

    /// Marks the ledger as restored: [`LedgerStatus::restored_at`].
    pub fn mark_restored(&mut self) -> Result<()> {
        self.transaction(|transaction| {
            transaction.execute("UPDATE status SET restored_at = ?1", values![transaction.now()]).map(drop)
        })
    }

    /// Ends the state after [`mark_restored`](Self::mark_restored).
    pub fn confirm_restored(&mut self) -> Result<()> {
        self.transaction(|transaction| transaction.execute("UPDATE status SET restored_at = NULL", &[]).map(drop))
    }
}
