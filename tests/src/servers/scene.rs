//! A store whose devices are registered with a simulated platform.

use serde_json::Value;
use tb_sim::{ServerKeys, Settings};

use super::platform::Platform;
use crate::sandbox::Sandbox;
use crate::tool::{Outcome, Tool};

/// A store, and a simulator with the password in the store's directory.
pub struct Scene {
    /// The store.
    pub sandbox: Sandbox,
    /// The simulator.
    pub platform: Platform,
}

impl Scene {
    /// A new store.
    #[track_caller]
    #[allow(clippy::new_without_default, reason = "a store and a server are made, which is no default value")]
    pub fn new() -> Self {
        Self::of(Sandbox::with_store(), Settings::default())
    }

    /// This store, and a simulator with these settings.
    #[track_caller]
    pub fn of(sandbox: Sandbox, settings: Settings) -> Self {
        let platform = Platform::simulator_in(&sandbox, settings);
        Self { sandbox, platform }
    }

    /// A new store, and a simulator whose MQTT listener has the keys of the store's server.
    #[track_caller]
    pub fn with_our_server() -> Self {
        let sandbox = Sandbox::with_store();
        sandbox.ok(["server", "--name", "localhost", "--only-given-names", "--out", "conf"]);
        let (certificate, key) = (sandbox.join("conf/mqttserver.pem"), Some(sandbox.join("conf/mqttserver_key.pem")));
        let server = Some(ServerKeys::Pem { certificate, key, key_password: String::new() });
        Self::of(sandbox, Settings { server, ..Settings::default() })
    }

    /// Where devices log in: `HOST:PORT`.
    pub fn broker(&self) -> String {
        let (host, port) = self.platform.mqtts();
        format!("{host}:{port}")
    }

    /// tbpki, about to run with the platform in its environment.
    pub fn tbpki(&self, args: &[&str]) -> Tool {
        self.platform.known_to(self.sandbox.tbpki(args), self.sandbox.join("password"))
    }

    /// Runs tbpki and stops the test unless it ends with 0.
    #[track_caller]
    pub fn ok(&self, args: &[&str]) -> Outcome {
        self.tbpki(args).run().ok()
    }

    /// The result in the report of a command that ends with 0.
    #[track_caller]
    pub fn json(&self, args: &[&str]) -> Value {
        self.ok(&[args, &["--json"]].concat()).json()["result"].clone()
    }

    /// Gives a device an access token, as another user of the platform would.
    #[track_caller]
    pub fn set_token(&self, device: &str, token: &str) {
        self.platform.set_token(device, token);
    }
}
