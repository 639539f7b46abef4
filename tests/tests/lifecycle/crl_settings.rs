//! `[crl] superseded` and `[crl] after`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use pki::issuer::LocalCa;
use pki::pem_bundle::PemBundle;
use pki::revocation_list::{ListHeader, Reason, RevokedSerial, sign};
use pki::{PrivateKey, armor};
use serde_json::Value;
use tbpki_tests::binary::tbpki;
use tbpki_tests::{Sandbox, Snapshot};
use time::{Duration, OffsetDateTime};

use crate::scene::{json, verify};

const LISTS: &str = "pki/devices-crl.pem";

/// A store with a device, and with these settings of the lists.
#[track_caller]
fn store(settings: &str) -> Sandbox {
    let sandbox = Sandbox::with_store();
    let config = sandbox.text("keygen.toml").replace("\n[crl]\n", &format!("\n[crl]\n{settings}\n"));
    assert!(config.contains(settings));
    sandbox.write("keygen.toml", config);
    sandbox.ok(["client", "--device", "pump-1"]);
    sandbox
}

fn program(sandbox: &Sandbox, name: &str, script: &str) {
    fs::create_dir_all(sandbox.join("bin")).unwrap();
    sandbox.write(name, format!("#!/bin/sh\n{script}\n"));
    for (path, mode) in [(sandbox.join(name), 0o700), (sandbox.join("bin"), 0o755)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
}

fn roles(sandbox: &Sandbox) -> Vec<Value> {
    let listed = json(&sandbox.ok(["list", "--all", "--json", "--name", "pump-1"]));
    listed["identities"].as_array().unwrap().iter().map(|row| row["role"].clone()).collect()
}

#[test]
fn superseded_generations_are_on_the_next_scheduled_list() {
    for (settings, role, is_listed) in [("superseded = true", "revoked", true), ("", "superseded", false)] {
        let sandbox = store(settings);
        fs::copy(sandbox.join("pki/devices/pump-1/cert.pem"), sandbox.join("first.pem")).unwrap();
        sandbox.ok(["client", "--device", "pump-1", "--force"]);
        // Nothing is listed by a dry run, and nothing by the revocation of another device.
        sandbox.ok(["crl", "--dry-run"]);
        sandbox.ok(["client", "--device", "pump-2"]);
        sandbox.ok(["revoke", "--device", "pump-2"]);
        assert_eq!(roles(&sandbox), ["superseded", "current"]);
        let lists = json(&sandbox.ok(["crl", "--json"]));
        assert_eq!(lists["lists"][0]["revoked"], Value::from(1 + u64::from(is_listed)), "{settings}");
        assert_eq!(roles(&sandbox), [role, "current"]);
        verify(&sandbox, LISTS, "pump-1").ok();
        let first = sandbox.tbpki(["verify", "first.pem", "--crl", LISTS, "--json"]).run();
        assert_eq!(
            first.stdout_text().contains("TBPKI-0062") || first.stderr_text().contains("TBPKI-0062"),
            is_listed,
            "{first}"
        );
        let shown = sandbox.ok(["inspect", LISTS, "--json"]).stdout_text();
        assert_eq!(shown.contains("superseded"), is_listed, "{shown}");
        // It stays there, and is no open step.
        let again = json(&sandbox.ok(["crl", "--json"]));
        assert_eq!(again["lists"][0]["revoked"], Value::from(1 + u64::from(is_listed)));
        sandbox.ok(["revoke", "--open"]);
    }
}

#[test]
fn a_program_runs_after_the_file_has_changed() {
    let sandbox = store("after = [\"bin/reload\", \"$(touch x); a b\"]");
    program(&sandbox, "bin/reload", "echo \"$1|$TBPKI_CA_PASSPHRASE\" >> log; echo output");
    sandbox.ok(["crl", "--dry-run"]);
    assert!(!sandbox.join("log").exists());
    let outcome = sandbox.tbpki(["crl", "--json"]).env("TBPKI_CA_PASSPHRASE", "secret").run().ok();
    assert_eq!(json(&outcome)["hook_failed"], false);
    // The argument as one word and unexpanded: there was no shell. The passphrase is gone from the environment.
    assert_eq!(sandbox.text("log"), "$(touch x); a b|\n");
    sandbox.ok(["revoke", "--device", "pump-1"]);
    assert_eq!(sandbox.text("log").lines().count(), 2);
    // The revocation is known: no list changes.
    sandbox.ok(["revoke", "--device", "pump-1"]);
    assert_eq!(sandbox.text("log").lines().count(), 2);
}

#[test]
fn the_program_can_call_a_verb_that_needs_the_store() {
    let sandbox = store("after = [\"bin/reload\"]");
    let client = format!("'{}' client --device broker-user", tbpki().display());
    // The first run makes a device, and the second one replaces it.
    program(
        &sandbox,
        "bin/reload",
        &format!("if test -e log; then {client} --force; else {client}; fi && echo run >> log"),
    );
    sandbox.ok(["crl"]);
    sandbox.ok(["revoke", "--device", "pump-1"]);
    assert_eq!(sandbox.text("log").lines().count(), 2);
    let listed = json(&sandbox.ok(["list", "--all", "--json", "--name", "broker-user"]));
    assert_eq!(listed["identities"].as_array().unwrap().len(), 2);
}

#[test]
fn a_program_is_found_from_the_directory_of_the_configuration() {
    let sandbox = store("after = [\"./bin/reload\"]");
    program(&sandbox, "bin/reload", "echo done >> log");
    fs::create_dir(sandbox.join("w")).unwrap();
    let crl = || sandbox.tbpki(["--config", "../keygen.toml", "crl"]).directory(sandbox.join("w")).run();
    // The user need not make the broker read the file: the program has.
    let text = crl().ok().prints("the program of `[crl] after` has run").stdout_text();
    assert!(!text.contains("next:"), "{text}");
    assert_eq!(sandbox.text("w/log"), "done\n");
    fs::remove_file(sandbox.join("bin/reload")).unwrap();
    crl().ends(1).prints("TBPKI-0310").prints("does not exist").prints("starts at the directory of keygen.toml");
}

#[test]
fn lists_of_two_generations_of_a_ca_are_told_apart() {
    let sandbox = store("days = 8");
    assert!(!sandbox.ok(["crl"]).prints("next: make the broker read the file").stdout_text().contains("generation"));
    sandbox.ok(["ca", "prepare", "devices-issuing"]);
    sandbox.ok(["crl"]).prints("devices-issuing, generation 1").prints("devices-issuing, generation 2");
}

#[test]
fn a_program_that_fails_is_reported_and_repeated_by_the_next_lists() {
    let sandbox = store("after = [\"bin/reload\"]");
    program(&sandbox, "bin/reload", "test -e ready");
    let outcome = sandbox.tbpki(["crl", "--json"]).run().ends(4).prints("TBPKI-0311");
    assert_eq!(json(&outcome)["hook_failed"], true);
    assert!(sandbox.join(LISTS).exists());
    sandbox.tbpki(["revoke", "--device", "pump-1"]).run().ends(4).prints("the program of [crl] after failed");
    // The same error again, and no word that nothing is open.
    let again = sandbox.tbpki(["revoke", "--open"]).run().ends(4).prints("open:\n  the program of `[crl] after`");
    assert!(!again.stdout_text().contains("no step is open"), "{again}");
    sandbox.write("ready", "");
    sandbox.ok(["crl"]);
}

#[test]
fn a_program_that_failed_runs_again_when_open_steps_are_finished() {
    let sandbox = store("after = [\"bin/reload\"]");
    program(&sandbox, "bin/reload", "echo run >> log; test -e ready");
    sandbox.tbpki(["revoke", "--device", "pump-1"]).run().ends(4).prints("TBPKI-0311");
    let lists = sandbox.read(LISTS);
    // No list changes, and the program still fails: the step stays open.
    let outcome = sandbox.tbpki(["revoke", "--open", "--json"]).run().ends(4).prints("TBPKI-0311");
    assert_eq!((&json(&outcome)["open_steps"], &json(&outcome)["lists"]["hook_failed"]), (&0.into(), &true.into()));
    sandbox.ok(["report", "--metrics", "tbpki.prom"]);
    assert!(sandbox.text("tbpki.prom").contains("\ntbpki_steps_open{of=\"crl-after\"} 1\n"));
    sandbox.write("ready", "");
    assert_eq!(json(&sandbox.ok(["revoke", "--open", "--json"]))["lists"]["hook_failed"], false);
    assert_eq!(sandbox.text("log").lines().count(), 3);
    assert_eq!(sandbox.read(LISTS), lists);
    // Once it has run, it does not run again.
    sandbox.ok(["revoke", "--open"]);
    assert_eq!(sandbox.text("log").lines().count(), 3);
    let files = sandbox.files();
    assert!(!files.iter().any(|file| file.to_string_lossy().contains("crl-after")), "{files:?}");
}

#[test]
fn the_same_command_runs_a_program_that_failed() {
    let sandbox = store("after = [\"bin/reload\"]");
    sandbox.ok(["client", "pump-7"]);
    program(&sandbox, "bin/reload", "echo run >> log; test -e ready");
    let forget = ["forget", "--device", "pump-7"];
    let failed = sandbox.tbpki(forget).run().ends(4).prints("TBPKI-0311").prints("run the same command again");
    failed.prints("devices-crl.pem");
    sandbox.tbpki(forget).run().ends(4).prints("the program of `[crl] after` has failed");
    let revoke = ["revoke", "--device", "pump-1"];
    sandbox.tbpki(revoke).run().ends(4);
    sandbox.tbpki(revoke).run().ends(4).prints("the program of `[crl] after`");
    sandbox.write("ready", "");
    sandbox.write("log", "");
    sandbox.ok(forget);
    assert_eq!(sandbox.text("log"), "run\n");
    sandbox.ok(revoke);
    assert_eq!(sandbox.text("log"), "run\n");
}

#[test]
fn a_program_that_others_can_change_stops_the_command_before_anything_is_written() {
    let sandbox = store("after = [\"bin/reload\"]");
    program(&sandbox, "bin/reload", "true");
    // Who can write this file would run programs as the user of tbpki, who may be root.
    fs::set_permissions(sandbox.join("bin/reload"), fs::Permissions::from_mode(0o777)).unwrap();
    let look = || {
        let is_ledger =
            |name: &std::path::Path| name.to_string_lossy().contains("ledger.db") || name.ends_with(".lock");
        Snapshot::of(sandbox.path()).without(is_ledger)
    };
    let before = look();
    sandbox.fails(["crl"], 1, "TBPKI-0310");
    before.is_unchanged(&look(), "a program that others can change");
    sandbox.write("keygen.toml", sandbox.text("keygen.toml").replace("\"bin/reload\"", "\"\""));
    sandbox.fails(["crl"], 1, "TBPKI-0003");
}

#[test]
fn a_list_that_does_not_go_to_the_file_of_the_last_one_is_reported() {
    let sandbox = store("");
    sandbox.ok(["client", "--device", "pump-2"]);
    let first = sandbox.ok(["crl", "--out", "broker.pem"]);
    assert!(!first.stderr_text().contains("TBPKI-0386"), "{first}");
    let lists = sandbox.read("broker.pem");
    sandbox.ok(["revoke", "--device", "pump-1"]).prints("TBPKI-0386").prints("devices-crl.pem").prints("[crl]");
    assert_eq!(sandbox.read("broker.pem"), lists);
    // The help: with the file in keygen.toml, both go to the broker.
    let config = sandbox.text("keygen.toml").replace("\n[crl]\n", "\n[crl]\nout = \"broker.pem\"\n");
    sandbox.write("keygen.toml", config);
    sandbox.ok(["crl"]).prints("TBPKI-0386");
    let last = sandbox.ok(["revoke", "--device", "pump-2"]);
    assert!(!last.stderr_text().contains("TBPKI-0386"), "{last}");
    assert_ne!(sandbox.read("broker.pem"), lists);
}

#[test]
fn lists_that_were_not_published_are_in_no_other_file() {
    let sandbox = store("");
    sandbox.ok(["crl"]);
    // The list of the issuing CA is made first, and goes nowhere because that of the root would lose a revocation.
    let lists = sandbox.read(LISTS);
    let root = sandbox.join("pki/ca/devices-root");
    let chain = PemBundle::parse(&fs::read(root.join("cert.pem")).unwrap()).unwrap().certificates;
    let key = PrivateKey::from_pem_or_der(&fs::read(root.join("key.pem")).unwrap(), None).unwrap();
    let now = OffsetDateTime::now_utc();
    let header = ListHeader { number: 1, this_update: now, next_update: now + Duration::DAY };
    let revoked = RevokedSerial { serial: vec![0x47], at: now, reason: Reason::Unspecified };
    let forged = sign(&LocalCa::new(chain, key).unwrap(), &header, [Ok(revoked)]).unwrap();
    let mut file = Vec::new();
    armor::append("X509 CRL", &PemBundle::parse(&lists).unwrap().crls[0], &mut file);
    armor::append("X509 CRL", forged.der(), &mut file);
    sandbox.write(LISTS, &file);
    sandbox.fails(["crl"], 1, "TBPKI-0425");
    assert_eq!(sandbox.read(LISTS), file);
    sandbox.write(LISTS, &lists);
    let again = sandbox.ok(["crl"]);
    assert!(!again.stderr_text().contains("TBPKI-0386"), "{again}");
}
