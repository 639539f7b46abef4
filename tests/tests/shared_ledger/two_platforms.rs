//! Stations of one ledger that are configured for two platforms.

use serde_json::Value;
use tb_sim::{CredentialsType, Settings};
use tbpki_tests::platform::Platform;
use tbpki_tests::{Outcome, Sandbox, Tool};

use super::{SHARED, station};

/// Two stations of one ledger, each with its platform.
fn stations() -> [(Platform, Sandbox); 2] {
    let cluster = &SHARED.1;
    let one = station(&cluster.url(&cluster.database()), "").make_store();
    let first = Platform::simulator_in(&one, Settings::default());
    let other = one.copy();
    [(first, one), (Platform::simulator_in(&other, Settings::default()), other)]
}

fn tbpki((platform, sandbox): &(Platform, Sandbox), args: &[&str]) -> Tool {
    platform.known_to(sandbox.tbpki(args), sandbox.join("password"))
}

fn kind((platform, _): &(Platform, Sandbox), name: &str) -> CredentialsType {
    platform.sim().unwrap().credentials(name).unwrap().kind
}

#[track_caller]
fn result(outcome: &Outcome) -> Value {
    outcome.json()["result"].clone()
}

#[test]
fn each_station_registers_at_its_platform_and_a_revocation_covers_both() {
    let [one, other] = stations();
    tbpki(&one, &["client", "pump-1", "--register"]).run().ok();
    // The files of a device are at the station that has made it.
    let files = one.1.join("pki/devices/pump-1");
    let copied = std::process::Command::new("cp").arg("-a").arg(&files).arg(other.1.join("pki/devices/")).status();
    assert!(copied.unwrap().success());
    tbpki(&other, &["register", "--device", "pump-1"]).run().ok();
    tbpki(&one, &["unregister", "pump-1"]).run().ok();
    assert_eq!(
        (kind(&one, "pump-1"), kind(&other, "pump-1")),
        (CredentialsType::AccessToken, CredentialsType::X509Certificate)
    );
    let all = result(&tbpki(&other, &["register", "--all", "--json"]).run().ok());
    assert_eq!((&all["registered"], &all["skipped"]), (&1.into(), &0.into()));
    tbpki(&one, &["register", "pump-1", "--again", "--replace"]).run().ok();

    let report = result(&tbpki(&one, &["revoke", "pump-1", "--json"]).run().ends(4));
    let url = other.0.url();
    assert_eq!(report["platforms"][0]["platform"], url, "{report}");
    assert_eq!(
        (kind(&one, "pump-1"), kind(&other, "pump-1")),
        (CredentialsType::AccessToken, CredentialsType::X509Certificate)
    );
    tbpki(&other, &["register", "--all"]).run().ok();
    tbpki(&one, &["revoke", "--open", "--platform-url", url]).run().ok();
    assert_eq!(kind(&other, "pump-1"), CredentialsType::AccessToken);
    tbpki(&other, &["revoke", "--open"]).run().ok().prints("no step is open");
}

#[test]
fn a_job_is_registered_at_both_platforms() {
    let [one, other] = stations();
    tbpki(&one, &["fleet", "issue", "--count", "3", "--name-pattern", "s-{}", "--out", "fleet"]).run().ok();
    tbpki(&one, &["fleet", "register"]).run().ok();
    let url = other.0.url();
    let register = ["fleet", "register", "--json", "--platform-url", url];
    let report = result(&tbpki(&one, &register).run().ok());
    assert_eq!((&report["phases"][0]["done"], &report["phases"][0]["now"]), (&3.into(), &3.into()), "{report}");
    for name in ["s-1", "s-2", "s-3"] {
        assert_eq!(kind(&other, name), CredentialsType::X509Certificate);
    }
    let report = result(&tbpki(&one, &["revoke", "--job", "1", "--json"]).run().ends(4));
    assert_eq!(report["platforms"][0]["open_steps"], 3, "{report}");
    tbpki(&other, &["revoke", "--open"]).run().ok();
    assert_eq!(kind(&other, "s-2"), CredentialsType::AccessToken);
}
