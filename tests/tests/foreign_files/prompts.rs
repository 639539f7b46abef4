//! Passwords that are typed on a terminal.

use std::path::Path;

use tbpki_tests::oracle::python;
use tbpki_tests::{Outcome, Sandbox};

use crate::{java_keystore, pkcs12, with_root};

/// Runs tbpki on a terminal in the sandbox, and types each answer when its prompt comes.
#[track_caller]
fn typed(sandbox: &Sandbox, args: &[&str], answers: &[(&str, &str)]) -> Outcome {
    let answers = serde_json::to_string(&answers).unwrap();
    let tool = python("type_answers.py").arg(answers).arg(binary()).args(args);
    tool.clean_env().env("LANG", "C.UTF-8").env("PATH", "/usr/bin:/bin").directory(sandbox.path()).run()
}

fn binary() -> &'static Path {
    tbpki_tests::binary::tbpki()
}

/// Runs tbpki on a terminal, and ends its prompt by a signal or by typed characters. Returns what the terminal showed, and
/// the status: that of subprocess in Python, which is negative for a signal.
#[track_caller]
fn ended(sandbox: &Sandbox, args: &[&str], prompt: &str, end: &str) -> (String, i64) {
    let tool = python("prompt_end.py").args([prompt, end]).arg(binary()).args(args);
    let outcome =
        tool.clean_env().env("LANG", "C.UTF-8").env("PATH", "/usr/bin:/bin").directory(sandbox.path()).run().ok();
    let text = outcome.stdout_text();
    let (shown, last) = text.trim_end().rsplit_once('\n').unwrap();
    let last: serde_json::Value = serde_json::from_str(last).unwrap();
    assert_eq!(last["same"], true, "the terminal has other modes: {text}");
    (shown.to_owned(), last["status"].as_i64().unwrap())
}

#[test]
fn a_prompt_that_is_ended_leaves_the_terminal_as_it_was() {
    let sandbox = Sandbox::new();
    let (text, hidden) = ("Organization", "passphrase of the CA keys");
    let init = ["init", "--organization", "x"];
    for (signal, number) in [("SIGINT", 2), ("SIGTERM", 15), ("SIGHUP", 1), ("SIGQUIT", 3)] {
        assert_eq!(ended(&sandbox, &["init"], text, signal).1, -number, "{signal}");
        assert_eq!(ended(&sandbox, &init, hidden, signal).1, -number, "{signal}");
    }
    // Ctrl-C of the keyboard.
    for (args, prompt) in [(&["init"][..], text), (&init, hidden)] {
        assert_eq!(ended(&sandbox, args, prompt, "\u{3}").1, -2);
    }
    assert_eq!(sandbox.files(), [] as [&Path; 0]);
}

#[test]
fn an_empty_secret_is_refused_with_the_reason() {
    let sandbox = Sandbox::new();
    sandbox.write("ca.pass", "long enough");
    sandbox.ok(["init", "--no-input", "--ca-passphrase-file", "ca.pass"]);
    let prompt = "passphrase of the CA keys";
    let answers = [(prompt, ""), ("an empty answer is not accepted", "long enough")];
    typed(&sandbox, &["client", "pump-1"], &answers).ok();
    assert!(sandbox.join("pki/devices/pump-1/cert.pem").exists());
}

#[test]
fn inspect_and_verify_ask_for_the_password_of_a_keystore() {
    let sandbox = with_root();
    pkcs12(&sandbox, "closed.p12", &["-passout", "pass:secret12"]);
    let prompt = "password of closed.p12";
    let shown = typed(&sandbox, &["inspect", "closed.p12"], &[(prompt, "wrong1"), (prompt, "secret12")]).ok();
    assert!(shown.stdout_text().contains("algorithm        ec-p256"), "{shown}");
    let args = ["verify", "closed.p12", "--anchors", "root.pem"];
    typed(&sandbox, &args, &[(prompt, "secret12")]).ok().prints("the chain verifies");
    // Three tries, then the reason.
    let three = [(prompt, "wrong1"), (prompt, "wrong2"), (prompt, "wrong3")];
    typed(&sandbox, &["inspect", "closed.p12"], &three).ends(1).prints("TBPKI-0071");
    // A script on a terminal must not wait for an answer that will not come.
    typed(&sandbox, &["inspect", "closed.p12", "--no-input"], &[]).ends(1).prints("--passphrase-file");
}

#[test]
fn init_asks_for_each_password_of_an_imported_keystore() {
    let sandbox = with_root();
    pkcs12(&sandbox, "default.p12", &["-passout", "pass:secret12"]);
    let from =
        ["-importkeystore", "-srckeystore", "default.p12", "-srcstorepass", "secret12", "-srckeypass", "secret12"];
    let to = [
        "-destkeystore",
        "own.jks",
        "-deststoretype",
        "JKS",
        "-deststorepass",
        "store-word",
        "-destkeypass",
        "key-word",
    ];
    java_keystore(&sandbox, &[&from[..], &["-srcalias", "ca", "-destalias", "ca"], &to].concat());
    let (store, key) = ("passphrase of the imported CA", "password of the private key in the imported keystore");
    let args = ["init", "--insecure-no-passphrase", "--organization", "x", "--devices-ca", "own.jks"];
    let answers = [(store, "wrong1"), (store, "store-word"), (key, "wrong2"), (key, "key-word")];
    typed(&sandbox, &args, &answers).ok();
    assert!(sandbox.join("pki/ca/devices-root/cert.pem").exists());
}

#[test]
fn a_new_passphrase_has_a_minimum_that_the_prompt_states() {
    let sandbox = Sandbox::new();
    let prompt = "passphrase of the CA keys, empty for none (at least 8 characters)";
    let answers =
        // The first has seven characters, one too few, and is refused before it has to be repeated.
        [(prompt, "seven77"), ("at least 8 characters", "long enough"), ("repeat the passphrase", "long enough")];
    let outcome = typed(&sandbox, &["init", "--organization", "x"], &answers).ok();
    outcome.prints("a passphrase needs at least 8 characters").prints("next: tbpki server");

    // A wrong one is asked for again, three times in all; a file is not.
    let prompt = "passphrase of the CA keys";
    let client = |name| ["client", "--device", name];
    typed(&sandbox, &client("pump-1"), &[(prompt, "wrong word"), ("wrong passphrase", "long enough")]).ok();
    let wrong = [(prompt, "wrong word"), ("wrong passphrase", "wrong word"), ("wrong passphrase", "wrong word")];
    typed(&sandbox, &client("pump-2"), &wrong).ends(1).prints("TBPKI-0033");
    assert!(!sandbox.join("pki/devices/pump-2").exists());
    sandbox.write("wrong", "wrong word");
    let from_file = [&client("pump-2")[..], &["--ca-passphrase-file", "wrong"]].concat();
    let outcome = typed(&sandbox, &from_file, &[]).ends(1);
    assert!(!outcome.stdout_text().contains("passphrase of the CA keys:"), "{outcome}");
}

#[test]
fn init_reports_an_existing_store_before_it_asks() {
    let sandbox = Sandbox::with_store();
    for args in [&["init"][..], &["init", "--devices-ca", "missing.pem"]] {
        let outcome = typed(&sandbox, args, &[]).ends(1).prints("TBPKI-0092");
        assert!(!outcome.stdout_text().contains("Organization"), "{outcome}");
    }
    // The CAs alone are enough to be a store that must not be made a second time.
    std::fs::remove_file(sandbox.join("keygen.toml")).unwrap();
    let outcome = typed(&sandbox, &["init"], &[]).ends(1).prints("TBPKI-0092");
    assert!(!outcome.stdout_text().contains("Organization"), "{outcome}");
}

#[test]
fn a_dry_run_asks_nothing_and_leads_to_no_next_step() {
    let sandbox = Sandbox::new();
    for args in [&["init", "--dry-run"][..], &["init", "--dry-run", "--no-input"]] {
        let outcome = typed(&sandbox, args, &[]).ok().prints("planned         keygen.toml");
        assert!(!outcome.stdout_text().contains("next:"), "{outcome}");
        assert_eq!(sandbox.files(), [] as [&Path; 0]);
    }
    let report = sandbox.ok(["init", "--dry-run", "--json"]).json();
    assert_eq!(report["result"]["encrypted"], true);
    let report = sandbox.ok(["init", "--dry-run", "--json", "--insecure-no-passphrase"]).json();
    assert_eq!(report["result"]["encrypted"], false);
}

#[test]
fn keys_without_a_passphrase_have_a_code_of_their_own() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.ok(["init", "--no-input", "--insecure-no-passphrase"]).prints("warning[TBPKI-0038]");
    assert!(!outcome.stderr_text().contains("TBPKI-0085"), "{outcome}");
    sandbox.ok(["explain", "TBPKI-0038"]).prints("--ca-passphrase-file");
}

#[test]
fn the_passphrase_of_the_ca_keys_is_typed_once_for_all_keys() {
    let sandbox = Sandbox::new();
    sandbox.write("ca.pass", "long enough");
    sandbox.ok(["init", "--no-input", "--ca-passphrase-file", "ca.pass"]);
    sandbox.ok(["client", "--device", "pump-1", "--ca-passphrase-file", "ca.pass"]);
    let prompt = "passphrase of the CA keys";
    // The root has a list, too, and its key the same passphrase.
    typed(&sandbox, &["crl"], &[(prompt, "long enough")]).ok();
    typed(&sandbox, &["revoke", "--device", "pump-1"], &[(prompt, "wrong word"), ("wrong passphrase", "long enough")])
        .ok();
    // A key with another passphrase leads to another question.
    sandbox.write("root.pass", "one of the root");
    let change = ["ca", "passphrase", "devices-root", "--ca-passphrase-file", "ca.pass"];
    sandbox.ok(change.iter().chain(&["--new-passphrase-file", "root.pass"]));
    typed(&sandbox, &["crl"], &[(prompt, "long enough"), ("wrong passphrase", "one of the root")]).ok();
}
