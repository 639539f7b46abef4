//! A ledger on the server that is lost, and files of a station that are lost.

use std::fs;
use std::process::Stdio;

use serde_json::Value;
use tbpki_tests::Sandbox;
use tbpki_tests::platform::eventually;
use testkit::postgres::PASSWORD;

use super::{SHARED, station};

#[test]
fn a_lost_schema_is_rebuilt_by_each_station_with_its_shards() {
    let cluster = &SHARED.1;
    let database = cluster.database();
    let one = station(&cluster.url(&database), "").make_store();
    let other = one.copy();
    one.ok(["fleet", "issue", "--count", "1100", "--name-pattern", "g-{:04}", "--out", "fleet"]);
    // As if the other station had issued the last shard, in a place of its own.
    fs::create_dir(other.join("fleet")).unwrap();
    let dir = other.join("fleet").canonicalize().unwrap();
    let mut mark: Value = serde_json::from_slice(&one.read("fleet/fleet.json")).unwrap();
    mark["place"] = "0f".into();
    fs::write(dir.join("fleet.json"), serde_json::to_vec_pretty(&mark).unwrap()).unwrap();
    fs::rename(one.join("fleet/shard-000001"), dir.join("shard-000001")).unwrap();
    fs::create_dir(other.join("pki/places")).unwrap();
    fs::write(other.join("pki/places/0f"), format!("{}\n", dir.display())).unwrap();
    let host = base::host::host_name();

    cluster.sql(&database, "DROP SCHEMA tbpki CASCADE");
    let commands: [&[&str]; 4] = [&["list"], &["store", "check"], &["client", "--device", "n"], &["fleet", "jobs"]];
    for sandbox in [&one, &other] {
        for args in commands {
            sandbox.fails(args, 1, "TBPKI-0093").prints("tbpki store repair");
        }
    }
    let schemas = "SELECT count(*) FROM pg_namespace WHERE nspname = 'tbpki'";
    assert_eq!(cluster.sql(&database, schemas).trim(), "0", "no command has made a new ledger");

    // The one with the last shard first: it need not be full.
    other.ok(["store", "repair"]).prints("100 certificates, 1 job");
    one.ok(["store", "repair"]).prints("1000 certificates, 0 jobs");
    for sandbox in [&one, &other] {
        sandbox.ok(["store", "check"]);
        let jobs = sandbox.ok(["fleet", "jobs", "--json"]).json();
        let job = &jobs["result"]["jobs"][0];
        assert_eq!((&job["state"], &job["names"], &job["issued"]), (&"done".into(), &1100.into(), &1100.into()));
    }
    other.ok(["client", "--device", "g-1100"]).prints("exists");
    one.ok(["client", "--device", "g-0001"]).prints("exists");
    one.ok(["revoke", "--job", "1", "--dry-run"]).prints("1100 certificates: would be revoked");
    // Each station has recorded its own name.
    one.ok(["revoke", "--station", &host, "--dry-run"]).prints("1100 certificates: would be revoked");
}

#[test]
fn a_station_reports_its_own_files_that_are_lost() {
    let cluster = &SHARED.1;
    let one = station(&cluster.url(&cluster.database()), "").make_store();
    one.ok(["client", "--device", "pump"]);
    one.ok(["fleet", "issue", "--count", "2", "--name-pattern", "s-{}", "--out", "fleet"]);
    one.ok(["store", "check"]);
    fs::rename(one.join("pki/devices/pump"), one.join("pump")).unwrap();
    one.fails(["store", "check"], 3, "TBPKI-0332").prints("device pump");
    fs::rename(one.join("pump"), one.join("pki/devices/pump")).unwrap();
    fs::rename(one.join("fleet"), one.join("away")).unwrap();
    one.fails(["store", "check"], 3, "TBPKI-0332").prints("place");
    fs::rename(one.join("away"), one.join("fleet")).unwrap();
    one.ok(["store", "check"]);
}

/// Waits until a station has issued a shard, or has ended.
fn some_is_issued(sandbox: &Sandbox) {
    eventually("some devices", || {
        let jobs = sandbox.ok(["fleet", "jobs", "--json"]).json();
        jobs["result"]["jobs"][0]["issued"].as_u64().unwrap_or_default() > 0
    });
}

#[test]
fn a_station_reports_that_another_one_has_canceled_its_job() {
    let cluster = &SHARED.1;
    let one = station(&cluster.url(&cluster.database()), "").make_store();
    let other = one.copy();
    let args = ["fleet", "issue", "--count=20000", "--name-pattern=c-{:05}", "--out", "fleet", "--jobs", "1"];
    let mut running = one.tbpki(args).command();
    let running = running.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    some_is_issued(&other);
    other.ok(["fleet", "cancel", "1"]);
    let ended = running.wait_with_output().unwrap();
    let text = [ended.stdout, ended.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    assert_eq!(ended.status.code(), Some(4), "{text}");
    assert!(text.contains("TBPKI-0257") && !text.contains("TBPKI-0250") && !text.contains("run the same"), "{text}");
    one.ok(["store", "check"]);
}

#[test]
fn a_restored_store_knows_that_its_ledger_is_on_the_server() {
    let cluster = &SHARED.1;
    let url = cluster.url(&cluster.database());
    let sandbox = Sandbox::with_store();
    sandbox.hides(PASSWORD);
    sandbox.write("ledger-password", PASSWORD);
    sandbox.private("ledger-password");
    sandbox.ok(["client", "--device", "a"]);
    sandbox.ok(["store", "backup", "b.tar"]);
    let without = sandbox.text("keygen.toml");
    sandbox.ok(["ledger", "move", "--to", &url, "--ledger-password-file", "ledger-password"]);
    let ledger = format!("[ledger]\nurl = \"{url}\"\npassword = {{ file = \"ledger-password\" }}\n");
    sandbox.write("keygen.toml", without.replacen("[ledger]\n", &ledger, 1));
    let moved = sandbox.text("pki/ledger.moved");
    fs::rename(sandbox.join("pki"), sandbox.join("lost")).unwrap();
    sandbox.ok(["store", "restore", "b.tar"]);
    assert_eq!(sandbox.text("pki/ledger.moved"), moved);
    sandbox.ok(["client", "--device", "b"]);
    // The setting is lost as well.
    sandbox.write("keygen.toml", without);
    sandbox.fails(["client", "--device", "c"], 1, "TBPKI-0331").prints("127.0.0.1");
}

/// The certificate in use is at another station, and this one has a second one of the name.
#[test]
fn a_repair_does_not_prefer_the_second_certificate_of_this_station() {
    let cluster = &SHARED.1;
    let (first, second) = (cluster.url(&cluster.database()), cluster.url(&cluster.database()));
    let one = station(&first, "").make_store();
    let other = one.copy();
    let configured = other.text("keygen.toml");
    other.write("keygen.toml", configured.replace(&first, &second));
    one.ok(["client", "--device", "tq-3"]);
    other.ok(["client", "--device", "tq-3"]);
    let serial = |sandbox: &Sandbox| {
        let listed = sandbox.ok(["list", "--name", "tq-3", "--json"]).json();
        listed["result"]["identities"][0]["serial"].as_str().unwrap().to_owned()
    };
    let (theirs, ours) = (serial(&one), serial(&other));
    other.write("keygen.toml", configured);
    other.tbpki(["store", "repair"]).run().ends(4).prints(&format!("--use {ours}")).prints(&theirs);
    assert_eq!(serial(&one), theirs, "the one in use stays until a person decides");
    other.ok(["store", "repair", "--use", &ours]);
    assert_eq!(serial(&one), ours);
    other.ok(["store", "check"]);
}
