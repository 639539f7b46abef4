//! The arguments of `tbpki fleet jobs` and `tbpki fleet cancel`.

use clap::Args;

use crate::completion;

/// The arguments of `tbpki fleet jobs`.
#[derive(Debug, Clone, Args)]
pub struct FleetJobsArgs {}

/// The arguments of `tbpki fleet cancel`.
#[derive(Debug, Clone, Args)]
pub struct FleetCancelArgs {
    /// Number of the job
    #[arg(value_name = "JOB", add = completion::jobs())]
    pub job: u64,
    /// Print what would happen and change nothing
    #[arg(long)]
    pub dry_run: bool,
}
