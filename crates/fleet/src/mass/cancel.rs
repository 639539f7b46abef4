//! Canceling a job: names that were not issued are free again.

use base::{Code, Finding, Result};
use ledger::{Job, JobId, View};
use schemars::JsonSchema;
use serde::Serialize;
use store::shard::ShardStore;
use store::{Store, Workspace};

use super::issue::leftovers;
use super::issue::place_files::PlaceFiles;
use super::job::place_if_known;
use crate::job_order::{Destination, JobOrder};

/// The result of canceling a job.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct CancelReport {
    /// The number of the job.
    pub job: u64,
    /// The number of issued names: these identities stay.
    pub issued: u64,
    /// The number of names that are free again, or would be.
    pub freed: u64,
    /// True if nothing was changed.
    pub dry_run: bool,
    /// Warnings.
    #[serde(skip)]
    pub findings: Vec<Finding>,
}

/// Cancels a job: names that are not issued are free again, and what is issued stays. What a killed run left in the place
/// of the job is settled first, because no later command does it: shards that the ledger has are published, others are
/// removed with their keys.
///
/// # Errors
/// [`Code::UnknownJob`]; [`Code::NothingToResume`] for a job that has nothing left to cancel; [`Code::LedgerOlder`] if the
/// place has shards that the ledger lacks.
pub fn cancel(workspace: &Workspace<'_>, number: u64, dry_run: bool) -> Result<CancelReport> {
    let id = JobId::new(number);
    if dry_run {
        let view = workspace.view()?;
        let job = open_job(&view, id)?;
        let issued = view.job_progress(id)?.issued();
        let freed = job.size.saturating_sub(issued);
        return Ok(CancelReport { job: number, issued, freed, dry_run, findings: Vec::new() });
    }
    let mut store = workspace.open_store("fleet cancel")?;
    let job = open_job(&store.ledger, id)?;
    let findings = settle(&store, &job)?.into_iter().collect();
    // Another station may issue a shard before the job is canceled: what counts is known afterwards.
    let freed = store.ledger.cancel(id)?;
    let issued = store.ledger.job_progress(id)?.issued();
    // Its owner may remove a directory without shards, which is then not missing.
    if let Some(dir) = ShardStore::wished(store.dir(), number)? {
        ShardStore::forget_unused(store.dir(), &dir, &store.ledger, None)?;
    }
    Ok(CancelReport { job: number, issued, freed, dry_run, findings })
}

/// A job that can be canceled.
fn open_job(view: &View, id: JobId) -> Result<Job> {
    let job = view.job(id)?.ok_or_else(|| {
        Code::UnknownJob.error(format!("the ledger has no job {id}")).fix("`tbpki fleet jobs` lists the jobs")
    })?;
    if job.canceled_at.is_some() {
        return Err(Code::NothingToResume.error(format!("job {id} is canceled already")));
    }
    if job.done {
        return Err(Code::NothingToResume
            .error(format!("job {id} is done: there is nothing to cancel"))
            .fix("its identities stay until each is replaced or unregistered"));
    }
    Ok(job)
}

/// Settles what is in the place of a job. A place that is not here, or in which another station works, is no reason to keep
/// the names: the finding names it.
fn settle(store: &Store, job: &Job) -> Result<Option<Finding>> {
    let order = JobOrder::kept(&job.parameters)?;
    let Some(place) = place_if_known(store, job, &order, &Destination::default())? else {
        let issued = store.ledger.job_progress(job.id)?.issued();
        // Without an issued shard, nothing but given up attempts can be there, and the directory was perhaps never made.
        return Ok(
            (issued > 0).then(|| not_settled(job, "the directory of its shards is not known here, or not there"))
        );
    };
    let _lock = match place.lock("fleet cancel") {
        Ok(lock) => lock,
        // That station ends its shards itself when its lease is lost.
        Err(error) if error.code() == Code::StoreLocked => {
            return Ok(Some(not_settled(job, "another tbpki works in the directory of its shards")));
        }
        Err(error) => return Err(error),
    };
    let files = PlaceFiles::open(place)?;
    leftovers::settle(&store.ledger, job, &files)?;
    files.sync_names()?;
    Ok(None)
}

fn not_settled(job: &Job, why: &str) -> Finding {
    Code::PlaceMissing
        .warning(format!("what an interrupted run of job {} left next to its shards stays there", job.id))
        .because(why)
        .fix("shards without their names are hidden files with keys: remove them if no device was made from them")
}
