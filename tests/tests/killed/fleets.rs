//! `fleet cancel`, `fleet adopt` and `bundle-firmware`.

use std::fs;

use tbpki_tests::Sandbox;
use tbpki_tests::forge::sql;
use tbpki_tests::kill::{Step, kill_at_every_write, kill_at_some_writes};
use tbpki_tests::leftovers::assert_private;
use testkit::application::Sample;

/// Kills a command at each of its writes. The same command then ends with 0 or one of the codes of `done`, which state that
/// all was done, and `check` looks at what there is.
fn kill(start: &Sandbox, args: &[&str], done: &[&str], check: impl Fn(&Sandbox, &Step)) {
    let writes = kill_at_every_write(
        || {
            let sandbox = start.copy();
            Ok((sandbox.tbpki(args).command(), sandbox))
        },
        |step, sandbox| {
            assert_private(sandbox.path(), step);
            sandbox.ok(["list"]);
            let again = sandbox.tbpki(args).run();
            let is_done = again.status == 0 || done.iter().any(|code| again.stderr_text().contains(code));
            assert!(is_done, "run again it does not finish: {again}\nafter {step}");
            check(&sandbox, step);
            assert_private(sandbox.path(), step);
        },
    )
    .unwrap();
    assert!(writes > 10, "{writes}");
}

/// The devices in use, each with its role: no name is there twice.
#[track_caller]
fn devices(sandbox: &Sandbox, step: &Step) -> Vec<String> {
    let listed = sandbox.ok(["list", "--kind", "device", "--all", "--json"]).json();
    let rows = listed["result"]["identities"].as_array().unwrap().iter().filter(|row| row["role"] == "current");
    let names: Vec<String> = rows.map(|row| row["name"].as_str().unwrap().to_owned()).collect();
    let mut once = names.clone();
    once.dedup();
    assert_eq!(once, names, "after {step}");
    names
}

#[test]
fn a_job_that_is_canceled() {
    let start = Sandbox::in_memory().make_store();
    start.ok(["fleet", "issue", "--count", "2", "--name-pattern", "s-{}", "--out", "fleet"]);
    // As an interrupted run leaves it, with a name that is not issued yet.
    let names = "INSERT INTO staged (job, number, line, name) VALUES (1, 2, 3, 's-3')";
    sql(&start.join("pki/ledger.db"), &format!("UPDATE job SET state = 'open', done_at = NULL, size = 3; {names}"));
    start.fails(["client", "--device", "s-3"], 1, "TBPKI-0256");
    kill(&start, &["fleet", "cancel", "1"], &["TBPKI-0264"], |sandbox, step| {
        sandbox.ok(["client", "--device", "s-3"]);
        assert_eq!(devices(sandbox, step), ["s-1", "s-2", "s-3"]);
    });
}

#[test]
fn a_directory_that_is_taken_over() {
    let start = Sandbox::in_memory().make_store();
    let saved = start.copy();
    start.ok(["fleet", "issue", "--count", "3", "--name-pattern", "s-{}", "--out", "fleet"]);
    let keys =
        |sandbox: &Sandbox| ["s-1", "s-2", "s-3"].map(|name| sandbox.text(format!("fleet/shard-000000/{name}.pem")));
    let before = keys(&start);
    // A ledger that knows nothing of it.
    for file in ["ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.note"] {
        let _ = fs::remove_file(start.join("pki").join(file));
    }
    fs::remove_dir_all(start.join("pki/places")).unwrap();
    for file in ["ledger.db", "ledger.db-wal", "ledger.note"] {
        if saved.join("pki").join(file).exists() {
            fs::copy(saved.join("pki").join(file), start.join("pki").join(file)).unwrap();
        }
    }
    fs::remove_dir_all(start.join(".local")).unwrap();
    sql(&start.join("pki/ledger.db"), "UPDATE status SET uid = randomblob(16)");
    fs::remove_file(start.join("pki/ledger.note")).unwrap();
    kill(&start, &["fleet", "adopt", "fleet"], &["TBPKI-0261"], |sandbox, step| {
        assert_eq!(devices(sandbox, step), ["s-1", "s-2", "s-3"]);
        assert_eq!(keys(sandbox), before, "after {step}");
        let jobs = sandbox.ok(["fleet", "jobs", "--json"]).json();
        assert_eq!(jobs["result"]["jobs"].as_array().map(Vec::len), Some(1), "{jobs} after {step}");
        sandbox.ok(["store", "check"]);
        sandbox.ok(["client", "--device", "s-2"]).prints("exists");
    });
}

#[test]
fn an_image_of_a_device() {
    let start = Sandbox::in_memory().make_store();
    start.ok(["client", "--device", "pump-1"]);
    start.write("app.elf", Sample::new("esp32c3").elf());
    start.write("wifi", "a password of the network");
    start.private("wifi");
    let bundle = [
        "bundle-firmware",
        "--device=pump-1",
        "--out=bundle",
        "--chip=esp32c3",
        "--app=app.elf",
        "--broker=broker.example",
        "--wifi-ssid=x",
        "--wifi-password-file=wifi",
    ];
    let undisturbed = start.copy();
    undisturbed.ok(bundle);
    let goal = crate::names(&undisturbed.join("bundle"));
    let key = start.read("pki/devices/pump-1/key.pem");
    let mut found = [0, 0];
    let kills = kill_at_some_writes(
        12,
        || {
            let sandbox = start.copy();
            Ok((sandbox.tbpki(bundle).command(), sandbox))
        },
        |step, sandbox| {
            assert_private(sandbox.path(), step);
            let state = |sandbox: &Sandbox| {
                sandbox.ok(["list", "--kind", "device", "--json"]).json()["result"]["identities"][0]["state"].clone()
            };
            // What the ledger has as bundled is there.
            let is_there = state(&sandbox) == "bundled";
            assert!(!is_there || goal.is_subset(&crate::names(&sandbox.join("bundle"))), "after {step}");
            found[usize::from(is_there)] += 1;
            let again = sandbox.tbpki([&bundle[..], &["--force"]].concat()).run();
            assert!(again.status == 0, "run again it does not finish: {again}\nafter {step}");
            assert_eq!(state(&sandbox), "bundled", "after {step}");
            assert!(goal.is_subset(&crate::names(&sandbox.join("bundle"))), "after {step}");
            assert_eq!(sandbox.read("pki/devices/pump-1/key.pem"), key, "after {step}");
            assert_private(sandbox.path(), step);
        },
    )
    .unwrap();
    assert!(kills >= 12 && found[0] > 0, "{kills} {found:?}");
}
