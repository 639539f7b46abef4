//! Several devices in one run of a verb.

use std::fs;

use tbpki_tests::{Sandbox, Scene};

#[test]
fn several_devices_are_made_in_one_run_and_each_once() {
    let sandbox = Sandbox::with_store();
    let made = sandbox.ok(["client", "pump-1", "pump-2", "--device", "pump-3", "pump-1", "--json"]).json();
    let devices = made["result"]["devices"].as_array().unwrap();
    let names: Vec<&str> = devices.iter().map(|device| device["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["pump-1", "pump-2", "pump-3"]);
    assert!(devices.iter().all(|device| device["done"] == "issued"), "{made:#}");
    assert_eq!(made["result"]["left"].as_array().unwrap().len(), 0);
    let again = sandbox.ok(["client", "pump-1", "pump-2", "pump-3", "--json"]).json();
    let devices = again["result"]["devices"].as_array().unwrap();
    assert!(devices.iter().all(|device| device["done"] == "unchanged" && device["generation"] == 1), "{again:#}");
}

#[test]
fn a_device_that_cannot_be_made_does_not_keep_the_others_from_it() {
    let sandbox = Sandbox::with_store();
    fs::create_dir_all(sandbox.join("pki/devices")).unwrap();
    // A file in the place of the directory.
    sandbox.write("pki/devices/pump-2", "mine");
    let several = ["client", "pump-1", "pump-2", "pump-3"];
    let outcome = sandbox.tbpki(several).run().ends(4).prints("device pump-1 issued").prints("device pump-3 issued");
    outcome.prints("1 not done: pump-2").prints("error[").prints("pki/devices/pump-2");
    assert_eq!(sandbox.text("pki/devices/pump-2"), "mine");
    fs::remove_file(sandbox.join("pki/devices/pump-2")).unwrap();
    sandbox.ok(several).prints("device pump-1 is up to date").prints("device pump-2 issued");
}

#[test]
fn options_of_one_device_are_refused_for_several() {
    let sandbox = Sandbox::with_store();
    for option in [&["--out", "out"][..], &["--csr", "pump.csr"]] {
        let outcome = sandbox.tbpki([&["client", "a", "b"], option].concat()).run();
        outcome.ends(2).prints("error[TBPKI-0011]").prints(&format!("{} requires one device", option[0]));
    }
    assert!(!sandbox.join("pki/devices/a").exists() && !sandbox.join("out").exists());
}

#[test]
fn several_devices_are_registered_and_each_failure_is_told() {
    let scene = Scene::new();
    let client = |args: &[&str]| scene.tbpki(&[&["client", "--register"], args].concat()).run();
    client(&["pump-2"]).ok();
    // Another certificate would take the place of the one that pump-2 logs in with.
    let outcome = client(&["pump-1", "pump-2", "pump-3", "--force"]).ends(4).prints("device pump-1 issued");
    outcome.prints("error[TBPKI-0137]").prints("1 not done: pump-2").prints("device pump-3 issued");
    client(&["pump-1", "pump-2", "pump-3"]).ok().prints("device pump-3 is up to date");
    let sim = scene.platform.sim().unwrap();
    assert!(["pump-1", "pump-2", "pump-3"].iter().all(|name| sim.device(name).is_some()));
}

#[test]
fn several_devices_are_unregistered_and_the_same_command_does_the_rest() {
    let scene = Scene::new();
    let tbpki = |args: &[&str]| scene.tbpki(args).run();
    tbpki(&["client", "--register", "pump-1", "pump-2", "pump-3"]).ok();
    let sim = scene.platform.sim().unwrap();
    let logs_in = |name: &str| sim.credentials(name).unwrap().value.is_some();
    // There is no terminal for the question.
    let unanswered = ["unregister", "pump-1", "pump-2", "--delete-device", "--no-input"];
    tbpki(&unanswered).ends(2).prints("error[TBPKI-0010]").prints("--yes");
    assert!(logs_in("pump-1") && logs_in("pump-2"));
    // An unknown name keeps no other device logged in, wherever it is in the list.
    let planned = tbpki(&["unregister", "unknown", "pump-1", "--dry-run"]).ends(4);
    planned.prints("error[TBPKI-0134]").prints("would unregister pump-1").prints("1 not done: unknown");
    tbpki(&["unregister", "unknown", "--dry-run"]).ends(1).prints("error[TBPKI-0134]");
    assert!(logs_in("pump-1"));
    let outcome = tbpki(&["unregister", "unknown", "pump-1", "nor-this", "pump-3"]).ends(4);
    outcome.prints("unregistered pump-1").prints("unregistered pump-3").prints("2 not done: unknown, nor-this");
    assert!(!logs_in("pump-1") && logs_in("pump-2") && !logs_in("pump-3"));
    tbpki(&["unregister", "pump-3", "--dry-run"]).ok().prints("ThingsBoard has no certificate of it");
    tbpki(&["unregister", "pump-1", "pump-3"]).ok().prints("unregistered pump-1").prints("unregistered pump-3");
    assert!(logs_in("pump-2") && !logs_in("pump-3"));
    tbpki(&["unregister", "pump-2", "pump-3", "--delete-device", "--yes"]).ok().prints("deleted pump-2");
    assert!(sim.device("pump-2").is_none() && sim.device("pump-3").is_none());
}

#[test]
fn several_tokens_are_fetched_and_one_is_set_for_one_device() {
    let scene = Scene::new();
    let sandbox = &scene.sandbox;
    let tbpki = |args: &[&str]| scene.tbpki(args).run();
    let tokens = tbpki(&["token", "valve-1", "valve-2", "--create", "--show"]).ok().stdout_text();
    let files: Vec<String> =
        ["valve-1", "valve-2"].iter().map(|name| sandbox.text(format!("pki/devices/{name}/token"))).collect();
    assert_eq!(tokens, files.concat(), "one on each line, in the order of the names");
    assert_ne!(files[0], files[1]);
    sandbox.write("new", "the-token-of-both\n");
    let outcome = tbpki(&["token", "valve-1", "valve-2", "--set-file", "new"]).ends(2);
    outcome.prints("error[TBPKI-0011]").prints("--set-file requires one device, and 2 are given");
    tbpki(&["token", "valve-1", "--set-file", "new"]).ok();
    let outcome = tbpki(&["token", "unknown", "valve-2", "nor-this"]).ends(4);
    outcome.prints("device valve-2").prints("--create").prints("2 not done: unknown, nor-this");
    tbpki(&["token", "unknown"]).ends(1).prints("error[TBPKI-0134]").prints("--create");
    assert_eq!(sandbox.text("pki/devices/valve-1/token"), "the-token-of-both\n");
    assert_eq!(sandbox.text("pki/devices/valve-2/token"), files[1]);
}

#[test]
fn a_failure_of_every_device_ends_the_run_at_the_first() {
    let Scene { sandbox, platform } = Scene::new();
    let wrong = sandbox.write("wrong", "not the password\n");
    let outcome = platform.known_to(sandbox.tbpki(["unregister", "pump-1", "pump-2"]), wrong).run().ends(1);
    assert_eq!(outcome.stderr_text().matches("TBPKI-0126").count(), 1, "{outcome}");
}
