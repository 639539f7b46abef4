//! An ActorCloud: its back end over REST, and the two TLS listeners of its broker.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::runtime::Runtime;

use crate::controls::RequestRecord;
use crate::controls::faults::Fault;
use crate::error::Result;
use crate::http;
use crate::net;
use crate::tls::{self, ClientCertificateVerifier, keys::LoadedKeys, own_ca};

mod answer;
mod authority;
mod broker;
mod certs;
mod cloud;
mod devices;
mod list;
mod login;
mod routes;
mod store;

pub use cloud::ActorcloudSettings;
use cloud::Cloud;
pub use store::{ConnectLog, Published};

/// A running simulator. It stops when it is dropped.
pub struct Actorcloud {
    cloud: Arc<Cloud>,
    runtime: Option<Runtime>,
    rest: SocketAddr,
    one_way: SocketAddr,
    two_way: SocketAddr,
    own_ca: Option<String>,
}

impl Actorcloud {
    /// Starts a simulator.
    ///
    /// # Errors
    /// If keys cannot be loaded or created, or a port is in use.
    pub fn start(settings: ActorcloudSettings) -> Result<Self> {
        let (loaded, own_ca) = match &settings.server {
            Some(keys) => (LoadedKeys::new(keys)?, None),
            None => own_ca::make().map(|(loaded, ca)| (loaded, Some(ca)))?,
        };
        let (address, ports) = (settings.address, [settings.rest_port, settings.one_way_port, settings.two_way_port]);
        let cloud = Arc::new(Cloud::new(settings)?);
        let authority = &cloud.authority;
        let verifier = ClientCertificateVerifier::requiring(authority.subject(), authority.certificate().to_vec());
        let two_way_tls = tls::acceptor(&loaded, Some(Arc::new(verifier)))?;
        // Without a verifier, so that no client is asked for a certificate: a token is all that this port takes.
        let one_way_tls = tls::https(&loaded)?;

        let runtime = net::runtime("actorcloud-sim")?;
        let bind = |port: u16| net::bind(&runtime, SocketAddr::new(address, port));
        let [rest_port, one_way_port, two_way_port] = ports;
        // All three before the first is served: a port that is in use ends the start, and leaves no half of a
        // simulator.
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

    /// The CA of the broker, as PEM, if the simulator created its keys.
    pub fn own_ca(&self) -> Option<&str> {
        self.own_ca.as_deref()
    }

    /// The mail address that signs in.
    pub fn user(&self) -> &str {
        &self.cloud.settings.user
    }

    /// The password that logs the user in.
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

    /// Injects a fault.
    pub fn inject(&self, fault: Fault) {
        self.cloud.controls.faults.add(fault);
    }

    /// The log of requests.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.cloud.controls.requests()
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
