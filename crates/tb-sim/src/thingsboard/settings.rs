//! Settings of a simulator.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use crate::tls::ServerKeys;

/// The version that is simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Version {
    /// 4.2.0: what the tests' facts were seen on.
    #[default]
    V4_2,
    /// 4.3: API keys, exact prefixes of the authorization header, policies for names that are taken.
    V4_3,
}

/// The authority of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Authority {
    /// May make all calls within a tenant.
    #[default]
    TenantAdmin,
    /// May make none of the simulated calls: 403.
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
    /// The user name of the login.
    pub name: String,
    /// The password that logs the user in, in clear.
    pub password: String,
    /// The authority, which decides about calls.
    pub authority: Authority,
    /// The tenant's name. The first user's tenant is "".
    pub tenant: String,
    /// False for a user whose login is refused as disabled.
    pub enabled: bool,
    /// True for a user whose login is refused as locked.
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

/// The settings of a ThingsBoard. The defaults are for tests.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The version that is simulated.
    pub version: Version,
    /// The address of all listeners; by default loopback.
    pub address: IpAddr,
    /// The port for REST; 0 is a free one.
    pub rest_port: u16,
    /// The port for MQTT over TLS; 0 is a free one.
    pub mqtts_port: u16,
    /// The port for MQTT without TLS, if that is wanted; 0 is a free one.
    pub mqtt_port: Option<u16>,
    /// The MQTT listener's keys. Without any the simulator makes a CA and a leaf of its own.
    pub server: Option<ServerKeys>,
    /// The keys of the REST listener, which then uses HTTPS.
    pub https: Option<ServerKeys>,
    /// The file of `certificate/download` (`DEVICE_CONNECTIVITY_MQTTS_CA_ROOT_CERT`).
    pub mqtts_ca: Option<PathBuf>,
    /// True if a balancer in front of the MQTT listener terminates TLS: no client is asked for its certificate.
    pub behind_balancer: bool,
    /// `MQTT_SSL_SKIP_VALIDITY_CHECK_FOR_CLIENT_CERT`.
    pub skip_validity_check: bool,
    /// The first user, a tenant's administrator.
    pub user: String,
    /// The password of the first user.
    pub password: String,
    /// Further users.
    pub more_users: Vec<User>,
    /// The lifetime of access tokens; 9,000 s on a real server.
    pub token_life: Duration,
    /// The lifetime of refresh tokens; 604,800 s on a real server.
    pub refresh_token_life: Duration,
    /// The limit on devices of a tenant; more are refused with 403/41.
    pub max_devices: Option<usize>,
    /// The limit on requests per second of a tenant; more are refused with 429.
    pub rate: Option<u32>,
    /// The delay of every answer over REST.
    pub latency: Duration,
    /// The difference between the platform's clock and that of this machine, in seconds; negative is behind. The `Date`
    /// header and the validity of certificates follow it.
    pub clock_offset: i64,
    /// True if other processes may call `/sim/…`.
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
