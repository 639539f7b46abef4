//! `tbpki init`.

use std::path::PathBuf;

use clap::Args;
use pki::Algorithm;

use super::CaPassphrase;
use super::value::{algorithm, text};

/// The arguments of `tbpki init`.
#[derive(Debug, Clone, Args)]
pub struct InitArgs {
    /// Convert the configuration of ThingsBoard's scripts
    #[arg(long, value_name = "KEYGEN.PROPERTIES", conflicts_with_all = ["organization", "country"])]
    pub from: Option<PathBuf>,
    /// The organization in the subject of every certificate
    #[arg(long, value_parser = text(), value_name = "NAME")]
    pub organization: Option<String>,
    /// The country in the subject of every certificate, two letters
    #[arg(long, value_parser = text(), value_name = "CC")]
    pub country: Option<String>,
    /// The host name of the server
    #[arg(long, value_parser = text(), value_name = "NAME")]
    pub server_name: Option<String>,
    /// The key algorithm of the CAs and the identities
    #[arg(long, value_parser = algorithm(), value_name = "ALGORITHM")]
    pub alg: Option<Algorithm>,
    /// Do not encrypt the CA keys: anyone who copies the store can issue certificates
    #[arg(long, conflicts_with = "ca_passphrase_file", help_heading = "CA keys")]
    pub insecure_no_passphrase: bool,
    /// Write the keys of both roots to DIR, to keep them offline
    #[arg(long, value_name = "DIR", help_heading = "CA keys")]
    pub root_out: Option<PathBuf>,
    /// Import a CA for servers: certificate, chain and key in PEM or DER, PKCS#7, PKCS#12 or JKS (repeat for several files)
    #[arg(long, value_name = "FILE", num_args = 1.., help_heading = "Imported CAs")]
    pub server_ca: Vec<PathBuf>,
    /// Import a CA for devices
    #[arg(long, value_name = "FILE", num_args = 1.., help_heading = "Imported CAs")]
    pub devices_ca: Vec<PathBuf>,
    /// Generate and keep the key that issues devices in the PKCS#11 token of this URI
    #[arg(long, value_parser = text(), value_name = "URI", help_heading = "CA keys")]
    pub devices_key: Option<String>,
    /// Use an existing key of the token instead of a new one
    #[arg(long, requires = "devices_key", help_heading = "CA keys")]
    pub devices_key_existing: bool,
    /// Read the passphrase of an imported CA's key or keystore from FILE (`-` for standard input)
    // The alias is the name of earlier versions, which scripts use.
    #[arg(long, alias = "brought-passphrase-file", value_name = "FILE", help_heading = "Imported CAs")]
    pub imported_passphrase_file: Option<PathBuf>,
    /// Read the password of the key inside an imported keystore from FILE, if it differs
    #[arg(long, alias = "brought-key-passphrase-file", value_name = "FILE", help_heading = "Imported CAs")]
    pub imported_key_passphrase_file: Option<PathBuf>,
    /// Print what would happen, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// The passphrase of the CA keys.
    #[command(flatten)]
    pub ca_passphrase: CaPassphrase,
}
