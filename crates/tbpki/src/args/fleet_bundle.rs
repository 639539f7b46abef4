//! The arguments of `tbpki fleet bundle`.

use std::path::PathBuf;

use clap::Args;

use super::bundle_firmware::FirmwareArgs;
use super::fleet_register::JobArgs;

/// The arguments of `tbpki fleet bundle`.
#[derive(Debug, Clone, Args)]
pub struct FleetBundleArgs {
    /// Which job.
    #[command(flatten)]
    pub job: JobArgs,
    /// How bundles are made.
    #[command(flatten)]
    pub bundle: BundleArgs,
    /// Make those anew that are there, as after a change of the application or the network
    #[arg(long)]
    pub again: bool,
    /// Write a line for each device into DIR, as CSV and as NDJSON [default: beside the shards, when some failed]
    #[arg(long, value_name = "DIR")]
    pub results: Option<PathBuf>,
    /// Say what would happen and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// How the bundles of a fleet are made.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Bundles")]
pub struct BundleArgs {
    /// Make a whole image for each device, after saying how much room they take, in place of its credentials partition
    #[arg(long)]
    pub merged: bool,
    /// What they are made of.
    #[command(flatten)]
    pub firmware: FirmwareArgs,
}
