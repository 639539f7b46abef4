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
        (&["client", "--device", "a", "--device", "b"], "--device"),
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
        (&["trust", "tb.example", "--timeout", "0"], "1..=600"),
    ];
    for (args, word) in rows {
        let outcome = sandbox.tbpki(*args).run().ends(2).says(word);
        assert!(outcome.stdout.is_empty(), "{outcome}");
        before.is_unchanged(&Snapshot::of(sandbox.path()), &outcome);
    }
}

#[test]
fn arguments_that_do_not_go_together_are_named() {
    let sandbox = Sandbox::with_store();
    refused(&sandbox, &["list", "--kind", "token"], usage(11, &["token", "ca, server or device"]));
    refused(&sandbox, &["explain", "999"], usage(11, &["999", "--list"]));
    refused(&sandbox, &["explain", "TBPKI-9999"], usage(11, &["TBPKI-9999"]));
}

#[test]
fn where_nobody_can_be_asked_the_flag_that_answers_is_named() {
    let sandbox = Sandbox::new();
    for args in [&["init"][..], &["init", "--no-input"], &["init", "--organization", "Acme"]] {
        refused(&sandbox, args, usage(10, &["--ca-passphrase-file", "--insecure-no-passphrase"]));
    }
}
