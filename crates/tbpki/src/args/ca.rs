//! Arguments of the verbs about CAs.

pub(super) mod passphrase;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::value::{parsed, text};
use super::{CaPassphrase, DeviceWord, PlatformArgs};
use crate::completion;

/// The verbs of `tbpki ca`.
#[derive(Debug, Subcommand)]
pub enum CaVerb {
    /// Write a station bundle, to issue devices on another machine
    ///
    /// The station bundle contains the devices' issuing CA with its encrypted key, or with the URI of the PKCS#11 token
    /// that keeps the key; the certificates above it; the trust anchors of clients; and a keygen.toml with the same
    /// settings. It never contains the key of a root or of the servers' CA.
    Export(CaExportArgs),
    /// List the CAs, with their generations, dates and keys
    ///
    /// `current` signs, `pending` is prepared, `superseded` was replaced and is still trusted.
    List,
    /// Make the next generation of a CA, which peers trust together with the present one
    ///
    /// The next generation has a new key and a subject of its own. Trust files, truststores, clients-ca.pem and the
    /// keystores of servers contain both generations afterwards. The present one goes on to sign until `tbpki ca activate`.
    ///
    /// `--import` takes the next generation of an imported CA from files of its owner instead: a further certificate of the
    /// same key, or another key below a root that the store trusts.
    Prepare(CaPrepareArgs),
    /// State that devices or brokers have the next generation of a CA
    ///
    /// Devices must trust a new root of the servers, and brokers must accept a new CA of the devices, before it signs. The
    /// statement is recorded with the user and the time. Those that were left behind can be confirmed later, until the
    /// earlier generation is retired.
    Confirm(CaConfirmArgs),
    /// Let the prepared generation of a CA sign
    ///
    /// Before the CA of a profile, the current certificate of each device of the profile is set as its credential on the
    /// platform and read back. Then the profile gets the new CA.
    Activate(CaActivateArgs),
    /// Change, set or remove the passphrase of CA keys
    ///
    /// Covers the key files of all generations of a CA in the store, also of prepared and retired ones. All files are
    /// replaced, or none; the earlier files are not kept. A key in a token is refused: it has a PIN. Backups and station
    /// bundles keep the passphrase that they have.
    #[command(after_long_help = PASSPHRASE_EXAMPLES)]
    Passphrase(ChangePassphraseArgs),
    /// Take the replaced generations of a CA out of every file that peers trust
    ///
    /// Their files are kept in the store, in ca/retired.
    Retire(CaStepArgs),
}

const PASSPHRASE_EXAMPLES: &str = "\
Examples:
  Change the passphrase of all CA keys, and type both passphrases:
    tbpki ca passphrase --all
  Read both passphrases from files:
    tbpki ca passphrase --all --ca-passphrase-file old --new-passphrase-file new
  Store the key of one CA without a passphrase:
    tbpki ca passphrase devices-issuing --insecure-no-passphrase";

/// The arguments of `tbpki ca passphrase`.
#[derive(Debug, Clone, Args)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["ca", "all"]))]
pub struct ChangePassphraseArgs {
    /// The CAs: server-root, server-issuing, devices-root, devices-issuing, or profile-NAME
    #[arg(value_name = "CA", value_parser = text(), add = completion::cas())]
    pub ca: Vec<String>,
    /// All CAs that have a key file in the store
    #[arg(long)]
    pub all: bool,
    /// Read the new passphrase from FILE (`-` for standard input)
    #[arg(long, value_name = "FILE", conflicts_with = "insecure_no_passphrase")]
    pub new_passphrase_file: Option<PathBuf>,
    /// Store the keys without a passphrase
    #[arg(long)]
    pub insecure_no_passphrase: bool,
    /// Print what would happen, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// The present passphrase of the CA keys.
    #[command(flatten)]
    pub ca_passphrase: CaPassphrase,
}

/// The arguments of `tbpki ca prepare`.
#[derive(Debug, Clone, Args)]
pub struct CaPrepareArgs {
    /// Which CA, and how its key is opened.
    #[command(flatten)]
    pub step: CaStepArgs,
    /// Take the next generation of an imported CA from these files, in any order
    #[arg(long, value_name = "FILE", num_args = 1.., help_heading = "Imported CAs")]
    pub import: Vec<PathBuf>,
    /// Read the passphrase of the imported key or keystore from FILE (`-` for standard input)
    #[arg(long, value_name = "FILE", requires = "import", help_heading = "Imported CAs")]
    pub imported_passphrase_file: Option<PathBuf>,
    /// Read the password of the key inside an imported keystore from FILE, if it differs
    #[arg(long, value_name = "FILE", requires = "import", help_heading = "Imported CAs")]
    pub imported_key_passphrase_file: Option<PathBuf>,
}

/// The arguments of `tbpki ca retire`, and those that all steps of a rollover have.
#[derive(Debug, Clone, Args)]
pub struct CaStepArgs {
    /// The CA: server-root, server-issuing, devices-root, devices-issuing, or profile-NAME
    #[arg(value_name = "CA", value_parser = text(), add = completion::cas())]
    pub ca: String,
    /// Print what would happen, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// The passphrase of the CA keys.
    #[command(flatten)]
    pub ca_passphrase: CaPassphrase,
}

/// The arguments of `tbpki ca confirm`.
#[derive(Debug, Clone, Args)]
#[command(group = clap::ArgGroup::new("peers").required(true).args(["device", "server", "job", "all"]))]
pub struct CaConfirmArgs {
    /// The CA: server-root, devices-root or devices-issuing
    #[arg(value_name = "CA", value_parser = text(), add = completion::cas())]
    pub ca: String,
    /// The devices, also those with an access token or a one-time password (repeat or separate by commas)
    #[arg(long, value_name = "NAME", value_parser = parsed::<DeviceWord>(), add = completion::devices())]
    pub device: Vec<DeviceWord>,
    /// The servers (repeat or separate by commas)
    #[arg(long, value_name = "NAME", value_parser = text(), value_delimiter = ',', add = completion::servers())]
    pub server: Vec<String>,
    /// The devices that this job has issued
    #[arg(long, value_name = "JOB")]
    pub job: Option<u64>,
    /// All devices, or all brokers
    #[arg(long)]
    pub all: bool,
    /// Print what would happen, and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// The arguments of `tbpki ca activate`.
#[derive(Debug, Clone, Args)]
pub struct CaActivateArgs {
    #[command(flatten)]
    pub(crate) step: CaStepArgs,
    /// Go on without the devices and brokers that are not confirmed to have the new generation
    #[arg(long)]
    pub leave_behind: bool,
    /// Create the devices of a profile that the platform does not have
    #[arg(long)]
    pub create: bool,
    /// The platform, for the CA of a profile.
    #[command(flatten)]
    pub platform: PlatformArgs,
}

/// The CA to export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportedCa {
    /// The CA that issues devices
    Devices,
}

/// The arguments of `tbpki ca export`.
#[derive(Debug, Clone, Args)]
pub struct CaExportArgs {
    /// The CA
    #[arg(value_enum)]
    pub ca: ExportedCa,
    /// Write the station bundle to DIR
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Read the passphrase that encrypts the key in the station bundle from FILE (`-` for standard input)
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// Replace the files of an earlier station bundle of the same CA; they are kept as FILE.SERIAL
    #[arg(long)]
    pub force: bool,
    /// Print what would happen, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// The passphrase of the CA keys.
    #[command(flatten)]
    pub ca_passphrase: CaPassphrase,
}
