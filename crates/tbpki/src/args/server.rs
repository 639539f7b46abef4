//! `tbpki server`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{IdentityArgs, OwnerArgs, text};

/// The arguments of `tbpki server`.
#[derive(Debug, Clone, Args)]
pub struct ServerArgs {
    /// Copy the files to DIR, for ThingsBoard usually /etc/thingsboard/conf
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// The host name of the server [default: this host's]
    #[arg(long, value_parser = text(), value_name = "NAME")]
    pub name: Option<String>,
    /// Take only the host name and the names given with --san; do not look at this host
    #[arg(long)]
    pub only_given_names: bool,
    /// What the identity is made with.
    #[command(flatten)]
    pub identity: IdentityArgs,
    /// What the active lines of thingsboard.env use: keystore (the default) or pem
    #[arg(long, value_parser = text(), value_name = "KIND")]
    pub credentials: Option<String>,
    /// Put key and chain into one PEM file, so that one rename replaces both
    #[arg(long)]
    pub single_file: bool,
    /// Put the root behind the issuing CA in the chain that is sent
    #[arg(long)]
    pub include_root: bool,
    /// Services to write environment lines for (repeat, or separate by commas)
    #[arg(long, value_name = "SERVICE", value_delimiter = ',', default_value = "mqtt")]
    pub service: Vec<Service>,
    /// Forms of the environment lines to write (repeat, or separate by commas)
    #[arg(long, value_name = "FORM", value_delimiter = ',', default_value = "env")]
    pub environment: Vec<Environment>,
    /// To whom the files belong.
    #[command(flatten)]
    pub owner: OwnerArgs,
}

/// A TLS endpoint of ThingsBoard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Service {
    /// MQTT, port 8883
    Mqtt,
    /// The web interface and REST API
    Http,
    /// CoAP over DTLS, port 5684
    Coap,
    /// LwM2M, ports 5686 and 5688
    Lwm2m,
    /// Edge, port 7070
    Edge,
}

/// A way to set environment variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Environment {
    /// thingsboard.env: export lines for thingsboard.conf
    Env,
    /// docker-compose.tls.yml: an override file for Docker Compose
    Compose,
    /// kubernetes-secret.yml: a Secret with files and variables
    Kubernetes,
}
