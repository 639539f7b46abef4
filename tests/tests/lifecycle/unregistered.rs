//! Devices that were taken from the platform are renewed like others, and no renewal brings them back.

use serde_json::json;
use tbpki_tests::forge::{age, sql};

use crate::renew::leaf;
use crate::scene::{IMAGE, Scene, json, write_image_files};

const LEDGER: &str = "pki/ledger.db";

/// The credential of a device on the platform; `None` if there is no such device.
fn credential(scene: &Scene, name: &str) -> Option<String> {
    scene.platform.sim().unwrap().credentials(name).map(|stored| stored.id)
}

/// The roles of a device's generations, and whether each is unregistered.
fn generations(scene: &Scene, name: &str) -> Vec<(String, bool)> {
    let rows = json(&scene.sandbox.ok(["list", "--all", "--json", "--name", name]));
    let rows = rows["identities"].as_array().unwrap().iter();
    rows.map(|row| (row["role"].as_str().unwrap().to_owned(), row["unregistered_at"].is_string())).collect()
}

#[test]
fn a_timer_renews_unregistered_devices_and_bulk_verbs_still_skip_them() {
    let scene = Scene::new();
    for name in ["pump-1", "pump-2"] {
        scene.ok(&["client", "--device", name, "--days", "90", "--register"]);
        age(&scene.sandbox.join(LEDGER), name, 80);
    }
    // A renewal that waits when its device is unregistered is kept away, too.
    scene.ok(&["renew", "--device", "pump-2"]);
    scene.ok(&["unregister", "--device", "pump-1", "--delete-device", "--yes"]);
    scene.ok(&["unregister", "--device", "pump-2"]);
    let token = credential(&scene, "pump-2");
    scene.ok(&["renew", "--all", "--due"]);
    assert_eq!(generations(&scene, "pump-1"), [("superseded".to_owned(), true), ("current".to_owned(), true)]);
    assert!(generations(&scene, "pump-2").last().unwrap().1);
    for bulk in [&["register", "--all"][..], &["register", "--all", "--replace"]] {
        let report = scene.json(bulk);
        assert_eq!((&report["registered"], &report["skipped"]), (&json!(0), &json!(2)), "{bulk:?}");
    }
    assert_eq!((credential(&scene, "pump-1"), credential(&scene, "pump-2")), (None, token));
    scene.tbpki(&["register", "--device", "pump-1"]).run().ends(1).prints("TBPKI-0259").prints("--again");

    // It comes back with its renewal when an operator wants it.
    scene.ok(&["register", "--device", "pump-1", "--again"]);
    let present = leaf(&scene.sandbox, "pki/devices/pump-1/cert.pem");
    assert_eq!(credential(&scene, "pump-1"), Some(present.credentials_id()));
    assert_eq!(generations(&scene, "pump-1").last().unwrap(), &("current".to_owned(), false));
}

#[test]
fn an_interrupted_swap_is_over_when_its_device_is_taken_from_the_platform() {
    let scene = Scene::new();
    scene.ok(&["client", "--device", "pump-1", "--days", "90", "--register"]);
    age(&scene.sandbox.join(LEDGER), "pump-1", 80);
    scene.ok(&["renew", "--device", "pump-1"]);
    // As a run leaves it that was killed while the platform changed.
    sql(
        &scene.sandbox.join(LEDGER),
        "INSERT INTO renewal_step (identity, step) SELECT id, 'swap' FROM identity WHERE role = 'pending'",
    );
    scene.tbpki(&["renew", "--all", "--due"]).run().ends(4).prints("swap");
    scene.ok(&["unregister", "--device", "pump-1"]);
    scene.ok(&["renew", "--all", "--due"]);
}

#[test]
fn the_renewal_of_a_job_leaves_out_who_was_unregistered_before_the_devices_were_reflashed() {
    let scene = Scene::new();
    scene.ok(&["fleet", "issue", "--count", "3", "--name-pattern", "s-{}", "--out", "fleet", "--days", "90"]);
    scene.ok(&["fleet", "register"]);
    for name in ["s-1", "s-2", "s-3"] {
        age(&scene.sandbox.join(LEDGER), name, 80);
    }
    scene.ok(&["fleet", "renew", "--job", "1", "--due", "--out", "renewed"]);
    scene.ok(&["unregister", "--device", "s-1"]);
    scene.ok(&["unregister", "--device", "s-2", "--delete-device", "--yes"]);
    let token = credential(&scene, "s-1");
    for more in [&[][..], &["--replace"]] {
        let register = [&["fleet", "register", "--pending", "--job", "2"], more].concat();
        let report = scene.json(&register);
        let counts = ["done", "skipped", "left", "failed"].map(|count| report["phases"][0][count].as_u64().unwrap());
        assert_eq!(counts, [1, 2, 0, 0], "{more:?}");
        assert_eq!((credential(&scene, "s-1"), credential(&scene, "s-2")), (token.clone(), None), "{more:?}");
    }
    assert_eq!(generations(&scene, "s-3"), [("superseded".to_owned(), false), ("current".to_owned(), false)]);
    // The one that comes back does so with the renewal that it was flashed with.
    scene.ok(&["register", "--pending", "--device", "s-1", "--again", "--replace"]);
    assert_eq!(generations(&scene, "s-1").last().unwrap(), &("current".to_owned(), false));
    assert_ne!(credential(&scene, "s-1"), token);
}

#[test]
fn the_renewal_of_a_device_that_was_unregistered_is_not_put_into_use_and_the_reason_is_told() {
    let scene = Scene::with_our_server();
    scene.ok(&["client", "--device", "pump-1", "--days", "90", "--register"]);
    age(&scene.sandbox.join(LEDGER), "pump-1", 80);
    scene.ok(&["renew", "--device", "pump-1"]);
    scene.ok(&["unregister", "--device", "pump-1"]);
    let token = credential(&scene, "pump-1");
    let broker = scene.broker();
    let renew = ["renew", "--device", "pump-1", "--register", "--broker", &broker];
    let outcome = scene.tbpki(&renew).run().ends(4);
    for part in ["TBPKI-0259", "tbpki register --device pump-1 --again --replace"] {
        assert!(outcome.stderr_text().contains(part), "{outcome}");
    }
    assert!(!outcome.stdout_text().contains("--register puts"), "{outcome}");
    assert_eq!(credential(&scene, "pump-1"), token);
    // A timer for all devices goes on, as with other verbs for all.
    let report =
        json(&scene.tbpki(&["renew", "--all", "--due", "--register", "--broker", &broker, "--json"]).run().ok());
    assert_eq!((&report["pending"][0]["unregistered"], &report["left"]), (&json!(true), &json!([])));
    // The advice works.
    scene.ok(&["register", "--device", "pump-1", "--again", "--replace"]);
    scene.ok(&renew);
    let present = leaf(&scene.sandbox, "pki/devices/pump-1/cert.pem");
    assert_eq!(credential(&scene, "pump-1"), Some(present.credentials_id()));
    assert_eq!(generations(&scene, "pump-1").last().unwrap(), &("current".to_owned(), false));
}

#[test]
fn a_new_generation_does_not_bring_back_what_was_taken_from_the_platform() {
    let scene = Scene::new();
    scene.ok(&["client", "--device", "pump-1", "--register"]);
    scene.ok(&["unregister", "--device", "pump-1", "--delete-device", "--yes"]);
    scene.ok(&["client", "--device", "pump-1", "--force"]);
    assert_eq!(generations(&scene, "pump-1").last().unwrap(), &("current".to_owned(), true));
    assert_eq!(scene.json(&["register", "--all"])["skipped"], 1);
    // Also with a registration, before a key is replaced for nothing.
    for dry_run in [&["--dry-run"][..], &[]] {
        let force = [&["client", "--device", "pump-1", "--force", "--register"][..], dry_run].concat();
        scene.tbpki(&force).run().ends(1).prints("TBPKI-0259").prints("--again");
        assert_eq!(generations(&scene, "pump-1").len(), 2);
    }
    assert_eq!(credential(&scene, "pump-1"), None);
    // The advice with an image works as it is.
    write_image_files(&scene.sandbox);
    let advice = "tbpki register pump-1 --again --replace";
    let image = [&["bundle-firmware", "--device", "pump-1"][..], IMAGE].concat();
    scene.ok(&image).prints("TBPKI-0221").prints(advice);
    scene.ok(&advice.split(' ').skip(1).collect::<Vec<_>>());
    let present = leaf(&scene.sandbox, "pki/devices/pump-1/cert.pem");
    assert_eq!(credential(&scene, "pump-1"), Some(present.credentials_id()));
}

#[test]
fn an_unregistered_device_does_not_come_back_with_pending() {
    let scene = Scene::new();
    scene.ok(&["client", "pump-1", "--days", "90", "--register"]);
    age(&scene.sandbox.join(LEDGER), "pump-1", 80);
    scene.ok(&["renew", "pump-1"]);
    scene.ok(&["register", "--pending", "pump-1"]);
    scene.ok(&["unregister", "pump-1"]);
    let random = credential(&scene, "pump-1");
    for args in [&["register", "--pending", "pump-1"][..], &["register", "--pending", "pump-1", "--replace"]] {
        scene.tbpki(args).run().ends(1).prints("TBPKI-0259").prints("--again");
        assert_eq!(credential(&scene, "pump-1"), random);
    }
    // A credential of another party: the help has the name of the device.
    scene.ok(&["register", "pump-1", "--again", "--replace"]);
    scene.set_token("pump-1", "a-token-of-another");
    let refused = scene.tbpki(&["register", "--pending", "pump-1"]).run().ends(1).prints("TBPKI-0137");
    refused.prints("`tbpki register --device pump-1 --replace`");
    scene.ok(&["register", "--device", "pump-1", "--replace"]);
    assert_eq!(credential(&scene, "pump-1").unwrap().len(), 64, "the certificate is there again");
}
