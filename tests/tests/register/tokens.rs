//! One-way TLS: the device verifies the server and shows a token.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tbpki_tests::oracle::python3;
use tbpki_tests::platform::unique;

use crate::Scene;

#[test]
fn a_token_is_fetched_and_logs_in() {
    let (scene, device) = (Scene::new(), unique("token"));
    let tenant = scene.platform.sign_in();
    scene.fails(&["token", "--device", &device], 1, 134, "no device");
    let made = tenant.device(&device);
    let token = tenant.credentials(&made)["credentialsId"].as_str().unwrap().to_owned();
    let shown = scene.ok(&["token", "--device", &device, "--show"]);
    assert_eq!(shown.stdout_text().trim(), token);
    let json = scene.ok(&["token", "--device", &device, "--show", "--json"]).json();
    assert_eq!(json["result"]["token"], token.as_str());
    // From here on only --show would print it.
    scene.sandbox.hides(&token);
    let json = scene.ok(&["token", "--device", &device, "--json"]).json();
    assert_eq!((&json["result"]["done"], json["result"].get("token")), (&"unchanged".into(), None));
    assert_eq!(scene.sandbox.text(format!("pki/devices/{device}/token")), format!("{token}\n"));
    let mode = fs::metadata(scene.file(&device, "token")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    assert!(scene.file(&device, "tb-server-chain.pem").exists());
    scene.publishes_with_token(&device).succeeds();
}

#[test]
fn a_device_is_made_for_a_token_when_that_is_asked_for() {
    let scene = Scene::with_our_server();
    scene.ok(&["token", "--device", "lamp", "--create", "--dry-run"]).prints("planned");
    assert!(scene.platform.sim().unwrap().devices().is_empty());
    scene.ok(&["token", "--device", "lamp", "--create", "--label", "roof"]).prints("created");
    assert_eq!(scene.platform.sim().unwrap().device("lamp").unwrap()["label"], "roof");
    scene.publishes_with_token("lamp").succeeds();
    scene.has_arrived("lamp", 1);
    scene.ok(&["token", "--device", "lamp", "--create"]).prints("unchanged");
}

#[test]
fn a_token_is_set_from_a_file_and_never_from_the_command_line() {
    let (scene, device) = (Scene::new(), unique("set"));
    let tenant = scene.platform.sign_in();
    tenant.device(&device);
    // From its end, where it differs; more than 32 characters are not taken.
    let token = unique("t").chars().rev().take(24).collect::<String>();
    scene.sandbox.hides(&token);
    scene.sandbox.write("token", format!("{token}\n"));
    scene.ok(&["token", "--device", &device, "--set-file", "token"]).prints("credential replaced");
    scene.publishes_with_token(&device).succeeds();
    let stdin = |args: &[&str]| scene.tbpki(args).stdin(format!("{token}\n")).run();
    stdin(&["token", "--device", &device, "--set-file", "-"]).ok().prints("unchanged");
    // `provision` is the user name by which new devices ask for credentials: as a token it would never reach the
    // device.
    for (bad, word) in [("with space", "32 printable"), (&"x".repeat(33), "32 printable"), ("provision", "provision")] {
        scene.sandbox.write("bad", bad);
        scene.fails(&["token", "--device", &device, "--set-file", "bad"], 1, 3, word);
    }
    // Two devices cannot share one.
    let other = unique("other");
    tenant.device(&other);
    scene.fails(&["token", "--device", &other, "--set-file", "token"], 1, 136, "another device");
}

#[test]
fn a_certificate_does_not_give_way_to_a_token_unasked() {
    let (scene, device) = (Scene::new(), unique("certified"));
    let tenant = scene.platform.sign_in();
    scene.ok(&["client", "--device", &device, "--register"]);
    tenant.device_named(&device);
    scene.fails(&["token", "--device", &device], 1, 148, "the certificate");
    scene.sandbox.write("token", unique("t").chars().rev().take(24).collect::<String>());
    scene.fails(&["token", "--device", &device, "--set-file", "token"], 1, 137, "the certificate");
    scene.publishes(&device, "cert.pem").succeeds();
    scene.ok(&["token", "--device", &device, "--set-file", "token", "--replace"]);
    scene.publishes(&device, "cert.pem").is_refused("not authorised");
    scene.publishes_with_token(&device).succeeds();
}

/// Changes the ledger behind the back of tbpki.
fn sql(scene: &Scene, statement: &str) {
    let script = "import sqlite3, sys\nwith sqlite3.connect(sys.argv[1]) as db: db.execute(sys.argv[2])";
    python3().args(["-c", script]).arg(scene.sandbox.join("pki/ledger.db")).arg(statement).run().ok();
}

/// Makes the ledger fail at such an event from now on, as on a disk that is lost meanwhile.
fn fails_at(scene: &Scene, event: &str) {
    sql(scene, &format!("CREATE TRIGGER lost BEFORE {event} BEGIN SELECT RAISE(ABORT, 'the disk is gone'); END"));
}

/// The token that the platform has for a device.
fn token_of(scene: &Scene, device: &str) -> String {
    scene.platform.sim().unwrap().credentials(device).unwrap().id
}

#[test]
fn a_token_is_not_lost_with_the_ledger() {
    let scene = Scene::with_our_server();
    scene.ok(&["client", "--device", "pump", "--register"]);
    fails_at(&scene, "DELETE ON lease");
    // The lease ends by itself.
    scene.ok(&["token", "--device", "lamp", "--create"]);
    assert_eq!(scene.sandbox.text("pki/devices/lamp/token"), format!("{}\n", token_of(&scene, "lamp")));

    sql(&scene, "DROP TRIGGER lost");
    fails_at(&scene, "UPDATE ON identity");
    scene.sandbox.write("token", "a-token-that-was-set\n");
    let set = ["token", "--device", "pump", "--set-file", "token", "--replace"];
    assert_ne!(scene.tbpki(&set).run().status, 0);
    assert_eq!(token_of(&scene, "pump"), "a-token-that-was-set");
    assert_eq!(scene.sandbox.text("pki/devices/pump/token"), "a-token-that-was-set\n");
}
