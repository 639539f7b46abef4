//! Arguments of the verbs that renew, revoke and repair.

pub(super) mod store;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueHint};
use config::Days;
use enroll::client::HostKeyName;
use fleet::selection::Horizon;
use ledger::SerialNumber;
use pki::device_name::DeviceName;
use pki::revocation_list::Reason;

use super::value::{parsed, reasons, server_address, text};
use super::{CaPassphrase, DeviceWord, PlatformArgs};
use crate::completion;

/// The arguments of `tbpki renew`.
#[derive(Debug, Clone, Args)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["name", "device", "server", "all", "est"]))]
pub struct RenewArgs {
    /// The devices
    #[arg(value_name = "NAME", value_parser = parsed::<DeviceWord>(), add = completion::devices())]
    pub name: Vec<DeviceWord>,
    /// This host, without a store: renew the certificate in --cert at the EST server with this URL, without /.well-known
    #[arg(long, value_name = "URL", value_parser = text(), requires = "cert", requires = "key", conflicts_with_all = ["due", "within", "register"])]
    pub est: Option<String>,
    /// With --est: the file of the certificate with its chain
    #[arg(long, value_name = "FILE", requires = "est")]
    pub cert: Option<PathBuf>,
    /// With --est: the private key, a file in the same directory or the pkcs11: URI of a key in a token
    ///
    /// The next key is made in the token under the label LABEL.2, LABEL.3 and so on. CERT.key names the one in use. The key
    /// before is removed when --after has succeeded, or else by the next renewal, if tbpki has made it.
    #[arg(long, value_name = "KEY", value_parser = parsed::<HostKeyName>(), value_hint = ValueHint::FilePath, requires = "est")]
    pub key: Option<HostKeyName>,
    /// With --est: read the PIN of the token from FILE (`-` for standard input)
    #[arg(long, value_name = "FILE", requires = "est")]
    pub pin_file: Option<PathBuf>,
    /// With --est: the roots that the server's certificate leads to (PEM) [default: those of the system]
    #[arg(long, value_name = "FILE", requires = "est")]
    pub cafile: Option<PathBuf>,
    /// With --est: the label, if the server has several
    #[arg(long, value_name = "LABEL", value_parser = text(), requires = "est")]
    pub label: Option<String>,
    /// The same as NAME (repeat or separate by commas)
    #[arg(long, value_name = "NAME", value_parser = parsed::<DeviceWord>(), add = completion::devices())]
    pub device: Vec<DeviceWord>,
    /// The server; without NAME, the only one of the store
    #[arg(long, value_name = "NAME", value_parser = text(), num_args = 0..=1, add = completion::servers())]
    #[allow(clippy::option_option, reason = "the flag with and without a value differs from no flag")]
    pub server: Option<Option<String>>,
    /// All servers and devices
    #[arg(long)]
    pub all: bool,
    /// Only those whose renewal is due: a third of the lifetime is left, or `[renewal] before`
    #[arg(long)]
    pub due: bool,
    /// Only those that expire within TIME, for example 30d, 12w or 6m
    #[arg(long, value_name = "TIME", value_parser = parsed::<Horizon>(), conflicts_with = "due")]
    pub within: Option<Horizon>,
    /// Keep the key
    ///
    /// Someone who has copied or used the key can go on using it after the renewal. With --est, for example for a token that
    /// makes no keys, or for programs that find the key by a fixed label.
    #[arg(long)]
    pub same_key: bool,
    /// Put the renewals of devices on the platform into use: register them, log in with them, and install their files
    #[arg(long)]
    pub register: bool,
    /// Make no renewals, and register those that are pending
    #[arg(long, requires = "register")]
    pub pending: bool,
    /// The broker for the login with a renewed certificate [default: the broker that devices connect to]
    #[arg(long, value_name = "HOST[:PORT]", value_parser = server_address(), requires = "register")]
    pub broker: Option<String>,
    /// Keep N earlier sets of files as FILE.SERIAL
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub keep: u8,
    /// Run PROGRAM with all arguments that follow, without a shell, once files were replaced
    ///
    /// Must be the last option. The names are in TBPKI_SERVERS and TBPKI_DEVICES, one on each line. If the program fails, the
    /// exit status is 4, and the next run with --after runs it again, also with --est. With --est, the URI of a key in a token is in
    /// TBPKI_KEY_URI.
    #[arg(long, value_name = "PROGRAM", num_args = 1.., allow_hyphen_values = true)]
    pub after: Vec<OsString>,
    /// Print what would happen, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// The passphrase of the CA keys.
    #[command(flatten)]
    pub ca_passphrase: CaPassphrase,
    #[command(flatten)]
    pub(crate) platform: PlatformArgs,
}

/// The arguments of `tbpki needs-renewal`.
#[derive(Debug, Clone, Args)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["file", "device", "server"]))]
pub struct NeedsRenewalArgs {
    /// A certificate (PEM or DER). A renewal with --est that was interrupted counts as needed
    pub file: Option<PathBuf>,
    /// The device
    #[arg(long, value_name = "NAME", value_parser = parsed::<DeviceName>(), add = completion::devices())]
    pub device: Option<DeviceName>,
    /// The server; without NAME, the only one of the store
    #[arg(long, value_name = "NAME", value_parser = text(), num_args = 0..=1, add = completion::servers())]
    #[allow(clippy::option_option, reason = "the flag with and without a value differs from no flag")]
    pub server: Option<Option<String>>,
    /// Due if it expires within TIME, for example 30d, instead of in the last third of its lifetime
    #[arg(long, value_name = "TIME", value_parser = parsed::<Horizon>())]
    pub within: Option<Horizon>,
}

/// The arguments of `tbpki revoke`.
#[derive(Debug, Clone, Args)]
#[command(group = clap::ArgGroup::new("targets").required(true).args(["name", "device", "server", "serial", "serial_file", "file", "job", "station", "ca", "open"]))]
pub struct RevokeArgs {
    /// The devices
    #[arg(value_name = "NAME", value_parser = parsed::<DeviceWord>(), add = completion::devices())]
    pub name: Vec<DeviceWord>,
    /// The same as NAME (repeat or separate by commas)
    #[arg(long, value_name = "NAME", value_parser = parsed::<DeviceWord>(), add = completion::devices())]
    pub device: Vec<DeviceWord>,
    /// The servers (repeat or separate by commas)
    #[arg(long, value_name = "NAME", value_parser = text(), value_delimiter = ',', add = completion::servers())]
    pub server: Vec<String>,
    /// The certificate with this serial number, in hexadecimal (repeat or separate by commas)
    #[arg(long, value_name = "N", value_parser = parsed::<SerialNumber>(), value_delimiter = ',')]
    pub serial: Vec<SerialNumber>,
    /// The certificates whose serial numbers are in FILE, one on each line (`-` for standard input)
    #[arg(long, value_name = "FILE")]
    pub serial_file: Option<PathBuf>,
    /// The devices that FILE names, one on each line (`-` for standard input)
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// The certificates that this job has issued
    #[arg(long, value_name = "JOB", add = completion::jobs())]
    pub job: Option<u64>,
    /// The certificates that the station with this host name has issued
    #[arg(long, value_name = "STATION", value_parser = text())]
    pub station: Option<String>,
    /// This CA, because its key can be known to others: the generations that the present one has replaced, or the present
    /// one if it has replaced none
    #[arg(long, value_name = "CA", value_parser = text(), add = completion::cas())]
    pub ca: Option<String>,
    /// Revoke this generation of the CA
    #[arg(long, value_name = "N", requires = "ca", conflicts_with_all = ["name", "device", "server", "serial", "serial_file", "file", "job", "station", "open"])]
    pub generation: Option<u32>,
    /// Finish the steps of earlier revocations that are open
    #[arg(long, conflicts_with = "reason")]
    pub open: bool,
    /// The CA that issued the certificates, by its name in `tbpki list`
    #[arg(long, value_name = "CA", value_parser = text(), add = completion::cas(), conflicts_with_all = ["name", "device", "server", "file", "job", "station", "ca", "open"])]
    pub issuer: Option<String>,
    /// Revoke also serial numbers that the ledger does not have, of a station with a ledger of its own
    #[arg(long, requires = "issuer")]
    pub not_in_ledger: bool,
    /// The reason: unspecified, keyCompromise, cACompromise, affiliationChanged, superseded, cessationOfOperation or
    /// privilegeWithdrawn
    #[arg(long, value_name = "REASON", value_parser = parsed::<Reason>(), default_value = "unspecified", add = reasons())]
    pub reason: Reason,
    /// Print what would happen, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub(crate) lists: CrlListArgs,
    #[command(flatten)]
    pub(crate) platform: PlatformArgs,
}

/// The arguments of `tbpki crl`.
#[derive(Debug, Clone, Args)]
pub struct CrlArgs {
    #[command(flatten)]
    pub(crate) lists: CrlListArgs,
    /// Print what would happen, and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// The revocation lists.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Revocation lists")]
pub struct CrlListArgs {
    /// Write the lists of the devices' CAs to FILE [default: devices-crl.pem in the store]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Days until the next list at the latest
    #[arg(long, value_parser = parsed::<Days>(), value_name = "N")]
    pub days: Option<Days>,
    /// The passphrase of the CA keys.
    #[command(flatten)]
    pub ca_passphrase: CaPassphrase,
}

/// The arguments of `tbpki import`.
#[derive(Debug, Clone, Args)]
#[command(group = clap::ArgGroup::new("which").required(true).multiple(true).args(["cert", "dir"]))]
pub struct ImportArgs {
    /// A file with the certificate of a device, PEM or DER, and behind it the CAs above it; or a keystore (PKCS#12 or JKS)
    /// with one key (repeat for several)
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub cert: Vec<PathBuf>,
    /// A directory with such files. Other files in it are listed and skipped
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// A file with the private key of one of the certificates (repeat for several)
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub key: Vec<PathBuf>,
    /// The certificates are those of servers
    #[arg(long)]
    pub server: bool,
    /// The name of the device or server, if its certificate has another name; with one --cert
    #[arg(long, value_name = "NAME", value_parser = parsed::<DeviceName>(), conflicts_with = "dir")]
    pub name: Option<DeviceName>,
    /// Read the passphrase of encrypted keys and keystores from FILE (`-` for standard input)
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// Read the password of the key inside a keystore from FILE, if it differs
    #[arg(long, value_name = "FILE")]
    pub key_passphrase_file: Option<PathBuf>,
    /// Print what would happen, and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// The arguments of `tbpki forget`.
#[derive(Debug, Clone, Args)]
#[command(group = clap::ArgGroup::new("targets").required(true).args(["name", "device"]))]
pub struct ForgetArgs {
    /// The devices
    #[arg(value_name = "NAME", value_parser = parsed::<DeviceWord>(), add = completion::devices())]
    pub name: Vec<DeviceWord>,
    /// The same as NAME (repeat or separate by commas)
    #[arg(long, value_name = "NAME", value_parser = parsed::<DeviceWord>(), add = completion::devices())]
    pub device: Vec<DeviceWord>,
    /// Do not revoke certificates that have not expired
    #[arg(long)]
    pub keep_valid: bool,
    /// Print what would happen, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub(crate) lists: CrlListArgs,
    #[command(flatten)]
    pub(crate) platform: PlatformArgs,
}
