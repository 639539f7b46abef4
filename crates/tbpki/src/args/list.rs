//! The arguments of `tbpki list`.

use clap::Args;

use super::text;

/// The arguments of `tbpki list`.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// Which identities.
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Print CSV (RFC 4180); a text that a spreadsheet would take for a formula gets an apostrophe in front
    #[arg(long, conflicts_with_all = ["json", "ndjson"])]
    pub csv: bool,
    /// Print a JSON object for each identity, a line each, as they stand in the list of --json
    #[arg(long, conflicts_with = "json")]
    pub ndjson: bool,
}

/// Which identities.
#[derive(Debug, Clone, Args)]
pub struct SelectionArgs {
    /// Only these kinds: ca, server, device
    #[arg(long, value_parser = text(), value_name = "KIND", value_delimiter = ',')]
    pub kind: Vec<String>,
    /// Only those whose last step is one of these: intended, issued, registered, bundled, void, revoked (void looks
    /// through earlier generations too)
    #[arg(long, value_parser = text(), value_name = "STATE", value_delimiter = ',')]
    pub state: Vec<String>,
    /// Only these names: `*` stands for any text, `?` for one character
    #[arg(long, value_parser = text(), value_name = "GLOB")]
    pub name: Option<String>,
    /// Only what expires within a time: a number of days, or 90d, 12w, 6m (months), 2y
    #[arg(long, visible_alias = "expiring", value_parser = text(), value_name = "TIME")]
    pub expiring_within: Option<String>,
    /// Only devices that could be registered in the platform and are not
    #[arg(long)]
    pub unregistered: bool,
    /// Only devices that could be in a flash image and are in none
    #[arg(long)]
    pub unbundled: bool,
    /// Only what has a failure as its last event
    #[arg(long)]
    pub failed: bool,
    /// Only what the job of this number has issued
    #[arg(long, value_name = "N")]
    pub job: Option<u64>,
    /// Earlier generations as well
    #[arg(long)]
    pub all: bool,
}
