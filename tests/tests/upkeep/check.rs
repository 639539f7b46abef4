//! `tbpki store check`: each sort of difference.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tbpki_tests::forge::age;
use tbpki_tests::{Sandbox, Snapshot};

use crate::scene::{Scene, differences, store};

#[track_caller]
fn check(sandbox: &Sandbox, status: i32) -> Vec<(String, String)> {
    differences(&sandbox.tbpki(["store", "check", "--json"]).run().ends(status))
}

fn problem(sort: &str, name: &str) -> (String, String) {
    (sort.to_owned(), name.to_owned())
}

#[test]
fn a_store_of_every_layout_has_no_differences_and_is_not_changed() {
    let sandbox = store();
    sandbox.ok(["store", "check"]);
    let before = Snapshot::of(&sandbox.join("pki"));
    let report = sandbox.ok(["store", "check", "--json"]).json();
    // A server, a, c, and 16 of jobs are in use; the earlier a and the revoked b are in files too.
    assert_eq!((&report["result"]["in_ledger"], &report["result"]["in_files"]), (&19.into(), &21.into()), "{report}");
    assert_eq!(report["result"]["places"], 2);
    assert_eq!(report["result"]["platform"], "skipped");
    assert_eq!(Snapshot::of(&sandbox.join("pki")), before);
}

#[test]
fn files_that_are_missing_foreign_or_others_are_told_apart() {
    let sandbox = store();
    // Missing: in the store, in a shard.
    fs::remove_dir_all(sandbox.join("pki/devices/c")).unwrap();
    fs::remove_file(sandbox.join("fleet/shard-000000/s-3.pem")).unwrap();
    // Foreign: of another store, under a new name and in a shard.
    let other = Sandbox::with_store();
    for device in ["x", "s-4"] {
        other.ok(["client", "--device", device]);
    }
    fs::create_dir(sandbox.join("pki/devices/x")).unwrap();
    for file in ["key.pem", "chain.pem", "cert.pem"] {
        fs::copy(other.join("pki/devices/x").join(file), sandbox.join("pki/devices/x").join(file)).unwrap();
    }
    let pem = [other.read("pki/devices/s-4/key.pem"), other.read("pki/devices/s-4/chain.pem")].concat();
    fs::write(sandbox.join("fleet/shard-000000/s-4.pem"), pem).unwrap();
    // An earlier generation in the place of the present one.
    let dir = sandbox.join("pki/devices/a");
    let earlier = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    // What is kept ends with a serial number, `key.pem.SERIAL`.
    let earlier: Vec<String> = earlier.filter(|name| !name.ends_with(".pem")).collect();
    for file in &earlier {
        fs::rename(dir.join(file), dir.join(file.rsplit_once('.').unwrap().0)).unwrap();
    }
    let found = check(&sandbox, 3);
    let mut expected = vec![
        problem("changed", "a"),
        problem("foreign", "s-4"),
        problem("foreign", "x"),
        problem("missing", "a"),
        problem("missing", "c"),
        problem("missing", "s-3"),
        problem("missing", "s-4"),
    ];
    let mut sorted = found.clone();
    sorted.sort();
    sorted.dedup();
    expected.sort();
    assert_eq!(sorted, expected);
    let text = sandbox.tbpki(["store", "check"]).run().ends(3);
    text.prints("TBPKI-0332").prints("store repair").prints("pki/devices/x");
}

#[test]
fn keys_and_modes_are_checked() {
    let sandbox = store();
    fs::copy(sandbox.join("pki/devices/a/key.pem"), sandbox.join("pki/devices/c/key.pem")).unwrap();
    fs::set_permissions(sandbox.join("pki/devices/d-1/key.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    fs::copy(sandbox.join("pki/ca/server-issuing/key.pem"), sandbox.join("pki/ca/devices-issuing/key.pem")).unwrap();
    fs::write(sandbox.join("pki/devices/d-2/chain.pem"), "-----BEGIN CERTIFICATE-----\nx\n").unwrap();
    let mut found = check(&sandbox, 3);
    found.sort();
    let keys: Vec<_> = found.iter().filter(|(sort, _)| sort == "key").cloned().collect();
    assert_eq!(keys, [problem("key", "c"), problem("key", "devices-issuing")], "{found:?}");
    assert_eq!(found.iter().filter(|(sort, _)| sort == "mode").count(), 1, "{found:?}");
    assert!(found.contains(&problem("unreadable", "d-2")), "{found:?}");
}

#[test]
fn a_place_that_was_moved_is_one_difference() {
    let sandbox = store();
    fs::rename(sandbox.join("fleet"), sandbox.join("moved")).unwrap();
    assert_eq!(check(&sandbox, 3), [problem("place", "")]);
    let report = sandbox.tbpki(["store", "check", "--json"]).run().ends(3).json();
    // The seven devices of the job: what is in a place that is away is no missing file.
    assert_eq!(report["result"]["elsewhere"], 7);
    sandbox.ok(["fleet", "issue", "--resume", "1", "--out", "moved"]);
    assert_eq!(check(&sandbox, 0), []);
}

#[test]
fn registrations_are_compared_with_the_platform() {
    let scene = Scene::new();
    for device in ["known", "gone", "token", "new"] {
        scene.ok(&["client", "--device", device]);
    }
    scene.ok(&["register", "--device", "known,gone,token"]);
    scene.ok(&["store", "check", "--platform"]).prints("the platform was compared");
    let copy = scene.sandbox.copy();
    let elsewhere = |args: &[&str]| scene.platform.known_to(copy.tbpki(args), copy.join("password")).run().ok();
    // Another copy of the store changes the platform.
    elsewhere(&["unregister", "--device", "gone", "--delete-device", "--yes"]);
    elsewhere(&["unregister", "--device", "token"]);
    elsewhere(&["register", "--device", "new"]);
    let _ = fs::remove_dir_all(scene.sandbox.join(".local"));
    let outcome = scene.tbpki(&["store", "check", "--platform", "--json"]).run().ends(3);
    assert_eq!(
        differences(&outcome),
        [problem("platform", "gone"), problem("platform", "new"), problem("platform", "token")]
    );
    // A repair takes over what the platform has.
    let report = scene.ok(&["store", "repair", "--json"]).json();
    assert_eq!(report["result"]["registrations"], 3, "{report}");
    scene.ok(&["store", "check", "--platform"]);
    scene.ok(&["register", "--all"]);
    assert!(scene.platform.sim().unwrap().credentials("gone").is_none(), "what was taken away stays away");
}

/// A registered device and two of a fleet, each with a renewal that waits.
#[track_caller]
pub(crate) fn waiting() -> Scene {
    let scene = Scene::new();
    scene.ok(&["client", "--device", "a", "--days", "90", "--register"]);
    scene.ok(&["fleet", "issue", "--count", "2", "--name-pattern", "s-{}", "--out", "fleet", "--days", "90"]);
    scene.ok(&["fleet", "register"]);
    for name in ["a", "s-1", "s-2"] {
        age(&scene.sandbox.join("pki/ledger.db"), name, 80);
    }
    scene.ok(&["renew", "--device", "a"]);
    scene.ok(&["fleet", "renew", "--job", "1", "--due", "--out", "renewed"]);
    scene
}

#[test]
fn renewals_that_wait_are_no_difference() {
    let scene = waiting();
    let report = scene.ok(&["store", "check", "--platform", "--json"]).json();
    assert_eq!((&report["result"]["in_ledger"], &report["result"]["in_files"]), (&6.into(), &6.into()));
    fs::remove_file(scene.sandbox.join("pki/devices/a/pending/key.pem")).unwrap();
    for file in ["chain.pem", "cert.pem"] {
        fs::remove_file(scene.sandbox.join("pki/devices/a/pending").join(file)).unwrap();
    }
    assert_eq!(check(&scene.sandbox, 3), [problem("missing", "a")]);
}

/// A device whose renewal was revoked while it waited.
#[track_caller]
fn revoked_while_waiting() -> Scene {
    let scene = Scene::new();
    scene.ok(&["client", "--device", "p", "--days", "90", "--register"]);
    age(&scene.sandbox.join("pki/ledger.db"), "p", 80);
    scene.ok(&["renew", "--device", "p"]);
    assert!(scene.sandbox.join("pki/devices/p/pending/key.pem").exists());
    scene.ok(&["revoke", "--device", "p"]);
    scene
}

#[test]
fn the_files_of_a_revoked_renewal_go_with_the_next_certificate() {
    for again in [&["client", "--device", "p"][..], &["client", "--device", "p", "--register", "--replace"]] {
        let scene = revoked_while_waiting();
        scene.ok(again);
        assert!(!scene.sandbox.join("pki/devices/p/pending").exists(), "{again:?}");
        assert_eq!(check(&scene.sandbox, 0), []);
    }
}

#[test]
fn a_repair_removes_the_files_of_a_revoked_renewal_and_no_others() {
    let scene = revoked_while_waiting();
    let pending = scene.sandbox.join("pki/devices/p/pending");
    let kept = scene.sandbox.join("kept");
    fs::rename(&pending, &kept).unwrap();
    scene.ok(&["client", "--device", "p"]);
    // As versions left it that did not remove it.
    fs::rename(&kept, &pending).unwrap();
    fs::write(pending.join("notes.txt"), "of the user").unwrap();
    assert_eq!(check(&scene.sandbox, 3), [problem("changed", "p")]);
    scene.ok(&["store", "repair"]);
    assert_eq!(check(&scene.sandbox, 0), []);
    let left: Vec<_> = fs::read_dir(&pending).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|file| file.to_string_lossy().ends_with(".pem")), "{left:?}");
    assert!(pending.join("notes.txt").exists());
}

/// As a run leaves them that is killed after the ledger has recorded a shard and before its files have their name.
#[test]
fn shards_that_are_recorded_and_not_published_are_not_missing() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["fleet", "issue", "--count", "3", "--name-pattern", "s-{}", "--out", "fleet"]);
    sandbox.ok(["fleet", "issue", "--count", "2", "--name-pattern", "z-{}", "--out", "other"]);
    let shard = |dir: &str| {
        let names =
            fs::read_dir(sandbox.join(dir)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.into_iter().find(|name| name.starts_with("shard-")).unwrap()
    };
    let name = shard("fleet");
    fs::rename(sandbox.join("fleet").join(&name), sandbox.join("fleet").join(format!(".partial-{name}"))).unwrap();
    let outcome = sandbox.ok(["store", "check", "--json"]);
    assert_eq!(differences(&outcome), []);
    assert_eq!(outcome.json()["result"]["in_files"], 5);
    // Without the files they are.
    fs::remove_dir_all(sandbox.join("fleet").join(format!(".partial-{name}"))).unwrap();
    assert_eq!(check(&sandbox, 3), ["s-1", "s-2", "s-3"].map(|name| problem("missing", name)));
}
