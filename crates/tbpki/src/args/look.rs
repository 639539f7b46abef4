//! The verbs that only look: `inspect`, `verify`, `explain`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::text;

/// The arguments of `tbpki inspect`.
#[derive(Debug, Clone, Args)]
pub struct InspectArgs {
    /// The files (`-` for standard input)
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Read the password of keystores or the passphrase of keys from FILE
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// Read the password of the key inside a keystore from FILE, where it is another one
    #[arg(long, value_name = "FILE")]
    pub key_passphrase_file: Option<PathBuf>,
}

/// The arguments of `tbpki verify`.
#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    /// The chain that is sent, leaf first, or a leaf alone, whose issuing CA the store may have (PEM or DER)
    #[arg(value_name = "CHAIN")]
    pub chain: PathBuf,
    /// The certificates that the peer trusts [default: the store's, by purpose]
    #[arg(long, value_name = "FILE")]
    pub anchors: Option<PathBuf>,
    /// The private key that has to belong to the leaf
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Read the passphrase of the key from FILE
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// The host name or IP address that has to be among the leaf's names
    #[arg(long, value_parser = text(), value_name = "HOST")]
    pub host: Option<String>,
    /// What the leaf is used as [default: what its extended key usage says]
    #[arg(long)]
    pub purpose: Option<Purpose>,
    /// Revocation lists to honour (repeat for several)
    #[arg(long, value_name = "FILE")]
    pub crl: Vec<PathBuf>,
    /// The moment to check at, such as 2030-01-31T12:00:00Z [default: now]
    #[arg(long, value_parser = text(), value_name = "TIME")]
    pub at: Option<String>,
}

/// What a leaf is used as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Purpose {
    /// A TLS server
    Server,
    /// A TLS client
    Device,
}

/// The arguments of `tbpki explain`.
#[derive(Debug, Clone, Args)]
pub struct ExplainArgs {
    /// The code, such as TBPKI-0034 or 34
    #[arg(required_unless_present = "list", value_parser = text())]
    pub code: Option<String>,
    /// Print every code with its title
    #[arg(long)]
    pub list: bool,
}
