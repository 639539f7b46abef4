//! The arguments of `tbpki list`.

use clap::Args;
use fleet::selection::Horizon;
use ledger::{Kind, State};

use crate::args::value::{kind, parsed, state, text};
use crate::completion;

/// The arguments of `tbpki list`.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// Only this name, or all names that match it, as with --name
    #[arg(value_name = "NAME", value_parser = text(), conflicts_with = "name", add = completion::devices())]
    pub word: Option<String>,
    /// Print CSV (RFC 4180); an apostrophe precedes text that a spreadsheet would read as a formula
    #[arg(long, conflicts_with_all = ["json", "ndjson"])]
    pub csv: bool,
    /// Print one line of JSON for each identity, as in the list of --json
    #[arg(long, conflicts_with = "json")]
    pub ndjson: bool,
    /// Exit with 3 if an identity is listed, for monitoring
    #[arg(long)]
    pub exit_status: bool,
    /// The identities to list.
    #[command(flatten)]
    pub selection: SelectionArgs,
}

/// The identities to list.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Conditions")]
pub struct SelectionArgs {
    /// Only these kinds (repeat or separate by commas)
    #[arg(long, value_parser = kind(), value_name = "KIND", value_delimiter = ',')]
    pub kind: Vec<Kind>,
    /// Only these states (repeat or separate by commas); `void` includes earlier generations
    #[arg(long, value_parser = state(), value_name = "STATE", value_delimiter = ',')]
    pub state: Vec<State>,
    /// Only these names: `*` matches any text, `?` one character
    #[arg(long, value_parser = text(), value_name = "GLOB")]
    pub name: Option<String>,
    /// Only certificates that expire within TIME: a number of days, or for example 90d, 12w, 6m (months), 2y; without --all,
    /// what is revoked or forgotten is left out
    #[arg(long, visible_alias = "expiring", value_parser = parsed::<Horizon>(), value_name = "TIME")]
    pub expiring_within: Option<Horizon>,
    /// Only devices that can be registered with the platform and are not
    #[arg(long)]
    pub unregistered: bool,
    /// Only devices that can be in a flash image and are not
    #[arg(long)]
    pub unbundled: bool,
    /// Only identities whose last operation failed
    #[arg(long)]
    pub failed: bool,
    /// Only renewals that are pending: they are issued, and the earlier certificate is still in use
    #[arg(long, conflicts_with = "all")]
    pub pending: bool,
    /// Only identities that this job has issued
    #[arg(long, value_name = "N", add = completion::jobs())]
    pub job: Option<u64>,
    /// Include earlier generations
    #[arg(long)]
    pub all: bool,
}
