//! From a list of names to every layout.

use std::collections::BTreeMap;

use tbpki_tests::forge::sql;
use tbpki_tests::oracle::{keytool, openssl};
use tbpki_tests::{Sandbox, Snapshot};

use crate::places::staged_to_wait;
use crate::{IdentityView, assert_agree, in_shards, ledger_of};

const CSV: &str =
    "name,label,san,attr.note\npump-1,Pump,,\npump-2,,dns:pump-2.example,\n\"pump, 3\",,,\"two\nlines\"\n";

#[test]
fn a_list_of_names_becomes_shards_that_openssl_verifies() {
    let sandbox = Sandbox::with_store();
    sandbox.write("names.csv", CSV);
    sandbox.ok(["fleet", "issue", "--from", "names.csv", "--out", "fleet"]).prints("issued      3 of 3");
    let found = in_shards(&sandbox.join("fleet"));
    assert_agree(&ledger_of(&sandbox, 1), &found, &sandbox.join("pki"));
    let sans: Vec<String> = found["pump-2"].leaf.sans().iter().map(ToString::to_string).collect();
    assert!(sans.len() == 1 && sans[0].contains("pump-2.example"), "{sans:?}");
    let file = "fleet/shard-000000/pump, 3.pem";
    openssl()
        .args(["verify", "-purpose", "sslclient", "-CAfile", "pki/ca/devices-root/cert.pem", "-untrusted", file, file])
        .directory(sandbox.path())
        .run()
        .ok();
}

#[test]
fn the_same_command_again_does_nothing() {
    let sandbox = Sandbox::with_store();
    for args in [&["--out", "fleet"][..], &["--archive", "f.tar"], &["--layout", "directories"]] {
        let pattern = format!("{}-{{:04}}", args[0].trim_matches('-'));
        let issue = [&["fleet", "issue", "--count", "1200", "--name-pattern", &pattern], args].concat();
        sandbox.ok(issue.clone()).prints("1200 now");
        // The ledger's file moves its pages about, and the lock's holder is another one.
        let look = || Snapshot::of(sandbox.path()).without(|path| path.starts_with("pki/ledger.db-wal"));
        let before = look();
        let again = sandbox.ok(issue).prints("issued      1200 of 1200");
        assert!(!again.stdout_text().contains("now"), "{again}");
        assert_eq!(look().without(is_ledger), before.without(is_ledger), "{args:?}");
    }
}

pub(crate) fn is_ledger(path: &std::path::Path) -> bool {
    path.to_string_lossy().contains("ledger.db")
}

#[test]
fn directories_are_those_of_client() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["fleet", "issue", "--count", "5", "--name-pattern", "pump-{}", "--layout", "directories"]);
    let mut found = BTreeMap::new();
    for number in 1..=5 {
        let dir = format!("pki/devices/pump-{number}");
        let text = [sandbox.text(format!("{dir}/key.pem")), sandbox.text(format!("{dir}/chain.pem"))].concat();
        found.insert(format!("pump-{number}"), IdentityView::of_pem(text.as_bytes()));
        assert!(sandbox.text(format!("{dir}/chain.pem")).starts_with(&sandbox.text(format!("{dir}/cert.pem"))));
    }
    assert_agree(&ledger_of(&sandbox, 1), &found, &sandbox.join("pki"));
    // `client` finds it as its own, and the same files as for a device of its own making.
    let again = sandbox.ok(["client", "--device", "pump-3"]).prints("is up to date");
    assert!(again.stdout_text().contains("unchanged"), "{again}");
    sandbox.ok(["client", "--device", "single"]);
    let names = |device: &str| -> Vec<_> {
        let dir = format!("pki/devices/{device}/");
        let all = sandbox.files();
        all.iter().filter_map(|path| path.to_str()?.strip_prefix(&dir).map(str::to_owned)).collect()
    };
    assert_eq!(names("pump-1"), names("single"));
    sandbox.fails(["client", "--device", "pump-3", "--days", "5"], 1, "TBPKI-0095");
}

#[test]
fn a_device_comes_out_of_its_shard_when_it_is_asked_for() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["fleet", "issue", "--count", "3", "--name-pattern", "a-{}", "--out", "fleet"]);
    sandbox.ok(["fleet", "issue", "--count", "3", "--name-pattern", "b-{}", "--archive", "f.tar.zst"]);
    for device in ["a-2", "b-3"] {
        sandbox.ok(["client", "--device", device]);
        let verify = ["verify", &format!("pki/devices/{device}/chain.pem"), "--key"].map(str::to_owned);
        sandbox.ok(verify.into_iter().chain([format!("pki/devices/{device}/key.pem")]));
        sandbox.ok(["client", "--device", device]).prints("is up to date");
    }
}

#[test]
fn a_place_that_has_moved_is_found_when_it_is_named() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["fleet", "issue", "--count", "3", "--name-pattern", "a-{}", "--out", "fleet"]);
    std::fs::rename(sandbox.join("fleet"), sandbox.join("elsewhere")).unwrap();
    sandbox.fails(["client", "--device", "a-2"], 1, "TBPKI-0262");
    sandbox.ok(["fleet", "issue", "--resume", "1", "--out", "elsewhere"]);
    sandbox.ok(["client", "--device", "a-2"]);
}

#[test]
fn a_job_that_is_issued_keeps_its_place() {
    let sandbox = Sandbox::with_store();
    for (names, one, two) in
        [("a-{}", ["--out", "one"], ["--out", "two"]), ("b-{}", ["--archive", "b.tar"], ["--archive", "c.tar"])]
    {
        let issue = ["fleet", "issue", "--count", "3", "--name-pattern", names];
        sandbox.ok([&issue[..], &one].concat());
        for dry_run in [&["--dry-run"][..], &[]] {
            sandbox.fails([&issue[..], &two, dry_run].concat(), 1, "TBPKI-0262").prints(one[1]);
        }
        assert!(!sandbox.join(two[1]).exists(), "nothing was made for {names}");
        sandbox.ok([&issue[..], &one].concat()).prints("issued      3 of 3");
    }
    // The store still knows where the files are.
    sandbox.ok(["client", "--device", "a-2"]);
    sandbox.ok(["client", "--device", "b-2"]);
}

#[test]
fn keystores_are_made_after_an_estimate_and_open_with_the_kept_password() {
    let sandbox = Sandbox::with_store();
    let issue = ["fleet", "issue", "--count", "4", "--name-pattern", "k-{}", "--out", "fleet", "--format", "p12,jks"];
    sandbox.ok(issue).prints("encrypting the keystores takes about");
    let password = "pki/secrets/fleet-1.keystore-password";
    for (file, kind) in [("k-1.p12", "PKCS12"), ("k-4.jks", "JKS")] {
        let password = format!("file={}", sandbox.join(password).display());
        let said = keytool()
            .args(["-list", "-storetype", kind, "-keystore", &format!("fleet/shard-000000/{file}")])
            .args(["-storepass:file", password.trim_start_matches("file=")])
            .directory(sandbox.path())
            .run()
            .ok();
        assert!(said.stdout_text().contains("PrivateKeyEntry"), "{said}");
    }
    sandbox.fails(
        ["fleet", "issue", "--count", "4", "--name-pattern", "n-{}", "--archive", "f.tar", "--format", "p12"],
        1,
        "TBPKI-0265",
    );
}

#[test]
fn a_place_belongs_to_one_job() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["fleet", "issue", "--count", "3", "--name-pattern", "a-{}", "--out", "fleet"]);
    sandbox.fails(["fleet", "issue", "--count", "3", "--name-pattern", "b-{}", "--out", "fleet"], 1, "TBPKI-0261");
    staged_to_wait(&sandbox, 2, &["--count", "3", "--name-pattern", "b-{}", "--out", "waits"]);
    sandbox.write("full/holiday.jpg", "");
    sandbox.fails(["fleet", "issue", "--resume", "2", "--out", "full"], 1, "TBPKI-0261");
    sandbox.ok(["fleet", "issue", "--resume", "--out", "other"]).prints("job 2: 3 devices");
}

#[test]
fn a_profile_with_a_ca_issues_its_own_devices() {
    let sandbox = Sandbox::with_store();
    sandbox.write("names.csv", "name,profile\na-1,\na-2,only in the platform\n");
    sandbox.ok(["fleet", "issue", "--from", "names.csv", "--out", "fleet"]);
    let found = in_shards(&sandbox.join("fleet"));
    // Neither has a CA in the store: both are the general one's.
    assert_agree(&ledger_of(&sandbox, 1), &found, &sandbox.join("pki"));
}

#[test]
fn a_dry_run_writes_nothing() {
    let sandbox = Sandbox::with_store();
    sandbox.write("names.csv", CSV);
    let look = || Snapshot::of(sandbox.path()).without(|path| is_ledger(path) || path.ends_with(".lock"));
    let before = look();
    let issue = ["fleet", "issue", "--from", "names.csv", "--out", "fleet", "--dry-run"];
    sandbox.ok(issue).prints("dry run of a new job: 3 devices");
    assert_eq!(look(), before);
    sandbox.ok(&issue[..6]);
    sandbox.ok(issue).prints("issued      3 of 3");
}

#[test]
fn a_device_of_a_job_keeps_the_password_of_its_keystores() {
    let sandbox = Sandbox::with_store();
    let issue = [
        "fleet",
        "issue",
        "--count",
        "2",
        "--name-pattern",
        "rw-{}",
        "--layout",
        "directories",
        "--days",
        "90",
        "--format",
        "p12",
    ];
    sandbox.ok(issue);
    let of_job = sandbox.text("pki/secrets/fleet-1.keystore-password");
    sandbox.ok(["client", "--device", "rw-1"]).prints("is up to date");
    sandbox.ok(["client", "--device", "rw-1", "--format", "jks"]);
    assert_eq!(sandbox.text("pki/secrets/device-rw-1.keystore-password"), of_job);
    // A new certificate cannot be renewed yet.
    let aged =
        "UPDATE identity SET not_before = not_before - 6912000, not_after = not_after - 6912000 WHERE name = 'rw-2'";
    sql(&sandbox.join("pki/ledger.db"), aged);
    sandbox.ok(["renew", "--device", "rw-2"]);
    assert_eq!(sandbox.text("pki/secrets/device-rw-2.keystore-password"), of_job);
    for file in ["rw-1/rw-1.p12", "rw-1/rw-1.jks", "rw-2/rw-2.p12"] {
        let said = keytool()
            .args(["-list", "-keystore", &format!("pki/devices/{file}")])
            .args(["-storepass:file", "pki/secrets/fleet-1.keystore-password"])
            .directory(sandbox.path())
            .run()
            .ok();
        assert!(said.stdout_text().contains("PrivateKeyEntry"), "{said}");
    }
    sandbox.ok(["store", "check"]);
}

#[test]
fn renewals_of_a_job_are_not_offered_the_directories_of_the_store() {
    let sandbox = Sandbox::with_store();
    let help = sandbox.ok(["fleet", "renew", "--help"]).stdout_text();
    assert!(help.contains("values: shards, archive") && !help.contains("directories,"), "{help}");
    sandbox.tbpki(["fleet", "renew", "--job", "1", "--layout", "directories"]).run().ends(2).prints("shards, archive");
    sandbox.ok(["fleet", "issue", "--help"]).prints("directories, shards, archive");
}
