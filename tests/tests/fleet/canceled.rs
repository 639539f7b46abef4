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
