//! How a simulator is started.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

/// Whose manners are played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Version {
    /// 4.2.0: what the tests' facts were seen on.
    #[default]
    V4_2,
    /// 4.3: API keys, exact prefixes of the authorization header, policies for names that are taken.
    V4_3,
}

/// What a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Authority {
    /// Everything within a tenant.
    #[default]
    TenantAdmin,
    /// Nothing that is played here: 403.
    CustomerUser,
}

impl Authority {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::TenantAdmin => "TENANT_ADMIN",
            Self::CustomerUser => "CUSTOMER_USER",
        }
    }
}

/// A user.
#[derive(Debug, Clone)]
pub struct User {
    /// What is typed at login.
    pub name: String,
    /// The password.
    pub password: String,
    /// What is allowed.
    pub authority: Authority,
    /// Users of the same text share a tenant; the first user's is "".
    pub tenant: String,
    /// Disabled users are told so.
    pub enabled: bool,
    /// Locked users are told so.
    pub locked: bool,
}

impl Default for User {
    fn default() -> Self {
        Self {
            name: String::new(),
            password: String::new(),
            authority: Authority::default(),
            tenant: String::new(),
            enabled: true,
            locked: false,
        }
    }
}

/// The key material of a server, in the forms that ThingsBoard knows.
#[derive(Debug, Clone)]
pub enum ServerKeys {
    /// `…_CREDENTIALS_TYPE=PEM`.
    Pem {
        /// The leaf and its chain, perhaps with the key.
        certificate: PathBuf,
        /// The key, where it is in a file of its own.
        key: Option<PathBuf>,
        /// For traditional encryption.
        key_password: String,
    },
    /// `…_CREDENTIALS_TYPE=KEYSTORE`.
    Keystore {
        /// JKS or PKCS#12: looked at, whatever it is declared as.
        file: PathBuf,
        /// The store's password.
        store_password: String,
        /// The key's password.
        key_password: String,
        /// Which key; empty is the first one that opens.
        alias: String,
    },
}

/// Everything about a ThingsBoard, with defaults that fit a test.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whose manners.
    pub version: Version,
    /// Where to listen. Loopback unless somebody says otherwise.
    pub address: IpAddr,
    /// The port for REST; 0 is a free one.
    pub rest_port: u16,
    /// The port for MQTT over TLS; 0 is a free one.
    pub mqtts_port: u16,
    /// The port for MQTT without TLS, if that is wanted; 0 is a free one.
    pub mqtt_port: Option<u16>,
    /// The MQTT listener's keys. Without any the simulator makes a CA and a leaf of its own.
    pub server: Option<ServerKeys>,
    /// Keys for REST, which then speaks HTTPS.
    pub https: Option<ServerKeys>,
    /// What `certificate/download` hands out (`DEVICE_CONNECTIVITY_MQTTS_CA_ROOT_CERT`).
    pub mqtts_ca: Option<PathBuf>,
    /// Whether something in front of the MQTT listener ends TLS by itself: no client is asked for its certificate.
    pub behind_balancer: bool,
    /// `MQTT_SSL_SKIP_VALIDITY_CHECK_FOR_CLIENT_CERT`.
    pub skip_validity_check: bool,
    /// The first user, a tenant's administrator.
    pub user: String,
    /// Their password.
    pub password: String,
    /// Others.
    pub more_users: Vec<User>,
    /// How long an access token lives; 9,000 s on a real server.
    pub token_life: Duration,
    /// How long a refresh token lives; 604,800 s on a real server.
    pub refresh_token_life: Duration,
    /// Devices that a tenant may have; more are 403/41.
    pub max_devices: Option<usize>,
    /// Requests a second that a tenant may make; more are 429.
    pub rate: Option<u32>,
    /// Added to every answer over REST.
    pub latency: Duration,
    /// How many seconds the `Date` header goes ahead of the clock; negative is behind.
    pub clock_offset: i64,
    /// Whether `/sim/…` can be called from outside.
    pub control: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            version: Version::default(),
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            rest_port: 0,
            mqtts_port: 0,
            mqtt_port: None,
            server: None,
            https: None,
            mqtts_ca: None,
            behind_balancer: false,
            skip_validity_check: false,
            user: "tenant@thingsboard.org".to_owned(),
            password: "tenant".to_owned(),
            more_users: Vec::new(),
            token_life: Duration::from_secs(9_000),
            refresh_token_life: Duration::from_secs(604_800),
            max_devices: None,
            rate: None,
            latency: Duration::ZERO,
            clock_offset: 0,
            control: false,
        }
    }
}
