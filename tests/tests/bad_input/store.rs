//! Stores that hold something else than was asked for, or than they should.

use std::fs;

use tbpki_tests::Sandbox;

use crate::{refused, refused_with, user};

const CLIENT: &[&str] = &["client", "--device", "pump-1"];
const SERVER: &[&str] = &["server", "--name", "tb.example", "--only-given-names"];

#[test]
fn an_identity_that_exists_with_other_parameters_is_not_touched() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(CLIENT);
    sandbox.ok([SERVER, &["--san", "mqtt.example"]].concat());
    let rows: &[(&[&str], &[&str], &[&str])] = &[
        (CLIENT, &["--days", "30"], &["days: 3650 before, 30 now"]),
        (CLIENT, &["--alg", "rsa-2048"], &["alg: \"ec-p256\" before, \"rsa-2048\" now"]),
        (CLIENT, &["--san", "pump-1.example"], &["san: [] before, [\"dns:pump-1.example\"] now"]),
        (CLIENT, &["--self-signed"], &["issuer: ", "\"self\" now"]),
        (CLIENT, &["--days", "30", "--alg", "ec-p384"], &["days: ", "alg: "]),
        (SERVER, &[], &["san: ", "dns:mqtt.example"]),
        (SERVER, &["--san", "mqtt.example", "--single-file"], &["single_file"]),
        (SERVER, &["--san", "mqtt.example", "--include-root"], &["include_root"]),
    ];
    for (verb, flags, words) in rows {
        for extra in [&[][..], &["--dry-run"], &["--out", "out"]] {
            let words: Vec<&str> = words.iter().copied().chain([verb[2], "--force"]).collect();
            refused(&sandbox, &[*verb, flags, extra].concat(), user(95, &words));
        }
    }
    let variable = |tool: tbpki_tests::Tool| tool.env("TBPKI_SUBJECT_ORGANIZATION", "Acme");
    refused_with(&sandbox, CLIENT, variable, user(95, &["subject: ", "O=Acme"]));
    sandbox.write("keygen.toml", "version = 1\n[client]\nprefix = \"mqttclient\"\n");
    refused(&sandbox, CLIENT, user(95, &["prefix: \"pump-1\" before, \"mqttclient\" now"]));
}

#[test]
fn ledgers_that_are_none_or_of_another_time() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(CLIENT);
    for name in ["pki/ledger.db-wal", "pki/ledger.db-shm"] {
        fs::remove_file(sandbox.join(name)).unwrap();
    }
    sandbox.write("pki/ledger.db", "this is no database, however long one looks at it\n".repeat(100));
    for args in [CLIENT, SERVER, &["list"], &["client", "--device", "valve-2", "--dry-run"]] {
        refused(&sandbox, args, user(93, &["ledger.db"]));
    }
}

#[test]
fn anchors_that_are_none() {
    let sandbox = Sandbox::with_store();
    sandbox.write("empty.pem", "");
    sandbox.write("key.pem", sandbox.read("pki/ca/devices-root/key.pem"));
    for (file, code) in [("missing.pem", 80), ("empty.pem", 40), ("key.pem", 40)] {
        sandbox.write("keygen.toml", format!("version = 1\n[server]\nanchors = {{ file = \"{file}\" }}\n"));
        refused(&sandbox, CLIENT, user(code, &[file]));
        refused(&sandbox, &[CLIENT, &["--dry-run"]].concat(), user(code, &[file]));
    }
}
