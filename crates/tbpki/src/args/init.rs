//! `tbpki init`.

use std::path::PathBuf;

use clap::Args;

use super::{CaPassphrase, text};

/// The arguments of `tbpki init`.
#[derive(Debug, Clone, Args)]
pub struct InitArgs {
    /// Convert the configuration of the old scripts
    #[arg(long, value_name = "KEYGEN.PROPERTIES", conflicts_with_all = ["organization", "country"])]
    pub from: Option<PathBuf>,
    /// The organization in every subject
    #[arg(long, value_parser = text(), value_name = "NAME")]
    pub organization: Option<String>,
    /// The country in every subject, two letters
    #[arg(long, value_parser = text(), value_name = "CC")]
    pub country: Option<String>,
    /// The host name of the server
    #[arg(long, value_parser = text(), value_name = "NAME")]
    pub server_name: Option<String>,
    /// The key algorithm of the CAs and the identities: ec-p256, ec-p384, ed25519, rsa-2048, rsa-3072, rsa-4096
    #[arg(long, value_parser = text(), value_name = "ALGORITHM")]
    pub alg: Option<String>,
    /// The passphrase of the CA keys.
    #[command(flatten)]
    pub ca_passphrase: CaPassphrase,
    /// Leave the CA keys unencrypted: whoever copies the store can issue
    #[arg(long, conflicts_with = "ca_passphrase_file")]
    pub insecure_no_passphrase: bool,
    /// Put the keys of both roots into DIR, to be kept offline
    #[arg(long, value_name = "DIR")]
    pub root_out: Option<PathBuf>,
    /// Bring your own CA for servers: certificate, chain and key in PEM, or PKCS#12 (repeat for several files)
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub server_ca: Vec<PathBuf>,
    /// Bring your own CA for devices
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub devices_ca: Vec<PathBuf>,
    /// Have the token that this PKCS#11 URI names make the key that issues devices, and keep it
    #[arg(long, value_parser = text(), value_name = "URI")]
    pub devices_key: Option<String>,
    /// Take the key that the token holds already, in place of a new one
    #[arg(long, requires = "devices_key")]
    pub devices_key_existing: bool,
    /// Read the passphrase of a brought CA's key or PKCS#12 from FILE (`-` for standard input)
    #[arg(long, value_name = "FILE")]
    pub brought_passphrase_file: Option<PathBuf>,
    /// Say what would happen and write nothing
    #[arg(long)]
    pub dry_run: bool,
}
