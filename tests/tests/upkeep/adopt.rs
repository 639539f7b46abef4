//! `tbpki fleet adopt`.

use std::fs;

use tbpki_tests::forge::age;
use tbpki_tests::{Clock, Sandbox, Snapshot};
use time::OffsetDateTime;

use crate::scene::Scene;

/// A copy of a store that has issued a fleet of its own meanwhile.
fn two_ledgers() -> (Sandbox, Sandbox) {
    let one = Sandbox::with_store();
    let two = one.copy();
    // Also the note, by which the copy would see that its ledger is another one.
    for file in ["ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.note"] {
        let _ = fs::remove_file(two.join("pki").join(file));
    }
    two.ok(["fleet", "issue", "--count", "5", "--name-pattern", "s-{}", "--out", "fleet"]);
    (one, two)
}

#[test]
fn a_directory_of_another_ledger_with_the_same_ca_is_taken_over() {
    let (one, two) = two_ledgers();
    one.ok(["fleet", "issue", "--count", "2", "--name-pattern", "own-{}", "--out", "own"]);
    let dir = two.join("fleet");
    let dir = dir.to_str().unwrap();
    let before = Snapshot::of(&one.join("pki/places"));
    one.ok(["fleet", "adopt", dir, "--dry-run"]).prints("would be adopted").prints("5 certificates");
    assert_eq!(Snapshot::of(&one.join("pki/places")), before);
    one.ok(["fleet", "adopt", dir]).prints("as job 2").prints("5 certificates");
    let rows = one.ok(["list", "--kind", "device", "--json"]).json();
    assert_eq!(rows["result"]["identities"].as_array().unwrap().len(), 7);
    one.ok(["store", "check"]);
    one.ok(["client", "--device", "s-3"]).prints("exists");
    // The same command again changes nothing.
    let adopted = Snapshot::of(&one.join("pki/places"));
    one.ok(["fleet", "adopt", dir]).prints("as job 2").prints("5 certificates");
    assert_eq!(Snapshot::of(&one.join("pki/places")), adopted);
    // It is this ledger's now, and the other one is refused.
    two.fails(["fleet", "adopt", "fleet"], 1, "TBPKI-0261");
    // Two ledgers that both write into a directory would overwrite each other's keys.
    two.fails(["fleet", "issue", "--count", "5", "--name-pattern", "s-{}", "--out", "fleet"], 1, "TBPKI-0261");
}

#[test]
fn what_does_not_fit_is_refused_and_nothing_changes() {
    let (one, two) = two_ledgers();
    let dir = two.join("fleet");
    let dir = dir.to_str().unwrap();
    one.fails(["fleet", "adopt", "nowhere"], 1, "TBPKI-0262");
    // A certificate of another CA.
    let stranger = Sandbox::with_store();
    stranger.fails(["fleet", "adopt", dir], 1, "TBPKI-0339").prints("no CA of this store");
    // A name in use.
    one.ok(["client", "--device", "s-2"]);
    // Two certificates in use under one name are what a ledger is for to prevent.
    one.fails(["fleet", "adopt", dir], 1, "TBPKI-0251").prints("s-2");
    one.ok(["forget", "--device", "s-2"]);
    // A key that belongs to another certificate.
    let (first, second) = (two.text("fleet/shard-000000/s-1.pem"), two.text("fleet/shard-000000/s-4.pem"));
    let key = |text: &str| {
        text[text.find("-----BEGIN PRIVATE").unwrap()..]
            .split_inclusive("END PRIVATE KEY-----\n")
            .next()
            .unwrap()
            .to_owned()
    };
    fs::write(two.join("fleet/shard-000000/s-1.pem"), first.replace(&key(&first), &key(&second))).unwrap();
    one.fails(["fleet", "adopt", dir], 1, "TBPKI-0339").prints("s-1");
    fs::write(two.join("fleet/shard-000000/s-1.pem"), first).unwrap();
    let jobs = one.ok(["fleet", "jobs", "--json"]).json();
    assert_eq!(jobs["result"]["jobs"].as_array().unwrap().len(), 0);
    one.ok(["fleet", "adopt", dir]);
}

#[test]
fn a_directory_that_was_moved_is_found_again() {
    for (layout, from, to) in [
        (["--out", "fleet"], "fleet", "nas/fleet"),
        (["--archive", "fleet.tar"], "fleet.tar.parts", "nas/fleet.tar.parts"),
    ] {
        let sandbox = Sandbox::with_store();
        sandbox.ok([&["fleet", "issue", "--count", "3", "--name-pattern", "s-{}"][..], &layout].concat());
        fs::create_dir(sandbox.join("nas")).unwrap();
        fs::rename(sandbox.join(from), sandbox.join(to)).unwrap();
        if layout[1].ends_with(".tar") {
            for name in ["fleet.tar", "fleet.tar.index.csv"] {
                fs::rename(sandbox.join(name), sandbox.join("nas").join(name)).unwrap();
            }
        }
        sandbox.fails(["store", "check"], 3, "TBPKI-0332").prints("tbpki fleet adopt");
        sandbox.ok(["fleet", "adopt", to, "--dry-run"]).prints("would be adopted");
        sandbox.ok(["fleet", "adopt", to]).prints("as job 1").prints("3 certificates");
        sandbox.ok(["store", "check"]);
        sandbox.ok(["client", "--device", "s-3"]).prints("exists");
    }
}

#[test]
fn renewals_that_an_older_ledger_lacks_are_adopted_as_renewals() {
    let clock = Clock::starting_at(OffsetDateTime::now_utc());
    let sandbox = Sandbox::with_store().at(&clock);
    let issue = ["fleet", "issue", "--count", "2", "--name-pattern", "vx-{}", "--out", "o", "--days", "100"];
    sandbox.ok(issue);
    sandbox.ok(["store", "backup", "b.tar"]);
    clock.pass(80);
    sandbox.ok(["fleet", "renew", "--job", "1", "--out", "ren"]);
    let rows = |sandbox: &Sandbox| {
        let listed = sandbox.ok(["list", "--all", "--kind", "device", "--json"]).json();
        let rows = listed["result"]["identities"].as_array().unwrap().iter();
        rows.map(|row| ["name", "role", "serial"].map(|field| row[field].as_str().unwrap().to_owned()))
            .collect::<Vec<_>>()
    };
    let before = rows(&sandbox);
    fs::rename(sandbox.join("pki"), sandbox.join("lost")).unwrap();
    sandbox.ok(["store", "restore", "b.tar"]);
    sandbox.ok(["store", "check"]);
    let planned = sandbox.ok(["fleet", "adopt", "ren", "--dry-run", "--json"]).json();
    assert_eq!(planned["result"]["renews"], true);
    sandbox.ok(["fleet", "adopt", "ren"]).prints("fleet register --pending --job 2");
    assert_eq!(rows(&sandbox), before);
    sandbox.ok(["store", "check"]);
}

#[test]
fn a_name_in_use_is_never_to_be_forgotten() {
    let (one, two) = two_ledgers();
    let dir = two.join("fleet");
    let dir = dir.to_str().unwrap();
    // Later than the certificate of the directory, and earlier than those of the others.
    one.ok(["client", "--device", "s-2"]);
    let refused = one.fails(["fleet", "adopt", dir], 1, "TBPKI-0251");
    assert!(!refused.stderr_text().contains("forget"), "{refused}");
    one.ok(["forget", "--device", "s-2"]);
    let adopted = one.ok(["fleet", "adopt", dir]);
    // Nothing shows what the list of names had, nor who has issued them.
    let adopted = adopted.prints("fleet register --profile").prints("stations");
    drop(adopted);
    one.fails(["revoke", "--station", "nowhere"], 1, "TBPKI-0096").prints("5 certificates");
    one.ok(["client", "--device", "own"]);
    let host = base::host::host_name();
    one.ok(["revoke", "--station", &host, "--dry-run"]).prints("5 certificates can be of the station");
    one.tbpki(["revoke", "--station", &host]).run().ends(4).prints("5 certificates can be of the station");
}

/// A fleet of two devices with a renewal of which the backup knows nothing and that the platform has. Returns the scene with
/// the restored ledger.
fn renewed_after_the_backup() -> Scene {
    let scene = Scene::new();
    scene.ok(&["fleet", "issue", "--count", "2", "--name-pattern", "s-{}", "--out", "fl", "--days", "90"]);
    scene.ok(&["fleet", "register", "--job", "1"]);
    for name in ["s-1", "s-2"] {
        age(&scene.sandbox.join("pki/ledger.db"), name, 80);
    }
    scene.ok(&["store", "backup", "b.tar"]);
    scene.ok(&["fleet", "renew", "--job", "1", "--out", "rn"]);
    scene.ok(&["fleet", "register", "--pending", "--job", "2"]);
    fs::rename(scene.sandbox.join("pki"), scene.sandbox.join("lost")).unwrap();
    scene.ok(&["store", "restore", "b.tar"]);
    scene
}

/// The advice of `store check` can be followed: the directory of the renewal shows what the platform has.
#[test]
fn a_restored_ledger_takes_over_renewals_that_the_platform_has() {
    for checks_first in [true, false] {
        let scene = renewed_after_the_backup();
        if checks_first {
            let outcome = scene.tbpki(&["store", "check"]).run().ends(3);
            outcome
                .prints("the platform has a certificate that the ledger does not have")
                .prints("`tbpki fleet adopt DIR`")
                .prints("`tbpki register --replace s-1`")
                .prints("verbs that write can be used again");
            // A repair cannot take over what is in a directory that this ledger does not know.
            scene.tbpki(&["store", "repair"]).run().ends(4).prints("tbpki fleet adopt DIR");
        } else {
            scene.tbpki(&["client", "--device", "n"]).run().ends(1).prints("TBPKI-0330");
        }
        scene.ok(&["fleet", "adopt", "rn"]).prints("2 certificates");
        scene.tbpki(&["store", "check", "--platform"]).run().ends(3).prints("generation 2");
        scene.ok(&["store", "repair"]);
        scene.ok(&["store", "check", "--platform"]).prints("no differences");
        let rows = scene.ok(&["list", "--name", "s-1", "--json"]).json();
        let row = &rows["result"]["identities"][0];
        assert_eq!((&row["generation"], &row["state"]), (&2.into(), &"registered".into()), "{row}");
        scene.ok(&["client", "--device", "n"]);
    }
}
