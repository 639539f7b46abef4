//! How the passphrase of CA keys and the PIN of a token are given.

use std::path::PathBuf;

use clap::Args;

/// The passphrase of the CA keys, and the PIN of a PKCS#11 token that keeps one.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "CA keys")]
pub struct CaPassphrase {
    /// Read the passphrase of the CA keys from FILE (`-` for standard input)
    #[arg(long, value_name = "FILE")]
    pub ca_passphrase_file: Option<PathBuf>,
    /// Read the PIN of the PKCS#11 token that keeps a CA key from FILE (`-` for standard input)
    #[arg(long, value_name = "FILE")]
    pub ca_pin_file: Option<PathBuf>,
}
