//! Looking at jobs, their names and how far they are.

use base::{Code, Result};
use std::time::Duration;

use crate::entry::Entry;
use crate::job::job_stage::JobStage;
use crate::job::progress::JobProgress;
use crate::job::shard_state::ShardState;
use crate::job::{Job, JobId, JobUid, Phase, StagedName};
use crate::parameters::Parameters;
use crate::platform::PlatformId;
use crate::platform::work_table::WorkTable;
use crate::state::State;
use crate::value::{SqlRow, at, one_of, values};
use crate::view::View;

/// The place of an issued shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedShard {
    /// The fencing number of the attempt that counts. What others have left counts for nothing.
    pub fence: u32,
    /// The place of the station that issued it.
    pub place: String,
}

const SELECT: &str = "SELECT job.id, parameters.text, size, shard_size, state, made_at, uid, canceled_at, renews FROM job \
    JOIN parameters ON parameters.id = job.parameters";

impl View {
    /// The job of this number, if there is one.
    ///
    /// # Errors
    /// Those of the database, here and below.
    pub fn job(&self, id: JobId) -> Result<Option<Job>> {
        let row = self.one(&format!("{SELECT} WHERE job.id = ?1"), values![id.0])?;
        row.map(|row| job(&row).map_err(|error| error.at(self.path()))).transpose()
    }

    /// All jobs, the first one first.
    pub fn jobs(&self) -> Result<Vec<Job>> {
        let rows = self.query(&format!("{SELECT} ORDER BY job.id"), &[])?;
        rows.iter().map(|row| job(row).map_err(|error| error.at(self.path()))).collect()
    }

    /// The names of a shard, in their order.
    // Pages by number: `staged` has its primary key on it.
    pub fn names(&self, job: JobId, shard: u32) -> Result<Vec<StagedName>> {
        let Some(job) = self.job(job)? else { return Ok(Vec::new()) };
        let (first, count) = job.range(shard);
        let rows = self.query(
            "SELECT line, name, label, profile, sans, attributes FROM staged \
             WHERE job = ?1 AND number >= ?2 AND number < ?3 ORDER BY number",
            values![job.id.0, first, first + u64::from(count)],
        )?;
        rows.iter().map(|row| staged_name(row).map_err(|error| error.at(self.path()))).collect()
    }

    /// The names of a shard that are issued, each with its number: all of them; of a job that renews, those of devices with
    /// a certificate in use, which leaves out what was revoked.
    pub fn names_to_issue(&self, job: JobId, shard: u32) -> Result<Vec<(u64, StagedName)>> {
        let Some(job) = self.job(job)? else { return Ok(Vec::new()) };
        let (first, count) = job.range(shard);
        let in_use = match job.renews {
            true => {
                " AND EXISTS (SELECT 1 FROM identity WHERE kind = 'device' AND identity.name = staged.name \
                 AND role = 'current')"
            }
            false => "",
        };
        let sql = format!(
            "SELECT line, name, label, profile, sans, attributes, number FROM staged \
             WHERE job = ?1 AND number >= ?2 AND number < ?3{in_use} ORDER BY number"
        );
        let rows = self.query(&sql, values![job.id.0, first, first + u64::from(count)])?;
        rows.iter().map(|row| Ok((row.get(6)?, staged_name(row).map_err(|error| error.at(self.path()))?))).collect()
    }

    /// The profiles that lines of a job name, each once. Reads a row for each of its names.
    pub fn profiles(&self, job: JobId) -> Result<Vec<String>> {
        let sql = "SELECT DISTINCT profile FROM staged WHERE job = ?1 AND profile IS NOT NULL ORDER BY profile";
        self.query(sql, values![job.0])?.iter().map(|row| row.get(0)).collect()
    }

    /// The identities of a shard, by the number of their names: none before it is issued.
    pub fn shard(&self, job: JobId, shard: u32) -> Result<Vec<Entry>> {
        let Some(job) = self.job(job)? else { return Ok(Vec::new()) };
        let (first, count) = job.range(shard);
        self.entries(
            "WHERE job = ?1 AND number >= ?2 AND number < ?3 ORDER BY number",
            values![job.id.0, first, first + u64::from(count)],
        )
    }

    /// The progress of a job. Reads a row for each of its devices.
    pub fn job_progress(&self, job: JobId) -> Result<JobProgress> {
        let mut progress = JobProgress::default();
        for row in self.query(&self.shards_by_state(), values![job.0])? {
            let (phase, state): (String, String) = (row.get(0)?, row.get(1)?);
            let phase = one_of(&Phase::ALL, Phase::as_str, &phase)?;
            let Some(shards) = progress.phases.iter_mut().zip(Phase::ALL).find(|(_, of)| *of == phase) else {
                continue;
            };
            let count: u64 = row.get(2)?;
            match one_of(&ShardState::ALL, ShardState::as_str, &state)? {
                ShardState::Open => shards.0.open = count,
                ShardState::Claimed => shards.0.claimed = count,
                ShardState::Partly => shards.0.partly = count,
                ShardState::Done => shards.0.done = count,
            }
        }
        let sql = format!(
            "SELECT {}, count(*), count(last_error) FROM identity WHERE job = ?1 GROUP BY 1",
            self.columns().state("")
        );
        for row in self.query(&sql, values![job.0])? {
            let state: String = row.get(0)?;
            let state = one_of(&State::ALL, State::as_str, &state)?;
            progress.states.insert(state, row.get(1)?);
            // A voided or revoked identity keeps its last error as a reason, which is no failure.
            if !matches!(state, State::Void | State::Revoked) {
                progress.failed += row.get::<u64>(2)?;
            }
        }
        Ok(progress)
    }

    /// The statement that counts the shards of a job by phase and state.
    fn shards_by_state(&self) -> String {
        let platform = self.columns().platform;
        if platform == PlatformId::FIRST {
            return "SELECT phase, state, count(*) FROM work WHERE job = ?1 GROUP BY phase, state".to_owned();
        }
        // A shard without a row for the platform is open there.
        format!(
            "SELECT phase, state, count(*) FROM (SELECT work.phase, CASE WHEN work.phase <> 'register' THEN work.state \
             ELSE COALESCE(there.state, 'open') END AS state FROM work LEFT JOIN platform_work AS there \
             ON there.platform = {} AND there.job = work.job AND there.phase = work.phase AND there.shard = work.shard \
             WHERE work.job = ?1) AS shards GROUP BY phase, state",
            platform.0
        )
    }

    /// The place of a shard; `None` before it is issued.
    pub fn committed(&self, job: JobId, shard: u32) -> Result<Option<CommittedShard>> {
        let row = self.one(
            "SELECT fence, place FROM work WHERE job = ?1 AND phase = 'issue' AND shard = ?2 AND state = 'done'",
            values![job.0, shard],
            // Only the shard that is done counts: an earlier attempt may have left its place in the row.
        )?;
        row.map(|row| Ok(CommittedShard { fence: row.get(0)?, place: row.get(1)? })).transpose()
    }

    /// The shards of which a phase is done, wholly or partly, in their order.
    pub fn finished_shards(&self, job: JobId, phase: Phase) -> Result<Vec<u32>> {
        let sql = "SELECT shard FROM work WHERE job = ?1 AND phase = ?2 AND state IN ('partly', 'done') ORDER BY shard";
        self.query(sql, values![job.0, phase.as_str()])?.iter().map(|row| row.get(0)).collect()
    }

    /// The shards of which a phase is done with every device, in their order.
    pub fn whole_shards(&self, job: JobId, phase: Phase) -> Result<Vec<u32>> {
        let sql = "SELECT shard FROM work WHERE job = ?1 AND phase = ?2 AND state = 'done' ORDER BY shard";
        self.query(sql, values![job.0, phase.as_str()])?.iter().map(|row| row.get(0)).collect()
    }

    /// True if a claim of a shard of this job had this fencing number: each is recorded before its first file is written.
    pub fn knows_attempt(&self, job: JobId, shard: u32, fence: u32) -> Result<bool> {
        let sql = "SELECT 1 FROM attempt WHERE job = ?1 AND shard = ?2 AND fence = ?3";
        Ok(self.one(sql, values![job.0, shard, fence])?.is_some())
    }

    /// A shard of a job that is issued and lies in a place, and its fencing number; `None` if there is none.
    pub fn shard_in(&self, job: JobId, place: &str) -> Result<Option<(u32, u32)>> {
        let row = self.one(
            "SELECT shard, fence FROM work WHERE job = ?1 AND phase = 'issue' AND state = 'done' AND place = ?2 \
             ORDER BY shard LIMIT 1",
            values![job.0, place],
        )?;
        row.map(|row| Ok((row.get(0)?, row.get(1)?))).transpose()
    }

    /// The job and the shard that an identity was issued in, and where that lies; `None` for what was issued by itself.
    pub fn shard_of(&self, entry: &Entry) -> Result<Option<(JobId, u32, CommittedShard)>> {
        let Some((id, number)) = entry.job else { return Ok(None) };
        let job = self.job(id)?.ok_or_else(|| {
            Code::LedgerUnreadable.error(format!("{} is of job {id}, which there is not", entry.key)).at(self.path())
        })?;
        // The number of the name decides the shard, so that rows need no column for it.
        let shard = number / u64::from(job.shard_size.max(1));
        let shard = u32::try_from(shard).map_err(|error| {
            Code::LedgerUnreadable.error("a shard is out of range").caused_by(error).at(self.path())
        })?;
        Ok(self.committed(id, shard)?.map(|committed| (id, shard, committed)))
    }

    /// The time until the first lease of a station on shards of a job ends; `None` without leases. After the issue phase
    /// only shards in `place` count, if one is given: a station cannot claim the others, also when their lease has ended.
    pub fn next_lease_end(&self, job: JobId, phase: Phase, place: Option<&str>) -> Result<Option<Duration>> {
        let place = place.filter(|_| phase != Phase::Issue);
        let WorkTable { name, of_platform } = self.work_table(phase);
        let sql = format!(
            // The cast gives the parameter a type: PostgreSQL cannot tell one from a comparison with NULL.
            "SELECT min(until) FROM {name} WHERE job = ?1 AND phase = ?2 AND state = 'claimed' \
             AND (CAST(?3 AS TEXT) IS NULL OR place = ?3){of_platform}"
        );
        let row = self.one(&sql, values![job.0, phase.as_str(), place])?;
        let until: Option<i64> = row.map_or(Ok(None), |row| row.get(0))?;
        let Some(until) = until else { return Ok(None) };
        // The lease ends by the same clock that set it.
        let left = until.saturating_sub(self.clock()?);
        // Negative if the lease has ended already: the shard can be claimed at once.
        Ok(Some(Duration::from_millis(u64::try_from(left).unwrap_or(0))))
    }
}

fn job(row: &SqlRow) -> Result<Job> {
    let (size, shard_size): (u64, u32) = (row.get(2)?, row.get(3)?);
    // A damaged row must not divide by zero.
    let shards = u32::try_from(size.div_ceil(u64::from(shard_size.max(1))));
    let state: String = row.get(4)?;
    Ok(Job {
        id: JobId(row.get(0)?),
        parameters: Parameters::stored(row.get(1)?),
        size,
        shard_size,
        shards: shards.map_err(|error| Code::LedgerUnreadable.error("a job is out of range").caused_by(error))?,
        uid: uid(row.get(6)?)?,
        done: one_of(&JobStage::ALL, JobStage::as_str, &state)? == JobStage::Done,
        canceled_at: row.get::<Option<i64>>(7)?.map(at).transpose()?,
        made_at: at(row.get(5)?)?,
        renews: row.get::<i64>(8)? != 0,
    })
}

fn uid(octets: Vec<u8>) -> Result<JobUid> {
    let octets = octets.try_into().map_err(|_| Code::LedgerUnreadable.error("the identifier of a job is damaged"))?;
    Ok(JobUid(octets))
}

/// The first six columns of a row: line, name, label, profile, alternative names, attributes.
pub(crate) fn staged_name(row: &SqlRow) -> Result<StagedName> {
    let unreadable = |error| Code::LedgerUnreadable.error("a staged name is damaged").caused_by(error);
    let json: (Option<String>, Option<String>) = (row.get(4)?, row.get(5)?);
    let sans = json.0.map(|text| serde_json::from_str(&text)).transpose().map_err(unreadable)?;
    let attributes = json.1.map(|text| serde_json::from_str(&text)).transpose().map_err(unreadable)?;
    Ok(StagedName {
        line: row.get(0)?,
        name: row.get(1)?,
        label: row.get(2)?,
        profile: row.get(3)?,
        sans: sans.unwrap_or_default(),
        attributes: attributes.unwrap_or_default(),
    })
}
