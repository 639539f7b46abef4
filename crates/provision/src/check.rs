//! The check of a login: every layer from the device's files to the broker's CONNACK.
//!
//! A check does no harm. It first performs a handshake that trusts nothing and sends no data, and verifies what the server
//! sent. Only if the server is trusted, it opens a second connection, verifies the server again, and sends CONNECT. A token
//! is never sent together with a certificate. After a fault the check continues as far as that is harmless and useful.

mod clock;
mod device;
mod due;
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

use base::{Code, Error, Finding, Result};
use mqtt::Version;
use pki::Certificate;
use time::OffsetDateTime;

pub use device::check_device;
pub use due::DueLeaf;
pub use layer::{Layer, LayerReport, Verdict};
pub use packets::{PacketReadError, PacketReader};
pub use report::{CheckReport, SentCertificate, TlsReport};
pub use server_files::check_server;

use crate::files::LoginFiles;
use crate::target::Target;

/// The kind of broker, which determines how devices log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrokerKind {
    /// ThingsBoard: a client certificate is optional, and the token is the user name.
    ThingsBoard,
    /// ActorCloud: a port for each login method. Client id and user name are required, and the token is the password.
    ActorCloud,
    /// Any other broker, for example mosquitto.
    Mqtt,
}

impl BrokerKind {
    /// The default port of this login method.
    pub const fn default_port(self, with_certificate: bool) -> u16 {
        match self {
            // ActorCloud has a listener for each way to log in: at 8883 it asks for no certificate.
            Self::ActorCloud if with_certificate => 8884,
            _ => 8883,
        }
    }
}

/// The credential of a check.
#[derive(Debug, Clone)]
pub enum CheckedCredential {
    /// A certificate.
    Certificate {
        /// The files of key and certificates.
        files: LoginFiles,
        /// The file of a token that was also given. It is never sent.
        token: Option<PathBuf>,
    },
    /// The file of an access token or password.
    Token(PathBuf),
}

/// The trust anchors of the device.
#[derive(Debug, Clone)]
pub enum AnchorSource {
    /// The certificates in this file.
    File(PathBuf),
    /// These certificates.
    Certificates {
        /// Where they are from, for the report.
        from: String,
        /// The certificates.
        anchors: Vec<Certificate>,
    },
    /// The roots of the system.
    System,
}

/// The extent of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CheckDepth {
    /// Files only.
    Files,
    /// Files and TLS handshake.
    Server,
    /// Files, TLS handshake and login.
    Login,
    /// Files, TLS handshake, login and a telemetry message.
    Telemetry,
}

/// The broker to check.
#[derive(Debug, Clone)]
pub struct CheckedServer {
    /// The address.
    pub target: Target,
    /// The kind of broker.
    pub kind: BrokerKind,
    /// The trust anchors.
    pub trust: AnchorSource,
    /// The URL of the platform's REST API, whose time is compared with the local clock.
    pub platform_url: Option<String>,
    /// The time limit of each connection.
    pub timeout: Duration,
    /// The time of the verification.
    pub now: OffsetDateTime,
}

/// The check of a device's login.
#[derive(Debug, Clone)]
pub struct DeviceCheck {
    /// The broker.
    pub server: CheckedServer,
    /// The credential.
    pub auth: CheckedCredential,
    /// The version of MQTT.
    pub version: Version,
    /// The client id; `None` for a random one.
    pub client_id: Option<String>,
    /// The user name of the MQTT login, if the login has one.
    pub user_name: Option<String>,
    /// The registration of the certificate according to the ledger.
    pub registered: Option<Registered>,
    /// The profile whose CA issued the certificate according to the ledger.
    pub profile: Option<IssuingProfile>,
    /// The certificates of the device that are revoked according to the ledger.
    pub revoked: Vec<RevokedLeaf>,
    /// The certificate that was unregistered according to the ledger.
    pub unregistered: Option<UnregisteredLeaf>,
    /// The fault of the files if they are not those that the ledger has in use.
    pub outdated: Option<Finding>,
    /// The certificate of the device, if it must be renewed according to the ledger.
    pub due: Option<DueLeaf>,
    /// The extent of the check.
    pub depth: CheckDepth,
}

/// A registration according to the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// The credentials id of the certificate.
    pub credentials_id: String,
    /// The time of the registration.
    pub at: OffsetDateTime,
}

/// A certificate that `tbpki unregister` took from the platform, according to the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnregisteredLeaf {
    /// The credentials id of the certificate.
    pub credentials_id: String,
    /// The time at which it was taken.
    pub at: OffsetDateTime,
}

/// A device profile with a CA of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuingProfile {
    /// The name of the profile on the platform.
    pub name: String,
    /// Whether the platform creates devices at their first connection.
    pub creates_devices: bool,
}

/// A revoked certificate according to the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokedLeaf {
    /// The credentials id of the certificate.
    pub credentials_id: String,
    /// The time of the revocation.
    pub at: OffsetDateTime,
    /// The reason by its name in RFC 5280, if one was given.
    pub reason: Option<String>,
}

/// A revoked certificate of a server according to the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokedServer {
    /// SHA-256 over the certificate.
    pub fingerprint: [u8; 32],
    /// The time of the revocation.
    pub at: OffsetDateTime,
    /// The reason by its name in RFC 5280, if one was given.
    pub reason: Option<String>,
}

/// A certificate of a server that a later one has replaced, according to the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplacedServer {
    /// SHA-256 over the certificate.
    pub fingerprint: [u8; 32],
    /// The name of the server.
    pub name: String,
    /// The generation that is in use.
    pub by: u32,
    /// The help for a directory with the replaced one.
    pub help: String,
}

/// The check of a server's files, and of the server itself.
#[derive(Debug, Clone)]
pub struct ServerCheck {
    /// The directory with the server's files and settings.
    pub dir: PathBuf,
    /// The server; `None` checks the files only.
    pub server: Option<CheckedServer>,
    /// The CAs of the devices, if known. The last one issues their leaves.
    pub devices_ca: Vec<Certificate>,
    /// The revoked certificates of servers, if a ledger knows them.
    pub revoked: Vec<RevokedServer>,
    /// The certificates of servers that must be renewed, if a ledger knows them.
    pub due: Vec<DueLeaf>,
    /// The certificates of servers that were replaced, if a ledger knows them.
    pub replaced: Vec<ReplacedServer>,
    /// The time of the verification.
    pub now: OffsetDateTime,
}

/// A callback that receives the effects of a login before it happens.
pub type Announce<'a> = &'a mut dyn FnMut(&str);

/// Reads a token file: one line of text, at most 64 KiB.
pub(crate) fn token_of(path: &std::path::Path) -> Result<base::Secret> {
    // A larger file is no token, and is not read into memory.
    let bytes = base::file::read_secret(path, 64 << 10)?;
    let bad =
        |why: &str| -> Error { Code::SecretUnavailable.error("the file contains no token").at(path).because(why) };
    let text = std::str::from_utf8(&bytes).map_err(|_| bad("it is not UTF-8 text"))?;
    // Editors end a file with a line break. Spaces stay: a password may end with one.
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(bad("it is empty"));
    }
    if text.chars().any(char::is_control) {
        return Err(bad("it has more than one line, or control characters"));
    }
    Ok(base::Secret::from(text))
}
