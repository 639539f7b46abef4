//! The settings that make ThingsBoard use a server identity: which variables, and the files that set them.

mod compose;
mod env_file;
mod kubernetes;
mod variable;

use base::Secret;
use base::settings_file::{COMPOSE_FILE, ENV_FILE, KUBERNETES_FILE};

pub use compose::compose;
pub use env_file::env_file;
pub use kubernetes::kubernetes;
pub use variable::{Variable, variables};

/// A TLS endpoint of ThingsBoard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// MQTT, port 8883.
    Mqtt,
    /// The web interface and the REST API.
    Http,
    /// CoAP over DTLS, port 5684.
    Coap,
    /// LwM2M and its bootstrap server, ports 5686 and 5688.
    Lwm2m,
    /// Edge, port 7070. It reads PEM only.
    Edge,
}

impl Service {
    /// The ports that it listens on by default, as Docker publishes them.
    pub(crate) const fn ports(self) -> &'static [&'static str] {
        match self {
            Service::Mqtt => &["8883:8883"],
            // With SSL_ENABLED ThingsBoard serves HTTPS on the port on which it served HTTP.
            Service::Http => &["8080:8080"],
            // DTLS is over UDP, which Docker does not publish unless it is named.
            Service::Coap => &["5684:5684/udp"],
            Service::Lwm2m => &["5686:5686/udp", "5688:5688/udp"],
            Service::Edge => &["7070:7070"],
        }
    }
}

/// A file that sets the variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingsForm {
    /// Export lines for thingsboard.conf.
    EnvFile,
    /// An override for Docker Compose.
    Compose,
    /// Secrets for Kubernetes.
    Kubernetes,
}

impl SettingsForm {
    /// All forms.
    pub const ALL: [SettingsForm; 3] = [SettingsForm::EnvFile, SettingsForm::Compose, SettingsForm::Kubernetes];

    /// The name of the file.
    pub const fn file_name(self) -> &'static str {
        match self {
            SettingsForm::EnvFile => ENV_FILE,
            SettingsForm::Compose => COMPOSE_FILE,
            SettingsForm::Kubernetes => KUBERNETES_FILE,
        }
    }
}

/// Which of the two kinds of credentials the active lines name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActiveCredentials {
    /// The keystore. ThingsBoard names the trusted entries in it as acceptable issuers, without which Java and
    /// Go clients send no certificate.
    Keystore,
    /// The PEM files.
    Pem,
}

/// The written files, as far as the settings need them.
#[derive(Debug, Clone)]
pub struct ThingsBoardSettings {
    /// The endpoints to configure.
    pub services: Vec<Service>,
    /// Which lines are active.
    pub active: ActiveCredentials,
    /// The host that clients connect to, for the web interface's "check connectivity".
    pub host: String,
    /// The port that devices connect to.
    pub mqtt_port: u16,
    /// The keystore, where one was written.
    pub keystore: Option<KeystoreSettings>,
    /// The file with key and chain, or with the chain alone.
    pub pem_cert: String,
    /// The file with the key, unless it is in `pem_cert`.
    pub pem_key: Option<String>,
    /// The file with the anchor that clients trust.
    pub ca_file: String,
    /// The file with the CAs of the devices.
    pub clients_ca: String,
    /// The text before each file name: nothing for the directory that ThingsBoard searches, else a directory with its
    /// final slash.
    pub directory: String,
}

/// The way to open the keystore.
#[derive(Debug, Clone)]
pub struct KeystoreSettings {
    /// `PKCS12` or `JKS`, as Java's `KeyStore.getInstance` wants it.
    pub kind: &'static str,
    /// The keystore as thingsboard.env names it.
    pub file: String,
    /// The alias of the key.
    pub alias: String,
    /// The password of the keystore.
    pub password: Secret,
    /// Opens its private key; the same as `password` unless the configuration has another.
    pub key_password: Secret,
}
