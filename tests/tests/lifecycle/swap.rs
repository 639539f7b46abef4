//! Renewing devices that the platform knows: pending, swapped, proven by a login, and taken back if that is refused.

use std::fs;

use serde_json::{Value, json};
use tb_sim::{CredentialsType, Fault, FaultKind};
use tbpki_tests::forge::{age, sql};

use crate::renew::{DEVICE, leaf, states};
use crate::scene::{Scene, json};

const PENDING: &str = "pki/devices/pump-1/pending/cert.pem";
const LEDGER: &str = "pki/ledger.db";

/// A registered device that is due, and its certificate.
fn registered() -> (Scene, pki::Certificate) {
    let scene = Scene::with_our_server();
    scene.ok(&["client", "--device", "pump-1", "--days", "90", "--register", "--format", "pem,p12"]);
    age(&scene.sandbox.join(LEDGER), "pump-1", 80);
    let first = leaf(&scene.sandbox, DEVICE);
    (scene, first)
}

fn credential(scene: &Scene) -> String {
    scene.platform.sim().unwrap().credentials("pump-1").unwrap().id
}

fn roles(scene: &Scene) -> Vec<String> {
    let rows = json(&scene.sandbox.ok(["list", "--all", "--json", "--name", "pump-1"]));
    let rows = rows["identities"].as_array().unwrap().iter();
    rows.map(|row| row["role"].as_str().unwrap().to_owned()).collect()
}

fn register(scene: &Scene) -> Vec<String> {
    ["renew", "--device", "pump-1", "--register", "--broker", &scene.broker()].map(str::to_owned).into()
}

fn run(scene: &Scene, args: &[String]) -> tbpki_tests::Tool {
    scene.tbpki(&args.iter().map(String::as_str).collect::<Vec<_>>())
}

fn open(report: &Value) -> Vec<String> {
    report["open"].as_array().unwrap().iter().map(|open| open["step"].as_str().unwrap().to_owned()).collect()
}

fn left(report: &Value) -> Vec<String> {
    report["left"].as_array().unwrap().iter().map(|left| left["why"]["code"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_renewal_of_a_registered_device_waits_until_a_login_has_proven_it() {
    let (scene, first) = registered();
    let sandbox = &scene.sandbox;
    // Nothing changes for the device.
    let report = scene.json(&["renew", "--device", "pump-1"]);
    assert_eq!((&report["pending"][0]["name"], &report["pending"][0]["generation"]), (&json!("pump-1"), &json!(2)));
    assert_eq!((leaf(sandbox, DEVICE), credential(&scene)), (first.clone(), first.credentials_id()));
    // A timer that comes again makes no further generation; a renewal that is asked for does.
    scene.ok(&["renew", "--device", "pump-1", "--due"]);
    assert_eq!(roles(&scene), ["current", "pending"]);
    scene.ok(&["renew", "--device", "pump-1"]);
    assert_eq!(roles(&scene), ["current", "superseded", "pending"]);
    let third = leaf(sandbox, PENDING);
    assert_ne!(third.spki_der(), first.spki_der());
    let names: Vec<_> =
        fs::read_dir(sandbox.join("pki/devices/pump-1/pending")).unwrap().map(|e| e.unwrap().file_name()).collect();
    // No earlier set is kept of files that were never in use.
    assert!(names.iter().all(|name| !name.to_string_lossy().contains("pem.")), "{names:?}");
    let listed = sandbox.ok(["list", "--kind", "device"]).stdout_text();
    assert!(listed.contains("pending") && !listed.contains("renew now"), "{listed}");
    assert_eq!(json(&sandbox.ok(["list", "--pending", "--json"]))["identities"][0]["generation"], 3);
    let page = json(&sandbox.ok(["report", "--out", "report.html", "--json"]));
    assert_eq!((&page["fleet"]["pending_renewals"], &page["fleet"]["open_steps"]), (&json!(1), &json!(0)));

    // A broker that cannot be reached proves nothing.
    let refused = scene.tbpki(&["renew", "--device", "pump-1", "--register", "--broker", "localhost:1", "--json"]);
    let report = json(&refused.run().ends(4));
    assert_eq!((left(&report), open(&report)), (vec!["TBPKI-0313".to_owned()], vec![]));
    assert_eq!((leaf(sandbox, DEVICE), credential(&scene)), (first.clone(), first.credentials_id()));

    let report = json(&run(&scene, &[register(&scene), vec!["--json".to_owned()]].concat()).run().ok());
    assert_eq!((&report["registered"], open(&report)), (&json!(["pump-1"]), vec![]));
    assert_eq!((leaf(sandbox, DEVICE), credential(&scene)), (third.clone(), third.credentials_id()));
    assert_eq!(roles(&scene), ["superseded", "superseded", "current"]);
    assert!(!sandbox.join("pki/devices/pump-1/pending").exists());
    assert!(sandbox.join(format!("pki/devices/pump-1/key.pem.{}", first.serial_hex())).exists());
    scene.ok(&["check", &scene.broker(), "--device", "pump-1"]);
    // The new files are those of the identity in every format, and registering it again changes nothing.
    scene
        .ok(&["client", "--device", "pump-1", "--days", "90", "--register", "--format", "pem,p12"])
        .prints("up to date")
        .prints("unchanged");
}

#[test]
fn a_renewal_that_keeps_the_key_is_made_once() {
    let (scene, first) = registered();
    for _ in 0..2 {
        scene.ok(&["renew", "--device", "pump-1", "--same-key"]);
        assert_eq!(roles(&scene), ["current", "pending"]);
    }
    assert_eq!(leaf(&scene.sandbox, PENDING).spki_der(), first.spki_der());
    scene.ok(&["renew", "--device", "pump-1"]);
    assert_eq!(roles(&scene), ["current", "superseded", "pending"]);
}

#[test]
fn only_the_certificate_that_the_ledger_expects_is_replaced() {
    let (scene, first) = registered();
    scene.set_token("pump-1", "a-token-of-another");
    let report = json(&run(&scene, &[register(&scene), vec!["--json".to_owned()]].concat()).run().ends(4));
    assert_eq!((left(&report), open(&report)), (vec!["TBPKI-0137".to_owned()], vec![]));
    assert_eq!((leaf(&scene.sandbox, DEVICE), credential(&scene)), (first.clone(), "a-token-of-another".to_owned()));
    assert_eq!(roles(&scene), ["current", "pending"]);
    // Once the platform has what the ledger expects, the pending one is used.
    scene.ok(&["register", "--device", "pump-1", "--replace"]);
    let second = leaf(&scene.sandbox, PENDING);
    run(&scene, &[register(&scene), vec!["--pending".to_owned()]].concat()).run().ok();
    assert_eq!((leaf(&scene.sandbox, DEVICE), credential(&scene)), (second.clone(), second.credentials_id()));
}

#[test]
fn a_refused_login_puts_the_earlier_certificate_back() {
    let (scene, first) = registered();
    let sim = scene.platform.sim().unwrap();
    // 0 means every time, not none.
    let refuse = || sim.inject(Fault::new(FaultKind::DropBefore).on("MQTT", "connect").times(0));
    refuse();
    let report = json(&run(&scene, &[register(&scene), vec!["--json".to_owned()]].concat()).run().ends(4));
    assert_eq!((left(&report), open(&report)), (vec!["TBPKI-0308".to_owned()], vec![]));
    assert_eq!((leaf(&scene.sandbox, DEVICE), credential(&scene)), (first.clone(), first.credentials_id()));
    assert_eq!(roles(&scene), ["current", "pending"]);
    // The platform goes away before the earlier certificate is back: that stays open, and is listed.
    // The first save is that of the new certificate. Every later one would put the earlier certificate back.
    sim.inject(Fault::new(FaultKind::Status(503)).on("POST", "/api/device/credentials").after(1).times(0));
    let report = json(&run(&scene, &[register(&scene), vec!["--json".to_owned()]].concat()).run().ends(4));
    assert_eq!(open(&report), ["back"]);
    let second = leaf(&scene.sandbox, PENDING);
    assert_eq!((leaf(&scene.sandbox, DEVICE), credential(&scene)), (first.clone(), second.credentials_id()));
    let listed = scene.sandbox.ok(["list", "--pending", "--json"]);
    assert_eq!(json(&listed)["identities"][0]["open"], json!(["back"]));
    assert_eq!(open(&json(&scene.tbpki(&["renew", "--device", "pump-1", "--json"]).run().ends(4))), ["back"]);
    // The same command continues.
    sim.clear_faults();
    run(&scene, &register(&scene)).run().ok();
    assert_eq!((leaf(&scene.sandbox, DEVICE), credential(&scene)), (second.clone(), second.credentials_id()));
    assert_eq!(states(&scene.sandbox, "pump-1"), [1, 2]);
}

#[test]
fn a_device_of_a_chain_profile_is_proven_by_its_login_and_nothing_is_swapped() {
    let scene = Scene::with_our_server();
    scene.ok(&["profile", "create", "pumps", "--create-devices", "--accept-issuer-risk", "--example", "pump-1"]);
    scene.ok(&["client", "--device", "pump-1", "--profile", "pumps", "--days", "90"]);
    scene.ok(&["check", &scene.broker(), "--device", "pump-1"]);
    age(&scene.sandbox.join(LEDGER), "pump-1", 80);
    let first = leaf(&scene.sandbox, DEVICE);
    scene.ok(&["renew", "--device", "pump-1"]);
    assert_eq!(
        (roles(&scene), credential(&scene)),
        (vec!["current".to_owned(), "pending".to_owned()], first.credentials_id())
    );
    // The platform is not asked: no address of it is known.
    let args = register(&scene);
    scene.sandbox.tbpki(args.iter().map(String::as_str)).run().ok();
    let second = leaf(&scene.sandbox, DEVICE);
    assert_ne!(second, first);
    assert_eq!(
        (roles(&scene), credential(&scene)),
        (vec!["superseded".to_owned(), "current".to_owned()], second.credentials_id())
    );
}

#[test]
fn a_revocation_wins_at_each_step_of_a_swap() {
    // While the platform is asked for the device, while the certificate is stored, and after that, before its answer.
    let steps = [
        Fault::new(FaultKind::Hold).on("GET", "/api/tenant/devices"),
        Fault::new(FaultKind::Hold).on("POST", "/api/device/credentials"),
        Fault::new(FaultKind::HoldAnswer).on("POST", "/api/device/credentials"),
        Fault::new(FaultKind::Hold).on("MQTT", "connect"),
    ];
    for fault in steps {
        let (scene, _) = registered();
        scene.ok(&["renew", "--device", "pump-1"]);
        let sim = scene.platform.sim().unwrap();
        sim.inject(fault.clone());
        let renewing = run(&scene, &register(&scene)).command().spawn();
        let mut renewing = renewing.unwrap();
        sim.until_held();
        // The store is locked by the renewal, so the lists follow; the platform does not wait for them.
        let revoked = scene.tbpki(&["revoke", "--device", "pump-1", "--json"]).run();
        let report = json(&revoked);
        let done: Vec<_> = report["revoked"].as_array().unwrap().iter().map(|one| one["done"].clone()).collect();
        assert_eq!(done, ["revoked", "revoked"], "{fault:?}: {revoked}");
        sim.clear_faults();
        assert_ne!(renewing.wait().unwrap().code(), Some(0), "{fault:?}");
        scene.ok(&["revoke", "--open"]);
        let kind = sim.credentials("pump-1").unwrap().kind;
        assert_eq!(
            (kind, roles(&scene)),
            (CredentialsType::AccessToken, vec!["revoked".to_owned(), "revoked".to_owned()]),
            "{fault:?}"
        );
        scene.tbpki(&["renew", "--device", "pump-1"]).run().ends(1).prints("TBPKI-0062");
    }
}

#[test]
fn a_revocation_wins_while_devices_are_registered() {
    for kind in [FaultKind::Hold, FaultKind::HoldAnswer] {
        let scene = Scene::new();
        for device in ["pump-1", "pump-2"] {
            scene.ok(&["client", "--device", device]);
        }
        let sim = scene.platform.sim().unwrap();
        sim.inject(Fault::new(kind).on("POST", "/api/device-with-credentials").times(2));
        let mut registering = scene.tbpki(&["register", "--all"]).command().spawn().unwrap();
        sim.until_held();
        let report = json(&scene.tbpki(&["revoke", "--device", "pump-1", "--json"]).run());
        assert_eq!(report["revoked"][0]["done"], "revoked", "{kind:?}: {report}");
        sim.clear_faults();
        registering.wait().unwrap();
        scene.ok(&["revoke", "--open"]);
        let stored = |name: &str| sim.credentials(name).map(|credentials| credentials.kind);
        assert_eq!(stored("pump-2"), Some(CredentialsType::X509Certificate), "{kind:?}");
        assert_ne!(stored("pump-1"), Some(CredentialsType::X509Certificate), "{kind:?}");
        let report = scene.json(&["register", "--all"]);
        assert_eq!(report["revoked"], 1, "{kind:?}: {report}");
        assert_ne!(stored("pump-1"), Some(CredentialsType::X509Certificate), "{kind:?}");
    }
}

#[test]
fn copies_follow_although_the_certificate_before_was_revoked_before_the_files_moved() {
    let scene = Scene::new();
    scene.ok(&["client", "--device", "pump-1", "--days", "90", "--out", "here", "--register"]);
    age(&scene.sandbox.join(LEDGER), "pump-1", 80);
    scene.ok(&["renew", "--device", "pump-1"]);
    let second = leaf(&scene.sandbox, "pki/devices/pump-1/pending/cert.pem");
    // As a run leaves it that was killed once the ledger had the renewal as current; then lists revoked the one before.
    sql(
        &scene.sandbox.join(LEDGER),
        "UPDATE identity SET role = 'revoked', state = 'revoked', revoked_at = issued_at \
         WHERE name = 'pump-1' AND generation = 1; \
         UPDATE identity SET role = 'current' WHERE name = 'pump-1' AND generation = 2; \
         INSERT INTO renewal_step (identity, step) SELECT id, 'install' FROM identity WHERE name = 'pump-1' AND generation = 2;",
    );
    scene.ok(&["renew", "--device", "pump-1"]);
    for file in ["pki/devices/pump-1/cert.pem", "here/cert.pem"] {
        assert_eq!(leaf(&scene.sandbox, file), second, "{file}");
    }
    assert!(!scene.sandbox.join("pki/devices/pump-1/pending").exists());
}
