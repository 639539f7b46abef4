//! The jobs, and how far each of them is.

use base::Result;
use ledger::{Job, JobProgress, View};

/// The number of jobs on the page: the latest.
const SHOWN: usize = 100;

/// The latest jobs, and how many there are.
#[derive(Debug)]
pub(super) struct Jobs {
    /// The latest first.
    pub(super) latest: Vec<JobAndProgress>,
    /// All of them.
    pub(super) total: usize,
}

/// A job, and how far it is.
#[derive(Debug)]
pub(super) struct JobAndProgress {
    pub(super) job: Job,
    pub(super) progress: JobProgress,
}

impl Jobs {
    pub(super) fn of(view: &View) -> Result<Self> {
        let jobs = view.jobs()?;
        let total = jobs.len();
        let latest = jobs.into_iter().rev().take(SHOWN).map(|job| {
            let progress = view.job_progress(job.id)?;
            Ok(JobAndProgress { job, progress })
        });
        Ok(Self { latest: latest.collect::<Result<_>>()?, total })
    }
}
