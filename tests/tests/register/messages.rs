//! What verbs with a platform print, and what they record.

use serde_json::Value;
use tb_sim::Settings;

use crate::{Scene, private};

const BUNDLE: &[&str] = &[
    "bundle-firmware",
    "--device",
    "pump-1",
    "--chip",
    "esp32c3",
    "--app",
    "app.elf",
    "--broker",
    "tb.example",
    "--wifi-ssid",
    "w",
    "--wifi-password-file",
    "wifi",
];

/// The names in `list --json` with these flags.
#[track_caller]
fn names(scene: &Scene, flags: &[&str]) -> Vec<String> {
    let list = scene.sandbox.ok([&["list", "--kind", "device", "--json"], flags].concat()).json();
    let name = |row: &Value| row["name"].as_str().unwrap().to_owned();
    list["result"]["identities"].as_array().unwrap().iter().map(name).collect()
}

#[test]
fn unregister_tells_what_became_of_the_credential() {
    let scene = Scene::simulated(Settings::default());
    scene.ok(&["client", "--device", "pump-1", "--register"]);
    let planned = scene.ok(&["unregister", "--device", "pump-1", "--dry-run"]);
    assert_eq!(
        planned.stdout_text(),
        "would unregister pump-1: its credential in ThingsBoard would become a random token\n"
    );
    let done = scene.ok(&["unregister", "--device", "pump-1"]);
    assert_eq!(
        done.stdout_text(),
        "unregistered pump-1: its credential in ThingsBoard is now a random token\n  \
         to undo it      tbpki register --device pump-1 --again --replace\n"
    );
    // The way back that it names.
    scene.ok(&["register", "--device", "pump-1", "--again", "--replace"]).prints("credential replaced");
    let help = scene.sandbox.ok(["unregister", "--help"]).stdout_text();
    assert!(help.contains("`tbpki register --again --replace`"), "{help}");
    let planned = scene.ok(&["unregister", "--device", "pump-1", "--delete-device", "--dry-run"]);
    assert_eq!(planned.stdout_text(), "pump-1 would be deleted from ThingsBoard with its data\n");
    let deleted = scene.ok(&["unregister", "--device", "pump-1", "--delete-device", "--yes"]);
    assert_eq!(deleted.stdout_text(), "deleted pump-1 from ThingsBoard with its data\n");
}

#[test]
fn a_platform_that_was_never_reached_is_no_failure_of_a_device() {
    let scene = Scene::simulated(Settings::default());
    scene.ok(&["client", "--device", "pump-1"]);
    scene.ok(&["client", "--device", "pump-2"]);
    private(&scene.sandbox, "wrong", "not the password");
    let wrong: [(&[&str], u16); 3] = [
        // A port without a listener, a name that cannot be resolved (RFC 6761, section 6.4), and a wrong password.
        (&["--platform-url", "http://127.0.0.1:1"], 100),
        (&["--platform-url", "http://tb.invalid", "--allow-plain-http"], 100),
        (&["--platform-password-file", "wrong"], 126),
    ];
    for (flags, code) in wrong {
        for devices in [&["--all"][..], &["--device", "pump-1"], &["--device", "pump-1,pump-2"]] {
            let args = [&["register"][..], devices, flags].concat();
            scene.fails(&args, 1, code, "");
            assert_eq!(names(&scene, &["--failed"]), [""; 0], "{args:?}");
        }
    }
    scene.ok(&["report", "--out", "fleet.html", "--json"]);
    let report = scene.sandbox.ok(["report", "--out", "fleet.html", "--force", "--json"]).json();
    assert_eq!((&report["result"]["fleet"]["failed"], &report["result"]["fleet"]["devices"]), (&0.into(), &2.into()));
    scene.ok(&["register", "--all"]);
}

#[test]
fn a_device_with_a_token_is_listed_with_its_kind_of_credential() {
    let scene = Scene::simulated(Settings::default());
    scene.ok(&["token", "--create", "--device", "meter-1"]);
    scene.ok(&["client", "--device", "pump-1"]);
    assert_eq!(names(&scene, &[]), ["pump-1", "meter-1"]);
    assert_eq!(names(&scene, &["--state", "registered"]), ["meter-1"]);
    assert_eq!(names(&scene, &["--name", "meter-*"]), ["meter-1"]);
    for other in [&["--unregistered"][..], &["--unbundled"], &["--expiring-within", "99y"], &["--state", "issued"]] {
        assert_eq!(names(&scene, other), ["pump-1"], "{other:?}");
    }
    let listed = scene.listed("meter-1");
    assert_eq!((&listed["credential"], &listed["state"]), (&"token".into(), &"registered".into()));
    assert_eq!(scene.listed("pump-1")["credential"], "certificate");
    let table = scene.sandbox.ok(["list"]).stdout_text();
    let line = table.lines().find(|line| line.contains("meter-1")).unwrap();
    assert_eq!(line.split_whitespace().collect::<Vec<_>>(), ["device", "meter-1", "registered", "access", "token"]);
    let csv = scene.sandbox.ok(["list", "--csv", "--name", "meter-1"]).stdout_text();
    assert!(csv.lines().nth(1).unwrap().ends_with(",token,"), "{csv}");
    let report = scene.sandbox.ok(["report", "--out", "fleet.html", "--json"]).json();
    assert_eq!(report["result"]["fleet"]["tokens"], 1);
    assert!(scene.sandbox.text("fleet.html").contains("<li><bdi>meter-1</bdi></li>"));
    // With a certificate it is one device, not two.
    scene.ok(&["client", "--device", "meter-1"]);
    assert_eq!(names(&scene, &[]), ["meter-1", "pump-1"]);
}

#[test]
fn a_device_that_is_registered_and_bundled_is_both() {
    let scene = Scene::simulated(Settings::default());
    scene.sandbox.write("app.elf", testkit::application::Sample::new("esp32c3").elf());
    scene.sandbox.write("wifi", "a password\n");
    scene.ok(&["client", "--device", "pump-1", "--register"]);
    scene.ok(&["client", "--device", "pump-2", "--register"]);
    scene.sandbox.ok(BUNDLE);
    assert_eq!(names(&scene, &["--state", "registered"]), ["pump-1", "pump-2"]);
    assert_eq!(names(&scene, &["--state", "bundled"]), ["pump-1"]);
    assert_eq!(names(&scene, &["--state", "registered,bundled"]), ["pump-1", "pump-2"]);
    let table = scene.sandbox.ok(["list", "--name", "pump-1"]).stdout_text();
    assert_eq!(scene.sandbox.ok(["list", "pump-1"]).stdout_text(), table);
    scene.sandbox.fails(["list", "pump-1", "--name", "pump-1"], 2, "TBPKI-0011");
    assert!(table.contains("registered, bundled"), "{table}");
    // What was taken from the platform is only bundled.
    scene.ok(&["unregister", "--device", "pump-1"]);
    assert_eq!(names(&scene, &["--state", "registered"]), ["pump-2"]);
    assert_eq!(names(&scene, &["--state", "bundled"]), ["pump-1"]);
}

/// A check of a device against the simulator, which fails at the login.
#[track_caller]
fn checked(scene: &Scene, device: &str) -> String {
    let (host, port) = scene.platform.mqtts();
    let target = format!("{host}:{port}");
    let ca = scene.platform.mqtt_ca().to_str().unwrap().to_owned();
    scene.sandbox.tbpki(["check", &target, "--device", device, "--cafile", &ca]).run().ends(3).stdout_text()
}

#[test]
fn check_names_the_profile_of_a_device_that_is_not_registered() {
    let scene = Scene::simulated(Settings::default());
    scene.ok(&["profile", "create", "pumps"]);
    scene.ok(&["client", "--device", "pump-1", "--profile", "pumps"]);
    let text = checked(&scene, "pump-1");
    assert!(text.contains("the CA of the profile pumps issued it, which creates no devices"), "{text}");
    assert!(text.contains("tbpki profile create pumps --create-devices --replace"), "{text}");
    assert!(!text.contains("paste cert.pem"), "{text}");
    scene.ok(&["client", "--device", "valve-1"]);
    assert!(checked(&scene, "valve-1").contains("paste cert.pem"));
}

#[test]
fn a_device_of_a_profile_keeps_its_profile_without_the_flag() {
    let scene = Scene::simulated(Settings::default());
    scene.ok(&["profile", "create", "pumps"]);
    scene.ok(&["client", "--device", "pump-1", "--profile", "pumps"]);
    let issuer = |args: &[&str]| {
        let report = scene.ok(&[args, &["--json"]].concat()).json();
        report["result"]["certificate"]["issuer"].as_str().unwrap().to_owned()
    };
    let client = ["client", "--device", "pump-1"];
    assert_eq!(scene.ok(&[&client[..], &["--json"]].concat()).json()["result"]["done"], "unchanged");
    assert_eq!(issuer(&[&client[..], &["--force"]].concat()), "CN=pumps issuing CA");
    assert_eq!(issuer(&[&client[..], &["--force", "--dry-run"]].concat().clone()[..3]), "CN=pumps issuing CA");
    // Registered without the flag, it is created in its profile, whatever keygen.toml names for others.
    let tool = scene.tbpki(&["register", "--device", "pump-1"]).env("TBPKI_PLATFORM_PROFILE", "default");
    tool.run().ok().prints("created");
    let tenant = scene.platform.sign_in();
    assert_eq!(tenant.device_named("pump-1").unwrap()["type"], "pumps");
    // A person can move it.
    scene.fails(&["client", "--device", "pump-1", "--default-ca"], 1, 95, "issuer: ");
    assert_eq!(issuer(&["client", "--device", "pump-1", "--default-ca", "--force"]), "CN=tbpki devices issuing CA");
}

#[test]
fn a_fleet_member_of_a_profile_keeps_its_profile_without_the_flag() {
    let scene = Scene::simulated(Settings::default());
    scene.ok(&["profile", "create", "pumps"]);
    scene.sandbox.write("names.csv", "name,profile\nf-1,pumps\nf-2,\n");
    scene.sandbox.ok(["fleet", "issue", "--from", "names.csv", "--out", "fleet"]);
    let client = ["client", "--device", "f-1", "--json"];
    let taken_out = scene.ok(&client).json();
    assert_eq!(taken_out["result"]["generation"], 1, "{taken_out}");
    assert_eq!(taken_out["result"]["certificate"]["issuer"], "CN=pumps issuing CA");
    let renewed = scene.ok(&[&client[..], &["--force"]].concat()).json();
    assert_eq!(renewed["result"]["certificate"]["issuer"], "CN=pumps issuing CA", "{renewed}");
    let other = scene.ok(&["client", "--device", "f-2", "--force", "--json"]).json();
    assert_eq!(other["result"]["certificate"]["issuer"], "CN=tbpki devices issuing CA");
}

#[test]
fn effects_of_a_login_are_told_once() {
    let scene = Scene::with_our_server();
    scene.ok(&["client", "--device", "pump-1", "--register"]);
    let (host, port) = scene.platform.mqtts();
    let outcome = scene.sandbox.ok(["check", &format!("{host}:{port}"), "--device", "pump-1"]);
    let all = format!("{}{}", outcome.stdout_text(), outcome.stderr_text());
    assert_eq!(all.matches("will be ended").count(), 1, "{all}");
}
