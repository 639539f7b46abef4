//! Replacing the CA of a device profile: `tbpki ca prepare`, `ca activate` and `ca retire` with a platform.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tb_sim::{CredentialsType, Fault, FaultKind};
use tbpki_tests::clients::{ApiLogin, Files, mosquitto_pub};
use tbpki_tests::forge::sql;
use tbpki_tests::oracle::openssl;
use tbpki_tests::{Outcome, Sandbox};

use crate::scene::{Scene, json};

const CA: &str = "profile-pumps";

/// A platform with a profile that creates devices.
#[track_caller]
fn scene() -> Scene {
    let scene = Scene::with_our_server();
    scene.ok(&["profile", "create", "pumps", "--create-devices", "--accept-issuer-risk", "--example", "pump-1"]);
    scene
}

fn of_device(scene: &Scene, device: &str, file: &str) -> PathBuf {
    scene.sandbox.join("pki/devices").join(device).join(file)
}

/// A login with these files.
fn login(scene: &Scene, certificate: &Path, key: &Path) -> ApiLogin {
    let anchors = scene.sandbox.join("pki/ca/server-root/cert.pem");
    let (_, port) = scene.platform.mqtts();
    mosquitto_pub(port, &Files { anchors: &anchors, certificate, key: Some(key) })
}

#[track_caller]
fn logs_in(scene: &Scene, device: &str) {
    login(scene, &of_device(scene, device, "chain.pem"), &of_device(scene, device, "key.pem")).succeeds();
}

/// A certificate in the name of another device, which the key of `thief` has signed, and the chain of the thief behind it.
#[track_caller]
fn forged(scene: &Scene, thief: &str, name: &str) -> (PathBuf, PathBuf) {
    let file = |end: &str| scene.sandbox.join(format!("forged-{name}{end}"));
    let (key, request, leaf, chain) = (file(".key"), file(".csr"), file(".pem"), file("-chain.pem"));
    let subject = format!("/CN={name}");
    let new = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", subject.as_str()];
    openssl().args(new).arg("-keyout").arg(&key).arg("-out").arg(&request).run().ok();
    let sign = openssl().args(["x509", "-req", "-days", "2"]).arg("-in").arg(&request).arg("-out").arg(&leaf);
    // The certificate of a device is no CA, and the path length of its issuer forbids another one below. ThingsBoard
    // looks at neither: each signature has to fit the key of the next certificate, and one of them has to be that of a
    // profile.
    let sign = sign.arg("-CA").arg(of_device(scene, thief, "cert.pem")).arg("-CAkey");
    sign.arg(of_device(scene, thief, "key.pem")).arg("-CAcreateserial").run().ok();
    let read = |path: &PathBuf| std::fs::read_to_string(path).unwrap();
    std::fs::write(&chain, format!("{}{}", read(&leaf), read(&of_device(scene, thief, "chain.pem")))).unwrap();
    (chain, key)
}

fn generations(scene: &Scene) -> Vec<(u64, String)> {
    let report = json(&scene.sandbox.ok(["ca", "list", "--json"]));
    let of_profile = report["cas"].as_array().unwrap().iter().filter(|row| row["name"] == CA);
    of_profile.map(|row| (row["generation"].as_u64().unwrap(), row["role"].as_str().unwrap().to_owned())).collect()
}

/// The certificate of the profile on the platform.
fn on_platform(scene: &Scene) -> Value {
    scene.json(&["profile", "show", "pumps"])["profiles"][0]["platform"]["certificate_id"].clone()
}

#[track_caller]
fn refused(scene: &Scene, args: &[&str], code: &str) -> Outcome {
    let before = (generations(scene), on_platform(scene));
    let outcome = scene.tbpki(args).run().ends(1).prints(code);
    assert_eq!((generations(scene), on_platform(scene)), before, "{args:?}");
    outcome
}

#[test]
fn devices_stay_in_while_the_ca_of_their_profile_is_replaced_and_a_forged_chain_does_not() {
    let scene = scene();
    for device in ["pump-1", "pump-2", "pump-3"] {
        scene.ok(&["client", "--device", device, "--profile", "pumps"]);
    }
    logs_in(&scene, "pump-1");
    logs_in(&scene, "pump-2");
    // A device was stolen: the platform takes what its key signs for another one, also after the revocation.
    scene.ok(&["client", "--device", "stolen", "--profile", "pumps"]);
    let report = json(&scene.tbpki(&["revoke", "--device", "stolen", "--json"]).run().ends(4));
    // The list and the platform are done. The chain of a revoked device stays good as long as the profile has its CA.
    assert_eq!(report["open"][0]["step"], "profile-ca");
    let (chain, key) = forged(&scene, "stolen", "pump-2");
    // ThingsBoard reads no revocation lists: only another CA in the profile ends this.
    login(&scene, &chain, &key).succeeds();

    scene.ok(&["ca", "prepare", CA]);
    // Brokers refuse every device of a CA of which they have no list, so activation waits for one.
    scene.ok(&["crl"]);
    assert_eq!(generations(&scene), [(1, "current".to_owned()), (2, "pending".to_owned())]);
    logs_in(&scene, "pump-1");
    let outcome = refused(&scene, &["ca", "activate", CA], "TBPKI-0323");
    outcome.prints("2 devices of profile-pumps").prints("pump-2").prints("pump-3").prints("--create");
    refused(&scene, &["ca", "activate", CA, "--create", "--dry-run"], "TBPKI-0323").prints("1 device of profile-pumps");
    // The real device takes its credential back.
    logs_in(&scene, "pump-2");
    scene.ok(&["ca", "activate", CA, "--create"]).prints("generation 2: signs");
    assert_eq!(generations(&scene), [(2, "current".to_owned()), (1, "superseded".to_owned())]);
    for device in ["pump-1", "pump-2", "pump-3"] {
        logs_in(&scene, device);
    }
    login(&scene, &chain, &key).is_refused("");
    // A name that the platform does not have, so that a login would create it.
    let (chain, key) = forged(&scene, "stolen", "pump-4");
    login(&scene, &chain, &key).is_refused("");
    scene.ok(&["revoke", "--open"]);
    let sim = scene.platform.sim().unwrap();
    assert!(sim.credentials("pump-4").is_none());

    // What the next generation has issued is created by its chain. The theft is over.
    scene.ok(&["client", "--device", "pump-5", "--profile", "pumps"]);
    // This login creates its device: the profile has the next generation by now.
    logs_in(&scene, "pump-5");
    let report = scene.json(&["revoke", "--device", "pump-1"]);
    assert_eq!(
        (&report["open_steps"], sim.credentials("pump-1").unwrap().kind),
        (&0.into(), CredentialsType::AccessToken)
    );
    refused(&scene, &["ca", "retire", CA], "TBPKI-0319").prints("2 certificates in use");
    for device in ["pump-2", "pump-3"] {
        scene.ok(&["client", "--device", device, "--profile", "pumps", "--force"]);
        logs_in(&scene, device);
    }
    scene.ok(&["ca", "retire", CA]);
    assert_eq!(generations(&scene), [(2, "current".to_owned())]);
    logs_in(&scene, "pump-5");
}

#[test]
fn a_device_that_was_unregistered_neither_blocks_the_next_ca_nor_comes_back_with_it() {
    let scene = scene();
    for device in ["pump-1", "pump-2"] {
        scene.ok(&["client", "--device", device, "--profile", "pumps"]);
        logs_in(&scene, device);
    }
    scene.ok(&["unregister", "--device", "pump-2"]);
    scene.ok(&["ca", "prepare", CA]);
    scene.ok(&["ca", "activate", CA, "--create"]).prints("generation 2: signs");
    let sim = scene.platform.sim().unwrap();
    assert_eq!(sim.credentials("pump-1").unwrap().kind, CredentialsType::X509Certificate);
    assert_eq!(sim.credentials("pump-2").unwrap().kind, CredentialsType::AccessToken);
}

#[test]
fn an_activation_that_the_platform_interrupts_is_finished_by_the_same_command() {
    let scene = scene();
    scene.ok(&["client", "--device", "pump-1", "--profile", "pumps"]);
    logs_in(&scene, "pump-1");
    scene.ok(&["ca", "prepare", CA]);
    let sim = scene.platform.sim().unwrap();
    let before = on_platform(&scene);
    // 403 is not tried again, unlike a 5xx, so that the command ends in the middle.
    sim.inject(Fault::new(FaultKind::Status(403)).on("POST", "/api/deviceProfile"));
    let outcome = scene.tbpki(&["ca", "activate", CA]).run();
    assert_ne!(outcome.status, 0, "{outcome}");
    assert_eq!((generations(&scene)[0].clone(), on_platform(&scene)), ((1, "current".to_owned()), before));
    logs_in(&scene, "pump-1");
    scene.ok(&["ca", "activate", CA]);
    logs_in(&scene, "pump-1");
    scene.ok(&["ca", "activate", CA]).prints("was done before");
}

#[test]
fn a_pending_renewal_has_advice_of_its_own() {
    let scene = scene();
    scene.ok(&["client", "--device", "pump-1", "--profile", "pumps", "--days", "20"]);
    scene.ok(&["client", "--device", "pump-2", "--profile", "pumps"]);
    scene.ok(&["ca", "prepare", CA]);
    // Near its end, as the ledger has it.
    sql(
        &scene.sandbox.join("pki/ledger.db"),
        "UPDATE identity SET not_before = not_before - 15 * 86400, not_after = not_after - 15 * 86400 WHERE name = 'pump-1'",
    );
    scene.ok(&["renew", "--all", "--due"]).prints("pump-1: generation 2 is pending");
    let both = refused(&scene, &["ca", "activate", CA], "TBPKI-0323");
    both.prints("--create makes devices that are not there").prints("tbpki renew --device pump-1 --pending --register");
    logs_in(&scene, "pump-2");
    let one = refused(&scene, &["ca", "activate", CA], "TBPKI-0323");
    assert!(!one.stderr_text().contains("--create makes"), "{one}");
    one.prints("`tbpki register --pending pump-1`");
    scene.ok(&["renew", "--device", "pump-1", "--pending", "--register", "--broker", &scene.broker()]);
    scene.ok(&["ca", "activate", CA]);
}

#[test]
fn devices_are_left_behind_by_name() {
    let scene = scene();
    scene.ok(&["client", "--device", "pump-1", "--profile", "pumps"]);
    scene.ok(&["ca", "prepare", CA]);
    scene.ok(&["ca", "activate", CA, "--leave-behind"]).prints("left behind: pump-1");
    assert_eq!(scene.sandbox.text("pki/left-behind/profile-pumps-2.txt"), "pump-1\n");
    login(&scene, &of_device(&scene, "pump-1", "chain.pem"), &of_device(&scene, "pump-1", "key.pem")).is_refused("");
}

#[test]
fn a_revoked_ca_of_a_profile_is_taken_from_the_platform_until_the_next_one_signs() {
    let scene = scene();
    scene.ok(&["client", "--device", "pump-1", "--profile", "pumps"]);
    logs_in(&scene, "pump-1");
    scene.ok(&["client", "--device", "stolen", "--profile", "pumps"]);
    let (chain, key) = forged(&scene, "stolen", "pump-2");
    login(&scene, &chain, &key).succeeds();
    // Without the settings of the platform the step stays open, and the provisioning goes on.
    let report = json(&scene.sandbox.tbpki(["revoke", "--ca", CA, "--json"]).run().ends(4));
    assert_eq!((&report["open"][0]["name"], &report["open"][0]["step"]), (&CA.into(), &"platform".into()));
    assert_ne!(on_platform(&scene), Value::Null);
    scene.ok(&["revoke", "--open"]);
    assert_eq!(on_platform(&scene), Value::Null);
    let (chain, key) = forged(&scene, "stolen", "pump-4");
    login(&scene, &chain, &key).is_refused("");
    scene.tbpki(&["client", "--device", "pump-3", "--profile", "pumps"]).run().ends(1).prints("TBPKI-0325");
    scene.ok(&["ca", "prepare", CA]);
    scene.ok(&["crl"]);
    scene.ok(&["ca", "activate", CA, "--create"]);
    scene.ok(&["client", "--device", "pump-3", "--profile", "pumps"]);
    logs_in(&scene, "pump-3");
    login(&scene, &chain, &key).is_refused("");
}

#[test]
fn a_ca_below_a_root_that_was_replaced_goes_on_with_a_chain_that_verifies() {
    let scene = scene();
    let sandbox = &scene.sandbox;
    sandbox.ok(["ca", "prepare", "devices-root"]);
    // The CA of the profile is still below the first root: its devices have to send a chain that ends there.
    sandbox.ok(["ca", "activate", "devices-root", "--leave-behind"]);
    scene.ok(&["client", "--device", "pump-1", "--profile", "pumps"]);
    scene.ok(&["fleet", "issue", "--count", "2", "--name-pattern", "f-{}", "--profile", "pumps", "--out", "fleet"]);
    let chain = of_device(&scene, "pump-1", "chain.pem");
    let root = sandbox.join("pki/ca/devices-root/generation-1/cert.pem");
    let verify = openssl().args(["verify", "-x509_strict", "-CAfile"]).arg(root).arg("-untrusted").arg(&chain);
    verify.arg(&chain).run().ok();
    logs_in(&scene, "pump-1");
    // The next one is below the present root.
    scene.ok(&["ca", "prepare", CA]);
    scene.ok(&["ca", "activate", CA, "--create"]);
    scene.ok(&["client", "--device", "pump-2", "--profile", "pumps"]);
    let chain = of_device(&scene, "pump-2", "chain.pem");
    let root = sandbox.join("pki/ca/devices-root/cert.pem");
    let verify = openssl().args(["verify", "-x509_strict", "-CAfile"]).arg(root).arg("-untrusted").arg(&chain);
    verify.arg(&chain).run().ok();
}

#[test]
fn open_jobs_below_the_present_generation_come_first() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["fleet", "issue", "--count", "2", "--name-pattern", "s-{}", "--out", "fleet"]);
    // As an interrupted run leaves it, with a name that is not issued yet.
    let names = "INSERT INTO staged (job, number, line, name) VALUES (1, 2, 3, 's-3')";
    // A job keeps its CA from beginning to end, so a third device of it would come from the generation that is
    // replaced.
    sql(&sandbox.join("pki/ledger.db"), &format!("UPDATE job SET state = 'open', done_at = NULL, size = 3; {names}"));
    for ca in ["devices-issuing", "devices-root"] {
        sandbox.ok(["ca", "prepare", ca]);
        let outcome = sandbox.fails(["ca", "activate", ca, "--leave-behind"], 1, "TBPKI-0328");
        outcome.prints("1 open job issues below").prints("tbpki fleet issue --resume 1").prints("tbpki fleet cancel 1");
        let listed = json(&sandbox.ok(["ca", "list", "--json"]));
        let pending = |row: &&Value| row["name"] == ca && row["role"] == "pending";
        assert_eq!(listed["cas"].as_array().unwrap().iter().filter(pending).count(), 1);
    }
    sandbox.ok(["ca", "prepare", "server-issuing"]);
    sandbox.ok(["ca", "activate", "server-issuing"]);
    sandbox.ok(["fleet", "cancel", "1"]);
    sandbox.ok(["ca", "activate", "devices-issuing", "--leave-behind"]);
    sandbox.ok(["ca", "activate", "devices-root", "--leave-behind"]);
}
