//! `tbpki trust`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use provision::Fingerprint;

use crate::args::value::{parsed, server_address, timeout};

/// The arguments of `tbpki trust`.
#[derive(Debug, Clone, Args)]
pub struct TrustArgs {
    /// The server [default port: 8883]
    #[arg(value_parser = server_address(), value_name = "HOST[:PORT]")]
    pub server: String,
    /// Write the anchor to FILE (`-` for standard output)
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// The SHA-256 fingerprint of a certificate that the server sends, from a source that you trust
    #[arg(long, value_parser = parsed::<Fingerprint>(), value_name = "HEX")]
    pub sha256: Option<Fingerprint>,
    /// Replace FILE; the old file is kept as FILE.old
    #[arg(long)]
    pub force: bool,
    /// The most seconds to wait for the server
    #[arg(long, value_name = "N", default_value = "10", value_parser = timeout())]
    pub timeout: Duration,
}
