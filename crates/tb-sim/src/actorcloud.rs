//! An ActorCloud: its back end over REST, and the two TLS listeners of its broker.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::Serialize;
use tokio::runtime::Runtime;

use crate::error::Result;
use crate::faults::Fault;
use crate::http;
use crate::net;
use crate::settings::ServerKeys;
use crate::shared::{Manners, Request, lock};
use crate::tls::{self, WantsClientCertificates, keys::Loaded, own};

mod answer;
mod authority;
mod broker;
mod certs;
mod devices;
mod list;
mod login;
mod routes;
mod store;

use authority::Authority;
use store::Store;

/// Everything about an ActorCloud, with defaults that fit a test.
#[derive(Debug, Clone)]
pub struct ActorcloudSettings {
    /// Where to listen. Loopback unless somebody says otherwise.
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
    /// The password.
    pub password: String,
    /// Added to every answer over REST.
    pub latency: Duration,
    /// Whether `/sim/…` can be called from outside.
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

/// An attempt to log in over MQTT, as it is written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectLog {
    /// What the client called itself.
    #[serde(rename = "deviceID")]
    pub device_id: String,
    /// 1 is let in, 2 refused.
    pub connect_status: u8,
    /// The topics' prefix, where it was let in.
    pub mountpoint: Option<String>,
}

/// A message that a device published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Published {
    /// The topic, its mountpoint in front.
    pub topic: String,
    /// The payload.
    pub payload: Vec<u8>,
}

/// What REST and MQTT work on.
pub(crate) struct Cloud {
    settings: ActorcloudSettings,
    manners: Manners,
    authority: Authority,
    store: Mutex<Store>,
}

impl Cloud {
    fn store(&self) -> std::sync::MutexGuard<'_, Store> {
        lock(&self.store)
    }
}

/// A running simulator. It stops when this is dropped.
pub struct Actorcloud {
    cloud: Arc<Cloud>,
    runtime: Option<Runtime>,
    rest: SocketAddr,
    one_way: SocketAddr,
    two_way: SocketAddr,
    own_ca: Option<String>,
}

impl Actorcloud {
    /// Starts one.
    ///
    /// # Errors
    /// Where keys cannot be loaded or made, and where a port is taken.
    pub fn start(settings: ActorcloudSettings) -> Result<Self> {
        let (loaded, own_ca) = match &settings.server {
            Some(keys) => (Loaded::new(keys)?, None),
            None => own::make().map(|(loaded, ca)| (loaded, Some(ca)))?,
        };
        let authority = Authority::new()?;
        let verifier = WantsClientCertificates::requiring(authority.subject(), authority.certificate().to_vec());
        let two_way_tls = tls::acceptor(&loaded, Some(Arc::new(verifier)))?;
        let one_way_tls = tls::https(&loaded)?;
        let (address, ports) = (settings.address, [settings.rest_port, settings.one_way_port, settings.two_way_port]);
        let cloud = Arc::new(Cloud {
            manners: Manners::new(settings.latency, None),
            store: Mutex::new(Store::default()),
            authority,
            settings,
        });

        let runtime = net::runtime("actorcloud-sim")?;
        let bind = |port: u16| net::bind(&runtime, SocketAddr::new(address, port));
        let [rest_port, one_way_port, two_way_port] = ports;
        let (rest, rest_listener) = bind(rest_port)?;
        let (one_way, one_way_listener) = bind(one_way_port)?;
        let (two_way, two_way_listener) = bind(two_way_port)?;
        runtime.spawn(http::serve(rest_listener, None, Arc::new(routes::Rest(cloud.clone()))));
        runtime.spawn(broker::serve(one_way_listener, one_way_tls, cloud.clone()));
        runtime.spawn(broker::serve(two_way_listener, two_way_tls, cloud.clone()));
        Ok(Self { cloud, runtime: Some(runtime), rest, one_way, two_way, own_ca })
    }

    /// `http://127.0.0.1:…`; the API is below `/api/v1`.
    pub fn rest_url(&self) -> String {
        format!("http://{}", self.rest)
    }

    /// The port of one-way TLS.
    pub fn one_way_port(&self) -> u16 {
        self.one_way.port()
    }

    /// The port of two-way TLS.
    pub fn two_way_port(&self) -> u16 {
        self.two_way.port()
    }

    /// The CA of the broker to trust, as PEM, where the simulator made its keys itself.
    pub fn own_ca(&self) -> Option<&str> {
        self.own_ca.as_deref()
    }

    /// The mail address that signs in.
    pub fn user(&self) -> &str {
        &self.cloud.settings.user
    }

    /// The password.
    pub fn password(&self) -> &str {
        &self.cloud.settings.password
    }

    /// All attempts to log in over MQTT.
    pub fn connect_logs(&self) -> Vec<ConnectLog> {
        self.cloud.store().connects.clone()
    }

    /// All messages of devices.
    pub fn published(&self) -> Vec<Published> {
        self.cloud.store().published.clone()
    }

    /// Lets something go wrong.
    pub fn inject(&self, fault: Fault) {
        self.cloud.manners.faults.add(fault);
    }

    /// All requests up to now.
    pub fn requests(&self) -> Vec<Request> {
        self.cloud.manners.requests()
    }
}

impl Drop for Actorcloud {
    fn drop(&mut self) {
        // Without waiting: connections that tests hold open would be waited for.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
