//! The state of a ledger apart from its rows, as values.

use std::fmt;
use std::str::FromStr;

use base::{Code, Error, Result};
use time::OffsetDateTime;

use crate::value::{SqlRow, at};

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
