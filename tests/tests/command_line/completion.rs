//! The answers to a shell at a TAB.

use std::fs;

use tbpki_tests::{Outcome, Sandbox, Snapshot};

/// The candidates for the last word of a command line, as the script of bash asks for them.
#[track_caller]
fn candidates(sandbox: &Sandbox, words: &[&str]) -> Vec<String> {
    let outcome = ask(sandbox, words);
    assert!(outcome.stderr.is_empty(), "{outcome}");
    outcome.stdout_text().lines().map(str::to_owned).collect()
}

fn ask(sandbox: &Sandbox, words: &[&str]) -> Outcome {
    let line = ["--", "tbpki"].iter().chain(words);
    sandbox
        .tbpki(line)
        .env("TBPKI_COMPLETE", "bash")
        // As the script of bash sets them: the index of the word at the cursor, and the separator of the candidates.
        .env("_CLAP_COMPLETE_INDEX", words.len().to_string())
        .env("_CLAP_IFS", "\n")
        .run()
        .ends(0)
}

#[test]
fn fixed_values_are_offered() {
    let sandbox = Sandbox::new();
    let algorithms = ["ec-p256", "ec-p384", "ed25519", "rsa-2048", "rsa-3072", "rsa-4096"];
    assert_eq!(candidates(&sandbox, &["server", "--alg", ""]), algorithms);
    assert_eq!(candidates(&sandbox, &["client", "--alg", "rsa"]), &algorithms[3..]);
    let chips = ["esp32", "esp32s3", "esp32c2", "esp32c3", "esp32c6", "esp32h2"];
    assert_eq!(candidates(&sandbox, &["flash", "--chip", ""]), chips);
    assert_eq!(candidates(&sandbox, &["list", "--kind", ""]), ["ca", "device", "server"]);
    assert!(candidates(&sandbox, &["list", "--state", ""]).contains(&"registered".to_owned()));
    assert_eq!(candidates(&sandbox, &["fleet", "issue", "--layout", ""]), ["directories", "shards", "archive"]);
    assert!(candidates(&sandbox, &["client", "--format", "p"]).contains(&"p12".to_owned()));
    assert_eq!(candidates(&sandbox, &["fleet", "bundle", "--flash-size", "1"]), ["1MB", "16MB"]);
    assert_eq!(candidates(&sandbox, &["revoke", "--reason", "c"]), ["cACompromise", "cessationOfOperation"]);
    assert_eq!(candidates(&sandbox, &["explain", "TBPKI-0001"]), ["TBPKI-0001"]);
    assert!(candidates(&sandbox, &["cli"]).contains(&"client".to_owned()));
}

#[test]
fn names_and_jobs_come_from_the_ledger_and_nothing_is_written() {
    let sandbox = Sandbox::with_store();
    for device in ["pump-1", "pump-2", "valve-1"] {
        sandbox.ok(["client", "--device", device]);
    }
    sandbox.ok(["fleet", "issue", "--count", "2", "--name-pattern", "sensor-{}", "--out", "fleet"]);
    sandbox.ok(["server", "--name", "tb.example.org", "--only-given-names"]);
    let before = Snapshot::of(sandbox.path());
    assert_eq!(candidates(&sandbox, &["check", "--device", "pump"]), ["pump-1", "pump-2"]);
    assert_eq!(
        candidates(&sandbox, &["register", "--device", ""]),
        ["pump-1", "pump-2", "sensor-1", "sensor-2", "valve-1"]
    );
    assert_eq!(candidates(&sandbox, &["server", "--name", ""]), ["tb.example.org"]);
    assert_eq!(candidates(&sandbox, &["fleet", "register", "--job", ""]), ["1"]);
    assert_eq!(candidates(&sandbox, &["ca", "prepare", "devices"]), ["devices-issuing", "devices-root"]);
    let config = sandbox.join("keygen.toml");
    let elsewhere = Sandbox::new();
    let moved = ["--config", config.to_str().unwrap(), "token", "--device", "v"];
    assert_eq!(candidates(&elsewhere, &moved), ["valve-1"]);
    before.is_unchanged(&Snapshot::of(sandbox.path()), ask(&sandbox, &["token", "--device", ""]));
}

#[test]
fn without_a_usable_ledger_there_are_no_candidates_and_no_errors() {
    let sandbox = Sandbox::new();
    let device = ["check", "--device", ""];
    assert!(candidates(&sandbox, &device).is_empty());
    for config in ["", "version = 1\n[", "version = 1\n[ledger]\nurl = \"postgres://user@127.0.0.1:1/fleet\"\n"] {
        sandbox.write("keygen.toml", config);
        let before = Snapshot::of(sandbox.path());
        assert!(candidates(&sandbox, &device).is_empty(), "{config}");
        before.is_unchanged(&Snapshot::of(sandbox.path()), ask(&sandbox, &device));
    }
    let damaged = Sandbox::with_store();
    fs::write(damaged.join("pki/ledger.db"), b"not a database").unwrap();
    assert!(candidates(&damaged, &device).is_empty());
    // A script of another version may name a shell that this one does not know.
    let outcome = sandbox.tbpki(["--", "tbpki", ""]).env("TBPKI_COMPLETE", "tcsh").run().ends(0);
    assert!(outcome.stdout.is_empty() && outcome.stderr.is_empty(), "{outcome}");
}

#[test]
fn a_shell_that_does_not_exist_is_an_error_and_no_verb_runs() {
    let sandbox = Sandbox::with_store();
    let outcome = sandbox.tbpki(["client", "pump-1"]).env("TBPKI_COMPLETE", "nope").run().ends(2);
    assert!(
        outcome.stderr_text().contains("TBPKI_COMPLETE") && outcome.stderr_text().contains("\"nope\""),
        "{outcome}"
    );
    assert!(!sandbox.join("pki/devices/pump-1").exists());
    for unset in ["", "0"] {
        sandbox.tbpki(["list"]).env("TBPKI_COMPLETE", unset).run().ok();
    }
}
