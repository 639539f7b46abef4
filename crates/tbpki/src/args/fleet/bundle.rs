//! The arguments of `tbpki fleet bundle`.

use std::path::PathBuf;

use clap::Args;
use fleet::names::NumberPattern;
use pki::device_name::DeviceName;

use crate::args::bundle_firmware::FirmwareArgs;
use crate::args::fleet::register::JobArgs;
use crate::args::fleet::seal::SealArgs;
use crate::args::value::{parsed, text};

/// The arguments of `tbpki fleet bundle`.
#[derive(Debug, Clone, Args)]
pub struct FleetBundleArgs {
    /// Bundle the pending renewals of a job of `tbpki fleet renew`
    #[arg(long)]
    pub pending: bool,
    /// Create existing bundles again, for example after a change of the application or the network; devices without
    /// certificates get new one-time passwords
    #[arg(long)]
    pub again: bool,
    /// Write a line for each device to DIR, as CSV and as NDJSON [default: next to the shards, if devices fail]
    #[arg(long, value_name = "DIR")]
    pub results: Option<PathBuf>,
    /// The label of the requests for certificates: the devices' profile, if the CA of a profile issues them
    #[arg(long, value_parser = parsed::<DeviceName>(), value_name = "PROFILE", requires = "enroll")]
    #[arg(help_heading = "Enrolment")]
    pub label: Option<DeviceName>,
    /// Print what would happen, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub(crate) job: JobArgs,
    /// The names without certificates.
    #[command(flatten)]
    pub keyless: KeylessArgs,
    #[command(flatten)]
    pub(crate) bundle: BundleArgs,
}

/// Devices without certificates, and the compression and encryption of their archive.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Devices without certificates")]
pub struct KeylessArgs {
    /// Create bundles with one-time passwords for the names in a CSV file (`-` for standard input), instead of a job
    #[arg(long, value_name = "FILE", requires = "enroll", conflicts_with_all = ["count", "job", "pending", "results"])]
    pub from: Option<PathBuf>,
    /// The column with the names [default: name]
    #[arg(long, value_name = "COLUMN", value_parser = text(), requires = "from")]
    pub name_column: Option<String>,
    /// Create bundles with one-time passwords for N names from --name-pattern, instead of a job
    #[arg(long, value_name = "N", requires_all = ["enroll", "name_pattern"])]
    #[arg(conflicts_with_all = ["job", "pending", "results"])]
    pub count: Option<u64>,
    /// The pattern of generated names: sensor-{} for sensor-1, sensor-{:06} for sensor-000001
    #[arg(long, value_name = "TEXT", value_parser = parsed::<NumberPattern>(), requires = "count")]
    pub name_pattern: Option<NumberPattern>,
    /// The number of the first generated name
    #[arg(long, value_name = "N", default_value_t = 1, requires = "count")]
    pub start: u64,
    /// The compression and encryption of the archive.
    #[command(flatten)]
    pub seal: SealArgs,
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
