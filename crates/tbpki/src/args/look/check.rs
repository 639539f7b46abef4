//! `tbpki check`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum, ValueHint};
use enroll::client::HostKeyName;
use pki::device_name::DeviceName;

use crate::args::value::{parsed, server_address, text, timeout};
use crate::completion;

/// The arguments of `tbpki check`.
#[derive(Debug, Clone, Args)]
pub struct CheckArgs {
    /// The broker [default: firmware.mqtt_host or server.name of keygen.toml, then the only server of the store; port:
    /// firmware.mqtt_port, then 8883, or 8884 for ActorCloud with a certificate]
    #[arg(value_name = "HOST[:PORT]", value_parser = server_address())]
    pub server: Option<String>,
    /// The device of the store to check [default: the only device]
    #[arg(long, value_name = "NAME", value_parser = parsed::<DeviceName>(), add = completion::devices())]
    #[arg(help_heading = "Credentials")]
    pub device: Option<DeviceName>,
    /// The registered leaf; its chain and its key can be in the same file
    #[arg(long, value_name = "FILE", conflicts_with = "device", help_heading = "Credentials")]
    pub cert: Option<PathBuf>,
    /// The private key: a file, or the pkcs11: URI of a key in a token
    #[arg(long, value_name = "KEY", value_parser = parsed::<HostKeyName>(), value_hint = ValueHint::FilePath, conflicts_with = "device", help_heading = "Credentials")]
    pub key: Option<HostKeyName>,
    /// Read the PIN of the token from FILE (`-` for standard input)
    #[arg(long, value_name = "FILE", requires = "key", help_heading = "Credentials")]
    pub pin_file: Option<PathBuf>,
    /// The chain to send, leaf first [default: the certificates of --cert]
    #[arg(long, value_name = "FILE", conflicts_with = "device", help_heading = "Credentials")]
    pub chain: Option<PathBuf>,
    /// Read the passphrase of the key from FILE
    #[arg(long, value_name = "FILE", help_heading = "Credentials")]
    pub passphrase_file: Option<PathBuf>,
    /// The trust anchors of the device [default: the device's file, then server.anchors, then the system's roots]
    #[arg(long, value_name = "FILE", help_heading = "Credentials")]
    pub cafile: Option<PathBuf>,
    /// Read the access token or password from FILE
    #[arg(long, value_name = "FILE", help_heading = "Credentials")]
    pub token_file: Option<PathBuf>,
    /// The login of the device [default: with its certificate, if it has one]
    #[arg(long, value_name = "HOW", help_heading = "Credentials")]
    pub auth: Option<AuthArg>,
    /// The kind of broker [default: platform.kind of keygen.toml]
    #[arg(long, value_name = "KIND")]
    pub kind: Option<KindArg>,
    /// The client id [default: a random one]
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
    /// Check the files and the server, but do not log in
    #[arg(long)]
    pub no_connect: bool,
    /// Check only the files, without a connection
    #[arg(long, conflicts_with_all = ["platform_url", "no_connect"])]
    pub offline: bool,
    /// Check a ThingsBoard server: its files and settings in DIR, and its endpoint [default for DIR: server.out of
    /// keygen.toml, then the directory of the last `tbpki server --out`, then the store]
    #[arg(
        long = "server",
        value_name = "DIR",
        num_args = 0..=1,
        conflicts_with_all = ["device", "cert", "key", "chain", "passphrase_file", "token_file", "auth", "client_id",
            "username", "telemetry", "no_connect"],
    )]
    #[allow(clippy::option_option, reason = "the flag may come without a value")]
    pub server_side: Option<Option<PathBuf>>,
    /// The platform's web address, to compare its clock with the clock of this machine
    #[arg(long, value_name = "URL", value_parser = text())]
    pub platform_url: Option<String>,
    /// The most seconds to wait for each connection
    #[arg(long, value_name = "N", default_value = "10", value_parser = timeout())]
    pub timeout: Duration,
}

/// The logins of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AuthArg {
    /// Two-way TLS
    Certificate,
    /// One-way TLS with an access token or password
    Token,
}

/// A kind of broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KindArg {
    /// ThingsBoard
    #[value(name = "thingsboard")]
    ThingsBoard,
    /// ActorCloud
    #[value(name = "actorcloud")]
    ActorCloud,
    /// Another broker, for example mosquitto
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
