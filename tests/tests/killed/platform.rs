//! The verbs that write to a platform, killed at writes and before messages: what the ledger states is true on the
//! platform, and the same command finishes.

use std::io;
use std::process::Command;

use serde_json::Value;
use tb_sim::{CredentialsType, Settings, Thingsboard};
use tbpki_tests::forge::sql;
use tbpki_tests::kill::{Step, kill_at_every_message, kill_at_some_writes};
use tbpki_tests::leftovers::assert_private;
use tbpki_tests::platform::Platform;
use tbpki_tests::{Sandbox, Tool};
use testkit::application::Sample;

/// Kills at writes. Messages to the platform are fewer: each of them is one.
const KILLS: usize = 10;

/// A copy of a store, with a platform of its own.
struct Scene {
    sandbox: Sandbox,
    platform: Platform,
}

impl Scene {
    /// A copy of `start` on a new platform on which `before` were done.
    fn of(start: &Sandbox, before: &[&[&str]]) -> Self {
        let sandbox = start.copy();
        let platform = Platform::simulator_in(&sandbox, Settings::default());
        let scene = Self { sandbox, platform };
        for args in before {
            scene.ok(args);
        }
        scene
    }

    fn tbpki(&self, args: &[&str]) -> Tool {
        self.platform.known_to(self.sandbox.tbpki(args), self.sandbox.join("password"))
    }

    #[track_caller]
    fn ok(&self, args: &[&str]) {
        self.tbpki(args).run().ok();
    }

    fn sim(&self) -> &Thingsboard {
        self.platform.sim().unwrap()
    }

    /// All generations of all identities.
    #[track_caller]
    fn rows(&self) -> Vec<Value> {
        // As this platform has them: the store may know another one.
        let listed = self.tbpki(&["list", "--all", "--json"]).run().ok().json();
        listed["result"]["identities"].as_array().unwrap().clone()
    }

    /// The generations of a device that are in use: exactly one.
    #[track_caller]
    fn current(&self, device: &str, step: &Step) -> Value {
        let rows = self.rows();
        let mut current = rows.iter().filter(|row| row["name"] == device && row["role"] == "current");
        let found = current.next().unwrap_or_else(|| panic!("{device} has no identity after {step}"));
        assert!(current.next().is_none(), "{device} has two identities after {step}");
        found.clone()
    }

    /// Stops the test unless the platform has the certificate that the ledger states as registered.
    #[track_caller]
    fn is_true(&self, step: &Step) {
        for row in self.rows() {
            let is_registered = row["registered_at"].is_string() || row["state"] == "registered";
            // A device with a token has none, and one that is being unregistered may have none any more.
            let is_expected = row["credentials_id"].is_string() && row.get("unregistered_at").is_none();
            if row["kind"] == "device" && row["role"] == "current" && is_registered && is_expected {
                self.has(row["name"].as_str().unwrap(), &row, step);
            }
        }
    }

    /// Stops the test unless the platform has this certificate of the device.
    #[track_caller]
    fn has(&self, device: &str, row: &Value, step: &Step) {
        let stored = self.sim().credentials(device);
        let stored = stored.unwrap_or_else(|| panic!("{device} is not on the platform after {step}"));
        assert_eq!(stored.kind, CredentialsType::X509Certificate, "{device} after {step}");
        assert_eq!(row["credentials_id"], stored.id, "{device} after {step}");
    }
}

/// Kills a verb at some of its writes and before each of its messages. After each kill the same command has to end with 0,
/// and `check` looks at what there is then.
fn kill(start: &Sandbox, before: &[&[&str]], args: &[&str], check: impl Fn(&Scene, &Step)) {
    kill_and_look(start, before, args, |_, _| {}, check);
}

/// As [`kill`]; `between` looks at what a kill has left.
fn kill_and_look(
    start: &Sandbox,
    before: &[&[&str]],
    args: &[&str],
    between: impl Fn(&Scene, &Step),
    check: impl Fn(&Scene, &Step),
) {
    let prepare = || -> io::Result<(Command, Scene)> {
        let scene = Scene::of(start, before);
        Ok((scene.tbpki(args).command(), scene))
    };
    let look = |step: &Step, scene: Scene| {
        assert_private(scene.sandbox.path(), step);
        scene.is_true(step);
        between(&scene, step);
        let keys = keys(&scene.sandbox);
        let outcome = scene.tbpki(args).run();
        assert!(outcome.status == 0, "run again it does not finish: {outcome}\nafter {step}");
        scene.is_true(step);
        let now = self::keys(&scene.sandbox);
        assert!(keys.iter().all(|key| now.contains(key)), "a key is gone after {step}");
        check(&scene, step);
        assert_private(scene.sandbox.path(), step);
        scene.ok(args);
    };
    let writes = kill_at_some_writes(KILLS, prepare, look).unwrap();
    let messages = kill_at_every_message(prepare, look).unwrap();
    println!("tbpki {}: {writes} writes, {messages} messages", args.join(" "));
    assert!(writes >= KILLS && messages > 0, "{writes} {messages}");
}

/// The keys of issued identities and of CAs, wherever they are.
fn keys(sandbox: &Sandbox) -> Vec<Vec<u8>> {
    let is_key = |path: &std::path::Path| path.ends_with("key.pem") && !path.to_string_lossy().contains(".tbpki-");
    sandbox.files().iter().filter(|path| is_key(path)).map(|path| sandbox.read(path)).collect()
}

/// A store with a device.
fn store() -> Sandbox {
    let start = Sandbox::in_memory().make_store();
    start.ok(["client", "--device", "pump-1"]);
    start
}

#[test]
fn a_registered_device() {
    kill(&store(), &[], &["register", "--device", "pump-1"], |scene, step| {
        assert_eq!(scene.sim().devices(), ["pump-1"], "after {step}");
        scene.has("pump-1", &scene.current("pump-1", step), step);
        // The credentials were saved once, whichever run did it.
        assert_eq!(scene.sim().credentials("pump-1").unwrap().version, 1, "after {step}");
    });
}

/// A store with a device that is registered at another platform than that of a scene.
fn registered_elsewhere() -> Sandbox {
    let start = store();
    sql(
        &start.join("pki/ledger.db"),
        "INSERT INTO platform (id, url, made_at) VALUES (1, 'https://first.example', 1); \
         UPDATE identity SET state = 'registered', registered_at = 1 WHERE name = 'pump-1'",
    );
    start
}

/// Stops the test unless the first platform has the device as before.
#[track_caller]
fn is_registered_elsewhere(scene: &Scene, step: &Step) {
    let listed = scene.sandbox.ok(["list", "--json", "--name", "pump-1"]).json();
    let row = &listed["result"]["identities"][0];
    assert_eq!(
        (&row["state"], &row["registered_at"]),
        (&"registered".into(), &"1970-01-01T00:00:01Z".into()),
        "{step}"
    );
    assert_eq!(row.get("unregistered_at"), None, "{step}");
}

#[test]
fn a_device_that_is_registered_at_a_second_platform() {
    kill(&registered_elsewhere(), &[], &["register", "--device", "pump-1"], |scene, step| {
        scene.has("pump-1", &scene.current("pump-1", step), step);
        assert_eq!(scene.sim().credentials("pump-1").unwrap().version, 1, "after {step}");
        is_registered_elsewhere(scene, step);
    });
}

#[test]
fn a_device_that_is_taken_from_a_second_platform() {
    let before: &[&[&str]] = &[&["register", "--device", "pump-1"]];
    let bulk = |scene: &Scene, step: &Step| {
        let before = scene.sim().credentials("pump-1").map(|stored| stored.id);
        scene.tbpki(&["register", "--all", "--replace"]).run();
        assert_eq!(scene.sim().credentials("pump-1").map(|stored| stored.id), before, "after {step}");
    };
    let args = ["unregister", "--device", "pump-1"];
    kill_and_look(&registered_elsewhere(), before, &args, bulk, |scene, step| {
        assert_eq!(scene.sim().credentials("pump-1").unwrap().kind, CredentialsType::AccessToken, "after {step}");
        is_registered_elsewhere(scene, step);
        bulk(scene, step);
    });
}

#[test]
fn a_device_that_is_issued_and_registered() {
    let start = Sandbox::in_memory().make_store();
    kill(&start, &[], &["client", "--device", "pump-1", "--register"], |scene, step| {
        assert_eq!(scene.sim().devices(), ["pump-1"], "after {step}");
        scene.has("pump-1", &scene.current("pump-1", step), step);
        scene.sandbox.ok(["verify", "pki/devices/pump-1/chain.pem", "--key", "pki/devices/pump-1/key.pem"]);
    });
}

#[test]
fn a_device_with_a_new_certificate_that_the_platform_gets() {
    let before: &[&[&str]] = &[&["register", "--device", "pump-1"], &["client", "--device", "pump-1", "--force"]];
    kill(&store(), before, &["register", "--device", "pump-1", "--replace"], |scene, step| {
        scene.has("pump-1", &scene.current("pump-1", step), step);
        assert_eq!(scene.sim().credentials("pump-1").unwrap().version, 2, "after {step}");
    });
}

#[test]
fn a_token_that_is_fetched_or_set() {
    let start = Sandbox::in_memory().make_store();
    start.write("token", "a-token-of-24-characters\n");
    start.private("token");
    for args in [
        &["token", "--device", "lamp", "--create"][..],
        &["token", "--device", "lamp", "--create", "--set-file", "token"],
    ] {
        kill(&start, &[], args, |scene, step| {
            assert_eq!(scene.sim().devices(), ["lamp"], "after {step}");
            let stored = scene.sim().credentials("lamp").unwrap();
            assert_eq!(stored.kind, CredentialsType::AccessToken, "after {step}");
            assert_eq!(scene.sandbox.text("pki/devices/lamp/token"), format!("{}\n", stored.id), "after {step}");
            assert!(args.len() == 4 || stored.id == "a-token-of-24-characters", "after {step}");
        });
    }
}

#[test]
fn a_device_that_is_taken_from_the_platform() {
    let before: &[&[&str]] = &[&["register", "--device", "pump-1"]];
    for args in
        [&["unregister", "--device", "pump-1"][..], &["unregister", "--device", "pump-1", "--delete-device", "--yes"]]
    {
        // Bulk verbs do not bring back what an interrupted run has taken away.
        let bulk = |scene: &Scene, step: &Step| {
            let before = scene.sim().credentials("pump-1").map(|stored| stored.id);
            let outcome = scene.tbpki(&["register", "--all", "--replace"]).run();
            let now = scene.sim().credentials("pump-1").map(|stored| stored.id);
            assert_eq!(now, before, "{outcome} after {step}");
        };
        kill_and_look(&store(), before, args, bulk, |scene, step| {
            let stored = scene.sim().credentials("pump-1");
            assert_eq!(stored.is_none(), args.len() > 3, "after {step}");
            assert!(stored.is_none_or(|stored| stored.kind == CredentialsType::AccessToken), "after {step}");
            bulk(scene, step);
        });
    }
}

const CREATE: &[&str] =
    &["profile", "create", "pumps", "--create-devices", "--accept-issuer-risk", "--example", "pump-1"];

/// The generations of the profile's CA, with their roles.
#[track_caller]
fn generations(scene: &Scene) -> Vec<(u64, String)> {
    let rows = scene.sandbox.ok(["ca", "list", "--json"]).json()["result"]["cas"].as_array().unwrap().clone();
    let of_profile = rows.iter().filter(|row| row["name"] == "profile-pumps");
    of_profile.map(|row| (row["generation"].as_u64().unwrap(), row["role"].as_str().unwrap().to_owned())).collect()
}

/// Stops the test unless the profile has the CA that is in the store.
#[track_caller]
fn profile_has(scene: &Scene, step: &Step) {
    let shown = scene.tbpki(&["profile", "show", "pumps", "--json"]).run().ok().json();
    let profile = &shown["result"]["profiles"][0];
    let is_there = profile["platform"]["certificate_id"].is_string();
    assert!(is_there && profile["platform"]["as_in_store"] == true, "{shown} after {step}");
}

#[test]
fn a_profile_with_a_ca() {
    kill(&Sandbox::in_memory().make_store(), &[], CREATE, |scene, step| {
        // A generation that never was delivered is void, and has a number.
        let roles: Vec<_> = generations(scene).into_iter().map(|(_, role)| role).collect();
        assert_eq!(roles, ["current"], "after {step}");
        profile_has(scene, step);
        scene.ok(&["client", "--device", "pump-1", "--profile", "pumps"]);
        scene.sandbox.ok(["verify", "pki/devices/pump-1/chain.pem"]);
    });
}

#[test]
fn a_ca_of_a_profile_that_is_replaced() {
    let before: &[&[&str]] =
        &[CREATE, &["client", "--device", "pump-1", "--profile", "pumps"], &["ca", "prepare", "profile-pumps"]];
    let activate = &["ca", "activate", "profile-pumps", "--create"];
    kill(&Sandbox::in_memory().make_store(), before, activate, |scene, step| {
        let expected = [(2, "current".to_owned()), (1, "superseded".to_owned())];
        assert_eq!(generations(scene), expected, "after {step}");
        profile_has(scene, step);
        // The device that the replaced generation has issued stays in by its own certificate.
        scene.has("pump-1", &scene.current("pump-1", step), step);
        scene.ok(&["client", "--device", "pump-2", "--profile", "pumps"]);
        scene.sandbox.ok(["verify", "pki/devices/pump-2/chain.pem"]);
        assert_eq!(scene.current("pump-2", step)["role"], "current");
    });
}

#[test]
fn a_fleet_that_is_issued_registered_and_bundled() {
    let start = Sandbox::in_memory().make_store();
    start.write("app.elf", Sample::new("esp32c3").elf());
    start.write("wifi", "a password of the network");
    start.private("wifi");
    let run = [
        "fleet",
        "run",
        "--count=3",
        "--name-pattern=pump-{}",
        "--out=fleet",
        "--chip=esp32c3",
        "--app=app.elf",
        "--broker=broker.example",
        "--wifi-ssid=x",
        "--wifi-password-file=wifi",
    ];
    kill(&start, &[], &run, |scene, step| {
        assert_eq!(scene.sim().devices().len(), 3, "after {step}");
        for name in ["pump-1", "pump-2", "pump-3"] {
            let row = scene.current(name, step);
            assert_eq!((&row["state"], row.get("last_error")), (&"bundled".into(), None), "{row} after {step}");
            scene.has(name, &row, step);
            assert_eq!(scene.sim().credentials(name).unwrap().version, 1, "{name} after {step}");
        }
        let files = scene.sandbox.files();
        let of = |kind: &str| files.iter().filter(|path| path.to_string_lossy().starts_with(kind)).count();
        assert_eq!((of("fleet/shard-"), of("fleet/bundle-")), (3, 3), "{files:?} after {step}");
    });
}

// After each kill the lease of the killed process has to end first, which takes minutes in all.
#[test]
#[ignore = "long: cargo xtask interop life"]
fn life_a_revoked_device_that_is_taken_from_the_platform() {
    let start = store();
    start.ok(["crl"]);
    let before: &[&[&str]] = &[&["register", "--device", "pump-1"]];
    kill(&start, before, &["revoke", "--device", "pump-1", "--reason", "keyCompromise"], |scene, step| {
        let stored = scene.sim().credentials("pump-1").unwrap();
        assert_eq!(stored.kind, CredentialsType::AccessToken, "after {step}");
        let rows = scene.rows();
        let states: Vec<_> = rows.iter().filter(|row| row["name"] == "pump-1").map(|row| &row["role"]).collect();
        assert_eq!(states, ["revoked"], "after {step}");
        scene.ok(&["register", "--all"]);
        assert_eq!(scene.sim().credentials("pump-1").unwrap().id, stored.id, "after {step}");
    });
}
