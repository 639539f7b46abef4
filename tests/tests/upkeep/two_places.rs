//! Jobs whose shards are in several places: a job was continued where there was room, or an older copy of the ledger has
//! issued some of it a second time.

use std::fs;

use serde_json::{Value, json};
use tbpki_tests::Sandbox;
use tbpki_tests::kill::{Injection, run_disturbed};

use crate::scene::{lose_ledger, shown};

/// Moves the second shard of a job from `A` to a place `B`, as a job has it that was continued there: with these identifiers
/// of the two places. The ledger must be lost, because it knows the places of the shards.
fn split(sandbox: &Sandbox, a: &str, b: &str) {
    let mark = sandbox.join("A/fleet.json");
    let mut json: Value = serde_json::from_slice(&fs::read(&mark).unwrap()).unwrap();
    let before = json["place"].as_str().unwrap().to_owned();
    let places = sandbox.join("pki/places");
    fs::remove_file(places.join(before)).unwrap();
    fs::create_dir(sandbox.join("B")).unwrap();
    for (dir, id) in [("A", a), ("B", b)] {
        json["place"] = id.into();
        let dir = sandbox.join(dir).canonicalize().unwrap();
        fs::write(dir.join("fleet.json"), serde_json::to_vec_pretty(&json).unwrap()).unwrap();
        fs::write(places.join(id), format!("{}\n", dir.display())).unwrap();
    }
    // The sandbox may be a copy, whose job was to go to the directory of the original.
    let dir = sandbox.join("A").canonicalize().unwrap();
    fs::write(places.join("job-1"), format!("{}\n", dir.display())).unwrap();
    fs::rename(sandbox.join("A/shard-000001"), sandbox.join("B/shard-000001-2")).unwrap();
}

/// Runs a command and kills it when it waits for the disk for the time with this number.
#[track_caller]
fn killed(sandbox: &Sandbox, args: &[&str], number: usize) {
    let command = sandbox.tbpki(args).command();
    run_disturbed(&command, Injection::Kill, "syncfs", number).unwrap().expect("it was not killed");
}

/// The only job: its state, and the numbers of its names and of those that are issued.
#[track_caller]
fn job(sandbox: &Sandbox) -> Value {
    let jobs = sandbox.ok(["fleet", "jobs", "--json"]).json();
    let jobs = jobs["result"]["jobs"].as_array().unwrap();
    assert_eq!(jobs.len(), 1, "{jobs:?}");
    ["state", "names", "issued"].iter().map(|field| jobs[0][*field].clone()).collect()
}

#[test]
fn a_job_in_two_places_is_rebuilt_whichever_place_comes_first() {
    let sandbox = Sandbox::in_memory().make_store();
    sandbox.ok(["client", "--device", "single"]);
    sandbox.ok(["fleet", "issue", "--count", "1100", "--name-pattern", "g-{:04}", "--out", "A"]);
    let before = shown(&sandbox);
    lose_ledger(&sandbox);
    for (a, b) in [("00", "ff"), ("ff", "00")] {
        let copy = sandbox.copy();
        split(&copy, a, b);
        copy.ok(["store", "repair", "--dry-run"]).prints("1101 certificates, 1 job");
        copy.ok(["store", "repair"]).prints("1101 certificates, 1 job");
        assert_eq!(shown(&copy), before, "{a}");
        copy.ok(["store", "check"]);
        assert_eq!(job(&copy), json!(["done", 1100, 1100]), "{a}");
        copy.ok(["client", "--device", "g-1100"]).prints("exists");
        copy.ok(["client", "--device", "g-0001"]).prints("exists");
        copy.ok(["fleet", "issue", "--resume", "1", "--out", "B"]).prints("1100 of 1100");
        // A second repair has nothing to do.
        copy.ok(["store", "repair"]).prints("0 certificates, 0 jobs");
    }
}

/// A store whose ledger is from before its job was issued: in another order than that of the files.
fn with_older_ledger() -> (Sandbox, Vec<Value>) {
    let sandbox = Sandbox::with_store();
    sandbox.write("list.csv", "name,label\ni-z,pump\ni-y,pump\ni-x,pump\n");
    killed(&sandbox, &["fleet", "issue", "--from", "list.csv", "--out", "A", "--jobs", "1"], 1);
    sandbox.ok(["store", "backup", "b.tar"]);
    sandbox.ok(["fleet", "issue", "--resume"]).prints("3 of 3");
    let before = shown(&sandbox);
    fs::rename(sandbox.join("pki"), sandbox.join("lost")).unwrap();
    sandbox.ok(["store", "restore", "b.tar"]);
    // The killed run had not come as far as this.
    for place in fs::read_dir(sandbox.join("pki/places")).unwrap() {
        let path = place.unwrap().path();
        if !path.ends_with("job-1") {
            fs::remove_file(path).unwrap();
        }
    }
    (sandbox, before)
}

#[test]
fn shards_that_an_older_ledger_lacks_are_found_where_the_job_was_to_go() {
    let (sandbox, before) = with_older_ledger();
    sandbox.fails(["store", "check"], 3, "TBPKI-0332").prints("3 in files");
    sandbox.ok(["store", "repair"]).prints("3 certificates, 0 jobs");
    sandbox.ok(["store", "check"]);
    assert_eq!(shown(&sandbox), before);
    assert_eq!(job(&sandbox), json!(["done", 3, 3]));
    sandbox.ok(["client", "--device", "i-z"]).prints("exists");
    sandbox.ok(["fleet", "issue", "--resume", "1"]).prints("3 of 3");
}

#[test]
fn a_job_does_not_leave_a_place_with_shards_that_the_ledger_lacks() {
    let (sandbox, _) = with_older_ledger();
    // As if the file with the ledger had been put back by hand, on another machine.
    for note in ["pki/ledger.note", "A/ledger.note"] {
        let _ = fs::remove_file(sandbox.join(note));
    }
    fs::remove_dir_all(sandbox.join(".local")).unwrap();
    tbpki_tests::forge::sql(&sandbox.join("pki/ledger.db"), "UPDATE status SET restored_at = NULL");
    for args in [&["--out", "B"][..], &["--out", "B", "--dry-run"], &[]] {
        sandbox.fails(["fleet", "issue", "--resume"].iter().chain(args), 1, "TBPKI-0258").prints("tbpki store repair");
        assert!(!sandbox.join("B").exists(), "{args:?}");
    }
    sandbox.fails(["fleet", "adopt", "A"], 1, "TBPKI-0261").prints("tbpki store repair");
    sandbox.ok(["store", "repair"]).prints("3 certificates, 0 jobs");
    sandbox.ok(["fleet", "issue", "--resume", "1"]).prints("3 of 3");
    sandbox.ok(["store", "check"]);
}

#[test]
fn names_that_were_issued_twice_are_settled_by_a_person() {
    let (sandbox, _) = with_older_ledger();
    let place = fs::read(sandbox.join("pki/places/job-1")).unwrap();
    fs::remove_file(sandbox.join("pki/places/job-1")).unwrap();
    sandbox.ok(["store", "check"]);
    sandbox.ok(["fleet", "issue", "--resume", "--out", "B"]).prints("3 of 3");
    fs::write(sandbox.join("pki/places/job-1"), place).unwrap();
    sandbox.fails(["store", "check"], 3, "TBPKI-0332").prints("foreign");
    let repaired = sandbox.tbpki(["store", "repair", "--json"]).run().ends(4).json();
    assert_eq!(repaired["result"]["identities"], 3);
    let open = repaired["result"]["open"].as_array().unwrap();
    assert_eq!(open.len(), 3, "{open:?}");
    assert!(open.iter().all(|problem| problem["problem"] == "twice"), "{open:?}");
    // The check reports them until a person tells which certificate each device has.
    sandbox.fails(["store", "check"], 3, "TBPKI-0332").prints("twice");
    let mut repair = vec!["store", "repair"];
    for problem in open {
        repair.extend(["--use", problem["serial"].as_str().unwrap()]);
    }
    sandbox.ok(repair);
    sandbox.ok(["store", "check"]);
    assert_eq!(job(&sandbox)[2], 3);
}

#[test]
fn a_directory_of_the_store_cannot_have_shards() {
    let sandbox = Sandbox::with_store();
    let issue = ["fleet", "issue", "--count", "1", "--name-pattern", "p-{}"];
    for place in [&["--out", "pki/devices"][..], &["--out", "pki/x"], &["--archive", "pki/x.tar"], &["--out", "pki"]] {
        sandbox.fails(issue.iter().chain(place), 1, "TBPKI-0261");
    }
    assert!(!sandbox.join("pki/x").exists() && !sandbox.join("pki/x.tar.parts").exists());
    let jobs = sandbox.ok(["fleet", "jobs", "--json"]).json();
    assert_eq!(jobs["result"]["jobs"].as_array().unwrap().len(), 0, "nothing was staged");
    sandbox.ok(issue.iter().chain(&["--out", "fleet", "--days", "100"]));
    tbpki_tests::forge::age(&sandbox.join("pki/ledger.db"), "p-1", 80);
    // Neither a renewal nor a directory from elsewhere.
    sandbox.fails(["fleet", "renew", "--job", "1", "--out", "pki/devices"], 1, "TBPKI-0261");
    let jobs = sandbox.ok(["fleet", "jobs", "--json"]).json();
    assert_eq!(jobs["result"]["jobs"].as_array().unwrap().len(), 1);
    let other = sandbox.copy();
    other.ok(["fleet", "issue", "--count", "1", "--name-pattern", "q-{}", "--out", "other"]);
    fs::rename(other.join("other"), sandbox.join("pki/other")).unwrap();
    sandbox.fails(["fleet", "adopt", "pki/other"], 1, "TBPKI-0261");
}

#[test]
fn a_copy_of_the_files_of_a_device_is_no_second_certificate() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["client", "--device", "pump"]);
    lose_ledger(&sandbox);
    // Before the device in the order of the names, and after it.
    for copy in ["a-copy", "z-copy"] {
        tbpki_tests::Tool::new("cp").args(["-a", "pump", copy]).directory(sandbox.join("pki/devices")).run().ok();
    }
    sandbox.ok(["store", "repair"]).prints("1 certificate,");
    let listed = sandbox.ok(["list", "--kind", "device", "--json"]).json();
    let names: Vec<_> = listed["result"]["identities"].as_array().unwrap().iter().map(|row| &row["name"]).collect();
    assert_eq!(names, ["pump"]);
    sandbox.ok(["client", "--device", "pump"]).prints("is up to date");
}

#[test]
fn a_store_that_has_shards_alone_notices_that_its_ledger_is_lost() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["fleet", "issue", "--count", "3", "--name-pattern", "z-{}", "--out", "o"]);
    let before = shown(&sandbox);
    lose_ledger(&sandbox);
    let reading: &[&[&str]] = &[&["list"], &["fleet", "jobs"], &["store", "check"]];
    let writing: &[&[&str]] = &[&["client", "--device", "n"], &["crl"]];
    sandbox.fails(["init", "--no-input", "--insecure-no-passphrase"], 1, "TBPKI-0092");
    for args in reading.iter().chain(writing) {
        sandbox.fails(*args, 1, "TBPKI-0093").prints("tbpki store repair");
        assert!(!sandbox.join("pki/ledger.db").exists(), "{args:?} has made a ledger");
    }
    // Also where a program has made an empty file.
    sandbox.write("pki/ledger.db", "");
    sandbox.private("pki/ledger.db");
    for args in reading.iter().chain(writing) {
        sandbox.fails(*args, 1, "TBPKI-0093").prints("tbpki store repair");
    }
    sandbox.ok(["store", "repair"]).prints("3 certificates, 1 job");
    assert_eq!(shown(&sandbox), before);
    sandbox.ok(["store", "check"]);
}
