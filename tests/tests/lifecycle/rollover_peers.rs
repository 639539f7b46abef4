//! Who counts for a rollover: devices without certificates, brokers with certificates of others, and those left behind.

use pki::Certificate;
use pki::pem_bundle::PemBundle;
use serde_json::Value;
use tbpki_tests::Sandbox;

use crate::scene::{Scene, json};

fn subjects(sandbox: &Sandbox, file: &str) -> Vec<String> {
    PemBundle::parse(&sandbox.read(file)).unwrap().certificates.iter().map(Certificate::subject).collect()
}

/// How many of how many have a generation, as `ca list` shows it.
fn peers(sandbox: &Sandbox, ca: &str, generation: u64) -> (u64, u64) {
    let report = json(&sandbox.ok(["ca", "list", "--json"]));
    let is_it = |row: &&Value| row["name"] == ca && row["generation"] == generation;
    let peers = report["cas"].as_array().unwrap().iter().find(is_it).unwrap()["peers"].clone();
    (peers["confirmed"].as_u64().unwrap(), peers["total"].as_u64().unwrap())
}

#[test]
fn a_device_with_an_access_token_counts_and_gets_both_roots() {
    let scene = Scene::with_our_server();
    let sandbox = &scene.sandbox;
    scene.ok(&["token", "lamp", "--create"]);
    sandbox.ok(["ca", "prepare", "server-root"]).prints("devices with other files: 1");
    let both = ["CN=tbpki server root CA", "CN=tbpki server root CA G2"];
    assert_eq!(subjects(sandbox, "pki/devices/lamp/tb-server-chain.pem"), both);
    assert_eq!(peers(sandbox, "server-root", 2), (0, 1));
    let refused = sandbox.fails(["ca", "activate", "server-root"], 1, "TBPKI-0320");
    refused.prints("1 of 1 device is not known to trust generation 2").prints("lamp");
    sandbox.fails(["ca", "confirm", "server-root", "--device", "lmap"], 1, "TBPKI-0096").prints("an access token");
    sandbox
        .ok(["ca", "confirm", "server-root", "--device", "lamp", "--dry-run"])
        .prints("1 device would be confirmed")
        .prints("0 of 1 device has it");
    assert_eq!(peers(sandbox, "server-root", 2), (0, 1));
    sandbox.ok(["ca", "confirm", "server-root", "--device", "lamp"]).prints("1 of 1 device has it");
    sandbox.ok(["ca", "activate", "server-root"]);
    sandbox.ok(["ca", "retire", "server-root"]);
    assert_eq!(subjects(sandbox, "pki/devices/lamp/tb-server-chain.pem"), both[1..]);
    // A token that was taken away needs no root.
    scene.ok(&["revoke", "--device", "lamp"]);
    sandbox.ok(["ca", "prepare", "server-root"]);
    assert_eq!(peers(sandbox, "server-root", 3), (0, 0));
}

#[test]
fn a_token_of_a_version_that_recorded_none_counts_too() {
    let sandbox = Sandbox::with_store();
    sandbox.write("pki/devices/lamp/token", "0123456789abcdef\n");
    sandbox.private("pki/devices/lamp");
    sandbox.write("pki/devices/lamp/tb-server-chain.pem", sandbox.read("pki/ca/server-root/cert.pem"));
    sandbox.ok(["ca", "prepare", "server-root"]).prints("devices with other files: 1");
    assert_eq!(subjects(&sandbox, "pki/devices/lamp/tb-server-chain.pem").len(), 2);
    sandbox.fails(["ca", "activate", "server-root"], 1, "TBPKI-0320").prints("lamp");
    sandbox.ok(["ca", "confirm", "server-root", "--all"]).prints("1 device confirmed").prints("1 of 1 device has it");
    sandbox.ok(["ca", "activate", "server-root"]);
}

#[test]
fn a_one_time_password_that_is_on_its_way_counts_until_it_ends() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["enroll", "password", "--device", "gw1", "--out", "p"]);
    sandbox.ok(["enroll", "password", "--device", "gw2", "--out", "q"]);
    sandbox.ok(["ca", "prepare", "server-root"]);
    sandbox
        .fails(["ca", "activate", "server-root"], 1, "TBPKI-0320")
        .prints("2 of 2 devices are not known")
        .prints("gw1");
    sandbox.ok(["ca", "confirm", "server-root", "--device", "gw1"]).prints("1 of 2 devices have it");
    sandbox.ok(["ca", "activate", "server-root", "--leave-behind"]).prints("left behind: gw2");
    assert_eq!(sandbox.text("pki/left-behind/server-root-2.txt"), "gw2\n");
    // A password ends with its name.
    sandbox.ok(["revoke", "--device", "gw2"]);
    assert_eq!(peers(&sandbox, "server-root", 2), (1, 1));
}

#[test]
fn a_store_without_servers_has_a_broker_all_the_same() {
    for ca in ["devices-root", "devices-issuing"] {
        let sandbox = Sandbox::with_store();
        sandbox.ok(["client", "d1"]);
        sandbox.ok(["ca", "prepare", ca]);
        assert_eq!(peers(&sandbox, ca, 2), (0, 1));
        let refused = sandbox.fails(["ca", "activate", ca], 1, "TBPKI-0320");
        refused.prints("no broker is in this ledger").prints(&format!("tbpki ca confirm {ca} --all"));
        sandbox.fails(["ca", "confirm", ca, "--server", "tb.example"], 1, "TBPKI-0096");
        sandbox.ok(["ca", "confirm", ca, "--all", "--dry-run"]).prints("0 of 1 server has it");
        sandbox.ok(["ca", "confirm", ca, "--all"]).prints("1 of 1 server has it");
        sandbox.ok(["ca", "activate", ca]);
    }
    let sandbox = Sandbox::with_store();
    let settings = sandbox.text("keygen.toml");
    let settings = settings.replace("#mqtt_host = \"broker.example\"", "mqtt_host = \"tb.example\"");
    sandbox.write("keygen.toml", settings);
    sandbox.ok(["ca", "prepare", "devices-root"]);
    sandbox.ok(["ca", "activate", "devices-root", "--leave-behind"]).prints("left behind: tb.example");
    assert_eq!(sandbox.text("pki/left-behind/devices-root-2.txt"), "tb.example\n");
    // It can have the CA later.
    assert_eq!(peers(&sandbox, "devices-root", 2), (0, 1));
    sandbox.ok(["ca", "confirm", "devices-root", "--server", "tb.example"]).prints("1 of 1 server has it");
    assert_eq!(peers(&sandbox, "devices-root", 2), (1, 1));
}

#[test]
fn a_server_that_has_expired_is_no_broker_that_confirms() {
    let clock = tbpki_tests::Clock::starting_at(time::OffsetDateTime::now_utc());
    let sandbox = Sandbox::new().at(&clock).make_store();
    sandbox.ok(["server", "--name", "localhost", "--only-given-names", "--days", "20"]);
    clock.pass(30);
    sandbox.ok(["ca", "prepare", "devices-issuing"]);
    // The statement is about the broker that counts: it has a certificate of others by now.
    let confirmed = sandbox.ok(["ca", "confirm", "devices-issuing", "--all"]);
    confirmed.prints("1 server confirmed").prints("1 of 1 server has it");
}

#[test]
fn those_that_were_left_behind_are_confirmed_later_and_retiring_names_the_others() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["client", "d1", "d2", "d3"]);
    sandbox.ok(["ca", "prepare", "server-root"]);
    sandbox.ok(["ca", "confirm", "server-root", "--device", "d1"]);
    sandbox.ok(["ca", "activate", "server-root", "--dry-run", "--leave-behind"]).prints("generation 2: would sign");
    sandbox.ok(["ca", "activate", "server-root", "--leave-behind"]);
    assert_eq!(peers(&sandbox, "server-root", 2), (1, 3));
    sandbox.ok(["ca", "list"]).prints("1 of 3 devices have generation 2");
    sandbox.ok(["ca", "confirm", "server-root", "--device", "d2"]).prints("server-root, generation 2").prints("2 of 3");
    assert_eq!(peers(&sandbox, "server-root", 2), (2, 3));
    let rollovers = json(&sandbox.ok(["report", "--out", "report.html", "--json"]))["fleet"]["rollovers"].clone();
    assert_eq!((&rollovers[0]["done"], &rollovers[0]["prepared"]), (&2.into(), &false.into()), "{rollovers}");
    sandbox.ok(["ca", "retire", "server-root", "--dry-run"]).prints("generation 2: would be the only one");
    let retired = sandbox.ok(["ca", "retire", "server-root"]);
    retired.prints("1 of 3 devices are not known to trust generation 2").prints("d3").prints("is the only one");
    sandbox.fails(["ca", "confirm", "server-root", "--device", "d3"], 1, "TBPKI-0318");
}
