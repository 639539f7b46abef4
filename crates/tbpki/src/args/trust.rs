//! `tbpki trust`.

use std::path::PathBuf;

use clap::Args;

use super::text;

/// The arguments of `tbpki trust`.
#[derive(Debug, Clone, Args)]
pub struct TrustArgs {
    /// The server; the port is 8883 unless given
    #[arg(value_parser = text(), value_name = "HOST[:PORT]")]
    pub server: String,
    /// Write the anchor to FILE (`-` for standard output)
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// The SHA-256 of a certificate that the server sends, learnt in another way
    #[arg(long, value_parser = text(), value_name = "HEX")]
    pub sha256: Option<String>,
    /// Replace FILE; the old one is kept
    #[arg(long)]
    pub force: bool,
    /// Seconds to wait for the server
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub timeout: u64,
}
