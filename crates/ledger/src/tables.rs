//! The tables that both kinds of ledger have, written once: in the words of SQLite, which [`for_postgres`] translates.
//!
//! Times are whole seconds since 1970 (UTC).

/// The identities. A name has at most one that is unfinished: the partial index holds that rule, and finds the few
/// unfinished among a million.
pub(crate) const IDENTITY: &str = "
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

CREATE UNIQUE INDEX identity_unfinished ON identity (kind, name) WHERE state = 'intended';
";

/// The jobs of fleets, with their names, shards and attempts.
pub(crate) const JOBS: &str = "
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
";

/// The generations of a name, and what revoking and CA rollovers have to remember.
pub(crate) const ROLES: &str = "
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
";

/// Who has the next generation of a CA.
pub(crate) const CONFIRMATIONS: &str = "
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
";

/// One-time passwords, and certificates that were issued over the network.
pub(crate) const ENROLMENT: &str = "
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
";

/// The open steps of renewals, leases on names, and accepted changes of the clock.
pub(crate) const RENEWAL: &str = "
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
";

/// The station that has issued an identity.
pub(crate) const STATION: &str = "
ALTER TABLE identity ADD COLUMN station TEXT;
";

/// Rows that come from elsewhere, names that are forgotten, and generations that may be in use although they are superseded.
pub(crate) const REPAIR: &str = "
ALTER TABLE identity ADD COLUMN origin TEXT CHECK (origin IN ('repaired', 'adopted', 'imported'));
ALTER TABLE identity ADD COLUMN forgotten_at INTEGER;

CREATE TABLE in_doubt (
    identity INTEGER NOT NULL PRIMARY KEY REFERENCES identity (id)
) STRICT;

INSERT INTO in_doubt (identity) SELECT id FROM identity WHERE role = 'superseded' AND EXISTS
    (SELECT 1 FROM identity AS later WHERE later.kind = identity.kind AND later.name = identity.name
    AND later.generation = identity.generation + 1 AND later.role = 'current'
    AND later.job IN (SELECT id FROM job WHERE renews = 0));
";

/// Requests for certificates over the network that an operator approves or denies.
pub(crate) const APPROVAL: &str = "
CREATE TABLE enrolment_request (
    device     TEXT NOT NULL PRIMARY KEY,
    label      TEXT,
    key        BLOB NOT NULL CHECK (length(key) = 32),
    is_first   INTEGER NOT NULL CHECK (is_first IN (0, 1)),
    address    TEXT NOT NULL,
    asked_at   INTEGER NOT NULL,
    decision   TEXT CHECK (decision IN ('approved', 'denied')),
    decided_at INTEGER,
    decided_by TEXT
) STRICT, WITHOUT ROWID;
";

/// The platforms, and what is recorded at those that are not the first: the columns of `identity`, the rows of `work` and
/// `open_step` and an empty `renewal_step.platform` are about the first one.
pub(crate) const PLATFORMS: &str = "
CREATE TABLE platform (
    id      INTEGER PRIMARY KEY,
    url     TEXT NOT NULL UNIQUE,
    made_at INTEGER NOT NULL
) STRICT;

CREATE TABLE registration (
    identity        INTEGER NOT NULL REFERENCES identity (id),
    platform        INTEGER NOT NULL REFERENCES platform (id),
    registered_at   INTEGER,
    unregistered_at INTEGER,
    PRIMARY KEY (identity, platform)
) STRICT, WITHOUT ROWID;

CREATE TABLE platform_step (
    identity INTEGER NOT NULL REFERENCES identity (id),
    platform INTEGER NOT NULL REFERENCES platform (id),
    error    TEXT,
    PRIMARY KEY (identity, platform)
) STRICT, WITHOUT ROWID;

CREATE TABLE platform_work (
    platform INTEGER NOT NULL REFERENCES platform (id),
    job      INTEGER NOT NULL REFERENCES job (id),
    phase    TEXT NOT NULL CHECK (phase IN ('register')),
    shard    INTEGER NOT NULL,
    state    TEXT NOT NULL CHECK (state IN ('open', 'claimed', 'done', 'partly')),
    station  TEXT,
    place    TEXT,
    fence    INTEGER NOT NULL,
    until    INTEGER,
    PRIMARY KEY (platform, job, phase, shard),
    CHECK ((state = 'claimed') = (until IS NOT NULL))
) STRICT, WITHOUT ROWID;

ALTER TABLE renewal_step ADD COLUMN platform INTEGER REFERENCES platform (id);
";

/// The platforms that may have an access token of a device, by its name: a device with a token need not have an identity.
/// The number of the first platform is 0, of which `platform` may not have a row yet.
pub(crate) const DEVICE_TOKENS: &str = "
CREATE TABLE device_token (
    device     TEXT NOT NULL,
    platform   INTEGER NOT NULL,
    set_at     INTEGER NOT NULL,
    revoked_at INTEGER,
    error      TEXT,
    PRIMARY KEY (device, platform)
) STRICT, WITHOUT ROWID;

CREATE INDEX device_token_revoked ON device_token (device) WHERE revoked_at IS NOT NULL;
";

/// Each request for a certificate looks for its key.
pub(crate) const ENROLLED_KEYS: &str = "
CREATE INDEX enrolled_key ON enrolled (key);
";

/// A text of this file in the words of PostgreSQL. Texts are compared by their bytes (`COLLATE "C"`), which is the order
/// of lists in SQLite too; each number has 64 bits, as in SQLite.
pub(crate) fn for_postgres(sql: &str) -> String {
    // The longer words come before those that they contain.
    const WORDS: [(&str, &str); 6] = [
        ("INTEGER PRIMARY KEY", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"),
        ("INTEGER", "BIGINT"),
        ("BLOB", "BYTEA"),
        ("TEXT", "TEXT COLLATE \"C\""),
        (" STRICT, WITHOUT ROWID", ""),
        (" STRICT", ""),
    ];
    WORDS.iter().fold(sql.to_owned(), |sql, (from, to)| sql.replace(from, to))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::job::Phase;
    use crate::job::attempt::AttemptOutcome;
    use crate::job::job_stage::JobStage;
    use crate::job::shard_state::ShardState;
    use crate::key::Kind;
    use crate::lifecycle::enrolment::request::RequestDecision;
    use crate::lifecycle::origin::Origin;
    use crate::lifecycle::role::Role;
    use crate::state::State;

    /// Fails unless the CHECK of a column permits exactly these words.
    #[track_caller]
    fn permits<const N: usize>(table: &str, column: &str, words: [&str; N]) {
        let (_, check) = table.split_once(&format!("CHECK ({column} IN (")).unwrap();
        let (permitted, _) = check.split_once(')').unwrap();
        let permitted: BTreeSet<&str> = permitted.split(", ").map(|word| word.trim_matches('\'')).collect();
        assert_eq!(permitted, BTreeSet::from(words), "{column}");
    }

    #[test]
    fn the_tables_permit_the_words_of_the_types_and_no_others() {
        let (_, job) = JOBS.split_once("CREATE TABLE job (").unwrap();
        let (_, work) = JOBS.split_once("CREATE TABLE work (").unwrap();
        permits(IDENTITY, "kind", Kind::ALL.map(Kind::as_str));
        permits(IDENTITY, "state", State::ALL.map(State::as_str));
        permits(job, "state", JobStage::ALL.map(JobStage::as_str));
        permits(work, "phase", Phase::ALL.map(Phase::as_str));
        permits(work, "state", ShardState::ALL.map(ShardState::as_str));
        permits(JOBS, "outcome", AttemptOutcome::ALL.map(AttemptOutcome::as_str));
        permits(ROLES, "role", Role::ALL.map(Role::as_str));
        permits(APPROVAL, "decision", RequestDecision::ALL.map(RequestDecision::as_str));
        permits(REPAIR, "origin", Origin::ALL.map(Origin::as_str));
        permits(PLATFORMS, "phase", [Phase::Register.as_str()]);
        permits(PLATFORMS, "state", ShardState::ALL.map(ShardState::as_str));
    }

    #[test]
    fn no_word_of_sqlite_is_left_for_postgresql() {
        for text in [
            IDENTITY,
            JOBS,
            ROLES,
            CONFIRMATIONS,
            ENROLMENT,
            RENEWAL,
            STATION,
            REPAIR,
            APPROVAL,
            PLATFORMS,
            DEVICE_TOKENS,
            ENROLLED_KEYS,
        ] {
            let sql = for_postgres(text);
            for word in ["INTEGER", "BLOB", "STRICT", "ROWID", "randomblob"] {
                assert!(!sql.contains(word), "{word}: {sql}");
            }
            assert_eq!(sql.matches("TEXT").count(), sql.matches("TEXT COLLATE \"C\"").count());
        }
        assert!(for_postgres(JOBS).contains("id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"));
    }
}
