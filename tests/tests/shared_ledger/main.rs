//! Stations with stores of their own and one ledger, on a real PostgreSQL server.

mod after_rollover;
mod lost;
mod moved;
mod older_version;
mod revoked_meanwhile;
mod services;
mod three_stations;
mod two_platforms;

use std::sync::LazyLock;

use tbpki_tests::Sandbox;
use testkit::postgres::{Certificates, Cluster, PASSWORD, TLS_USER};

/// The server that the tests share. It ends with this process.
static SHARED: LazyLock<(Certificates, Cluster)> = LazyLock::new(|| {
    let certificates = Certificates::generate();
    let cluster = certificates.cluster();
    (certificates, cluster)
});

/// A station without a store whose ledger is at `url`, with more about the server.
fn station(url: &str, more: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.hides(PASSWORD);
    sandbox.write("ledger-password", PASSWORD);
    sandbox.private("ledger-password");
    let ledger = format!("ledger = {{ url = \"{url}\", password = {{ file = \"ledger-password\" }}{more} }}\n");
    sandbox.write("keygen.toml", format!("version = 1\n{ledger}"));
    sandbox
}

fn names(sandbox: &Sandbox) -> Vec<String> {
    let listed = sandbox.ok(["list", "--json", "--kind", "device"]).json();
    let identities = listed["result"]["identities"].as_array().unwrap().iter();
    identities.map(|identity| identity["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn stations_see_what_the_others_have_issued() {
    let cluster = &SHARED.1;
    let one = station(&cluster.url(&cluster.database()), "").make_store();
    let other = one.copy();
    one.ok(["client", "--device", "pump-1"]);
    other.ok(["client", "--device", "pump-2"]);
    assert_eq!(names(&one), ["pump-1", "pump-2"]);
    assert_eq!(names(&other), ["pump-1", "pump-2"]);
    // A file in the store would be used, and diverge, as soon as the setting of the server is lost.
    assert!(!one.files().iter().any(|file| file.to_string_lossy().contains("ledger.db")), "there is no second ledger");
    let shown = one.ok(["config", "show"]).stdout_text();
    assert!(shown.contains("ledger-password"), "where the password is, not what it is");
}

#[test]
fn a_station_with_another_ca_is_refused() {
    let cluster = &SHARED.1;
    let url = cluster.url(&cluster.database());
    station(&url, "").make_store().ok(["client", "--device", "pump-1"]);
    let stranger = station(&url, "");
    // Two CAs of one name in a ledger would give serial numbers and lists that fit neither.
    stranger.fails(["init", "--no-input", "--insecure-no-passphrase"], 1, "TBPKI-0098");
    stranger.fails(["client", "--device", "pump-2"], 1, "TBPKI-0098");
}

#[test]
fn over_tls_the_server_has_to_lead_to_the_root_that_is_named() {
    let (certificates, cluster) = &*SHARED;
    let database = cluster.database();
    let url = format!("postgres://{TLS_USER}@localhost:{}/{database}", cluster.port());
    let at = station(&url, ", ca = \"ca.pem\"");
    at.write("ca.pem", certificates.root_pem());
    let at = at.make_store();
    at.ok(["client", "--device", "pump-1"]);
    at.write("ca.pem", Certificates::generate().root_pem());
    at.fails(["client", "--device", "pump-2"], 1, "TBPKI-0255").prints("ledger.ca");
    // To read is refused as well: the password goes to the server before anything is read.
    at.fails(["list"], 1, "TBPKI-0255");
}

#[test]
fn what_is_wrong_with_the_server_is_told_with_what_to_do() {
    let cluster = &SHARED.1;
    let url = cluster.url(&cluster.database());
    let at = station(&url, "").make_store();
    at.write("ledger-password", "hunter2");
    at.hides("hunter2");
    at.fails(["client", "--device", "pump-1"], 1, "TBPKI-0254").prints("ledger.password");
    // A port on which no process has listened since it was free.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    at.write("keygen.toml", format!("version = 1\nledger = {{ url = \"postgres://u@127.0.0.1:{port}/fleet\" }}\n"));
    at.fails(["client", "--device", "pump-1"], 1, "TBPKI-0252").prints("run the same command again");
    for (ledger, code) in [
        ("url = \"postgres://u:hunter2@127.0.0.1/fleet\"", "TBPKI-0003"),
        // A password without TLS is allowed only to this machine.
        ("url = \"postgres://u@db.example/fleet?sslmode=disable\"", "TBPKI-0255"),
        ("password = { file = \"ledger-password\" }", "TBPKI-0003"),
    ] {
        at.write("keygen.toml", format!("version = 1\nledger = {{ {ledger} }}\n"));
        at.fails(["list"], 1, code);
    }
}

/// The advice to issue a new generation would put a device out of service that works.
#[test]
fn the_files_of_another_station_are_not_taken_for_lost() {
    let cluster = &SHARED.1;
    let database = cluster.database();
    let one = station(&cluster.url(&database), "").make_store();
    let other = one.copy();
    one.ok(["client", "--device", "pump-1"]);
    one.ok(["fleet", "issue", "--count", "2", "--name-pattern", "s-{}", "--out", "fleet"]);
    // Both stations of this test are on one machine.
    cluster.sql(&database, "UPDATE tbpki.identity SET station = 'plant-2' WHERE name = 'pump-1'");
    cluster.sql(&database, "UPDATE tbpki.attempt SET station = 'plant-3-4711-0a0b0c0d'");
    for (device, host) in [("pump-1", "plant-2"), ("s-1", "plant-3")] {
        for args in [&["client", "--device", device][..], &["check", "--device", device, "--offline"]] {
            let outcome = other.fails(args, 1, "TBPKI-0388").prints(&format!("on the station \"{host}\""));
            assert!(!outcome.stderr_text().contains("--force"), "{outcome}");
        }
    }
    // Files that this station has lost itself are another matter.
    cluster.sql(&database, "UPDATE tbpki.identity SET station = NULL WHERE name = 'pump-1'");
    other.fails(["client", "--device", "pump-1"], 1, "TBPKI-0080");
}
