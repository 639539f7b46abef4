//! The arguments of `tbpki fleet`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::fleet_bundle::FleetBundleArgs;
use super::fleet_register::FleetRegisterArgs;
use super::{CaPassphrase, text};

/// What to do with a fleet.
#[derive(Debug, Subcommand)]
pub enum FleetVerb {
    /// Make the identities of many devices
    ///
    /// The names become a job, which is kept in the ledger and done in shards of 1,000. Whatever interrupts it, the same
    /// command (or `--resume`) does the rest and nothing twice. The exit status is 4 when something is left.
    Issue(Box<FleetIssueArgs>),
    /// Register the devices of a job in the platform
    ///
    /// As many devices at once as the platform bears: more while it answers in its usual time, half of them when it
    /// pushes back. What is registered is in the ledger, so that the same command again does the rest. The exit status
    /// is 4 when something is left.
    Register(Box<FleetRegisterArgs>),
    /// Make what goes into the flash of a job's devices: each its own credentials partition
    ///
    /// Bootloader, partition table and application are the same for all and written once, beside the devices' own
    /// partitions. These hold the devices' keys: keep them like keys. The exit status is 4 when something is left.
    Bundle(Box<FleetBundleArgs>),
}

impl FleetVerb {
    /// The words that were typed.
    pub const fn name(&self) -> &'static str {
        match self {
            FleetVerb::Issue(_) => "fleet issue",
            FleetVerb::Register(_) => "fleet register",
            FleetVerb::Bundle(_) => "fleet bundle",
        }
    }
}

/// Which names.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Names")]
pub struct NamesArgs {
    /// Read the names from a CSV (`-` for standard input): columns name, label, profile, san and attr.X
    #[arg(long, value_name = "FILE", conflicts_with = "count")]
    pub from: Option<PathBuf>,
    /// The column with the names, where it is not called name
    #[arg(long, value_name = "COLUMN", value_parser = text(), requires = "from")]
    pub name_column: Option<String>,
    /// Take a column of the CSV as an attribute of the devices (repeat, or separate by commas)
    #[arg(long, value_name = "COLUMN", value_parser = text(), value_delimiter = ',', requires = "from")]
    pub attribute: Vec<String>,
    /// Make so many names by a pattern
    #[arg(long, value_name = "N", requires = "name_pattern")]
    pub count: Option<u64>,
    /// What these names look like: sensor-{} counts 1, 2, 3, sensor-{:06} counts 000001
    #[arg(long, value_name = "TEXT", value_parser = text(), requires = "count")]
    pub name_pattern: Option<String>,
    /// The first number
    #[arg(long, value_name = "N", default_value_t = 1, requires = "count")]
    pub start: u64,
    /// Go on with a job that is not done; N where there are several
    #[arg(long, value_name = "JOB", num_args = 0..=1, conflicts_with_all = ["from", "count"])]
    #[arg(required_unless_present_any = ["from", "count"])]
    pub resume: Option<Option<u64>>,
}

/// Where the identities go.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Layout")]
pub struct LayoutArgs {
    /// directories (in the store, as `client` makes them), shards or archive [default: as the other options say]
    #[arg(long, value_name = "LAYOUT", value_parser = text())]
    pub layout: Option<String>,
    /// Write one PEM file a device into DIR, in a directory for every 1,000
    #[arg(long, value_name = "DIR", conflicts_with = "archive")]
    pub out: Option<PathBuf>,
    /// Write one tar for all: FILE.tar, FILE.tar.zst (compressed), FILE.tar.age (sealed) or FILE.tar.zst.age
    #[arg(long, value_name = "FILE")]
    pub archive: Option<PathBuf>,
    /// Compress the archive with zstd
    #[arg(long, requires = "archive")]
    pub zstd: bool,
    /// Seal the archive for the holder of this age key: age1.. (repeat, or separate by commas)
    #[arg(long, value_name = "RECIPIENT", value_parser = text(), value_delimiter = ',', requires = "archive")]
    pub recipient: Vec<String>,
    /// The same for every line of FILE
    #[arg(long, value_name = "FILE", requires = "archive")]
    pub recipients_file: Option<PathBuf>,
}

/// How the work is done.
#[derive(Debug, Clone, Args)]
pub struct WorkArgs {
    /// How many threads make keys [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// Write a line for each device into DIR, as CSV and as NDJSON
    #[arg(long, value_name = "DIR")]
    pub results: Option<PathBuf>,
    /// Say what would happen and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// What the identities are made with.
#[derive(Debug, Clone, Args)]
pub struct MakeArgs {
    /// The key algorithm: ec-p256, ec-p384, ed25519, rsa-2048, rsa-3072, rsa-4096
    #[arg(long, value_parser = text(), value_name = "ALGORITHM")]
    pub alg: Option<String>,
    /// Days until the certificates expire
    #[arg(long, value_parser = text(), value_name = "N")]
    pub days: Option<String>,
    /// Files to write besides PEM, in place of those that keygen.toml lists: pub, cer, p12, jks, nopass (repeat, or
    /// separate by commas)
    #[arg(long, value_parser = text(), value_name = "FORMAT", value_delimiter = ',')]
    pub format: Vec<String>,
    /// Alternative name of every device: DNS name, IP address, URI or e-mail address (repeat, or separate by commas)
    #[arg(long, value_parser = text(), value_name = "NAME", value_delimiter = ',')]
    pub san: Vec<String>,
    /// The profile of devices whose line names none: its CA issues them, where it has one in the store
    #[arg(long, value_parser = text(), value_name = "NAME")]
    pub profile: Option<String>,
    /// Where the passphrase of the CA keys is.
    #[command(flatten)]
    pub ca_passphrase: CaPassphrase,
}

/// The arguments of `tbpki fleet issue`.
#[derive(Debug, Clone, Args)]
pub struct FleetIssueArgs {
    /// Which names.
    #[command(flatten)]
    pub names: NamesArgs,
    /// Where they go.
    #[command(flatten)]
    pub layout: LayoutArgs,
    /// What they are made with.
    #[command(flatten)]
    pub make: MakeArgs,
    /// How the work is done.
    #[command(flatten)]
    pub work: WorkArgs,
}
