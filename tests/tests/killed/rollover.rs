//! `ca prepare`, `ca activate` and `ca retire`.

use std::collections::BTreeSet;

use serde_json::Value;
use tbpki_tests::Sandbox;
use tbpki_tests::kill::kill_at_some_writes;
use tbpki_tests::leftovers::assert_private;

use crate::{Extent, KILLS, names};

/// The generations of all CAs.
fn generations(sandbox: &Sandbox) -> Value {
    let mut report = sandbox.ok(["ca", "list", "--json"]).json()["result"]["cas"].clone();
    for row in report.as_array_mut().unwrap() {
        for field in ["not_before", "not_after", "shortens_from", "fingerprint", "days_left", "generation", "subject"] {
            row.as_object_mut().unwrap().remove(field);
        }
    }
    report
}

/// Files of earlier versions are named after what they were.
fn without_kept(names: BTreeSet<String>) -> BTreeSet<String> {
    names.into_iter().map(|name| name.replace("generation-3", "generation-2").replace("cross-3", "cross-2")).collect()
}

/// Kills a command at its writes; the same command finishes it, and its chains verify.
fn kill(extent: Extent, start: &Sandbox, args: &[&str]) {
    let undisturbed = start.copy();
    undisturbed.ok(args);
    let (goal, files) = (generations(&undisturbed), without_kept(names(&undisturbed.join("pki/ca"))));
    extent.kill(
        || {
            let sandbox = start.copy();
            Ok((sandbox.tbpki(args).command(), sandbox))
        },
        |step, sandbox| {
            assert_private(sandbox.path(), step);
            sandbox.ok(["list"]);
            let outcome = sandbox.tbpki(args).run();
            assert!(outcome.status == 0, "run again it does not finish: {outcome}\nafter {step}");
            assert_eq!(generations(&sandbox), goal, "after {step}");
            assert_eq!(without_kept(names(&sandbox.join("pki/ca"))), files, "after {step}");
            sandbox.ok([
                "verify",
                "pki/servers/localhost/mqttserver.pem",
                "--anchors",
                "pki/servers/localhost/cafile.pem",
                "--purpose",
                "server",
            ]);
            sandbox.ok(["verify", "pki/devices/pump-1/chain.pem", "--key", "pki/devices/pump-1/key.pem"]);
            sandbox.ok(["client", "--device", "pump-2"]);
            sandbox.ok(["verify", "pki/devices/pump-2/chain.pem"]);
            let left = names(&sandbox.join("pki/servers"));
            assert!(!left.iter().any(|name| name.contains(".tbpki")), "{left:?} after {step}");
        },
    );
}

fn start() -> Sandbox {
    let start = Sandbox::in_memory().make_store();
    start.ok(["server", "--name", "localhost", "--only-given-names"]);
    start.ok(["client", "--device", "pump-1"]);
    start
}

#[test]
fn a_root_that_is_prepared() {
    kill(Extent::Some, &start(), &["ca", "prepare", "server-root"]);
}

#[test]
#[ignore = "long: cargo xtask interop life"]
fn life_a_root_that_is_prepared() {
    kill(Extent::All, &start(), &["ca", "prepare", "server-root"]);
}

#[test]
#[ignore = "long: cargo xtask interop life"]
fn life_a_root_that_begins_to_sign_and_is_the_only_one() {
    let start = start();
    start.ok(["ca", "prepare", "server-root"]);
    start.ok(["ca", "confirm", "server-root", "--all"]);
    kill(Extent::All, &start, &["ca", "activate", "server-root"]);
    start.ok(["ca", "activate", "server-root"]);
    kill(Extent::All, &start, &["ca", "retire", "server-root"]);
}

fn issuing_ca(extent: Extent) {
    let start = start();
    kill(extent, &start, &["ca", "prepare", "devices-issuing"]);
    start.ok(["ca", "prepare", "devices-issuing"]);
    start.ok(["ca", "confirm", "devices-issuing", "--all"]);
    kill(extent, &start, &["ca", "activate", "devices-issuing"]);
}

#[test]
fn an_issuing_ca_of_devices() {
    issuing_ca(Extent::Some);
}

#[test]
#[ignore = "long: cargo xtask interop life"]
fn life_an_issuing_ca_of_devices() {
    issuing_ca(Extent::All);
}

#[test]
fn a_changed_passphrase() {
    let start = Sandbox::in_memory();
    for (file, secret) in [("old", "an old passphrase"), ("new", "a passphrase that is new")] {
        start.write(file, secret);
        start.private(file);
    }
    start.ok(["init", "--no-input", "--ca-passphrase-file", "old"]);
    start.ok(["ca", "prepare", "server-issuing", "--ca-passphrase-file", "old"]);
    let change = ["ca", "passphrase", "--all", "--ca-passphrase-file", "old", "--new-passphrase-file", "new"];
    let mut found = std::collections::BTreeSet::new();
    let kills = kill_at_some_writes(
        KILLS,
        || {
            let sandbox = start.copy();
            Ok((sandbox.tbpki(change).command(), sandbox))
        },
        |step, sandbox| {
            assert_private(sandbox.path(), step);
            // All keys have one of the two.
            let again = sandbox.tbpki(change).run();
            let is_done = again.status != 0;
            found.insert(is_done);
            if is_done {
                assert!(again.stderr_text().contains("TBPKI-0033"), "{again} after {step}");
            }
            for ca in ["devices-issuing", "server-issuing", "server-root", "devices-root"] {
                let same = ["ca", "passphrase", ca, "--ca-passphrase-file", "new", "--new-passphrase-file", "new"];
                sandbox.tbpki(same).run().ok();
            }
            let files = sandbox.files();
            let left: Vec<_> = files.iter().filter(|file| file.to_string_lossy().contains("key.pem.")).collect();
            assert!(left.is_empty(), "{left:?} after {step}");
            assert_private(sandbox.path(), step);
        },
    )
    .unwrap();
    assert!(kills >= KILLS, "{kills}");
    assert!(found.contains(&false), "{found:?}");
}
