//! The ledger as a file: what SQLite is given, and what it gives back.

mod fault;
mod open;
mod schema;
mod stamp;

use std::borrow::Cow;
use std::cell::Cell;
use std::path::{Path, PathBuf};

use base::{Code, Result};
use rusqlite::types::{ToSqlOutput, Type, ValueRef};
use rusqlite::{Connection, ToSql, params_from_iter};

pub(crate) use open::{open, open_read_only};
pub(crate) use stamp::FileStamps;

use crate::value::{RowInsert, SqlRow, SqlValue};
use fault::fault;

/// The version of the SQLite library in this program.
pub fn version() -> &'static str {
    rusqlite::version()
}

/// An open file.
pub(crate) struct File {
    connection: Connection,
    path: PathBuf,
    /// [`data_version`] when it was opened for writing.
    opened_at: i64,
    /// The rows that the connection had changed when the transaction began.
    changes_at_begin: Cell<u64>,
}

impl File {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Does something with SQLite itself.
    pub(crate) fn run<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        work(&self.connection).map_err(|error| fault(&self.path, error))
    }

    /// Whether another connection has committed since this one was opened.
    pub(crate) fn has_other_commits(&self) -> Result<bool> {
        Ok(data_version(&self.connection).map_err(|error| fault(&self.path, error))? != self.opened_at)
    }

    pub(crate) fn batch(&self, sql: &str) -> Result<()> {
        self.run(|connection| connection.execute_batch(sql))
    }

    pub(crate) fn begin(&self) -> Result<()> {
        // IMMEDIATE takes the write lock at once. A deferred transaction could fail with BUSY when it first writes.
        self.statement("BEGIN IMMEDIATE")?;
        self.changes_at_begin.set(self.connection.total_changes());
        Ok(())
    }

    pub(crate) fn commit(&self) -> Result<()> {
        // Every transaction that wrote is counted, so that an older copy of the ledger is told from this one. One that
        // only read, for example because the service refused all requests, must not wait for the disk.
        if self.connection.total_changes() != self.changes_at_begin.get() {
            self.statement("UPDATE status SET changes = changes + 1")?;
        }
        self.statement("COMMIT")
    }

    /// A statement without values and rows, which is parsed once.
    fn statement(&self, sql: &str) -> Result<()> {
        self.run(|connection| connection.prepare_cached(sql)?.execute(())).map(drop)
    }

    pub(crate) fn query(&self, sql: &str, values: &[SqlValue<'_>]) -> Result<Vec<SqlRow>> {
        self.run(|connection| {
            let mut statement = connection.prepare_cached(sql)?;
            statement.query_map(params_from_iter(values), row)?.collect()
        })
    }

    /// The row number of the row that a statement inserts; `None` if it inserts none.
    pub(crate) fn insert(&self, sql: &str, values: &[SqlValue<'_>]) -> Result<Option<i64>> {
        self.run(|connection| {
            let rows = connection.prepare_cached(sql)?.execute(params_from_iter(values))?;
            Ok((rows > 0).then(|| connection.last_insert_rowid()))
        })
    }

    /// Inserts rows, and returns their row numbers. One by one: for a statement with several rows SQLite keeps a copy of each
    /// page that it changes, to undo the statement by itself.
    pub(crate) fn insert_rows<'a, V: AsRef<[SqlValue<'a>]>>(&self, into: &RowInsert, rows: &[V]) -> Result<Vec<i64>> {
        let places = vec!["?"; into.columns.len()].join(",");
        let sql = format!("INSERT INTO {} ({}) VALUES ({places})", into.table, into.names());
        self.run(|connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let insert = |row: &V| statement.insert(params_from_iter(row.as_ref()));
            rows.iter().map(insert).collect()
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

/// A number that is another one as soon as another connection has committed. Commits of this connection leave it.
fn data_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "data_version", |row| row.get(0))
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
