//! The arguments of verbs that use the platform.

pub(super) mod actorcloud;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use pki::device_name::DeviceName;

use super::value::{parsed, text};
use super::{CaPassphrase, DeviceWord, DevicesArg};
use crate::completion;

/// The platform and its user.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Platform")]
pub struct PlatformArgs {
    /// The URL of the platform's REST API
    #[arg(long, value_name = "URL", value_parser = text())]
    pub platform_url: Option<String>,
    /// The platform user, a tenant administrator
    #[arg(long, value_name = "USER", value_parser = text())]
    pub platform_user: Option<String>,
    /// Read the user's password from FILE (`-` for standard input)
    #[arg(long, value_name = "FILE")]
    pub platform_password_file: Option<PathBuf>,
    /// Read an API key from FILE, instead of user and password (ThingsBoard 4.3 or later)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["platform_user", "platform_password_file"])]
    pub platform_api_key_file: Option<PathBuf>,
    /// Trust the roots in FILE for the REST API, instead of the roots of this system
    #[arg(long, value_name = "FILE")]
    pub platform_ca: Option<PathBuf>,
    /// Allow passwords over http:// to another machine, for example inside a tunnel
    #[arg(long)]
    pub allow_plain_http: bool,
}

/// Options of devices that are created on the platform.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Platform")]
pub struct CreateArgs {
    /// The device profile of created devices
    #[arg(long, value_name = "NAME", value_parser = text())]
    pub profile: Option<String>,
    /// The label of created devices
    #[arg(long, value_name = "TEXT", value_parser = text())]
    pub label: Option<String>,
    /// Create the device as a gateway
    #[arg(long)]
    pub gateway: bool,
}

/// The arguments of `tbpki register`.
#[derive(Debug, Clone, Args)]
pub struct RegisterArgs {
    /// The devices
    #[arg(value_parser = parsed::<DeviceWord>(), value_name = "NAME")]
    #[arg(required_unless_present_any = ["all", "device", "job"], add = completion::devices())]
    pub name: Vec<DeviceWord>,
    /// More devices (repeat or separate by commas)
    #[arg(long, value_parser = parsed::<DeviceWord>(), value_name = "NAME")]
    #[arg(num_args = 1.., add = completion::devices())]
    pub device: Vec<DeviceWord>,
    /// All devices of the store
    #[arg(long, conflicts_with_all = ["device", "name", "job", "pending"])]
    pub all: bool,
    /// Put pending renewals in the place of the present certificates, once the devices were reflashed
    #[arg(long)]
    pub pending: bool,
    /// The devices that this job has issued and that have a pending renewal
    #[arg(long, value_name = "JOB", requires = "pending", conflicts_with_all = ["device", "name"], add = completion::jobs())]
    pub job: Option<u64>,
    /// Replace other credentials of the devices
    #[arg(long)]
    pub replace: bool,
    /// Also register devices that `tbpki unregister` took from the platform
    #[arg(long)]
    pub again: bool,
    /// Accept attributes of a fleet's list that ThingsBoard stores as other numbers (00012345 as 12345)
    #[arg(long)]
    pub accept_number_attributes: bool,
    /// Print what would happen, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Created devices.
    #[command(flatten)]
    pub create: CreateArgs,
    #[command(flatten)]
    pub(crate) platform: PlatformArgs,
}

/// The arguments of `tbpki unregister`.
#[derive(Debug, Clone, Args)]
pub struct UnregisterArgs {
    #[command(flatten)]
    pub(crate) devices: DevicesArg,
    /// Delete the devices and all their data
    #[arg(long)]
    pub delete_device: bool,
    /// Delete without confirmation
    #[arg(long, requires = "delete_device")]
    pub yes: bool,
    /// Remove a certificate or token that is not of this store
    #[arg(long, conflicts_with = "delete_device")]
    pub replace: bool,
    /// Print what would happen, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub(crate) platform: PlatformArgs,
}

/// The arguments of `tbpki token`.
#[derive(Debug, Clone, Args)]
pub struct TokenArgs {
    #[command(flatten)]
    pub(crate) devices: DevicesArg,
    /// Set the token of one device from FILE (`-` for standard input) instead of fetching the current one
    #[arg(long, value_name = "FILE")]
    pub set_file: Option<PathBuf>,
    /// Create devices that the platform does not have
    #[arg(long)]
    pub create: bool,
    /// Replace a credential of another kind
    #[arg(long, requires = "set_file")]
    pub replace: bool,
    /// Print the token
    #[arg(long)]
    pub show: bool,
    /// Print what would happen, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// The created devices.
    #[command(flatten)]
    pub create_as: CreateArgs,
    #[command(flatten)]
    pub(crate) platform: PlatformArgs,
}

/// The verbs of `tbpki profile`.
#[derive(Debug, Subcommand)]
pub enum ProfileVerb {
    /// Create an issuing CA for a profile, and a profile on the platform that provisions its devices
    ///
    /// The platform identifies a device by the name in its certificate, if this CA has issued it. Treat every key that
    /// this CA has ever signed as able to issue.
    Create(ProfileCreateArgs),
    /// Compare profiles in the store and on the platform
    Show(ProfileShowArgs),
}

/// The arguments of `tbpki profile create`.
#[derive(Debug, Clone, Args)]
pub struct ProfileCreateArgs {
    /// The name of the profile
    #[arg(value_name = "NAME", value_parser = parsed::<DeviceName>())]
    pub name: DeviceName,
    /// Accept only devices whose names begin with TEXT [default: all]
    #[arg(long, value_name = "TEXT", conflicts_with = "pattern", value_parser = text())]
    pub name_prefix: Option<String>,
    /// Find names with this regular expression; its first group must be the whole name
    #[arg(long, value_name = "REGEX", requires = "example", value_parser = text())]
    pub pattern: Option<String>,
    /// The name of a device that the expression must find (repeat for several)
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = parsed::<DeviceName>())]
    pub example: Vec<DeviceName>,
    /// Let the platform create unknown devices at their first connection
    #[arg(long)]
    pub create_devices: bool,
    /// Accept the risk of --create-devices without confirmation
    #[arg(long, requires = "create_devices")]
    pub accept_issuer_risk: bool,
    /// Change an existing profile of this name
    #[arg(long)]
    pub replace: bool,
    /// Print what would happen, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// The passphrase of the CA keys.
    #[command(flatten)]
    pub ca_passphrase: CaPassphrase,
    #[command(flatten)]
    pub(crate) platform: PlatformArgs,
}

/// The arguments of `tbpki profile show`.
#[derive(Debug, Clone, Args)]
pub struct ProfileShowArgs {
    /// The profile [default: all that have a CA in the store]
    #[arg(value_name = "NAME", value_parser = parsed::<DeviceName>())]
    pub name: Option<DeviceName>,
    #[command(flatten)]
    pub(crate) platform: PlatformArgs,
}
