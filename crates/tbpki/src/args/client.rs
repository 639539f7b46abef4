//! `tbpki client`.

use std::path::PathBuf;

use clap::Args;
use config::ClientFormat;

use super::value::client_format;
use super::{CreateArgs, DevicesArg, IdentityArgs, OwnerArgs, PlatformArgs};

/// The arguments of `tbpki client`.
#[derive(Debug, Clone, Args)]
pub struct ClientArgs {
    #[command(flatten)]
    pub(crate) devices: DevicesArg,
    /// Copy the files of the device to DIR
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// The files to write in addition to PEM [default: client.formats of keygen.toml] (repeat or separate by commas)
    #[arg(long, value_parser = client_format(), value_name = "FORMAT", value_delimiter = ',')]
    pub format: Vec<ClientFormat>,
    /// Register the device and its certificate with the platform
    #[arg(long)]
    pub register: bool,
    /// Replace another credential of the device on the platform
    #[arg(long, requires = "register")]
    pub replace: bool,
    /// Register the device although `tbpki unregister` took it from the platform
    #[arg(long, requires = "register")]
    pub again: bool,
    /// Accept attributes of a fleet's list that ThingsBoard stores as other numbers (00012345 as 12345)
    #[arg(long, requires = "register")]
    pub accept_number_attributes: bool,
    /// The certificate.
    #[command(flatten)]
    pub identity: IdentityArgs,
    /// The owner of the files.
    #[command(flatten)]
    pub owner: OwnerArgs,
    /// The device on the platform.
    #[command(flatten)]
    pub create: CreateArgs,
    #[command(flatten)]
    pub(crate) platform: PlatformArgs,
}
