//! Arguments of every verb that talks to a platform, and the verbs that do little else.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{CaPassphrase, text};

/// Where the platform is, and as whom to talk to it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Platform")]
pub struct PlatformArgs {
    /// The address of the platform's REST API
    #[arg(long, value_name = "URL", value_parser = text())]
    pub platform_url: Option<String>,
    /// The user to log in as, a tenant administrator
    #[arg(long, value_name = "USER", value_parser = text())]
    pub platform_user: Option<String>,
    /// Read the user's password from FILE (`-` for standard input)
    #[arg(long, value_name = "FILE")]
    pub platform_password_file: Option<PathBuf>,
    /// Read an API key from FILE, instead of user and password (ThingsBoard 4.3 or later)
    #[arg(long, value_name = "FILE")]
    pub platform_api_key_file: Option<PathBuf>,
    /// Trust the roots in FILE for the REST API, not those of this system
    #[arg(long, value_name = "FILE")]
    pub platform_ca: Option<PathBuf>,
    /// Let passwords go over http:// to another machine, as inside of a tunnel
    #[arg(long)]
    pub allow_plain_http: bool,
}

/// What a device is made with in the platform.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Platform")]
pub struct CreateArgs {
    /// The device profile of devices that are made
    #[arg(long, value_name = "NAME", value_parser = text())]
    pub profile: Option<String>,
    /// The label of devices that are made
    #[arg(long, value_name = "TEXT", value_parser = text())]
    pub label: Option<String>,
    /// Make the device a gateway
    #[arg(long)]
    pub gateway: bool,
}

/// The arguments of `tbpki register`.
#[derive(Debug, Clone, Args)]
pub struct RegisterArgs {
    /// The devices (repeat, or separate by commas)
    #[arg(long, value_parser = text(), value_name = "NAME", value_delimiter = ',')]
    #[arg(num_args = 1.., required_unless_present = "all")]
    pub device: Vec<String>,
    /// Every device of the store
    #[arg(long, conflicts_with = "device")]
    pub all: bool,
    /// Replace the credential of a device that has another one
    #[arg(long)]
    pub replace: bool,
    /// Say what would happen and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// What devices are made with.
    #[command(flatten)]
    pub create: CreateArgs,
    /// The platform.
    #[command(flatten)]
    pub platform: PlatformArgs,
}

/// The arguments of `tbpki unregister`.
#[derive(Debug, Clone, Args)]
pub struct UnregisterArgs {
    /// The device
    #[arg(long, value_name = "NAME", value_parser = text())]
    pub device: String,
    /// Delete the device with all that it has ever reported
    #[arg(long)]
    pub delete_device: bool,
    /// Do not ask before deleting
    #[arg(long, requires = "delete_device")]
    pub yes: bool,
    /// Also take away a certificate that this store has never issued
    #[arg(long, conflicts_with = "delete_device")]
    pub replace: bool,
    /// Say what would happen and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// The platform.
    #[command(flatten)]
    pub platform: PlatformArgs,
}

/// The arguments of `tbpki token`.
#[derive(Debug, Clone, Args)]
pub struct TokenArgs {
    /// The device
    #[arg(long, value_name = "NAME", value_parser = text())]
    pub device: String,
    /// Set the token in FILE (`-` for standard input) instead of fetching the one that there is
    #[arg(long, value_name = "FILE")]
    pub set_file: Option<PathBuf>,
    /// Make the device if the platform does not have it
    #[arg(long)]
    pub create: bool,
    /// Set the token also in place of a credential of another kind
    #[arg(long, requires = "set_file")]
    pub replace: bool,
    /// Print the token
    #[arg(long)]
    pub show: bool,
    /// Say what would happen and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// What the device is made with.
    #[command(flatten)]
    pub made: CreateArgs,
    /// The platform.
    #[command(flatten)]
    pub platform: PlatformArgs,
}

/// What to do with device profiles.
#[derive(Debug, Subcommand)]
pub enum ProfileVerb {
    /// Make an issuing CA for a profile, and a profile in the platform that takes its devices
    ///
    /// Every device that shows a certificate of this CA is taken for the one whose name stands in it. Treat every key
    /// that this CA has ever signed as able to issue.
    Create(ProfileCreateArgs),
    /// Show what the store and the platform have of profiles
    Show(ProfileShowArgs),
}

/// The arguments of `tbpki profile create`.
#[derive(Debug, Clone, Args)]
pub struct ProfileCreateArgs {
    /// The name of the profile
    #[arg(value_name = "NAME", value_parser = text())]
    pub name: String,
    /// Take only devices whose names begin so [default: all]
    #[arg(long, value_name = "TEXT", conflicts_with = "pattern", value_parser = text())]
    pub name_prefix: Option<String>,
    /// Find names by this regular expression, whose first group has to be the whole name
    #[arg(long, value_name = "REGEX", requires = "example", value_parser = text())]
    pub pattern: Option<String>,
    /// The name of a device that the expression has to find (repeat for several)
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = text())]
    pub example: Vec<String>,
    /// Let the platform make devices that it does not have, at their first connection
    #[arg(long)]
    pub create_devices: bool,
    /// Do not ask before that
    #[arg(long, requires = "create_devices")]
    pub accept_issuer_risk: bool,
    /// Change a profile of this name that is another one
    #[arg(long)]
    pub replace: bool,
    /// Say what would happen and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Where the passphrase of the CA keys is.
    #[command(flatten)]
    pub ca_passphrase: CaPassphrase,
    /// The platform.
    #[command(flatten)]
    pub platform: PlatformArgs,
}

/// The arguments of `tbpki profile show`.
#[derive(Debug, Clone, Args)]
pub struct ProfileShowArgs {
    /// The profile [default: all that have a CA in the store]
    #[arg(value_name = "NAME", value_parser = text())]
    pub name: Option<String>,
    /// The platform.
    #[command(flatten)]
    pub platform: PlatformArgs,
}
