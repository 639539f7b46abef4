//! The layout of the file, and the way from each to the next.

use rusqlite::Connection;

use crate::tables;

/// "tbpk": what makes an SQLite file a ledger (`PRAGMA application_id`).
pub(crate) const APPLICATION_ID: i32 = 0x7462_706b;

/// Step n leads from layout n to n + 1. Steps are only ever added. Each is a list of texts that run in order.
pub(crate) const STEPS: &[&[&str]] = &[
    &[PARAMETERS, tables::IDENTITY, CREDENTIALS_INDEX],
    &[tables::JOBS, "DROP INDEX identity_credentials_id;"],
    &[JOB_UIDS],
    &[tables::ROLES],
    &[tables::CONFIRMATIONS],
    &[tables::ENROLMENT],
    &[tables::RENEWAL],
    &[tables::STATION],
    &[STATUS, tables::REPAIR],
    &[tables::APPROVAL],
    &[tables::PLATFORMS],
    &[tables::DEVICE_TOKENS],
    &[tables::ENROLLED_KEYS],
];

const PARAMETERS: &str = "
CREATE TABLE parameters (
    id   INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE
) STRICT;
";

/// The second step drops it: `identity` is never searched by credentials id alone.
const CREDENTIALS_INDEX: &str =
    "CREATE INDEX identity_credentials_id ON identity (credentials_id) WHERE credentials_id IS NOT NULL;";

/// SQLite cannot add NOT NULL to a column of a table with rows.
const JOB_UIDS: &str = "
ALTER TABLE job ADD COLUMN uid BLOB CHECK (length(uid) = 16);
UPDATE job SET uid = randomblob(16);
CREATE UNIQUE INDEX job_uid ON job (uid);
ALTER TABLE job ADD COLUMN canceled_at INTEGER;
ALTER TABLE identity ADD COLUMN unregistered_at INTEGER;
";

/// A file counts its changes in a row; a server has a sequence for that.
const STATUS: &str = "
CREATE TABLE status (
    id          INTEGER PRIMARY KEY CHECK (id = 1),
    uid         BLOB NOT NULL CHECK (length(uid) = 16),
    changes     INTEGER NOT NULL,
    restored_at INTEGER,
    moved_to    TEXT
) STRICT;
INSERT INTO status (id, uid, changes) VALUES (1, randomblob(16), 0);
";

/// The kind of a file, judged by its header.
pub(crate) enum FileKind {
    /// An SQLite database without content.
    Empty,
    /// A ledger of this layout, known or not.
    Ledger(usize),
    /// An SQLite database of something else.
    Foreign,
}

impl FileKind {
    pub(crate) fn of(connection: &Connection) -> rusqlite::Result<Self> {
        let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let objects: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
        Ok(match (application, version, objects) {
            // The number of tables decides as well: another program's new database has no application id either.
            (0, 0, 0) => Self::Empty,
            // A negative number can only be foreign; as a layout it is beyond all that are known.
            (APPLICATION_ID, version, _) => Self::Ledger(usize::try_from(version).unwrap_or(usize::MAX)),
            _ => Self::Foreign,
        })
    }
}

/// Takes a ledger of layout `from` through the rest of `steps`; to be called in a transaction.
pub(crate) fn migrate(connection: &Connection, from: usize, steps: &[&[&str]]) -> rusqlite::Result<()> {
    for text in steps.iter().skip(from).copied().flatten() {
        connection.execute_batch(text)?;
    }
    // Last, so that an interrupted migration is rolled back with the version that it began with.
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.pragma_update(None, "user_version", i64::try_from(steps.len()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_layout_keeps_what_an_earlier_one_held() {
        let mut connection = Connection::open_in_memory().unwrap();
        let transaction = connection.transaction().unwrap();
        migrate(&transaction, 0, STEPS).unwrap();
        transaction.execute("INSERT INTO parameters (text) VALUES ('{}')", ()).unwrap();

        let steps = [STEPS, &[&["ALTER TABLE parameters ADD COLUMN note TEXT NOT NULL DEFAULT 'none'"]]].concat();
        migrate(&transaction, STEPS.len(), &steps).unwrap();
        transaction.commit().unwrap();

        let row: (String, String) =
            connection.query_row("SELECT text, note FROM parameters", (), |row| row.try_into()).unwrap();
        assert_eq!(row, ("{}".to_owned(), "none".to_owned()));
        assert!(matches!(FileKind::of(&connection).unwrap(), FileKind::Ledger(version) if version == steps.len()));
    }

    #[test]
    fn a_ledger_of_the_first_layout_keeps_its_identities() {
        let mut connection = Connection::open_in_memory().unwrap();
        let transaction = connection.transaction().unwrap();
        // From the first layout directly, because a ledger may skip any number of versions.
        migrate(&transaction, 0, &STEPS[..1]).unwrap();
        let row = "INSERT INTO parameters (text) VALUES ('{}'); \
            INSERT INTO identity (kind, name, generation, serial, profile, algorithm, parameters, issuer, not_before, \
            not_after, state, intended_at) VALUES ('device', 'a', 1, x'01', 'client', 'ec-p256', 1, 'ca', 0, 1, \
            'intended', 0)";
        transaction.execute_batch(row).unwrap();
        migrate(&transaction, 1, STEPS).unwrap();
        transaction.commit().unwrap();
        let row: (String, Option<i64>, Option<i64>) =
            connection.query_row("SELECT name, job, number FROM identity", (), |row| row.try_into()).unwrap();
        assert_eq!(row, ("a".to_owned(), None, None));
    }

    #[test]
    fn a_database_of_something_else_is_told_apart_from_an_empty_one() {
        let connection = Connection::open_in_memory().unwrap();
        assert!(matches!(FileKind::of(&connection).unwrap(), FileKind::Empty));
        connection.execute_batch("CREATE TABLE bookmarks (url TEXT)").unwrap();
        assert!(matches!(FileKind::of(&connection).unwrap(), FileKind::Foreign));
    }
}
