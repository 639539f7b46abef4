//! `fleet bundle --enroll`: bundles of names without certificates, and of jobs.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use device::Record;
use device::record::Login;
use tb_sim::Settings;
use tbpki_tests::est::{Service, request};
use tbpki_tests::leftovers::assert_private;
use tbpki_tests::platform::Platform;
use tbpki_tests::{Outcome, Sandbox, Snapshot, Tool};

use crate::bundles::FIRMWARE;

const URL: [&str; 2] = ["--enroll", "https://enroll.example:9443"];

/// The arguments of bundles of this many names.
fn keyless<'a>(count: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let names = ["fleet", "bundle", "--count", count, "--name-pattern", "pump-{:04}"];
    [&names[..], FIRMWARE, more].concat()
}

fn sandbox() -> Sandbox {
    let sandbox = tbpki_tests::est::station();
    crate::bundles::image_parts(&sandbox);
    sandbox
}

fn record(path: &Path) -> Record {
    Record::read(&fs::read(path).unwrap()[..]).unwrap()
}

#[test]
fn every_name_gets_a_password_of_its_own_that_the_service_takes() {
    let sandbox = sandbox();
    let service = Service::start(&sandbox, &[]);
    let with_url = ["--enroll", &service.url, "--out", "devices", "--json"];
    let json = sandbox.ok(keyless("1002", &with_url)).json();
    let report = &json["result"];
    assert_eq!((&report["names"], report.get("job")), (&1002.into(), None), "{json}");
    assert_eq!(report["phases"][0]["done"], 1002);
    let mut passwords = BTreeSet::new();
    for (directory, names) in [("bundle-000000", 1..=1000), ("bundle-000001", 1001..=1002)] {
        assert_eq!(fs::read_dir(sandbox.join(format!("devices/{directory}"))).unwrap().count(), names.clone().count());
        for number in names {
            let name = format!("pump-{number:04}");
            let record = record(&sandbox.join(format!("devices/{directory}/{name}.bin")));
            assert_eq!((record.device_name(), record.login()), (name.as_str(), &Login::Pending));
            passwords.insert(record.enrolment().unwrap().password.expose().to_owned());
        }
    }
    assert_eq!(passwords.len(), 1002);
    assert_private(&sandbox.join("devices/bundle-000000"), "bundling");
    for file in ["firmware/bootloader.bin", "firmware/partition-table.bin", "firmware/bundle.json", "enrolment.json"] {
        assert!(sandbox.join("devices").join(file).is_file(), "{file}");
    }

    let secret = record(&sandbox.join("devices/bundle-000001/pump-1002.bin"));
    let secret = secret.enrolment().unwrap().password.expose().to_owned();
    sandbox.hides(&secret);
    request(&sandbox, "a", "/CN=pump-1002");
    service
        .send("simpleenroll", "a.b64", &["-u", &format!("pump-1001:{secret}")])
        .is(401, "the name or the password is wrong");
    service.send("simpleenroll", "a.b64", &["-u", &format!("pump-1002:{secret}")]).save(&sandbox, "a.pem");

    // The same again changes nothing, although one device has enrolled since.
    let before = Snapshot::of(&sandbox.join("devices"));
    let again: Outcome = sandbox.ok(keyless("1002", &with_url));
    assert_eq!(again.json()["result"]["phases"][0]["now"], 0, "{again}");
    before.is_unchanged(&Snapshot::of(&sandbox.join("devices")), &again);
    // Bundles that are gone can be in devices, so that their passwords stay.
    fs::remove_dir_all(sandbox.join("devices/bundle-000000")).unwrap();
    let before = Snapshot::of(&sandbox.join("devices"));
    let refused = sandbox.fails(keyless("1002", &with_url), 1, "TBPKI-0256").prints("--again");
    before.is_unchanged(&Snapshot::of(&sandbox.join("devices")), &refused);
    // Others get new passwords on request.
    let elsewhere = ["--enroll", &service.url, "--out", "others", "--json", "--again"];
    assert_eq!(sandbox.ok(keyless("1000", &elsewhere)).json()["result"]["phases"][0]["now"], 1000);
    let new = record(&sandbox.join("others/bundle-000000/pump-0001.bin"));
    let new = new.enrolment().unwrap().password.expose().to_owned();
    assert!(!passwords.contains(&new));
    request(&sandbox, "b", "/CN=pump-0001");
    service.send("simpleenroll", "b.b64", &["-u", &format!("pump-0001:{new}")]).save(&sandbox, "b.pem");
}

#[test]
fn a_sealed_archive_has_the_only_copy_of_the_passwords() {
    let sandbox = sandbox();
    let made = Tool::new("age-keygen").arg("-o").arg(sandbox.join("age.key")).run().ok();
    let recipient = made.stderr_text().trim().rsplit_once(' ').unwrap().1.to_owned();
    let more = [URL[0], URL[1], "--archive", "devices.tar.age", "--recipient", &recipient];
    sandbox.ok(keyless("3", &more));
    let dir = sandbox.join("devices.tar.age.bundles");
    let index = fs::read_to_string(dir.join("index.csv")).unwrap();
    assert_eq!(index.lines().count(), 4, "{index}");
    let tar = sandbox.join("devices.tar");
    Tool::new("age")
        .arg("-d")
        .arg("-i")
        .arg(sandbox.join("age.key"))
        .arg("-o")
        .arg(&tar)
        .arg(dir.join("000000.tar.age"))
        .run()
        .ok();
    Tool::new("tar").directory(sandbox.path()).arg("-xf").arg(&tar).run().ok();
    let record = record(&sandbox.join("pump-0002.bin"));
    assert_eq!(record.login(), &Login::Pending);
    let secret = record.enrolment().unwrap().password.expose();
    for entry in fs::read_dir(&dir).unwrap().chain(fs::read_dir(sandbox.join("pki")).unwrap()) {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = fs::read(&path).unwrap();
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{}", path.display());
        }
    }
}

#[test]
fn names_that_cannot_enrol_are_refused_with_their_lines() {
    let sandbox = sandbox();
    sandbox.ok(["client", "--device", "pump-2"]);
    let refused = |csv: &str, more: &[&str], code: &str, words: &[&str]| {
        sandbox.write("names.csv", csv);
        let before = Snapshot::of(sandbox.path());
        let request = [&["fleet", "bundle", "--from", "names.csv", "--out", "devices"], FIRMWARE, &URL, more].concat();
        let outcome = sandbox.fails(request, 1, code);
        for words in words {
            assert!(outcome.stderr_text().contains(words), "{outcome}");
        }
        before.is_unchanged(&Snapshot::of(sandbox.path()), &outcome);
    };
    refused("name\npump-1\npump-2\n", &[], "TBPKI-0", &["names.csv:3", "the store has the device \"pump-2\" already"]);
    refused("name\npump-1\npump-1\n", &[], "TBPKI-0", &["names.csv:3", "duplicate name \"pump-1\""]);
    refused("name,label\npump-1,x\n", &[], "TBPKI-0", &["names.csv:2", "the column label is not kept"]);
    refused("name,attr.x\npump-1,x\n", &[], "TBPKI-0", &["names.csv:2", "the column attr.x is not kept"]);
    let platform = Platform::simulator_in(&sandbox, Settings::default());
    let create = sandbox.tbpki(["profile", "create", "pumps", "--pattern", "(pump-.*)", "--example", "pump-1"]);
    platform.known_to(create, "password").run().ok();
    refused("name\npump-1\nvalve\n", &["--label", "pumps"], "TBPKI-0", &["names.csv:3"]);
}

#[test]
fn a_directory_with_something_else_is_left_alone() {
    let sandbox = sandbox();
    sandbox.write("devices/mine.txt", "mine");
    let before = Snapshot::of(sandbox.path());
    let request = [&URL[..], &["--out", "devices"]].concat();
    let outcome = sandbox.fails(keyless("2", &request), 1, "TBPKI-0082");
    before.is_unchanged(&Snapshot::of(sandbox.path()), &outcome);
    fs::remove_file(sandbox.join("devices/mine.txt")).unwrap();
    sandbox.ok(keyless("2", &request));
    let before = Snapshot::of(&sandbox.join("devices"));
    let other = sandbox.fails(keyless("3", &request), 1, "TBPKI-0");
    assert!(other.stderr_text().contains("bundles of other names"), "{other}");
    let broker = keyless("2", &[&request[..], &["--port", "18883"]].concat());
    let other = sandbox.fails(broker, 1, "TBPKI-0");
    assert!(other.stderr_text().contains("made with other parameters"), "{other}");
    before.is_unchanged(&Snapshot::of(&sandbox.join("devices")), &other);
    for (more, words) in
        [(&["--out", "new"][..], "--enroll"), (&URL[..], "--out"), (&[URL[0], URL[1], "--job", "1"][..], "--job")]
    {
        let outcome = sandbox.fails(keyless("2", more), 2, "TBPKI-0011");
        assert!(outcome.stderr_text().contains(words), "{outcome}");
    }
}

#[test]
fn a_dry_run_makes_no_password_and_no_directory() {
    let sandbox = sandbox();
    let before = Snapshot::of(sandbox.path());
    let outcome = sandbox.ok(keyless("2", &[URL[0], URL[1], "--out", "devices", "--dry-run"]));
    before.is_unchanged(&Snapshot::of(sandbox.path()), &outcome);
    assert!(outcome.stdout_text().contains("2 devices"), "{outcome}");
}

#[test]
fn bundles_of_a_job_have_its_certificates_as_factory_identities() {
    let sandbox = sandbox();
    sandbox.ok(["fleet", "issue", "--count", "2", "--name-pattern", "pump-{:04}", "--out", "fleet"]);
    let bundle = |more: &[&'static str]| [&["fleet", "bundle"], FIRMWARE, &URL, more].concat();
    sandbox.fails(
        bundle(&["--recipient", "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"]),
        2,
        "TBPKI-0011",
    );
    sandbox.ok(bundle(&[]));
    let record = record(&sandbox.join("fleet/bundle-000000/pump-0001.bin"));
    assert!(record.schema() == 2 && matches!(record.login(), Login::Certificate { .. }));
    assert!(record.enrolment().unwrap().password.is_empty());
    let common = sandbox.text("fleet/firmware/bundle.json");
    assert!(common.contains("enroll.example:9443"), "{common}");
    // Without the service they are others.
    let other = sandbox.fails([&["fleet", "bundle", "--job", "1"], FIRMWARE].concat(), 1, "TBPKI-0");
    assert!(other.stderr_text().contains("made with other parameters"), "{other}");
}
