//! A name belongs to one identity in use: single devices, jobs and resumed jobs obey the same rule.

use std::collections::BTreeMap;

use tbpki_tests::{Clock, Outcome, Sandbox, Tool};
use testkit::postgres::Certificates;
use time::OffsetDateTime;

use crate::interrupted::killed_at_the_beginning;
use crate::stations::with_ledger_at;

const ISSUE: [&str; 8] = ["fleet", "issue", "--count", "6000", "--name-pattern", "d-{:04}", "--archive", "f.tar"];
const LAST: &str = "d-6000";

/// Starts the job and kills it as soon as its place is there.
#[track_caller]
fn interrupted(sandbox: &Sandbox) {
    killed_at_the_beginning(sandbox, &ISSUE, "f.tar.parts/fleet.json");
}

/// Asks for the last name of the job by itself. A very quick run may have issued it by then.
#[track_caller]
fn ask_for_the_last(station: &Sandbox) -> Outcome {
    let asked = station.tbpki(["client", "--device", LAST]).run();
    if asked.status == 0 {
        return asked;
    }
    assert!(!station.join(format!("pki/devices/{LAST}")).exists());
    asked.ends(1).prints("error[TBPKI-0256]").prints("job 1").prints("fleet cancel 1")
}

/// The number of certificates in use of each device, in all of its generations.
#[track_caller]
fn certificates_in_use(sandbox: &Sandbox) -> BTreeMap<String, usize> {
    let list = sandbox.ok(["list", "--kind", "device", "--all", "--json"]).json();
    let mut counts = BTreeMap::new();
    for identity in list["result"]["identities"].as_array().unwrap() {
        let in_use = usize::from(identity["state"] == "issued");
        *counts.entry(identity["name"].as_str().unwrap().to_owned()).or_default() += in_use;
    }
    counts
}

#[track_caller]
fn each_has_one(sandbox: &Sandbox) {
    let counts = certificates_in_use(sandbox);
    assert_eq!(counts.len(), 6000);
    let wrong: Vec<_> = counts.iter().filter(|(_, count)| **count != 1).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn a_single_device_does_not_take_a_name_that_waits_in_a_job() {
    let sandbox = Sandbox::with_store();
    interrupted(&sandbox);
    ask_for_the_last(&sandbox);
    ask_for_the_last(&sandbox);
    sandbox.tbpki(["client", "--device", LAST, "--dry-run"]).run();
    sandbox.ok(["fleet", "issue", "--resume"]).prints("issued      6000 of 6000");
    each_has_one(&sandbox);
    sandbox.ok(["client", "--device", LAST]).prints("exists");
    sandbox.ok(["client", "--device", LAST]).prints("is up to date");
}

#[test]
fn stations_with_one_ledger_obey_the_same_reservation() {
    let certificates = Certificates::generate();
    let cluster = certificates.cluster();
    let one = with_ledger_at(&cluster.url(&cluster.database()));
    let two = one.copy();
    interrupted(&one);
    // The other station never saw the job, and its ledger did.
    ask_for_the_last(&two);
    one.ok(["fleet", "issue", "--resume"]).prints("issued      6000 of 6000");
    each_has_one(&two);
}

#[test]
fn a_canceled_job_gives_its_names_back() {
    let sandbox = Sandbox::with_store();
    // Keys that take their time: the job is not done when the signal comes.
    let args = ["fleet", "issue", "--count", "2500", "--name-pattern", "d-{}", "--alg", "rsa-3072", "--out", "fleet"];
    killed_at_the_beginning(&sandbox, &args, "fleet/fleet.json");
    sandbox.ok(["fleet", "jobs"]).prints("open").prints("2500");
    sandbox.fails(["client", "--device", "d-2500"], 1, "TBPKI-0256");
    sandbox.fails(["client", "--device", "d-2500", "--dry-run"], 1, "TBPKI-0256");
    sandbox.write("list.csv", "name\nd-2500\nother\n");
    sandbox.fails(["fleet", "issue", "--from", "list.csv", "--out", "second"], 1, "TBPKI-0251");

    sandbox.fails(["fleet", "cancel", "7"], 1, "TBPKI-0293");
    sandbox.ok(["fleet", "cancel", "1", "--dry-run"]).prints("2500 names would be free");
    sandbox.fails(["client", "--device", "d-2500"], 1, "TBPKI-0256");
    let canceled = sandbox.ok(["fleet", "cancel", "1", "--json"]).json();
    assert_eq!((&canceled["result"]["freed"], &canceled["result"]["issued"]), (&2500.into(), &0.into()));
    let jobs = sandbox.ok(["fleet", "jobs", "--json"]).json();
    assert_eq!(jobs["result"]["jobs"][0]["state"], "canceled");
    sandbox.fails(["fleet", "cancel", "1"], 1, "TBPKI-0264");
    sandbox.fails(["fleet", "issue", "--resume", "1"], 1, "TBPKI-0257");
    sandbox.fails(["fleet", "issue", "--resume"], 1, "TBPKI-0264");

    sandbox.ok(["client", "--device", "d-1"]);
    sandbox.ok(["fleet", "issue", "--from", "list.csv", "--out", "second"]).prints("issued      2 of 2");
    assert_eq!(certificates_in_use(&sandbox), [("d-1", 1), ("d-2500", 1), ("other", 1)].map(own).into());
}

fn own((name, count): (&str, usize)) -> (String, usize) {
    (name.to_owned(), count)
}

/// A command that refuses a new job keeps no name of it.
#[track_caller]
fn reserves_nothing(sandbox: &Sandbox, args: &[&str], code: &str) {
    let issue = ["fleet", "issue", "--count", "2", "--name-pattern", "p-{}"];
    sandbox.fails([&issue[..], args].concat(), 1, code);
    let jobs = sandbox.ok(["fleet", "jobs", "--json"]).json();
    assert_eq!(jobs["result"]["jobs"].as_array().unwrap().len(), 0, "{jobs}");
    sandbox.ok(["client", "p-1"]);
}

#[test]
fn a_job_that_cannot_be_written_reserves_no_name() {
    let store = || Sandbox::with_store();
    let results = ["--out", "fl", "--results", "res"];
    let sandbox = store();
    sandbox.write("res/job-1.csv", "other\n");
    reserves_nothing(&sandbox, &results, "TBPKI-0261");
    assert_eq!(sandbox.text("res/job-1.csv"), "other\n");
    for name in ["job-1.csv", "job-1.ndjson"] {
        let sandbox = store();
        std::fs::create_dir_all(sandbox.join("res").join(name)).unwrap();
        reserves_nothing(&sandbox, &results, "TBPKI-0261");
    }
    let sandbox = store();
    std::fs::create_dir(sandbox.join("res")).unwrap();
    Tool::new("mkfifo").arg(sandbox.join("res/job-1.csv")).run().ok();
    reserves_nothing(&sandbox, &results, "TBPKI-0261");
    // A lock that is another file, too.
    let sandbox = store();
    sandbox.write("mine", "");
    std::fs::create_dir(sandbox.join("fl")).unwrap();
    std::fs::hard_link(sandbox.join("mine"), sandbox.join("fl/.lock")).unwrap();
    reserves_nothing(&sandbox, &["--out", "fl"], "TBPKI-0089");
}

#[test]
fn a_renewal_that_cannot_be_written_is_no_job() {
    let clock = Clock::starting_at(OffsetDateTime::now_utc());
    let sandbox = Sandbox::new().at(&clock).make_store();
    let config = sandbox.text("keygen.toml").replace("[client]\n", "[client]\ndays = 40\n");
    sandbox.write("keygen.toml", config);
    sandbox.ok(["fleet", "issue", "--count", "2", "--name-pattern", "p-{}", "--out", "fl"]);
    clock.pass(30);
    sandbox.write("res/job-2.csv", "other\n");
    let renew = ["fleet", "renew", "--job", "1", "--out", "next", "--results", "res"];
    sandbox.fails(renew, 1, "TBPKI-0261");
    let jobs = sandbox.ok(["fleet", "jobs", "--json"]).json();
    assert_eq!(jobs["result"]["jobs"].as_array().unwrap().len(), 1, "{jobs}");
    std::fs::remove_file(sandbox.join("res/job-2.csv")).unwrap();
    sandbox.ok(renew);
}
