//! The ledger as a file: what SQLite is given, and what it gives back.

mod fault;
mod open;
mod schema;

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use base::{Code, Result};
use rusqlite::types::{ToSqlOutput, Type, ValueRef};
use rusqlite::{Connection, ToSql, params_from_iter};

pub(crate) use open::{open, open_read_only};

use crate::value::{SqlRow, SqlValue};
use fault::fault;

/// The version of the SQLite library in this program.
pub fn version() -> &'static str {
    rusqlite::version()
}

/// An open file.
pub(crate) struct File {
    connection: Connection,
    path: PathBuf,
}

impl File {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Does something with SQLite itself.
    pub(crate) fn run<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        work(&self.connection).map_err(|error| fault(&self.path, error))
    }

    pub(crate) fn batch(&self, sql: &str) -> Result<()> {
        self.run(|connection| connection.execute_batch(sql))
    }

    pub(crate) fn query(&self, sql: &str, values: &[SqlValue<'_>]) -> Result<Vec<SqlRow>> {
        self.run(|connection| {
            let mut statement = connection.prepare_cached(sql)?;
            statement.query_map(params_from_iter(values), row)?.collect()
        })
    }

    /// The statement is looked up once: that costs as much as a small statement itself.
    pub(crate) fn execute_many<'a, V: AsRef<[SqlValue<'a>]>>(
        &self,
        sql: &str,
        values: impl IntoIterator<Item = V>,
    ) -> Result<u64> {
        let rows = self.run(|connection| {
            let mut statement = connection.prepare_cached(sql)?;
            values.into_iter().try_fold(0, |rows, values| {
                Ok::<_, rusqlite::Error>(rows + statement.execute(params_from_iter(values.as_ref()))?)
            })
        })?;
        Ok(u64::try_from(rows).unwrap_or(u64::MAX))
    }

    /// SQLite ends a transaction itself after some errors. If this fails all the same, closing the file rolls back.
    pub(crate) fn roll_back(&self) {
        // After some errors, such as a full disk, SQLite has rolled
        // back by itself, and a second ROLLBACK would be an error.
        if !self.connection.is_autocommit() {
            // The caller has an error already. What is not committed is gone with the connection at the latest.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
    }

    /// Compares the indexes of the whole file with its rows.
    pub(crate) fn check(&self) -> Result<()> {
        let words: Vec<String> = self.run(|connection| {
            // Ten findings are enough for a message; a damaged file can have thousands.
            let mut statement = connection.prepare("PRAGMA integrity_check(10)")?;
            statement.query_map((), |row| row.get(0))?.collect()
        })?;
        if words == ["ok"] {
            return Ok(());
        }
        Err(Code::LedgerUnreadable.error("the ledger is damaged").at(&self.path).because(words.join("; ")))
    }
}

impl ToSql for SqlValue<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// A row, whatever its columns hold.
fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<SqlRow> {
    let columns = row.as_ref().column_count();
    let value = |column| {
        Ok(match row.get_ref(column)? {
            ValueRef::Null => SqlValue::Null,
            ValueRef::Integer(number) => SqlValue::Int(number),
            // STRICT tables have no such columns.
            ValueRef::Real(_) => return Err(rusqlite::Error::InvalidColumnType(column, String::new(), Type::Real)),
            text @ ValueRef::Text(_) => SqlValue::Text(Cow::Owned(text.as_str()?.to_owned())),
            ValueRef::Blob(bytes) => SqlValue::Bytes(Cow::Owned(bytes.to_owned())),
        })
    };
    (0..columns).map(value).collect::<rusqlite::Result<_>>().map(SqlRow)
}
