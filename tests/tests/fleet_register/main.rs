//! `tbpki fleet register`, `bundle` and `run`, against a simulator that can fail in every way.

mod attributes;
mod bundles;
mod bundles_again;
mod bundles_common;
mod faults;
mod finished;
mod hundred_kills;
mod hundred_kills_of_renewals;
mod interrupted;
mod kept_ca;
mod keyless;
mod keyless_runs;
mod outcomes;
mod run;
mod unregistered;

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;
use tb_sim::Settings;
use tbpki_tests::platform::Platform;
use tbpki_tests::{Outcome, Sandbox, Tool};

/// The simulator's password: not part of any other text.
const PASSWORD: &str = "correct-horse-battery-staple";

/// A fleet that is issued, and the platform that it is to be registered in.
struct Fleet {
    sandbox: Sandbox,
    platform: Platform,
}

impl Fleet {
    /// Devices `pump-1`, `pump-2` and so on, in shards.
    #[track_caller]
    fn of(count: u32) -> Self {
        let fleet = Self::empty();
        fleet.issue(&["--count", &count.to_string(), "--name-pattern", "pump-{}", "--out", "fleet"]);
        fleet
    }

    /// None yet.
    #[track_caller]
    fn empty() -> Self {
        let sandbox = Sandbox::in_memory().make_store();
        let settings = Settings { password: PASSWORD.to_owned(), ..Settings::default() };
        let fleet = Self { sandbox, platform: Platform::simulator(settings) };
        fleet.password(PASSWORD);
        fleet.sandbox.hides(PASSWORD);
        fleet
    }

    #[track_caller]
    fn issue(&self, args: &[&str]) {
        self.sandbox.ok([&["fleet", "issue"], args].concat());
    }

    fn sim(&self) -> &tb_sim::Thingsboard {
        self.platform.sim().unwrap()
    }

    /// Sets the password with which the next runs log in.
    fn password(&self, password: &str) {
        let path = self.sandbox.write("password", password);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// tbpki, about to run with the platform in its environment.
    fn tbpki(&self, args: &[&str]) -> Tool {
        self.platform.known_to(self.sandbox.tbpki(args), self.sandbox.join("password"))
    }

    fn register(&self, args: &[&str]) -> Outcome {
        self.tbpki(&[&["fleet", "register", "--json"], args].concat()).run()
    }

    /// Stops the test unless everybody of this fleet is registered with the certificate that the ledger knows, once.
    #[track_caller]
    fn is_registered(&self, count: usize) {
        let ours = self.devices();
        assert_eq!(ours.len(), count);
        let mut theirs = self.sim().devices();
        assert_eq!(theirs.len(), count, "devices in the platform");
        theirs.sort();
        theirs.dedup();
        assert_eq!(theirs.len(), count, "no name twice");
        for device in ours {
            let name = device["name"].as_str().unwrap();
            assert_eq!((&device["state"], device.get("last_error")), (&"registered".into(), None), "{name}");
            assert_eq!(self.sim().credentials(name).unwrap().id, device["credentials_id"].as_str().unwrap(), "{name}");
        }
    }

    /// The devices in `list --json`.
    #[track_caller]
    fn devices(&self) -> Vec<Value> {
        let list = self.sandbox.ok(["list", "--kind", "device", "--json"]).json();
        list["result"]["identities"].as_array().unwrap().clone()
    }

    /// The number of devices that the ledger knows as registered.
    #[track_caller]
    fn registered(&self) -> usize {
        self.devices().iter().filter(|device| device["state"] == "registered").count()
    }

    /// The number of requests of this kind that were answered with 200.
    fn answered(&self, method: &str, path: &str) -> usize {
        let requests = self.sim().requests();
        requests.iter().filter(|one| one.method == method && one.path == path && one.status == Some(200)).count()
    }
}

/// The phase of a report.
fn phase(outcome: &Outcome) -> Value {
    outcome.json()["result"]["phases"][0].clone()
}
