//! The arguments of `tbpki report`.

use std::path::PathBuf;

use clap::Args;

use super::text;

/// The arguments of `tbpki report`.
#[derive(Debug, Clone, Args)]
pub struct ReportArgs {
    /// The file to write, readable by its owner alone (`-` for standard output)
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// What stands above the page
    #[arg(long, value_parser = text(), value_name = "TEXT", default_value = "Fleet report")]
    pub title: String,
    /// Replace FILE; the old one is kept as FILE.old
    #[arg(long)]
    pub force: bool,
}
