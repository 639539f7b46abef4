//! Devices that were renewed and reflashed: images with the pending renewal, and its way to the platform.

use std::collections::BTreeSet;
use std::fs;

use device::Record;
use device::record::Login;
use pki::Certificate;
use pki::pem_bundle::PemBundle;
use serde_json::json;
use tbpki_tests::Snapshot;
use tbpki_tests::forge::{age, sql};

use crate::renew::{DEVICE, leaf};
use crate::scene::{IMAGE, Scene, json, write_image_files};

const LEDGER: &str = "pki/ledger.db";
const PENDING: &str = "pki/devices/pump-1/pending/cert.pem";
const REGISTER: &[&str] = &["register", "--pending", "--device", "pump-1"];

/// A registered device with a pending renewal, and the two certificates.
fn renewed() -> (Scene, Certificate, Certificate) {
    let scene = Scene::new();
    scene.ok(&["client", "--device", "pump-1", "--days", "90", "--register"]);
    age(&scene.sandbox.join(LEDGER), "pump-1", 80);
    scene.ok(&["renew", "--device", "pump-1", "--due"]);
    let (first, second) = (leaf(&scene.sandbox, DEVICE), leaf(&scene.sandbox, PENDING));
    assert_ne!(first, second);
    (scene, first, second)
}

fn credential(scene: &Scene, name: &str) -> String {
    scene.platform.sim().unwrap().credentials(name).unwrap().id
}

fn roles(scene: &Scene, name: &str) -> Vec<String> {
    let rows = json(&scene.sandbox.ok(["list", "--all", "--json", "--name", name]));
    let rows = rows["identities"].as_array().unwrap().iter();
    rows.map(|row| row["role"].as_str().unwrap().to_owned()).collect()
}

/// The certificate in an image.
fn in_image(scene: &Scene, dir: &str) -> Certificate {
    let flash = scene.sandbox.read(format!("pki/devices/pump-1/{dir}/flash.bin"));
    let record = Record::read(&flash[0x9000..0xF000]).unwrap();
    let Login::Certificate { chain, .. } = record.login() else { panic!("no certificate") };
    PemBundle::parse(chain.trim_end_matches('\0').as_bytes()).unwrap().certificates.remove(0)
}

#[test]
fn a_device_is_reflashed_with_its_renewal_and_then_registered_with_it() {
    let (scene, first, second) = renewed();
    write_image_files(&scene.sandbox);
    let bundle = [&["bundle-firmware", "--device", "pump-1"], IMAGE].concat();
    scene.ok(&bundle);
    let report = scene.json(&[&bundle[..], &["--pending"]].concat());
    assert!(report["devices"][0]["directory"].as_str().unwrap().ends_with("pump-1/esp32c3-generation-2"), "{report}");
    assert_eq!(
        (in_image(&scene, "esp32c3"), in_image(&scene, "esp32c3-generation-2")),
        (first.clone(), second.clone())
    );
    // The device, the platform and the other commands use the present certificate.
    scene.ok(&["register", "--device", "pump-1"]).prints("unchanged");
    assert_eq!(
        (roles(&scene, "pump-1"), credential(&scene, "pump-1"), leaf(&scene.sandbox, DEVICE)),
        (vec!["current".to_owned(), "pending".to_owned()], first.credentials_id(), first.clone())
    );

    let before = Snapshot::of(scene.sandbox.path());
    let planned = scene.ok(&[REGISTER, &["--dry-run", "--json"]].concat());
    assert_eq!(json(&planned)["devices"][0]["done"], "replaced");
    before.is_unchanged(&Snapshot::of(scene.sandbox.path()), &planned);
    assert_eq!(credential(&scene, "pump-1"), first.credentials_id());

    let report = scene.json(REGISTER);
    assert_eq!((&report["devices"][0]["done"], &report["open"]), (&json!("replaced"), &json!([])));
    assert_eq!(
        (roles(&scene, "pump-1"), credential(&scene, "pump-1"), leaf(&scene.sandbox, DEVICE)),
        (vec!["superseded".to_owned(), "current".to_owned()], second.credentials_id(), second)
    );
    assert!(!scene.sandbox.join("pki/devices/pump-1/pending").exists());
    assert!(scene.sandbox.join(format!("pki/devices/pump-1/key.pem.{}", first.serial_hex())).exists());
    // The image that the device has stays.
    assert_eq!(in_image(&scene, "esp32c3-generation-2"), leaf(&scene.sandbox, DEVICE));
    // The same again changes nothing.
    assert_eq!(scene.json(REGISTER)["devices"][0]["done"], "unchanged");
    scene.tbpki(&[&bundle[..], &["--pending"]].concat()).run().ends(1).prints("TBPKI-0351");
}

#[test]
fn only_the_expected_credential_is_replaced() {
    let (scene, first, second) = renewed();
    scene.set_token("pump-1", "a-token-of-another");
    scene.tbpki(REGISTER).run().ends(1).prints("TBPKI-0137");
    assert_eq!(
        (roles(&scene, "pump-1"), credential(&scene, "pump-1"), leaf(&scene.sandbox, DEVICE)),
        (vec!["current".to_owned(), "pending".to_owned()], "a-token-of-another".to_owned(), first)
    );
    scene.ok(&[REGISTER, &["--replace"]].concat());
    assert_eq!((credential(&scene, "pump-1"), leaf(&scene.sandbox, DEVICE)), (second.credentials_id(), second));
}

#[test]
fn a_device_without_a_pending_renewal_is_refused() {
    let scene = Scene::new();
    scene.ok(&["client", "--device", "pump-1", "--register"]);
    let first = credential(&scene, "pump-1");
    write_image_files(&scene.sandbox);
    let bundle = [&["bundle-firmware", "--pending", "--device"][..]].concat();
    for (args, status, code) in [
        (REGISTER.to_vec(), 1, "TBPKI-0351"),
        ([&bundle[..], &["pump-1"], IMAGE].concat(), 1, "TBPKI-0351"),
        ([&bundle[..], &["pump-9"], IMAGE].concat(), 2, "TBPKI-0096"),
        ([&bundle[..], &["pump-1", "--auth", "token"], IMAGE].concat(), 2, "TBPKI-0011"),
        ([&["bundle-firmware", "--pending", "--all"], IMAGE].concat(), 2, "TBPKI-0011"),
        (vec!["register", "--pending", "--all"], 2, "TBPKI-0011"),
        (vec!["register", "--job", "1"], 2, "TBPKI-0011"),
        (vec!["register", "--pending"], 2, "TBPKI-0011"),
        (vec!["register", "--pending", "--job", "7"], 1, "TBPKI-0293"),
    ] {
        scene.tbpki(&args).run().ends(status).prints(code);
        assert_eq!(
            (roles(&scene, "pump-1"), credential(&scene, "pump-1")),
            (vec!["current".to_owned()], first.clone())
        );
    }
    assert!(!scene.sandbox.join("pki/devices/pump-1/esp32c3").exists());
}

#[test]
fn revoked_and_unregistered_devices_are_left_out() {
    let (scene, first, _) = renewed();
    scene.ok(&["unregister", "--device", "pump-1"]);
    scene.tbpki(REGISTER).run().ends(1).prints("TBPKI-0259");
    assert_ne!(credential(&scene, "pump-1"), first.credentials_id());
    scene.ok(&["revoke", "--device", "pump-1"]);
    scene.tbpki(REGISTER).run().ends(1).prints("TBPKI-0062");
    assert_eq!(roles(&scene, "pump-1"), ["revoked", "revoked"]);
}

#[test]
fn a_renewal_is_registered_although_the_certificate_before_was_revoked() {
    let (scene, first, second) = renewed();
    scene.ok(&["revoke", "--serial", &first.serial_hex()]);
    assert_eq!(roles(&scene, "pump-1"), ["revoked", "pending"]);
    let token = credential(&scene, "pump-1");
    assert_ne!(token, first.credentials_id());
    // What the ledger has of it is told, with the way on.
    let outcome = scene.tbpki(&["register", "--device", "pump-1"]).run().ends(1);
    outcome
        .prints("TBPKI-0062")
        .prints("its renewal is pending")
        .prints("register --pending --device pump-1 --replace");
    scene.tbpki(&["renew", "--device", "pump-1", "--register"]).run().ends(1).prints("TBPKI-0062");
    // The token has replaced what was revoked. An operator states that the device has the renewal.
    scene.tbpki(REGISTER).run().ends(1).prints("TBPKI-0137");
    assert_eq!(
        (roles(&scene, "pump-1"), credential(&scene, "pump-1")),
        (vec!["revoked".into(), "pending".into()], token)
    );
    scene.ok(&[REGISTER, &["--replace"]].concat());
    assert_eq!(
        (roles(&scene, "pump-1")[1].as_str(), credential(&scene, "pump-1")),
        ("current", second.credentials_id())
    );
    assert_eq!(leaf(&scene.sandbox, DEVICE), second);
    assert!(scene.sandbox.join(format!("{DEVICE}.{}", first.serial_hex())).exists());
}

#[test]
fn files_of_a_renewal_that_are_gone_are_reported_and_nothing_is_swapped() {
    let (scene, first, _) = renewed();
    fs::remove_dir_all(scene.sandbox.join("pki/devices/pump-1/pending")).unwrap();
    scene.tbpki(REGISTER).run().ends(1).prints("pending");
    assert_eq!(
        (roles(&scene, "pump-1"), credential(&scene, "pump-1")),
        (vec!["current".to_owned(), "pending".to_owned()], first.credentials_id())
    );
}

#[test]
fn the_devices_of_a_job_are_registered_with_their_renewals() {
    let scene = Scene::new();
    let names = ["s-1", "s-2", "s-3", "s-4"];
    scene.ok(&["fleet", "issue", "--count", "4", "--name-pattern", "s-{}", "--layout", "directories", "--days", "90"]);
    scene.ok(&["client", "--device", "pump-1", "--days", "90", "--register"]);
    scene.ok(&["fleet", "register"]);
    for name in names.iter().take(3).chain(&["pump-1"]) {
        age(&scene.sandbox.join(LEDGER), name, 80);
    }
    scene.ok(&["renew", "--all", "--due"]);
    scene.ok(&["revoke", "--device", "s-2"]);
    let before: Vec<String> = names.iter().map(|name| credential(&scene, name)).collect();
    let report = scene.json(&["register", "--pending", "--job", "1"]);
    // Several are registered at once, and each is listed when it is done.
    let done: BTreeSet<&str> =
        report["devices"].as_array().unwrap().iter().map(|device| device["name"].as_str().unwrap()).collect();
    assert_eq!(
        (done, &report["registered"], &report["revoked"]),
        (BTreeSet::from(["s-1", "s-3"]), &json!(2), &json!(1))
    );
    let after: Vec<String> = names.iter().map(|name| credential(&scene, name)).collect();
    assert_eq!(
        before.iter().zip(&after).map(|(before, after)| before == after).collect::<Vec<_>>(),
        [false, true, false, true]
    );
    for name in ["s-1", "s-3"] {
        assert_eq!(roles(&scene, name), ["superseded", "current"]);
        assert_eq!(
            leaf(&scene.sandbox, &format!("pki/devices/{name}/cert.pem")).credentials_id(),
            credential(&scene, name)
        );
    }
    assert_eq!(
        (roles(&scene, "s-4"), roles(&scene, "pump-1")),
        (vec!["current".to_owned()], vec!["current".to_owned(), "pending".to_owned()])
    );
    // The same again finds nothing to do.
    let again = scene.json(&["register", "--pending", "--job", "1"]);
    assert_eq!((&again["registered"], &again["devices"]), (&json!(0), &json!([])));
}

/// The advice of the error works: the device is on the platform afterwards.
#[test]
fn a_device_that_the_platform_has_lost_is_registered_first() {
    let scene = Scene::new();
    scene.ok(&["client", "--device", "pump-1", "--days", "90"]);
    sql(&scene.sandbox.join(LEDGER), "UPDATE identity SET registered_at = 1 WHERE name = 'pump-1'");
    age(&scene.sandbox.join(LEDGER), "pump-1", 80);
    scene.ok(&["renew", "--device", "pump-1", "--due"]);
    let lost = scene.tbpki(REGISTER).run().ends(1).prints("TBPKI-0134");
    lost.prints("`tbpki register --device pump-1` makes the device");
    scene.ok(&["register", "--device", "pump-1"]);
    scene.ok(REGISTER);
    assert_eq!(roles(&scene, "pump-1"), ["superseded", "current"]);
}
