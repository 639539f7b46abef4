//! Arguments of the verbs about a store and its ledger.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use ledger::SerialNumber;
use pki::age::Recipient;

use crate::args::PlatformArgs;
use crate::args::value::{parsed, text};

/// The verbs of `tbpki store`.
#[derive(Debug, Subcommand)]
pub enum StoreVerb {
    /// Compare the ledger with the files
    ///
    /// Compares every certificate in use with the files in the store, in shards and in archives, and the other way round;
    /// keys with their certificates; the modes of private files; published revocation lists; and, with `--platform` or
    /// after `store restore`, the registrations with the platform. The exit status is 3 if there are differences.
    Check(StoreCheckArgs),
    /// Write the store to one file
    ///
    /// The file contains the ledger and all files of the store, but no shards and archives outside of it. It contains
    /// private keys, so encrypt it with `--recipient`. The store stays locked while the backup is written.
    Backup(StoreBackupArgs),
    /// Restore the store from a backup
    ///
    /// The directory of the store must be empty or absent. Verbs that write stop until `tbpki store check` has compared
    /// the restored ledger with the files and the platform.
    Restore(StoreRestoreArgs),
    /// Rebuild the ledger from the files
    ///
    /// Takes over the certificates of this store's CAs that the ledger does not have, their jobs, revocations from
    /// published lists, and registrations from the platform. Settles names with two certificates in use as the platform
    /// shows them, or as `--use` names them. Removes nothing. The exit status is 4 if something is left.
    Repair(StoreRepairArgs),
}

impl StoreVerb {
    /// The name of the verb in JSON output and in locks.
    pub const fn name(&self) -> &'static str {
        match self {
            StoreVerb::Check(_) => "store check",
            StoreVerb::Backup(_) => "store backup",
            StoreVerb::Restore(_) => "store restore",
            StoreVerb::Repair(_) => "store repair",
        }
    }
}

/// The arguments of `tbpki store check`.
#[derive(Debug, Clone, Args)]
pub struct StoreCheckArgs {
    /// Compare the registrations with the platform too
    #[arg(long, conflicts_with = "offline")]
    pub platform: bool,
    /// Never ask the platform
    #[arg(long)]
    pub offline: bool,
    /// The platform.
    #[command(flatten)]
    pub reach: PlatformArgs,
}

/// The arguments of `tbpki store backup`.
#[derive(Debug, Clone, Args)]
pub struct StoreBackupArgs {
    /// The file; encrypted if it ends with .age
    pub file: PathBuf,
    /// Encrypt it for the owner of this age key, age1.. (repeat for more)
    #[arg(long, value_name = "AGE1..", value_parser = parsed::<Recipient>())]
    pub recipient: Vec<Recipient>,
    /// Replace a file that exists; it is kept as FILE.TIME
    #[arg(long)]
    pub force: bool,
}

/// The arguments of `tbpki store restore`.
#[derive(Debug, Clone, Args)]
pub struct StoreRestoreArgs {
    /// The backup (`-` for standard input, for example from `age --decrypt`)
    pub file: PathBuf,
    /// Read the backup, compare its checksums, and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// The arguments of `tbpki store repair`.
#[derive(Debug, Clone, Args)]
pub struct StoreRepairArgs {
    /// The serial number of the certificate in use, for a name with two certificates (repeat or separate by commas)
    #[arg(long = "use", value_name = "SERIAL", value_parser = parsed::<SerialNumber>(), value_delimiter = ',')]
    pub in_use: Vec<SerialNumber>,
    /// Never ask the platform
    #[arg(long)]
    pub offline: bool,
    /// Print what would be taken over, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// The platform.
    #[command(flatten)]
    pub reach: PlatformArgs,
}

/// The verbs of `tbpki ledger`.
#[derive(Debug, Subcommand)]
pub enum LedgerVerb {
    /// Move the ledger from the file in the store to a PostgreSQL server
    ///
    /// Copies everything in one transaction, then closes ledger.db. Then set `[ledger] url` in keygen.toml. An interrupted
    /// move is finished by the same command.
    Move(LedgerMoveArgs),
    /// List the platforms that the ledger knows, or change the URL of one
    ///
    /// The ledger keeps the registrations of each platform by its URL. If a platform moves, for example to another host name
    /// or from http to https, rename it here: nothing has to be registered again. If commands have used both URLs, their
    /// records become those of one platform.
    Platform(LedgerPlatformArgs),
}

/// The arguments of `tbpki ledger platform`.
#[derive(Debug, Clone, Args)]
pub struct LedgerPlatformArgs {
    /// Give the platform with the URL OLD the URL NEW
    #[arg(long, value_names = ["OLD", "NEW"], num_args = 2, value_parser = text())]
    pub rename: Vec<String>,
    /// Join what is recorded at both URLs without asking. This cannot be undone
    #[arg(long, requires = "rename")]
    pub yes: bool,
    /// Print what would happen, and write nothing
    #[arg(long, requires = "rename")]
    pub dry_run: bool,
}

/// The arguments of `tbpki ledger move`.
#[derive(Debug, Clone, Args)]
pub struct LedgerMoveArgs {
    /// The server: postgres://USER@HOST/DATABASE. The database must have no ledger
    #[arg(long, value_name = "URL", value_parser = text())]
    pub to: String,
    /// Read the password of the server from FILE
    #[arg(long, value_name = "FILE")]
    pub ledger_password_file: Option<PathBuf>,
    /// The root that the server's certificate must lead to
    #[arg(long, value_name = "FILE")]
    pub ledger_ca: Option<PathBuf>,
    /// Print what would happen, and write nothing
    #[arg(long)]
    pub dry_run: bool,
}
