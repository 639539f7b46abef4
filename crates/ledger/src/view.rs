//! Reading.

use std::borrow::Cow;
use std::cell::Cell;
use std::path::{Path, PathBuf};

use base::{Code, Error, Result};
use time::OffsetDateTime;

use crate::entry::Entry;
use crate::filter::Filter;
use crate::job::JobId;
use crate::key::{Generation, Key, Kind, SerialNumber};
use crate::lifecycle::origin::Origin;
use crate::lifecycle::revocation::Revocation;
use crate::lifecycle::role::Role;
use crate::parameters::Parameters;
use crate::platform::columns::PlatformColumns;
use crate::platform::focus::Focus;
use crate::platform::url::PlatformUrl;
use crate::postgres::{PostgresWorker, Session, TableLock};
use crate::sqlite::File;
use crate::state::State;
use crate::value::{BatchStatement, RowInsert, SqlRow, SqlValue, at, one_of, values};

/// The reading half of a [`Ledger`](crate::Ledger) and of a [`Transaction`](crate::Transaction): both deref to it.
///
/// It has no writing methods:
///
/// ```compile_fail,E0599
/// # fn write(view: &ledger::View, key: &ledger::Key) -> base::Result<()> {
/// view.registered(key)
/// # }
/// ```
pub struct View {
    database: Database,
    path: PathBuf,
    read_only: bool,
    /// The platform that it is about.
    focus: Cell<Focus>,
    focus_url: Option<PlatformUrl>,
    /// Generations of CAs that are out of service, and whose keys are in service all the same.
    listed: Vec<Key>,
}

/// The database that keeps the rows.
enum Database {
    Sqlite(File),
    Postgres(Box<PostgresWorker>),
}

/// The columns of a row before its state.
macro_rules! before_state {
    () => {
        "SELECT kind, name, generation, serial, profile, algorithm, parameters.text, issuer, not_before, not_after, \
         fingerprint, credentials_id"
    };
}

/// The columns after the time at which it was taken from the platform, and the tables.
macro_rules! after_unregistered {
    () => {
        "role, issuer_generation, revocation_reason, copies, origin, forgotten_at"
    };
}

macro_rules! of_identities {
    () => {
        "FROM identity JOIN parameters ON parameters.id = identity.parameters"
    };
}

/// The rows as the first platform has them.
const SELECT: &str = concat!(
    before_state!(),
    ", state, intended_at, issued_at, registered_at, bundled_at, voided_at, revoked_at, last_error, job, number, \
     unregistered_at, ",
    after_unregistered!(),
    " ",
    of_identities!()
);

/// The rows as the platform in focus has them.
fn select(columns: PlatformColumns) -> Cow<'static, str> {
    let Some(is_elsewhere) = columns.is_elsewhere("") else { return SELECT.into() };
    let (state, registered, unregistered) = (columns.state(""), columns.registered_at(""), columns.unregistered_at(""));
    format!(
        concat!(
            before_state!(),
            ", {}, intended_at, issued_at, {}, bundled_at, voided_at, revoked_at, last_error, job, number, {}, ",
            after_unregistered!(),
            ", {} ",
            of_identities!()
        ),
        state, registered, unregistered, is_elsewhere
    )
    .into()
}

impl View {
    pub(crate) fn of_file(file: File) -> Self {
        let path = file.path().to_owned();
        Self {
            path,
            database: Database::Sqlite(file),
            read_only: false,
            focus: Cell::new(Focus::FIRST),
            focus_url: None,
            listed: Vec::new(),
        }
    }

    pub(crate) fn of_server(worker: PostgresWorker, read_only: bool) -> Self {
        let (path, focus) = (worker.server.name(), Cell::new(Focus::FIRST));
        Self {
            path,
            database: Database::Postgres(Box::new(worker)),
            read_only,
            focus,
            focus_url: None,
            listed: Vec::new(),
        }
    }

    /// The file; of a server, its address without the user.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The generations of [`Ledger::set_listed`](crate::Ledger::set_listed).
    pub(crate) fn listed(&self) -> &[Key] {
        &self.listed
    }

    /// Whether a generation of a CA is one of [`Ledger::set_listed`](crate::Ledger::set_listed).
    pub fn is_listed(&self, ca: &Key) -> bool {
        self.listed.contains(ca)
    }

    pub(crate) fn set_listed(&mut self, listed: Vec<Key>) {
        self.listed = listed;
    }

    /// True if several stations may write to it at once. Then no process has it alone, not even with the store's lock.
    pub fn is_shared(&self) -> bool {
        matches!(self.database, Database::Postgres(_))
    }

    /// All generations of a name, void ones included, the first one first.
    ///
    /// # Errors
    /// [`Code::LedgerUnreadable`] when the file is damaged or the disk refuses, here and in every other method.
    pub fn history(&self, kind: Kind, name: &str) -> Result<Vec<Entry>> {
        // Every generation, including void ones: history must show what was never delivered.
        self.entries("WHERE kind = ?1 AND name = ?2 ORDER BY generation", values![kind.as_str(), name])
    }

    /// One row.
    pub fn entry(&self, key: &Key) -> Result<Option<Entry>> {
        let values = values![key.kind.as_str(), &key.name, key.generation.0];
        Ok(self.entries("WHERE kind = ?1 AND name = ?2 AND generation = ?3", values)?.pop())
    }

    /// The identities that were intended and neither issued nor voided: the leftovers of an interrupted run.
    pub fn unfinished(&self) -> Result<Vec<Entry>> {
        self.entries("WHERE state = 'intended' ORDER BY kind, name", &[])
    }

    /// The current generations whose files were copied to a directory outside of the store.
    pub fn with_copies(&self) -> Result<Vec<Entry>> {
        self.entries("WHERE copies IS NOT NULL AND role = 'current' ORDER BY kind, name", &[])
    }

    /// The certificates of this serial number: one, unless CAs that were imported number alike.
    pub fn by_serial(&self, serial: &SerialNumber) -> Result<Vec<Entry>> {
        self.entries("WHERE serial = ?1 ORDER BY issuer", values![serial.octets()])
    }

    /// What the platform knows under this credentials id. When one certificate was recorded more than once, the last.
    ///
    /// Reads every row, a third of a second for a million: an index over what is spread at random would have every shard
    /// of a fleet write a thousand pages, for a question that comes up when a platform refuses a device.
    pub fn by_credentials_id(&self, credentials_id: &str) -> Result<Option<Entry>> {
        // The highest id is the latest record: one certificate can have been recorded by two jobs of an older version.
        let sql = "WHERE credentials_id = ?1 ORDER BY identity.id DESC LIMIT 1";
        Ok(self.entries(sql, values![credentials_id])?.pop())
    }

    /// The rows that pass `filter`, by kind, name and generation.
    ///
    /// They are fetched by pages as the iterator goes on, so that a list of a million costs no more memory than one
    /// of ten. What another process writes meanwhile may or may not be in it.
    pub fn list(&self, filter: &Filter) -> EntryPages<'_> {
        self.list_after(filter, None)
    }

    /// As [`list`](Self::list), from the first row after the row with the key `after`: for readers that write between the
    /// parts of a list.
    pub fn list_after(&self, filter: &Filter, after: Option<Key>) -> EntryPages<'_> {
        EntryPages {
            view: self,
            filter: filter.clone(),
            last: after,
            page: Vec::new().into_iter(),
            done: false,
            by_name: false,
            is_begun: false,
        }
    }

    /// The number of rows that pass `filter`.
    pub fn count(&self, filter: &Filter) -> Result<u64> {
        let (condition, values) = filter.condition(None, false, self.columns());
        let row = self.one(&format!("SELECT count(*) FROM identity WHERE {condition}"), &values)?;
        row.map_or(Ok(0), |row| row.get(0))
    }

    /// The end of the certificate in use that ends next after `now`, of a kind; `None` if there is none.
    pub fn next_end(&self, kind: Kind, now: OffsetDateTime) -> Result<Option<OffsetDateTime>> {
        let sql = "SELECT min(not_after) FROM identity WHERE kind = ?1 AND role = 'current' AND not_after >= ?2";
        let end: Option<i64> =
            self.one(sql, values![kind.as_str(), now.unix_timestamp()])?.map_or(Ok(None), |row| row.get(0))?;
        end.map(at).transpose()
    }

    /// Reads the whole file and compares its indexes with its rows. Takes time in proportion to its size. A server
    /// looks after its files itself: there this sees whether it answers.
    ///
    /// # Errors
    /// [`Code::LedgerUnreadable`] with SQLite's words for what is wrong.
    pub fn check(&self) -> Result<()> {
        match &self.database {
            Database::Sqlite(file) => file.check(),
            Database::Postgres(worker) => worker.call(|session| session.clock().map(drop)),
        }
    }

    /// The ledger's clock, in milliseconds since 1970 (UTC). Stations' own may differ, so that a server's counts.
    pub(crate) fn clock(&self) -> Result<i64> {
        match &self.database {
            Database::Sqlite(_) => {
                let now = OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000;
                Ok(i64::try_from(now).unwrap_or(i64::MAX))
            }
            // The server's clock, because the clocks of stations differ and leases are compared across them.
            Database::Postgres(worker) => worker.call(Session::clock),
        }
    }

    pub(crate) fn focus(&self) -> Focus {
        self.focus.get()
    }

    pub(crate) fn set_focus(&self, focus: Focus) {
        self.focus.set(focus);
    }

    /// The URL of the platform in focus; `None` for the first platform, whatever its URL is.
    pub(crate) fn focus_url(&self) -> Option<&PlatformUrl> {
        self.focus_url.as_ref()
    }

    pub(crate) fn set_focus_url(&mut self, url: Option<PlatformUrl>) {
        self.focus_url = url;
    }

    /// The file, if the ledger is one.
    pub(crate) fn file(&self) -> Option<&File> {
        match &self.database {
            Database::Sqlite(file) => Some(file),
            Database::Postgres(_) => None,
        }
    }

    /// The connection to the server, if the ledger is on one.
    pub(crate) fn server(&self) -> Option<&PostgresWorker> {
        match &self.database {
            Database::Sqlite(_) => None,
            Database::Postgres(worker) => Some(worker),
        }
    }

    /// Begins a transaction and tells its time, in milliseconds since 1970 (UTC). A file has one writer at a time,
    /// whatever `lock` is: it takes the writer's place at once, so that what is read inside stays true until the end.
    pub(crate) fn begin(&self, lock: TableLock) -> Result<i64> {
        match &self.database {
            Database::Sqlite(file) => {
                file.begin()?;
                self.clock()
            }
            Database::Postgres(worker) => {
                let read_only = self.read_only;
                worker.call(move |session| session.begin(lock, read_only))
            }
        }
    }

    pub(crate) fn exclude_others(&self) -> Result<()> {
        match &self.database {
            Database::Sqlite(_) => Ok(()),
            Database::Postgres(worker) => worker.call(Session::exclude_others),
        }
    }

    pub(crate) fn commit(&self) -> Result<()> {
        match &self.database {
            Database::Sqlite(file) => file.commit(),
            Database::Postgres(worker) => worker.call(Session::commit),
        }
    }

    pub(crate) fn roll_back(&self) {
        match &self.database {
            Database::Sqlite(file) => file.roll_back(),
            Database::Postgres(worker) => {
                let rolled_back = worker.call(|session| {
                    session.roll_back();
                    Ok(())
                });
                // Without its thread there is no connection, and without a connection no transaction.
                rolled_back.unwrap_or_else(|error| tracing::debug!(%error, "rolled back by the end of the connection"));
            }
        }
    }

    /// The rows that a statement yields.
    pub(crate) fn query(&self, sql: &str, values: &[SqlValue<'_>]) -> Result<Vec<SqlRow>> {
        match &self.database {
            Database::Sqlite(file) => file.query(sql, values),
            Database::Postgres(worker) => {
                // The worker runs on its own thread, so what it gets must not borrow.
                let (sql, values) = (sql.to_owned(), owned(values));
                worker.call(move |session| session.query(&sql, &values))
            }
        }
    }

    /// The first row that a statement yields.
    pub(crate) fn one(&self, sql: &str, values: &[SqlValue<'_>]) -> Result<Option<SqlRow>> {
        Ok(self.query(sql, values)?.into_iter().next())
    }

    /// Runs a statement, and returns the number of rows that it changed.
    pub(crate) fn execute(&self, sql: &str, values: &[SqlValue<'_>]) -> Result<u64> {
        match &self.database {
            Database::Sqlite(file) => file.execute_many(sql, [values]),
            Database::Postgres(worker) => {
                let (sql, values) = (sql.to_owned(), owned(values));
                worker.call(move |session| session.execute(&sql, &values))
            }
        }
    }

    /// Inserts a row into a table whose key is `id`, and returns that; `None` if the statement inserts nothing because of
    /// a conflict.
    pub(crate) fn insert(&self, sql: &str, values: &[SqlValue<'_>]) -> Result<Option<i64>> {
        match &self.database {
            // Not by RETURNING: SQLite makes a table in memory for what a statement returns.
            Database::Sqlite(file) => file.insert(sql, values),
            Database::Postgres(_) => {
                self.one(&format!("{sql} RETURNING id"), values)?.map(|row| row.get(0)).transpose()
            }
        }
    }

    /// Inserts rows, and returns the row number of each.
    pub(crate) fn insert_rows<'a, V: AsRef<[SqlValue<'a>]>>(&self, into: &RowInsert, rows: &[V]) -> Result<Vec<i64>> {
        match &self.database {
            Database::Sqlite(file) => file.insert_rows(into, rows),
            Database::Postgres(worker) => {
                if rows.is_empty() {
                    return Ok(Vec::new());
                }
                let (names, columns) = (into.names(), columns_of(rows));
                let arrays: Vec<String> =
                    into.columns.iter().zip(1..).map(|((_, column), place)| column.array(place)).collect();
                // Sorted by their places, so that the row numbers rise in the order of the rows.
                let sql = format!(
                    "INSERT INTO {} ({names}) SELECT {names} FROM unnest({}) WITH ORDINALITY AS given ({names}, place) \
                     ORDER BY given.place RETURNING id",
                    into.table,
                    arrays.join(", ")
                );
                let inserted = worker.call(move |session| session.query_columns(&sql, columns))?;
                let mut ids: Vec<i64> = inserted.iter().map(|row| row.get(0)).collect::<Result<_>>()?;
                // RETURNING promises no order.
                ids.sort_unstable();
                if ids.len() != rows.len() {
                    return Err(Code::Internal.error("a new row is not there").at(&self.path));
                }
                Ok(ids)
            }
        }
    }

    /// Does the same with each list of values, and tells how many rows that changed.
    pub(crate) fn execute_many<'a, V: AsRef<[SqlValue<'a>]>>(
        &self,
        sql: &BatchStatement<'_>,
        values: impl IntoIterator<Item = V>,
    ) -> Result<u64> {
        match &self.database {
            Database::Sqlite(file) => file.execute_many(sql.one_by_one, values),
            // One statement with an array for each column: a thousand single statements would wait a thousand times for
            // the network.
            Database::Postgres(worker) => {
                let columns = columns_of(values);
                if columns.is_empty() {
                    return Ok(0);
                }
                let sql = sql.by_columns.to_owned();
                worker.call(move |session| session.execute_columns(&sql, columns))
            }
        }
    }

    /// The end of a statement that takes the first row which no other station is about to change.
    pub(crate) fn skip_locked(&self) -> &'static str {
        // Two stations that claim at once must get different shards, without waiting for each other.
        if self.is_shared() { " FOR NO KEY UPDATE OF work SKIP LOCKED" } else { "" }
    }

    /// The end of a statement whose row no other station may change until the transaction ends. Others may refer to it:
    /// each identity refers to its job, and two stations that both wanted to change that would wait for each other.
    pub(crate) fn for_update(&self) -> &'static str {
        if self.is_shared() { " FOR NO KEY UPDATE" } else { "" }
    }

    /// The row number and state of a key.
    pub(crate) fn locate(&self, key: &Key) -> Result<(i64, State)> {
        let row = self.row_of(key, "SELECT id, state FROM identity")?;
        let state: String = row.get(1)?;
        Ok((row.get(0)?, one_of(&State::ALL, State::as_str, &state).map_err(|error| error.at(&self.path))?))
    }

    /// What `select` yields of the row of a key.
    ///
    /// # Errors
    /// [`Code::UnknownIdentity`] if there is no such row.
    pub(crate) fn row_of(&self, key: &Key, select: &str) -> Result<SqlRow> {
        let sql = format!("{select} WHERE kind = ?1 AND name = ?2 AND generation = ?3");
        let row = self.one(&sql, values![key.kind.as_str(), &key.name, key.generation.0])?;
        row.ok_or_else(|| self.unknown(key))
    }

    /// The error for a key without a row.
    pub(crate) fn unknown(&self, key: &Key) -> Error {
        Code::UnknownIdentity.error(format!("the ledger has no {key}")).at(&self.path)
    }

    pub(crate) fn entries(&self, condition: &str, values: &[SqlValue<'_>]) -> Result<Vec<Entry>> {
        let rows = self.query(&format!("{} {condition}", select(self.columns())), values)?;
        rows.iter().map(|row| entry(row).map_err(|error| error.at(&self.path))).collect()
    }
}

/// The rows of a list, in pages.
pub struct EntryPages<'a> {
    view: &'a View,
    filter: Filter,
    last: Option<Key>,
    page: std::vec::IntoIter<Entry>,
    done: bool,
    /// Whether pages are read in the order of names, and those of other jobs are passed over.
    by_name: bool,
    is_begun: bool,
}

impl EntryPages<'_> {
    const PAGE: u16 = 1000;

    /// The size of a job from which its pages are read in the order of names. Sorting a smaller one for each page costs
    /// less than passing over all other devices.
    const LARGE_JOB: u64 = 10_000;

    fn begin(&mut self) -> Result<()> {
        if !std::mem::replace(&mut self.is_begun, true)
            && let Some(id) = self.filter.job
        {
            // Jobs consist of devices.
            self.filter.kind = self.filter.kind.or(Some(Kind::Device));
            self.by_name = self.view.job(id)?.is_some_and(|job| job.size >= Self::LARGE_JOB);
        }
        Ok(())
    }

    fn next_page(&mut self) -> Result<Option<Entry>> {
        self.begin()?;
        let (condition, mut values) = self.filter.condition(self.last.as_ref(), self.by_name, self.view.columns());
        values.push(SqlValue::Int(Self::PAGE.into()));
        let sql = format!("WHERE {condition} ORDER BY kind, name, generation LIMIT ?{}", values.len());
        let page = self.view.entries(&sql, &values)?;
        drop(values);
        // A page that is not full is the last one.
        self.done = page.len() < usize::from(Self::PAGE);
        self.page = page.into_iter();
        self.last = self.page.as_slice().last().map(|entry| entry.key.clone());
        Ok(self.page.next())
    }
}

impl Iterator for EntryPages<'_> {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(entry) = self.page.next() {
            return Some(Ok(entry));
        }
        if self.done {
            return None;
        }
        let next = self.next_page().transpose();
        // After an error too: otherwise the iterator would return the same error without end.
        self.done |= !matches!(next, Some(Ok(_)));
        next
    }
}

/// The columns of rows; none without a row.
fn columns_of<'a, V: AsRef<[SqlValue<'a>]>>(rows: impl IntoIterator<Item = V>) -> Vec<Vec<SqlValue<'static>>> {
    let mut columns: Vec<Vec<SqlValue<'static>>> = Vec::new();
    for row in rows {
        columns.resize_with(row.as_ref().len(), Vec::new);
        // Columns are made by the first row, since no type knows the number of values.
        columns.iter_mut().zip(row.as_ref()).for_each(|(column, value)| column.push(value.to_static()));
    }
    columns
}

fn owned(values: &[SqlValue<'_>]) -> Vec<SqlValue<'static>> {
    values.iter().map(SqlValue::to_static).collect()
}

/// A row of [`SELECT`].
fn entry(row: &SqlRow) -> Result<Entry> {
    let mut times = [None; State::ALL.len()];
    // The order of the time columns is that of `State::ALL`.
    for (index, time) in times.iter_mut().enumerate() {
        *time = row.get::<Option<i64>>(13 + index)?.map(at).transpose()?;
    }
    let (kind, state, role): (String, String, String) = (row.get(0)?, row.get(12)?, row.get(23)?);
    let revoked_at = row.get::<Option<i64>>(18)?.map(at).transpose()?;
    let job: (Option<i64>, Option<u64>) = (row.get(20)?, row.get(21)?);
    Ok(Entry {
        key: Key {
            kind: one_of(&Kind::ALL, Kind::as_str, &kind)?,
            name: row.get(1)?,
            generation: Generation(row.get(2)?),
        },
        serial: SerialNumber::new(&row.get::<Vec<u8>>(3)?)?,
        profile: row.get(4)?,
        algorithm: row.get(5)?,
        parameters: Parameters::stored(row.get(6)?),
        issuer: row.get(7)?,
        not_before: at(row.get(8)?)?,
        not_after: at(row.get(9)?)?,
        fingerprint: row.get(10)?,
        credentials_id: row.get(11)?,
        state: one_of(&State::ALL, State::as_str, &state)?,
        last_error: row.get(19)?,
        job: job.0.map(JobId).zip(job.1),
        unregistered_at: row.get::<Option<i64>>(22)?.map(at).transpose()?,
        role: one_of(&Role::ALL, Role::as_str, &role)?,
        issuer_generation: row.get::<Option<u32>>(24)?.map(Generation),
        revocation: revoked_at.map(|at| Ok::<_, Error>(Revocation { at, reason: row.get(25)? })).transpose()?,
        copies: row.get(26)?,
        origin: row.get::<Option<String>>(27)?.map(|word| one_of(&Origin::ALL, Origin::as_str, &word)).transpose()?,
        forgotten_at: row.get::<Option<i64>>(28)?.map(at).transpose()?,
        // Only a ledger with several platforms yields this column.
        is_elsewhere: row.0.len() > 29 && row.get::<i64>(29)? != 0,
        times,
    })
}
