//! `store repair`, `store backup`, `store restore` and `forget`.

use std::fs;

use tbpki_tests::Sandbox;
use tbpki_tests::kill::Step;

use crate::Extent;

/// Kills a command at its writes; afterwards `check` looks at what is left.
fn kill(extent: Extent, start: &Sandbox, args: &[&str], check: impl Fn(&Sandbox, &Step)) {
    extent.kill(
        || {
            let sandbox = start.copy();
            Ok((sandbox.tbpki(args).command(), sandbox))
        },
        |step, sandbox| check(&sandbox, step),
    );
}

fn store() -> Sandbox {
    let start = Sandbox::in_memory().make_store();
    start.ok(["client", "--device", "a"]);
    start.ok(["fleet", "issue", "--count", "2", "--name-pattern", "s-{}", "--out", "fleet"]);
    start
}

/// The serial numbers of the devices.
#[track_caller]
fn serials(sandbox: &Sandbox) -> Vec<String> {
    let listed = sandbox.ok(["list", "--all", "--json"]).json();
    let rows = listed["result"]["identities"].as_array().unwrap().clone();
    rows.iter().map(|row| row["serial"].to_string()).collect()
}

fn repair(extent: Extent) {
    let start = store();
    let before = serials(&start);
    for file in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        let _ = fs::remove_file(start.join("pki").join(file));
    }
    kill(extent, &start, &["store", "repair"], |sandbox, step| {
        sandbox.tbpki(["store", "repair"]).run().ok();
        assert_eq!(serials(sandbox), before, "after {step}");
        sandbox.ok(["store", "check"]);
    });
}

fn backup(extent: Extent) {
    let start = store();
    kill(extent, &start, &["store", "backup", "b.tar"], |sandbox, step| {
        // A file of that name is whole.
        if sandbox.join("b.tar").exists() {
            sandbox.write("r/keygen.toml", "version = 1\n");
            let restored = sandbox.tbpki(["store", "restore", "b.tar", "--config", "r/keygen.toml"]).run();
            assert_eq!(restored.status, 0, "{restored} after {step}");
        }
        sandbox.ok(["store", "backup", "c.tar"]);
        // The backup had the lock of the store: a kill must not leave it locked.
        sandbox.ok(["client", "--device", "b"]);
        assert!(!sandbox.join("pki/ledger.copy").exists(), "after {step}");
    });
}

fn restore(extent: Extent) {
    let start = store();
    let before = serials(&start);
    start.ok(["store", "backup", "b.tar"]);
    fs::rename(start.join("pki"), start.join("old")).unwrap();
    kill(extent, &start, &["store", "restore", "b.tar"], |sandbox, step| {
        if !sandbox.join("pki").exists() {
            sandbox.ok(["store", "restore", "b.tar"]);
        }
        assert_eq!(serials(sandbox), before, "after {step}");
        // A restored ledger may be older than the files and the platform, however the restore ended.
        sandbox.fails(["client", "--device", "n"], 1, "TBPKI-0330");
        sandbox.ok(["store", "check"]);
        sandbox.ok(["client", "--device", "n"]);
    });
}

fn forgotten(extent: Extent) {
    let start = store();
    start.ok(["crl"]);
    let forget = ["forget", "--device", "a"];
    kill(extent, &start, &forget, |sandbox, step| {
        sandbox.ok(forget);
        assert!(!sandbox.join("pki/devices/a").exists(), "after {step}");
        sandbox.ok(["store", "check"]);
        sandbox.ok(["client", "--device", "a"]);
    });
}

#[test]
fn a_repair() {
    repair(Extent::Some);
}

#[test]
#[ignore = "long: cargo xtask interop life"]
fn life_a_repair() {
    repair(Extent::All);
}

#[test]
fn a_backup() {
    backup(Extent::Some);
}

#[test]
#[ignore = "long: cargo xtask interop life"]
fn life_a_backup() {
    backup(Extent::All);
}

#[test]
fn a_restore() {
    restore(Extent::Some);
}

#[test]
#[ignore = "long: cargo xtask interop life"]
fn life_a_restore() {
    restore(Extent::All);
}

#[test]
fn a_forgotten_device() {
    forgotten(Extent::Some);
}

#[test]
#[ignore = "long: cargo xtask interop life"]
fn life_a_forgotten_device() {
    forgotten(Extent::All);
}
