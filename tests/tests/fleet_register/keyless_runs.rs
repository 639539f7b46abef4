//! Runs of `fleet bundle --enroll` over a list that are interrupted, continued, or made again.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Stdio;

use device::Record;
use serde_json::Value;
use tbpki_tests::forge::sql;
use tbpki_tests::kill::{Injection, run_disturbed};
use tbpki_tests::platform::eventually;
use tbpki_tests::{Outcome, Sandbox, Snapshot, Tool};

use crate::bundles::FIRMWARE;
use crate::phase;

const URL: &str = "https://enroll.example:9443";

fn sandbox() -> Sandbox {
    let sandbox = tbpki_tests::est::station();
    crate::bundles::image_parts(&sandbox);
    sandbox
}

/// Bundles of this many names for a network.
fn bundle(sandbox: &Sandbox, count: usize, ssid: &str, more: &[&str]) -> Tool {
    let firmware: Vec<&str> = FIRMWARE.iter().map(|word| if *word == "workshop" { ssid } else { *word }).collect();
    let count = count.to_string();
    let names = ["fleet", "bundle", "--count", &count, "--name-pattern", "m-{:04}", "--json", "--enroll", URL];
    let place: &[&str] = if more.contains(&"--archive") { &[] } else { &["--out", "devices"] };
    sandbox.tbpki([&names[..], &firmware, place, more].concat())
}

/// The network and the one-time password of a device.
fn record(sandbox: &Sandbox, path: impl AsRef<Path>) -> (String, String) {
    let record = Record::read(&sandbox.read(path)[..]).unwrap();
    (record.wifi_ssid().to_owned(), record.enrolment().unwrap().password.expose().to_owned())
}

fn now(outcome: &Outcome) -> [u64; 2] {
    ["done", "now"].map(|field| phase(outcome)[field].as_u64().unwrap())
}

fn mark(sandbox: &Sandbox) -> Value {
    serde_json::from_str(&sandbox.text("devices/enrolment.json")).unwrap()
}

/// Stops the run of a command when it has published its first shard over an earlier one.
fn stopped_after_the_first_shard(sandbox: &Sandbox, ssid: &str) {
    let shard = sandbox.join("devices/bundle-000000");
    let inode = || -> io::Result<u64> { Ok(fs::metadata(&shard)?.ino()) };
    let before = inode().unwrap();
    let mut command = bundle(sandbox, 2002, ssid, &["--again"]).command();
    let mut run = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    eventually("a shard is published", || inode().is_ok_and(|now| now != before));
    Tool::new("kill").args(["-INT", &run.id().to_string()]).run().ok();
    assert_eq!(run.wait().unwrap().code(), Some(4));
    assert_eq!(mark(sandbox)["run"]["is_open"], true);
}

#[test]
fn an_interrupted_run_with_again_is_continued_and_mixes_nothing() {
    let sandbox = sandbox();
    bundle(&sandbox, 2002, "old-net", &[]).run().ok();
    let old = record(&sandbox, "devices/bundle-000002/m-2002.bin");
    stopped_after_the_first_shard(&sandbox, "new-net");
    let first = sandbox.read("devices/bundle-000000/m-0001.bin");
    assert_eq!(record(&sandbox, "devices/bundle-000000/m-0001.bin").0, "new-net");
    // The earlier parameters are those of other bundles now.
    bundle(&sandbox, 2002, "old-net", &[]).run().ends(1).prints("TBPKI-0280").prints("--again");
    let copy: Sandbox = sandbox.copy();
    for (sandbox, more) in [(&sandbox, &["--again"][..]), (&copy, &[])] {
        let [done, now] = now(&bundle(sandbox, 2002, "new-net", more).run().ok());
        assert!(done == 2002 && now > 0 && now <= 1002, "{now}");
        assert!(sandbox.read("devices/bundle-000000/m-0001.bin") == first, "a published bundle can be in a device");
        let new = record(sandbox, "devices/bundle-000002/m-2002.bin");
        assert!(new.0 == "new-net" && new.1 != old.1, "{new:?}");
    }
    assert_eq!(mark(&sandbox)["run"]["is_open"], false);
    assert_eq!(now(&bundle(&sandbox, 2002, "new-net", &[]).run().ok()), [2002, 0]);
    // The run is done, so that the same request is a new one.
    assert_eq!(now(&bundle(&sandbox, 2002, "new-net", &["--again"]).run().ok()), [2002, 2002]);
    assert!(sandbox.read("devices/bundle-000000/m-0001.bin") != first);
}

#[test]
fn bundles_of_an_interrupted_run_that_are_gone_keep_their_passwords() {
    let sandbox = sandbox();
    bundle(&sandbox, 2002, "old-net", &[]).run().ok();
    stopped_after_the_first_shard(&sandbox, "new-net");
    fs::rename(sandbox.join("devices/bundle-000000"), sandbox.join("shipped")).unwrap();
    bundle(&sandbox, 2002, "new-net", &[]).run().ends(1).prints("TBPKI-0256");
    let continued = bundle(&sandbox, 2002, "new-net", &["--again"]).run().ok().prints("are not there any more");
    assert_eq!(now(&continued)[0], 2002);
    assert!(!sandbox.join("devices/bundle-000000").exists());
    assert_eq!(record(&sandbox, "devices/bundle-000002/m-2002.bin").0, "new-net");
    assert_eq!(now(&bundle(&sandbox, 2002, "new-net", &["--again"]).run().ok()), [2002, 2002]);
    assert!(sandbox.read("devices/bundle-000000/m-0001.bin") != sandbox.read("shipped/m-0001.bin"));
}

#[test]
fn a_bundle_that_is_gone_or_cut_is_named() {
    let sandbox = sandbox();
    bundle(&sandbox, 3, "net", &[]).run().ok();
    let path = sandbox.join("devices/bundle-000000/m-0002.bin");
    let bytes = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    for _ in 0..2 {
        let before = Snapshot::of(sandbox.path());
        let refused =
            bundle(&sandbox, 3, "net", &[]).run().ends(1).prints("TBPKI-0256").prints("m-0002").prints("--again");
        before.is_unchanged(&Snapshot::of(sandbox.path()), &refused);
        fs::write(&path, "").unwrap();
    }
    fs::write(&path, bytes).unwrap();
    assert_eq!(now(&bundle(&sandbox, 3, "net", &[]).run().ok()), [3, 0]);
    fs::remove_file(sandbox.join("devices/firmware/application.bin")).unwrap();
    assert_eq!(now(&bundle(&sandbox, 3, "net", &[]).run().ok()), [3, 0]);
    assert!(sandbox.join("devices/firmware/application.bin").exists());
    fs::remove_file(&path).unwrap();
    assert_eq!(now(&bundle(&sandbox, 3, "net", &["--again"]).run().ok()), [3, 3]);
}

#[test]
fn killed_at_any_rename_a_run_with_again_ends_with_one_kind_of_bundles() {
    // The mark is replaced by the one call, everything else by the other.
    let archive = &["--archive", "fleet.tar"][..];
    for (call, place) in [("renameat", &[][..]), ("renameat2", &[]), ("renameat2", archive)] {
        let store = sandbox();
        bundle(&store, 2, "old-net", place).run().ok();
        let mut kills = 0;
        loop {
            let sandbox: Sandbox = store.copy();
            let command = bundle(&sandbox, 2, "new-net", &[place, &["--again"]].concat()).command();
            let Some(step) = run_disturbed(&command, Injection::Kill, call, kills + 1).unwrap() else { break };
            kills += 1;
            let next = bundle(&sandbox, 2, "new-net", place).run();
            if next.status != 0 {
                // Killed before the mark had the new run.
                next.ends(1).prints("TBPKI-0280");
                bundle(&sandbox, 2, "new-net", &[place, &["--again"]].concat()).run().ok();
            }
            if place.is_empty() {
                assert_eq!(record(&sandbox, "devices/bundle-000000/m-0002.bin").0, "new-net", "{step}");
            } else {
                let part = sandbox.read("fleet.tar.bundles/000000.tar");
                let has = |ssid: &str| part.windows(ssid.len()).any(|window| window == ssid.as_bytes());
                assert!(has("new-net") && !has("old-net"), "{step}");
            }
            assert_eq!(now(&bundle(&sandbox, 2, "new-net", place).run().ok()), [2, 0], "{step}");
        }
        assert!(kills >= 3, "{kills}");
    }
}

#[test]
fn the_directory_of_an_earlier_version_is_used_further() {
    let sandbox = sandbox();
    bundle(&sandbox, 2, "net", &[]).run().ok();
    let (mut earlier, present) = (mark(&sandbox), mark(&sandbox));
    for field in ["run", "ledger"] {
        assert!(earlier.as_object_mut().unwrap().remove(field).is_some());
    }
    sandbox.write("devices/enrolment.json", earlier.to_string());
    // The list may be that of another store, which knows nothing of the passwords.
    let other = self::sandbox();
    copy_bundles(&sandbox, &other);
    for more in [&[][..], &["--again"]] {
        bundle(&other, 2, "net", more).run().ends(1).prints("TBPKI-0261").prints("another store");
    }
    assert_eq!(mark(&other), earlier);
    assert_eq!(now(&bundle(&sandbox, 2, "net", &[]).run().ok()), [2, 0]);
    assert_eq!(mark(&sandbox)["ledger"], present["ledger"], "it is recorded from now on");
    bundle(&sandbox, 2, "other-net", &[]).run().ends(1).prints("TBPKI-0280");
    fs::rename(sandbox.join("devices/bundle-000000"), sandbox.join("shipped")).unwrap();
    bundle(&sandbox, 2, "net", &[]).run().ends(1).prints("TBPKI-0256");
    assert_eq!(now(&bundle(&sandbox, 2, "other-net", &["--again"]).run().ok()), [2, 2]);
}

/// Puts a copy of the bundles of one store next to another store.
fn copy_bundles(from: &Sandbox, to: &Sandbox) {
    Tool::new("cp").arg("-a").arg(from.join("devices")).arg(to.join("devices")).run().ok();
}

#[test]
fn the_directory_of_another_store_is_left_alone() {
    let (sandbox, other) = (sandbox(), sandbox());
    bundle(&sandbox, 2, "net", &[]).run().ok();
    copy_bundles(&sandbox, &other);
    let before = Snapshot::of(&other.join("devices"));
    for more in [&[][..], &["--again"], &["--dry-run"]] {
        let refused = bundle(&other, 2, "net", more).run().ends(1).prints("TBPKI-0261").prints("another store");
        before.is_unchanged(&Snapshot::of(&other.join("devices")), &refused);
    }
    // Its own directory is no trouble.
    bundle(&other, 2, "net", &["--archive", "own.tar"]).run().ok();
    assert_eq!(now(&bundle(&sandbox, 2, "net", &[]).run().ok()), [2, 0]);
}

#[test]
fn a_bundle_whose_password_has_ended_does_not_count() {
    let sandbox = sandbox();
    bundle(&sandbox, 1002, "net", &[]).run().ok();
    let ledger = sandbox.join("pki/ledger.db");
    let (first, last) = ("devices/bundle-000000/m-0001.bin", "devices/bundle-000001/m-1002.bin");
    let old = [record(&sandbox, first), record(&sandbox, last)];
    // Some of a directory: the others can be in devices, and keep their passwords.
    for end in [
        "DELETE FROM enrolment_password WHERE device = 'm-0001'",
        "UPDATE enrolment_password SET expires_at = 1 WHERE device = 'm-0001'",
        "UPDATE enrolment_password SET made_at = made_at + 60 WHERE device = 'm-0001'",
    ] {
        let copy: Sandbox = sandbox.copy();
        sql(&copy.join("pki/ledger.db"), end);
        let before = Snapshot::of(&copy.join("devices"));
        let refused = bundle(&copy, 1002, "net", &[]).run().ends(1).prints("TBPKI-0441").prints("m-0001");
        before.is_unchanged(&Snapshot::of(&copy.join("devices")), &refused);
        assert_eq!(now(&bundle(&copy, 1002, "net", &["--again"]).run().ok()), [1002, 1002], "{end}");
    }
    // All of a directory: the same command makes them again.
    sql(&ledger, "DELETE FROM enrolment_password WHERE device IN ('m-1001', 'm-1002')");
    let planned = bundle(&sandbox, 1002, "net", &["--dry-run"]).run().ok().prints("TBPKI-0441");
    assert_eq!(now(&planned)[0], 1000);
    let made = bundle(&sandbox, 1002, "net", &[]).run().ok().prints("2 bundles have one-time passwords");
    assert_eq!(now(&made), [1002, 2]);
    assert_eq!(record(&sandbox, first), old[0]);
    assert_ne!(record(&sandbox, last), old[1]);
    assert_eq!(now(&bundle(&sandbox, 1002, "net", &[]).run().ok()), [1002, 0]);
}

#[test]
fn a_restored_ledger_makes_the_bundles_again_whose_passwords_it_has_lost() {
    let sandbox = sandbox();
    sandbox.ok(["store", "backup", "before.tar"]);
    bundle(&sandbox, 2, "net", &[]).run().ok();
    let old = record(&sandbox, "devices/bundle-000000/m-0001.bin");
    std::fs::rename(sandbox.join("pki"), sandbox.join("lost")).unwrap();
    sandbox.ok(["store", "restore", "before.tar"]);
    sandbox.ok(["store", "check"]);
    let made = bundle(&sandbox, 2, "net", &[]).run().ok().prints("TBPKI-0441");
    assert_eq!(now(&made), [2, 2]);
    assert_ne!(record(&sandbox, "devices/bundle-000000/m-0001.bin"), old);
    assert_eq!(now(&bundle(&sandbox, 2, "net", &[]).run().ok()), [2, 0]);
}
