//! Many rows at once: what decides how fast a fleet is.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use pki::Result;

use crate::claim::{Claim, FleetIdentity};
use crate::job::JobId;
use crate::key::Key;
use crate::staging::StagedRow;
use crate::state::State;
use crate::transaction::Transaction;
use crate::value::{Value, values};

impl Transaction<'_> {
    pub(crate) fn insert_staged<'a>(&self, job: JobId, rows: &'a [StagedRow]) -> Result<()> {
        let sql = "INSERT INTO staged (job, number, line, name, label, profile, sans, attributes) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
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
        self.execute_many::<[Value<'a>; 8]>(sql, rows.iter().map(values))?;
        Ok(())
    }

    /// The rows of a shard that is on disk, each as the next generation of its name.
    pub(crate) fn insert_identities<'a>(&self, claim: &Claim, identities: &'a [FleetIdentity]) -> Result<()> {
        let sql = "INSERT INTO identity (kind, name, generation, serial, profile, algorithm, parameters, issuer, \
                   not_before, not_after, fingerprint, credentials_id, state, intended_at, issued_at, job, number) \
                   VALUES ('device', ?1, (SELECT coalesce(max(generation), 0) + 1 FROM identity AS earlier \
                   WHERE earlier.kind = 'device' AND earlier.name = ?1), \
                   ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'issued', ?11, ?12, ?13, ?14)";
        let (begun, now) = (self.begun(claim)?, self.now());
        let mut parameters = HashMap::new();
        for identity in identities {
            let common = &identity.common;
            if let Entry::Vacant(place) = parameters.entry(Arc::as_ptr(common)) {
                place.insert(self.parameters(&common.parameters)?);
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
            ]
        };
        self.execute_many::<[Value<'a>; 14]>(sql, identities.iter().map(values))?;
        Ok(())
    }

    /// Takes a step with devices of a shard, and tells how many took it.
    pub(crate) fn step_devices(&self, claim: &Claim, step: State, keys: &[Key]) -> Result<u64> {
        let sql = format!(
            "UPDATE identity SET state = ?7, {} = ?8, last_error = NULL WHERE kind = ?1 AND name = ?2 \
             AND generation = ?3 AND job = ?4 AND number >= ?5 AND number < ?6 \
             AND state IN ('issued', 'registered', 'bundled')",
            step.time_column()
        );
        let values = |key| {
            let [kind, name, generation, job, first, end] = place(claim, key);
            [kind, name, generation, job, first, end, step.as_str().into(), self.now().into()]
        };
        self.execute_many(&sql, keys.iter().map(values))
    }

    /// Records what went wrong with devices of a shard, and tells how many there were.
    pub(crate) fn fail_devices<'a>(&self, claim: &Claim, failed: &'a [(Key, String)]) -> Result<u64> {
        let sql = "UPDATE identity SET last_error = ?7 WHERE kind = ?1 AND name = ?2 AND generation = ?3 AND job = ?4 \
                   AND number >= ?5 AND number < ?6 AND state IN ('issued', 'registered', 'bundled')";
        let values = |(key, error): &'a (Key, String)| {
            let [kind, name, generation, job, first, end] = place(claim, key);
            [kind, name, generation, job, first, end, error.into()]
        };
        self.execute_many::<[Value<'a>; 7]>(sql, failed.iter().map(values))
    }

    /// When the attempt at a shard began.
    fn begun(&self, claim: &Claim) -> Result<i64> {
        let row = self.one(
            "SELECT begun_at FROM attempt WHERE job = ?1 AND shard = ?2 AND fence = ?3",
            values![claim.job.0, claim.shard, claim.fence],
        )?;
        row.map_or(Ok(self.now()), |row| row.get(0))
    }
}

/// The values for the places ?1 to ?6 of a statement on a device of a shard.
fn place<'a>(claim: &Claim, key: &'a Key) -> [Value<'a>; 6] {
    [
        key.kind.as_str().into(),
        (&key.name).into(),
        key.generation.0.into(),
        claim.job.0.into(),
        claim.first.into(),
        (claim.first + u64::from(claim.count)).into(),
    ]
}
