//! A job at hand: its names in the ledger, and the place of its shards.

pub(crate) mod list;

use std::path::Path;

use base::file::{FileSet, Lock, Mode};
use base::{Code, Result};
use ledger::{Job, JobId, Phase, View};

use super::issue::leftovers;
use crate::job_order::{Destination, JobOrder};
use identity::files::output::pem_of;
use store::Store;
use store::Workspace;
use store::shard::Layout;
use store::shard::{OwningJob, ShardStore};

/// The name of the file with the trust anchors of devices, next to its shards.
const ANCHORS: &str = store::file_names::ANCHORS;

/// Names that an error lists.
const IN_USE_LISTED: usize = 10;

/// Which job is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobSelector {
    /// This one.
    Number(u64),
    /// The only one with something left to do.
    Unfinished,
}

/// The job that is meant: where none is named, the only one in which one of `phases` is not done, among those that renew
/// or among the others.
///
/// # Errors
/// [`Code::NothingToResume`].
pub(crate) fn find(view: &View, which: JobSelector, phases: &[Phase], renews: bool) -> Result<Job> {
    let none = |what: String| Code::NothingToResume.error(what);
    if let JobSelector::Number(number) = which {
        let job = view.job(JobId::new(number))?;
        return job
            .ok_or_else(|| none(format!("the ledger has no job {number}")).fix("`tbpki fleet jobs` lists the jobs"));
    }
    let mut left = Vec::new();
    // All jobs are read, because the newest need not be the unfinished one.
    for job in view.jobs()?.into_iter().filter(|job| job.renews == renews) {
        let progress = view.job_progress(job.id)?;
        let is_left = phases.iter().any(|phase| {
            let shards = progress.phase(*phase);
            shards.open + shards.claimed + shards.partly > 0
        });
        if is_left {
            left.push(job);
        }
    }
    let numbers: Vec<String> = left.iter().map(|job| job.id.to_string()).collect();
    // Several unfinished jobs are ambiguous, and continuing the wrong one would register devices too early.
    match (left.pop(), left.is_empty()) {
        (Some(job), true) => Ok(job),
        (None, _) => Err(none("there is no unfinished job".to_owned()).fix("`tbpki fleet issue` makes one")),
        (Some(_), false) => {
            // Verbs that issue take the number with another option than those that need issued devices.
            let option = if phases.contains(&Phase::Issue) { "--resume" } else { "--job" };
            let undone: Vec<&str> = phases.iter().map(|phase| done_word(*phase)).collect();
            let jobs = numbers.join(", ");
            Err(none(format!("several jobs have devices that are not {} yet: {jobs}", undone.join(" or ")))
                .fix(format!("name one of them with `{option} N`; `tbpki fleet jobs` lists them")))
        }
    }
}

/// What a phase makes of a device.
fn done_word(phase: Phase) -> &'static str {
    match phase {
        Phase::Issue => "issued",
        Phase::Register => "registered",
        Phase::Bundle => "bundled",
    }
}

/// Fails if nothing more may be issued by a job, although not all of it is issued.
///
/// # Errors
/// [`Code::JobCanceled`]; [`Code::DuplicateNames`] if names of it have an identity outside of the job.
pub(crate) fn check_can_issue(store: &Store, job: &Job) -> Result<()> {
    if job.canceled_at.is_some() {
        return Err(Code::JobCanceled
            .error(format!("job {} was canceled", job.id))
            .fix("begin a new job with --from FILE or --count N; what this one issued can be registered and bundled"));
    }
    // A job that is done issues nothing more, so names that were used since do no harm.
    if job.done {
        return Ok(());
    }
    let in_use = store.ledger.names_in_use(job.id, IN_USE_LISTED)?;
    if in_use.total == 0 { Ok(()) } else { Err(in_use.refusal(job.id)) }
}

/// The place of a job's shards: as requested, or where the store last saw them.
///
/// # Errors
/// [`Code::PlaceMissing`], [`Code::PlaceTaken`].
pub(crate) fn place(
    store: &Store,
    job: &Job,
    order: &JobOrder,
    destination: Option<&Destination>,
) -> Result<ShardStore> {
    let dir = store.dir();
    let owner = OwningJob { job, view: &store.ledger };
    let named = destination.filter(|destination| destination.out.is_some() || destination.archive.is_some());
    if let Some(destination) = named {
        let named = destination.directory(dir)?;
        check_keeps_place(store, job, order, &named)?;
        check_place_before(store, job, &named)?;
        return ShardStore::make(dir, &named, order.layout, order.packing, &owner);
    }
    if order.layout == Layout::Directories {
        return ShardStore::make(dir, dir, order.layout, order.packing, &owner);
    }
    let wished = ShardStore::wished(dir, job.id.number())?.ok_or_else(|| {
        Code::PlaceMissing
            .error(format!("where the shards of job {} go is not known here", job.id))
            .fix("name it with `--out DIR` or `--archive FILE`")
    })?;
    // A new ledger would hide that the old one was moved away.
    match ShardStore::open(&wished)? {
        None if job_has_shards(store, job)? => Err(Code::PlaceMissing
            .error(format!("the shards of job {} are not where they were written", job.id))
            .at(wished)
            .fix("name where they are with `--out DIR` or `--archive FILE`")),
        _ => ShardStore::make(dir, &wished, order.layout, order.packing, &owner),
    }
}

/// Fails if a job would leave its place for `named`: one that is issued has nothing to write there, and the parts of an
/// archive are joined in one place.
fn check_keeps_place(store: &Store, job: &Job, order: &JobOrder, named: &Path) -> Result<()> {
    // Other stations that share a ledger have places of their own. An unfinished job may go on where there is room.
    if store.ledger.is_shared() || !(job.done || order.layout == Layout::Archive) || !job_has_shards(store, job)? {
        return Ok(());
    }
    let holds_shard = |place: ShardStore| store.ledger.shard_in(job.id, place.id()).map(|shard| shard.is_some());
    if ShardStore::open(named)?.map_or(Ok(false), holds_shard)? {
        return Ok(());
    }
    let what = match job.done {
        true => format!("job {} is issued, and none of its files are here", job.id),
        false => format!("none of the parts of the archive of job {} are here", job.id),
    };
    let error = Code::PlaceMissing.error(what).at(named);
    let error = match ShardStore::wished(store.dir(), job.id.number())? {
        Some(present) => error.because(format!("they were written to {}", present.display())),
        None => error,
    };
    Err(error.fix(format!(
        "go on there with `tbpki fleet issue --resume {}`; new identities need other names, or `tbpki fleet renew`",
        job.id
    )))
}

/// Fails if the place that a job leaves for `named` has shards that the ledger lacks: their names would be issued twice.
///
/// # Errors
/// [`Code::LedgerOlder`].
fn check_place_before(store: &Store, job: &Job, named: &Path) -> Result<()> {
    let Some(before) = ShardStore::wished(store.dir(), job.id.number())?.filter(|before| before != named) else {
        return Ok(());
    };
    let uid = job.uid.to_string();
    match ShardStore::open(&before) {
        Ok(Some(place)) if place.job_uid() == Some(&uid) && place.layout() != Layout::Directories => {
            leftovers::check_has_all(&store.ledger, job, &place)
        }
        Ok(_) => Ok(()),
        // Its disk may be the reason why the job goes on elsewhere.
        Err(error) => {
            tracing::warn!(%error, "the directory of the job before cannot be compared with the ledger");
            Ok(())
        }
    }
}

/// The same where nothing may be made: none where nothing is there yet.
pub(crate) fn place_if_known(
    store: &Store,
    job: &Job,
    order: &JobOrder,
    destination: &Destination,
) -> Result<Option<ShardStore>> {
    let dir = store.dir();
    if order.layout == Layout::Directories {
        return ShardStore::open(dir);
    }
    if destination.out.is_some() || destination.archive.is_some() {
        let named = destination.directory(dir)?;
        check_keeps_place(store, job, order, &named)?;
        check_place_before(store, job, &named)?;
        return ShardStore::open(&named);
    }
    ShardStore::wished(dir, job.id.number())?.map_or(Ok(None), |dir| ShardStore::open(&dir))
}

fn job_has_shards(store: &Store, job: &Job) -> Result<bool> {
    Ok(store.ledger.job_progress(job.id)?.phase(Phase::Issue).done > 0)
}

/// The number of devices that a job has or will have. A canceled job has freed the names that it had not issued, and one
/// that renews has left out the devices that were revoked after it was staged.
pub(crate) fn device_count(view: &View, job: &Job) -> Result<u64> {
    match job.canceled_at.is_some() || (job.renews && job.done) {
        true => Ok(view.job_progress(job.id)?.issued()),
        false => Ok(job.size),
    }
}

/// Keeps others from the place, and writes the trust anchors of devices next to the shards.
pub(crate) fn prepare(place: &ShardStore, workspace: &Workspace<'_>, verb: &str) -> Result<Option<Lock>> {
    // Under the lock, because two stations could write different anchors.
    let lock = place.lock(verb)?;
    if place.layout() != Layout::Directories {
        let anchors = workspace.client_anchors()?;
        if !anchors.is_empty() {
            // The old file is kept: devices of earlier shards may trust it.
            let mut set = FileSet::new(&place.dir).replacing("old");
            set.add(ANCHORS, pem_of(&anchors).into_bytes(), Mode::Public)?;
            set.commit()?;
        }
    }
    Ok(lock)
}

#[cfg(test)]
mod tests {
    use ledger::{Ledger, NewJob, Parameters, StagedName, StagingOutcome};

    use super::*;

    #[test]
    fn names_that_a_canceled_job_has_freed_are_not_among_its_devices() {
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(dir.path().join("ledger.db")).unwrap();
        let new = NewJob { parameters: Parameters::of(&[("days", 1)]).unwrap(), shard_size: 1000, renews: false };
        let mut staging = ledger.stage(&new).unwrap();
        for line in 1..=3 {
            staging.add(&StagedName { line, name: format!("n{line}"), ..StagedName::default() }).unwrap();
        }
        let StagingOutcome::New(job) = staging.keep().unwrap() else { panic!("a new job") };
        assert_eq!(device_count(&ledger, &job).unwrap(), 3);
        assert_eq!(ledger.cancel(job.id).unwrap(), 3);
        let job = ledger.job(job.id).unwrap().unwrap();
        assert_eq!(device_count(&ledger, &job).unwrap(), 0);
    }
}
