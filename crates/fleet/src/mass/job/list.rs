//! The jobs of a store.

use std::path::PathBuf;

use base::Result;
use base::timestamp::rfc3339;
use schemars::JsonSchema;
use serde::Serialize;

use crate::job_order::JobOrder;
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
