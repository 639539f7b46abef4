//! A fleet's names on their way into the ledger: all of them, or none.

use aws_lc_rs::digest::{Context, SHA256};
use base::{Code, Result};
use time::OffsetDateTime;

use crate::entry::Entry;
use crate::job::job_stage::JobStage;
use crate::job::shard_state::ShardState;
use crate::job::{Job, JobId, JobUid, NewJob, Phase, StagedName};
use crate::key::{Key, Kind};
use crate::ledger::Ledger;
use crate::lifecycle::role::{Role, TAKES_NAME, TAKES_RENEWAL};
use crate::parameters::Parameters;
use crate::postgres::TableLock;
use crate::transaction::Transaction;
use crate::value::{SqlValue, at, values};

/// Names that are being staged. Dropped, it is as if there had been none.
///
/// Memory does not grow with the number of names.
pub struct Staging<'a> {
    transaction: Transaction<'a>,
    job: JobId,
    shard_size: u32,
    renews: bool,
    size: u64,
    /// Over the parameters and every row: what makes two jobs the same.
    digest: Context,
    /// Rows that are not in the database yet.
    rows: Vec<StagedRow>,
}

/// The result of staging names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StagingOutcome {
    /// They are a job now.
    New(Job),
    /// They were one already, with the same parameters and in the same order. Nothing was written.
    Known(Job),
}

/// Names that may not be issued again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Duplicates {
    /// The first of them, by line.
    pub first: Vec<Duplicate>,
    /// The number of conflicts.
    pub total: u64,
    /// The line of the last of them; 0 if there is none.
    pub last_line: u64,
}

/// A name that is there already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duplicate {
    /// The name that occurs twice.
    pub name: String,
    /// The line in the new list.
    pub line: u64,
    /// The earlier place of the name.
    pub earlier: EarlierUse,
}

/// The earlier place of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EarlierUse {
    /// On this line of the same source: the first with the name.
    Line(u64),
    /// In the store: its identity that counts.
    Store(Box<Entry>),
    /// In another job that has not come to it yet, on this line of that job's source.
    Job(JobId, u64),
    /// A device that has not enrolled yet has a one-time password, which can be used until this time.
    Password(OffsetDateTime),
}

pub(crate) struct StagedRow {
    pub(crate) number: u64,
    pub(crate) line: u64,
    pub(crate) name: String,
    pub(crate) label: Option<String>,
    pub(crate) profile: Option<String>,
    /// JSON, where there are any; so for attributes.
    pub(crate) sans: Option<String>,
    pub(crate) attributes: Option<String>,
}

/// Rows that are handed to the database at once.
const BATCH: usize = 1000;

impl Ledger {
    /// Begins a job. Nothing is kept before [`Staging::keep`].
    ///
    /// # Errors
    /// Those of [`Ledger::transaction`]; [`Code::Internal`] for shards of no size.
    pub fn stage(&mut self, job: &NewJob) -> Result<Staging<'_>> {
        if job.shard_size == 0 {
            return Err(Code::Internal.error("a shard of no names"));
        }
        // Larger caches and a larger -wal file, for this process only.
        self.for_fleets()?;
        if self.is_shared() {
            // Another station that is to be made the same need not wait until all names of this one have come.
            self.shared_transaction(|transaction| transaction.parameters(&job.parameters))?;
        }
        // No lock yet: reading a list takes minutes, and other stations continue meanwhile.
        let transaction = Transaction::begin(self.view(), TableLock::None)?;
        let parameters = transaction.parameters(&job.parameters)?;
        // The digest is known at the end. Until then the column has a value that no digest equals.
        let unknown = crate::job::claim::seed()?;
        let row = transaction.one(
            "INSERT INTO job (digest, parameters, size, shard_size, state, made_at, uid, renews) \
             VALUES (?1, ?2, 0, ?3, ?7, ?4, ?5, ?6) RETURNING id",
            values![
                &unknown,
                parameters,
                job.shard_size,
                transaction.now(),
                &JobUid::random()?.0,
                i64::from(job.renews),
                JobStage::Open.as_str()
            ],
        )?;
        let id = row.ok_or_else(|| Code::Internal.error("a new job has no number"))?.get(0)?;
        let mut digest = Context::new(&SHA256);
        // The text keeps this digest apart from hashes of other things.
        digest.update(b"tbpki job");
        update(&mut digest, job.parameters.as_str());
        if job.renews {
            // The same devices are renewed again and again, each time by a job of its own.
            digest.update(&unknown);
        }
        let rows = Vec::with_capacity(BATCH);
        let (shard_size, renews) = (job.shard_size, job.renews);
        Ok(Staging { transaction, job: JobId(id), shard_size, renews, size: 0, digest, rows })
    }
}

impl Staging<'_> {
    /// Adds a name. That it was there before is no error here: [`Staging::duplicates`] knows.
    ///
    /// # Errors
    /// Those of the database.
    // Names are hashed with their lengths, so that moving a letter from one field to the next makes another job.
    pub fn add(&mut self, name: &StagedName) -> Result<()> {
        let row = StagedRow {
            number: self.size,
            line: name.line,
            name: name.name.clone(),
            label: name.label.clone(),
            profile: name.profile.clone(),
            sans: json(&name.sans, name.sans.is_empty())?,
            attributes: json(&name.attributes, name.attributes.is_empty())?,
        };
        update(&mut self.digest, &row.name);
        for field in [&row.label, &row.profile, &row.sans, &row.attributes] {
            // What is not there differs from what is empty.
            self.digest.update(&[u8::from(field.is_some())]);
            update(&mut self.digest, field.as_deref().unwrap_or_default());
        }
        self.rows.push(row);
        self.size += 1;
        // Rows are written in batches, so that a list of any length needs the same memory.
        if self.rows.len() == BATCH { self.flush() } else { Ok(()) }
    }

    /// Keeps more of the parameters than [`Ledger::stage`] was given. The same names with the parameters that were given
    /// first are still the same job.
    ///
    /// # Errors
    /// Those of the database.
    pub fn keep_parameters(&mut self, parameters: &Parameters) -> Result<()> {
        let id = self.transaction.parameters(parameters)?;
        self.transaction.execute("UPDATE job SET parameters = ?2 WHERE id = ?1", values![self.job.0, id]).map(drop)
    }

    /// Takes a renewal out of the way that was not used before it was due itself: the job makes the next one of that name.
    /// Nothing happens to one that is in use by now.
    ///
    /// # Errors
    /// [`Code::UnknownIdentity`] if there is no such generation; those of the database.
    pub fn replace_pending(&mut self, key: &Key) -> Result<()> {
        match self.transaction.role_of(key)? {
            (row, Role::Pending) => self.transaction.supersede_row(row, true),
            _ => Ok(()),
        }
    }

    /// The number of names.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The names that may not be issued: those that stand on two lines, in the store (if a generation is in use or
    /// intended), in another
    /// job that has not come to them, or those of devices with a one-time password that can be used. None if this very job is known already: its names are its own.
    ///
    /// # Errors
    /// Those of the database.
    pub fn duplicates(&mut self, limit: usize) -> Result<Duplicates> {
        self.flush()?;
        // From here on other stations wait, so nothing can be taken between this check and the end of the transaction.
        self.transaction.exclude_others()?;
        // The same list with the same parameters is the same job: repeating a command continues it.
        if self.known()?.is_some() {
            return Ok(Duplicates::default());
        }
        let mut found = Duplicates::default();
        self.in_the_source(limit, &mut found)?;
        self.in_the_store(limit, &mut found)?;
        self.in_other_jobs(limit, &mut found)?;
        self.with_passwords(limit, &mut found)?;
        // The four searches each have a limit of their own, and the lines of all are sorted together.
        found.first.sort_by_key(|duplicate| duplicate.line);
        found.first.truncate(limit);
        Ok(found)
    }

    /// The job that these very names are already, with the same parameters and in the same order.
    ///
    /// # Errors
    /// Those of the database.
    pub fn known_job(&mut self) -> Result<Option<Job>> {
        self.flush()?;
        self.known()?.map_or(Ok(None), |id| self.transaction.job(id))
    }

    /// Makes the names a job, on disk when this returns.
    ///
    /// # Errors
    /// [`Code::DuplicateNames`] while there are [`Staging::duplicates`]; [`Code::Internal`] when there are no names at
    /// all; those of the database.
    pub fn keep(mut self) -> Result<StagingOutcome> {
        // Checked again, although the caller has checked: this is the last moment before the names are reserved.
        let duplicates = self.duplicates(1)?;
        if let Some(duplicate) = duplicates.first.first() {
            return Err(Code::DuplicateNames
                .error(match duplicates.total {
                    1 => format!("1 name is there already, on line {}", duplicate.line),
                    total => format!("{total} names are there already, the first on line {}", duplicate.line),
                })
                .item(&duplicate.name)
                .fix("take them out"));
        }
        if let Some(id) = self.known()? {
            let job = self.transaction.job(id)?;
            return job.map(StagingOutcome::Known).ok_or_else(|| Code::Internal.error(format!("there is no job {id}")));
        }
        let shards = self.size.div_ceil(self.shard_size.into());
        // Four billion shards are beyond any list; the numbers of claims have 32 bits.
        if shards == 0 || u32::try_from(shards).is_err() {
            return Err(Code::Internal.error(format!("a job of {} names in {shards} shards", self.size)));
        }
        let Self { transaction, job, size, .. } = &self;
        transaction
            .execute("UPDATE job SET digest = ?2, size = ?3 WHERE id = ?1", values![job.0, &self.digest(), *size])?;
        // All phases at once, so that `register` finds its shards even if it runs on another station.
        for phase in Phase::ALL {
            for shard in 0..shards {
                transaction.execute(
                    "INSERT INTO work (job, phase, shard, state, fence) VALUES (?1, ?2, ?3, ?4, 0)",
                    values![job.0, phase.as_str(), shard, ShardState::Open.as_str()],
                )?;
            }
        }
        let new = transaction.job(*job)?.ok_or_else(|| Code::Internal.error("a new job is not there"))?;
        self.transaction.commit()?;
        Ok(StagingOutcome::New(new))
    }

    fn flush(&mut self) -> Result<()> {
        self.transaction.insert_staged(self.job, &self.rows)?;
        self.rows.clear();
        Ok(())
    }

    fn digest(&self) -> [u8; 32] {
        let mut digest = [0; 32];
        digest.iter_mut().zip(self.digest.clone().finish().as_ref()).for_each(|(octet, from)| *octet = *from);
        digest
    }

    fn known(&self) -> Result<Option<JobId>> {
        // The row of this very job has a random value there until `keep`, so it never finds itself.
        let row = self.transaction.one("SELECT id FROM job WHERE digest = ?1", values![&self.digest()])?;
        row.map(|row| row.get(0).map(JobId)).transpose()
    }

    /// Sorting finds equal names at a cost that hardly depends on their order; an index that grows name by name would
    /// have to write a page for each of a million unsorted ones.
    fn in_the_source(&self, limit: usize, found: &mut Duplicates) -> Result<()> {
        // Counted by the database, so that the answer has one row for any number of duplicates.
        let any = self.count_into(
            found,
            "SELECT CAST(coalesce(sum(times - 1), 0) AS BIGINT), max(line) FROM (SELECT count(*) AS times, \
             max(line) AS line FROM staged WHERE job = ?1 GROUP BY name HAVING count(*) > 1) AS repeated",
        )?;
        if !any {
            return Ok(());
        }
        // The window functions name the first line of each name, which the message shows.
        let sql = "SELECT name, line, first_line FROM \
            (SELECT name, line, number, first_value(line) OVER names AS first_line, \
             first_value(number) OVER names AS first_number FROM staged WHERE job = ?1 \
             WINDOW names AS (PARTITION BY name ORDER BY number)) AS ordered \
            WHERE number > first_number ORDER BY number LIMIT ?2";
        for row in self.transaction.query(sql, values![self.job.0, limit_of(limit)])? {
            let earlier = EarlierUse::Line(row.get(2)?);
            found.first.push(Duplicate { name: row.get(0)?, line: row.get(1)?, earlier });
        }
        Ok(())
    }

    fn in_the_store(&self, limit: usize, found: &mut Duplicates) -> Result<()> {
        let takes = if self.renews { TAKES_RENEWAL } else { TAKES_NAME };
        let names = format!(
            "SELECT name, min(line) AS line FROM staged WHERE job = ?1 AND EXISTS (SELECT 1 FROM identity \
             WHERE kind = 'device' AND identity.name = staged.name AND {takes}) GROUP BY name"
        );
        if !self.count_into(found, &format!("SELECT count(*), max(line) FROM ({names}) AS known"))? {
            return Ok(());
        }
        let sql = format!("{names} ORDER BY 2 LIMIT ?2");
        for row in self.transaction.query(&sql, values![self.job.0, limit_of(limit)])? {
            let name: String = row.get(0)?;
            let Some(entry) = self.transaction.holder(Kind::Device, &name)? else { continue };
            found.first.push(Duplicate { name, line: row.get(1)?, earlier: EarlierUse::Store(Box::new(entry)) });
        }
        Ok(())
    }

    /// Jobs are few, open ones fewer: with none, nothing is compared.
    fn in_other_jobs(&self, limit: usize, found: &mut Duplicates) -> Result<()> {
        // Most stores have no other open job, and the join below would read all of its names.
        if self.count("SELECT count(*) FROM job WHERE state = 'open' AND id <> ?1")? == 0 {
            return Ok(());
        }
        const NAMES: &str = "SELECT staged.name, min(staged.line) AS line, min(other.job) AS job, \
            min(other.line) AS other_line FROM staged JOIN staged AS other ON other.name = staged.name \
            JOIN job ON job.id = other.job AND job.state = 'open' AND job.id <> ?1 \
            WHERE staged.job = ?1 AND NOT EXISTS (SELECT 1 FROM identity WHERE identity.job = other.job \
            AND identity.number = other.number AND identity.job IS NOT NULL) GROUP BY staged.name";
        if !self.count_into(found, &format!("SELECT count(*), max(line) FROM ({NAMES}) AS known"))? {
            return Ok(());
        }
        let sql = format!("{NAMES} ORDER BY 2 LIMIT ?2");
        for row in self.transaction.query(&sql, values![self.job.0, limit_of(limit)])? {
            let earlier = EarlierUse::Job(JobId(row.get(2)?), row.get(3)?);
            found.first.push(Duplicate { name: row.get(0)?, line: row.get(1)?, earlier });
        }
        Ok(())
    }

    /// Names of devices that have yet to fetch their first certificate.
    fn with_passwords(&self, limit: usize, found: &mut Duplicates) -> Result<()> {
        // Only a device that has an identity is renewed, and its next password does not stop that. Most ledgers have no
        // password, and the join below would read all names.
        if self.renews || self.transaction.open_passwords(at(self.transaction.now())?)? == 0 {
            return Ok(());
        }
        let names = format!(
            "SELECT staged.name, min(staged.line) AS line, min(password.expires_at) AS ends FROM staged \
             JOIN enrolment_password AS password ON password.device = staged.name AND password.spent_at IS NULL \
             AND password.expires_at > {} WHERE staged.job = ?1 AND NOT EXISTS (SELECT 1 FROM identity \
             WHERE kind = 'device' AND identity.name = staged.name AND {TAKES_NAME}) GROUP BY staged.name",
            self.transaction.now()
        );
        if !self.count_into(found, &format!("SELECT count(*), max(line) FROM ({names}) AS known"))? {
            return Ok(());
        }
        let sql = format!("{names} ORDER BY 2 LIMIT ?2");
        for row in self.transaction.query(&sql, values![self.job.0, limit_of(limit)])? {
            let earlier = EarlierUse::Password(at(row.get(2)?)?);
            found.first.push(Duplicate { name: row.get(0)?, line: row.get(1)?, earlier });
        }
        Ok(())
    }

    /// Adds the number and the last line that `sql`, which knows the job as ?1, counts; whether there are any.
    fn count_into(&self, found: &mut Duplicates, sql: &str) -> Result<bool> {
        let Some(row) = self.transaction.one(sql, values![self.job.0])? else { return Ok(false) };
        let total: u64 = row.get(0)?;
        found.total += total;
        found.last_line = found.last_line.max(row.get::<Option<u64>>(1)?.unwrap_or_default());
        Ok(total > 0)
    }

    /// The number of rows that `sql` counts, in which ?1 is the job.
    fn count(&self, sql: &str) -> Result<u64> {
        self.transaction.one(sql, values![self.job.0])?.map_or(Ok(0), |row| row.get(0))
    }
}

fn limit_of(limit: usize) -> SqlValue<'static> {
    SqlValue::Int(i64::try_from(limit).unwrap_or(i64::MAX))
}

/// With its length before it, so that no two lists of texts run together alike.
fn update(digest: &mut Context, text: &str) {
    digest.update(&u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
    digest.update(text.as_bytes());
}

fn json(value: &impl serde::Serialize, is_empty: bool) -> Result<Option<String>> {
    if is_empty {
        return Ok(None);
    }
    let text = serde_json::to_string(value);
    text.map(Some).map_err(|error| Code::Internal.error("a name cannot be written as JSON").caused_by(error))
}
