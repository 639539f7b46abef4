//! `tbpki actorcloud`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::args::PlatformArgs;
use crate::args::value::text;

/// The verbs of `tbpki actorcloud`.
#[derive(Debug, Subcommand)]
pub enum ActorCloudVerb {
    /// Manage certificates of ActorCloud and the devices that they are bound to
    #[command(subcommand)]
    Cert(CertVerb),
}

/// The verbs of `tbpki actorcloud cert`.
#[derive(Debug, Subcommand)]
pub enum CertVerb {
    /// Create a certificate and its key on the server
    Create(CertCreateArgs),
    /// List the certificates
    List(CertListArgs),
    /// Allow devices to log in with a certificate
    Enable(CertArgs),
    /// Reject logins with a certificate
    Disable(CertArgs),
    /// Bind a certificate to devices; their auth type must be Certificate
    Bind(CertDevicesArgs),
    /// Unbind a certificate from devices
    Unbind(CertDevicesArgs),
    /// Write NAME.crt, NAME.key and root_ca.crt
    Save(CertSaveArgs),
    /// Remove a certificate and its key; it must not be bound to a device
    Remove(CertArgs),
}

impl CertVerb {
    /// The name of the verb, with those above it.
    pub const fn name(&self) -> &'static str {
        match self {
            CertVerb::Create(_) => "actorcloud cert create",
            CertVerb::List(_) => "actorcloud cert list",
            CertVerb::Enable(_) => "actorcloud cert enable",
            CertVerb::Disable(_) => "actorcloud cert disable",
            CertVerb::Bind(_) => "actorcloud cert bind",
            CertVerb::Unbind(_) => "actorcloud cert unbind",
            CertVerb::Save(_) => "actorcloud cert save",
            CertVerb::Remove(_) => "actorcloud cert remove",
        }
    }
}

/// The arguments of `tbpki actorcloud cert create`.
#[derive(Debug, Clone, Args)]
pub struct CertCreateArgs {
    /// The name of the certificate, at most 50 characters
    #[arg(value_name = "NAME", value_parser = text())]
    pub name: String,
    /// Reject logins with the certificate until it is enabled
    #[arg(long)]
    pub disabled: bool,
    /// Write NAME.crt, NAME.key and root_ca.crt to DIR
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) platform: PlatformArgs,
}

/// The arguments of `tbpki actorcloud cert list`.
#[derive(Debug, Clone, Args)]
pub struct CertListArgs {
    #[command(flatten)]
    pub(crate) platform: PlatformArgs,
}

/// The arguments of verbs that take one certificate.
#[derive(Debug, Clone, Args)]
pub struct CertArgs {
    /// The name or number of the certificate
    #[arg(value_name = "CERT", value_parser = text())]
    pub cert: String,
    #[command(flatten)]
    pub(crate) platform: PlatformArgs,
}

/// The arguments of `tbpki actorcloud cert bind` and `unbind`.
#[derive(Debug, Clone, Args)]
pub struct CertDevicesArgs {
    /// The name or number of the certificate
    #[arg(value_name = "CERT", value_parser = text())]
    pub cert: String,
    /// The devices, by name or number (repeat or separate by commas)
    #[arg(long, value_parser = text(), value_name = "DEVICE", value_delimiter = ',', num_args = 1.., required = true)]
    pub device: Vec<String>,
    #[command(flatten)]
    pub(crate) platform: PlatformArgs,
}

/// The arguments of `tbpki actorcloud cert save`.
#[derive(Debug, Clone, Args)]
pub struct CertSaveArgs {
    /// The name or number of the certificate
    #[arg(value_name = "CERT", value_parser = text())]
    pub cert: String,
    /// Write to DIR
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    #[command(flatten)]
    pub(crate) platform: PlatformArgs,
}
