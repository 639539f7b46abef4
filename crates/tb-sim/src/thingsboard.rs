//! A running ThingsBoard, as tests hold it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

use crate::controls::faults::Fault;
use crate::controls::{RequestRecord, lock};
use crate::error::Result;
use crate::tls::{self, keys::LoadedKeys, own_ca};
use crate::{http, net};

mod core;
pub(crate) mod env;
mod hash;
mod jwt;
mod model;
mod mqtt;
mod payload;
mod refusal;
mod rest;
pub(crate) mod settings;
mod state;

use core::Core;
pub use model::credentials::CredentialsType;
use model::device::Device;
pub use model::telemetry::Telemetry;
use rest::Rest;
use settings::Settings;

/// A running simulator. It stops when it is dropped.
pub struct Thingsboard {
    core: Arc<Core>,
    // Only held: dropping it ends every connection.
    runtime: Option<Runtime>,
    rest: SocketAddr,
    mqtts: SocketAddr,
    mqtts_tls: Arc<Mutex<TlsAcceptor>>,
    mqtt: Option<SocketAddr>,
    is_https: bool,
    own_ca: Option<String>,
}

/// The credentials of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCredentials {
    /// The kind of credentials.
    pub kind: crate::CredentialsType,
    /// The id: a token, or a hash.
    pub id: String,
    /// The value; none for tokens.
    pub value: Option<String>,
    /// The number of times that they were saved.
    pub version: i64,
}

impl Thingsboard {
    /// Starts a simulator.
    ///
    /// # Errors
    /// If a real server could not load the keys, in its words, or a port is in use.
    pub fn start(mut settings: Settings) -> Result<Self> {
        let (loaded, own_ca) = match &settings.server {
            Some(keys) => (LoadedKeys::new(keys)?, None),
            None => own_ca::make().map(|(loaded, ca)| (loaded, Some(ca)))?,
        };
        let https = match settings.https.take() {
            Some(keys) => Some(tls::https(&LoadedKeys::new(&keys)?)?),
            None => None,
        };
        let (address, rest_port, mqtts_port, mqtt_port) =
            (settings.address, settings.rest_port, settings.mqtts_port, settings.mqtt_port);
        let mut core = Core::new(settings)?;
        // The platform offers the CA for download that is in its own file; the simulator made this one itself.
        if core.mqtts_ca.is_none() {
            core.mqtts_ca = own_ca.clone().map(String::into_bytes);
        }
        let core = Arc::new(core);
        let mqtts_tls = Arc::new(Mutex::new(mqtts_tls(&core, &loaded)?));

        let runtime = net::runtime("tb-sim")?;
        let bind = |port: u16| net::bind(&runtime, SocketAddr::new(address, port));
        let (rest, rest_listener) = bind(rest_port)?;
        let (mqtts, mqtts_listener) = bind(mqtts_port)?;
        let plain = mqtt_port.map(bind).transpose()?;
        let is_https = https.is_some();
        runtime.spawn(http::serve(rest_listener, https, Arc::new(Rest(core.clone()))));
        runtime.spawn(mqtt::serve(mqtts_listener, Some(mqtts_tls.clone()), core.clone()));
        let mqtt = plain.map(|(address, listener)| {
            runtime.spawn(mqtt::serve(listener, None, core.clone()));
            address
        });
        Ok(Self { core, runtime: Some(runtime), rest, mqtts, mqtts_tls, mqtt, is_https, own_ca })
    }

    /// Loads the keys of the MQTT listener from their files again, as a restart does. Sessions go on.
    ///
    /// # Errors
    /// If a real server could not load them, in its words. Then the listener keeps its keys.
    pub fn reload_server_keys(&self) -> Result<()> {
        let Some(keys) = &self.core.settings.server else { return Ok(()) };
        *lock(&self.mqtts_tls) = mqtts_tls(&self.core, &LoadedKeys::new(keys)?)?;
        Ok(())
    }

    /// `http://127.0.0.1:…`, or `https://localhost:…`.
    pub fn rest_url(&self) -> String {
        let port = self.rest.port();
        match (self.is_https, self.rest.ip().is_loopback()) {
            // By name: the certificate may have no address in it.
            (true, true) => format!("https://localhost:{port}"),
            (true, false) => format!("https://{}", self.rest),
            (false, _) => format!("http://{}", self.rest),
        }
    }

    /// The port of MQTT over TLS.
    pub fn mqtts_port(&self) -> u16 {
        self.mqtts.port()
    }

    /// The port of MQTT without TLS; `None` without that listener.
    pub fn mqtt_port(&self) -> Option<u16> {
        self.mqtt.map(|address| address.port())
    }

    /// The CA to trust, as PEM, if the simulator created its keys.
    pub fn own_ca(&self) -> Option<&str> {
        self.own_ca.as_deref()
    }

    /// The first user's name.
    pub fn user(&self) -> &str {
        &self.core.settings.user
    }

    /// The password of the first user.
    pub fn password(&self) -> &str {
        &self.core.settings.password
    }

    /// The names of all devices, in no order.
    pub fn devices(&self) -> Vec<String> {
        self.core.state().all_devices().map(|device| device.name.clone()).collect()
    }

    /// A device, as REST shows it.
    pub fn device(&self, name: &str) -> Option<Value> {
        self.core.state().all_devices().find(|device| device.name == name).map(Device::to_json)
    }

    /// A device's credentials.
    pub fn credentials(&self, device: &str) -> Option<StoredCredentials> {
        let state = self.core.state();
        let device = state.all_devices().find(|known| known.name == device)?;
        let stored = state.credentials_of(device.id())?;
        Some(StoredCredentials {
            kind: stored.kind,
            id: stored.credentials_id.clone(),
            value: stored.value.clone(),
            version: stored.version,
        })
    }

    /// The telemetry of a device, oldest first; empty for an unknown device.
    pub fn telemetry(&self, device: &str) -> Vec<Telemetry> {
        let state = self.core.state();
        let device = state.all_devices().find(|known| known.name == device);
        device.map(|device| state.telemetry(device.id()).to_vec()).unwrap_or_default()
    }

    /// The number of devices that are logged in over MQTT.
    pub fn connected(&self) -> usize {
        self.core.state().connected()
    }

    /// Injects a fault.
    pub fn inject(&self, fault: Fault) {
        self.core.controls.faults.add(fault);
    }

    /// Removes all faults, and lets go of the calls that they hold.
    pub fn clear_faults(&self) {
        self.core.controls.faults.clear();
    }

    /// The number of calls that faults hold now.
    pub fn held_calls(&self) -> usize {
        self.core.controls.faults.held()
    }

    /// Waits until a fault holds a call.
    ///
    /// # Panics
    /// If none comes within two minutes.
    pub fn until_held(&self) {
        let begun = Instant::now();
        while self.held_calls() == 0 {
            assert!(begun.elapsed() < Duration::from_secs(120), "no call comes that a fault holds");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The faults that wait for further calls.
    pub fn waiting_faults(&self) -> Vec<Fault> {
        self.core.controls.faults.waiting()
    }

    /// The log of requests.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.core.controls.requests()
    }

    /// Empties the log of requests.
    pub fn forget_requests(&self) {
        self.core.controls.forget_requests();
    }

    /// Delays every further answer over REST.
    pub fn set_latency(&self, latency: Duration) {
        self.core.controls.set_latency(latency);
    }

    /// Sets the difference between the platform's clock and that of this machine, in seconds; negative is behind. The
    /// `Date` header and the validity of certificates follow it.
    pub fn set_clock_offset(&self, seconds: i64) {
        self.core.controls.set_clock_offset(seconds);
    }

    /// Sets the limit on requests per second of a tenant; more are refused with 429.
    pub fn set_rate(&self, rate: Option<u32>) {
        self.core.controls.set_rate(rate);
    }
}

/// TLS of the MQTT listener.
fn mqtts_tls(core: &Arc<Core>, loaded: &LoadedKeys) -> Result<TlsAcceptor> {
    if core.settings.behind_balancer {
        // The balancer terminates TLS, so certificates of clients do not reach the platform.
        return tls::https(loaded);
    }
    let core = core.clone();
    tls::mqtt(loaded, Box::new(move |chain| core.state().present_chain(chain)))
}

impl Drop for Thingsboard {
    fn drop(&mut self) {
        // Without waiting: connections that tests hold open would be waited for.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
