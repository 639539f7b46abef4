//! The arguments of `tbpki report`.

use std::path::PathBuf;

use clap::Args;

use crate::args::value::text;

/// The arguments of `tbpki report`.
#[derive(Debug, Clone, Args)]
pub struct ReportArgs {
    /// Write the page to FILE, with mode 0600 (`-` for standard output)
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// The title of the page
    #[arg(long, value_parser = text(), value_name = "TEXT", default_value = "Fleet report")]
    pub title: String,
    /// Replace FILE; the old file is kept as FILE.old
    #[arg(long)]
    pub force: bool,
}
