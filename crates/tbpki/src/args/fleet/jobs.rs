//! The arguments of `tbpki fleet jobs`, `tbpki fleet cancel` and `tbpki fleet adopt`.

use std::path::PathBuf;

use clap::Args;

use crate::completion;

/// The arguments of `tbpki fleet jobs`.
#[derive(Debug, Clone, Args)]
pub struct FleetJobsArgs {}

/// The arguments of `tbpki fleet cancel`.
#[derive(Debug, Clone, Args)]
pub struct FleetCancelArgs {
    /// The number of the job
    #[arg(value_name = "JOB", add = completion::jobs())]
    pub job: u64,
    /// Print what would happen, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// The arguments of `tbpki fleet adopt`.
#[derive(Debug, Clone, Args)]
pub struct FleetAdoptArgs {
    /// The directory of `--out`, or FILE.parts next to an archive
    pub dir: PathBuf,
    /// Compare, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}
