//! Why a device cannot log in: every layer from its files to the broker's CONNACK, looked at one after the other.
//!
//! A check is harmless. It first goes through a handshake that trusts nothing and sends nothing, and judges what the
//! server sent. Only a server that is trusted, under the right name, at a connection of its own that is judged again, is
//! sent a CONNECT; and a token never goes along with a certificate. After a fault it goes on looking as far as that is
//! harmless and useful.

mod clock;
mod device;
mod issuers;
mod layer;
mod login;
mod packets;
mod rejection;
mod report;
mod server_files;
mod tls_session;
mod trust;
mod wire;

use std::path::PathBuf;
use std::time::Duration;

use base::{Code, Error, Result};
use mqtt::Version;
use pki::Certificate;
use pki::login_files::LoginFiles;
use time::OffsetDateTime;

pub use device::check_device;
pub use layer::{Layer, LayerReport, Verdict};
pub use packets::{PacketReader, ReadError};
pub use report::{CheckReport, SentCertificate, TlsReport};
pub use server_files::check_server;

use crate::target::Target;

/// What the broker is, since each has its own way of letting devices in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrokerKind {
    /// ThingsBoard: asks for a certificate and does not insist; the token is the user name.
    ThingsBoard,
    /// ActorCloud: a port for each way; client id and user name always, the token is the password.
    ActorCloud,
    /// Any other broker, such as mosquitto.
    Mqtt,
}

impl BrokerKind {
    /// The port at which it listens for this way of logging in.
    pub const fn default_port(self, with_certificate: bool) -> u16 {
        match self {
            Self::ActorCloud if with_certificate => 8884,
            _ => 8883,
        }
    }
}

/// How the device logs in.
#[derive(Debug, Clone)]
pub enum Auth {
    /// With a certificate. `token` is a file of a token that was named as well, and is never sent.
    Certificate {
        /// Key and certificates.
        files: LoginFiles,
        /// A token that stands beside them.
        token: Option<PathBuf>,
    },
    /// With an access token or password out of this file.
    Token(PathBuf),
}

/// What the device trusts.
#[derive(Debug, Clone)]
pub enum Trust {
    /// The certificates in this file.
    File(PathBuf),
    /// The roots of this system.
    System,
}

/// How far a check goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// The files alone.
    Files,
    /// And what the server shows of itself.
    Server,
    /// And a login.
    Login,
    /// And a message.
    Telemetry,
}

/// What is to be looked at on the wire.
#[derive(Debug, Clone)]
pub struct Server {
    /// The broker.
    pub target: Target,
    /// What it is.
    pub kind: BrokerKind,
    /// What is trusted.
    pub trust: Trust,
    /// Where to ask for the time: the address of the platform's REST API.
    pub platform_url: Option<String>,
    /// For each of the connections.
    pub timeout: Duration,
    /// The moment that everything is measured at.
    pub now: OffsetDateTime,
}

/// A login that is to be tried.
#[derive(Debug, Clone)]
pub struct DeviceCheck {
    /// The broker.
    pub server: Server,
    /// How the device logs in.
    pub auth: Auth,
    /// The version of MQTT.
    pub version: Version,
    /// The client id; one that nobody else has, where none is given.
    pub client_id: Option<String>,
    /// The user name.
    pub user_name: Option<String>,
    /// When our own records say that the platform was told of this leaf, by its credentials id.
    pub registered: Option<Registered>,
    /// How far to go.
    pub depth: Depth,
}

/// A registration that our own records hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// The credentials id of the certificate.
    pub credentials_id: String,
    /// When.
    pub at: OffsetDateTime,
}

/// The files of a server that are to be looked at, and where it listens.
#[derive(Debug, Clone)]
pub struct ServerCheck {
    /// The directory of its files and settings.
    pub dir: PathBuf,
    /// The server itself, where it is to be asked as well.
    pub server: Option<Server>,
    /// The CAs of the devices, where they are known: their leaves are issued by the last of them.
    pub devices_ca: Vec<Certificate>,
    /// The moment that everything is measured at.
    pub now: OffsetDateTime,
}

/// Told of what is about to happen, before it does.
pub type Announce<'a> = &'a mut dyn FnMut(&str);

/// A text that is to be sent to a broker: it may be long, and holds no line break.
pub(crate) fn token_of(path: &std::path::Path) -> Result<base::Secret> {
    let bytes = base::file::read_secret(path, 64 << 10)?;
    let bad = |why: &str| -> Error { Code::SecretUnavailable.error("the file holds no token").at(path).because(why) };
    let text = std::str::from_utf8(&bytes).map_err(|_| bad("it is not UTF-8 text"))?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(bad("it is empty"));
    }
    if text.chars().any(char::is_control) {
        return Err(bad("it has more than one line, or control characters"));
    }
    Ok(base::Secret::from(text))
}
