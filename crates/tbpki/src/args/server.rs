//! `tbpki server`.

use std::path::PathBuf;

use clap::Args;
use config::{Credentials, ServerFormat};
use identity::thingsboard::{Service, SettingsForm};

use super::value::{credentials, server_format, service, settings_form, text};
use super::{IdentityArgs, OwnerArgs};
use crate::completion;

/// The arguments of `tbpki server`.
#[derive(Debug, Clone, Args)]
pub struct ServerArgs {
    /// Copy the files to DIR; for ThingsBoard usually /etc/thingsboard/conf
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// The host name of the server [default: server.name of keygen.toml, then the server whose files are in
    /// --out, then the only server of the store; for the first server the name of this host]
    #[arg(long, value_parser = text(), value_name = "NAME", add = completion::servers())]
    pub name: Option<String>,
    /// Use only the host name and the names given with --san, not the names of this host
    #[arg(long)]
    pub only_given_names: bool,
    /// The files to write in addition to PEM [default: server.formats of keygen.toml] (repeat or separate by commas)
    #[arg(long, value_parser = server_format(), value_name = "FORMAT", value_delimiter = ',')]
    pub format: Vec<ServerFormat>,
    /// The certificate.
    #[command(flatten)]
    pub identity: IdentityArgs,
    /// The files that the active lines of thingsboard.env use [default: server.credentials of keygen.toml, keystore]
    #[arg(long, value_parser = credentials(), value_name = "KIND", help_heading = "ThingsBoard")]
    pub credentials: Option<Credentials>,
    /// Write key and chain to one PEM file, so that one rename replaces both
    #[arg(long, help_heading = "ThingsBoard")]
    pub single_file: bool,
    /// Include the root in the chain that the server sends
    #[arg(long, help_heading = "Certificate")]
    pub include_root: bool,
    /// The services to write settings for [default: those of the present settings, then mqtt] (repeat or separate by
    /// commas)
    #[arg(long, value_parser = service(), value_name = "SERVICE", value_delimiter = ',', help_heading = "ThingsBoard")]
    pub service: Vec<Service>,
    /// The forms of the settings to write [default: those of the present settings, then env] (repeat or separate by
    /// commas)
    #[arg(long, value_parser = settings_form(), value_name = "FORM", value_delimiter = ',', help_heading = "ThingsBoard")]
    pub environment: Vec<SettingsForm>,
    /// The owner of the files.
    #[command(flatten)]
    pub owner: OwnerArgs,
}
