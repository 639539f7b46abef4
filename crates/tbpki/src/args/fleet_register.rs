//! The arguments of `tbpki fleet register`.

use std::path::PathBuf;

use clap::Args;

use super::platform::{CreateArgs, PlatformArgs};

/// Which job, and where its identities are.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Job")]
pub struct JobArgs {
    /// The number of the job [default: the one with something left to do]
    #[arg(long, value_name = "JOB")]
    pub job: Option<u64>,
    /// The directory with the job's shards, where it has been moved
    #[arg(long, value_name = "DIR", conflicts_with = "archive")]
    pub out: Option<PathBuf>,
    /// The job's archive, where it has been moved
    #[arg(long, value_name = "FILE")]
    pub archive: Option<PathBuf>,
}

/// How fast the platform is asked.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Platform")]
pub struct PaceArgs {
    /// Begin with no more than N devices in any second [default: as many as the platform bears]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: Option<u32>,
    /// Use no more than N connections at once [default: platform.concurrency of keygen.toml, else 32]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub connections: Option<u16>,
}

/// The arguments of `tbpki fleet register`.
#[derive(Debug, Clone, Args)]
pub struct FleetRegisterArgs {
    /// Which job.
    #[command(flatten)]
    pub job: JobArgs,
    /// Replace the credential of a device that has another one
    #[arg(long)]
    pub replace: bool,
    /// Write a line for each device into DIR, as CSV and as NDJSON [default: beside the shards, when some failed]
    #[arg(long, value_name = "DIR")]
    pub results: Option<PathBuf>,
    /// Ask the platform what would happen and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How fast.
    #[command(flatten)]
    pub pace: PaceArgs,
    /// What devices are made with whose line says nothing else.
    #[command(flatten)]
    pub create: CreateArgs,
    /// The platform.
    #[command(flatten)]
    pub platform: PlatformArgs,
}
