//! The layout of the database, and the way from each to the next.

use base::{Code, Error, Result};

use super::session::{Session, TableLock};
use super::{PostgresServer, PostgresWorker};
use crate::value::values;

/// Step n leads from layout n to n + 1. Steps are only ever added.
///
/// The same tables and rules as in `ledger.db`. Texts are compared by their bytes, which is the order of lists. What
/// was asked for may be longer than an ordered index takes, so that a hash finds it.
const STEPS: &[&str] = &[
    r#"
CREATE TABLE parameters (
    id   BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    text TEXT COLLATE "C" NOT NULL,
    EXCLUDE USING hash (text WITH =)
);

CREATE TABLE job (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest     BYTEA NOT NULL UNIQUE CHECK (length(digest) = 32),
    parameters BIGINT NOT NULL REFERENCES parameters (id),
    size       BIGINT NOT NULL,
    shard_size BIGINT NOT NULL CHECK (shard_size >= 1),
    state      TEXT COLLATE "C" NOT NULL CHECK (state IN ('open', 'done')),
    made_at    BIGINT NOT NULL,
    done_at    BIGINT
);

CREATE TABLE staged (
    job        BIGINT NOT NULL REFERENCES job (id),
    number     BIGINT NOT NULL,
    line       BIGINT NOT NULL,
    name       TEXT COLLATE "C" NOT NULL,
    label      TEXT COLLATE "C",
    profile    TEXT COLLATE "C",
    sans       TEXT COLLATE "C",
    attributes TEXT COLLATE "C",
    PRIMARY KEY (job, number)
);

CREATE TABLE work (
    job     BIGINT NOT NULL REFERENCES job (id),
    phase   TEXT COLLATE "C" NOT NULL CHECK (phase IN ('issue', 'register', 'bundle')),
    shard   BIGINT NOT NULL,
    state   TEXT COLLATE "C" NOT NULL CHECK (state IN ('open', 'claimed', 'done', 'partly')),
    station TEXT COLLATE "C",
    place   TEXT COLLATE "C",
    fence   BIGINT NOT NULL,
    until   BIGINT,
    PRIMARY KEY (job, phase, shard),
    CHECK ((state = 'claimed') = (until IS NOT NULL))
);

CREATE INDEX work_to_do ON work (job, phase, shard) WHERE state IN ('open', 'claimed');

CREATE TABLE attempt (
    job      BIGINT NOT NULL REFERENCES job (id),
    shard    BIGINT NOT NULL,
    fence    BIGINT NOT NULL,
    seed     BYTEA NOT NULL CHECK (length(seed) = 32),
    station  TEXT COLLATE "C" NOT NULL,
    begun_at BIGINT NOT NULL,
    ended_at BIGINT,
    outcome  TEXT COLLATE "C" CHECK (outcome IN ('issued', 'void')),
    PRIMARY KEY (job, shard, fence)
);

CREATE UNIQUE INDEX attempt_going_on ON attempt (job, shard) WHERE outcome IS NULL;
CREATE UNIQUE INDEX attempt_issued ON attempt (job, shard) WHERE outcome = 'issued';

CREATE TABLE identity (
    id             BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind           TEXT COLLATE "C" NOT NULL CHECK (kind IN ('ca', 'server', 'device')),
    name           TEXT COLLATE "C" NOT NULL,
    generation     BIGINT NOT NULL CHECK (generation >= 1),
    serial         BYTEA NOT NULL CHECK (length(serial) BETWEEN 1 AND 20),
    profile        TEXT COLLATE "C" NOT NULL,
    algorithm      TEXT COLLATE "C" NOT NULL,
    parameters     BIGINT NOT NULL REFERENCES parameters (id),
    issuer         TEXT COLLATE "C" NOT NULL,
    not_before     BIGINT NOT NULL,
    not_after      BIGINT NOT NULL,
    fingerprint    BYTEA CHECK (length(fingerprint) = 32),
    credentials_id TEXT COLLATE "C",
    state          TEXT COLLATE "C" NOT NULL
                   CHECK (state IN ('intended', 'issued', 'registered', 'bundled', 'void', 'revoked')),
    intended_at    BIGINT NOT NULL,
    issued_at      BIGINT,
    registered_at  BIGINT,
    bundled_at     BIGINT,
    voided_at      BIGINT,
    revoked_at     BIGINT,
    last_error     TEXT COLLATE "C",
    job            BIGINT REFERENCES job (id),
    number         BIGINT,
    UNIQUE (kind, name, generation),
    UNIQUE (serial, issuer),
    CHECK (state IN ('intended', 'void') OR fingerprint IS NOT NULL)
);

CREATE UNIQUE INDEX identity_unfinished ON identity (kind, name) WHERE state = 'intended';
CREATE UNIQUE INDEX identity_of_job ON identity (job, number) WHERE job IS NOT NULL;
"#,
    r#"
ALTER TABLE job ADD COLUMN uid BYTEA CHECK (length(uid) = 16);
UPDATE job SET uid = uuid_send(gen_random_uuid());
ALTER TABLE job ALTER COLUMN uid SET NOT NULL;
CREATE UNIQUE INDEX job_uid ON job (uid);
ALTER TABLE job ADD COLUMN canceled_at BIGINT;
ALTER TABLE identity ADD COLUMN unregistered_at BIGINT;
"#,
    r#"
ALTER TABLE identity ADD COLUMN role TEXT COLLATE "C" NOT NULL DEFAULT 'intended'
    CHECK (role IN ('intended', 'current', 'pending', 'superseded', 'retired', 'void', 'revoked'));
ALTER TABLE identity ADD COLUMN issuer_generation BIGINT;
ALTER TABLE identity ADD COLUMN revocation_reason TEXT COLLATE "C";
ALTER TABLE identity ADD COLUMN copies TEXT COLLATE "C";

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

ALTER TABLE identity ADD CONSTRAINT identity_role_of_state CHECK (
    (role = 'intended') = (state = 'intended') AND (role = 'void') = (state = 'void')
    AND (role = 'revoked') = (state = 'revoked'));

CREATE TABLE open_step (
    identity BIGINT NOT NULL REFERENCES identity (id),
    step     TEXT COLLATE "C" NOT NULL CHECK (step IN ('platform', 'list', 'profile-ca')),
    list     BIGINT,
    error    TEXT COLLATE "C",
    PRIMARY KEY (identity, step)
);

CREATE TABLE revocation_list (
    key         BYTEA PRIMARY KEY CHECK (length(key) = 32),
    issuer      TEXT COLLATE "C" NOT NULL,
    number      BIGINT NOT NULL,
    this_update BIGINT NOT NULL,
    next_update BIGINT NOT NULL
);
"#,
    r#"
CREATE TABLE ca_confirmation (
    ca         TEXT COLLATE "C" NOT NULL,
    generation BIGINT NOT NULL,
    kind       TEXT COLLATE "C" NOT NULL CHECK (kind IN ('server', 'device')),
    name       TEXT COLLATE "C" NOT NULL,
    how        TEXT COLLATE "C" NOT NULL CHECK (how IN ('stated', 'seen', 'left-behind')),
    who        TEXT COLLATE "C" NOT NULL,
    at         BIGINT NOT NULL,
    PRIMARY KEY (ca, generation, kind, name)
);
"#,
    r#"
CREATE TABLE enrolment_password (
    device     TEXT COLLATE "C" PRIMARY KEY,
    label      TEXT COLLATE "C",
    hash       BYTEA NOT NULL CHECK (length(hash) = 32),
    made_at    BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    key        BYTEA CHECK (length(key) = 32),
    spent_at   BIGINT
);

CREATE TABLE enrolled (
    identity    BIGINT PRIMARY KEY REFERENCES identity (id),
    key         BYTEA NOT NULL CHECK (length(key) = 32),
    certificate BYTEA NOT NULL,
    used_at     BIGINT,
    swap        TEXT COLLATE "C" CHECK (swap IN ('open', 'done')),
    error       TEXT COLLATE "C"
);

CREATE INDEX enrolled_swap ON enrolled (identity) WHERE swap = 'open';
"#,
    r#"
CREATE TABLE renewal_step (
    identity BIGINT NOT NULL REFERENCES identity (id),
    step     TEXT COLLATE "C" NOT NULL CHECK (step IN ('swap', 'back', 'install', 'hook')),
    error    TEXT COLLATE "C",
    PRIMARY KEY (identity, step)
);

CREATE TABLE lease (
    kind   TEXT COLLATE "C" NOT NULL,
    name   TEXT COLLATE "C" NOT NULL,
    holder TEXT COLLATE "C" NOT NULL,
    since  BIGINT NOT NULL,
    until  BIGINT NOT NULL,
    PRIMARY KEY (kind, name)
);

CREATE TABLE clock (
    id            BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at            BIGINT NOT NULL,
    newest_before BIGINT,
    last_identity BIGINT NOT NULL
);

ALTER TABLE job ADD COLUMN renews BIGINT NOT NULL DEFAULT 0 CHECK (renews IN (0, 1));
"#,
    r#"
ALTER TABLE identity ADD COLUMN station TEXT COLLATE "C";
"#,
];

/// Connects to a ledger; creates one if `writes` allows it, and brings an older one up to date.
pub(crate) fn open(server: &PostgresServer, writes: bool) -> Result<PostgresWorker> {
    let worker = PostgresWorker::start(server.clone())?;
    worker.call(move |session| if writes { make(session) } else { look(session) })?;
    Ok(worker)
}

fn make(session: &mut Session) -> Result<()> {
    if version(session)? == Some(STEPS.len()) {
        return Ok(());
    }
    // The exclusive lock keeps all other stations out while tables change.
    session.begin(TableLock::Exclusive, false)?;
    let made = migrate(session).and_then(|()| session.commit());
    // After a successful commit this does nothing.
    session.roll_back();
    made
}

fn migrate(session: &mut Session) -> Result<()> {
    // Another station may have been quicker. The layout counts that is there now, under the lock.
    let from = match version(session)? {
        Some(version) if version > STEPS.len() => return Err(too_new(version)),
        Some(version) => version,
        None => {
            session.ask(
                "CREATE SCHEMA IF NOT EXISTS tbpki; CREATE TABLE tbpki.layout (version BIGINT NOT NULL); \
                 INSERT INTO tbpki.layout (version) VALUES (0)",
            )?;
            0
        }
    };
    for step in STEPS.iter().skip(from) {
        session.ask(step)?;
    }
    let version = u64::try_from(STEPS.len()).unwrap_or(u64::MAX);
    session.execute("UPDATE tbpki.layout SET version = ?1", values![version]).map(drop)
}

fn look(session: &mut Session) -> Result<()> {
    match version(session)? {
        Some(version) if version == STEPS.len() => Ok(()),
        Some(version) if version > STEPS.len() => Err(too_new(version)),
        Some(_) => Err(Code::LedgerOutdated
            .error("the ledger has the layout of an older version")
            .fix("any verb that writes to the store brings it up to date")),
        None => Err(Code::StoreMissing.error("there is nothing in the ledger")),
    }
}

/// The layout of the ledger; `None` where there is none. Fails where texts could not be kept as they are.
fn version(session: &mut Session) -> Result<Option<usize>> {
    // `to_regclass` returns NULL for a missing table, where a query of it would end the transaction.
    let sql = "SELECT CAST(to_regclass('tbpki.layout') IS NOT NULL AS INTEGER), current_setting('server_encoding')";
    let rows = session.query(sql, &[])?;
    let Some(row) = rows.first() else { return Ok(None) };
    let encoding: String = row.get(1)?;
    if encoding != "UTF8" {
        return Err(Code::LedgerRefused
            .error("the ledger's database cannot keep every name")
            .because(format!("its encoding is {encoding}"))
            .fix("make it with CREATE DATABASE .. ENCODING 'UTF8' TEMPLATE template0"));
    }
    if row.get::<i64>(0)? == 0 {
        return Ok(None);
    }
    let rows = session.query("SELECT version FROM tbpki.layout", &[])?;
    let version = rows.first().map(|row| row.get::<u32>(0)).transpose()?;
    Ok(version.map(|version| usize::try_from(version).unwrap_or(usize::MAX)))
}

fn too_new(version: usize) -> Error {
    crate::layout::too_new(version, STEPS.len())
}
