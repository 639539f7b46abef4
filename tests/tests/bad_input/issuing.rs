//! CAs that cannot sign: expired, closed, away, or outlived.

use std::fs;

use tbpki_tests::{Sandbox, Snapshot};

use crate::openssl_ca::{CA, FUTURE, NOW, PAST, certificate};
use crate::{refused, refused_with, usage, user};

const CLIENT: &[&str] = &["client", "--device", "pump-1"];
const SERVER: &[&str] = &["server", "--name", "tb.example", "--only-given-names"];

/// Puts CAs of these dates into the place of both issuing CAs.
fn replace_issuing(sandbox: &Sandbox, dates: [&str; 2]) {
    let scratch = Sandbox::new();
    certificate(&scratch, "root", None, CA, NOW);
    certificate(&scratch, "issuing", Some("root"), CA, dates);
    for hierarchy in ["server", "devices"] {
        for (name, place) in [("root", "root"), ("issuing", "issuing")] {
            sandbox.write(format!("pki/ca/{hierarchy}-{place}/cert.pem"), scratch.read(format!("{name}.pem")));
            sandbox.write(format!("pki/ca/{hierarchy}-{place}/key.pem"), scratch.read(format!("{name}.key")));
        }
    }
}

#[test]
fn an_issuing_ca_that_does_not_hold_now() {
    for (dates, words) in [(PAST, "expired on 2020-01-01"), (FUTURE, "not valid before 2090-01-01")] {
        let sandbox = Sandbox::with_store();
        replace_issuing(&sandbox, dates);
        for verb in [CLIENT, SERVER] {
            for extra in [&[][..], &["--dry-run"], &["--out", "out"], &["--days", "3"]] {
                refused(&sandbox, &[verb, extra].concat(), user(43, &[words]));
            }
        }
    }
}

#[test]
fn named_days_may_not_outlive_the_issuer_and_defaults_are_shortened() {
    let sandbox = Sandbox::with_store();
    for verb in [CLIENT, SERVER] {
        for extra in [&[][..], &["--dry-run"], &["--out", "out"]] {
            refused(
                &sandbox,
                &[verb, &["--days", "8000"], extra].concat(),
                // The CAs are made for 7300 days (20 years), and some time of them has passed.
                user(42, &["8000 days", "name at most 7299"]),
            );
        }
        let name = if verb == CLIENT { "TBPKI_CLIENT_DAYS" } else { "TBPKI_SERVER_DAYS" };
        refused_with(&sandbox, verb, |tool| tool.env(name, "8000"), user(42, &["8000 days"]));
    }
    sandbox.write("keygen.toml", "version = 1\n[client]\ndays = 8000\n[server]\ndays = 8000\n");
    for verb in [CLIENT, SERVER] {
        let issued = sandbox.ok([verb, &["--json"]].concat());
        let said = issued.stderr_text();
        assert!(said.contains("note[TBPKI-0056]") && said.contains("from 8000 to 7299 days"), "{issued}");
        let report = issued.json();
        assert_eq!(report["findings"][0]["code"], "TBPKI-0056", "{issued}");
        let ends = &report["result"]["certificate"]["not_after"];
        let cas = sandbox.ok(["list", "--kind", "ca", "--json"]).json();
        let issuing = cas["result"]["identities"][0].clone();
        assert_eq!(issuing["name"], "devices-issuing");
        assert_eq!(*ends, issuing["not_after"], "{issued}");
    }
}

/// A store whose CA keys are closed with the words in the file `right`.
fn closed_store() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("right", "correct horse\n");
    sandbox.write("wrong", "battery staple\n");
    sandbox.hides("correct horse");
    sandbox.hides("battery staple");
    sandbox.ok(["init", "--no-input", "--ca-passphrase-file", "right"]);
    sandbox
}

#[test]
fn the_passphrase_of_the_ca_keys_is_missing_or_wrong() {
    let sandbox = closed_store();
    for verb in [CLIENT, SERVER] {
        for extra in [&[][..], &["--no-input"], &["--out", "out"], &["--force"], &["--format", "p12"]] {
            let args = [verb, extra].concat();
            refused(&sandbox, &args, usage(10, &["--ca-passphrase-file"]));
            let with = |name| [&args[..], &["--ca-passphrase-file", name]].concat();
            refused(&sandbox, &with("wrong"), user(33, &["pki/ca/"]));
            refused(&sandbox, &with("missing"), user(9, &["missing"]));
            refused(&sandbox, &with("keygen.toml"), user(33, &[]));
            let stdin = |tool: tbpki_tests::Tool| tool.stdin("battery staple\n");
            refused_with(&sandbox, &with("-"), stdin, user(33, &[]));
        }
    }
    let variable = |tool: tbpki_tests::Tool| tool.env("TBPKI_CA_PASSPHRASE", "battery staple");
    refused_with(&sandbox, CLIENT, variable, user(33, &[]));
    let variable = |tool: tbpki_tests::Tool| tool.env("TBPKI_CA_PASSPHRASE_FILE", "missing");
    refused_with(&sandbox, CLIENT, variable, user(9, &["missing"]));
    sandbox.write("keygen.toml", "version = 1\n[ca]\npassphrase = { env = \"NOT_SET\" }\n");
    refused(&sandbox, CLIENT, user(9, &["NOT_SET", "keygen.toml"]));

    sandbox.write("keygen.toml", "version = 1\n[ca]\npassphrase = { file = \"right\" }\n");
    sandbox.ok(CLIENT);
    // What is there needs no passphrase to be shown again.
    sandbox.write("keygen.toml", "version = 1\n");
    sandbox.ok(CLIENT);
}

#[test]
fn a_ca_without_its_key_or_with_another_ones() {
    let sandbox = Sandbox::with_store();
    let key = sandbox.join("pki/ca/devices-issuing/key.pem");
    let own = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    for extra in [&[][..], &["--dry-run"], &["--out", "out"]] {
        refused(&sandbox, &[CLIENT, extra].concat(), user(97, &["devices-issuing/key.pem"]));
    }
    sandbox.write("pki/ca/devices-issuing/key.pem", sandbox.read("pki/ca/server-issuing/key.pem"));
    refused(&sandbox, CLIENT, user(34, &["devices-issuing/key.pem"]));
    sandbox.write("pki/ca/devices-issuing/key.pem", "");
    refused(&sandbox, CLIENT, user(31, &["devices-issuing/key.pem"]));
    sandbox.write("pki/ca/devices-issuing/key.pem", own);
    let certificate = sandbox.read("pki/ca/devices-issuing/cert.pem");
    sandbox.write("pki/ca/devices-issuing/cert.pem", "");
    refused(&sandbox, CLIENT, user(40, &["devices-issuing/cert.pem"]));
    sandbox.write("pki/ca/devices-issuing/cert.pem", sandbox.read("pki/ca/devices-root/cert.pem"));
    refused(&sandbox, CLIENT, user(34, &["devices-issuing/key.pem"]));
    sandbox.write("pki/ca/devices-issuing/cert.pem", certificate);
    sandbox.write("pki/ca/devices-root/cert.pem", sandbox.read("pki/ca/server-root/cert.pem"));
    refused(&sandbox, CLIENT, user(49, &["devices-issuing/cert.pem"]));
}

#[test]
fn roots_kept_offline_are_not_needed_to_issue() {
    let sandbox = Sandbox::new();
    sandbox.ok(["init", "--no-input", "--insecure-no-passphrase", "--root-out", "offline"]);
    let before = Snapshot::of(sandbox.path());
    assert!(before.names().all(|name| !name.ends_with("pki/ca/devices-root/key.pem")));
    sandbox.ok(CLIENT);
    sandbox.ok(SERVER);
}
