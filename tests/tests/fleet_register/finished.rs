//! Jobs can be finished: wherever their shards are, whatever became of their devices, and whatever cannot be written.

use serde_json::json;
use tbpki_tests::forge::sql;
use tbpki_tests::kill::{Injection, run_disturbed};
use tbpki_tests::{Clock, Outcome, Sandbox};
use time::{Duration, OffsetDateTime};

use crate::bundles::FIRMWARE;
use crate::{Fleet, phase};

/// Runs a command and kills it when it waits for the disk for this many times.
fn killed_at_the_disk(fleet: &Fleet, args: &[&str], times: usize) {
    let command = fleet.tbpki(args).command();
    run_disturbed(&command, Injection::Kill, "syncfs", times).unwrap();
}

/// Makes a job of 1,500 devices of which 1,000 are issued, and returns its number. Both shards may be written before the
/// first wait for the disk; then another job is tried.
#[track_caller]
fn half_issued(fleet: &Fleet, place: &str) -> u64 {
    for job in 1..=10 {
        let (pattern, out) = (format!("{job}p-{{}}"), place.replace('N', &job.to_string()));
        let option = if out.ends_with(".tar") { "--archive" } else { "--out" };
        let issue = ["fleet", "issue", "--count", "1500", "--name-pattern", &pattern, "--jobs", "1", option, &out];
        killed_at_the_disk(fleet, &issue, 2);
        let jobs = fleet.sandbox.ok(["fleet", "jobs", "--json"]).json();
        let last = jobs["result"]["jobs"].as_array().unwrap().last().unwrap().clone();
        assert_eq!(last["job"], job);
        if last["issued"] == 1000 {
            return job;
        }
        fleet.sandbox.tbpki(["fleet", "cancel", &job.to_string()]).run();
    }
    panic!("no job was interrupted between its shards");
}

fn counts(outcome: &Outcome, place: usize) -> [u64; 3] {
    let phase = outcome.json()["result"]["phases"][place].clone();
    ["done", "left", "replaced"].map(|field| phase[field].as_u64().unwrap())
}

#[test]
fn a_job_whose_shards_are_in_two_places_is_registered_and_bundled_as_a_whole() {
    let fleet = Fleet::empty();
    fleet.image_parts();
    let job = half_issued(&fleet, "firstN").to_string();
    fleet.sandbox.ok(["fleet", "issue", "--resume", &job, "--out", "other"]).prints("issued      1500 of 1500");
    assert_eq!(counts(&fleet.register(&["--job", &job]).ok(), 0), [1500, 0, 0]);
    let bundle = [&["fleet", "bundle", "--job", &job, "--json"], FIRMWARE].concat();
    assert_eq!(counts(&fleet.sandbox.ok(bundle), 0), [1500, 0, 0]);
}

#[test]
fn shards_in_a_place_that_is_gone_are_named() {
    let fleet = Fleet::empty();
    let job = half_issued(&fleet, "firstN").to_string();
    fleet.sandbox.ok(["fleet", "issue", "--resume", &job, "--out", "other"]);
    let first = format!("first{job}");
    std::fs::rename(fleet.sandbox.join(&first), fleet.sandbox.join("moved")).unwrap();
    let outcome = fleet.register(&["--job", &job]).ends(4);
    assert_eq!(counts(&outcome, 0), [500, 1000, 0]);
    assert!(
        outcome.stderr_text().contains("1 shard of job") && outcome.stderr_text().contains("--out DIR"),
        "{outcome}"
    );
    assert_eq!(counts(&fleet.register(&["--job", &job, "--out", "moved"]).ok(), 0), [1500, 0, 0]);
}

#[test]
fn bundles_of_a_canceled_archive_have_an_index() {
    let fleet = Fleet::empty();
    fleet.image_parts();
    let job = half_issued(&fleet, "fN.tar").to_string();
    fleet.sandbox.ok(["fleet", "cancel", &job]);
    let bundle = [&["fleet", "bundle", "--job", &job, "--json"], FIRMWARE].concat();
    let outcome = fleet.sandbox.ok(bundle);
    assert_eq!(counts(&outcome, 0), [1000, 0, 0]);
    let index = outcome.json()["result"]["bundles"]["index"].as_str().map(str::to_owned);
    assert_eq!(fleet.sandbox.text(index.expect("an index")).lines().count(), 1001);
}

#[test]
fn a_renewal_without_a_device_that_was_revoked_meanwhile_is_done() {
    let fleet = Fleet::empty();
    fleet.image_parts();
    fleet.issue(&["--count", "3", "--name-pattern", "pump-{}", "--out", "fleet", "--days", "90"]);
    let aged = "UPDATE identity SET not_before = not_before - 6912000, not_after = not_after - 6912000 \
                WHERE kind = 'device'";
    sql(&fleet.sandbox.join("pki/ledger.db"), aged);
    let renew = ["fleet", "renew", "--job", "1", "--out", "renewed"];
    killed_at_the_disk(&fleet, &renew, 1);
    fleet.sandbox.tbpki(["revoke", "--device", "pump-2"]).run();
    fleet.sandbox.ok(renew).prints("issued      2 of 2");
    let bundle = [&["fleet", "bundle", "--pending", "--job", "2"], FIRMWARE].concat();
    fleet.sandbox.ok(bundle).prints("bundled     2 of 2");
}

#[test]
fn devices_that_have_another_certificate_now_are_counted() {
    let fleet = Fleet::of(2);
    fleet.sandbox.ok(["client", "pump-1", "pump-2", "--force"]);
    assert_eq!(counts(&fleet.register(&["--job", "1"]).ok(), 0), [0, 0, 2]);
    fleet.tbpki(&["fleet", "register", "--job", "1"]).run().ok().prints("2 have another certificate now");
}

#[test]
fn names_are_not_reserved_for_a_place_that_cannot_be_written() {
    let fleet = Fleet::empty();
    let issue = ["fleet", "issue", "--count", "3", "--name-pattern", "k-{}", "--out"];
    fleet.sandbox.write("file", "");
    for wrong in [&["/proc/nope"][..], &["file/fleet"], &["fleet", "--results", "/proc/nope"]] {
        fleet.sandbox.tbpki([&issue, wrong].concat()).run().ends(1);
        fleet.sandbox.ok(["fleet", "jobs"]).prints("no jobs");
    }
    assert!(!fleet.sandbox.join("fleet").exists());
    fleet.sandbox.ok([&issue[..], &["fleet"]].concat()).prints("issued      3 of 3");
}

#[test]
fn the_advice_for_names_that_wait_is_to_go_on_with_their_job() {
    let fleet = Fleet::empty();
    fleet.sandbox.write("names.csv", "name\nk-2\n");
    killed_at_the_disk(&fleet, &["fleet", "issue", "--count", "3", "--name-pattern", "k-{}", "--out", "fleet"], 1);
    for names in [&["--count", "3", "--name-pattern", "k-{}", "--days", "5"][..], &["--from", "names.csv"]] {
        let refused = fleet.sandbox.tbpki([&["fleet", "issue", "--out", "other"], names].concat()).run().ends(1);
        let text = refused.stderr_text();
        assert!(text.contains("tbpki fleet issue --resume 1") && text.contains("tbpki fleet cancel 1"), "{refused}");
        assert!(!text.contains("--start"), "{refused}");
    }
}

#[test]
fn results_that_cannot_be_written_do_not_hide_the_report() {
    let fleet = Fleet::of(3);
    let tenant = fleet.platform.sign_in();
    tenant.device_with_certificate("pump-2", "certificate of another pump-2");
    // The default is next to the shards, where a file of another job is in the way.
    fleet.sandbox.write("fleet/job-1.csv", "of another program");
    let outcome = fleet.register(&[]).ends(4).prints("TBPKI-0261");
    assert_eq!((counts(&outcome, 0), &phase(&outcome)["failed"]), ([2, 1, 0], &json!(1)));
    assert_eq!(outcome.json()["result"]["registration"]["failures"][0]["name"], "pump-2");
    assert_eq!(fleet.sandbox.text("fleet/job-1.csv"), "of another program");
    // A directory that is named is tried before the first device.
    fleet.register(&["--results", "/proc/nope"]).ends(1);
}

#[test]
fn a_profile_of_others_gets_no_ca() {
    let fleet = Fleet::empty();
    for dry_run in [&["--dry-run"][..], &[]] {
        let create = [&["profile", "create", "default", "--name-prefix", "d-"], dry_run].concat();
        fleet.tbpki(&create).run().ends(1).prints("TBPKI-0146");
        assert!(!fleet.sandbox.join("pki/ca/profile-default").exists());
    }
}

#[test]
fn bundles_without_certificates_are_repeated_after_a_kill_at_any_rename() {
    let store = tbpki_tests::est::station();
    crate::bundles::image_parts(&store);
    let names = ["fleet", "bundle", "--count", "2", "--name-pattern", "pump-{}", "--out", "devices"];
    let args = [&names[..], FIRMWARE, &["--enroll", "https://enroll.example:9443"]].concat();
    let mut kills = 0;
    loop {
        let sandbox: Sandbox = store.copy();
        let command = sandbox.tbpki(&args).command();
        let Some(step) = run_disturbed(&command, Injection::Kill, "renameat2", kills + 1).unwrap() else { break };
        kills += 1;
        let again = sandbox.tbpki(&args).run();
        assert!(again.status == 0, "killed {step}\n{again}");
        assert!(sandbox.join("devices/bundle-000000/pump-2.bin").exists(), "killed {step}");
    }
    assert!(kills >= 3, "{kills}");
}

#[test]
fn a_dry_run_fails_where_the_run_would_and_changes_nothing() {
    let fleet = Fleet::of(2);
    fleet.image_parts();
    let bundle = [&["fleet", "bundle", "--job", "1"], FIRMWARE].concat();
    fleet.sandbox.ok(&bundle);
    let other: Vec<&str> =
        bundle.iter().map(|word| if *word == "broker.example" { "other.example" } else { *word }).collect();
    fleet.sandbox.fails([&other[..], &["--dry-run"]].concat(), 1, "TBPKI-0280");
    // A place that is named for a dry run is not recorded.
    std::fs::rename(fleet.sandbox.join("fleet"), fleet.sandbox.join("moved")).unwrap();
    let before = fleet.sandbox.text("pki/places/job-1");
    fleet.register(&["--job", "1", "--dry-run", "--out", "moved"]);
    assert_eq!(fleet.sandbox.text("pki/places/job-1"), before);
    std::fs::rename(fleet.sandbox.join("moved"), fleet.sandbox.join("fleet")).unwrap();
    let tenant = fleet.platform.sign_in();
    tenant.device_with_certificate("pump-2", "certificate of another pump-2");
    fleet.register(&["--dry-run"]).ends(4);
    assert_eq!(fleet.registered(), 0);
}

#[test]
fn expired_and_due_certificates_are_named_before_they_reach_devices() {
    let fleet = Fleet::empty();
    fleet.image_parts();
    fleet.issue(&["--count", "5", "--name-pattern", "pump-{}", "--out", "fleet", "--days", "90"]);
    let aged = |days: u32, names: &str| {
        let by = days * 86_400;
        let sql_text = format!(
            "UPDATE identity SET not_before = not_before - {by}, not_after = not_after - {by} WHERE name IN ({names})"
        );
        sql(&fleet.sandbox.join("pki/ledger.db"), &sql_text);
    };
    let bundle = [&["fleet", "bundle", "--job", "1"], FIRMWARE].concat();
    let fresh = fleet.sandbox.ok([&bundle[..], &["--dry-run"]].concat());
    assert!(!fresh.stderr_text().contains("TBPKI-0047"), "{fresh}");
    aged(80, "'pump-1'");
    aged(95, "'pump-2', 'pump-4'");
    let warned = "2 certificates have expired, and 1 more is due for renewal";
    for outcome in [fleet.sandbox.ok(&bundle), fleet.tbpki(&["fleet", "register"]).run().ok()] {
        let outcome = outcome.prints("TBPKI-0047").prints(warned).prints("pump-1, pump-2, pump-4");
        outcome.prints("tbpki fleet renew --job 1 --due");
    }
    let image = [&["bundle-firmware", "--device", "pump-2"], FIRMWARE].concat();
    for verb in [&["register", "--device", "pump-2", "--again", "--accept-clock"][..], &image] {
        // By the dates of the certificate itself, which are not those that were changed in the ledger.
        let later = Clock::starting_at(OffsetDateTime::now_utc() + Duration::days(95));
        let outcome = fleet.tbpki(verb).at(&later).run().ok();
        let outcome = outcome.prints("TBPKI-0047").prints("1 certificate has expired");
        outcome.prints("tbpki fleet renew --job 1 --due");
    }
    let image = [&["bundle-firmware", "--device", "pump-3"], FIRMWARE].concat();
    assert!(!fleet.tbpki(&image).run().ok().stderr_text().contains("expired"));
}

#[test]
fn the_name_of_another_kind_of_archive_is_refused() {
    let fleet = Fleet::empty();
    for name in ["f.tar.gz", "f.zip"] {
        let issue = ["fleet", "issue", "--count", "1", "--name-pattern", "k-{}", "--archive", name];
        fleet.sandbox.fails(issue, 2, "TBPKI-0011");
        assert!(!fleet.sandbox.join(name).exists());
    }
    fleet.sandbox.fails(
        ["fleet", "issue", "--count", "1", "--name-pattern", "k-{}", "--out", "keygen.toml"],
        1,
        "TBPKI-0084",
    );
    fleet.issue(&["--count", "1", "--name-pattern", "k-{}", "--archive", "f.tar"]);
    fleet.sandbox.fails(["fleet", "adopt", "f.tar"], 1, "TBPKI-0084").prints("f.tar.parts");
    let nothing = Fleet::empty();
    nothing.register(&[]).ends(1).prints("TBPKI-0264").prints("tbpki fleet issue");
}
