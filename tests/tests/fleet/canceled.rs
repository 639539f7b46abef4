//! `fleet cancel` of a job whose run was killed: what is recorded is published, and what was given up is removed.

use std::fs;

use tbpki_tests::Sandbox;
use tbpki_tests::forge::sql;

/// A job of three names with one shard of two, which was killed before the shard had its name, and while the next one was
/// written.
fn killed() -> Sandbox {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["fleet", "issue", "--count", "2", "--name-pattern", "s-{}", "--out", "fleet"]);
    sql(
        &sandbox.join("pki/ledger.db"),
        "UPDATE job SET state = 'open', done_at = NULL, size = 3; \
         INSERT INTO staged (job, number, line, name) VALUES (1, 2, 3, 's-3'); \
         INSERT INTO attempt (job, shard, fence, seed, station, begun_at, ended_at, outcome) \
         VALUES (1, 0, 7, zeroblob(32), 'bench', 1, 2, 'void')",
    );
    fs::rename(sandbox.join("fleet/shard-000000"), sandbox.join("fleet/.partial-shard-000000")).unwrap();
    let given_up = sandbox.join("fleet/.partial-shard-000000-7");
    fs::create_dir(&given_up).unwrap();
    fs::write(given_up.join("s-1.pem"), "a key that no device has").unwrap();
    sandbox
}

#[test]
fn what_a_killed_run_left_is_settled_before_its_job_is_canceled() {
    let sandbox = killed();
    sandbox.ok(["fleet", "cancel", "1", "--dry-run"]).prints("1 name would be free");
    assert!(sandbox.join("fleet/.partial-shard-000000").exists());
    sandbox.ok(["fleet", "cancel", "1"]).prints("1 name is free, 2 identities stay");
    let mut names: Vec<String> = fs::read_dir(sandbox.join("fleet"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.retain(|name| name.contains("shard"));
    assert_eq!(names, ["shard-000000"]);
    sandbox.ok(["store", "check"]);
    sandbox.ok(["client", "--device", "s-3"]);
}

#[test]
fn a_directory_that_is_gone_does_not_keep_the_names() {
    let sandbox = killed();
    fs::rename(sandbox.join("fleet"), sandbox.join("elsewhere")).unwrap();
    sandbox.ok(["fleet", "cancel", "1"]).prints("1 name is free").prints("left next to its shards");
    sandbox.ok(["client", "--device", "s-3"]);
}

#[test]
fn a_ledger_that_is_older_than_the_files_cancels_nothing() {
    let sandbox = killed();
    sql(&sandbox.join("pki/ledger.db"), "DELETE FROM attempt WHERE fence = 7");
    sandbox.fails(["fleet", "cancel", "1"], 1, "TBPKI-0258");
    assert!(sandbox.join("fleet/.partial-shard-000000-7").exists());
    sandbox.ok(["fleet", "jobs"]).prints("open");
}

/// A job that was staged and has a place, and that has issued nothing.
fn without_shards() -> Sandbox {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["fleet", "issue", "--count", "1", "--name-pattern", "s-{}", "--out", "fleet"]);
    sql(
        &sandbox.join("pki/ledger.db"),
        "UPDATE job SET state = 'open', done_at = NULL; UPDATE work SET state = 'open', place = NULL, station = NULL; \
         UPDATE attempt SET outcome = 'void'; DELETE FROM identity WHERE kind = 'device'; \
         INSERT OR IGNORE INTO staged (job, number, line, name) VALUES (1, 0, 1, 's-1')",
    );
    fs::remove_dir_all(sandbox.join("fleet/shard-000000")).unwrap();
    sandbox
}

#[test]
fn the_directory_of_a_canceled_job_that_issued_nothing_is_not_missing() {
    let sandbox = without_shards();
    sandbox.ok(["fleet", "cancel", "1"]).prints("1 name is free");
    let out = ["fleet", "issue", "--count", "1", "--name-pattern", "t-{}", "--out", "fleet"];
    let refused = sandbox.fails(out, 1, "TBPKI-0261");
    assert!(!refused.stderr_text().contains("go on"), "a canceled job cannot be resumed: {refused}");
    fs::remove_dir_all(sandbox.join("fleet")).unwrap();
    sandbox.ok(["store", "check"]);
    // As an earlier version has left it.
    let sandbox = without_shards();
    let id = fs::read_dir(sandbox.join("pki/places")).unwrap().map(|entry| entry.unwrap().path());
    let id = id.into_iter().find(|path| !path.ends_with("job-1")).unwrap();
    let remembered = fs::read(&id).unwrap();
    sandbox.ok(["fleet", "cancel", "1"]);
    fs::write(&id, remembered).unwrap();
    fs::remove_dir_all(sandbox.join("fleet")).unwrap();
    sandbox.ok(["store", "check"]);
}

#[test]
fn a_directory_that_was_moved_away_before_anything_was_issued_is_not_missing() {
    let sandbox = without_shards();
    fs::rename(sandbox.join("fleet"), sandbox.join("away")).unwrap();
    sandbox.ok(["fleet", "issue", "--resume", "1"]).prints("issued      1 of 1");
    sandbox.ok(["store", "check"]);
}
