//! `tbpki revoke`, and that no verb uses what is revoked.

use std::fs;

use serde_json::{Value, json};
use tb_sim::{CredentialsType, Fault, FaultKind};
use tbpki_tests::forge::age;
use tbpki_tests::{Sandbox, Snapshot, Tool};

use crate::scene::{IMAGE, Scene, json, verify, write_image_files};

const LISTS: &str = "pki/devices-crl.pem";

fn roles(sandbox: &Sandbox, name: &str) -> Vec<Value> {
    let listed = json(&sandbox.ok(["list", "--all", "--json", "--name", name]));
    listed["identities"].as_array().unwrap().iter().map(|row| row["state"].clone()).collect()
}

fn open(report: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    report["open"].as_array().unwrap().iter().map(|open| (text(&open["name"]), text(&open["step"]))).collect()
}

#[test]
fn a_stolen_device_is_out_everywhere() {
    let scene = Scene::new();
    for device in ["pump-1", "pump-2"] {
        scene.ok(&["client", "--device", device, "--register"]);
    }
    let id = |sandbox: &Sandbox| json(&sandbox.ok(["list", "--json"]))["identities"].clone();
    let before = id(&scene.sandbox);
    let report = scene.json(&["revoke", "--device", "pump-1", "--reason", "keyCompromise"]);
    assert_eq!((&report["revoked"][0]["done"], &report["withdrawn"]), (&json!("revoked"), &json!(1)));
    assert_eq!(open(&report), []);
    assert_ne!(id(&scene.sandbox), before);

    // The ledger, the list and the platform agree.
    assert_eq!(roles(&scene.sandbox, "pump-1"), ["revoked"]);
    verify(&scene.sandbox, LISTS, "pump-2").ok();
    verify(&scene.sandbox, LISTS, "pump-1").ends(2).prints("certificate revoked");
    let shown = scene.ok(&["inspect", LISTS, "--json"]).stdout_text();
    assert!(shown.contains("keyCompromise"), "{shown}");
    let sim = scene.platform.sim().unwrap();
    let kind = |name: &str| sim.credentials(name).map(|credentials| credentials.kind).unwrap();
    assert_eq!((kind("pump-1"), kind("pump-2")), (CredentialsType::AccessToken, CredentialsType::X509Certificate));

    // The check names it, before anything is sent.
    let check = scene.tbpki(&["check", "--device", "pump-1", "--offline"]).run().ends(3);
    check.prints("TBPKI-0062").prints("revoked on").prints("keyCompromise");
    // Other verbs take its name as a word, and this one the broker.
    let word = scene.tbpki(&["check", "pump-1"]).run().ends(2);
    word.prints("\"pump-1\" is a device, and here the broker is named").prints("`tbpki check --device pump-1`");
    scene.ok(&["check", "--device", "pump-2", "--offline"]);

    // The same again changes nothing, whatever the reason.
    let again = scene.json(&["revoke", "--device", "pump-1", "--reason", "superseded"]);
    assert_eq!((&again["revoked"][0]["done"], open(&again)), (&Value::from("unchanged"), vec![]));
    // The first reason stays: a later, weaker one must not hide that the key is in other hands.
    assert!(scene.ok(&["inspect", LISTS, "--json"]).stdout_text().contains("keyCompromise"));
}

#[test]
fn an_expired_device_is_revoked_and_no_renewal_brings_it_back() {
    let scene = Scene::new();
    for device in ["pump-1", "pump-2"] {
        scene.ok(&["client", "--device", device, "--days", "90", "--register"]);
        age(&scene.sandbox.join("pki/ledger.db"), device, 95);
    }
    let report = scene.json(&["revoke", "--device", "pump-1", "--reason", "keyCompromise"]);
    assert_eq!((&report["revoked"][0]["done"], open(&report)), (&Value::from("revoked"), vec![]));
    let kind = scene.platform.sim().unwrap().credentials("pump-1").map(|credentials| credentials.kind);
    assert_eq!(kind, Some(CredentialsType::AccessToken));
    scene.ok(&["renew", "--all", "--due"]);
    assert_eq!(roles(&scene.sandbox, "pump-1"), ["revoked"]);
    assert_eq!(roles(&scene.sandbox, "pump-2").len(), 2);
}

#[test]
fn the_login_of_a_revoked_certificate_is_not_answered_with_its_registration() {
    let scene = Scene::with_our_server();
    scene.ok(&["client", "pump-1", "--register"]);
    scene.ok(&["revoke", "pump-1", "--reason", "keyCompromise"]);
    let check = scene.tbpki(&["check", &scene.broker(), "--device", "pump-1"]).run().ends(3);
    let text = check.prints("the broker refuses the certificate, which is revoked").stdout_text();
    assert!(!text.contains("register it"), "{text}");
}

#[test]
fn the_end_of_a_revocation_tells_what_is_missing_and_what_is_done() {
    let scene = Scene::new();
    scene.ok(&["client", "pump-1", "--register"]);
    // Without the platform's address, its step stays open.
    let sandbox = &scene.sandbox;
    let refused = sandbox.tbpki(["revoke", "--device", "pump-1"]).run().ends(4);
    refused.prints("open:").prints("--platform-url");
    sandbox.tbpki(["revoke", "--open"]).run().ends(4).prints("--platform-url");
    scene.ok(&["revoke", "--open"]).prints("1 device: ThingsBoard does not accept its certificate any more");
    scene.ok(&["revoke", "--open"]).prints("no step is open");
}

#[test]
fn a_name_with_a_comma_is_one_device_if_there_is_such_a_device() {
    let sandbox = Sandbox::with_store();
    for name in ["a,b", "a", "b"] {
        sandbox.ok(["client", name]);
    }
    sandbox.ok(["revoke", "--device", "a,b"]).prints("device a,b, generation 1");
    assert_eq!([roles(&sandbox, "a"), roles(&sandbox, "b")], [["issued"], ["issued"]]);
    sandbox.ok(["forget", "a,b"]).prints("device a,b: ");
    // There is no such device any more.
    sandbox.ok(["forget", "a,b", "--dry-run"]).prints("device a: ").prints("device b: ");
}

#[test]
fn every_bulk_verb_skips_what_is_revoked_and_counts_it() {
    let scene = Scene::new();
    scene.ok(&["fleet", "issue", "--count", "3", "--name-pattern", "s-{}", "--out", "fleet"]);
    scene.ok(&["client", "--device", "d"]);
    scene.ok(&["revoke", "--device", "s-2"]);

    let report = scene.json(&["fleet", "register"]);
    let phase = &report["phases"][0];
    assert_eq!((&phase["done"], &phase["revoked"], &phase["left"]), (&2.into(), &1.into(), &0.into()), "{report}");
    let report = scene.json(&["register", "--all"]);
    assert_eq!((report["devices"].as_array().unwrap().len(), &report["revoked"]), (3, &1.into()), "{report}");
    assert!(scene.ok(&["register", "--all"]).stdout_text().contains("1 device was revoked and is skipped"));
    assert!(scene.platform.sim().unwrap().credentials("s-2").is_none());

    write_image_files(&scene.sandbox);
    let report = scene.json(&[&["fleet", "bundle"], IMAGE].concat());
    let phase = &report["phases"][0];
    assert_eq!((&phase["done"], &phase["revoked"], &phase["left"]), (&2.into(), &1.into(), &0.into()), "{report}");
    let all = [&["bundle-firmware", "--all", "--out", "images"], IMAGE].concat();
    let outcome = scene.ok(&all);
    outcome.prints("1 device was revoked and is skipped");
    assert!(!scene.sandbox.join("images/s-2").exists() && scene.sandbox.join("images/s-1").exists());

    // Named, it is refused.
    for args in [vec!["register", "--device", "s-2"], [&["bundle-firmware", "--device", "s-2"], IMAGE].concat()] {
        let refused = scene.tbpki(&args).run();
        let refused = refused.prints("TBPKI-0062");
        assert_ne!(refused.status, 0, "{refused}");
    }
}

#[test]
fn a_revoked_device_gets_another_generation_and_keeps_its_revocation() {
    let scene = Scene::new();
    scene.ok(&["client", "--device", "pump-1", "--register"]);
    scene.ok(&["revoke", "--device", "pump-1", "--reason", "keyCompromise"]);
    scene.ok(&["client", "--device", "pump-1", "--register", "--replace"]);
    assert_eq!(roles(&scene.sandbox, "pump-1"), ["revoked", "registered"]);
    verify(&scene.sandbox, LISTS, "pump-1").ok();
    // The list still has the first generation, and a revocation of the name now means the second.
    let report = scene.json(&["revoke", "--device", "pump-1"]);
    assert_eq!(report["revoked"].as_array().unwrap().len(), 1);
    assert_eq!(report["revoked"][0]["generation"], 2);
    assert_eq!(report["lists"]["lists"][0]["revoked"], 2);
}

#[test]
fn the_platform_and_the_lists_do_not_wait_for_each_other() {
    let scene = Scene::new();
    scene.ok(&["client", "--device", "pump-1", "--register"]);
    // The platform is unknown to this command: the list is written all the same.
    let outcome = scene.sandbox.tbpki(["revoke", "--device", "pump-1", "--json"]).run().ends(4);
    assert_eq!(open(&json(&outcome)), [("pump-1".to_owned(), "platform".to_owned())]);
    verify(&scene.sandbox, LISTS, "pump-1").ends(2).prints("certificate revoked");
    // Nothing registers it meanwhile.
    scene.tbpki(&["register", "--device", "pump-1"]).run().ends(1).prints("TBPKI-0062");

    let finished = scene.json(&["revoke", "--open"]);
    assert_eq!(open(&finished), []);
    let sim = scene.platform.sim().unwrap();
    assert_eq!(sim.credentials("pump-1").unwrap().kind, CredentialsType::AccessToken);

    // The other way around: the key of the CA is away, and the platform is told all the same.
    scene.ok(&["client", "--device", "pump-2", "--register"]);
    let key = scene.sandbox.join("pki/ca/devices-issuing/key.pem");
    // As with a CA whose key is on a stick that is not plugged in.
    fs::rename(&key, scene.sandbox.join("away.pem")).unwrap();
    let outcome = scene.tbpki(&["revoke", "--device", "pump-2", "--json"]).run().ends(4);
    assert_eq!(open(&json(&outcome)), [("pump-2".to_owned(), "list".to_owned())]);
    assert_eq!(sim.credentials("pump-2").unwrap().kind, CredentialsType::AccessToken);
    fs::rename(scene.sandbox.join("away.pem"), &key).unwrap();
    assert_eq!(open(&scene.json(&["revoke", "--open"])), []);
    verify(&scene.sandbox, LISTS, "pump-2").ends(2).prints("certificate revoked");
}

#[test]
fn the_crl_verb_finishes_the_step_of_the_lists() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["client", "--device", "pump-1"]);
    let key = sandbox.join("pki/ca/devices-issuing/key.pem");
    fs::rename(&key, sandbox.join("away.pem")).unwrap();
    sandbox.tbpki(["revoke", "--device", "pump-1"]).run().ends(4).prints("run `tbpki revoke --open` to finish");
    fs::rename(sandbox.join("away.pem"), &key).unwrap();
    sandbox.ok(["crl"]);
    assert_eq!(open(&json(&sandbox.ok(["revoke", "--open", "--json"]))), []);
}

#[test]
fn lists_have_a_byte_order_mark_or_come_from_standard_input() {
    let sandbox = Sandbox::with_store();
    for device in ["a", "b", "c"] {
        sandbox.ok(["client", "--device", device]);
    }
    let done = |report: &Value| report["revoked"][0]["done"].clone();
    // As Notepad and spreadsheets write it.
    sandbox.write("names.txt", "\u{feff}a\r\n");
    let revoked = json(&sandbox.ok(["revoke", "--file", "names.txt", "--json"]));
    assert_eq!(done(&revoked), "revoked");
    let input = sandbox.tbpki(["revoke", "--file", "-", "--json"]).stdin("b\n").run().ok();
    assert_eq!(done(&json(&input)), "revoked");
    // The line that `openssl x509 -serial` prints.
    let shown = Tool::new("openssl").args(["x509", "-noout", "-serial", "-in", "pki/devices/c/cert.pem"]);
    let serial = shown.directory(sandbox.path()).run().ok().stdout_text();
    assert!(serial.starts_with("serial="), "{serial}");
    sandbox.write("serials.txt", format!("\u{feff}{serial}"));
    assert_eq!(done(&json(&sandbox.ok(["revoke", "--serial-file", "serials.txt", "--dry-run", "--json"]))), "planned");
    assert_eq!(done(&json(&sandbox.ok(["revoke", "--serial", serial.trim(), "--json"]))), "revoked");
}

#[test]
fn a_list_of_names_is_taken_as_a_whole_or_not_at_all() {
    let sandbox = Sandbox::with_store();
    for device in ["a", "b", "c"] {
        sandbox.ok(["client", "--device", device]);
    }
    let before = Snapshot::of(sandbox.path());
    sandbox.write("unknown.txt", "a\nunknown\n");
    sandbox.fails(["revoke", "--file", "unknown.txt"], 1, "TBPKI-0096").prints("unknown.txt:2").prints("(line 2)");
    sandbox.write("wrong.txt", "a\n../b\n");
    // A name is also a directory in the store, so a path in its place must not get that far.
    sandbox.fails(["revoke", "--file", "wrong.txt"], 1, "TBPKI-0025").prints("wrong.txt:2");
    sandbox.write("empty.txt", "# nothing\n\n");
    sandbox.fails(["revoke", "--file", "empty.txt"], 1, "TBPKI-0274");
    for file in ["unknown.txt", "wrong.txt", "empty.txt"] {
        fs::remove_file(sandbox.join(file)).unwrap();
    }
    before.is_unchanged(&Snapshot::of(sandbox.path()), "refused lists");

    // A comment, an empty line, spaces and a name twice: what lists have that people keep by hand.
    sandbox.write("stolen.txt", "# found missing\na\n\n  c  \na\n");
    let planned = json(&sandbox.ok(["revoke", "--file", "stolen.txt", "--dry-run", "--json"]));
    let done = |report: &Value| -> Vec<Value> {
        report["revoked"].as_array().unwrap().iter().map(|one| one["done"].clone()).collect()
    };
    assert_eq!(done(&planned), ["planned", "planned"]);
    assert_eq!(roles(&sandbox, "a"), ["issued"]);
    assert_eq!(done(&json(&sandbox.ok(["revoke", "--file", "stolen.txt", "--json"]))), ["revoked", "revoked"]);
    assert_eq!(["a", "b", "c"].map(|name| roles(&sandbox, name)[0].clone()), ["revoked", "issued", "revoked"]);
}

#[test]
fn a_certificate_is_found_by_its_serial_number() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["client", "--device", "pump-1"]);
    sandbox.ok(["client", "--device", "pump-1", "--force"]);
    let rows = json(&sandbox.ok(["list", "--all", "--json", "--name", "pump-1"]));
    // In lower case, as `openssl x509 -text` shows it; tbpki itself writes capitals.
    let first = rows["identities"][0]["serial"].as_str().unwrap().to_ascii_lowercase();
    sandbox.fails(["revoke", "--serial", "00ff"], 1, "TBPKI-0096");
    sandbox.fails(["revoke", "--serial", "0x12"], 2, "TBPKI-0003");
    sandbox.fails(["revoke", "--serial", &first, "--issuer", "server-issuing"], 1, "TBPKI-0096");
    let report = json(&sandbox.ok(["revoke", "--serial", &first, "--issuer", "devices-issuing", "--json"]));
    assert_eq!(report["revoked"][0]["generation"], 1);
    assert_eq!(roles(&sandbox, "pump-1"), ["revoked", "issued"]);
    verify(&sandbox, LISTS, "pump-1").ok();
    // All that is left is the second generation.
    let report = json(&sandbox.ok(["revoke", "--device", "pump-1", "--json"]));
    assert_eq!(report["revoked"].as_array().unwrap().len(), 1);
    // A CA is not revoked so.
    let ca = json(&sandbox.ok(["list", "--kind", "ca", "--json"]));
    let ca = ca["identities"][0]["serial"].as_str().unwrap().to_owned();
    sandbox.fails(["revoke", "--serial", &ca], 2, "TBPKI-0011");
}

#[test]
fn a_revoked_server_is_on_the_list_of_its_ca() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["server", "--name", "tb.example", "--only-given-names"]);
    let report = json(&sandbox.ok(["revoke", "--server", "tb.example", "--reason", "cessationOfOperation", "--json"]));
    assert_eq!(open(&report), []);
    let leaf = "pki/servers/tb.example/mqttserver.pem";
    sandbox.fails(["verify", leaf, "--crl", "pki/servers-crl.pem"], 3, "TBPKI-0062");
    sandbox.fails(["revoke", "--server", "other.example"], 1, "TBPKI-0096");
    assert_eq!(roles(&sandbox, "tb.example"), ["revoked"]);
}

#[test]
fn wrong_arguments_are_refused() {
    let sandbox = Sandbox::with_store();
    sandbox.fails(["revoke", "--device", "a", "--reason", "stolen"], 2, "TBPKI-0304");
    // The one reason that can be taken back (RFC 5280, section 5.3.1), for which tbpki has no verb.
    sandbox.fails(["revoke", "--device", "a", "--reason", "certificateHold"], 2, "TBPKI-0304");
    sandbox.fails(["revoke"], 2, "TBPKI-0011");
    sandbox.fails(["revoke", "--device", "a", "--open"], 2, "TBPKI-0011");
    sandbox.fails(["revoke", "--device", "a"], 1, "TBPKI-0096");
    sandbox.fails(["crl", "--days", "0"], 2, "TBPKI-0003");
}

#[test]
fn a_device_of_a_chain_profile_is_kept_and_its_ca_stays_open() {
    let scene = Scene::new();
    scene.ok(&["profile", "create", "pumps", "--create-devices", "--accept-issuer-risk", "--example", "pump-1"]);
    scene.ok(&["client", "--device", "pump-1", "--profile", "pumps"]);
    // It has never connected: the platform does not have it.
    let sim = scene.platform.sim().unwrap();
    assert!(sim.credentials("pump-1").is_none());
    let outcome = scene.tbpki(&["revoke", "--device", "pump-1", "--json"]).run().ends(4);
    let report = json(&outcome);
    assert_eq!(open(&report), [("pump-1".to_owned(), "profile-ca".to_owned())]);
    // The name is taken by a token, so that a connection does not create the device with the revoked certificate.
    assert_eq!(sim.credentials("pump-1").unwrap().kind, CredentialsType::AccessToken);
    scene.tbpki(&["revoke", "--open"]).run().ends(4).prints("profile-ca");
}

#[test]
fn the_devices_of_a_job_are_taken_from_the_platform_together() {
    let scene = Scene::new();
    let sim = scene.platform.sim().unwrap();
    scene.ok(&["fleet", "issue", "--count", "40", "--name-pattern", "s-{}", "--out", "fleet"]);
    scene.ok(&["fleet", "register"]);
    // One of them has the token of another, and one request fails once.
    scene.set_token("s-7", "a-token-of-another");
    sim.inject(Fault::new(FaultKind::Status(503)).on("POST", "/api/device/credentials").times(1));
    let report = json(&scene.tbpki(&["revoke", "--job", "1", "--json"]).run().ends(4));
    assert_eq!((&report["counts"]["revoked"], &report["open_steps"]), (&json!(40), &json!(1)));
    assert_eq!((&report["open"][0]["name"], &report["open"][0]["step"]), (&json!("s-7"), &json!("platform")));
    for number in 1..=40 {
        let credentials = sim.credentials(&format!("s-{number}")).unwrap();
        assert_eq!(credentials.kind, CredentialsType::AccessToken, "{number}");
        assert_eq!(credentials.id == "a-token-of-another", number == 7, "{number}");
    }
}

#[test]
fn a_platform_that_refuses_the_login_is_asked_once_for_a_whole_job() {
    let scene = Scene::new();
    let sim = scene.platform.sim().unwrap();
    scene.ok(&["fleet", "issue", "--count", "40", "--name-pattern", "s-{}", "--out", "fleet"]);
    scene.ok(&["fleet", "register"]);
    sim.inject(Fault::new(FaultKind::Status(401)).on("POST", "/api/auth/login").times(0));
    let outcome = scene.tbpki(&["revoke", "--job", "1", "--json"]).run().ends(4);
    let report = json(&outcome);
    assert_eq!((&report["counts"]["revoked"], &report["open_steps"]), (&json!(40), &json!(40)));
    assert_eq!(sim.credentials("s-1").unwrap().kind, CredentialsType::X509Certificate);
    assert_eq!(report["withdrawn"], 0);
    sim.clear_faults();
    scene.ok(&["revoke", "--open"]).prints("40 devices: ThingsBoard does not accept their certificates any more");
    assert_eq!(sim.credentials("s-40").unwrap().kind, CredentialsType::AccessToken);
    scene.ok(&["revoke", "--open"]).prints("no step is open");
}

#[test]
fn a_name_that_comes_back_into_service_is_noted_once() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["server", "--name", "tb.example.org", "--only-given-names"]);
    sandbox.ok(["client", "pump-1"]);
    sandbox.ok(["revoke", "pump-1", "--reason", "keyCompromise"]);
    sandbox.ok(["revoke", "--server", "tb.example.org"]);
    for (args, note) in [
        (&["client", "pump-1"][..], "the certificate before was revoked on "),
        (&["server", "--name", "tb.example.org", "--only-given-names"], "the certificate before was revoked on "),
    ] {
        let again = sandbox.ok(args).prints(note);
        assert_eq!(again.stderr_text().contains("(keyCompromise)"), args[0] == "client", "{again}");
        let third = sandbox.ok(args);
        assert!(!third.stderr_text().contains(note), "{third}");
    }
}

/// Its files are in a shard, so that nothing in the store shows it any more.
#[test]
fn check_names_the_revocation_of_a_device_of_a_fleet() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["fleet", "issue", "--count", "2", "--name-pattern", "m-{}", "--out", "fleet"]);
    sandbox.tbpki(["revoke", "--device", "m-1", "--reason", "keyCompromise"]).run();
    let check = |name: &str| sandbox.tbpki(["check", "--device", name, "--offline"]).run();
    let revoked = check("m-1").stderr_text();
    for part in
        ["the certificate of the device \"m-1\" was revoked", "the revocation is of ", "`tbpki client --device m-1`"]
    {
        assert!(revoked.contains(part), "{part}: {revoked}");
    }
    assert!(check("m-2").stderr_text().contains("directory or archive of job 1"));
    assert!(check("m-9").stderr_text().contains("the store has no device \"m-9\""));
    sandbox.tbpki(["forget", "--device", "m-1"]).run();
    assert!(check("m-1").stderr_text().contains("the store has no device \"m-1\""));
}
