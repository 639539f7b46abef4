//! The ledger itself: its identifier, the number of its changes, and whether it may be written to.

mod moving;

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use base::{Code, Error, Result};
use time::OffsetDateTime;

use crate::ledger::Ledger;
use crate::value::{SqlRow, values};
use crate::view::{View, at};

/// The random identifier of a ledger: 128 bits, written as 32 hexadecimal digits. Copies and backups have it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LedgerUid([u8; 16]);

impl LedgerUid {
    pub(crate) fn octets(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for LedgerUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl FromStr for LedgerUid {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Code::BadValue.error(format!("{text:?} is not the identifier of a ledger"));
        let octets = base::hex::decode(text).ok_or_else(wrong)?;
        Ok(Self(octets.try_into().map_err(|_| wrong())?))
    }
}

/// The ledger itself, apart from its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerStatus {
    /// The identifier.
    pub uid: LedgerUid,
    /// The number of changes so far: an older copy of the same ledger has a lower one.
    pub changes: u64,
    /// The time at which it was restored from a backup, until it was compared with the files.
    pub restored_at: Option<OffsetDateTime>,
    /// The address of the ledger that has taken its place: nothing is written to this one any more.
    pub moved_to: Option<String>,
}

impl LedgerStatus {
    /// The statement that reads it; `changes` is the expression for the number of changes.
    pub(crate) fn select(changes: &str) -> String {
        format!("SELECT uid, {changes}, restored_at, moved_to FROM status")
    }

    /// The row of that statement.
    pub(crate) fn of(row: &SqlRow) -> Result<Self> {
        let uid: Vec<u8> = row.get(0)?;
        let uid =
            uid.try_into().map_err(|_| Code::LedgerUnreadable.error("the identifier of the ledger is damaged"))?;
        Ok(Self {
            uid: LedgerUid(uid),
            changes: row.get(1)?,
            restored_at: row.get::<Option<i64>>(2)?.map(at).transpose()?,
            moved_to: row.get(3)?,
        })
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_read_as_it_is_shown() {
        let uid = LedgerUid([0xA5; 16]);
        assert_eq!(uid.to_string().parse::<LedgerUid>().unwrap(), uid);
        for text in ["", "a5", "zz", &"a5".repeat(17)] {
            assert_eq!(text.parse::<LedgerUid>().unwrap_err().code(), Code::BadValue, "{text}");
        }
    }
}
