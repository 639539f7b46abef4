//! A name belongs to one identity in use: single devices, jobs and resumed jobs obey the same rule.

use std::collections::BTreeMap;

use tbpki_tests::{Outcome, Sandbox};
use testkit::postgres::Certificates;

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
