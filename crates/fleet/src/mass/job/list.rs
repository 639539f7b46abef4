//! The jobs of a store, and the end of one.

use std::path::PathBuf;

use base::{Code, Result};
use ledger::{JobId, View};
use schemars::JsonSchema;
use serde::Serialize;

use crate::job_order::JobOrder;
use identity::report::rfc3339;
use store::Workspace;
use store::shard::Layout;
use store::shard::ShardStore;

/// The jobs of a store.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct JobsReport {
    /// One for each job, the first one first.
    pub jobs: Vec<JobReport>,
}

/// A job, and how far it is.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct JobReport {
    /// The number of the job.
    pub job: u64,
    /// The state of its names.
    pub state: JobState,
    /// The number of names with which it was staged.
    pub names: u64,
    /// The number of issued names.
    pub issued: u64,
    /// The number of names that wait to be issued: no other identity can take them.
    pub waiting: u64,
    /// The layout of its identities.
    pub layout: Layout,
    /// The directory that they go to, as far as this store knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out: Option<PathBuf>,
    /// The time at which it was staged, as in RFC 3339.
    pub staged_at: String,
}

/// The state of the names of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// Some do.
    Open,
    /// All are issued.
    Done,
    /// Those that were not issued are free again.
    Canceled,
}

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
}

/// The jobs of the store.
///
/// # Errors
/// Those of the ledger.
pub fn jobs(workspace: &Workspace<'_>) -> Result<JobsReport> {
    let view = workspace.view()?;
    let jobs = view.jobs()?.into_iter().map(|job| {
        let issued = view.job_progress(job.id)?.issued();
        let order = JobOrder::kept(&job.parameters)?;
        let state = match (job.done, job.canceled_at) {
            (_, Some(_)) => JobState::Canceled,
            (true, None) => JobState::Done,
            (false, None) => JobState::Open,
        };
        Ok(JobReport {
            job: job.id.number(),
            state,
            names: job.size,
            issued,
            waiting: if job.done { 0 } else { job.size.saturating_sub(issued) },
            layout: order.layout,
            out: ShardStore::wished(workspace.store_dir(), job.id.number())?,
            staged_at: rfc3339(job.made_at),
        })
    });
    Ok(JobsReport { jobs: jobs.collect::<Result<_>>()? })
}

/// Cancels a job: names that are not issued are free again, and what is issued stays.
///
/// # Errors
/// [`Code::UnknownJob`]; [`Code::NothingToResume`] for a job that has nothing left to cancel.
pub fn cancel(workspace: &Workspace<'_>, number: u64, dry_run: bool) -> Result<CancelReport> {
    let id = JobId::new(number);
    if dry_run {
        let view = workspace.view()?;
        let (issued, waiting) = issued_and_waiting(&view, id)?;
        return Ok(CancelReport { job: number, issued, freed: waiting, dry_run });
    }
    let mut store = workspace.open_store("fleet cancel")?;
    // Another station may issue a shard before the job is canceled: what counts is known afterwards.
    issued_and_waiting(&store.ledger, id)?;
    let freed = store.ledger.cancel(id)?;
    Ok(CancelReport { job: number, issued: store.ledger.job_progress(id)?.issued(), freed, dry_run })
}

/// The numbers of issued and of waiting names of a job that can be canceled.
fn issued_and_waiting(view: &View, id: JobId) -> Result<(u64, u64)> {
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
    let issued = view.job_progress(id)?.issued();
    Ok((issued, job.size.saturating_sub(issued)))
}
