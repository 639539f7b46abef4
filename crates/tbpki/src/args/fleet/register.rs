//! The arguments of `tbpki fleet register`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::args::platform::{CreateArgs, PlatformArgs};
use crate::args::value::waiting_time;
use crate::completion;

/// The job, and the place of its identities.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Job")]
pub struct JobArgs {
    /// The number of the job [default: the only unfinished job]
    #[arg(long, value_name = "JOB", add = completion::jobs())]
    pub job: Option<u64>,
    /// The directory of the job's shards, if it has been moved
    #[arg(long, value_name = "DIR", conflicts_with = "archive")]
    pub out: Option<PathBuf>,
    /// The job's archive, if it has been moved
    #[arg(long, value_name = "FILE")]
    pub archive: Option<PathBuf>,
}

/// Limits of the requests to the platform.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Platform")]
pub struct PaceArgs {
    /// Start at most N devices per second [default: as many as the platform can handle]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: Option<u32>,
    /// Use at most N connections at once [default: platform.concurrency of keygen.toml, then 32]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub connections: Option<u16>,
    /// Wait for a platform that stops working, for example while it restarts; give up after TIME (90s, 10m, 1h)
    #[arg(long, value_name = "TIME", value_parser = waiting_time(), default_value = "10m")]
    pub wait: Duration,
}

/// The arguments of `tbpki fleet register`.
#[derive(Debug, Clone, Args)]
pub struct FleetRegisterArgs {
    /// Register renewals in the place of the present certificates, once the devices were reflashed
    #[arg(long)]
    pub pending: bool,
    /// Replace other credentials of the devices
    #[arg(long)]
    pub replace: bool,
    /// Write a line for each device to DIR, as CSV and as NDJSON [default: next to the shards, if devices fail]
    #[arg(long, value_name = "DIR")]
    pub results: Option<PathBuf>,
    /// Register devices although ThingsBoard stores attributes as other numbers (00012345 as 12345)
    #[arg(long)]
    pub accept_number_attributes: bool,
    /// Query the platform and print what would happen, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub(crate) job: JobArgs,
    /// Limits of the requests.
    #[command(flatten)]
    pub pace: PaceArgs,
    /// Devices whose line does not set a profile or label.
    #[command(flatten)]
    pub create: CreateArgs,
    #[command(flatten)]
    pub(crate) platform: PlatformArgs,
}
