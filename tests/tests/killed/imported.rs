//! `import`, `enroll password`, `ca confirm` and `ca passphrase`.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::Value;
use tbpki_tests::Sandbox;
use tbpki_tests::kill::Step;
use tbpki_tests::leftovers::assert_private;

use crate::Extent;

/// Kills a command at its writes, in a copy of `start` each time; afterwards `check` looks at what is left.
fn kill(extent: Extent, start: &Sandbox, args: &[&str], mut check: impl FnMut(&Sandbox, &Step)) {
    let prepare = || -> io::Result<(Command, Sandbox)> {
        let sandbox = start.copy();
        Ok((sandbox.tbpki(args).command(), sandbox))
    };
    let check = |step: &Step, sandbox: Sandbox| {
        assert_private(sandbox.path(), step);
        // The store can be used, whatever was left.
        sandbox.ok(["list"]);
        check(&sandbox, step);
        assert_private(sandbox.path(), step);
    };
    extent.kill(prepare, check);
}

/// The rows of a kind, as name and role.
fn rows(sandbox: &Sandbox, kind: &str) -> Vec<(String, String)> {
    let listed = sandbox.ok(["list", "--all", "--json", "--kind", kind]).json();
    let text = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
    let rows = listed["result"]["identities"].as_array().unwrap();
    rows.iter().map(|row| (text(row, "name"), text(row, "role"))).collect()
}

fn imported(extent: Extent) {
    let other = Sandbox::in_memory().make_store();
    other.ok(["server", "--name", "tb.example", "--only-given-names"]);
    let start = Sandbox::in_memory().make_store();
    fs::create_dir(start.join("certs")).unwrap();
    fs::set_permissions(start.join("certs"), fs::Permissions::from_mode(0o700)).unwrap();
    for name in ["a", "b", "c"] {
        other.ok(["client", "--device", name]);
        let of = |file: &str| other.join(format!("pki/devices/{name}/{file}"));
        fs::copy(of("chain.pem"), start.join(format!("certs/{name}.pem"))).unwrap();
        fs::copy(of("key.pem"), start.join(format!("{name}.key"))).unwrap();
    }
    let import: &[&str] = &["import", "--dir", "certs", "--key", "a.key", "b.key", "c.key"];
    let mut found = BTreeSet::new();
    kill(extent, &start, import, |sandbox, step| {
        // All of them are in the ledger, or none is.
        let count = rows(sandbox, "device").len();
        assert!(count == 0 || count == 3, "{count} after {step}");
        found.insert(count);
        let outcome = sandbox.tbpki(import).run();
        assert_eq!(outcome.status, 0, "run again it does not finish: {outcome}\nafter {step}");
        let current = |name: &str| (name.to_owned(), "current".to_owned());
        assert_eq!(rows(sandbox, "device"), ["a", "b", "c"].map(current), "after {step}");
        sandbox.ok(["store", "check"]);
        for name in ["a", "b", "c"] {
            assert_eq!(
                sandbox.read(format!("pki/devices/{name}/chain.pem")),
                sandbox.read(format!("certs/{name}.pem")),
                "after {step}"
            );
            assert!(sandbox.join(format!("pki/devices/{name}/key.pem")).exists(), "after {step}");
        }
    });
    assert_eq!(found, BTreeSet::from([0, 3]));

    let chain = "pki/servers/tb.example/mqttserver";
    for (from, to) in [(format!("{chain}.pem"), "server.pem"), (format!("{chain}_key.pem"), "server.key")] {
        fs::copy(other.join(from), start.join(to)).unwrap();
    }
    let import: &[&str] = &["import", "--server", "--cert", "server.pem", "--key", "server.key"];
    kill(extent, &start, import, |sandbox, step| {
        let outcome = sandbox.tbpki(import).run();
        assert_eq!(outcome.status, 0, "run again it does not finish: {outcome}\nafter {step}");
        assert_eq!(rows(sandbox, "server"), [("tb.example".to_owned(), "current".to_owned())], "after {step}");
        sandbox.ok(["store", "check"]);
        assert_eq!(sandbox.read(format!("{chain}.pem")), sandbox.read("server.pem"), "after {step}");
    });
}

#[test]
fn certificates_that_are_imported() {
    imported(Extent::Some);
}

#[test]
#[ignore = "long: cargo xtask interop life"]
fn life_certificates_that_are_imported() {
    imported(Extent::All);
}

fn password(extent: Extent) {
    let start = Sandbox::in_memory().make_store();
    let make: &[&str] = &["enroll", "password", "--device", "pump-1", "--out", "password"];
    let mut is_new = BTreeSet::new();
    kill(extent, &start, make, |sandbox, step| {
        // A file of that name has a whole password.
        let first = sandbox.join("password").exists().then(|| sandbox.text("password"));
        is_new.insert(first.is_some());
        if let Some(first) = &first {
            assert!(first.trim().len() >= 20, "{first:?} after {step}");
            sandbox.hides(first.trim());
            fs::remove_file(sandbox.join("password")).unwrap();
        }
        // Another one takes its place, and is the only one.
        let outcome = sandbox.tbpki(make).run();
        assert_eq!(outcome.status, 0, "run again it does not finish: {outcome}\nafter {step}");
        assert_ne!(Some(sandbox.text("password")), first, "after {step}");
        let figures = sandbox.ok(["report", "--metrics", "-"]).stdout_text();
        assert!(figures.contains("tbpki_enrolment_passwords 1\n"), "{figures} after {step}");
        // The name is not taken by the password alone.
        sandbox.ok(["store", "check"]);
    });
    assert!(is_new.contains(&false), "{is_new:?}");
}

#[test]
fn a_one_time_password() {
    password(Extent::Some);
}

#[test]
#[ignore = "long: cargo xtask interop life"]
fn life_a_one_time_password() {
    password(Extent::All);
}

fn confirmation(extent: Extent) {
    let start = Sandbox::in_memory().make_store();
    for name in ["a", "b", "c"] {
        start.ok(["client", "--device", name]);
    }
    start.ok(["ca", "prepare", "server-root"]);
    let confirm: &[&str] = &["ca", "confirm", "server-root", "--device", "a", "--device", "b"];
    let confirmed = |sandbox: &Sandbox| {
        let report = sandbox.ok(["ca", "list", "--json"]).json();
        let rows = report["result"]["cas"].as_array().unwrap().clone();
        let prepared = rows.iter().find(|row| row["name"] == "server-root" && row["role"] == "pending").unwrap();
        prepared["peers"]["confirmed"].as_u64().unwrap()
    };
    let mut found = BTreeSet::new();
    kill(extent, &start, confirm, |sandbox, step| {
        let before = confirmed(sandbox);
        assert!(before == 0 || before == 2, "half of a statement: {before} after {step}");
        found.insert(before);
        sandbox.ok(confirm).prints("2 of 3 devices have it");
        assert_eq!(confirmed(sandbox), 2, "after {step}");
        sandbox.fails(["ca", "activate", "server-root"], 1, "TBPKI-0320").prints("1 of 3 devices");
    });
    assert!(found.contains(&0), "{found:?}");
}

#[test]
fn a_statement_of_who_has_a_ca() {
    confirmation(Extent::Some);
}

#[test]
#[ignore = "long: cargo xtask interop life"]
fn life_a_statement_of_who_has_a_ca() {
    confirmation(Extent::All);
}

#[test]
#[ignore = "long: cargo xtask interop life"]
fn life_a_changed_passphrase() {
    let start = Sandbox::in_memory();
    for (file, secret) in [("old", "an old passphrase"), ("new", "a passphrase that is new")] {
        start.write(file, secret);
        start.private(file);
    }
    start.ok(["init", "--no-input", "--ca-passphrase-file", "old"]);
    let change: &[&str] = &["ca", "passphrase", "--all", "--ca-passphrase-file", "old", "--new-passphrase-file", "new"];
    kill(Extent::All, &start, change, |sandbox, step| {
        let again = sandbox.tbpki(change).run();
        if again.status != 0 {
            // It was done already, or this run has finished it before it opened a key: the old passphrase opens none.
            assert!(again.stderr_text().contains("TBPKI-0033"), "{again} after {step}");
        }
        let files = sandbox.files();
        let left: Vec<_> = files.iter().filter(|file| file.to_string_lossy().contains(".tbpki-")).collect();
        assert!(left.is_empty(), "{left:?} after {step}");
        sandbox.ok(["client", "--device", "pump-1", "--ca-passphrase-file", "new"]);
        sandbox.ok(["server", "--name", "tb.example", "--only-given-names", "--ca-passphrase-file", "new"]);
    });
}
