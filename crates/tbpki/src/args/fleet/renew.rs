//! The arguments of `tbpki fleet renew`.

use clap::Args;
use fleet::selection::Horizon;

use crate::args::CaPassphrase;
use crate::args::fleet::{LayoutArgs, WorkArgs};
use crate::args::value::{parsed, renewal_layout};
use crate::completion;

/// The arguments of `tbpki fleet renew`.
#[derive(Debug, Clone, Args)]
// The directories of the store have the present generation, which the devices use until the renewal is confirmed.
#[command(mut_arg("layout", |arg| arg.value_parser(renewal_layout()).help("The layout of the files [default: from --out or --archive]")))]
pub struct FleetRenewArgs {
    /// Renew the devices of this job, also those that were renewed before
    #[arg(long, value_name = "JOB", add = completion::jobs())]
    pub job: u64,
    /// Only those whose renewal is due: a third of the lifetime is left, or `[renewal] before`
    #[arg(long)]
    pub due: bool,
    /// Only those that expire within TIME, for example 30d, 12w or 6m
    #[arg(long, value_name = "TIME", value_parser = parsed::<Horizon>(), conflicts_with = "due")]
    pub within: Option<Horizon>,
    /// The place of the identities.
    #[command(flatten)]
    pub layout: LayoutArgs,
    /// The execution.
    #[command(flatten)]
    pub work: WorkArgs,
    /// The passphrase of the CA keys.
    #[command(flatten)]
    pub ca_passphrase: CaPassphrase,
}
