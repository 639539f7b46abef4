//! Names that are reserved: each belongs to at most one identity in use.
//!
//! A single device reserves its name when it is recorded as intended, a job reserves all of its names when it is
//! staged, and a shard is committed only if none of its names has an identity in use. Each of the three checks in the
//! transaction that writes.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use base::text::{device_option, quote};
use base::{Code, Error, Result};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::entry::Entry;
use crate::job::JobId;
use crate::job::job_stage::JobStage;
use crate::key::Kind;
use crate::ledger::Ledger;
use crate::lifecycle::role::{TAKES_NAME, TAKES_RENEWAL};
use crate::transaction::Transaction;
use crate::value::{LISTED, SqlValue, list_of_places, values};
use crate::view::View;

/// Names of a job that another identity uses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamesInUse {
    /// The first of them, in the order of the job.
    pub first: Vec<Entry>,
    /// The number of all of them.
    pub total: u64,
}

impl NamesInUse {
    /// The error for a job that cannot go on because of these names.
    pub fn refusal(&self, job: JobId) -> Error {
        let names: Vec<String> = self.first.iter().map(|entry| quote(&entry.key.name).to_string()).collect();
        Code::DuplicateNames
            .error(match self.total {
                1 => format!("1 name of job {job} has an identity outside of the job"),
                total => format!("{total} names of job {job} have an identity outside of the job"),
            })
            .because(format!("the first: {}", names.join(", ")))
            .fix(format!(
                "cancel the job with `tbpki fleet cancel {job}`, which keeps what it has issued, then issue the names \
                 that are left without these"
            ))
    }
}

/// Which of some names wait in open jobs, read at once: each question costs a row for each name of the open jobs.
#[derive(Debug, Clone, Default)]
pub struct ReservedNames {
    /// Whether no job was open, in which any name could wait.
    is_without_jobs: bool,
    asked: HashSet<String>,
    reserved: HashMap<String, (JobId, u64)>,
}

impl ReservedNames {
    /// Fails if a name waits in a job. `view` is asked for a name that was not read.
    ///
    /// # Errors
    /// [`Code::NameReserved`].
    pub fn check(&self, view: &View, kind: Kind, name: &str) -> Result<()> {
        if self.is_without_jobs {
            return Ok(());
        }
        if !self.asked.contains(name) {
            return view.check_not_reserved(kind, name);
        }
        // Only devices are issued by jobs.
        match self.reserved.get(name).filter(|_| kind == Kind::Device) {
            None => Ok(()),
            Some((job, line)) => Err(reserved(name, *job, *line)),
        }
    }
}

/// The error for a name that waits in a job.
fn reserved(name: &str, job: JobId, line: u64) -> Error {
    Code::NameReserved.error(format!("the name {} waits in job {job} (line {line} there)", quote(name))).item(name).fix(
        format!(
            "finish the job with `tbpki fleet issue --resume {job}`, or free its names with `tbpki fleet cancel {job}`"
        ),
    )
}

/// The statement for the names in a list that wait, and their places.
fn reserved_in(list: &str) -> String {
    // CROSS JOIN makes SQLite look at the jobs first. Otherwise it reads the names of every job that there ever was, for
    // each single identity.
    format!(
        "SELECT staged.name, staged.job, staged.line FROM job CROSS JOIN staged WHERE staged.job = job.id \
         AND job.state = 'open' AND staged.name IN {list} AND NOT EXISTS (SELECT 1 FROM identity \
         WHERE identity.job = staged.job AND identity.number = staged.number)"
    )
}

impl View {
    /// The open job in which a device's name waits to be issued, and its line there; `None` if the name is free.
    ///
    /// Reads a row for each name of the jobs that are open, so nothing if there are none.
    ///
    /// # Errors
    /// Those of the database, here and below.
    pub fn reserved_by(&self, kind: Kind, name: &str) -> Result<Option<(JobId, u64)>> {
        // Only devices are issued by jobs.
        if kind != Kind::Device {
            return Ok(None);
        }
        let row = self.one(&format!("{} LIMIT 1", reserved_in("(?1)")), values![name])?;
        row.map(|row| Ok((JobId(row.get(1)?), row.get(2)?))).transpose()
    }

    /// Which of these names of devices wait in open jobs to be issued.
    ///
    /// Reads a row for each name of the jobs that are open, once for some hundred names; nothing if there are none, and
    /// then `names` are not looked at.
    pub fn reserved_among<N: Into<String>>(&self, names: impl IntoIterator<Item = N>) -> Result<ReservedNames> {
        if self.one("SELECT 1 FROM job WHERE state = 'open' LIMIT 1", &[])?.is_none() {
            return Ok(ReservedNames { is_without_jobs: true, ..ReservedNames::default() });
        }
        let asked: HashSet<String> = names.into_iter().map(Into::into).collect();
        let mut reserved = HashMap::new();
        for names in asked.iter().collect::<Vec<_>>().chunks(LISTED) {
            let values: Vec<SqlValue<'_>> = names.iter().map(|name| SqlValue::from(*name)).collect();
            for row in self.query(&reserved_in(&list_of_places(1, names.len())), &values)? {
                reserved.insert(row.get(0)?, (JobId(row.get(1)?), row.get(2)?));
            }
        }
        Ok(ReservedNames { is_without_jobs: false, asked, reserved })
    }

    /// Fails if a name waits in a job.
    ///
    /// # Errors
    /// [`Code::NameReserved`].
    pub fn check_not_reserved(&self, kind: Kind, name: &str) -> Result<()> {
        match self.reserved_by(kind, name)? {
            None => Ok(()),
            Some((job, line)) => Err(reserved(name, job, line)),
        }
    }

    /// Fails if a device has a one-time password that can be used at `now`: its name is that device's until it enrols or the
    /// password expires.
    ///
    /// # Errors
    /// [`Code::NameReserved`].
    pub fn check_no_open_password(&self, kind: Kind, name: &str, now: OffsetDateTime) -> Result<()> {
        // Only devices have them.
        let password = if kind == Kind::Device { self.password_of(name)? } else { None };
        match password.filter(|password| !password.is_spent && password.expires_at > now) {
            None => Ok(()),
            Some(password) => Err(Code::NameReserved
                .error(format!(
                    "the name {} is reserved by a one-time password until {}",
                    quote(name),
                    rfc3339(password.expires_at)
                ))
                .item(name)
                .fix(format!(
                    "let the device fetch its certificate, or end the password with `tbpki forget {}`",
                    device_option(name)
                ))),
        }
    }

    /// The names of a job that are still to be issued and that another identity uses, of which the first `limit`.
    ///
    /// A ledger of this version has none; an older one let single devices take names of a staged job.
    pub fn names_in_use(&self, job: JobId, limit: usize) -> Result<NamesInUse> {
        let size = self.job(job)?.map_or(0, |job| job.size);
        self.in_use_elsewhere(job, 0..size, limit)
    }

    pub(crate) fn in_use_elsewhere(&self, job: JobId, numbers: Range<u64>, limit: usize) -> Result<NamesInUse> {
        let takes = if self.job(job)?.is_some_and(|job| job.renews) { TAKES_RENEWAL } else { TAKES_NAME };
        let used = format!(
            "FROM staged JOIN identity ON identity.kind = 'device' AND identity.name = staged.name AND identity.{takes} \
             WHERE staged.job = ?1 AND staged.number >= ?2 AND staged.number < ?3 \
             AND NOT EXISTS (SELECT 1 FROM identity AS own WHERE own.job = staged.job AND own.number = staged.number)"
        );
        let values = values![job.0, numbers.start, numbers.end];
        // Counted first: a list of a million conflicts must not be read into memory.
        let row = self.one(&format!("SELECT count(DISTINCT staged.number) {used}"), values)?;
        let total = row.map_or(Ok(0), |row| row.get(0))?;
        let mut first = Vec::new();
        if total > 0 {
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let sql = format!("SELECT DISTINCT staged.number, staged.name {used} ORDER BY 1 LIMIT ?4");
            for row in self.query(&sql, values![job.0, numbers.start, numbers.end, limit])? {
                let name: String = row.get(1)?;
                first.extend(self.holder(Kind::Device, &name)?);
            }
        }
        Ok(NamesInUse { first, total })
    }
}

impl Ledger {
    /// Cancels a job: the names that it has not issued are free again, and nothing more is issued by it. What it has
    /// issued stays. Returns how many names are free again; a job that is done or canceled has none.
    ///
    /// A station that works on a shard of it loses the shard: its commit is refused with [`Code::LeaseLost`].
    ///
    /// # Errors
    /// [`Code::UnknownJob`], and those of the database.
    pub fn cancel(&mut self, job: JobId) -> Result<u64> {
        self.transaction(|transaction| transaction.cancel(job))
    }
}

impl Transaction<'_> {
    fn cancel(&self, id: JobId) -> Result<u64> {
        let job = self.job(id)?.ok_or_else(|| Code::UnknownJob.error(format!("the ledger has no job {id}")))?;
        // A job that is done has no reserved names, so canceling it changes nothing.
        if job.done {
            return Ok(0);
        }
        let job = values![id.0];
        self.void_attempts(id)?;
        // Names that are issued stay, because `register` reads the values of their lines.
        let freed = self.execute(
            "DELETE FROM staged WHERE job = ?1 AND NOT EXISTS (SELECT 1 FROM identity WHERE identity.job = ?1 \
             AND identity.number = staged.number)",
            job,
        )?;
        // Shards that are issued keep their work, so that they can still be registered and bundled. `work` is last, because
        // it tells which they are.
        for table in ["platform_work", "work"] {
            self.execute(
                &format!(
                    "DELETE FROM {table} WHERE job = ?1 AND NOT EXISTS (SELECT 1 FROM work AS issue WHERE issue.job = ?1 \
                     AND issue.phase = 'issue' AND issue.shard = {table}.shard AND issue.state = 'done')"
                ),
                job,
            )?;
        }
        // The same list may become a job again: its digest must be free.
        self.execute(
            "UPDATE job SET state = ?4, canceled_at = ?2, digest = ?3 WHERE id = ?1",
            values![id.0, self.now(), &crate::job::claim::seed()?, JobStage::Done.as_str()],
        )?;
        Ok(freed)
    }
}

fn rfc3339(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).unwrap_or_else(|_| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_jobs_that_are_done_are_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(dir.path().join("ledger.db")).unwrap();
        let plan = ledger.query(&format!("EXPLAIN QUERY PLAN {}", reserved_in("(?1, ?2)")), values!["a", "b"]).unwrap();
        let steps: Vec<String> = plan.iter().map(|step| step.get(3).unwrap()).collect();
        assert!(steps.iter().any(|step| step.starts_with("SEARCH staged") && step.contains("job=?")), "{steps:?}");
        assert!(!steps.iter().any(|step| step.contains("SCAN staged")), "{steps:?}");
    }
}
