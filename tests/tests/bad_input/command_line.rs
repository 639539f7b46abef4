//! Command lines that make no sense.

use tbpki_tests::{Sandbox, Snapshot};

use crate::{refused, usage};

#[test]
fn what_the_command_line_does_not_know_ends_with_2() {
    let sandbox = Sandbox::with_store();
    let before = Snapshot::of(sandbox.path());
    let rows: &[(&[&str], &str)] = &[
        (&[], "Usage:"),
        (&["clint", "--device", "pump-1"], "client"),
        (&["client", "--devise", "pump-1"], "--device"),
        (&["client"], "--device <NAME>"),
        (&["client", "--device"], "--device <NAME>"),
        (&["client", "a", "--out", "b", "--out", "c"], "--out"),
        (&["client", "--device", "a", "--days", "-4"], "-4"),
        (&["client", "--device", "a", "--csr", "a.csr", "--self-signed"], "--self-signed"),
        (&["client", "--device", "a", "--csr", "a.csr", "--alg", "ec-p256"], "--alg"),
        (&["client", "--device", "a", "--quiet", "--verbose"], "--quiet"),
        (&["server", "--service", "smtp"], "mqtt"),
        (&["server", "--environment", "systemd"], "kubernetes"),
        (&["init", "--insecure-no-passphrase", "--ca-passphrase-file", "p"], "--ca-passphrase-file"),
        (&["init", "--from", "keygen.properties", "--country", "US"], "--country"),
        (&["explain"], "<CODE>"),
        (&["config"], "show"),
        (&["completions", "cmd"], "bash"),
        (&["fleet", "issue", "--out", "d2"], "`--from` or `--count` is required"),
        (
            &["fleet", "issue", "--layout", "shard", "--count", "1", "--name-pattern", "d-{}"],
            "directories, shards, archive",
        ),
        (&["bundle-firmware", "--chip", "esp8266"], "use one of esp32, esp32s3, esp32c2, esp32c3, esp32c6, esp32h2"),
        (&["list", "--state", "isued"], "did you mean issued"),
        (&["trust", "tb.example", "--timeout", "0"], "1..=600"),
    ];
    for (args, word) in rows {
        let outcome = sandbox.tbpki(*args).run().ends(2).prints(word);
        assert!(outcome.stdout.is_empty(), "{outcome}");
        before.is_unchanged(&Snapshot::of(sandbox.path()), &outcome);

        // The same error is in the JSON envelope that all errors have.
        let outcome = sandbox.tbpki(args.iter().chain(&["--json"])).run().ends(2);
        let envelope = outcome.json();
        assert_eq!(envelope["version"], 1, "{outcome}");
        assert_eq!(envelope["error"]["code"], "TBPKI-0011", "{outcome}");
        assert!(envelope.get("result").is_none() && envelope["findings"].as_array().unwrap().is_empty(), "{outcome}");
        // An unknown verb is not repeated as one: the envelope then names the program.
        let verb = args.first().filter(|verb| **verb != "clint").unwrap_or(&"tbpki");
        assert!(envelope["verb"].as_str().unwrap().starts_with(verb), "{outcome}");
        let error = &envelope["error"];
        assert!(!error["what"].as_str().unwrap().is_empty() && error["fix"].is_string(), "{outcome}");
        if !args.is_empty() && *args != ["config"] {
            assert!(outcome.stderr_text().starts_with("error[TBPKI-0011]: "), "{outcome}");
        }
        if !args.is_empty() {
            let told = format!("{} {}", error["what"], error["fix"]);
            assert!(told.contains(word) || *args == ["config"], "{word:?} in {outcome}");
        }
    }
}

#[test]
fn a_name_of_a_flag_behind_two_hyphens_is_none() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.tbpki(["list", "--", "--json"]).run().ends(2);
    assert!(outcome.stdout.is_empty(), "{outcome}");
}

#[test]
fn empty_values_are_refused_by_the_name_of_their_flag() {
    let sandbox = Sandbox::with_store();
    let before = Snapshot::of(sandbox.path());
    let device = ["client", "--device", "pump-1"];
    let server = ["server", "--only-given-names"];
    let rows: &[(&[&str], &[&str])] = &[
        (&device, &["--san", "--format", "--alg", "--days", "--out", "--csr", "--owner", "--ca-passphrase-file"]),
        (&server, &["--san", "--format", "--name", "--credentials", "--out", "--service", "--environment"]),
        (&["client"], &["--device"]),
        (&["init"], &["--organization", "--country", "--server-name", "--alg", "--from", "--root-out", "--server-ca"]),
        (&["list"], &["--kind", "--expiring", "--config"]),
        (&["verify", "chain.pem"], &["--host", "--anchors", "--at", "--purpose"]),
        (&["trust", "tb.example"], &["--sha256", "--out"]),
    ];
    for (verb, flags) in rows {
        for flag in *flags {
            for json in [&[][..], &["--json"]] {
                let outcome = sandbox.tbpki([*verb, &[*flag, ""], json].concat()).run().ends(2);
                assert!(outcome.stderr_text().contains(flag), "{flag} in {outcome}");
                if !json.is_empty() {
                    let envelope = outcome.json();
                    assert_eq!(envelope["error"]["code"], "TBPKI-0011", "{outcome}");
                    assert!(envelope["error"]["what"].as_str().unwrap().contains(flag), "{flag} in {outcome}");
                }
                before.is_unchanged(&Snapshot::of(sandbox.path()), &outcome);
            }
        }
    }
    // Nor is an empty entry of a list left out.
    for list in ["tb.example,", ",tb.example", "tb.example,,mqtt.example"] {
        sandbox.tbpki([&server[..], &["--san", list]].concat()).run().ends(2).prints("--san");
    }
}

#[test]
fn names_that_are_not_text() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let sandbox = Sandbox::with_store();
    let before = Snapshot::of(sandbox.path());
    let name = OsStr::from_bytes(b"pump-\xff");
    let outcome = sandbox.tbpki([OsStr::new("client"), OsStr::new("--device"), name]).run().ends(2).prints("UTF-8");
    before.is_unchanged(&Snapshot::of(sandbox.path()), &outcome);
}

#[test]
fn arguments_that_do_not_go_together_are_named() {
    let sandbox = Sandbox::with_store();
    refused(&sandbox, &["list", "--kind", "token"], usage(11, &["--kind", "token", "ca, device, server"]));
    refused(&sandbox, &["explain", "999"], usage(11, &["999", "--list"]));
    refused(&sandbox, &["explain", "TBPKI-9999"], usage(11, &["TBPKI-9999"]));
}

#[test]
fn without_a_terminal_the_flag_that_answers_is_named() {
    let sandbox = Sandbox::new();
    for args in [&["init"][..], &["init", "--no-input"], &["init", "--organization", "Acme"]] {
        refused(&sandbox, args, usage(10, &["--ca-passphrase-file", "--insecure-no-passphrase"]));
    }
}
