//! Stores that tbpki 0.1.0 made: a name with two certificates in use, and a ledger of 0.1.0 that is copied back.

use std::fs;

use tbpki_tests::ledger_file::LedgerContents;
use tbpki_tests::oracle::python3;
use tbpki_tests::{Sandbox, Snapshot};

use crate::scene::differences;

#[track_caller]
fn doubled() -> Sandbox {
    Sandbox::new().made_by_0_1_0("store-with-a-doubled-name.tar.zst")
}

/// The roles and serial numbers of the generations of a device.
#[track_caller]
fn roles(sandbox: &Sandbox) -> Vec<(String, String)> {
    let rows = sandbox.ok(["list", "--all", "--name", "d-3", "--json"]).json();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let rows = rows["result"]["identities"].as_array().unwrap().clone();
    rows.iter().map(|row| (text(&row["role"]), text(&row["serial"]))).collect()
}

#[test]
fn a_doubled_name_is_reported_and_settled_by_its_serial_number() {
    // Either may be the one that the device has: only a person can tell.
    for used in [0, 1] {
        let sandbox = doubled();
        // The first verb that writes brings the ledger up to date, and has to get over the doubled name.
        sandbox.ok(["client", "--device", "new"]);
        let found = differences(&sandbox.tbpki(["store", "check", "--json"]).run().ends(3));
        let twice: Vec<_> = found.iter().filter(|(sort, _)| sort == "twice").collect();
        assert_eq!(twice, [&("twice".to_owned(), "d-3".to_owned())], "{found:?}");
        let before = roles(&sandbox);
        assert_eq!(before.iter().map(|(role, _)| role.as_str()).collect::<Vec<_>>(), ["superseded", "current"]);
        let outcome = sandbox.tbpki(["store", "repair"]).run().ends(4);
        outcome.prints(&before[0].1).prints(&before[1].1).prints("--use");
        sandbox.fails(["store", "repair", "--use", "0A0B0C"], 1, "TBPKI-0096");
        sandbox.tbpki(["store", "repair", "--use", &before[used].1]).run().prints("1 name with two certificates");
        let after: Vec<_> = roles(&sandbox).into_iter().map(|(role, _)| role).collect();
        let expected = if used == 0 { ["current", "retired"] } else { ["retired", "current"] };
        assert_eq!(after, expected);
        let found = differences(&sandbox.tbpki(["store", "check", "--json"]).run());
        assert!(found.iter().all(|(sort, _)| sort != "twice"), "{found:?}");
    }
}

#[test]
fn a_doubled_name_is_settled_by_a_revocation_and_its_lists_revoke_neither() {
    let sandbox = doubled();
    sandbox.ok(["client", "--device", "new"]);
    sandbox.tbpki(["crl"]).env("TBPKI_CRL_SUPERSEDED", "true").run().ok();
    let before = roles(&sandbox);
    assert_eq!(before.iter().map(|(role, _)| role.as_str()).collect::<Vec<_>>(), ["superseded", "current"]);
    sandbox.ok(["revoke", "--serial", &before[0].1]);
    let found = differences(&sandbox.tbpki(["store", "check", "--json"]).run());
    assert!(found.iter().all(|(sort, _)| sort != "twice"), "{found:?}");
    assert_eq!(roles(&sandbox).iter().map(|(role, _)| role.as_str()).collect::<Vec<_>>(), ["revoked", "current"]);

    // The other one of two: the name is still doubtful, and what was revoked cannot be the one in use.
    let sandbox = doubled();
    sandbox.ok(["client", "--device", "new"]);
    let before = roles(&sandbox);
    sandbox.ok(["revoke", "--serial", &before[1].1]);
    sandbox.fails(["store", "repair", "--use", &before[1].1], 1, "TBPKI-0062");
    sandbox.tbpki(["store", "repair", "--use", &before[0].1]).run().prints("1 name with two certificates");
    assert_eq!(roles(&sandbox).iter().map(|(role, _)| role.as_str()).collect::<Vec<_>>(), ["current", "revoked"]);
}

/// Copies the ledger from one directory to another.
fn copy_ledger(sandbox: &Sandbox, from: &str, to: &str) {
    fs::create_dir_all(sandbox.join(to)).unwrap();
    for file in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        let _ = fs::remove_file(sandbox.join(to).join(file));
    }
    for file in ["ledger.db", "ledger.db-wal"] {
        if sandbox.join(from).join(file).exists() {
            fs::copy(sandbox.join(from).join(file), sandbox.join(to).join(file)).unwrap();
        }
    }
}

/// A store that this version has written to, with the ledger that 0.1.0 left copied back.
#[track_caller]
fn copied_back() -> (Sandbox, LedgerContents) {
    let sandbox = Sandbox::new().made_by_0_1_0("store.tar.zst");
    copy_ledger(&sandbox, "pki", "saved");
    let old = LedgerContents::of(&sandbox.join("saved/ledger.db"));
    sandbox.ok(["client", "--device", "new"]);
    copy_ledger(&sandbox, "saved", "pki");
    (sandbox, old)
}

#[test]
fn a_ledger_of_the_older_version_that_is_older_than_the_store_is_refused_as_it_is() {
    let (sandbox, old) = copied_back();
    let before = Snapshot::of(&sandbox.join("pki/devices"));
    for args in [
        &["list"][..],
        &["client", "--device", "new"],
        &["client", "--device", "n"],
        &["crl"],
        &["needs-renewal", "--device", "pump-1"],
        &["report", "--out", "report.html"],
        &["fleet", "issue", "--resume", "1", "--out", "shards"],
        &["store", "check"],
        &["store", "backup", "b.tar"],
    ] {
        let status = if args[0] == "needs-renewal" { 255 } else { 1 };
        let refused = sandbox.fails(args, status, "TBPKI-0258");
        refused.prints("the layout of an earlier version").prints("put the newest ledger back").prints("store repair");
    }
    assert!(LedgerContents::of(&sandbox.join("pki/ledger.db")) == old, "it was brought up to date");
    assert_eq!(Snapshot::of(&sandbox.join("pki/devices")), before);
    assert!(!sandbox.join("report.html").exists() && !sandbox.join("b.tar").exists());
}

#[test]
fn a_repair_brings_such_a_ledger_up_to_date_and_takes_over_what_it_lacks() {
    let (sandbox, old) = copied_back();
    let new = sandbox.text("pki/devices/new/cert.pem");
    sandbox.ok(["store", "repair"]).prints("1 certificate,");
    assert!(LedgerContents::of(&sandbox.join("pki/ledger.db")).layout() > old.layout());
    sandbox.ok(["store", "check"]);
    sandbox.ok(["client", "--device", "new"]).prints("is up to date");
    assert_eq!(sandbox.text("pki/devices/new/cert.pem"), new);
    sandbox.ok(["client", "--device", "n"]);
    sandbox.ok(["fleet", "issue", "--resume", "1", "--out", "shards"]).prints("issued      5 of 5");
}

#[test]
fn a_store_of_cas_alone_may_get_a_ledger_of_the_older_version() {
    let sandbox = Sandbox::new().made_by_0_1_0("store.tar.zst");
    copy_ledger(&sandbox, "pki", "saved");
    // This version has written to the store, and made nothing.
    sandbox.ok(["store", "repair"]);
    for dir in ["devices", "servers", "places"] {
        let _ = fs::remove_dir_all(sandbox.join("pki").join(dir));
    }
    copy_ledger(&sandbox, "saved", "pki");
    sandbox.ok(["list"]).prints("pump-1");
}

#[test]
fn a_check_is_the_first_command_of_this_version() {
    let sandbox = Sandbox::new().made_by_0_1_0("store.tar.zst");
    sandbox.ok(["store", "check"]).prints("no differences");
}

#[test]
fn the_first_look_at_an_older_ledger_is_as_strict_as_the_next_one() {
    let sandbox = Sandbox::new().made_by_0_1_0("store.tar.zst");
    let script = "import sqlite3, sys\nwith sqlite3.connect(sys.argv[1]) as db: db.execute(sys.argv[2])";
    let ledger = sandbox.join("pki/ledger.db");
    python3().args(["-c", script]).arg(ledger).arg("DELETE FROM identity WHERE kind = 'ca'").run().ok();
    // The first one brings the ledger up to date.
    let first = sandbox.tbpki(["list"]).run().ends(1);
    assert_eq!(first.stderr_text(), sandbox.tbpki(["list"]).run().ends(1).stderr_text());
}
