//! `tbpki client`.

use std::path::PathBuf;

use clap::Args;

use super::{CreateArgs, IdentityArgs, OwnerArgs, PlatformArgs, text};

/// The arguments of `tbpki client`.
#[derive(Debug, Clone, Args)]
pub struct ClientArgs {
    /// The device's name: its common name, its directory and its name in the platform
    #[arg(long, value_parser = text(), value_name = "NAME")]
    pub device: String,
    /// Copy the files to DIR as well
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Register the device in the platform, with its certificate as what it logs in with
    #[arg(long)]
    pub register: bool,
    /// Replace the credential that the device has in the platform
    #[arg(long, requires = "register")]
    pub replace: bool,
    /// What the identity is made with.
    #[command(flatten)]
    pub identity: IdentityArgs,
    /// To whom the files belong.
    #[command(flatten)]
    pub owner: OwnerArgs,
    /// What the device is made with in the platform.
    #[command(flatten)]
    pub create: CreateArgs,
    /// The platform.
    #[command(flatten)]
    pub platform: PlatformArgs,
}
