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
fn identities_whose_files_were_swapped_or_edited() {
    let sandbox = Sandbox::with_store();
    let (one, other) = ("pki/devices/pump-1", "pki/devices/valve-2");
    let formats = ["--format", "pub,cer,nopass,p12"];
    sandbox.ok([CLIENT, &formats].concat());
    sandbox.ok([&["client", "--device", "valve-2"][..], &formats].concat());
    sandbox.ok(SERVER);
    sandbox.ok(["server", "--name", "mqtt.example", "--only-given-names"]);
    let server = |file: &str, name: &str| format!("pki/servers/{name}/{file}");
    let mut swaps: Vec<(&[&str], String, String, u16)> = ["cert.pem", "chain.pem"]
        .iter()
        .map(|file| (CLIENT, format!("{one}/{file}"), format!("{other}/{file}"), 98))
        .collect();
    for suffix in [".pub.pem", ".cer", ".nopass.pem"] {
        swaps.push((CLIENT, format!("{one}/pump-1{suffix}"), format!("{other}/valve-2{suffix}"), 98));
    }
    swaps.push((CLIENT, format!("{one}/key.pem"), format!("{other}/key.pem"), 34));
    for file in ["mqttserver.pem", "mqttserver.cer"] {
        swaps.push((SERVER, server(file, "tb.example"), server(file, "mqtt.example"), 98));
    }
    swaps.push((SERVER, server("mqttserver_key.pem", "tb.example"), server("mqttserver_key.pem", "mqtt.example"), 34));
    for (verb, file, with, code) in swaps {
        let own = sandbox.read(&file);
        sandbox.write(&file, sandbox.read(with));
        for extra in [&[][..], &["--out", "out"]] {
            let name = if code == 98 { file.as_str() } else { "pki/" };
            refused(&sandbox, &[verb, extra].concat(), user(code, &[name]));
        }
        sandbox.write(&file, own);
        sandbox.ok(verb).prints("is up to date");
    }
    // One octet of the signature is enough.
    let path = format!("{one}/pump-1.cer");
    let mut edited = sandbox.read(&path);
    *edited.last_mut().unwrap() ^= 1;
    sandbox.write(&path, edited);
    refused(&sandbox, CLIENT, user(98, &["pump-1.cer", "restore it from a backup"]));
    // What is gone is written again.
    fs::remove_file(sandbox.join(&path)).unwrap();
    sandbox.ok([CLIENT, &formats].concat()).prints("missing files were added");
    // A file that contains no certificate is refused.
    sandbox.write(format!("{one}/cert.pem"), "");
    refused(&sandbox, CLIENT, user(98, &["cert.pem"]));
}

#[test]
fn ledgers_that_are_none_or_of_another_time() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(CLIENT);
    // With its log SQLite would repair the beginning of the file, or report the log instead.
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
