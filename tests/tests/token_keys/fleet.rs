//! A fleet whose CA has its key in a token, at home and at a station, with the token taken out in the middle.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use tbpki_tests::oracle::openssl;
use tbpki_tests::softhsm::PIN;
use tbpki_tests::{Sandbox, Tool};

use crate::Station;

/// The PEM files of devices below a directory, by the devices' names.
fn devices(out: &Path) -> Vec<(String, PathBuf)> {
    let shards = std::fs::read_dir(out).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let files = shards.flat_map(|shard| std::fs::read_dir(shard).unwrap().map(|entry| entry.unwrap().path()));
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "pem"))
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), path))
        .collect()
}

/// Every hundredth device verifies below the devices' root.
#[track_caller]
fn verify(devices: &[(String, PathBuf)], home: &Sandbox) {
    // A process of openssl for each of thousands would take longer than the fleet.
    for (_, path) in devices.iter().step_by(100) {
        openssl()
            .args(["verify", "-purpose", "sslclient", "-CAfile"])
            .arg(home.join("pki/ca/devices-root/cert.pem"))
            .arg("-untrusted")
            .arg(path)
            .arg(path)
            .run()
            .ok();
    }
}

#[test]
fn a_station_issues_a_fleet_with_the_token() {
    let station = Station::with_store();
    station.ok(&["ca", "export", "devices", "--out", "kit"]);
    let other = Sandbox::new();
    Tool::new("cp").arg("-a").arg(station.sandbox.join("kit/.")).arg(other.path()).run().ok();
    // More than one shard, so that threads share the sessions of the token.
    let fleet = ["fleet", "issue", "--count", "1100", "--name-pattern", "pump-{:04}", "--out", "out"];
    let outcome = station.hsm.seen_by(other.tbpki(fleet)).env("TBPKI_CA_PIN", PIN).run().ok();
    assert!(!outcome.stderr_text().contains(PIN));
    let made = devices(&other.join("out"));
    assert_eq!(made.len(), 1100);
    verify(&made, &station.sandbox);
}

#[test]
fn a_token_taken_out_in_the_middle_of_a_fleet() {
    let station = Station::with_store();
    let out = station.sandbox.join("out");
    let fleet =
        ["fleet", "issue", "--count", "4000", "--name-pattern", "pump-{:04}", "--out", "out", "--ca-pin-file", "pin"];
    let mut command = station.tbpki(&fleet).command();
    let mut running =
        Running(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
    let begun = || out.is_dir() && std::fs::read_dir(&out).unwrap().any(|entry| entry.unwrap().path().is_dir());
    let deadline = Instant::now() + Duration::from_secs(60);
    while !begun() {
        assert!(Instant::now() < deadline, "no shard was begun");
        // A shard is over soon: the token has to go while it is in work.
        std::thread::sleep(Duration::from_millis(2));
    }
    station.hsm.remove();
    let printed = running.output();
    assert!(printed.contains("TBPKI-0287") && !printed.contains(PIN), "{printed}");
    let before: BTreeSet<String> = devices(&out).into_iter().map(|(name, _)| name).collect();
    // Otherwise the token went too late, and the test has shown nothing.
    assert!(before.len() < 4000);
    // Without the token nothing goes on, and nothing is lost.
    station.tbpki(&fleet).run().ends(1).prints("TBPKI-0287");
    station.hsm.bring_back();
    station.ok(&fleet);

    let made = devices(&out);
    let names: BTreeSet<&String> = made.iter().map(|(name, _)| name).collect();
    assert_eq!((made.len(), names.len()), (4000, 4000));
    assert!(before.iter().all(|name| names.contains(name)));
    verify(&made, &station.sandbox);
}

/// A program that is ended with the test.
struct Running(Child);

impl Running {
    /// The output, once the process has ended.
    #[track_caller]
    fn output(&mut self) -> String {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut self.0.stderr.take().unwrap(), &mut text).unwrap();
        let status = self.0.wait().unwrap();
        assert!(!status.success(), "it went on without the token");
        text
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
