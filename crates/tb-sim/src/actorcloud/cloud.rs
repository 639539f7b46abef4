//! One ActorCloud: the state that REST and MQTT share.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use super::authority::Authority;
use super::store::Store;
use crate::controls::{Controls, lock};
use crate::error::Result;
use crate::tls::ServerKeys;

/// The settings of an ActorCloud. The defaults are for tests.
#[derive(Debug, Clone)]
pub struct ActorcloudSettings {
    /// The address of all listeners; by default loopback.
    pub address: IpAddr,
    /// The port for REST; 0 is a free one.
    pub rest_port: u16,
    /// The port for one-way TLS (8883 on a real server); 0 is a free one.
    pub one_way_port: u16,
    /// The port for two-way TLS (8884 on a real server); 0 is a free one.
    pub two_way_port: u16,
    /// The broker's keys. Without any the simulator makes a CA and a leaf of its own.
    pub server: Option<ServerKeys>,
    /// The mail address that signs in.
    pub user: String,
    /// The password that logs the tenant in.
    pub password: String,
    /// The delay of every answer over REST.
    pub latency: Duration,
    /// True if other processes may call `/sim/…`.
    pub control: bool,
}

impl Default for ActorcloudSettings {
    fn default() -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            rest_port: 0,
            one_way_port: 0,
            two_way_port: 0,
            server: None,
            user: "admin@actorcloud.io".to_owned(),
            password: "public".to_owned(),
            latency: Duration::ZERO,
            control: false,
        }
    }
}

/// The state of one ActorCloud.
pub(super) struct Cloud {
    pub(super) settings: ActorcloudSettings,
    pub(super) controls: Controls,
    pub(super) authority: Authority,
    store: Mutex<Store>,
}

impl Cloud {
    pub(super) fn new(settings: ActorcloudSettings) -> Result<Self> {
        Ok(Self {
            controls: Controls::new(settings.latency, None),
            store: Mutex::new(Store::default()),
            authority: Authority::new()?,
            settings,
        })
    }

    pub(super) fn store(&self) -> MutexGuard<'_, Store> {
        lock(&self.store)
    }
}
