//! A place belongs to one job of one ledger: nothing of another one is removed, replaced or taken for done.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tbpki_tests::{Sandbox, Snapshot, Tool};

use crate::interrupted::killed_at_the_beginning;
use crate::layouts::is_ledger;
use crate::{assert_agree, in_shards, ledger_of};

/// Stages a job that waits: another process has the lock of its place, which is found out behind the names.
#[track_caller]
pub(crate) fn staged_to_wait(sandbox: &Sandbox, job: usize, args: &[&str]) {
    let [.., option, place] = args else { panic!("no place in {args:?}") };
    let place = sandbox.join(if *option == "--archive" { format!("{place}.parts") } else { (*place).to_owned() });
    fs::create_dir_all(&place).unwrap();
    let lock = fs::File::create(place.join(".lock")).unwrap();
    lock.lock().unwrap();
    sandbox.fails([&["fleet", "issue"], args].concat(), 1, "TBPKI-0090");
    drop(lock);
    let jobs = sandbox.ok(["fleet", "jobs", "--json"]).json()["result"]["jobs"].as_array().unwrap().len();
    assert_eq!(jobs, job);
}

/// Whatever is below the directory has to be the same after the work.
#[track_caller]
fn untouched(directory: &Path, work: impl FnOnce()) {
    let before = Snapshot::of(directory);
    work();
    assert!(Snapshot::of(directory) == before, "something in {} changed", directory.display());
}

#[test]
fn the_directory_of_another_store_is_left_alone() {
    let (one, two) = (Sandbox::with_store(), Sandbox::with_store());
    let shared = one.join("shared");
    let out = shared.to_str().unwrap();
    let issue = ["fleet", "issue", "--count", "5", "--name-pattern", "d-{}", "--out", out];
    one.ok(issue);
    untouched(&shared, || {
        two.fails(issue, 1, "TBPKI-0261").prints("another store");
        // Nothing was staged: the names are free.
        assert_eq!(two.ok(["fleet", "jobs", "--json"]).json()["result"]["jobs"], Value::Array(Vec::new()));
        staged_to_wait(&two, 1, &[&issue[2..6], &["--out", "waits"]].concat());
        two.fails(["fleet", "issue", "--resume", "--out", out], 1, "TBPKI-0261");
        two.fails(["fleet", "bundle", "--job", "1", "--out", out, "--chip", "esp32c3"], 1, "TBPKI-0261");
    });
    assert_agree(&ledger_of(&one, 1), &in_shards(&shared), &one.join("pki"));
    // The job of the second store waits for a place of its own.
    two.ok(["fleet", "issue", "--resume", "--out", "own"]).prints("issued      5 of 5");
}

#[test]
fn a_taken_place_is_found_out_before_the_job_is_staged() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["fleet", "issue", "--count", "2", "--name-pattern", "a-{}", "--out", "fleet"]);
    sandbox.write("full/holiday.jpg", "");
    sandbox.write("f.tar", "");
    let taken = [
        (["--out", "fleet"], "TBPKI-0261", "the directory belongs to job 1\n"),
        (["--out", "full"], "TBPKI-0261", "holiday.jpg"),
        (["--archive", "f.tar"], "TBPKI-0082", "f.tar"),
    ];
    let look = || Snapshot::of(sandbox.path()).without(|path| is_ledger(path) || path.ends_with(".lock"));
    let before = look();
    for (place, code, text) in taken {
        for dry_run in [&["--dry-run"][..], &[]] {
            let names = ["fleet", "issue", "--count", "2", "--name-pattern", "b-{}"];
            sandbox.fails([&names, &place[..], dry_run].concat(), 1, code).prints(text);
        }
    }
    assert_eq!(look(), before);
    // The names are free, and the next job has the next number.
    sandbox.ok(["client", "--device", "b-1"]);
    sandbox.ok(["fleet", "issue", "--count", "1", "--name-pattern", "c-{}", "--out", "own"]).prints("job 2: 1 device");
}

#[test]
fn the_archive_of_another_store_is_left_alone() {
    for name in ["f.tar", "f.tar.zst"] {
        let (one, two) = (Sandbox::with_store(), Sandbox::with_store());
        let archive = one.join(name);
        let issue =
            ["fleet", "issue", "--count", "5", "--name-pattern", "d-{}", "--archive", archive.to_str().unwrap()];
        one.ok(issue);
        untouched(one.path(), || {
            two.fails(issue, 1, "TBPKI-0261");
        });
        let waits = format!("waits-{name}");
        staged_to_wait(&two, 1, &[&issue[2..6], &["--archive", &waits]].concat());
        // The same where the directory with the parts was removed, and the archive alone is left.
        fs::remove_dir_all(one.join(format!("{name}.parts"))).unwrap();
        untouched(one.path(), || {
            two.fails(["fleet", "issue", "--resume", "--archive", issue[7]], 1, "TBPKI-0082");
        });
    }
}

#[test]
fn results_of_another_store_are_left_alone() {
    let (one, two) = (Sandbox::with_store(), Sandbox::with_store());
    let results = one.join("results");
    let results = results.to_str().unwrap();
    let issue = ["fleet", "issue", "--count", "2", "--name-pattern", "d-{}", "--out", "fleet", "--results", results];
    one.ok(issue);
    untouched(Path::new(results), || {
        two.fails(issue, 1, "TBPKI-0261");
    });
    assert!(!two.join("fleet").exists(), "nothing was issued either");
    one.ok(["fleet", "issue", "--resume", "1", "--results", results]);
    let lines = one.text("results/job-1.csv");
    assert_eq!(lines.lines().count(), 3, "{lines}");
}

#[test]
fn a_ledger_that_is_older_than_the_files_is_noticed() {
    for (destination, place) in [("--out", "fleet"), ("--archive", "f.tar")] {
        let sandbox = Sandbox::with_store();
        let issue = ["fleet", "issue", "--count", "5000", "--name-pattern", "d-{:04}", destination, place];
        let mark = if destination == "--out" { "fleet/fleet.json" } else { "f.tar.parts/fleet.json" };
        killed_at_the_beginning(&sandbox, &issue, mark);
        Tool::new("cp").args(["-a", "pki", "backup"]).directory(sandbox.path()).run().ok();
        sandbox.ok(issue).prints("issued      5000 of 5000");
        let in_backup =
            |sandbox: &Sandbox| sandbox.ok(["fleet", "jobs", "--json"]).json()["result"]["jobs"][0]["state"] == "done";
        fs::rename(sandbox.join("pki"), sandbox.join("newest")).unwrap();
        fs::rename(sandbox.join("backup"), sandbox.join("pki")).unwrap();
        if in_backup(&sandbox) {
            // The first run was quicker than the signal: the backup lacks nothing.
            continue;
        }
        let state = || {
            let dirs = ["fleet", "f.tar.parts"].map(|name| sandbox.join(name)).into_iter().filter(|dir| dir.exists());
            (dirs.map(|dir| Snapshot::of(&dir)).collect::<Vec<_>>(), fs::read(sandbox.join("f.tar")).ok())
        };
        let before = state();
        for again in [&issue[..], &["fleet", "issue", "--resume"]] {
            sandbox.fails(again, 1, "TBPKI-0258").prints("older than the files");
        }
        assert!(state() == before, "files of {place} changed");
        // With the newest ledger all is well.
        fs::rename(sandbox.join("pki"), sandbox.join("old")).unwrap();
        fs::rename(sandbox.join("newest"), sandbox.join("pki")).unwrap();
        sandbox.ok(["fleet", "issue", "--resume", "1"]).prints("issued      5000 of 5000");
    }
}

#[test]
fn results_may_be_in_the_directory_of_a_new_job() {
    let sandbox = Sandbox::with_store();
    for (job, place, results) in
        [("a", ["--out", "fleet"], "fleet/results"), ("b", ["--archive", "z.tar"], "z.tar.parts")]
    {
        let pattern = format!("{job}-{{}}");
        let args = ["fleet", "issue", "--count", "2", "--name-pattern", &pattern, "--results", results];
        let args = [&args[..], &place].concat();
        sandbox.ok([&args[..], &["--dry-run"]].concat());
        sandbox.ok(args.clone()).prints("issued      2 of 2");
        sandbox.ok(args);
    }
    assert!(sandbox.join("fleet/results/job-1.csv").exists() && sandbox.join("z.tar.parts/job-2.csv").exists());
    sandbox.ok(["store", "check"]);
}

#[test]
fn a_directory_in_use_is_named_with_the_way_to_go_on() {
    let sandbox = Sandbox::with_store();
    staged_to_wait(&sandbox, 1, &["--count", "2", "--name-pattern", "a-{}", "--out", "fleet"]);
    let other = ["fleet", "issue", "--count", "2", "--name-pattern", "b-{}", "--out", "fleet"];
    sandbox.fails(other, 1, "TBPKI-0261").prints("tbpki fleet issue --resume 1");
    sandbox.ok(["fleet", "issue", "--resume", "1"]);
    let refused = sandbox.fails(other, 1, "TBPKI-0261").prints("name another directory");
    assert!(!refused.stderr_text().contains("go on"), "nothing is left to do in it: {refused}");
}
