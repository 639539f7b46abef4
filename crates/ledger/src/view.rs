//! Reading.

use std::path::{Path, PathBuf};

use pki::{Code, Error, Result};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use time::OffsetDateTime;

use crate::entry::Entry;
use crate::fault::fault;
use crate::filter::Filter;
use crate::key::{Generation, Key, Kind, Serial};
use crate::parameters::Parameters;
use crate::state::State;

/// The reading half of a [`Ledger`](crate::Ledger) and of a [`Transaction`](crate::Transaction): both deref to it.
pub struct View {
    pub(crate) connection: Connection,
    pub(crate) path: PathBuf,
}

const SELECT: &str = "SELECT kind, name, generation, serial, profile, algorithm, parameters.text, issuer, not_before, \
    not_after, fingerprint, credentials_id, state, intended_at, issued_at, registered_at, bundled_at, voided_at, \
    revoked_at, last_error FROM identity JOIN parameters ON parameters.id = identity.parameters";

impl View {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The latest generation of a name that is not void, if there is one.
    ///
    /// # Errors
    /// [`Code::LedgerUnreadable`] when the file is damaged or the disk refuses, here and in every other method.
    pub fn current(&self, kind: Kind, name: &str) -> Result<Option<Entry>> {
        let sql = "WHERE kind = ?1 AND name = ?2 AND state <> 'void' ORDER BY generation DESC LIMIT 1";
        Ok(self.entries(sql, vec![text(kind.as_str()), text(name)])?.pop())
    }

    /// All generations of a name, void ones included, the first one first.
    pub fn history(&self, kind: Kind, name: &str) -> Result<Vec<Entry>> {
        self.entries("WHERE kind = ?1 AND name = ?2 ORDER BY generation", vec![text(kind.as_str()), text(name)])
    }

    /// One row.
    pub fn entry(&self, key: &Key) -> Result<Option<Entry>> {
        let values = vec![text(key.kind.as_str()), text(&key.name), Value::Integer(key.generation.0.into())];
        Ok(self.entries("WHERE kind = ?1 AND name = ?2 AND generation = ?3", values)?.pop())
    }

    /// What was intended and neither issued nor voided: what an interrupted run left behind.
    pub fn unfinished(&self) -> Result<Vec<Entry>> {
        self.entries("WHERE state = 'intended' ORDER BY kind, name", vec![])
    }

    /// The certificates of this serial number: one, unless CAs that were brought along number alike.
    pub fn by_serial(&self, serial: &Serial) -> Result<Vec<Entry>> {
        self.entries("WHERE serial = ?1 ORDER BY issuer", vec![Value::Blob(serial.octets().to_vec())])
    }

    /// What the platform knows under this credentials id. When one certificate was recorded more than once, the last.
    pub fn by_credentials_id(&self, credentials_id: &str) -> Result<Option<Entry>> {
        let sql = "WHERE credentials_id = ?1 ORDER BY identity.id DESC LIMIT 1";
        Ok(self.entries(sql, vec![text(credentials_id)])?.pop())
    }

    /// The rows that pass `filter`, by kind, name and generation.
    ///
    /// They are fetched by pages as the iterator goes on, so that a list of a million costs no more memory than one
    /// of ten. What another process writes meanwhile may or may not be in it.
    pub fn list(&self, filter: &Filter) -> Entries<'_> {
        Entries { view: self, filter: filter.clone(), last: None, page: Vec::new().into_iter(), done: false }
    }

    /// How many rows pass `filter`.
    pub fn count(&self, filter: &Filter) -> Result<u64> {
        let (condition, values) = filter.condition(None);
        let count: i64 = self.sqlite(|connection| {
            connection
                .prepare_cached(&format!("SELECT count(*) FROM identity WHERE {condition}"))?
                .query_row(params_from_iter(values), |row| row.get(0))
        })?;
        Ok(count.unsigned_abs())
    }

    /// Reads the whole file and compares its indexes with its rows. Takes time in proportion to its size.
    ///
    /// # Errors
    /// [`Code::LedgerUnreadable`] with SQLite's words for what is wrong.
    pub fn check(&self) -> Result<()> {
        let words: Vec<String> = self.sqlite(|connection| {
            let mut statement = connection.prepare("PRAGMA integrity_check(10)")?;
            statement.query_map((), |row| row.get(0))?.collect()
        })?;
        if words == ["ok"] {
            return Ok(());
        }
        Err(Code::LedgerUnreadable.error("the ledger is damaged").at(&self.path).because(words.join("; ")))
    }

    pub(crate) fn sqlite<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        work(&self.connection).map_err(|error| fault(&self.path, &error))
    }

    /// The row number and state of a key.
    pub(crate) fn locate(&self, key: &Key) -> Result<(i64, State)> {
        let found: Option<(i64, String)> = self.sqlite(|connection| {
            connection
                .prepare_cached("SELECT id, state FROM identity WHERE kind = ?1 AND name = ?2 AND generation = ?3")?
                .query_row(params![key.kind.as_str(), key.name, key.generation.0], |row| row.try_into())
                .optional()
        })?;
        let (id, state) =
            found.ok_or_else(|| Code::UnknownIdentity.error(format!("the ledger holds no {key}")).at(&self.path))?;
        Ok((id, one_of(&State::ALL, State::as_str, &state).map_err(|error| error.at(&self.path))?))
    }

    fn entries(&self, condition: &str, values: Vec<Value>) -> Result<Vec<Entry>> {
        let rows: Vec<Stored> = self.sqlite(|connection| {
            let mut statement = connection.prepare_cached(&format!("{SELECT} {condition}"))?;
            statement.query_map(params_from_iter(values), Stored::read)?.collect()
        })?;
        rows.into_iter().map(|row| Entry::try_from(row).map_err(|error| error.at(&self.path))).collect()
    }
}

/// The rows of a list, in pages.
pub struct Entries<'a> {
    view: &'a View,
    filter: Filter,
    last: Option<Key>,
    page: std::vec::IntoIter<Entry>,
    done: bool,
}

impl Entries<'_> {
    const PAGE: i64 = 1000;

    fn next_page(&mut self) -> Result<Option<Entry>> {
        let (condition, mut values) = self.filter.condition(self.last.as_ref());
        values.push(Value::Integer(Self::PAGE));
        let sql = format!("WHERE {condition} ORDER BY kind, name, generation LIMIT ?");
        self.page = self.view.entries(&sql, values)?.into_iter();
        self.last = self.page.as_slice().last().map(|entry| entry.key.clone());
        Ok(self.page.next())
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(entry) = self.page.next() {
            return Some(Ok(entry));
        }
        if self.done {
            return None;
        }
        let next = self.next_page().transpose();
        self.done = !matches!(next, Some(Ok(_)));
        next
    }
}

/// A row as SQLite has it: nothing in it is believed yet.
struct Stored {
    kind: String,
    name: String,
    generation: u32,
    serial: Vec<u8>,
    profile: String,
    algorithm: String,
    parameters: String,
    issuer: String,
    not_before: i64,
    not_after: i64,
    fingerprint: Option<[u8; 32]>,
    credentials_id: Option<String>,
    state: String,
    times: [Option<i64>; State::ALL.len()],
    last_error: Option<String>,
}

impl Stored {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            kind: row.get(0)?,
            name: row.get(1)?,
            generation: row.get(2)?,
            serial: row.get(3)?,
            profile: row.get(4)?,
            algorithm: row.get(5)?,
            parameters: row.get(6)?,
            issuer: row.get(7)?,
            not_before: row.get(8)?,
            not_after: row.get(9)?,
            fingerprint: row.get(10)?,
            credentials_id: row.get(11)?,
            state: row.get(12)?,
            times: [row.get(13)?, row.get(14)?, row.get(15)?, row.get(16)?, row.get(17)?, row.get(18)?],
            last_error: row.get(19)?,
        })
    }
}

impl TryFrom<Stored> for Entry {
    type Error = Error;

    fn try_from(row: Stored) -> Result<Self> {
        let mut times = [None; State::ALL.len()];
        for (time, seconds) in times.iter_mut().zip(row.times) {
            *time = seconds.map(at).transpose()?;
        }
        Ok(Self {
            key: Key {
                kind: one_of(&Kind::ALL, Kind::as_str, &row.kind)?,
                name: row.name,
                generation: Generation(row.generation),
            },
            serial: Serial::new(&row.serial)?,
            profile: row.profile,
            algorithm: row.algorithm,
            parameters: Parameters::stored(row.parameters),
            issuer: row.issuer,
            not_before: at(row.not_before)?,
            not_after: at(row.not_after)?,
            fingerprint: row.fingerprint,
            credentials_id: row.credentials_id,
            state: one_of(&State::ALL, State::as_str, &row.state)?,
            last_error: row.last_error,
            times,
        })
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn at(seconds: i64) -> Result<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(seconds)
        .map_err(|error| Code::LedgerUnreadable.error("the ledger holds an impossible time").because(error))
}

fn one_of<T: Copy>(all: &[T], word: impl Fn(T) -> &'static str, stored: &str) -> Result<T> {
    all.iter()
        .copied()
        .find(|one| word(*one) == stored)
        .ok_or_else(|| Code::LedgerUnreadable.error(format!("the ledger holds an unknown word {stored:?}")))
}
