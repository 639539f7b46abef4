//! Arguments of the verbs about CAs.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::CaPassphrase;

/// What to do with a CA.
#[derive(Debug, Subcommand)]
pub enum CaVerb {
    /// Write the kit of a station, which issues devices on another machine
    ///
    /// The kit holds the devices' issuing CA with its key, encrypted, or with the URI of the token that keeps it; the
    /// certificates above it; what clients trust; and a keygen.toml with the same settings. It never holds the key of a
    /// root, nor that of the servers' CA.
    Export(CaExportArgs),
}

/// Whose CA.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportedCa {
    /// That which issues devices
    Devices,
}

/// The arguments of `tbpki ca export`.
#[derive(Debug, Clone, Args)]
pub struct CaExportArgs {
    /// Which CA
    #[arg(value_enum)]
    pub ca: ExportedCa,
    /// The directory of the kit
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Read the passphrase that the key gets in the kit from FILE (`-` for standard input)
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// Replace the files of an earlier kit of the same CA; they are kept as FILE.SERIAL
    #[arg(long)]
    pub force: bool,
    /// Say what would happen and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Where the passphrase of the CA keys is.
    #[command(flatten)]
    pub ca_passphrase: CaPassphrase,
}
