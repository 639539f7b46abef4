//! Jobs and shards whose files exist, recorded without the runs that made them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use base::{Code, Result};
use time::OffsetDateTime;

use crate::job::staging::StagedRow;
use crate::job::{Job, JobId, JobUid, Phase};
use crate::parameters::Parameters;
use crate::transaction::Transaction;
use crate::value::values;
use crate::view::View;

/// The station in the attempt at a shard whose files do not show which station issued it.
pub(crate) const UNKNOWN_STATION: &str = "unknown";

/// A job whose shards exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownJob {
    /// The number that it had. It gets another one if a job of this ledger has that number.
    pub number: u64,
    /// The random identifier.
    pub uid: JobUid,
    /// What the job was made with.
    pub parameters: Parameters,
    /// Whether it renews: its identities are pending.
    pub renews: bool,
    /// The number of names of a full shard.
    pub shard_size: u32,
    /// The time of staging, as far as it is known.
    pub made_at: OffsetDateTime,
    /// The shards that exist, in order, each once.
    pub shards: Vec<KnownShard>,
}

/// A shard that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownShard {
    /// Its number in the job, from 0.
    pub shard: u32,
    /// The fencing number of the attempt that made it.
    pub fence: u32,
    /// The place that it is in.
    pub place: String,
    /// The host name of the station that issued it, if it is known.
    pub station: Option<String>,
    /// The names of its devices, in order.
    pub names: Vec<String>,
}

impl KnownJob {
    /// The number of names up to the end of the last shard that exists, with shards of this size. Shards in between may be
    /// missing; their names count all the same.
    fn size(&self, shard_size: u32) -> u64 {
        let end = |shard: &KnownShard| {
            first_of(shard.shard, shard_size).saturating_add(u64::try_from(shard.names.len()).unwrap_or(u64::MAX))
        };
        self.shards.iter().map(end).max().unwrap_or_default()
    }
}

fn first_of(shard: u32, shard_size: u32) -> u64 {
    u64::from(shard).saturating_mul(u64::from(shard_size))
}

impl View {
    /// The names of a shard that no identity has, each with its number in the job.
    ///
    /// # Errors
    /// Those of the database.
    pub fn free_numbers(&self, job: JobId, shard: u32) -> Result<HashMap<String, u64>> {
        let Some(job) = self.job(job)? else { return Ok(HashMap::new()) };
        let (first, count) = job.range(shard);
        let rows = self.query(
            "SELECT name, number FROM staged WHERE job = ?1 AND number >= ?2 AND number < ?3 AND NOT EXISTS \
             (SELECT 1 FROM identity WHERE identity.job = staged.job AND identity.number = staged.number)",
            values![job.id.0, first, first.saturating_add(u64::from(count))],
        )?;
        rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
    }
}

impl Transaction<'_> {
    /// Records a job whose shards exist, without its identities, and returns its number here. A job with missing shards
    /// counts as canceled, because their names are unknown.
    ///
    /// # Errors
    /// Those of the database.
    pub fn record_job(&self, known: &KnownJob) -> Result<JobId> {
        let parameters = self.parameters(&known.parameters)?;
        let wanted = JobId::new(known.number);
        // The old number if it is free, because users know the job by it, and older versions named files after it.
        let id = if known.number > 0 && self.job(wanted)?.is_none() {
            wanted
        } else {
            let row = self.one("SELECT coalesce(max(id), 0) + 1 FROM job", &[])?;
            JobId(row.map_or(Ok(1), |row| row.get(0))?)
        };
        let system_value = if self.is_shared() { "OVERRIDING SYSTEM VALUE " } else { "" };
        self.execute(
            &format!(
                "INSERT INTO job (id, digest, parameters, size, shard_size, state, made_at, done_at, uid, renews) \
                 {system_value}VALUES (?1, ?2, ?3, ?4, ?5, 'done', ?6, ?6, ?7, ?8)"
            ),
            values![
                id.0,
                // The list of names is incomplete, so this job must equal no list that is staged later.
                &crate::job::claim::seed()?,
                parameters,
                known.size(known.shard_size),
                known.shard_size,
                known.made_at.unix_timestamp(),
                &known.uid.0,
                i64::from(known.renews),
            ],
        )?;
        if self.is_shared() {
            // The sequence does not know the number that was given here, and would give it out a second time.
            self.one("SELECT setval(pg_get_serial_sequence('job', 'id'), (SELECT max(id) FROM job))", &[])?;
        }
        self.record_lost_shards(id, known)?;
        Ok(id)
    }

    /// Records shards of a job of this ledger that the ledger does not have: each is issued and in its place. The size of the
    /// job and of its shards grows with them. Shards that the ledger has must not be among them. Returns the number of names
    /// that were not staged: nothing shows the values of their lines.
    ///
    /// # Errors
    /// Those of the database.
    pub fn record_lost_shards(&self, id: JobId, known: &KnownJob) -> Result<u64> {
        let missing = || Code::Internal.error(format!("there is no job {id}"));
        let mut job = self.job(id)?.ok_or_else(missing)?;
        if known.shard_size > job.shard_size {
            self.renumber(&job, known.shard_size)?;
            job = self.job(id)?.ok_or_else(missing)?;
        }
        // By the size of this ledger's shards, which can be the larger one.
        let size = known.size(job.shard_size);
        self.execute("UPDATE job SET size = ?2 WHERE id = ?1 AND size < ?2", values![id.0, size])?;
        let mut staged = 0_u64;
        for shard in &known.shards {
            staged = staged.saturating_add(self.record_shard(&job, known.made_at, shard)?);
        }
        self.execute(
            "UPDATE job SET state = 'done', done_at = ?2 WHERE id = ?1 AND state = 'open' AND NOT EXISTS \
             (SELECT 1 FROM work WHERE job = ?1 AND phase = 'issue' AND state <> 'done')",
            values![id.0, self.now()],
        )?;
        let shards = self.job(id)?.ok_or_else(missing)?.shards;
        let issued = "(SELECT count(*) FROM work WHERE job = ?1 AND phase = 'issue' AND state = 'done')";
        self.execute(
            &format!("UPDATE job SET canceled_at = NULL WHERE id = ?1 AND state = 'done' AND {issued} >= ?2"),
            values![id.0, shards],
        )?;
        self.execute(
            &format!(
                "UPDATE job SET canceled_at = ?3 WHERE id = ?1 AND state = 'done' AND canceled_at IS NULL \
                 AND {issued} < ?2"
            ),
            values![id.0, shards, self.now()],
        )?;
        Ok(staged)
    }

    /// Gives the names of a job the numbers that they have with larger shards. A repair that saw only the last shard, which
    /// need not be full, has recorded the job with its size.
    fn renumber(&self, job: &Job, shard_size: u32) -> Result<()> {
        let old = job.shard_size.max(1);
        for table in ["staged", "identity"] {
            // By way of negative numbers: a number must be free when it is given.
            let number = format!("number / {old} * {shard_size} + number % {old}");
            self.execute(&format!("UPDATE {table} SET number = -1 - ({number}) WHERE job = ?1"), values![job.id.0])?;
            self.execute(
                &format!("UPDATE {table} SET number = -1 - number WHERE job = ?1 AND number < 0"),
                values![job.id.0],
            )?;
        }
        let last = job.shards.saturating_sub(1);
        let size = first_of(last, shard_size).saturating_add(u64::from(job.range(last).1));
        self.execute("UPDATE job SET shard_size = ?2, size = ?3 WHERE id = ?1", values![job.id.0, shard_size, size])
            .map(drop)
    }

    /// Returns the number of names that were not staged.
    fn record_shard(&self, job: &Job, made_at: OffsetDateTime, shard: &KnownShard) -> Result<u64> {
        let staged = self.stage_known(job, shard)?;
        let id = job.id.0;
        // As the names of runs, HOST-PROCESS-RANDOM: a host name by itself could be taken for one with hyphens in it.
        let station =
            shard.station.as_ref().map_or_else(|| UNKNOWN_STATION.to_owned(), |host| format!("{host}-0-repaired"));
        // One attempt counts for a shard, and none goes on: the shard is on the disk.
        self.execute(
            "UPDATE attempt SET outcome = 'void', ended_at = ?4 WHERE job = ?1 AND shard = ?2 AND fence <> ?3 \
             AND (outcome IS NULL OR outcome = 'issued')",
            values![id, shard.shard, shard.fence, self.now()],
        )?;
        self.execute(
            "INSERT INTO attempt (job, shard, fence, seed, station, begun_at, ended_at, outcome) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, 'issued') \
             ON CONFLICT (job, shard, fence) DO UPDATE SET outcome = 'issued', ended_at = excluded.ended_at",
            values![
                id,
                shard.shard,
                shard.fence,
                // The seed is lost. It is not needed: the certificates have their serial numbers.
                &[0_u8; 32],
                &station,
                made_at.unix_timestamp(),
            ],
        )?;
        self.execute(
            "INSERT INTO work (job, phase, shard, state, fence, place) VALUES (?1, 'issue', ?2, 'done', ?3, ?4) \
             ON CONFLICT (job, phase, shard) DO UPDATE SET state = 'done', fence = excluded.fence, \
             place = excluded.place, until = NULL",
            values![id, shard.shard, shard.fence, &shard.place],
        )?;
        // What was registered or bundled is unknown, and both steps may be repeated.
        for phase in [Phase::Register, Phase::Bundle] {
            self.execute(
                "INSERT INTO work (job, phase, shard, state, fence) VALUES (?1, ?2, ?3, 'open', 0) \
                 ON CONFLICT (job, phase, shard) DO NOTHING",
                values![id, phase.as_str(), shard.shard],
            )?;
        }
        Ok(staged)
    }

    /// Stages the names of a shard that are not staged, and returns how many. Names that have an identity of the job keep
    /// its number.
    fn stage_known(&self, job: &Job, shard: &KnownShard) -> Result<u64> {
        let first = first_of(shard.shard, job.shard_size);
        let end = first.saturating_add(u64::from(job.shard_size));
        let rows_of = |table: &str| -> Result<BTreeMap<u64, String>> {
            let sql = format!("SELECT number, name FROM {table} WHERE job = ?1 AND number >= ?2 AND number < ?3");
            let rows = self.query(&sql, values![job.id.0, first, end])?;
            rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
        };
        let (staged, issued) = (rows_of("staged")?, rows_of("identity")?);
        let placed: HashSet<&str> = staged.values().chain(issued.values()).map(String::as_str).collect();
        let taken: BTreeSet<u64> = staged.keys().chain(issued.keys()).copied().collect();
        let free = (first..end).filter(|number| !taken.contains(number));
        let new = free.zip(shard.names.iter().filter(|name| !placed.contains(name.as_str())));
        let lost =
            issued.iter().filter(|(number, _)| !staged.contains_key(number)).map(|(number, name)| (*number, name));
        let row = |(number, name): (u64, &String)| StagedRow {
            number,
            // The list is lost, so that the place in the job has to do for the line.
            line: number.saturating_add(1),
            name: name.clone(),
            label: None,
            profile: None,
            sans: None,
            attributes: None,
        };
        let rows: Vec<StagedRow> = lost.chain(new).map(row).collect();
        self.insert_staged(job.id, &rows)?;
        Ok(u64::try_from(rows.len()).unwrap_or(u64::MAX))
    }
}
