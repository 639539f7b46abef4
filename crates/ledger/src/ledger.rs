//! The file: made, opened, brought up to date.

use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::ops::Deref;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use pki::{Code, Error, Result};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::entry::{Issued, NewIdentity};
use crate::fault::fault;
use crate::key::{Generation, Key};
use crate::schema::{self, Layout};
use crate::transaction::Transaction;
use crate::view::View;

/// The record of what was intended, issued, registered and bundled.
///
/// Reading methods are those of [`View`]. Every writing method is a transaction of its own and on disk when it
/// returns; [`Ledger::transaction`] takes several steps as one.
pub struct Ledger {
    view: View,
    for_fleets: bool,
}

/// How long to wait for another process that is writing. Its transactions take milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// Pages in `ledger.db-wal` from which on a commit also folds them into `ledger.db`.
const WAL_PAGES: i64 = 128;

/// The size to which `ledger.db-wal` shrinks again after a large transaction.
const WAL_BYTES: i64 = 1 << 20;

/// The same two for fleets, whose commits are of thousands of pages: folding each of them in at once would write twice
/// what one folding of ten does.
const FLEET_WAL_PAGES: i64 = 4096;
const FLEET_WAL_BYTES: i64 = 32 << 20;

/// Kibibytes of `ledger.db` that are kept in memory for a fleet. Indexes grow at scattered places, and a page that has
/// to go is written and read again.
const FLEET_CACHE: i64 = 6 << 10;

impl Ledger {
    /// Opens the ledger at `path` for reading and writing; makes it, with mode 0600, if there is none; brings the
    /// layout of an older one up to date.
    ///
    /// # Errors
    /// [`Code::LedgerUnreadable`] when the file is something else or damaged, [`Code::LedgerVersion`] when a newer
    /// tbpki has written it, [`Code::StoreLocked`] when another process does not stop writing,
    /// [`Code::FileUnwritable`] or [`Code::FileUnreadable`] when the system refuses.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        create(path)?;
        let view = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let layout = view.sqlite(Layout::of)?;
        let version = known_version(path, &layout)?;
        view.sqlite(durable_and_quick)?;
        let ledger = Self { view, for_fleets: false };
        if version < schema::STEPS.len() {
            ledger.update()?;
        }
        Ok(ledger)
    }

    /// Opens the ledger at `path` for reading, beside a process that may be writing to it.
    ///
    /// # Errors
    /// As [`Ledger::open`]; [`Code::StoreMissing`] when there is none, or one that was never filled.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        if let Err(error) = fs::metadata(path) {
            let code = if error.kind() == ErrorKind::NotFound { Code::StoreMissing } else { Code::FileUnreadable };
            return Err(code.error("there is no ledger").at(path).because(error));
        }
        let view = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let layout = view.sqlite(Layout::of)?;
        if matches!(layout, Layout::Empty) {
            return Err(Code::StoreMissing.error("there is nothing in the ledger").at(path));
        }
        if known_version(path, &layout)? < schema::STEPS.len() {
            return Err(Code::LedgerVersion
                .error("the ledger has the layout of an older version")
                .at(path)
                .fix("any verb that writes to the store brings it up to date"));
        }
        Ok(Self { view, for_fleets: false })
    }

    /// Does several steps as one: all of them are on disk when this returns well, none otherwise.
    ///
    /// # Errors
    /// Those of `work`, and those of SQLite as in [`Ledger::open`].
    pub fn transaction<T>(&mut self, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let transaction = Transaction::begin(&self.view)?;
        let done = work(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }

    /// A transaction beside which others of its kind may go on, where the database can do that: what it relies on it
    /// has to hold by itself.
    pub(crate) fn shared_transaction<T>(&mut self, work: impl Fn(&Transaction<'_>) -> Result<T>) -> Result<T> {
        self.transaction(work)
    }

    /// [`Transaction::intend`] by itself.
    pub fn intend(&mut self, identity: &NewIdentity) -> Result<Generation> {
        self.transaction(|transaction| transaction.intend(identity))
    }

    /// [`Transaction::issued`] by itself.
    pub fn issued(&mut self, key: &Key, issued: &Issued) -> Result<()> {
        self.transaction(|transaction| transaction.issued(key, issued))
    }

    /// [`Transaction::registered`] by itself.
    pub fn registered(&mut self, key: &Key) -> Result<()> {
        self.transaction(|transaction| transaction.registered(key))
    }

    /// [`Transaction::unregistered`] by itself.
    pub fn unregistered(&mut self, key: &Key) -> Result<()> {
        self.transaction(|transaction| transaction.unregistered(key))
    }

    /// [`Transaction::bundled`] by itself.
    pub fn bundled(&mut self, key: &Key) -> Result<()> {
        self.transaction(|transaction| transaction.bundled(key))
    }

    /// [`Transaction::void`] by itself.
    pub fn void(&mut self, key: &Key, reason: &str) -> Result<()> {
        self.transaction(|transaction| transaction.void(key, reason))
    }

    /// [`Transaction::revoked`] by itself.
    pub fn revoked(&mut self, key: &Key, reason: &str) -> Result<()> {
        self.transaction(|transaction| transaction.revoked(key, reason))
    }

    /// [`Transaction::failed`] by itself.
    pub fn failed(&mut self, key: &Key, error: &str) -> Result<()> {
        self.transaction(|transaction| transaction.failed(key, error))
    }

    /// Sets the ledger up for many rows a commit; to be called outside of transactions.
    pub(crate) fn for_fleets(&mut self) -> Result<()> {
        if !std::mem::replace(&mut self.for_fleets, true) {
            self.view.sqlite(|connection| {
                connection.pragma_update(None, "cache_size", -FLEET_CACHE)?;
                connection.pragma_update(None, "wal_autocheckpoint", FLEET_WAL_PAGES)?;
                connection.pragma_update(None, "journal_size_limit", FLEET_WAL_BYTES)
            })?;
        }
        Ok(())
    }

    pub(crate) fn view(&self) -> &View {
        &self.view
    }

    fn update(&self) -> Result<()> {
        let transaction = Transaction::begin(&self.view)?;
        // Another process may have been quicker: what counts is the layout now that nobody else can write.
        let layout = self.view.sqlite(Layout::of)?;
        let version = known_version(&self.view.path, &layout)?;
        self.view.sqlite(|connection| schema::migrate(connection, version, schema::STEPS))?;
        transaction.commit()
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        // What the next verbs would have to read. If it fails, they do.
        if self.for_fleets {
            let _ =
                self.view.sqlite(|connection| connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(())));
        }
    }
}

impl Deref for Ledger {
    type Target = View;

    fn deref(&self) -> &View {
        &self.view
    }
}

/// Makes an empty file, which is an empty SQLite database. SQLite gives its mode and its owner to the files beside it.
fn create(path: &Path) -> Result<()> {
    if pki::file::create_empty(path)? {
        return Ok(());
    }
    // An empty file may be one whose making was cut short before it had its mode.
    let private = |file: fs::Metadata| match file.len() {
        0 => fs::set_permissions(path, Permissions::from_mode(0o600)),
        _ => Ok(()),
    };
    fs::metadata(path)
        .and_then(private)
        .map_err(|error| Code::FileUnwritable.error("the ledger cannot be made").at(path).because(error))
}

fn connect(path: &Path, access: OpenFlags) -> Result<View> {
    let to_error = |error: rusqlite::Error| fault(path, &error);
    // No URIs: a path that begins with "file:" is a path.
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(to_error)?;
    connection.busy_timeout(PATIENCE).map_err(to_error)?;
    connection.set_prepared_statement_cache_capacity(32);
    // The file may have been changed by whoever can write to it: its schema gets no functions with side effects, and
    // its cells are not trusted to be well formed.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false).map_err(to_error)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true).map_err(to_error)?;
    // A statement is planned once, whatever it is given: SQLite would plan anew each time where an index holds some
    // rows only, and that takes longer than most statements.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(to_error)?;
    connection.pragma_update(None, "cell_size_check", true).map_err(to_error)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(to_error)?;
    Ok(View { connection, path: path.to_owned() })
}

/// See the crate's documentation for what was measured.
fn durable_and_quick(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "wal")?;
    // With a -wal file this is FULL; where the file system cannot have one, it is what makes a commit durable.
    connection.pragma_update(None, "synchronous", "extra")?;
    connection.pragma_update(None, "wal_autocheckpoint", WAL_PAGES)?;
    connection.pragma_update(None, "journal_size_limit", WAL_BYTES)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(())
}

/// The layout of the ledger, 0 if nothing is in it yet.
fn known_version(path: &Path, layout: &Layout) -> Result<usize> {
    let newest = schema::STEPS.len();
    match *layout {
        Layout::Empty => Ok(0),
        Layout::Ledger(version) if version <= newest => Ok(version),
        Layout::Ledger(version) => Err(too_new(version, newest).at(path)),
        Layout::Foreign => Err(Code::LedgerUnreadable
            .error("this is not a ledger")
            .at(path)
            .because("it is an SQLite database of some other program")
            .fix("name another store, or move the file away")),
    }
}

fn too_new(version: usize, newest: usize) -> Error {
    Code::LedgerVersion
        .error(format!("the ledger has layout {version}, and this tbpki knows layouts up to {newest}"))
        .fix("use the version that wrote it, or a later one")
}
