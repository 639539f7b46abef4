//! From an empty directory to devices that log in: registering, tokens, profiles, and what goes wrong on the way.
//!
//! What only needs what ThingsBoard is known to do runs against a real server as well (`cargo xtask interop --thingsboard
//! URL`).

mod actorcloud;
mod faults;
mod login;
mod messages;
mod profiles;
mod refusals;
mod tokens;

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::Value;
use tb_sim::{ServerKeys, Settings};
use tbpki_tests::clients::{ApiLogin, Files, mosquitto_pub_at, mosquitto_pub_with_token};
use tbpki_tests::platform::Platform;
use tbpki_tests::{Outcome, Sandbox, Tool};

/// The simulator's password: not part of any other text.
const PASSWORD: &str = "correct-horse-battery-staple";

/// A store, and the platform that its devices are registered in.
struct Scene {
    sandbox: Sandbox,
    platform: Platform,
}

impl Scene {
    /// The platform that the environment names, else a simulator.
    #[track_caller]
    fn new() -> Self {
        match std::env::var_os("TBPKI_TEST_THINGSBOARD") {
            Some(_) => Self::on(Sandbox::with_store(), Platform::start()),
            None => Self::simulated(Settings::default()),
        }
    }

    /// A simulator.
    #[track_caller]
    fn simulated(settings: Settings) -> Self {
        let settings = Settings { password: PASSWORD.to_owned(), ..settings };
        Self::on(Sandbox::with_store(), Platform::simulator(settings))
    }

    /// A simulator whose MQTT listener has the keys that `tbpki server` has made.
    #[track_caller]
    fn with_our_server() -> Self {
        let sandbox = Sandbox::with_store();
        sandbox.ok(["server", "--out", "conf"]);
        let (certificate, key) = (sandbox.join("conf/mqttserver.pem"), Some(sandbox.join("conf/mqttserver_key.pem")));
        let server = Some(ServerKeys::Pem { certificate, key, key_password: String::new() });
        Self::on(
            sandbox,
            Platform::simulator(Settings { server, password: PASSWORD.to_owned(), ..Settings::default() }),
        )
    }

    #[track_caller]
    fn on(sandbox: Sandbox, platform: Platform) -> Self {
        private(&sandbox, "password", platform.password());
        // The password of a real platform may be any word, and could well be part of an honest output.
        if platform.sim().is_some() {
            sandbox.hides(PASSWORD);
        }
        Self { sandbox, platform }
    }

    /// tbpki, about to run with the platform in its environment.
    fn tbpki(&self, args: &[&str]) -> Tool {
        self.platform.known_to(self.sandbox.tbpki(args), self.sandbox.join("password"))
    }

    /// Runs tbpki and stops the test unless it ends with 0.
    #[track_caller]
    fn ok(&self, args: &[&str]) -> Outcome {
        self.tbpki(args).run().ok()
    }

    /// Runs tbpki and stops the test unless it fails with this status and this code, and this text.
    #[track_caller]
    fn fails(&self, args: &[&str], status: i32, code: u16, words: &str) -> Outcome {
        self.tbpki(args).run().ends(status).prints(&format!("error[TBPKI-{code:04}]")).prints(words)
    }

    /// A file of a device in the store.
    fn file(&self, device: &str, file: &str) -> PathBuf {
        self.sandbox.join(format!("pki/devices/{device}/{file}"))
    }

    /// The trust anchors of a client: for a server of ours those that tbpki has written.
    fn anchors(&self, device: &str) -> PathBuf {
        match self.sandbox.join("conf").exists() {
            true => self.file(device, "tb-server-chain.pem"),
            false => self.platform.mqtt_ca().to_path_buf(),
        }
    }

    /// The device of this name publishes with its certificate; `shows` is the file that it sends.
    #[track_caller]
    fn publishes(&self, device: &str, shows: &str) -> ApiLogin {
        let (anchors, certificate, key) =
            (self.anchors(device), self.file(device, shows), self.file(device, "key.pem"));
        let (host, port) = self.platform.mqtts();
        mosquitto_pub_at(host, port, &Files { anchors: &anchors, certificate: &certificate, key: Some(&key) })
    }

    /// The device of this name publishes with its token.
    #[track_caller]
    fn publishes_with_token(&self, device: &str) -> ApiLogin {
        let token = self.sandbox.text(format!("pki/devices/{device}/token"));
        let (host, port) = self.platform.mqtts();
        mosquitto_pub_with_token(host, port, &self.anchors(device), token.trim())
    }

    /// The entry of a device in `list --json`.
    #[track_caller]
    fn listed(&self, device: &str) -> Value {
        let list = self.sandbox.ok(["list", "--kind", "device", "--json"]).json();
        let all = list["result"]["identities"].as_array().unwrap();
        all.iter().find(|identity| identity["name"] == device).unwrap_or_else(|| panic!("{list}")).clone()
    }

    /// The number of messages that have arrived from a device; unknown for a real platform.
    #[track_caller]
    fn has_arrived(&self, device: &str, messages: usize) {
        if let Some(sim) = self.platform.sim() {
            assert_eq!(sim.telemetry(device).len(), messages, "{device}");
        }
    }
}

/// A file that only its owner may read.
fn private(sandbox: &Sandbox, name: &str, text: &str) {
    let path = sandbox.write(name, text);
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}
