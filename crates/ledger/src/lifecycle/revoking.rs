//! Revoking generations, and the steps that are still open.

use base::Result;
use time::OffsetDateTime;

use crate::entry::Entry;
use crate::job::JobId;
use crate::key::{Generation, Key, Kind, SerialNumber};
use crate::ledger::Ledger;
use crate::lifecycle::enrolment::grace::RenewalGrace;
use crate::lifecycle::enrolment::is_replaced;
use crate::lifecycle::known::UNSEEN;
use crate::lifecycle::known::job::UNKNOWN_STATION;
use crate::lifecycle::revocation::{OpenRevocation, OpenStep, Revocation, RevocationCount, RevokedCertificate};
use crate::lifecycle::role::Role;
use crate::lifecycle::step::Step;
use crate::transaction::Transaction;
use crate::value::{SqlRow, at, one_of, values};
use crate::view::View;

/// The condition, over identity, that no list is made of the key of the CA that issued it: the generation was retired or
/// revoked, and none in service has its key.
fn is_without_list(view: &View) -> String {
    let mut sql = "EXISTS (SELECT 1 FROM identity AS ca WHERE ca.kind = 'ca' AND ca.name = identity.issuer \
        AND ca.generation = identity.issuer_generation AND ca.role IN ('retired', 'revoked')"
        .to_owned();
    for Key { name, generation, .. } in view.listed() {
        let name = name.replace('\'', "''");
        sql.push_str(&format!(" AND NOT (ca.name = '{name}' AND ca.generation = {})", generation.0));
    }
    sql.push(')');
    sql
}

impl Step for OpenStep {
    const TABLE: &'static str = "open_step";
    const STEPS: &'static [Self] = &Self::ALL;

    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl View {
    /// The revoked certificates of a CA that its next list must contain, by serial number. If the generation of the CA
    /// that issued one is unknown, it is on the lists of all generations.
    ///
    /// An entry stays until a list contains it that was made after the certificate expired (RFC 5280, section 3.3):
    /// `last_list` is the time of the CA's last list.
    ///
    /// # Errors
    /// Those of the database, here and below.
    pub fn revoked_by(
        &self,
        issuer: &str,
        generation: Option<Generation>,
        last_list: Option<OffsetDateTime>,
    ) -> Result<Vec<RevokedCertificate>> {
        // The first list has every revoked certificate, expired ones too.
        let since = last_list.map_or(i64::MIN, OffsetDateTime::unix_timestamp);
        let rows = self.query(
            "SELECT serial, revoked_at, revocation_reason FROM identity WHERE issuer = ?1 AND role = 'revoked' \
             AND not_after >= ?2 AND coalesce(issuer_generation, CAST(?3 AS BIGINT), 0) = \
             coalesce(CAST(?3 AS BIGINT), issuer_generation, 0) \
             ORDER BY serial",
            values![issuer, since, generation.map(Generation::number)],
        )?;
        rows.iter()
            .map(|row| {
                let serial = SerialNumber::new(&row.get::<Vec<u8>>(0)?)?;
                let revocation = Revocation { at: at(row.get(1)?)?, reason: row.get(2)? };
                Ok(RevokedCertificate { serial, revocation })
            })
            .collect()
    }

    /// The number of revoked certificates of each kind by reason, the most frequent first.
    pub fn revocations_by_reason(&self) -> Result<Vec<RevocationCount>> {
        let sql = "SELECT kind, revocation_reason, count(*) FROM identity WHERE role = 'revoked' \
            GROUP BY kind, revocation_reason ORDER BY 3 DESC, kind, coalesce(revocation_reason, '')";
        let rows = self.query(sql, &[])?;
        let count = |row: &SqlRow| -> Result<RevocationCount> {
            let kind: String = row.get(0)?;
            Ok(RevocationCount {
                kind: one_of(&Kind::ALL, Kind::as_str, &kind)?,
                reason: row.get(1)?,
                count: row.get(2)?,
            })
        };
        rows.iter().map(|row| count(row).map_err(|error| error.at(self.path()))).collect()
    }

    /// The revoked certificates, at most `limit`, the latest first.
    pub fn latest_revoked(&self, limit: u32) -> Result<Vec<Entry>> {
        let sql = "WHERE role = 'revoked' ORDER BY revoked_at DESC, kind, name, generation LIMIT ?1";
        self.entries(sql, values![limit])
    }

    /// The steps of revocations that are not done, by identity.
    pub fn open_revocations(&self) -> Result<Vec<OpenRevocation>> {
        self.open_revocations_where("TRUE", &[])
    }

    /// The same for one name.
    pub fn open_revocations_of(&self, kind: Kind, name: &str) -> Result<Vec<OpenRevocation>> {
        self.open_revocations_where("kind = ?1 AND name = ?2", values![kind.as_str(), name])
    }

    /// The same for a kind.
    pub fn open_revocations_of_kind(&self, kind: Kind) -> Result<Vec<OpenRevocation>> {
        self.open_revocations_where("kind = ?1", values![kind.as_str()])
    }

    /// The same for what a job has issued in a shard.
    pub fn open_revocations_in(&self, job: JobId, shard: u32) -> Result<Vec<OpenRevocation>> {
        let Some(job) = self.job(job)? else { return Ok(Vec::new()) };
        let (first, count) = job.range(shard);
        let values = values![job.id.0, first, first + u64::from(count)];
        self.open_revocations_where("job = ?1 AND number >= ?2 AND number < ?3", values)
    }

    /// The next names after `after` of which a step is open, by kind and name, at most `limit`.
    pub fn names_with_open_revocations(&self, after: Option<(Kind, &str)>, limit: u32) -> Result<Vec<(Kind, String)>> {
        // No kind and no name is empty, so this is before the first row.
        let (kind, name) = after.map_or(("", ""), |(kind, name)| (kind.as_str(), name));
        let sql = format!(
            "SELECT DISTINCT kind, name FROM {} JOIN identity ON identity.id = open_step.identity \
             WHERE (kind, name) > (?1, ?2) ORDER BY kind, name LIMIT ?3",
            self.identities_with_open_steps()
        );
        let rows = self.query(&sql, values![kind, name, limit])?;
        rows.iter().map(|row| Ok((one_of(&Kind::ALL, Kind::as_str, &row.get::<String>(0)?)?, row.get(1)?))).collect()
    }

    /// How many steps of revocations are not done.
    pub fn count_open_revocations(&self) -> Result<u64> {
        let sql = format!("SELECT count(*) FROM {}", self.identities_with_open_steps());
        self.one(&sql, &[])?.map_or(Ok(0), |row| row.get(0))
    }

    /// The CAs whose lists revocations wait for ([`OpenStep::List`]), by name, each with the generation that issued the
    /// revoked certificates; `None` if it is unknown.
    ///
    /// # Errors
    /// Those of the database.
    pub fn awaited_lists(&self) -> Result<Vec<(String, Option<Generation>)>> {
        let sql = "SELECT DISTINCT issuer, issuer_generation FROM open_step \
            JOIN identity ON identity.id = open_step.identity WHERE step = 'list' ORDER BY issuer, issuer_generation";
        let rows = self.query(sql, &[])?;
        rows.iter().map(|row| Ok((row.get(0)?, row.get::<Option<u32>>(1)?.map(Generation)))).collect()
    }

    /// The shards that a station has issued, by job. The station is given by its host name, or by the whole name of a run
    /// of tbpki there as attempts have it: `HOST-PROCESS-RANDOM`.
    pub fn shards_of_station(&self, station: &str) -> Result<Vec<(JobId, u32)>> {
        let names = self.query("SELECT DISTINCT station FROM attempt ORDER BY station", &[])?;
        let mut shards = Vec::new();
        for row in &names {
            let name: String = row.get(0)?;
            // A host name can contain hyphens, the other two parts do not.
            let is_it = name == station || name.rsplitn(3, '-').nth(2) == Some(station);
            if is_it {
                let sql = "SELECT job, shard FROM attempt WHERE station = ?1 AND outcome = 'issued'";
                for row in self.query(sql, values![&name])? {
                    shards.push((JobId(row.get(0)?), row.get(1)?));
                }
            }
        }
        shards.sort_unstable();
        Ok(shards)
    }

    /// The host name of the station that has issued a generation; `None` if the ledger does not have it.
    ///
    /// # Errors
    /// Those of the database.
    pub fn station_of(&self, entry: &Entry) -> Result<Option<String>> {
        let row = match self.shard_of(entry)? {
            None => self.one(
                "SELECT station FROM identity WHERE kind = ?1 AND name = ?2 AND generation = ?3",
                values![entry.key.kind.as_str(), &entry.key.name, entry.generation().number()],
            )?,
            Some((job, shard, committed)) => self.one(
                "SELECT station FROM attempt WHERE job = ?1 AND shard = ?2 AND fence = ?3",
                values![job.0, shard, committed.fence],
            )?,
        };
        let station: Option<String> = row.map_or(Ok(None), |row| row.get(0))?;
        // Attempts have the whole name of a run: a host name can contain hyphens, the other two parts do not.
        let host = |name: String| name.rsplitn(3, '-').nth(2).map(str::to_owned);
        Ok(station.and_then(|name| if entry.job.is_some() { host(name) } else { Some(name) }))
    }

    /// The number of certificates of devices and servers that end after `now`, are not revoked, and whose station the ledger
    /// does not have: they were adopted, or repaired by a version that did not record it. What was imported is of no station.
    ///
    /// # Errors
    /// Those of the database.
    pub fn of_unknown_stations(&self, now: OffsetDateTime) -> Result<u64> {
        let sql = "SELECT count(*) FROM identity WHERE kind <> 'ca' AND fingerprint IS NOT NULL AND fingerprint <> ?1 \
            AND role NOT IN ('intended', 'void', 'revoked') AND not_after > ?2 \
            AND (job IS NULL AND station IS NULL AND (origin IS NULL OR origin <> 'imported') \
            OR EXISTS (SELECT 1 FROM job JOIN attempt ON attempt.job = job.id WHERE job.id = identity.job \
            AND attempt.shard = identity.number / job.shard_size AND attempt.outcome = 'issued' \
            AND attempt.station = ?3))";
        let row = self.one(sql, values![&UNSEEN, now.unix_timestamp(), UNKNOWN_STATION])?;
        row.map_or(Ok(0), |row| row.get(0))
    }

    /// The generations of a name that can be revoked: those with a certificate that ends after `now`.
    pub fn revocable(&self, kind: Kind, name: &str, now: OffsetDateTime) -> Result<Vec<Entry>> {
        let generations = self.history(kind, name)?;
        Ok(generations.into_iter().filter(|entry| entry.role.can_be_revoked() && entry.not_after > now).collect())
    }
}

impl Ledger {
    /// [`Transaction::revoke`] by itself.
    pub fn revoke(&mut self, key: &Key, reason: Option<&str>, open: &[OpenStep]) -> Result<bool> {
        self.transaction(|transaction| transaction.revoke(key, reason, open))
    }

    /// [`Transaction::step_done`] by itself.
    pub fn step_done(&mut self, key: &Key, step: OpenStep) -> Result<()> {
        self.transaction(|transaction| transaction.step_done(key, step))
    }

    /// Revokes the generations of devices that a later one has replaced and that end after `now`, with the reason
    /// superseded, and returns their number. The lists of their CAs are to have them. A generation stays if its device can
    /// still hold it, and while its holder may renew with it (`grace`).
    ///
    /// # Errors
    /// Those of the database.
    pub fn revoke_superseded(&mut self, now: OffsetDateTime, grace: &RenewalGrace) -> Result<u64> {
        self.transaction(|transaction| {
            // No list of this store could have a self-signed certificate, or an imported one of another CA.
            let in_grace = grace.condition().map_or_else(String::new, |condition| format!(" AND NOT {condition}"));
            let meant = format!(
                "kind = 'device' AND role = 'superseded' AND issuer <> 'self' AND not_after > ?1 \
                 AND (coalesce(origin, '') <> 'imported' OR EXISTS (SELECT 1 FROM identity AS ca WHERE ca.kind = 'ca' \
                 AND ca.name = identity.issuer)) AND NOT {} AND {}{in_grace}",
                is_without_list(transaction),
                is_replaced()
            );
            let values = values![now.unix_timestamp()];
            let of =
                |table: &str| format!("DELETE FROM {table} WHERE identity IN (SELECT id FROM identity WHERE {meant})");
            transaction.execute(&of("renewal_step"), values)?;
            let steps = format!("INSERT INTO open_step (identity, step) SELECT id, 'list' FROM identity WHERE {meant}");
            transaction.execute(&steps, values)?;
            // Last, because it changes the role by which the two statements before select.
            let revoke = format!(
                "UPDATE identity SET role = 'revoked', state = 'revoked', revoked_at = ?2, \
                 revocation_reason = 'superseded', last_error = NULL WHERE {meant}"
            );
            transaction.execute(&revoke, values![now.unix_timestamp(), transaction.now()])
        })
    }

    /// Ends the steps that wait for a list of one of these CAs and of a generation that is out of service: no further list
    /// is made of it. For the time after the lists of the CAs were written: until then, the step of a revoked CA also waits
    /// for its own list to leave the file.
    ///
    /// # Errors
    /// Those of the database.
    pub fn end_unlisted(&mut self, issuers: &[String]) -> Result<()> {
        self.transaction(|transaction| {
            let sql = format!(
                "DELETE FROM open_step WHERE step = 'list' AND identity IN (SELECT id FROM identity \
                 WHERE role = 'revoked' AND issuer = ?1 AND {})",
                is_without_list(transaction)
            );
            issuers.iter().try_for_each(|issuer| transaction.execute(&sql, values![issuer]).map(drop))
        })
    }

    /// Records why the step [`OpenStep::List`] failed, for all revocations that wait for this list
    /// ([`View::awaited_lists`]).
    ///
    /// # Errors
    /// Those of the database.
    pub fn list_not_made(&mut self, issuer: &str, generation: Option<Generation>, error: &str) -> Result<()> {
        self.transaction(|transaction| {
            let sql = "UPDATE open_step SET error = ?3 WHERE step = 'list' AND identity IN (SELECT id FROM identity \
                WHERE role = 'revoked' AND issuer = ?1 AND coalesce(issuer_generation, 0) = coalesce(CAST(?2 AS BIGINT), 0))";
            transaction.execute(sql, values![issuer, generation.map(Generation::number), error]).map(drop)
        })
    }

    /// [`Transaction::lists_failed`] by itself.
    pub fn lists_failed(&mut self, error: &str) -> Result<()> {
        self.transaction(|transaction| transaction.lists_failed(error))
    }

    /// [`Transaction::step_failed`] by itself.
    pub fn step_failed(&mut self, key: &Key, step: OpenStep, error: &str) -> Result<()> {
        self.transaction(|transaction| transaction.step_failed(key, step, error))
    }
}

impl Transaction<'_> {
    /// Revokes a generation, and records the steps that make it known to others as open: [`OpenStep::Platform`] at each
    /// platform at which it is registered, or at the one in focus. If it was in use, the device's
    /// one-time password that is not spent ends, and so does a request that waits. Returns whether it was not revoked before; a second revocation changes neither time nor reason.
    ///
    /// # Errors
    /// [`Code::UnknownIdentity`](base::Code::UnknownIdentity) if there is no such row,
    /// [`Code::Internal`](base::Code::Internal) if it has no certificate ([`Role::can_be_revoked`]).
    pub fn revoke(&self, key: &Key, reason: Option<&str>, open: &[OpenStep]) -> Result<bool> {
        let (row, role) = self.role_of(key)?;
        // A result and not an error, because a repeated command meets its own revocation.
        if role == Role::Revoked {
            return Ok(false);
        }
        if !role.can_be_revoked() {
            return Err(self.bug(format!("{key} is {role} and cannot be revoked")));
        }
        self.execute(
            "UPDATE identity SET role = 'revoked', state = 'revoked', revoked_at = ?2, revocation_reason = ?3, \
             last_error = NULL WHERE id = ?1",
            values![row, self.now(), reason],
        )?;
        // In the same transaction, so that no revocation is without what is still to be done for it.
        self.end_steps(row)?;
        if key.kind == Kind::Device {
            // One who has the device has its password, too. A generation in use is the device's; of an earlier one, only
            // what belongs to its key ends.
            if role.is_in_use() {
                self.end_enrolment(&key.name)?;
            } else {
                self.end_enrolment_of_key(&key.name, row)?;
            }
        }
        // No list is made of a CA that is out of service, and peers accept nothing that it has issued.
        let is_listed = format!("SELECT 1 FROM identity WHERE id = ?1 AND NOT {}", is_without_list(self));
        let has_list = self.one(&is_listed, values![row])?;
        for step in open.iter().filter(|step| **step != OpenStep::List || has_list.is_some()) {
            match step {
                OpenStep::Platform => self.open_at_platforms(key, row)?,
                _ => self.step_begins(key, *step)?,
            }
        }
        if key.kind == Kind::Ca {
            self.retire_crosses()?;
        }
        self.end_lists(key)?;
        Ok(true)
    }

    /// Ends the steps that wait for a list of a generation of a CA, if `key` is one: no further list is made of it, unless a
    /// generation in service has its key.
    ///
    /// # Errors
    /// Those of the database.
    pub(crate) fn end_lists(&self, key: &Key) -> Result<()> {
        if key.kind != Kind::Ca || self.is_listed(key) {
            return Ok(());
        }
        self.execute(
            "DELETE FROM open_step WHERE step = 'list' AND identity IN (SELECT id FROM identity WHERE issuer = ?1 \
             AND issuer_generation = ?2 AND kind <> 'ca')",
            values![&key.name, key.generation.0],
        )
        .map(drop)
    }

    /// Records a step of a revocation as open that was not known when it was revoked. Here and below,
    /// [`OpenStep::Platform`] is the step at the platform in focus. May be repeated.
    ///
    /// # Errors
    /// [`Code::UnknownIdentity`](base::Code::UnknownIdentity) if there is no such row.
    pub fn open_step(&self, key: &Key, step: OpenStep) -> Result<()> {
        match step {
            OpenStep::Platform => self.open_step_at(key, self.platform()?),
            _ => self.step_begins(key, step),
        }
    }

    /// Records that a step of a revocation is done. May be repeated.
    ///
    /// # Errors
    /// [`Code::UnknownIdentity`](base::Code::UnknownIdentity) if there is no such row.
    pub fn step_done(&self, key: &Key, step: OpenStep) -> Result<()> {
        match step {
            OpenStep::Platform => self.step_done_at(key, self.columns().platform),
            _ => self.step_ends(key, step),
        }
    }

    /// Records why the step [`OpenStep::List`] failed, for all revocations that no list has: lists are written together.
    ///
    /// # Errors
    /// Those of the database.
    pub fn lists_failed(&self, error: &str) -> Result<()> {
        let values = values![OpenStep::List.as_str(), error];
        self.execute("UPDATE open_step SET error = ?2 WHERE step = ?1", values).map(drop)
    }

    /// Records why a step of a revocation failed. It stays open. The text must hold no secret.
    ///
    /// # Errors
    /// [`Code::UnknownIdentity`](base::Code::UnknownIdentity) if there is no such row.
    pub fn step_failed(&self, key: &Key, step: OpenStep, error: &str) -> Result<()> {
        match step {
            OpenStep::Platform => self.step_failed_at(key, self.columns().platform, error),
            _ => self.step_fails(key, step, error),
        }
    }
}
