//! The arguments of `tbpki fleet bundle`.

use std::path::PathBuf;

use clap::Args;

use crate::args::bundle_firmware::FirmwareArgs;
use crate::args::fleet::register::JobArgs;

/// The arguments of `tbpki fleet bundle`.
#[derive(Debug, Clone, Args)]
pub struct FleetBundleArgs {
    /// Bundle the pending renewals of a job of `tbpki fleet renew`
    #[arg(long)]
    pub pending: bool,
    /// Create existing bundles again, for example after a change of the application or the network
    #[arg(long)]
    pub again: bool,
    /// Write a line for each device to DIR, as CSV and as NDJSON [default: next to the shards, if devices fail]
    #[arg(long, value_name = "DIR")]
    pub results: Option<PathBuf>,
    /// Print what would happen, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// The job.
    #[command(flatten)]
    pub job: JobArgs,
    /// The bundles.
    #[command(flatten)]
    pub bundle: BundleArgs,
}

/// Options of bundles.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Bundles")]
pub struct BundleArgs {
    /// Create a whole image for each device instead of its credentials partition; the required space is printed first
    #[arg(long)]
    pub merged: bool,
    /// The images.
    #[command(flatten)]
    pub firmware: FirmwareArgs,
}
