//! `tbpki fleet run`: issued, registered and bundled in one go, and gone on with wherever it was ended.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::Duration;

use devkit::chip::Chip;
use serde_json::Value;
use tbpki_tests::leftovers::assert_private;
use tbpki_tests::platform::eventually;
use tbpki_tests::{Outcome, Tool};

use crate::Fleet;
use testkit::application::Sample;

const FIRMWARE: &[&str] =
    &["--chip=esp32c3", "--app=app.elf", "--broker=broker.example", "--wifi-ssid=x", "--wifi-password-file=wifi"];

/// A store without devices, and all that a run needs.
pub(crate) fn ready() -> Fleet {
    let fleet = Fleet::empty();
    fleet.sandbox.write("app.elf", Sample::new(Chip::Esp32C3.name()).elf());
    let password = fleet.sandbox.write("wifi", "a wireless password\n");
    fs::set_permissions(password, fs::Permissions::from_mode(0o600)).unwrap();
    fleet.sandbox.hides("a wireless password");
    fleet
}

pub(crate) fn args<'a>(count: &'a str, layout: &[&'a str]) -> Vec<&'a str> {
    let names = ["fleet", "run", "--json", "--count", count, "--name-pattern", "pump-{:05}"];
    [&names, layout, FIRMWARE].concat()
}

/// Which phase is how far: its name, how many devices are done, and how many this run has done.
fn phases(outcome: &Outcome) -> Vec<(String, u64, u64)> {
    let json = outcome.json();
    let phases = json["result"]["phases"].as_array().unwrap().clone();
    let number = |phase: &Value, field: &str| phase[field].as_u64().unwrap();
    phases
        .iter()
        .map(|phase| (phase["phase"].as_str().unwrap().to_owned(), number(phase, "done"), number(phase, "now")))
        .collect()
}

/// Stops the test unless each device has one identity, one credential and one bundle.
#[track_caller]
pub(crate) fn assert_all(fleet: &Fleet, count: usize) {
    let ours = fleet.devices();
    let mut theirs = fleet.sim().devices();
    theirs.sort();
    theirs.dedup();
    assert_eq!((ours.len(), theirs.len()), (count, count));
    for device in ours {
        let name = device["name"].as_str().unwrap();
        assert_eq!((&device["state"], device.get("last_error")), (&"bundled".into(), None), "{name}");
        assert_eq!(fleet.sim().credentials(name).unwrap().id, device["credentials_id"].as_str().unwrap(), "{name}");
    }
}

#[test]
fn one_command_does_all_and_once_more_nothing() {
    let fleet = ready();
    let run = args("1200", &["--out", "fleet"]);
    let first = fleet.tbpki(&run).run().ok();
    let all = ["issue", "register", "bundle"].map(|phase| (phase.to_owned(), 1200, 1200));
    assert_eq!(phases(&first), all);
    assert_all(&fleet, 1200);
    for file in ["shard-000001/pump-01200.pem", "bundle-000001/pump-01200.bin", "firmware/bundle.json"] {
        assert!(fleet.sandbox.join("fleet").join(file).is_file(), "{file}");
    }
    assert_private(&fleet.sandbox.join("fleet"), "a run");
    fleet.sim().forget_requests();
    let again = fleet.tbpki(&run).run().ok();
    assert_eq!(phases(&again), all.map(|(phase, done, _)| (phase, done, 0)));
    assert!(fleet.sim().requests().iter().all(|request| request.path.contains("/auth/")));
}

#[test]
fn a_resumed_run_needs_no_flag_of_the_run_before() {
    let fleet = ready();
    fleet.tbpki(&args("3", &["--out", "fleet"])).run().ok();
    let bundles = fleet.sandbox.join("fleet/bundle-000000");
    fs::remove_dir_all(&bundles).unwrap();
    let resume = |more: &[&str]| fleet.tbpki(&[&["fleet", "run", "--resume", "1", "--json"], more].concat()).run();
    // A flag that is given has priority: the application is for another chip.
    resume(&["--chip=esp32c6"]).ends(1);
    let done = |name: &str, now: u64| (name.to_owned(), 3, now);
    assert_eq!(phases(&resume(&[]).ok()), [done("issue", 0), done("register", 0), done("bundle", 3)]);
    assert!(bundles.is_dir());
    assert_private(&fleet.sandbox.join("pki"), "a resumed run");
}

/// A run and its dry run fail alike, with this code if it is not 0, and no name is reserved.
#[track_caller]
fn fails_before_staging(fleet: &Fleet, run: &[&str], code: u16) {
    let dry = fleet.tbpki(&[run, &["--dry-run"]].concat()).run().ends(1);
    let real = fleet.tbpki(run).run().ends(1);
    let of = |outcome: &Outcome| outcome.json()["error"]["code"].as_str().unwrap().to_owned();
    assert_eq!(of(&dry), of(&real), "{run:?}");
    if code > 0 {
        assert_eq!(of(&real), format!("TBPKI-{code:04}"), "{real}");
    }
    let jobs = fleet.tbpki(&["fleet", "jobs", "--json"]).run().ok();
    assert_eq!(jobs.json()["result"]["jobs"].as_array().map(Vec::len), Some(0), "{run:?}: {jobs}");
}

#[test]
fn what_the_platform_or_the_firmware_lacks_is_found_before_the_first_key() {
    let fleet = ready();
    let run = args("10", &["--out", "fleet"]);
    fleet.password("not the password");
    fails_before_staging(&fleet, &run, 126);
    fleet.password(crate::PASSWORD);
    fleet.sandbox.write("names.csv", "name,profile\npump-1,\npump-2,Pmups\n");
    let misspelled = ["fleet", "run", "--json", "--from", "names.csv", "--out=fleet", "--no-bundle"];
    fails_before_staging(&fleet, &misspelled, 134);
    fleet.sandbox.write("taken/notes.txt", "not a shard");
    fails_before_staging(&fleet, &args("10", &["--out", "taken"]), 261);
    fs::rename(fleet.sandbox.join("app.elf"), fleet.sandbox.join("elsewhere")).unwrap();
    fails_before_staging(&fleet, &run, 0);
    assert!(fleet.devices().is_empty() && fleet.sim().devices().is_empty());
    // Without bundles there is no need of it.
    let plain =
        ["fleet", "run", "--json", "--count", "10", "--name-pattern", "pump-{:05}", "--out=fleet", "--no-bundle"];
    let outcome = fleet.tbpki(&plain).run().ok();
    assert_eq!(phases(&outcome).len(), 2);
    fleet.is_registered(10);
}

#[test]
fn killed_at_any_moment_every_device_has_one_identity_one_credential_and_one_bundle() {
    let fleet = ready();
    fleet.sim().set_latency(Duration::from_millis(1));
    let run = args("2400", &["--out", "fleet"]);
    for round in 0..8 {
        let mut command = fleet.tbpki(&run).command();
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Longer in each round, so that the kills hit all three phases.
        std::thread::sleep(Duration::from_millis(150 + 370 * round));
        // One that has ended already cannot be killed.
        drop(child.kill());
        child.wait().unwrap();
        assert_private(&fleet.sandbox.join("pki"), format!("kill {round}"));
        if fleet.sandbox.join("fleet").exists() {
            assert_private(&fleet.sandbox.join("fleet"), format!("kill {round}"));
        }
    }
    fleet.tbpki(&run).run().ok();
    assert_all(&fleet, 2400);
    for name in fleet.sim().devices() {
        assert_eq!(fleet.sim().credentials(&name).unwrap().version, 1, "{name}");
    }
    // Named by the attempts that count, of which there may have been several.
    let bundles: Vec<_> = fleet.sandbox.files().into_iter().filter(|path| path.starts_with("fleet")).collect();
    let of = |kind: &str| {
        bundles.iter().filter(|path| path.to_string_lossy().starts_with(&format!("fleet/{kind}-"))).count()
    };
    assert_eq!((of("shard"), of("bundle")), (2400, 2400));
}

#[test]
fn a_sealed_fleet_has_sealed_bundles_and_no_key_is_left_here() {
    let fleet = ready();
    let sandbox = &fleet.sandbox;
    let keygen = Tool::new("age-keygen").args(["-o", "factory.key"]).directory(sandbox.path()).run().ok();
    let said = format!("{}{}", keygen.stdout_text(), keygen.stderr_text());
    let recipient = said.split_whitespace().find(|word| word.starts_with("age1")).unwrap().to_owned();
    let run = args("1100", &["--archive", "f.tar.zst.age", "--recipient", &recipient]);
    // Ended once the first shards are there.
    let mut command = fleet.tbpki(&run).command();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    eventually("a part", || sandbox.join("f.tar.zst.age.parts/000000.tar.zst.age").exists());
    drop(child.kill());
    child.wait().unwrap();

    let outcome = fleet.tbpki(&run).run().ok();
    assert_eq!(phases(&outcome).iter().map(|(_, done, _)| *done).collect::<Vec<_>>(), [1100; 3]);
    assert_all(&fleet, 1100);
    let mut bundles = 0;
    for part in fs::read_dir(sandbox.join("f.tar.zst.age.bundles")).unwrap() {
        let path = part.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "age") {
            continue;
        }
        let age = Tool::new("age").args(["-d", "-i", "factory.key", "-o", "opened.tar.zst"]).arg(&path);
        age.directory(sandbox.path()).run().ok();
        let names = Tool::new("tar").args(["-tf", "opened.tar.zst"]).directory(sandbox.path()).run().ok();
        bundles += names.stdout_text().lines().filter(|name| name.ends_with(".bin")).count();
        fs::remove_file(sandbox.join("opened.tar.zst")).unwrap();
    }
    assert_eq!(bundles, 1100);
    for path in sandbox.files().iter().filter(|path| path.starts_with("f.tar")) {
        let bytes = sandbox.read(path);
        assert!(!bytes.windows(11).any(|window| window == b"PRIVATE KEY"), "{}", path.display());
    }
    // Shards that were issued without bundles never get them, and the error has the reason.
    let late = ["fleet", "bundle", "--job", "1"];
    fleet.tbpki(&[&late, FIRMWARE].concat()).run().ends(1).prints("TBPKI-0266");
}
