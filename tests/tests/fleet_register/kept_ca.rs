//! The CA of a job: a CA that a profile gets later issues neither the rest of the job nor its renewals.

use tb_sim::Settings;
use tbpki_tests::kill::{Injection, run_disturbed};
use tbpki_tests::platform::Platform;
use tbpki_tests::{Clock, Sandbox};
use time::OffsetDateTime;

/// A store with a list of names in the profile `fans`, which has no CA yet.
fn with_list(sandbox: Sandbox) -> (Sandbox, Platform) {
    let platform = Platform::simulator_in(&sandbox, Settings::default());
    sandbox.write("q.csv", "name,profile\nodd-1,fans\nodd-2,\n");
    (sandbox, platform)
}

#[track_caller]
fn give_ca(sandbox: &Sandbox, platform: &Platform) {
    let create = sandbox.tbpki(["profile", "create", "fans", "--name-prefix", "fan-"]);
    platform.known_to(create, sandbox.join("password")).run().ok();
}

/// The issuer of each generation of each device, as the ledger has it.
#[track_caller]
fn issuers(sandbox: &Sandbox) -> Vec<(String, u64, String)> {
    let list = sandbox.ok(["list", "--kind", "device", "--all", "--json"]).json();
    let rows = list["result"]["identities"].as_array().unwrap().iter();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let mut rows: Vec<_> =
        rows.map(|row| (text(&row["name"]), row["generation"].as_u64().unwrap(), text(&row["issuer"]))).collect();
    rows.sort();
    rows
}

#[track_caller]
fn assert_issued_by_the_ca_of_devices(sandbox: &Sandbox, expected: &[(&str, u64)]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|(name, generation)| ((*name).to_owned(), *generation, "devices-issuing".to_owned()))
        .collect();
    assert_eq!(issuers(sandbox), expected);
}

#[test]
fn a_renewal_keeps_the_ca_of_the_present_certificate() {
    let clock = Clock::starting_at(OffsetDateTime::now_utc());
    let (sandbox, platform) = with_list(Sandbox::with_store().at(&clock));
    sandbox.ok(["fleet", "issue", "--from", "q.csv", "--out", "oq", "--days", "100"]);
    give_ca(&sandbox, &platform);
    clock.pass(80);
    sandbox.ok(["fleet", "renew", "--job", "1", "--out", "ren"]).prints("issued      2 of 2");
    assert_issued_by_the_ca_of_devices(&sandbox, &[("odd-1", 1), ("odd-1", 2), ("odd-2", 1), ("odd-2", 2)]);
}

#[test]
fn a_job_of_a_profile_is_renewed_by_the_ca_that_issued_it() {
    let clock = Clock::starting_at(OffsetDateTime::now_utc());
    let (sandbox, platform) = with_list(Sandbox::with_store().at(&clock));
    let job = ["fleet", "issue", "--count", "1", "--name-pattern", "fan-{}", "--profile", "fans", "--days", "100"];
    sandbox.ok(job.into_iter().chain(["--out", "f"]));
    give_ca(&sandbox, &platform);
    sandbox.ok([
        "fleet",
        "issue",
        "--count",
        "1",
        "--name-pattern",
        "fan-b{}",
        "--profile",
        "fans",
        "--days",
        "100",
        "--out",
        "g",
    ]);
    clock.pass(80);
    for (job, out) in [("1", "fr"), ("2", "gr")] {
        sandbox.ok(["fleet", "renew", "--job", job, "--out", out]).prints("issued      1 of 1");
    }
    let issuers: Vec<_> = issuers(&sandbox).into_iter().map(|(_, _, issuer)| issuer).collect();
    assert_eq!(issuers, ["devices-issuing", "devices-issuing", "profile-fans", "profile-fans"]);
}

#[test]
fn a_staged_job_keeps_its_cas() {
    let (sandbox, platform) = with_list(Sandbox::with_store());
    let issue = ["fleet", "issue", "--from", "q.csv", "--out", "oq"];
    let command = sandbox.tbpki(issue).command();
    run_disturbed(&command, Injection::Kill, "syncfs", 1).unwrap().expect("no shard was written");
    give_ca(&sandbox, &platform);
    sandbox.ok(["fleet", "issue", "--resume"]).prints("issued      2 of 2");
    assert_issued_by_the_ca_of_devices(&sandbox, &[("odd-1", 1), ("odd-2", 1)]);
}
