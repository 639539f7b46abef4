//! The phases of a job that use identities: the job that a verb continues, the place of its shards, and the progress.

use std::collections::BTreeMap;

use base::text::counted;
use base::{Code, Error, Finding, Result};
use ledger::{Entry, Filter, Job, JobId, Kind, Phase, State, View};

use super::job::{self, JobSelector};
use crate::job_order::{Destination, JobOrder};
use store::Store;
use store::shard::{OwningJob, ShardStore};

/// The progress of a phase of a job.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PhaseCount {
    /// Devices that have taken the step.
    pub(crate) done: u64,
    /// Devices whose last try failed.
    pub(crate) failed: u64,
    /// Devices that are issued and have not taken it, those that failed included.
    pub(crate) left: u64,
    /// Devices that are left out, because they were unregistered.
    pub(crate) skipped: u64,
    /// Devices that are left out, because they were revoked.
    pub(crate) revoked: u64,
    /// Devices that are left out, because they have another certificate now.
    pub(crate) replaced: u64,
}

/// The job that is meant. If none is named and none has work left, the last one, whose report shows that it is done.
///
/// # Errors
/// [`Code::NothingToResume`]; [`Code::Usage`] if it is one of renewals and `pending` was not asked for, or the reverse.
pub(crate) fn find(store: &Store, which: JobSelector, phase: Phase, pending: bool) -> Result<Job> {
    let job = find_any(store, which, phase, pending)?;
    check_is_meant(&job, pending)?;
    Ok(job)
}

/// Fails unless a job is meant by `--pending`, or by its absence.
///
/// # Errors
/// [`Code::Usage`].
fn check_is_meant(job: &Job, pending: bool) -> Result<()> {
    match (job.renews, pending) {
        (true, false) => Err(Code::Usage
            .error(format!("job {} has the renewals of another job", job.id))
            .fix("use --pending, also once the renewals are in use; with `fleet register`, only after the devices were reflashed")),
        (false, true) => Err(Code::Usage
            .error(format!("job {} has no renewals", job.id))
            .fix("leave --pending out, or name a job of `tbpki fleet renew`")),
        _ => Ok(()),
    }
}

fn find_any(store: &Store, which: JobSelector, phase: Phase, pending: bool) -> Result<Job> {
    match job::find(&store.ledger, which, &[phase], pending) {
        // A second call of a finished command is no error: it reports what was done.
        Err(error) if error.code() == Code::NothingToResume && which == JobSelector::Unfinished => {
            let mut last = None;
            for job in store.ledger.jobs()?.into_iter().filter(|job| job.renews == pending) {
                if count(&store.ledger, job.id, phase)?.left > 0 {
                    return Err(error);
                }
                // A job that was canceled before anything was issued has no devices that could have taken the step.
                if job.canceled_at.is_none() || store.ledger.job_progress(job.id)?.issued() > 0 {
                    last = Some(job);
                }
            }
            last.ok_or(error)
        }
        other => other,
    }
}

/// The place of a job's shards: as requested, or where the store last saw them. A dry run does not record it.
///
/// # Errors
/// [`Code::PlaceMissing`].
pub(crate) fn place(
    store: &Store,
    job: &Job,
    order: &JobOrder,
    destination: &Destination,
    dry_run: bool,
) -> Result<ShardStore> {
    let place = job::place_if_known(store, job, order, destination)?;
    // A directory of another job would let this one look finished.
    let place = place.filter(|place| place.job().is_none_or(|of| of == job.id.number())).ok_or_else(|| {
        Code::PlaceMissing
            .error(format!("where the shards of job {} are is not known here", job.id))
            .fix("name it with `--out DIR` or `--archive FILE`")
    })?;
    if dry_run {
        return Ok(place);
    }
    // It is there, so that this only writes down where.
    let owner = OwningJob { job, view: &store.ledger };
    ShardStore::make(store.dir(), &place.dir, order.layout, order.packing, &owner)
}

/// The places besides the one at hand in which shards of a job are.
pub(crate) struct OtherPlaces {
    /// Those that this store can find.
    pub(crate) found: Vec<ShardStore>,
    /// A finding about the shards in places that it cannot find.
    pub(crate) missing: Option<Finding>,
}

/// The places besides `place` in which shards of a job are: a job may be continued where there is room, and stations of a
/// shared ledger have places of their own.
///
/// # Errors
/// Those of the ledger.
pub(crate) fn other_places(store: &Store, job: &Job, place: &ShardStore) -> Result<OtherPlaces> {
    let mut shards: BTreeMap<String, u32> = BTreeMap::new();
    for shard in 0..job.shards {
        let committed = store.ledger.committed(job.id, shard)?.filter(|committed| committed.place != place.id());
        if let Some(committed) = committed {
            *shards.entry(committed.place).or_default() += 1;
        }
    }
    let (mut found, mut missing) = (Vec::new(), 0);
    for (id, count) in shards {
        match ShardStore::find(store.dir(), &id) {
            Ok(other) => found.push(other),
            Err(error) if error.code() == Code::PlaceMissing => missing += count,
            Err(error) => return Err(error),
        }
    }
    Ok(OtherPlaces { found, missing: (missing > 0).then(|| elsewhere(job, missing, store.ledger.is_shared())) })
}

/// The finding about shards that are in no place that this store can find.
fn elsewhere(job: &Job, shards: u32, is_shared: bool) -> Finding {
    let shards = counted(shards, "shard", "shards");
    if is_shared {
        return Code::PlaceMissing
            .note(format!("{shards} of job {} are at other stations", job.id))
            .fix("run the same command there");
    }
    Code::PlaceMissing
        .warning(format!("{shards} of job {} are not where they were written", job.id))
        .fix("name their directory with `--out DIR`")
}

/// Adds the advice to an error that ended a run: first its own remedy, then the rest of the job.
pub(crate) fn go_on(error: Error) -> Error {
    let rest = "run the same command again for the rest: what is done by now is in the ledger";
    let fix = error.finding().fix.as_ref().map_or_else(|| rest.to_owned(), |fix| format!("{fix}; then {rest}"));
    error.fix(fix)
}

/// The progress of a phase.
pub(crate) fn count(ledger: &View, job: JobId, phase: Phase) -> Result<PhaseCount> {
    let step = step(phase)?;
    // Revoked and replaced certificates are not registered or bundled: only the one in use is.
    let in_use = Filter { kind: Some(Kind::Device), job: Some(job), in_use_only: true, ..Filter::default() };
    let all = Filter { skip_unregistered: true, ..in_use.clone() };
    let lacking = Filter { never: Some(step), ..all.clone() };
    let left = ledger.count(&lacking)?;
    let failed = ledger.count(&Filter { failed_only: true, ..lacking })?;
    let taken = ledger.count(&all)?;
    let of_job = Filter { kind: Some(Kind::Device), job: Some(job), ..Filter::default() };
    let in_use = ledger.count(&in_use)?;
    let revoked = ledger.count(&Filter { states: vec![State::Revoked], ..of_job.clone() })?;
    let skipped = in_use.saturating_sub(taken);
    // The three groups overlap: a revoked certificate is not in use either, so it is subtracted once.
    let replaced = ledger.count(&of_job)?.saturating_sub(in_use).saturating_sub(revoked);
    Ok(PhaseCount { done: taken.saturating_sub(left), failed, left, skipped, revoked, replaced })
}

/// True if a device has yet to take the step.
pub(crate) fn lacks(entry: &Entry, phase: Phase) -> Result<bool> {
    Ok(entry.is_for_job() && entry.reached(step(phase)?).is_none())
}

fn step(phase: Phase) -> Result<State> {
    match phase {
        Phase::Register => Ok(State::Registered),
        Phase::Bundle => Ok(State::Bundled),
        Phase::Issue => Err(Code::Internal.error("identities are issued by the shard")),
    }
}
