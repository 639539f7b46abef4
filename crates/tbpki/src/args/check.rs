//! `tbpki check`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::text;

/// The arguments of `tbpki check`.
#[derive(Debug, Clone, Args)]
pub struct CheckArgs {
    /// The broker [default: firmware.mqtt_host or server.name of keygen.toml; port 8883, or 8884 for ActorCloud with a
    /// certificate]
    #[arg(value_name = "HOST[:PORT]")]
    pub server: Option<String>,
    /// The device in the store whose files are used [default: the store's only device]
    #[arg(long, value_name = "NAME", value_parser = text())]
    pub device: Option<String>,
    /// The leaf as it is registered, perhaps with its issuers behind it, or with its key in the same file
    #[arg(long, value_name = "FILE", conflicts_with = "device")]
    pub cert: Option<PathBuf>,
    /// The private key
    #[arg(long, value_name = "FILE", conflicts_with = "device")]
    pub key: Option<PathBuf>,
    /// What is sent: the leaf, then its issuers [default: what --cert holds]
    #[arg(long, value_name = "FILE", conflicts_with = "device")]
    pub chain: Option<PathBuf>,
    /// Read the passphrase of the key from FILE
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// The certificates that the device trusts [default: the device's, else what server.anchors says, else the system's]
    #[arg(long, value_name = "FILE")]
    pub cafile: Option<PathBuf>,
    /// A file with the access token or password
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// How the device logs in [default: with a certificate, where there is one]
    #[arg(long, value_name = "HOW")]
    pub auth: Option<AuthArg>,
    /// What the broker is [default: platform.kind of keygen.toml]
    #[arg(long, value_name = "KIND")]
    pub kind: Option<KindArg>,
    /// The client id [default: one that nobody else has]
    #[arg(long, value_name = "ID", value_parser = text())]
    pub client_id: Option<String>,
    /// The user name, for ActorCloud and for brokers with passwords
    #[arg(long, value_name = "NAME", value_parser = text())]
    pub username: Option<String>,
    /// The version of MQTT
    #[arg(long, value_name = "VERSION", default_value = "3.1.1")]
    pub mqtt: MqttArg,
    /// Publish one value, `tbpki_check`, and wait for its PUBACK
    #[arg(long, conflicts_with_all = ["no_connect", "offline"])]
    pub telemetry: bool,
    /// Stop after the files and what the server shows of itself: do not log in
    #[arg(long)]
    pub no_connect: bool,
    /// Look at the files alone, and connect to nothing
    #[arg(long, conflicts_with_all = ["platform_url", "no_connect"])]
    pub offline: bool,
    /// Check a ThingsBoard server's side: the files and settings in DIR, and what the server shows of itself [default
    /// DIR: server.out of keygen.toml, else the store's]
    #[arg(
        long = "server",
        value_name = "DIR",
        num_args = 0..=1,
        conflicts_with_all = ["device", "cert", "key", "chain", "passphrase_file", "token_file", "auth", "client_id",
            "username", "telemetry", "no_connect"],
    )]
    #[allow(clippy::option_option, reason = "the flag may come without a value")]
    pub server_side: Option<Option<PathBuf>>,
    /// The platform's web address, to compare its clock with this one's; nothing else is asked of it
    #[arg(long, value_name = "URL", value_parser = text())]
    pub platform_url: Option<String>,
    /// Seconds to wait for each connection
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub timeout: u64,
}

/// How a device logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AuthArg {
    /// Two-way TLS
    Certificate,
    /// One-way TLS with an access token or password
    Token,
}

/// What a broker is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KindArg {
    /// ThingsBoard
    #[value(name = "thingsboard")]
    ThingsBoard,
    /// ActorCloud
    #[value(name = "actorcloud")]
    ActorCloud,
    /// Any other broker, such as mosquitto
    Mqtt,
}

/// A version of MQTT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MqttArg {
    /// Version 3.1.1
    #[value(name = "3.1.1", alias = "3")]
    V311,
    /// Version 5
    #[value(name = "5", alias = "5.0")]
    V5,
}
