//! The layout of the file, and the way from each to the next.

use rusqlite::Connection;

/// "tbpk": what makes an SQLite file a ledger (`PRAGMA application_id`).
pub(crate) const APPLICATION_ID: i32 = 0x7462_706b;

/// Step n leads from layout n to n + 1. Steps are only ever added.
///
/// Times are whole seconds since 1970 (UTC). What was asked for is the same text for most of a fleet, so that it
/// is in a table of its own. A name has at most one unfinished identity: the partial index holds that rule and
/// finds the few unfinished among a million.
pub(crate) const STEPS: &[&str] = &[
    "
CREATE TABLE parameters (
    id   INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE identity (
    id             INTEGER PRIMARY KEY,
    kind           TEXT NOT NULL CHECK (kind IN ('ca', 'server', 'device')),
    name           TEXT NOT NULL,
    generation     INTEGER NOT NULL CHECK (generation >= 1),
    serial         BLOB NOT NULL CHECK (length(serial) BETWEEN 1 AND 20),
    profile        TEXT NOT NULL,
    algorithm      TEXT NOT NULL,
    parameters     INTEGER NOT NULL REFERENCES parameters (id),
    issuer         TEXT NOT NULL,
    not_before     INTEGER NOT NULL,
    not_after      INTEGER NOT NULL,
    fingerprint    BLOB CHECK (length(fingerprint) = 32),
    credentials_id TEXT,
    state          TEXT NOT NULL CHECK (state IN ('intended', 'issued', 'registered', 'bundled', 'void', 'revoked')),
    intended_at    INTEGER NOT NULL,
    issued_at      INTEGER,
    registered_at  INTEGER,
    bundled_at     INTEGER,
    voided_at      INTEGER,
    revoked_at     INTEGER,
    last_error     TEXT,
    UNIQUE (kind, name, generation),
    UNIQUE (serial, issuer),
    CHECK (state IN ('intended', 'void') OR fingerprint IS NOT NULL)
) STRICT;

CREATE INDEX identity_credentials_id ON identity (credentials_id) WHERE credentials_id IS NOT NULL;
CREATE UNIQUE INDEX identity_unfinished ON identity (kind, name) WHERE state = 'intended';
",
    "
CREATE TABLE job (
    id         INTEGER PRIMARY KEY,
    digest     BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    parameters INTEGER NOT NULL REFERENCES parameters (id),
    size       INTEGER NOT NULL,
    shard_size INTEGER NOT NULL CHECK (shard_size >= 1),
    state      TEXT NOT NULL CHECK (state IN ('open', 'done')),
    made_at    INTEGER NOT NULL,
    done_at    INTEGER
) STRICT;

CREATE TABLE staged (
    job        INTEGER NOT NULL REFERENCES job (id),
    number     INTEGER NOT NULL,
    line       INTEGER NOT NULL,
    name       TEXT NOT NULL,
    label      TEXT,
    profile    TEXT,
    sans       TEXT,
    attributes TEXT,
    PRIMARY KEY (job, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE work (
    job     INTEGER NOT NULL REFERENCES job (id),
    phase   TEXT NOT NULL CHECK (phase IN ('issue', 'register', 'bundle')),
    shard   INTEGER NOT NULL,
    state   TEXT NOT NULL CHECK (state IN ('open', 'claimed', 'done', 'partly')),
    station TEXT,
    place   TEXT,
    fence   INTEGER NOT NULL,
    until   INTEGER,
    PRIMARY KEY (job, phase, shard),
    CHECK ((state = 'claimed') = (until IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX work_to_do ON work (job, phase, shard) WHERE state IN ('open', 'claimed');

CREATE TABLE attempt (
    job      INTEGER NOT NULL REFERENCES job (id),
    shard    INTEGER NOT NULL,
    fence    INTEGER NOT NULL,
    seed     BLOB NOT NULL CHECK (length(seed) = 32),
    station  TEXT NOT NULL,
    begun_at INTEGER NOT NULL,
    ended_at INTEGER,
    outcome  TEXT CHECK (outcome IN ('issued', 'void')),
    PRIMARY KEY (job, shard, fence)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX attempt_going_on ON attempt (job, shard) WHERE outcome IS NULL;
CREATE UNIQUE INDEX attempt_issued ON attempt (job, shard) WHERE outcome = 'issued';

ALTER TABLE identity ADD COLUMN job INTEGER REFERENCES job (id);
ALTER TABLE identity ADD COLUMN number INTEGER;
CREATE UNIQUE INDEX identity_of_job ON identity (job, number) WHERE job IS NOT NULL;
DROP INDEX identity_credentials_id;
",
    "
ALTER TABLE job ADD COLUMN uid BLOB CHECK (length(uid) = 16);
UPDATE job SET uid = randomblob(16);
CREATE UNIQUE INDEX job_uid ON job (uid);
ALTER TABLE job ADD COLUMN canceled_at INTEGER;
ALTER TABLE identity ADD COLUMN unregistered_at INTEGER;
",
    "
ALTER TABLE identity ADD COLUMN role TEXT NOT NULL DEFAULT 'intended'
    CHECK (role IN ('intended', 'current', 'pending', 'superseded', 'retired', 'void', 'revoked'));
ALTER TABLE identity ADD COLUMN issuer_generation INTEGER;
ALTER TABLE identity ADD COLUMN revocation_reason TEXT;
ALTER TABLE identity ADD COLUMN copies TEXT;

UPDATE identity SET role = CASE
    WHEN state IN ('intended', 'void', 'revoked') THEN state
    WHEN EXISTS (SELECT 1 FROM identity AS later WHERE later.kind = identity.kind AND later.name = identity.name
        AND later.generation > identity.generation AND later.state NOT IN ('intended', 'void')) THEN 'superseded'
    ELSE 'current' END;
UPDATE identity SET issuer_generation = (SELECT ca.generation FROM identity AS ca WHERE ca.kind = 'ca'
    AND ca.name = identity.issuer AND ca.role = 'current');

CREATE UNIQUE INDEX identity_current ON identity (kind, name) WHERE role = 'current';
CREATE UNIQUE INDEX identity_pending ON identity (kind, name) WHERE role = 'pending';
CREATE INDEX identity_revoked ON identity (issuer, serial) WHERE role = 'revoked';

CREATE TABLE open_step (
    identity INTEGER NOT NULL REFERENCES identity (id),
    step     TEXT NOT NULL CHECK (step IN ('platform', 'list', 'profile-ca')),
    list     INTEGER,
    error    TEXT,
    PRIMARY KEY (identity, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE revocation_list (
    key         BLOB NOT NULL PRIMARY KEY CHECK (length(key) = 32),
    issuer      TEXT NOT NULL,
    number      INTEGER NOT NULL,
    this_update INTEGER NOT NULL,
    next_update INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
",
    "
CREATE TABLE ca_confirmation (
    ca         TEXT NOT NULL,
    generation INTEGER NOT NULL,
    kind       TEXT NOT NULL CHECK (kind IN ('server', 'device')),
    name       TEXT NOT NULL,
    how        TEXT NOT NULL CHECK (how IN ('stated', 'seen', 'left-behind')),
    who        TEXT NOT NULL,
    at         INTEGER NOT NULL,
    PRIMARY KEY (ca, generation, kind, name)
) STRICT, WITHOUT ROWID;
",
    "
CREATE TABLE enrolment_password (
    device     TEXT NOT NULL PRIMARY KEY,
    label      TEXT,
    hash       BLOB NOT NULL CHECK (length(hash) = 32),
    made_at    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    key        BLOB CHECK (length(key) = 32),
    spent_at   INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE enrolled (
    identity    INTEGER NOT NULL PRIMARY KEY REFERENCES identity (id),
    key         BLOB NOT NULL CHECK (length(key) = 32),
    certificate BLOB NOT NULL,
    used_at     INTEGER,
    swap        TEXT CHECK (swap IN ('open', 'done')),
    error       TEXT
) STRICT;

CREATE INDEX enrolled_swap ON enrolled (identity) WHERE swap = 'open';
",
    "
CREATE TABLE renewal_step (
    identity INTEGER NOT NULL REFERENCES identity (id),
    step     TEXT NOT NULL CHECK (step IN ('swap', 'back', 'install', 'hook')),
    error    TEXT,
    PRIMARY KEY (identity, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE lease (
    kind   TEXT NOT NULL,
    name   TEXT NOT NULL,
    holder TEXT NOT NULL,
    since  INTEGER NOT NULL,
    until  INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE clock (
    id            INTEGER PRIMARY KEY,
    at            INTEGER NOT NULL,
    newest_before INTEGER,
    last_identity INTEGER NOT NULL
) STRICT;

ALTER TABLE job ADD COLUMN renews INTEGER NOT NULL DEFAULT 0 CHECK (renews IN (0, 1));
",
    "
ALTER TABLE identity ADD COLUMN station TEXT;
",
];

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
pub(crate) fn migrate(connection: &Connection, from: usize, steps: &[&str]) -> rusqlite::Result<()> {
    for step in steps.iter().skip(from) {
        connection.execute_batch(step)?;
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

        let steps = [STEPS, &["ALTER TABLE parameters ADD COLUMN note TEXT NOT NULL DEFAULT 'none'"]].concat();
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
