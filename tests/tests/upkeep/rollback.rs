//! A ledger that is an older copy, or that of another store, is noticed before anything is written or removed.

use std::fs;

use tbpki_tests::{Sandbox, Snapshot};

/// Copies the ledger from one directory to another.
fn copy_ledger(sandbox: &Sandbox, from: &str, to: &str) {
    fs::create_dir_all(sandbox.join(to)).unwrap();
    for file in ["ledger.db", "ledger.db-wal"] {
        fs::copy(sandbox.join(from).join(file), sandbox.join(to).join(file)).unwrap();
    }
    let _ = fs::remove_file(sandbox.join(to).join("ledger.db-shm"));
}

/// A store whose ledger was copied back after another device was issued.
fn older() -> Sandbox {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["client", "--device", "a"]);
    copy_ledger(&sandbox, "pki", "saved");
    sandbox.ok(["client", "--device", "b"]);
    copy_ledger(&sandbox, "saved", "pki");
    sandbox
}

#[track_caller]
fn is_refused(sandbox: &Sandbox) {
    let before = Snapshot::of(&sandbox.join("pki/devices"));
    for args in [
        &["client", "--device", "b", "--force"][..],
        &["client", "--device", "n"],
        &["server", "--name", "x.example", "--only-given-names"],
        &["revoke", "--device", "a"],
        &["crl"],
        &["fleet", "issue", "--count", "2", "--name-pattern", "n-{}", "--out", "n"],
    ] {
        sandbox.fails(args, 1, "TBPKI-0258").prints("store repair");
    }
    assert_eq!(Snapshot::of(&sandbox.join("pki/devices")), before);
    assert!(!sandbox.join("n").exists());
    sandbox.tbpki(["store", "check"]).run().ends(3).prints("older");
}

#[test]
fn the_note_in_the_store_shows_it() {
    let sandbox = older();
    // The note of the machine is there, so that the one in the store alone has to show it.
    fs::remove_dir_all(sandbox.join(".local")).unwrap();
    is_refused(&sandbox);
}

#[test]
fn the_note_of_the_machine_shows_it() {
    let sandbox = older();
    fs::remove_file(sandbox.join("pki/ledger.note")).unwrap();
    is_refused(&sandbox);
    // Its directory is the one that systemd or the desktop names.
    let moved = sandbox.join("state");
    fs::rename(sandbox.join(".local/state/tbpki"), &moved).unwrap();
    sandbox.tbpki(["crl"]).env("STATE_DIRECTORY", &moved).run().ends(1).prints("TBPKI-0258");
}

#[test]
fn the_note_in_a_place_shows_it() {
    let sandbox = Sandbox::with_store();
    let issue = ["fleet", "issue", "--count", "3", "--name-pattern", "s-{}", "--out", "fleet"];
    sandbox.ok(issue);
    copy_ledger(&sandbox, "pki", "saved");
    sandbox.ok(["client", "--device", "b"]);
    sandbox.ok(issue);
    copy_ledger(&sandbox, "saved", "pki");
    fs::remove_dir_all(sandbox.join(".local")).unwrap();
    fs::remove_file(sandbox.join("pki/ledger.note")).unwrap();
    let before = Snapshot::of(&sandbox.join("fleet"));
    sandbox.fails(issue, 1, "TBPKI-0258");
    assert_eq!(Snapshot::of(&sandbox.join("fleet")), before);
}

#[test]
fn a_ledger_of_another_store_is_noticed() {
    let (sandbox, other) = (older(), Sandbox::with_store());
    // The same name, and so rows that look like those of the first store.
    other.ok(["client", "--device", "a"]);
    for file in ["ledger.db", "ledger.db-wal"] {
        fs::copy(other.join("pki").join(file), sandbox.join("pki").join(file)).unwrap();
    }
    sandbox.fails(["client", "--device", "n"], 1, "TBPKI-0258").prints("not the one of this store");
}

#[test]
fn a_list_is_not_replaced_by_one_without_its_revocations() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["client", "a", "b"]);
    sandbox.ok(["crl"]);
    copy_ledger(&sandbox, "pki", "saved");
    sandbox.ok(["revoke", "a", "b"]);
    copy_ledger(&sandbox, "saved", "pki");
    // Without the notes, only the list shows it.
    fs::remove_dir_all(sandbox.join(".local")).unwrap();
    fs::remove_file(sandbox.join("pki/ledger.note")).unwrap();
    let lists = sandbox.read("pki/devices-crl.pem");
    for args in [&["crl"][..], &["crl", "--dry-run"]] {
        sandbox
            .fails(args, 1, "TBPKI-0425")
            .prints(" and 1 more, and the ledger does not")
            .prints("tbpki store repair");
        assert_eq!(sandbox.read("pki/devices-crl.pem"), lists);
    }
    sandbox.ok(["store", "repair"]).prints("2 revocations");
    sandbox.ok(["crl"]).prints("2 revoked");
}

#[test]
fn a_repair_takes_over_what_the_older_ledger_lacks() {
    let sandbox = older();
    sandbox.ok(["store", "repair"]).prints("1 certificate,");
    sandbox.ok(["store", "check"]);
    sandbox.ok(["client", "--device", "b"]).prints("is up to date");
    sandbox.ok(["client", "--device", "n"]);
    // The saved ledger is still an older one.
    copy_ledger(&sandbox, "saved", "pki");
    is_refused(&sandbox);
}
