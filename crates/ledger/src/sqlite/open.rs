//! The file: made, opened, brought up to date.

use std::cell::Cell;
use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use base::{Code, Result};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::fault::{PATIENCE, fault};
use super::schema::{self, FileKind};
use super::{File, data_version};
use crate::ledger::layout::{BeforeUpgrade, LedgerBefore, too_new};
use crate::ledger::ledger_status::LedgerStatus;

/// Pages in `ledger.db-wal` from which on a commit also folds them into `ledger.db`.
const WAL_PAGES: i64 = 128;

/// The size to which `ledger.db-wal` shrinks again after a large transaction.
const WAL_BYTES: i64 = 1 << 20;

/// The same two for fleets, whose commits are of thousands of pages: folding each of them in at once would write twice
/// what one folding of ten does.
const FLEET_WAL_PAGES: i64 = 4096;
const FLEET_WAL_BYTES: i64 = 32 << 20;

/// The same for a process that stays: while it runs, the others find the index of `ledger.db-wal` in memory and do not
/// read the file. A service writes a few pages again and again, and each folding waits for the disk.
const SERVICE_WAL_PAGES: i64 = 1000;

/// More than these pages have: a file that shrinks must be extended again, and the disk then has to write its size as well.
const SERVICE_WAL_BYTES: i64 = 8 << 20;

/// Kibibytes of `ledger.db` that are kept in memory there: certificates come in no order, so each changes other pages of the
/// indexes.
const SERVICE_CACHE: i64 = 8 << 10;

/// The statements that stay prepared there: more than a service has, because each would be parsed again for each batch.
const SERVICE_STATEMENTS: usize = 128;

/// Octets for the tables of a new layout while they are empty, and for `ledger.db-shm`.
const NEW_TABLES: u64 = 512 << 10;

/// Kibibytes of `ledger.db` that are kept in memory for a fleet. Indexes grow at scattered places, and a page that has
/// to go is written and read again.
const FLEET_CACHE: i64 = 4 << 10;

/// For reading and writing; made if there is none. `before` may refuse to bring an older ledger up to date.
pub(crate) fn open(path: &Path, before: BeforeUpgrade) -> Result<File> {
    create(path)?;
    let mut file = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let layout = file.run(FileKind::of)?;
    // Before anything is set: `journal_mode` writes to the header
    // of the file, and this may be the database of another program.
    let version = known_version(path, &layout)?;
    file.run(durable_and_quick)?;
    // Before its user looks at anything: what others commit after this must not count as seen.
    file.opened_at = file.run(data_version)?;
    if version < schema::STEPS.len() {
        // A new ledger has no rows that would be written twice.
        if version > 0 {
            check_room(path)?;
        }
        // Under the write lock, because two processes may open an old ledger at the same moment.
        file.batch("BEGIN IMMEDIATE")?;
        let updated = update(&file, before).and_then(|()| file.batch("COMMIT"));
        // After a successful COMMIT this does nothing.
        file.roll_back();
        updated?;
    }
    Ok(file)
}

/// For reading, while another process may be writing to it.
pub(crate) fn open_read_only(path: &Path) -> Result<File> {
    // SQLite would report a missing file and an unreadable one with the same code.
    if let Err(error) = fs::metadata(path) {
        let code = if error.kind() == ErrorKind::NotFound { Code::StoreMissing } else { Code::FileUnreadable };
        return Err(code.error("there is no ledger").at(path).caused_by(error));
    }
    let file = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let layout = file.run(FileKind::of)?;
    if matches!(layout, FileKind::Empty) {
        return Err(Code::StoreMissing.error("there is nothing in the ledger").at(path));
    }
    if known_version(path, &layout)? < schema::STEPS.len() {
        return Err(Code::LedgerOutdated
            .error("the ledger has the layout of an older version")
            .at(path)
            .fix("run a verb as the user who owns the store: it brings the ledger up to date"));
    }
    Ok(file)
}

impl File {
    /// Sets it up for many rows a commit.
    pub(crate) fn for_fleets(&self) -> Result<()> {
        self.run(|connection| {
            // A negative number is a size in KiB instead of a number of pages.
            connection.pragma_update(None, "cache_size", -FLEET_CACHE)?;
            connection.pragma_update(None, "wal_autocheckpoint", FLEET_WAL_PAGES)?;
            connection.pragma_update(None, "journal_size_limit", FLEET_WAL_BYTES)?;
            without_checks(connection)
        })
    }

    /// Sets it up for a connection that stays open.
    pub(crate) fn stay_open(&self) -> Result<()> {
        self.run(|connection| {
            connection.set_prepared_statement_cache_capacity(SERVICE_STATEMENTS);
            // A negative number is a size in KiB instead of a number of pages.
            connection.pragma_update(None, "cache_size", -SERVICE_CACHE)?;
            connection.pragma_update(None, "journal_size_limit", SERVICE_WAL_BYTES)?;
            connection.pragma_update(None, "wal_autocheckpoint", SERVICE_WAL_PAGES)?;
            without_checks(connection)
        })
    }

    /// Folds `ledger.db-wal` in.
    pub(crate) fn fold(&self) -> Result<()> {
        self.run(|connection| connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(())))
    }
}

/// Fails if the disk has no room for another layout: every page may be written once more, to the -wal file and then back.
fn check_room(path: &Path) -> Result<()> {
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    // A commit may still be in the -wal file alone.
    let size: u64 = [path, Path::new(&wal)].iter().map(|path| fs::metadata(path).map_or(0, |file| file.len())).sum();
    let needed = size.saturating_mul(2).saturating_add(NEW_TABLES);
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (room, _) = base::file::BulkDir::open(dir)?.room()?;
    if room >= needed {
        return Ok(());
    }
    Err(Code::DiskFull
        .error("there is not enough room to bring the ledger up to date")
        .at(path)
        .because(format!("{needed} octets are needed, and {room} are free"))
        .fix("make room and run the same command again; the ledger is unchanged"))
}

fn update(file: &File, before: BeforeUpgrade) -> Result<()> {
    // Another process may have been quicker. The layout counts that is there now, under the lock.
    let layout = file.run(FileKind::of)?;
    let version = known_version(&file.path, &layout)?;
    match version {
        0 => before(LedgerBefore::Nothing)?,
        version if version < schema::STEPS.len() => before(LedgerBefore::Older(status(file)?))?,
        _ => {}
    }
    file.run(|connection| schema::migrate(connection, version, schema::STEPS))
}

/// The state of a ledger of an older layout; `None` for one that did not count its changes.
fn status(file: &File) -> Result<Option<LedgerStatus>> {
    if file.query("SELECT 1 FROM sqlite_schema WHERE name = 'status'", &[])?.is_empty() {
        return Ok(None);
    }
    let rows = file.query(&LedgerStatus::select("changes"), &[])?;
    rows.first().map(|row| LedgerStatus::of(row).map_err(|error| error.at(&file.path))).transpose()
}

/// Makes an empty file, which is an empty SQLite database. SQLite gives its mode and its owner to its other files.
fn create(path: &Path) -> Result<()> {
    if base::file::create_empty(path)? {
        return Ok(());
    }
    // An empty file may be one whose making was cut short before it had its mode.
    // The mode is set only for an empty file: a user may have given a group access to a ledger in use.
    let private = |file: fs::Metadata| match file.len() {
        0 => fs::set_permissions(path, Permissions::from_mode(0o600)),
        _ => Ok(()),
    };
    fs::metadata(path)
        .and_then(private)
        .map_err(|error| Code::FileUnwritable.error("the ledger cannot be made").at(path).caused_by(error))
}

/// SQLite opens these by their names, empties `-shm`, and as root gives the files to the owner of the database.
fn check_files(path: &Path) -> Result<()> {
    // SQLite opens these files by name, and would follow a link that another user put there.
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        base::file::check_own(Path::new(&name))?;
    }
    Ok(())
}

fn connect(path: &Path, access: OpenFlags) -> Result<File> {
    check_files(path)?;
    let to_error = |error: rusqlite::Error| fault(path, error);
    // No URIs: a path that begins with "file:" is a path.
    // NO_MUTEX, because a `Connection` cannot be shared between threads (it is not `Sync`).
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(to_error)?;
    connection.busy_timeout(PATIENCE).map_err(to_error)?;
    // The default of 16 is too small for the statements of one shard, which would be prepared again each time.
    connection.set_prepared_statement_cache_capacity(32);
    // The file may have been changed by anyone who can write to it: its schema gets no functions with side effects, and
    // its cells are not trusted to be well formed.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false).map_err(to_error)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true).map_err(to_error)?;
    // A statement is planned once, whatever it is given: SQLite would plan again each time if an index holds some
    // rows only, and that takes longer than most statements.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(to_error)?;
    connection.pragma_update(None, "cell_size_check", true).map_err(to_error)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(to_error)?;
    Ok(File { connection, path: path.to_owned(), opened_at: 0, changes_at_begin: Cell::default() })
}

/// Without the CHECK constraints of columns. For each list of values in one, SQLite makes a table in memory for each row,
/// which is an eighth of the processor time of a fleet. The values come from types that have no others; foreign keys,
/// unique columns and the types of columns are still enforced.
fn without_checks(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "ignore_check_constraints", true)
}

/// See the crate's documentation for what was measured.
// In WAL mode readers do not wait for the writer, so that `list` works during a long run.
fn durable_and_quick(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "wal")?;
    // With a -wal file this is FULL; where the file system cannot have one, it is what makes a commit durable.
    connection.pragma_update(None, "synchronous", "extra")?;
    connection.pragma_update(None, "wal_autocheckpoint", WAL_PAGES)?;
    connection.pragma_update(None, "journal_size_limit", WAL_BYTES)?;
    // Folding the -wal file at each exit would make every short verb wait for the disk.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(())
}

/// The layout of the ledger, 0 if nothing is in it yet.
fn known_version(path: &Path, layout: &FileKind) -> Result<usize> {
    let newest = schema::STEPS.len();
    match *layout {
        FileKind::Empty => Ok(0),
        FileKind::Ledger(version) if version <= newest => Ok(version),
        FileKind::Ledger(version) => Err(too_new(version, newest).at(path)),
        FileKind::Foreign => Err(Code::LedgerUnreadable
            .error("this is not a ledger")
            .at(path)
            .because("it is an SQLite database of some other program")
            .fix("name another store, or move the file away")),
    }
}
