//! `tbpki fleet renew`, and the phases of its jobs.

use std::fs;

use serde_json::{Value, json};
use tbpki_tests::Sandbox;
use tbpki_tests::forge::{age, sql};

use crate::scene::{IMAGE, Scene, json, write_image_files};

const LEDGER: &str = "pki/ledger.db";

/// Three devices of job 1, registered and due, of which the second is revoked.
fn issued() -> Scene {
    let scene = Scene::new();
    let issue = ["fleet", "issue", "--count", "3", "--name-pattern", "s-{}", "--out", "fleet", "--days", "90"];
    scene.ok(&issue);
    scene.ok(&["fleet", "register"]);
    for name in ["s-1", "s-2", "s-3"] {
        age(&scene.sandbox.join(LEDGER), name, 80);
    }
    scene.ok(&["revoke", "--device", "s-2"]);
    scene
}

fn rows(sandbox: &Sandbox, name: &str) -> Vec<(String, String)> {
    let rows = json(&sandbox.ok(["list", "--all", "--json", "--name", name]));
    let text = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
    rows["identities"].as_array().unwrap().iter().map(|row| (text(row, "role"), text(row, "credentials_id"))).collect()
}

fn credential(scene: &Scene, name: &str) -> String {
    scene.platform.sim().unwrap().credentials(name).unwrap().id
}

fn phase(report: &Value) -> (u64, u64, u64) {
    let phase = &report["phases"][0];
    let number = |field: &str| phase[field].as_u64().unwrap();
    (number("done"), number("failed"), number("left"))
}

#[test]
fn the_renewals_of_a_fleet_wait_until_the_devices_were_reflashed() {
    let scene = issued();
    let sandbox = &scene.sandbox;
    let renew = ["fleet", "renew", "--job", "1", "--due", "--out", "renewed"];
    let planned = scene.json(&[&renew[..], &["--dry-run"]].concat());
    assert_eq!((&planned["names"], &planned["job"]), (&json!(2), &Value::Null));
    assert!(!sandbox.join("renewed").exists());
    let outcome = scene.ok(&[&renew[..], &["--json"]].concat());
    let report = json(&outcome);
    assert_eq!((&report["job"], phase(&report)), (&json!(2), (2, 0, 0)));
    outcome.prints("1 revoked");
    assert!(sandbox.join("renewed/shard-00000").exists() || fs::read_dir(sandbox.join("renewed")).unwrap().count() > 1);

    // Nothing changes for the devices, the platform and the other commands.
    let (first, third) = (rows(sandbox, "s-1"), rows(sandbox, "s-3"));
    for (name, rows) in [("s-1", &first), ("s-3", &third)] {
        assert_eq!(rows.iter().map(|row| row.0.as_str()).collect::<Vec<_>>(), ["current", "pending"]);
        assert_eq!(credential(&scene, name), rows[0].1);
    }
    assert_eq!(rows(sandbox, "s-2").len(), 1);
    assert_eq!(scene.json(&["list", "--pending"])["identities"].as_array().unwrap().len(), 2);
    // A renewal that is not in the devices yet must not reach the platform: the devices would be locked out.
    scene.ok(&["register", "--all"]);
    assert_eq!(credential(&scene, "s-1"), first[0].1);
    // The same again has nothing to do.
    let again = scene.ok(&renew);
    again.prints("2 renewed and not in use yet");
    // A job of renewals is used only with --pending, and other jobs only without.
    for args in [&["fleet", "register", "--job", "2"][..], &["fleet", "register", "--job", "1", "--pending"]] {
        scene.tbpki(args).run().ends(2).prints("TBPKI-0011").prints("--pending");
    }
    scene
        .tbpki(&["renew", "--device", "s-1", "--register", "--broker", "localhost:1", "--pending"])
        .run()
        .ends(4)
        .prints("is of job 2");

    write_image_files(sandbox);
    let report = scene.json(&[&["fleet", "bundle", "--pending"], IMAGE].concat());
    assert_eq!(phase(&report), (2, 0, 0));

    // One of the devices has a token by now: it is left alone, and reported.
    scene.set_token("s-3", "a-token-of-another");
    let outcome = scene.tbpki(&["fleet", "register", "--pending", "--json"]).run().ends(4);
    // One is done. The other failed, and is left for the next run as well.
    assert_eq!(phase(&json(&outcome)), (1, 1, 1));
    outcome.prints("TBPKI-0137");
    assert_eq!(
        (credential(&scene, "s-1"), credential(&scene, "s-3")),
        (first[1].1.clone(), "a-token-of-another".to_owned())
    );
    assert_eq!(rows(sandbox, "s-1").into_iter().map(|row| row.0).collect::<Vec<_>>(), ["superseded", "current"]);
    assert_eq!(rows(sandbox, "s-3").into_iter().map(|row| row.0).collect::<Vec<_>>(), ["current", "pending"]);
    let report = scene.json(&["fleet", "register", "--pending", "--replace"]);
    assert_eq!(phase(&report), (2, 0, 0));
    assert_eq!(credential(&scene, "s-3"), third[1].1);

    // A year later, the same job is renewed again.
    for name in ["s-1", "s-3"] {
        age(&sandbox.join(LEDGER), name, 80);
    }
    let report = scene.json(&["fleet", "renew", "--job", "1", "--due", "--archive", "again.tar"]);
    assert_eq!((&report["job"], phase(&report)), (&json!(3), (2, 0, 0)));
    assert!(sandbox.join("again.tar").exists());
}

/// Moves the dates of all generations of the devices into the past, as if 80 days had passed.
fn age_all(sandbox: &Sandbox) {
    let moved = "SET not_before = not_before - 6912000, not_after = not_after - 6912000 WHERE kind = 'device'";
    sql(&sandbox.join(LEDGER), &format!("UPDATE identity {moved}"));
}

/// A broker such as mosquitto verifies chains: no request tells it that a renewal is in use.
#[test]
fn the_renewals_of_a_fleet_come_into_use_without_a_platform() {
    let sandbox = Sandbox::with_store();
    let roles = |name: &str| rows(&sandbox, name).into_iter().map(|row| row.0).collect::<Vec<_>>();
    sandbox.ok(["fleet", "issue", "--count", "3", "--name-pattern", "f-{}", "--out", "fleet", "--days", "90"]);
    age_all(&sandbox);
    sandbox.ok(["fleet", "renew", "--job", "1", "--due", "--out", "r1"]).prints("3 of 3");
    sandbox.ok(["fleet", "renew", "--job", "1", "--due", "--out", "r2"]).prints("3 renewed and not in use yet");
    // Its files are in a shard. The number is that of the first job, which `fleet renew` takes.
    sandbox.fails(["renew", "f-1"], 1, "TBPKI-0305").prints("`tbpki fleet renew --job 1 --out DIR`");
    // `--register` is not dropped without a word.
    let refused = sandbox.tbpki(["renew", "f-1", "--register"]).run().ends(4);
    refused.prints("TBPKI-0305").prints("tbpki register --pending f-1");
    sandbox
        .fails(["fleet", "register", "--pending", "--job", "2"], 1, "TBPKI-0120")
        .prints("register --pending --job 2");

    sandbox.ok(["register", "--pending", "f-1", "--dry-run"]);
    assert_eq!(roles("f-1"), ["current", "pending"]);
    sandbox.ok(["register", "--pending", "f-1"]);
    sandbox.fails(["renew", "f-1"], 1, "TBPKI-0305").prints("`tbpki fleet renew --job 1 --out DIR`");
    assert_eq!(roles("f-1"), ["superseded", "current"]);
    // Again: nothing changes.
    let again = json(&sandbox.ok(["register", "--pending", "f-1", "--json"]));
    assert_eq!((&again["devices"][0]["done"], &again["registered"]), (&json!("unchanged"), &json!(1)));
    // A device that the ledger has on a platform needs the platform.
    sql(&sandbox.join(LEDGER), "UPDATE identity SET registered_at = 1 WHERE name = 'f-3' AND role = 'current'");
    let report = sandbox.tbpki(["register", "--pending", "--job", "2", "--json"]).run().ends(4);
    let report = json(&report.prints("TBPKI-0120"));
    assert_eq!((&report["registered"], &report["failed"]), (&json!(1), &json!(1)));
    assert_eq!((roles("f-2"), roles("f-3")), (strings(&["superseded", "current"]), strings(&["current", "pending"])));
    sandbox.fails(["register", "--pending", "f-3"], 1, "TBPKI-0120").prints("registered with a platform");

    // Renewals that were never used are due by now, too, and do not end the life of the fleet.
    age_all(&sandbox);
    sandbox.ok(["fleet", "renew", "--job", "1", "--due", "--out", "r2"]).prints("3 of 3");
    assert_eq!(roles("f-2"), ["superseded", "current", "pending"]);
    assert_eq!(roles("f-3"), ["current", "superseded", "pending"]);
    sandbox.ok(["fleet", "renew", "--job", "1", "--due", "--out", "r3"]).prints("3 renewed and not in use yet");
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn what_a_fleet_cannot_be_renewed_by_is_refused() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["fleet", "issue", "--count", "1", "--name-pattern", "s-{}", "--out", "fleet"]);
    sandbox.fails(["fleet", "renew", "--job", "7", "--out", "renewed"], 1, "TBPKI-0293");
    sandbox.fails(["fleet", "renew", "--job", "1"], 2, "TBPKI-0011");
    sandbox.fails(["fleet", "renew", "--job", "1", "--layout", "directories"], 2, "TBPKI-0011");
    sandbox.fails(["fleet", "renew", "--out", "renewed"], 2, "TBPKI-0011");
    // Too new: a renewal would gain nothing.
    let outcome = sandbox.ok(["fleet", "renew", "--job", "1", "--out", "renewed"]);
    assert!(!outcome.stderr_text().contains("not due"), "no rule was given: {outcome}");
    let outcome = outcome.prints("1 with a renewal that would end less than a quarter of its lifetime after");
    // The directory is not made, so that it is not named either.
    assert_eq!(outcome.stdout_text(), "no new job: no device is renewed\n");
    sandbox.ok(["fleet", "renew", "--job", "1", "--due", "--out", "renewed"]).prints("1 not due");
    assert!(!sandbox.join("renewed").exists());
}

#[test]
fn a_fleet_is_renewed_below_the_next_generation_of_its_ca() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["fleet", "issue", "--count", "2", "--name-pattern", "s-{}", "--out", "fleet"]);
    sandbox.ok(["ca", "prepare", "devices-issuing"]);
    sandbox.ok(["ca", "confirm", "devices-issuing", "--all"]);
    sandbox.ok(["ca", "activate", "devices-issuing"]);
    // The present certificates are new, and the earlier CA can go only when none of them is in use.
    sandbox.fails(["ca", "retire", "devices-issuing"], 1, "TBPKI-0319");
    let report = json(&sandbox.ok(["fleet", "renew", "--job", "1", "--out", "renewed", "--json"]));
    assert_eq!((&report["job"], phase(&report)), (&json!(2), (2, 0, 0)));
    for name in ["s-1", "s-2"] {
        assert_eq!(rows(&sandbox, name).iter().map(|row| row.0.as_str()).collect::<Vec<_>>(), ["current", "pending"]);
    }
    sandbox
        .fails(["ca", "retire", "devices-issuing"], 1, "2 certificates in use depend on generation 1")
        .prints("2 renewals are pending")
        .prints("tbpki register --pending --job N");
    sandbox.ok(["register", "--pending", "--job", "2"]);
    sandbox.ok(["ca", "retire", "devices-issuing"]);
}

#[test]
fn a_device_that_was_taken_out_follows_the_renewal_of_its_fleet() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["fleet", "issue", "--count", "2", "--name-pattern", "ff-{}", "--out", "devs", "--days", "90"]);
    sandbox.ok(["client", "ff-2"]);
    let serial = rows_with(&sandbox, "ff-2", "serial").remove(0);
    for name in ["ff-1", "ff-2"] {
        age(&sandbox.join(LEDGER), name, 80);
    }
    sandbox.ok(["fleet", "renew", "--job", "1", "--due", "--out", "renewed"]);
    sandbox.ok(["check", "--device", "ff-2", "--offline"]);
    sandbox.ok(["register", "--pending", "--job", "2"]);
    // Images of the renewals can be made also once they are in use, with the option that the refusal names.
    write_image_files(&sandbox);
    sandbox.fails([&["fleet", "bundle", "--job", "2"][..], IMAGE].concat(), 2, "TBPKI-0011").prints("use --pending");
    let bundled = sandbox.ok([&["fleet", "bundle", "--job", "2", "--pending", "--json"][..], IMAGE].concat());
    assert_eq!(phase(&json(&bundled)), (2, 0, 0));
    // The files in the store are of the generation before, which shows without a connection.
    let check = ["check", "--device", "ff-2", "--offline"];
    sandbox.fails(check, 3, "TBPKI-0098").prints("tbpki client --device ff-2");
    sandbox.tbpki(["store", "check"]).run().ends(3).prints("`tbpki client ff-2` brings the present files");
    sandbox.ok(["client", "ff-2", "--dry-run"]).prints("key.pem");
    sandbox.fails(check, 3, "TBPKI-0098");
    sandbox.ok(["client", "ff-2"]).prints("key.pem");
    sandbox.ok(check);
    sandbox.ok(["store", "check"]);
    // No further generation is issued, and the earlier files are kept.
    assert_eq!(rows_with(&sandbox, "ff-2", "role"), ["superseded", "current"]);
    for file in ["key.pem", "cert.pem", "chain.pem"] {
        assert!(sandbox.join(format!("pki/devices/ff-2/{file}.{serial}")).exists(), "{file}");
    }
    // Removed one by one, they come back from the shard.
    fs::remove_file(sandbox.join("pki/devices/ff-2/key.pem")).unwrap();
    sandbox.ok(["client", "ff-2"]);
    sandbox.ok(check);
}

#[test]
fn other_files_in_the_directory_of_a_device_do_not_hide_its_identity_in_a_shard() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["fleet", "issue", "--count", "2", "--name-pattern", "q-{}", "--out", "devs"]);
    write_image_files(&sandbox);
    sandbox.ok([&["bundle-firmware", "--device", "q-1"][..], IMAGE].concat());
    assert!(sandbox.join("pki/devices/q-1").is_dir());
    sandbox.fails(["check", "--device", "q-1", "--offline"], 1, "TBPKI-0118").prints("tbpki client --device q-1");
    sandbox.ok(["client", "--device", "q-1"]);
    sandbox.ok(["check", "--device", "q-1", "--offline"]);
    assert_eq!(rows_with(&sandbox, "q-1", "role"), ["current"]);
}

#[test]
fn the_devices_of_a_fleet_are_one_line_of_a_renewal_of_all() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["fleet", "issue", "--count", "5", "--name-pattern", "s-{}", "--out", "fleet", "--days", "90"]);
    for number in 1..=5 {
        age(&sandbox.join(LEDGER), &format!("s-{number}"), 80);
    }
    let outcome = sandbox.tbpki(["renew", "--all", "--due"]).run().ends(4);
    let warnings = outcome.stderr_text().matches("TBPKI-").count();
    assert_eq!(warnings, 1, "{outcome}");
    outcome
        .prints("5 devices cannot be renewed: \"s-1\", \"s-2\", \"s-3\", and 2 more")
        .prints("tbpki fleet renew --job 1 --out DIR");
    // Programs have each of them.
    let report = json(&sandbox.tbpki(["renew", "--all", "--due", "--json"]).run().ends(4));
    assert_eq!(report["left"].as_array().unwrap().len(), 5);
}

/// A field of the generations of a device.
fn rows_with(sandbox: &Sandbox, name: &str, field: &str) -> Vec<String> {
    let rows = json(&sandbox.ok(["list", "--all", "--json", "--name", name]));
    rows["identities"].as_array().unwrap().iter().map(|row| row[field].as_str().unwrap().to_owned()).collect()
}
