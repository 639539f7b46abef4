//! A station revokes a device that another station registers or renews at the same time.

use tb_sim::{CredentialsType, Fault, FaultKind, ServerKeys, Settings};
use tbpki_tests::platform::Platform;
use tbpki_tests::{Sandbox, Tool};

use super::{SHARED, station};

/// The platform, and two stations of one ledger that know it.
fn scene() -> (Platform, Sandbox, Sandbox) {
    let cluster = &SHARED.1;
    let one = station(&cluster.url(&cluster.database()), "").make_store();
    one.ok(["server", "--name", "localhost", "--only-given-names", "--out", "conf"]);
    let (certificate, key) = (one.join("conf/mqttserver.pem"), Some(one.join("conf/mqttserver_key.pem")));
    let server = Some(ServerKeys::Pem { certificate, key, key_password: String::new() });
    let platform = Platform::simulator(Settings { server, ..Settings::default() });
    one.write("password", platform.password());
    one.private("password");
    let other = one.copy();
    (platform, one, other)
}

fn tbpki(sandbox: &Sandbox, platform: &Platform, args: &[&str]) -> Tool {
    platform.known_to(sandbox.tbpki(args), sandbox.join("password"))
}

#[test]
fn a_revocation_by_another_station_wins_over_a_registration() {
    // Before the platform has done it, and after: then tbpki learns of the device only when it was revoked.
    for kind in [FaultKind::Hold, FaultKind::HoldAnswer] {
        let (platform, one, other) = scene();
        one.ok(["client", "--device", "pump-1"]);
        let sim = platform.sim().unwrap();
        sim.inject(Fault::new(kind).on("POST", "/api/device-with-credentials"));
        let mut registering = tbpki(&one, &platform, &["register", "--all"]).command().spawn().unwrap();
        sim.until_held();
        // The other station has the store to itself, so everything is done when its command ends.
        tbpki(&other, &platform, &["revoke", "--device", "pump-1"]).run().ok();
        sim.clear_faults();
        registering.wait().unwrap();
        tbpki(&other, &platform, &["revoke", "--open"]).run().ok();
        let stored = sim.credentials("pump-1").map(|credentials| credentials.kind);
        assert_ne!(stored, Some(CredentialsType::X509Certificate), "{kind:?}");
        tbpki(&one, &platform, &["register", "--device", "pump-1"]).run().ends(1).prints("TBPKI-0062");
    }
}

#[test]
fn a_revocation_by_another_station_wins_over_a_swap() {
    let (platform, one, other) = scene();
    let days = ["client", "--device", "pump-1", "--days", "90", "--register"];
    tbpki(&one, &platform, &days).run().ok();
    let cluster = &SHARED.1;
    // The device is due: 80 of its 90 days have passed.
    let url = one.text("keygen.toml");
    let database = url.split('/').nth(3).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
    // 80 days of 86,400 seconds.
    cluster.sql(&database, "UPDATE tbpki.identity SET not_before = not_before - 6912000, not_after = not_after - 6912000 WHERE name = 'pump-1'");
    let sim = platform.sim().unwrap();
    sim.inject(Fault::new(FaultKind::HoldAnswer).on("POST", "/api/device/credentials"));
    let (host, port) = platform.mqtts();
    let broker = format!("{host}:{port}");
    let renew = ["renew", "--device", "pump-1", "--register", "--broker", &broker];
    let mut renewing = tbpki(&one, &platform, &renew).command().spawn().unwrap();
    sim.until_held();
    tbpki(&other, &platform, &["revoke", "--device", "pump-1"]).run().ok();
    sim.clear_faults();
    // 4: a part was done, and what is left will be refused by the next run.
    assert_eq!(renewing.wait().unwrap().code(), Some(4));
    assert_eq!(sim.credentials("pump-1").unwrap().kind, CredentialsType::AccessToken);
    tbpki(&one, &platform, &["register", "--device", "pump-1"]).run().ends(1).prints("TBPKI-0062");
}
