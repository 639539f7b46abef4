//! Working through the shards of a job for what uses identities: registering and bundling. One shard after the other is
//! claimed, what became of its devices is committed several at a time, and the lease is kept alive meanwhile.

use std::thread;
use std::time::{Duration, Instant};

use base::{Code, Error, Result};
use ledger::{Claim, ClaimWish, Entry, Filter, Job, JobId, Key, Kind, Ledger, Phase, State};

use super::job::{self, Which};
use super::stop::Stop;
use crate::mass::issue::engine::{LEASE, TICK};
use crate::mass::job::order::{Destination, JobOrder};
use store::Store;
use store::shard::{Owner, Place};

/// Outcomes that are committed together: a commit waits for the disk. What a killed run did not commit is found done by
/// the next one.
const BATCH: usize = 1000;
/// How old an outcome that is not committed gets.
const AGE: Duration = Duration::from_secs(1);

/// The shards of one phase of a job, as far as they lie in one place.
pub(crate) struct Shifts<'a> {
    pub(crate) ledger: &'a mut Ledger,
    pub(crate) job: JobId,
    pub(crate) phase: Phase,
    pub(crate) station: &'a str,
    /// The place that this station sees.
    pub(crate) place: &'a str,
}

/// A claimed shard, and what became of its devices.
pub(crate) struct Shift {
    pub(crate) claim: Claim,
    done: Vec<Key>,
    failed: Vec<(Key, String)>,
    since: Instant,
    renewed: Instant,
}

/// How far a phase of a job is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Count {
    /// Devices that have taken the step.
    pub(crate) done: u64,
    /// Devices whose last try failed.
    pub(crate) failed: u64,
    /// Devices that are issued and have not taken it, those that failed included.
    pub(crate) left: u64,
    /// Devices that are left out, because they were unregistered.
    pub(crate) skipped: u64,
}

/// The job that is meant. Where none was named and nothing is left to do of any, the last one: that says so.
///
/// # Errors
/// [`Code::NothingToResume`].
pub(crate) fn find(store: &Store, which: Which, phase: Phase) -> Result<Job> {
    match job::find(store, which, &[phase]) {
        Err(error) if error.code() == Code::NothingToResume && which == Which::Unfinished => {
            let jobs = store.ledger.jobs()?;
            let mut open = 0;
            for job in &jobs {
                open += count(&store.ledger, job.id, phase)?.left;
            }
            jobs.into_iter().last().filter(|_| open == 0).ok_or(error)
        }
        other => other,
    }
}

/// Where the shards of a job are: where a person says, or where the store last saw them.
///
/// # Errors
/// [`Code::PlaceMissing`].
pub(crate) fn place(store: &Store, job: &Job, order: &JobOrder, destination: &Destination) -> Result<Place> {
    let place = job::place_if_known(store, job, order, destination)?;
    let place = place.filter(|place| place.job().is_none_or(|of| of == job.id.number())).ok_or_else(|| {
        Code::PlaceMissing
            .error(format!("where the shards of job {} are is not known here", job.id))
            .fix("name it with `--out DIR` or `--archive FILE`")
    })?;
    // It is there, so that this only writes down where.
    let owner = Owner { job, view: &store.ledger };
    Place::make(store.dir(), &place.dir, order.layout, order.packing, &owner)
}

/// What is to be done about an error that ended a run: what its own advice is, and then the rest of the job.
pub(crate) fn go_on(error: Error) -> Error {
    let rest = "run the same command again for the rest: what is done by now is in the ledger";
    let fix = error.finding().fix.as_ref().map_or_else(|| rest.to_owned(), |fix| format!("{fix}; then {rest}"));
    error.fix(fix)
}

/// How far a phase is.
pub(crate) fn count(ledger: &Ledger, job: JobId, phase: Phase) -> Result<Count> {
    let step = step(phase)?;
    let in_use =
        Filter { kind: Some(Kind::Device), job: Some(job), states: State::IN_USE.to_vec(), ..Filter::default() };
    let all = Filter { skip_unregistered: true, ..in_use.clone() };
    let lacking = Filter { never: Some(step), ..all.clone() };
    let left = ledger.count(&lacking)?;
    let failed = ledger.count(&Filter { failed_only: true, ..lacking })?;
    let taken = ledger.count(&all)?;
    let skipped = ledger.count(&in_use)?.saturating_sub(taken);
    Ok(Count { done: taken.saturating_sub(left), failed, left, skipped })
}

/// Whether a device has yet to take the step.
pub(crate) fn lacks(entry: &Entry, phase: Phase) -> Result<bool> {
    Ok(entry.is_for_bulk() && entry.reached(step(phase)?).is_none())
}

fn step(phase: Phase) -> Result<State> {
    match phase {
        Phase::Register => Ok(State::Registered),
        Phase::Bundle => Ok(State::Bundled),
        Phase::Issue => Err(Code::Internal.error("identities are issued by the shard")),
    }
}

impl Shifts<'_> {
    /// Frees the shards of stations that have died, and opens those again in which something failed.
    pub(crate) fn begin(&mut self) -> Result<()> {
        self.ledger.break_leases(self.job)?;
        self.ledger.reopen(self.job, self.phase)?;
        Ok(())
    }

    /// The next shard; none when there are no more. Waits for shards that other stations may leave behind.
    pub(crate) fn next(&mut self, stop: &Stop<'_>) -> Result<Option<Shift>> {
        let wish = ClaimWish {
            job: self.job,
            phase: self.phase,
            station: self.station,
            place: Some(self.place),
            lease: LEASE,
        };
        while !stop.is_asked() {
            if let Some(claim) = self.ledger.claim(&wish)? {
                return Ok(Some(Shift::new(claim)));
            }
            if !self.ledger.is_shared() || self.ledger.next_lease_end(self.job, self.phase)?.is_none() {
                break;
            }
            thread::sleep(TICK);
        }
        Ok(None)
    }

    /// Ends the work on a shard: it is done, or partly where something failed.
    pub(crate) fn finish(&mut self, mut shift: Shift) -> Result<()> {
        shift.flush(self.ledger)?;
        self.ledger.finish(&shift.claim)
    }

    /// Gives a shard back, with what became of its devices until now.
    pub(crate) fn give_back(&mut self, mut shift: Shift, why: &str) -> Result<()> {
        shift.flush(self.ledger)?;
        self.ledger.give_back(&shift.claim, why)
    }
}

impl Shift {
    fn new(claim: Claim) -> Self {
        let now = Instant::now();
        Self { claim, done: Vec::new(), failed: Vec::new(), since: now, renewed: now }
    }

    /// A device has taken the step.
    pub(crate) fn done(&mut self, key: Key) {
        self.done.push(key);
    }

    /// A device has not.
    pub(crate) fn failed(&mut self, key: Key, error: &Error) {
        self.failed.push((key, error.to_string()));
    }

    /// Commits what is due, and holds on to the shard.
    ///
    /// # Errors
    /// [`Code::LeaseLost`] where another station has come to it, and the ledger's own.
    pub(crate) fn keep(&mut self, ledger: &mut Ledger) -> Result<()> {
        if self.done.len() + self.failed.len() >= BATCH || self.since.elapsed() > AGE {
            self.flush(ledger)?;
        }
        if self.renewed.elapsed() > LEASE / 3 {
            ledger.renew(&self.claim, LEASE)?;
            self.renewed = Instant::now();
        }
        Ok(())
    }

    fn flush(&mut self, ledger: &mut Ledger) -> Result<()> {
        self.since = Instant::now();
        if !self.done.is_empty() || !self.failed.is_empty() {
            ledger.commit_step(&self.claim, &self.done, &self.failed)?;
            self.done.clear();
            self.failed.clear();
        }
        Ok(())
    }
}
