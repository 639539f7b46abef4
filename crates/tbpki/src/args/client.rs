//! `tbpki client`.

use std::path::PathBuf;

use clap::Args;

use super::{IdentityArgs, OwnerArgs, text};

/// The arguments of `tbpki client`.
#[derive(Debug, Clone, Args)]
pub struct ClientArgs {
    /// The device's name: its common name, its directory and its name in the platform
    #[arg(long, value_parser = text(), value_name = "NAME")]
    pub device: String,
    /// Copy the files to DIR as well
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// What the identity is made with.
    #[command(flatten)]
    pub identity: IdentityArgs,
    /// To whom the files belong.
    #[command(flatten)]
    pub owner: OwnerArgs,
}
