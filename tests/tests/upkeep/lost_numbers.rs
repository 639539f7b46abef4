//! Stores without the file that has the number of the generation that signs.

use std::fs;
use std::path::Path;

use tbpki_tests::Sandbox;

/// A store in which the issuing CA of the devices was replaced and retired once, without the number of the second
/// generation.
fn store() -> Sandbox {
    let sandbox = Sandbox::with_store();
    replace(&sandbox);
    sandbox.ok(["client", "p1"]);
    sandbox.ok(["ca", "retire", "devices-issuing"]);
    fs::remove_file(sandbox.join(NUMBER)).unwrap();
    sandbox
}

const NUMBER: &str = "pki/ca/devices-issuing/generation";

fn replace(sandbox: &Sandbox) {
    sandbox.ok(["ca", "prepare", "devices-issuing"]);
    sandbox.ok(["ca", "activate", "devices-issuing", "--leave-behind"]);
}

fn key(sandbox: &Sandbox, dir: impl AsRef<Path>) -> Vec<u8> {
    sandbox.read(sandbox.join("pki/ca").join(dir).join("key.pem"))
}

/// The generations of the CA with their roles, as `ca list` shows them.
fn generations(sandbox: &Sandbox) -> Vec<(u64, String, u64)> {
    let report = sandbox.ok(["ca", "list", "--json"]).json()["result"].clone();
    let rows = report["cas"].as_array().unwrap().iter().filter(|row| row["name"] == "devices-issuing");
    let row = |row: &serde_json::Value| {
        (row["generation"].as_u64().unwrap(), row["role"].as_str().unwrap().to_owned(), row["in_use"].as_u64().unwrap())
    };
    rows.map(row).collect()
}

#[test]
fn a_lost_number_is_reported_and_written_again() {
    let sandbox = store();
    sandbox.tbpki(["store", "check"]).run().ends(3).prints(NUMBER).prints("tbpki store repair");
    assert_eq!(generations(&sandbox), [(2, "current".to_owned(), 1)]);
    sandbox.ok(["store", "repair"]);
    assert_eq!(sandbox.text(NUMBER), "2\n");
    sandbox.ok(["store", "check"]);
}

#[test]
fn a_rollover_after_the_number_is_lost_keeps_every_key() {
    let sandbox = store();
    let (first, second) = (key(&sandbox, "retired/devices-issuing-1"), key(&sandbox, "devices-issuing"));
    replace(&sandbox);
    assert_eq!(key(&sandbox, "retired/devices-issuing-1"), first);
    assert_eq!(key(&sandbox, "devices-issuing/generation-2"), second);
    // The device is below the second generation, which therefore cannot go yet.
    sandbox.fails(["ca", "retire", "devices-issuing"], 1, "TBPKI-0319").prints("1 certificate in use depends");
    let report = sandbox.ok(["crl", "--json"]).json()["result"].clone();
    let of_ca = report["lists"].as_array().unwrap().iter().filter(|list| list["ca"] == "devices-issuing").count();
    assert_eq!(of_ca, 2);
    sandbox.ok(["verify", "pki/devices/p1/chain.pem", "--anchors", "pki/ca/devices-root/cert.pem"]);
    sandbox.ok(["renew", "p1"]);
}

#[test]
fn a_repair_without_ledger_finds_the_number_by_the_files() {
    let sandbox = store();
    for file in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        fs::rename(sandbox.join("pki").join(file), sandbox.join(file)).ok();
    }
    sandbox.ok(["store", "repair"]);
    assert_eq!(generations(&sandbox), [(2, "current".to_owned(), 1)]);
    assert_eq!(sandbox.text(NUMBER), "2\n");
    sandbox.ok(["store", "check"]);
    replace(&sandbox);
    assert_eq!(generations(&sandbox), [(3, "current".to_owned(), 0), (2, "superseded".to_owned(), 1)]);
}

#[test]
fn the_directory_of_another_key_is_never_overwritten() {
    let sandbox = Sandbox::with_store();
    replace(&sandbox);
    // As an earlier version left it: the directory of the first generation has another key.
    let other = Sandbox::with_store();
    let taken = sandbox.join("pki/ca/retired/devices-issuing-1");
    fs::create_dir_all(&taken).unwrap();
    for file in ["cert.pem", "key.pem"] {
        fs::copy(other.join("pki/ca/devices-issuing").join(file), taken.join(file)).unwrap();
    }
    let before = key(&sandbox, "retired/devices-issuing-1");
    sandbox.fails(["ca", "retire", "devices-issuing"], 1, "TBPKI-0082").prints("move this directory out of the store");
    assert_eq!(key(&sandbox, "retired/devices-issuing-1"), before);
    assert!(sandbox.join("pki/ca/devices-issuing/generation-1/key.pem").exists());
    fs::rename(&taken, sandbox.join("kept")).unwrap();
    sandbox.ok(["ca", "retire", "devices-issuing"]);
    assert!(!sandbox.join("pki/ca/devices-issuing/generation-1").exists());
}
