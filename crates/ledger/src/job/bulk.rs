//! Many rows at once: what decides how fast a fleet is.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;
use std::sync::Arc;

use base::Result;

use crate::job::claim::{Claim, FleetIdentity};
use crate::job::staging::StagedRow;
use crate::job::{JobId, Phase};
use crate::key::{Generation, Key, Kind};
use crate::lifecycle::revocation::OpenStep;
use crate::lifecycle::role::{Role, TAKES_NAME, TAKES_RENEWAL};
use crate::platform::PlatformId;
use crate::state::State;
use crate::transaction::Transaction;
use crate::value::{BatchStatement, SqlValue, values};

impl Transaction<'_> {
    pub(crate) fn insert_staged<'a>(&self, job: JobId, rows: &'a [StagedRow]) -> Result<()> {
        const SQL: BatchStatement<'_> = BatchStatement {
            one_by_one: "INSERT INTO staged (job, number, line, name, label, profile, sans, attributes) \
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            by_columns: "INSERT INTO staged (job, number, line, name, label, profile, sans, attributes) \
                         SELECT * FROM unnest(?1::bigint[], ?2::bigint[], ?3::bigint[], ?4::text[], ?5::text[], \
                         ?6::text[], ?7::text[], ?8::text[])",
        };
        let values = |row: &'a StagedRow| {
            [
                job.0.into(),
                row.number.into(),
                row.line.into(),
                (&row.name).into(),
                row.label.as_ref().into(),
                row.profile.as_ref().into(),
                row.sans.as_ref().into(),
                row.attributes.as_ref().into(),
            ]
        };
        self.execute_many::<[SqlValue<'a>; 8]>(&SQL, rows.iter().map(values))?;
        Ok(())
    }

    /// The rows of a shard that is on disk, each as the next generation of its name.
    ///
    /// # Errors
    /// [`Code::DuplicateNames`](base::Code::DuplicateNames) if a name of the shard has an identity in use: none of the rows may be kept then.
    pub(crate) fn insert_identities<'a>(&self, claim: &Claim, identities: &'a [FleetIdentity]) -> Result<()> {
        // One statement for each database: SQLite has no arrays, and PostgreSQL pays for each round trip. Both insert no row
        // for a name that is in use, which the count below detects.
        let renews = self.job(claim.job)?.is_some_and(|job| job.renews);
        let (role, takes) = if renews { (Role::Pending, TAKES_RENEWAL) } else { (Role::Current, TAKES_NAME) };
        // NULL is no generation, so that OR IGNORE passes over the row. With INSERT .. SELECT .. WHERE, SQLite would keep a
        // copy of each page before it inserts a row, to undo the statement by itself.
        let one_by_one = format!(
            "INSERT OR IGNORE INTO identity (kind, name, generation, serial, profile, algorithm, parameters, \
                issuer, not_before, not_after, fingerprint, credentials_id, state, intended_at, issued_at, job, \
                number, role, issuer_generation) VALUES ('device', ?1, (SELECT CASE WHEN max(earlier.{takes}) THEN NULL \
                ELSE coalesce(max(generation), 0) + 1 END FROM identity AS earlier WHERE earlier.kind = 'device' \
                AND earlier.name = ?1), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'issued', ?11, ?12, ?13, ?14, '{role}', ?15)"
        );
        let by_columns = format!(
            "INSERT INTO identity (kind, name, generation, serial, profile, algorithm, parameters, \
                issuer, not_before, not_after, fingerprint, credentials_id, state, intended_at, issued_at, job, \
                number, role, issuer_generation) SELECT 'device', name, (SELECT coalesce(max(generation), 0) + 1 FROM identity AS earlier \
                WHERE earlier.kind = 'device' AND earlier.name = given.name), serial, profile, algorithm, parameters, \
                issuer, not_before, not_after, fingerprint, credentials_id, 'issued', intended_at, issued_at, job, \
                number, '{role}', issuer_generation FROM unnest(?1::text[], ?2::bytea[], ?3::text[], ?4::text[], ?5::bigint[], ?6::text[], \
                ?7::bigint[], ?8::bigint[], ?9::bytea[], ?10::text[], ?11::bigint[], ?12::bigint[], ?13::bigint[], \
                ?14::bigint[], ?15::bigint[]) AS given (name, serial, profile, algorithm, parameters, issuer, not_before, \
                not_after, fingerprint, credentials_id, intended_at, issued_at, job, number, issuer_generation) WHERE NOT EXISTS \
                (SELECT 1 FROM identity AS used WHERE used.kind = 'device' AND used.name = given.name \
                AND used.{takes})"
        );
        let sql = BatchStatement { one_by_one: &one_by_one, by_columns: &by_columns };
        let (begun, now) = (self.begun(claim)?, self.now());
        // A shard has few different parameters and issuers. Their pointers tell them apart without a comparison of
        // texts.
        let mut parameters = HashMap::new();
        let mut issuers = HashMap::new();
        for identity in identities {
            let common = &identity.common;
            if let Entry::Vacant(place) = parameters.entry(Arc::as_ptr(common)) {
                place.insert(self.parameters(&common.parameters)?);
            }
            if let Entry::Vacant(place) = issuers.entry(common.issuer.as_str()) {
                place.insert(self.generation_of(&common.issuer)?.map(Generation::number));
            }
        }
        let values = |identity: &'a FleetIdentity| {
            let common = &identity.common;
            [
                (&identity.name).into(),
                identity.serial.octets().into(),
                (&common.profile).into(),
                (&common.algorithm).into(),
                parameters.get(&Arc::as_ptr(common)).copied().into(),
                (&common.issuer).into(),
                identity.not_before.unix_timestamp().into(),
                identity.not_after.unix_timestamp().into(),
                (&identity.fingerprint).into(),
                (&identity.credentials_id).into(),
                begun.into(),
                now.into(),
                claim.job.0.into(),
                identity.number.into(),
                issuers.get(common.issuer.as_str()).copied().flatten().into(),
            ]
        };
        // A missing row means that a name was taken since the job was staged. The transaction is rolled back as a
        // whole.
        let inserted = self.execute_many::<[SqlValue<'a>; 15]>(&sql, identities.iter().map(values))?;
        if u64::try_from(identities.len()) == Ok(inserted) {
            // The condition of the insert looks for other renewals only,
            // and lets in one whose device was revoked meanwhile.
            return if renews { self.revoke_orphans(claim).and_then(|()| self.stay_away(claim)) } else { Ok(()) };
        }
        let in_use = self.in_use_elsewhere(claim.job, claim.first..claim.first + u64::from(claim.count), 1)?;
        if in_use.total == 0 {
            return Err(
                self.bug(format!("shard {} of job {} has a serial number or a place twice", claim.shard, claim.job))
            );
        }
        Err(in_use.refusal(claim.job))
    }

    /// Keeps the renewals of devices away from the platform that were unregistered while they were signed.
    fn stay_away(&self, claim: &Claim) -> Result<()> {
        let present = "FROM identity AS present WHERE present.kind = 'device' AND present.name = identity.name \
            AND present.role = 'current' AND present.unregistered_at IS NOT NULL";
        let sql = format!(
            "UPDATE identity SET unregistered_at = (SELECT present.unregistered_at {present}) WHERE job = ?1 \
             AND number >= ?2 AND number < ?3 AND role = 'pending' AND EXISTS (SELECT 1 {present})"
        );
        let values = values![claim.job.0, claim.first, claim.first + u64::from(claim.count)];
        self.execute(&sql, values)?;
        // One statement for a shard, also if no further platform was known when the ledger was opened.
        self.execute(
            "INSERT INTO registration (identity, platform, unregistered_at) \
             SELECT identity.id, there.platform, there.unregistered_at FROM registration AS there \
             JOIN identity AS present ON present.id = there.identity AND present.role = 'current' \
             JOIN identity ON identity.kind = present.kind AND identity.name = present.name \
             WHERE there.unregistered_at IS NOT NULL AND identity.job = ?1 AND identity.number >= ?2 \
             AND identity.number < ?3 AND identity.role = 'pending' ON CONFLICT (identity, platform) DO NOTHING",
            values,
        )
        .map(drop)
    }

    /// Revokes the renewals of devices that were revoked while they were signed: a renewal revives nothing.
    fn revoke_orphans(&self, claim: &Claim) -> Result<()> {
        let rows = self.query(
            "SELECT name, generation FROM identity WHERE job = ?1 AND number >= ?2 AND number < ?3 AND role = 'pending' \
             AND NOT EXISTS (SELECT 1 FROM identity AS present WHERE present.kind = 'device' \
             AND present.name = identity.name AND present.role = 'current')",
            values![claim.job.0, claim.first, claim.first + u64::from(claim.count)],
        )?;
        for row in rows {
            let key = Key { kind: Kind::Device, name: row.get(0)?, generation: Generation(row.get(1)?) };
            let earlier = self.latest(Kind::Device, &key.name)?.and_then(|entry| entry.revocation?.reason);
            self.revoke(&key, earlier.as_deref(), &[OpenStep::List])?;
        }
        Ok(())
    }

    /// Takes a step with devices of a shard, and tells how many took it.
    pub(crate) fn step_devices(&self, claim: &Claim, step: State, keys: &[Key]) -> Result<u64> {
        let platform = if step == State::Registered { self.platform()? } else { self.columns().platform };
        if step == State::Registered && platform != PlatformId::FIRST {
            return self.register_further(claim, platform, keys);
        }
        let column = step.time_column();
        let columns = self.columns();
        let one_by_one = format!(
            "UPDATE identity SET state = ?7, {column} = ?8, last_error = NULL WHERE kind = ?1 AND name = ?2 \
             AND generation = ?3 AND job = ?4 AND number >= ?5 AND number < ?6 \
             AND role IN ('current', 'pending') AND {} IS NULL",
            columns.unregistered_at("")
        );
        let by_columns = format!(
            "UPDATE identity SET state = given.state, {column} = given.moment, last_error = NULL \
             FROM unnest(?1::text[], ?2::text[], ?3::bigint[], ?4::bigint[], ?5::bigint[], ?6::bigint[], ?7::text[], \
             ?8::bigint[]) AS given (kind, name, generation, job, first, past, state, moment) WHERE {OF_SHARD} \
             AND {} IS NULL",
            columns.unregistered_at("identity")
        );
        let values = |key| {
            let [kind, name, generation, job, first, end] = place(claim, key);
            [kind, name, generation, job, first, end, step.as_str().into(), self.now().into()]
        };
        let sql = BatchStatement { one_by_one: &one_by_one, by_columns: &by_columns };
        self.execute_many(&sql, keys.iter().map(values))
    }

    /// Records devices of a shard as registered at a platform that is not the first one, and tells how many there were.
    fn register_further(&self, claim: &Claim, platform: PlatformId, keys: &[Key]) -> Result<u64> {
        let unregistered_at = self.columns().unregistered_at("identity");
        let end = "ON CONFLICT (identity, platform) DO UPDATE SET registered_at = excluded.registered_at";
        let one_by_one = format!(
            "INSERT INTO registration (identity, platform, registered_at) SELECT id, {0}, ?7 FROM identity WHERE kind = ?1 \
             AND name = ?2 AND generation = ?3 AND job = ?4 AND number >= ?5 AND number < ?6 \
             AND role IN ('current', 'pending') AND {unregistered_at} IS NULL {end}",
            platform.0
        );
        let by_columns = format!(
            "INSERT INTO registration (identity, platform, registered_at) SELECT identity.id, {0}, given.moment \
             FROM unnest(?1::text[], ?2::text[], ?3::bigint[], ?4::bigint[], ?5::bigint[], ?6::bigint[], ?7::bigint[]) \
             AS given (kind, name, generation, job, first, past, moment) JOIN identity ON {OF_SHARD} \
             WHERE {unregistered_at} IS NULL {end}",
            platform.0
        );
        let values = |key| {
            let [kind, name, generation, job, first, end] = place(claim, key);
            [kind, name, generation, job, first, end, self.now().into()]
        };
        let sql = BatchStatement { one_by_one: &one_by_one, by_columns: &by_columns };
        let registered = self.execute_many(&sql, keys.iter().map(values))?;
        let sql = format!(
            "UPDATE identity SET last_error = NULL WHERE job = ?1 AND number >= ?2 AND number < ?3 \
             AND last_error IS NOT NULL AND EXISTS (SELECT 1 FROM registration AS there WHERE there.identity = identity.id \
             AND there.platform = {} AND there.registered_at = ?4)",
            platform.0
        );
        self.execute(&sql, values![claim.job.0, claim.first, claim.first + u64::from(claim.count), self.now()])?;
        Ok(registered)
    }

    /// Records what went wrong with devices of a shard, and tells how many there were. A device that could not be bundled
    /// has no bundle any more, because those of its shard were made once more without it.
    pub(crate) fn fail_devices<'a>(&self, claim: &Claim, failed: &'a [(Key, String)]) -> Result<u64> {
        let change = match claim.phase {
            Phase::Bundle => format!("{NOT_BUNDLED}, last_error"),
            Phase::Issue | Phase::Register => "last_error".to_owned(),
        };
        let by_columns = format!(
            "UPDATE identity SET {change} = given.error FROM unnest(?1::text[], ?2::text[], ?3::bigint[], \
             ?4::bigint[], ?5::bigint[], ?6::bigint[], ?7::text[]) \
             AS given (kind, name, generation, job, first, past, error) WHERE {OF_SHARD}"
        );
        let one_by_one = format!(
            "UPDATE identity SET {change} = ?7 WHERE kind = ?1 AND name = ?2 AND generation = ?3 AND job = ?4 \
             AND number >= ?5 AND number < ?6 AND role IN ('current', 'pending')"
        );
        let sql = BatchStatement { one_by_one: &one_by_one, by_columns: &by_columns };
        let values = |(key, error): &'a (Key, String)| {
            let [kind, name, generation, job, first, end] = place(claim, key);
            [kind, name, generation, job, first, end, error.into()]
        };
        self.execute_many::<[SqlValue<'a>; 7]>(&sql, failed.iter().map(values))
    }

    /// Records that the devices with these numbers of a job have no bundles any more, as far as they are in use: they are
    /// about to be made once more.
    pub(crate) fn not_bundled(&self, job: JobId, numbers: Range<u64>) -> Result<()> {
        let sql = format!(
            "UPDATE identity SET {NOT_BUNDLED} WHERE job = ?1 AND number >= ?2 AND number < ?3 \
             AND role IN ('current', 'pending') AND bundled_at IS NOT NULL"
        );
        self.execute(&sql, values![job.0, numbers.start, numbers.end]).map(drop)
    }

    /// When the attempt at a shard began.
    fn begun(&self, claim: &Claim) -> Result<i64> {
        // Without an attempt, for example of an old version, the time of the commit is the best one known.
        let row = self.one(
            "SELECT begun_at FROM attempt WHERE job = ?1 AND shard = ?2 AND fence = ?3",
            values![claim.job.0, claim.shard, claim.fence],
        )?;
        row.map_or(Ok(self.now()), |row| row.get(0))
    }
}

/// The assignments that take back the step to a bundle. A registration is kept.
const NOT_BUNDLED: &str = "bundled_at = NULL, state = CASE WHEN identity.state <> 'bundled' THEN identity.state \
    WHEN identity.registered_at IS NULL THEN 'issued' ELSE 'registered' END";

/// Which rows columns of devices of a shard are about.
// A station may change only its own shard, and only devices in use. Both are conditions of
// the statement itself, because the answer to an earlier question could be out of date.
const OF_SHARD: &str = "identity.kind = given.kind AND identity.name = given.name \
    AND identity.generation = given.generation AND identity.job = given.job AND identity.number >= given.first \
    AND identity.number < given.past AND identity.role IN ('current', 'pending')";

/// The values for the places ?1 to ?6 of a statement on a device of a shard.
fn place<'a>(claim: &Claim, key: &'a Key) -> [SqlValue<'a>; 6] {
    [
        key.kind.as_str().into(),
        (&key.name).into(),
        key.generation.0.into(),
        claim.job.0.into(),
        claim.first.into(),
        (claim.first + u64::from(claim.count)).into(),
    ]
}
