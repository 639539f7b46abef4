//! The arguments of `tbpki fleet`.

pub(super) mod bundle;
pub(super) mod jobs;
pub(super) mod register;
pub(super) mod renew;
pub(super) mod run;
mod run_flags;
pub(super) mod seal;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use config::{ClientFormat, Days};
use fleet::names::NumberPattern;
use pki::device_name::DeviceName;
use pki::{Algorithm, San};
use store::shard::Layout;

use super::CaPassphrase;
use super::value::{algorithm, client_format, layout, parsed, text};
use crate::args::fleet::bundle::FleetBundleArgs;
use crate::args::fleet::jobs::{FleetAdoptArgs, FleetCancelArgs, FleetJobsArgs};
use crate::args::fleet::register::FleetRegisterArgs;
use crate::args::fleet::renew::FleetRenewArgs;
use crate::args::fleet::run::FleetRunArgs;
use crate::args::fleet::seal::SealArgs;
use crate::completion;

/// The verbs of `tbpki fleet`.
#[derive(Debug, Subcommand)]
pub enum FleetVerb {
    /// Issue the identities of many devices
    ///
    /// The names become a job in the ledger, which is issued in shards of 1,000. If it is interrupted, run the same
    /// command again, or `--resume`: finished devices are skipped. The exit status is 4 if devices are left.
    Issue(Box<FleetIssueArgs>),
    /// Register the devices of a job with the platform
    ///
    /// The number of concurrent requests rises while the platform answers in its usual time, and is halved if it slows
    /// down or rejects requests. Registered devices are recorded in the ledger: run the same command again to register
    /// the rest. The exit status is 4 if devices are left.
    Register(Box<FleetRegisterArgs>),
    /// Create the credentials partition of each device of a job
    ///
    /// Bootloader, partition table and application are the same for all devices and are written once. The credentials
    /// partitions contain the devices' private keys and must be protected like them. The exit status is 4 if devices are
    /// left.
    Bundle(Box<FleetBundleArgs>),
    /// Issue, register and bundle a fleet
    ///
    /// The settings of platform and firmware are checked before the first key is generated. Finished steps are not
    /// repeated. If the archive is sealed with `--recipient`, only this verb can create bundles, which are sealed too.
    /// The exit status is 4 if devices are left.
    #[command(after_long_help = RUN_EXAMPLES)]
    Run(Box<FleetRunArgs>),
    /// Renew the devices of a job
    ///
    /// Issues the next generation of each device into shards or an archive, as a job of its own. The renewals are pending:
    /// the devices, the platform and all other commands use the present certificates. `tbpki fleet bundle --pending`
    /// creates the credentials partitions, and `tbpki fleet register --pending` registers the new certificates once the
    /// devices were reflashed. If it is interrupted, run the same command again.
    Renew(Box<FleetRenewArgs>),
    /// List the jobs of the store and how far each one is
    Jobs(FleetJobsArgs),
    /// Cancel a job: free the names that it has not issued
    ///
    /// The identities that the job has issued stay: they can be registered and bundled. Nothing more is issued by it, and
    /// its other names can be used again.
    Cancel(FleetCancelArgs),
    /// Take over a fleet directory of another or a lost ledger
    ///
    /// Compares every certificate with its key and with the CAs of this store, then records the job and its identities, and
    /// marks the directory as this ledger's. Names in use and certificates of other CAs are refused, and nothing changes.
    Adopt(FleetAdoptArgs),
}

impl FleetVerb {
    /// The name of the verb, with those above it.
    pub const fn name(&self) -> &'static str {
        match self {
            FleetVerb::Issue(_) => "fleet issue",
            FleetVerb::Register(_) => "fleet register",
            FleetVerb::Bundle(_) => "fleet bundle",
            FleetVerb::Run(_) => "fleet run",
            FleetVerb::Renew(_) => "fleet renew",
            FleetVerb::Jobs(_) => "fleet jobs",
            FleetVerb::Cancel(_) => "fleet cancel",
            FleetVerb::Adopt(_) => "fleet adopt",
        }
    }
}

const RUN_EXAMPLES: &str = "\
Examples:
  Issue, register and bundle the devices of a list:
    tbpki fleet run --from devices.csv --out fleet --chip esp32c3
  Issue 10,000 devices into a sealed archive, without flash images:
    tbpki fleet run --count 10000 --name-pattern sensor-{:05} --archive fleet.tar.zst.age \\
      --recipient age1.. --no-bundle
  Resume an interrupted job:
    tbpki fleet run --resume 7";

/// The names of the devices.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Names")]
pub struct NamesArgs {
    /// Read the names from a CSV file (`-` for standard input) with the columns name, label, profile, san and attr.X
    #[arg(long, value_name = "FILE", conflicts_with = "count")]
    pub from: Option<PathBuf>,
    /// The column with the names [default: name]
    #[arg(long, value_name = "COLUMN", value_parser = text(), requires = "from")]
    pub name_column: Option<String>,
    /// A column of the CSV file to store as an attribute of the devices (repeat or separate by commas)
    #[arg(long, value_name = "COLUMN", value_parser = text(), requires = "from")]
    pub attribute: Vec<String>,
    /// Accept attributes that ThingsBoard stores as other numbers than they are written (00012345 as 12345)
    #[arg(long)]
    pub accept_number_attributes: bool,
    /// Generate N names from --name-pattern
    #[arg(long, value_name = "N", requires = "name_pattern")]
    pub count: Option<u64>,
    /// The pattern of generated names: sensor-{} for sensor-1, sensor-{:06} for sensor-000001
    #[arg(long, value_name = "TEXT", value_parser = parsed::<NumberPattern>(), requires = "count")]
    pub name_pattern: Option<NumberPattern>,
    /// The number of the first generated name
    #[arg(long, value_name = "N", default_value_t = 1, requires = "count")]
    pub start: u64,
    /// Resume an unfinished job as it was staged; JOB is required if there are several. `fleet run` also takes flags that are
    /// not given from the run before
    // The job has the values of these options since it was staged, and all of its devices must have the same.
    #[arg(long, value_name = "JOB", num_args = 0..=1, add = completion::jobs(), conflicts_with_all = [
        "from", "count", "layout", "zstd", "recipient", "recipients_file", "alg", "days", "format", "san", "profile"
    ])]
    pub resume: Option<Option<u64>>,
}

/// The place of the identities.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Layout")]
pub struct LayoutArgs {
    /// The layout of the files; `directories` are in the store, as `tbpki client` writes them [default: from --out or
    /// --archive]
    #[arg(long, value_name = "LAYOUT", value_parser = layout())]
    pub layout: Option<Layout>,
    /// Write one PEM file for each device to DIR, in directories of 1,000
    #[arg(long, value_name = "DIR", conflicts_with = "archive")]
    pub out: Option<PathBuf>,
    /// Write one tar file for all devices: FILE.tar, FILE.tar.zst (compressed), FILE.tar.age (sealed) or FILE.tar.zst.age
    #[arg(long, value_name = "FILE")]
    pub archive: Option<PathBuf>,
    /// The compression and encryption of the archive.
    #[command(flatten)]
    pub seal: SealArgs,
}

/// The execution of a job.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Execution")]
pub struct WorkArgs {
    /// The number of threads that generate keys [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// Write a line for each device to DIR, as CSV and as NDJSON
    #[arg(long, value_name = "DIR")]
    pub results: Option<PathBuf>,
    /// Print what would happen, and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// The certificates of a fleet.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Certificates")]
pub struct MakeArgs {
    /// The key algorithm
    #[arg(long, value_parser = algorithm(), value_name = "ALGORITHM")]
    pub alg: Option<Algorithm>,
    /// Days until the certificates expire
    #[arg(long, value_parser = parsed::<Days>(), value_name = "N")]
    pub days: Option<Days>,
    /// The files to write in addition to PEM [default: client.formats of keygen.toml] (repeat or separate by commas)
    #[arg(long, value_parser = client_format(), value_name = "FORMAT", value_delimiter = ',')]
    pub format: Vec<ClientFormat>,
    /// Alternative name of every device: DNS name, IP address, URI or e-mail address (repeat or separate by commas)
    #[arg(long, value_parser = parsed::<San>(), value_name = "NAME", value_delimiter = ',')]
    pub san: Vec<San>,
    /// The profile of devices without one in the list; if the profile has a CA in the store, that CA issues them
    #[arg(long, value_parser = parsed::<DeviceName>(), value_name = "NAME")]
    pub profile: Option<DeviceName>,
    /// The passphrase of the CA keys.
    #[command(flatten)]
    pub ca_passphrase: CaPassphrase,
}

/// The arguments of `tbpki fleet issue`.
#[derive(Debug, Clone, Args)]
pub struct FleetIssueArgs {
    /// The names of the devices.
    #[command(flatten)]
    pub names: NamesArgs,
    /// The place of the identities.
    #[command(flatten)]
    pub layout: LayoutArgs,
    /// The certificates.
    #[command(flatten)]
    pub make: MakeArgs,
    /// The execution.
    #[command(flatten)]
    pub work: WorkArgs,
}
