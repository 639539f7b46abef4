//! The layout of the database, and the way from each to the next.

use base::{Code, Error, Result};
use tokio_postgres::SimpleQueryMessage;

use super::session::{Session, TableLock};
use super::{PostgresServer, PostgresWorker};
use crate::ledger::layout::{BeforeUpgrade, LedgerBefore};
use crate::ledger::ledger_status::LedgerStatus;
use crate::tables::{self, for_postgres};
use crate::value::values;

/// Step n leads from layout n to n + 1. Steps are only ever added.
///
/// The tables of `ledger.db`, with the rules that only PostgreSQL can add. Layout 1 here is layout 2 there.
fn steps() -> [String; LAYOUT] {
    [
        [PARAMETERS, &for_postgres(tables::IDENTITY), &for_postgres(tables::JOBS)].concat(),
        JOB_UIDS.to_owned(),
        [&for_postgres(tables::ROLES), ROLE_OF_STATE].concat(),
        for_postgres(tables::CONFIRMATIONS),
        for_postgres(tables::ENROLMENT),
        for_postgres(tables::RENEWAL),
        for_postgres(tables::STATION),
        [STATUS, &for_postgres(tables::REPAIR)].concat(),
        for_postgres(tables::APPROVAL),
        for_postgres(tables::PLATFORMS),
        for_postgres(tables::DEVICE_TOKENS),
        for_postgres(tables::ENROLLED_KEYS),
        MOVED_FILE.to_owned(),
    ]
}

/// The newest layout.
const LAYOUT: usize = 13;

/// What was asked for may be longer than an ordered index takes, so that a hash finds it.
const PARAMETERS: &str = r#"
CREATE TABLE parameters (
    id   BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    text TEXT COLLATE "C" NOT NULL,
    EXCLUDE USING hash (text WITH =)
);
"#;

const JOB_UIDS: &str = "
ALTER TABLE job ADD COLUMN uid BYTEA CHECK (length(uid) = 16);
UPDATE job SET uid = uuid_send(gen_random_uuid());
ALTER TABLE job ALTER COLUMN uid SET NOT NULL;
CREATE UNIQUE INDEX job_uid ON job (uid);
ALTER TABLE job ADD COLUMN canceled_at BIGINT;
ALTER TABLE identity ADD COLUMN unregistered_at BIGINT;
";

/// SQLite cannot add a constraint to a table that exists.
const ROLE_OF_STATE: &str = "
ALTER TABLE identity ADD CONSTRAINT identity_role_of_state CHECK (
    (role = 'intended') = (state = 'intended') AND (role = 'void') = (state = 'void')
    AND (role = 'revoked') = (state = 'revoked'));
";

/// A sequence counts changes without waiting for the transactions of other stations.
const STATUS: &str = r#"
CREATE TABLE status (
    id          BIGINT PRIMARY KEY CHECK (id = 1),
    uid         BYTEA NOT NULL CHECK (length(uid) = 16),
    restored_at BIGINT,
    moved_to    TEXT COLLATE "C"
);
INSERT INTO status (id, uid) VALUES (1, uuid_send(gen_random_uuid()));
CREATE SEQUENCE changes;
"#;

/// The number of changes of the file that was copied here, until the file is closed: a move that is repeated must find out
/// whether the file has gone on.
const MOVED_FILE: &str = "ALTER TABLE status ADD COLUMN copied_changes BIGINT;";

/// Connects to a ledger; creates one if there is none, and brings an older one up to date unless `before` refuses.
pub(crate) fn open(server: &PostgresServer, before: BeforeUpgrade) -> Result<PostgresWorker> {
    let worker = PostgresWorker::start(server.clone())?;
    worker.call(move |session| make(session, before))?;
    Ok(worker)
}

/// Connects to a ledger for reading.
pub(crate) fn open_read_only(server: &PostgresServer) -> Result<PostgresWorker> {
    let worker = PostgresWorker::start(server.clone())?;
    worker.call(look)?;
    Ok(worker)
}

/// Fails unless a session that stayed open can go on. A server that went away is not waited for.
///
/// # Errors
/// Those of the connection; [`Code::LedgerOutdated`] if another station has brought the ledger to another layout.
pub(crate) fn check_goes_on(session: &mut Session) -> Result<()> {
    let answer = session.ask_now("SELECT version FROM tbpki.layout")?;
    let version = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    match version.map(str::parse) {
        Some(Ok(LAYOUT)) => Ok(()),
        _ => Err(Code::LedgerOutdated.error("the ledger has another layout than before")),
    }
}

fn make(session: &mut Session, before: BeforeUpgrade) -> Result<()> {
    if version(session)? == Some(LAYOUT) {
        return Ok(());
    }
    // The exclusive lock keeps all other stations out while tables change.
    session.begin(TableLock::Exclusive, false)?;
    let made = session.unlimited(|session| migrate(session, before)).and_then(|()| session.commit());
    // After a successful commit this does nothing.
    session.roll_back();
    made
}

fn migrate(session: &mut Session, before: BeforeUpgrade) -> Result<()> {
    // Another station may have been quicker. The layout counts that is there now, under the lock.
    let from = match version(session)? {
        Some(version) if version > LAYOUT => return Err(too_new(version)),
        Some(version) => {
            if version < LAYOUT {
                before(LedgerBefore::Older(status(session)?))?;
            }
            version
        }
        None => {
            before(LedgerBefore::Nothing)?;
            session.ask(
                "CREATE SCHEMA IF NOT EXISTS tbpki; CREATE TABLE tbpki.layout (version BIGINT NOT NULL); \
                 INSERT INTO tbpki.layout (version) VALUES (0)",
            )?;
            0
        }
    };
    // All in one transaction: PostgreSQL also rolls back changes of tables.
    for step in steps().iter().skip(from) {
        session.ask(step)?;
    }
    let version = u64::try_from(LAYOUT).unwrap_or(u64::MAX);
    session.execute("UPDATE tbpki.layout SET version = ?1", values![version]).map(drop)
}

/// The state of a ledger of an older layout; `None` for one that did not count its changes.
fn status(session: &mut Session) -> Result<Option<LedgerStatus>> {
    let rows = session.query("SELECT CAST(to_regclass('tbpki.status') IS NOT NULL AS INTEGER)", &[])?;
    if rows.first().map(|row| row.get::<i64>(0)).transpose()? != Some(1) {
        return Ok(None);
    }
    let rows = session.query(&LedgerStatus::select("(SELECT last_value FROM changes)"), &[])?;
    rows.first().map(LedgerStatus::of).transpose()
}

fn look(session: &mut Session) -> Result<()> {
    match version(session)? {
        Some(version) if version == LAYOUT => Ok(()),
        Some(version) if version > LAYOUT => Err(too_new(version)),
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
    crate::ledger::layout::too_new(version, LAYOUT)
}
