//! The arguments of `tbpki report`.

use std::path::PathBuf;

use clap::Args;

use crate::args::value::text;

/// The arguments of `tbpki report`.
#[derive(Debug, Clone, Args)]
pub struct ReportArgs {
    /// Write the page to FILE, with mode 0600 (`-` for standard output)
    #[arg(long, value_name = "FILE", required_unless_present = "metrics")]
    pub out: Option<PathBuf>,
    /// Write figures for Prometheus to FILE, with mode 0644 (`-` for standard output)
    ///
    /// For the textfile collector of node_exporter, which reads *.prom. A file of an earlier run is replaced by one rename.
    #[arg(long, value_name = "FILE")]
    pub metrics: Option<PathBuf>,
    /// The title of the page
    #[arg(long, value_parser = text(), value_name = "TEXT", default_value = "Fleet report")]
    pub title: String,
    /// Replace the page in FILE; the old file is kept as FILE.old
    #[arg(long)]
    pub force: bool,
}
