//! The arguments of verbs that only read: `inspect`, `verify`, `explain`.

pub(super) mod check;
pub(super) mod list;
pub(super) mod report;
pub(super) mod trust;

use std::path::PathBuf;

use base::Code;
use clap::Args;
use pki::verify::{Host, Purpose};
use time::OffsetDateTime;

use super::value::{codes, moment, parsed, purpose};

/// The arguments of `tbpki inspect`.
#[derive(Debug, Clone, Args)]
pub struct InspectArgs {
    /// The files (`-` for standard input)
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Read the password of keystores or the passphrase of keys from FILE
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// Read the password of the key inside a keystore from FILE, if it differs
    #[arg(long, value_name = "FILE")]
    pub key_passphrase_file: Option<PathBuf>,
}

/// The arguments of `tbpki verify`.
#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    /// The chain, leaf first (PEM, DER, PKCS#7 or a keystore); a lone leaf is verified with the issuing CAs of the store
    #[arg(value_name = "CHAIN")]
    pub chain: PathBuf,
    /// The trust anchors [default: the roots of the store, by purpose]
    #[arg(long, value_name = "FILE")]
    pub anchors: Option<PathBuf>,
    /// The private key that must belong to the leaf
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Read the passphrase of the key, or the password of a keystore, from FILE
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// The host name or IP address that must be among the leaf's names
    #[arg(long, value_parser = parsed::<Host>(), value_name = "HOST")]
    pub host: Option<Host>,
    /// The purpose of the leaf [default: from its extended key usage]
    #[arg(long, value_parser = purpose())]
    pub purpose: Option<Purpose>,
    /// A revocation list (repeat for several)
    #[arg(long, value_name = "FILE")]
    pub crl: Vec<PathBuf>,
    /// The time to verify at, for example 2030-01-31T12:00:00Z [default: now]
    #[arg(long, value_parser = moment(), value_name = "TIME")]
    pub at: Option<OffsetDateTime>,
}

/// The arguments of `tbpki explain`.
#[derive(Debug, Clone, Args)]
pub struct ExplainArgs {
    /// The code, for example TBPKI-0034 or 34
    #[arg(required_unless_present = "list", value_parser = parsed::<Code>(), add = codes())]
    pub code: Option<Code>,
    /// Print every code with its title
    #[arg(long)]
    pub list: bool,
}
