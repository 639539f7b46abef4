//! Stores that tbpki 0.1.0 made: opened, brought up to date, and as usable as before.

use std::fs;

use tbpki_tests::Sandbox;

use crate::{assert_agree, in_shards, ledger_of};

/// A store of 0.1.0 with a server, two devices, a job in shards (1), one in an archive (2), one in directories (3), and
/// one that is open (4) although a single device took a name of it.
const STORE: &str = "store.tar.zst";
/// The same after 0.1.0 went on with the open job: the device d-3 has two certificates in use.
const DOUBLED: &str = "store-with-a-doubled-name.tar.zst";

#[track_caller]
fn store(fixture: &str) -> Sandbox {
    Sandbox::new().made_by_0_1_0(fixture)
}

#[test]
fn it_opens_and_goes_on() {
    let sandbox = store(STORE);
    sandbox.ok(["client", "--device", "pump-1"]).prints("is up to date");
    sandbox.ok(["client", "--device", "pump-3"]);
    sandbox.ok(["list"]).prints("broker.example").prints("pump-3").prints("s-5");
    let jobs = sandbox.ok(["fleet", "jobs", "--json"]).json();
    let states: Vec<_> = jobs["result"]["jobs"].as_array().unwrap().iter().map(|job| job["state"].clone()).collect();
    assert_eq!(states, ["done", "done", "done", "open"]);
    // The directory is recognized by what is in it, and marked as this job's.
    sandbox.ok(["fleet", "issue", "--resume", "1", "--out", "shards"]).prints("issued      5 of 5");
    let mark = sandbox.text("shards/fleet.json");
    assert!(mark.contains("\"version\": 2") && mark.contains("job_uid"), "{mark}");
    fs::remove_file(sandbox.join("shards/fleet.json.v1")).unwrap();
    assert_agree(&ledger_of(&sandbox, 1), &in_shards(&sandbox.join("shards")), &sandbox.join("pki"));
    sandbox.ok(["fleet", "issue", "--resume", "2", "--archive", "a.tar"]).prints("issued      4 of 4");
    for device in ["s-1", "a-4", "x-2"] {
        sandbox.ok(["client", "--device", device]);
        sandbox.ok(["client", "--device", device]).prints("is up to date");
    }
    sandbox
        .ok(["fleet", "issue", "--count", "2", "--name-pattern", "n-{}", "--out", "new"])
        .prints("issued      2 of 2");
}

#[test]
fn an_open_job_does_not_double_a_name_that_was_taken_from_it() {
    let sandbox = store(STORE);
    let before = sandbox.text("pki/devices/d-3/chain.pem");
    sandbox
        .fails(["fleet", "issue", "--resume", "4", "--out", "d"], 1, "TBPKI-0251")
        .prints("d-3")
        .prints("fleet cancel 4");
    assert!(!sandbox.join("d").exists());
    sandbox.ok(["client", "--device", "d-3"]).prints("is up to date");
    sandbox.ok(["fleet", "cancel", "4"]).prints("3 names are free");
    sandbox.ok(["client", "--device", "d-1"]);
    assert_eq!(sandbox.text("pki/devices/d-3/chain.pem"), before);
}

#[test]
fn a_directory_of_the_older_version_is_not_taken_by_another_store() {
    let (old, other) = (store(STORE), Sandbox::with_store());
    let shards = old.join("shards");
    let shards = shards.to_str().unwrap();
    let issue = ["fleet", "issue", "--count", "5", "--name-pattern", "s-{}", "--out", shards];
    other.fails(issue, 1, "TBPKI-0261").prints("another store");
    assert!(old.text("shards/fleet.json").contains("\"version\": 1"));
    old.ok(["fleet", "issue", "--resume", "1", "--out", "shards"]).prints("issued      5 of 5");
}

#[test]
fn a_doubled_name_is_listed_with_both_certificates() {
    let sandbox = store(DOUBLED);
    sandbox.ok(["client", "--device", "pump-3"]);
    let list = sandbox.ok(["list", "--name", "d-3", "--all", "--json"]).json();
    assert_eq!(list["result"]["identities"].as_array().unwrap().len(), 2);
}
