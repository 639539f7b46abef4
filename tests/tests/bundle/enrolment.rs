//! Images of devices that fetch their certificates.

use device::Record;
use device::record::Login;
use devkit::partition::{FlashStart, PartitionTable};
use tb_sim::Settings;
use tbpki_tests::platform::Platform;
use tbpki_tests::{Sandbox, Snapshot, Tool};

use crate::{args, bundled, sandbox};

const URL: [&str; 2] = ["--enroll", "https://enroll.example:9443"];

fn enrolling<'a>(more: &[&'a str]) -> Vec<&'a str> {
    args("esp32c3", "esp32c3.elf", &[&URL, more].concat())
}

fn record(sandbox: &Sandbox, path: &str) -> Record {
    Record::read(&sandbox.read(path)[..]).unwrap()
}

fn password(record: &Record) -> String {
    record.enrolment().unwrap().password.expose().to_owned()
}

/// True if one of the ledger's files contains a text.
fn ledger_contains(sandbox: &Sandbox, text: &str) -> bool {
    let contains = |bytes: Vec<u8>| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    ["pki/ledger.db", "pki/ledger.db-wal"].iter().any(|file| std::fs::read(sandbox.join(file)).is_ok_and(contains))
}

#[test]
fn a_device_without_a_certificate_gets_a_password_and_a_place_for_its_identities() {
    let sandbox = sandbox();
    let json = sandbox.ok(enrolling(&["--device", "valve", "--manifest", "--out", "out", "--json"])).json();
    let service = &json["result"]["enrolment"];
    assert_eq!((&service["host"], &service["port"]), (&"enroll.example".into(), &9443.into()), "{json}");
    let expires = json["result"]["devices"][0]["password_expires"].as_str().unwrap();
    assert_eq!(expires, service["passwords_expire"], "{json}");

    let record = record(&sandbox, "out/valve/credentials.bin");
    assert_eq!((record.schema(), record.login()), (2, &Login::Pending));
    let enrolment = record.enrolment().unwrap();
    assert_eq!((enrolment.host.as_str(), enrolment.port, enrolment.renew_days), ("enroll.example", 9443, 0));
    // The devices trust the root of this store's servers anyway.
    assert_eq!((enrolment.label.as_str(), enrolment.anchors.as_str()), ("", "\0"));
    let password = password(&record);
    sandbox.hides(&password);
    assert_eq!(password.len(), 32);
    assert!(!ledger_contains(&sandbox, &password), "the ledger has the password itself");

    let flash = sandbox.read("out/valve/flash.bin");
    let start = FlashStart::of(devkit::chip::Chip::Esp32C3);
    let table = PartitionTable::from_binary(&flash[0x8000..0x9000], start).unwrap();
    let slots = table.identity_slots().unwrap();
    assert_eq!((slots.name.as_str(), slots.offset, slots.size), ("identity", 0x3F_0000, 0x1_0000));
    assert_eq!(table.app().unwrap().end(), 0x3F_0000);
    // No part, argument or manifest reaches the slots.
    assert!(flash.len() <= 0x3F_0000);
    let parts = json["result"]["parts"].as_array().unwrap();
    let end = |part: &serde_json::Value| part["offset"].as_u64().unwrap() + part["bytes"].as_u64().unwrap();
    assert!(parts.iter().all(|part| end(part) <= 0x3F_0000), "{json}");
    for file in ["flash_args", "flasher_args.json", "manifest.json"] {
        let text = sandbox.text(format!("out/valve/{file}"));
        assert!(!text.contains("3f0000") && !text.contains("4128768") && !text.contains("identity"), "{text}");
    }
    assert!(!flash.windows(11).any(|bytes| bytes == b"PRIVATE KEY"), "there is no key");
    let warned = sandbox.ok(enrolling(&["--device", "valve", "--out", "out", "--manifest"]));
    assert!(!warned.stderr_text().contains("not registered"), "its confirmation registers it: {warned}");
}

#[test]
fn the_same_again_keeps_the_password_and_a_replaced_one_is_not_taken_back() {
    let sandbox = sandbox();
    let request = enrolling(&["--device", "valve", "--out", "out"]);
    sandbox.ok(request.clone());
    let first = password(&record(&sandbox, "out/valve/credentials.bin"));
    let again = sandbox.ok(request.iter().copied().chain(["--json"])).json();
    assert_eq!(again["result"]["devices"][0]["done"], "unchanged");
    assert!(again["result"]["devices"][0]["password_expires"].is_string(), "{again}");
    assert_eq!(password(&record(&sandbox, "out/valve/credentials.bin")), first);

    // Another password is valid now: the image needs a new one, which is another file.
    sandbox.ok(["enroll", "password", "--device", "valve", "--out", "valve.password"]);
    let before = Snapshot::of(&sandbox.join("out"));
    let refused = sandbox.fails(request.clone(), 1, "TBPKI-0082");
    before.is_unchanged(&Snapshot::of(&sandbox.join("out")), &refused);
    // The refused command has not replaced the password in the ledger.
    let replaced = sandbox.ok(["enroll", "password", "--device", "valve", "--out", "again.password"]);
    assert!(replaced.stderr_text().contains("the earlier password of this device is no longer valid"), "{replaced}");
    sandbox.ok(request.iter().copied().chain(["--force"]));
    assert_ne!(password(&record(&sandbox, "out/valve/credentials.bin")), first);
}

#[test]
fn a_dry_run_makes_no_password() {
    let sandbox = sandbox();
    let before = Snapshot::of(sandbox.path());
    let outcome = sandbox.ok(enrolling(&["--device", "valve", "--dry-run"])).prints("planned");
    before.is_unchanged(&Snapshot::of(sandbox.path()), &outcome);
    let made = sandbox.ok(["enroll", "password", "--device", "valve", "--out", "valve.password"]);
    assert!(!made.stderr_text().contains("no longer valid"), "{made}");
}

#[test]
fn a_device_with_an_identity_gets_it_as_the_factory_identity() {
    let sandbox = sandbox();
    sandbox.write(
        "keygen.toml",
        "version = 1\n[renewal]\nbefore = 30\n[server]\nanchors = { file = \"broker-ca.pem\" }\n",
    );
    let broker = std::fs::read(tbpki_tests::binary::workspace().join("crates/tb-sim/tests/data/isrg-root-x1.pem"));
    sandbox.write("broker-ca.pem", broker.unwrap());
    sandbox.ok(["client", "--device", "valve"]);
    sandbox.ok(enrolling(&["--device", "valve", "--out", "out"]));
    let record = record(&sandbox, "out/valve/credentials.bin");
    let Login::Certificate { chain, .. } = record.login() else { panic!("a certificate was to be used") };
    assert_eq!(chain.trim_end_matches('\0'), sandbox.text("pki/devices/valve/chain.pem"));
    let enrolment = record.enrolment().unwrap();
    assert!(enrolment.password.is_empty() && enrolment.renew_days == 30);
    // The broker is of others, and the service is ours.
    let root = sandbox.text("pki/ca/server-root/cert.pem");
    assert_eq!(enrolment.anchors.trim_end_matches('\0').trim(), root.trim());
    assert_ne!(record.ca_chain(), enrolment.anchors);
    let again = sandbox.ok(enrolling(&["--device", "valve", "--out", "out", "--json"])).json();
    assert_eq!(again["result"]["devices"][0]["done"], "unchanged");
    assert!(again["result"]["devices"][0].get("password_expires").is_none(), "{again}");
    // A new certificate is another owner of the slots.
    let salt = enrolment.salt;
    sandbox.ok(["client", "--device", "valve", "--force"]);
    sandbox.ok(enrolling(&["--device", "valve", "--out", "out", "--force"]));
    let record = self::record(&sandbox, "out/valve/credentials.bin");
    assert_ne!(record.enrolment().unwrap().salt, salt);
}

#[test]
fn what_cannot_enrol_is_refused_and_nothing_is_written() {
    let sandbox = sandbox();
    let password = ["enroll", "password", "--device", "valve", "--out", "valve.password"];
    let refused = |more: &[&str], status: i32, code: &str, words: &str| {
        let before = Snapshot::of(sandbox.path());
        let request = args("esp32c3", "esp32c3.elf", &[more, &["--device", "valve"]].concat());
        let refused = sandbox.fails(request, status, code);
        assert!(refused.stderr_text().contains(words), "{refused}");
        before.is_unchanged(&Snapshot::of(sandbox.path()), &refused);
    };
    refused(&["--enroll", "http://enroll.example"], 2, "TBPKI-0359", "does not begin with https://");
    refused(&["--enroll", "https://enroll.example/est"], 2, "TBPKI-0359", "contains a path");
    refused(&["--enroll", "https://enroll.example:0"], 2, "TBPKI-0359", "has an invalid port");
    refused(&[URL[0], URL[1], "--auth", "token"], 2, "TBPKI-0011", "do not fetch certificates");
    refused(&[URL[0], URL[1], "--label", "pumps"], 2, "TBPKI-0147", "no issuing CA for the profile");
    refused(&[URL[0], URL[1], "--esp-secure-cert"], 2, "TBPKI-0011", "nothing for esp_secure_cert");
    refused(&["--label", "pumps"], 2, "TBPKI-0011", "--enroll");
    sandbox.write("nvs-only.csv", "nvs,data,nvs,,24K\nfactory,app,factory,,1M\n");
    refused(&[URL[0], URL[1], "--partitions", "nvs-only.csv"], 1, "TBPKI-0202", "identity, data, undefined, , 64K");
    sandbox.write("flagged.csv", "nvs,data,nvs,,24K\nfactory,app,factory,,1M\nids,data,undefined,,64K,readonly\n");
    refused(&[URL[0], URL[1], "--partitions", "flagged.csv"], 1, "TBPKI-0202", "encrypted and readonly");
    // The firmware of an earlier version would not understand the record.
    let mut sample = testkit::application::Sample::new("esp32c3");
    sample.rodata = b"tbpki:dates checked".to_vec();
    sandbox.write("ours.elf", sample.elf());
    let before = Snapshot::of(sandbox.path());
    let outcome =
        sandbox.fails(args("esp32c3", "ours.elf", &[&URL[..], &["--device", "valve"]].concat()), 1, "TBPKI-0363");
    before.is_unchanged(&Snapshot::of(sandbox.path()), &outcome);
    sandbox.write("keygen.toml", "version = 1\n[firmware]\nntp_server = \"\"\n");
    refused(&URL, 2, "TBPKI-0360", "need a time server");
    let made = sandbox.ok(password);
    assert!(!made.stderr_text().contains("no longer valid"), "no refused command has made a password: {made}");
}

#[test]
fn a_table_of_the_user_has_the_place_for_identities() {
    let sandbox = sandbox();
    sandbox.write("own.csv", "nvs,data,nvs,,24K\nfactory,app,factory,,1M\nids,data,undefined,,64K\n");
    sandbox.ok(enrolling(&["--device", "valve", "--partitions", "own.csv", "--out", "out"]));
    let flash = sandbox.read("out/valve/flash.bin");
    assert!(flash.len() <= 0x11_0000, "the image ends before the slots");
    assert_eq!(Record::read(&flash[0x9000..0xF000]).unwrap().schema(), 2);
}

#[test]
fn the_firmware_that_enrols_is_taken() {
    let sandbox = sandbox();
    let mut sample = testkit::application::Sample::new("esp32c3");
    sample.rodata = b"tbpki:dates checked tbpki:enrolls".to_vec();
    sandbox.write("ours.elf", sample.elf());
    sandbox.ok(args("esp32c3", "ours.elf", &[&URL[..], &["--device", "valve", "--out", "out"]].concat()));
    assert_eq!(record(&sandbox, "out/valve/credentials.bin").schema(), 2);
}

#[test]
fn the_label_is_the_profile_and_its_factory_certificates_are_short() {
    let sandbox = sandbox();
    let platform = Platform::simulator_in(&sandbox, Settings::default());
    let create = sandbox.tbpki(["profile", "create", "pumps", "--pattern", "(pump-.*)", "--example", "pump-1"]);
    platform.known_to(create, "password").run().ok();
    sandbox.ok(["client", "--device", "pump-7", "--profile", "pumps", "--days", "398"]);
    sandbox.ok(["client", "--device", "pump-8", "--profile", "pumps", "--days", "397"]);
    let with = |device: &'static str, more: &[&'static str]| {
        enrolling(&[&["--device", device, "--out", "out", "--force"], more].concat())
    };
    let label = ["--label", "pumps"];
    let refused = sandbox.fails(with("pump-7", &label), 1, "TBPKI-0361");
    assert!(refused.stderr_text().contains("valid for 398 days"), "{refused}");
    sandbox.ok(with("pump-7", &["--label", "pumps", "--accept-long-certificates"]));
    sandbox.ok(with("pump-8", &label));
    assert_eq!(record(&sandbox, "out/pump-8/credentials.bin").enrolment().unwrap().label, "pumps");
    sandbox.fails(with("pump-8", &[]), 1, "TBPKI-0362").prints("use --label pumps");
    // A certificate that no profile's CA issued lives as long as it likes, and has no label.
    sandbox.fails(with("pump-1", &label), 1, "TBPKI-0362").prints("leave out --label");
    sandbox.ok(with("pump-1", &[]));
    // Names that the profile does not provision have no password.
    sandbox.fails(with("valve", &label), 1, "TBPKI-0145");
    sandbox.ok(with("pump-9", &label));
}

#[test]
fn passwords_without_an_end_are_possible() {
    let sandbox = sandbox();
    let days = |days: &'static str, out: &'static str| {
        // Each replaces the one before, which another image has.
        let more = ["--device", "valve", "--password-days", days, "--out", out, "--json", "--force"];
        let json = sandbox.ok(enrolling(&more)).json();
        json["result"]["devices"][0]["password_expires"].as_str().unwrap().to_owned()
    };
    assert_eq!(days("none", "never"), "9999-12-31T23:59:59Z");
    assert!(days("10", "soon") < days("4000", "later"));
}

#[test]
fn a_password_reserves_its_name_until_it_is_replaced_or_ended() {
    let sandbox = sandbox();
    sandbox.ok(enrolling(&["--device", "valve", "--out", "out"]));
    let first = password(&record(&sandbox, "out/valve/credentials.bin"));
    let refused = |request: Vec<&str>, code: &str, words: &str| {
        let before = Snapshot::of(sandbox.path());
        let refused = sandbox.fails(request, 1, code);
        assert!(refused.stderr_text().contains(words), "{refused}");
        before.is_unchanged(&Snapshot::of(sandbox.path()), &refused);
    };
    let names = "name\nvalve\n";
    sandbox.write("names.csv", names);
    refused(enrolling(&["--device", "valve", "--out", "other"]), "TBPKI-0256", "replace the password with --force");
    refused(vec!["client", "--device", "valve"], "TBPKI-0256", "with --force");
    sandbox.fails(["fleet", "issue", "--from", "names.csv", "--out", "fleet"], 1, "reserved by a one-time password");
    // The image keeps its password, and a shorter life is not granted in silence.
    let days = ["--device", "valve", "--out", "out", "--password-days", "5"];
    refused(enrolling(&days), "TBPKI-0082", "later than asked for");
    sandbox.ok(enrolling(&[&days[..], &["--force"]].concat()));
    let shorter = password(&record(&sandbox, "out/valve/credentials.bin"));
    assert_ne!(shorter, first);
    sandbox.ok(enrolling(&["--device", "valve", "--out", "other", "--force"]));
    assert_ne!(password(&record(&sandbox, "other/valve/credentials.bin")), shorter);
    // With the certificate that is issued here the password ends.
    sandbox.ok(["client", "--device", "valve", "--force"]);
    let made = sandbox.ok(["enroll", "password", "--device", "valve", "--out", "valve.password"]);
    assert!(!made.stderr_text().contains("no longer valid"), "{made}");

    sandbox.ok(enrolling(&["--device", "gate", "--out", "out"]));
    sandbox.ok(["forget", "--device", "gate"]);
    sandbox.ok(["client", "--device", "gate"]);
}

#[test]
fn a_list_is_bundled_in_one_place_unless_its_passwords_are_replaced() {
    let sandbox = sandbox();
    sandbox.write("names.csv", "name\nvalve\ngate\n");
    let bundle = |more: &[&'static str]| {
        let common = ["fleet", "bundle", "--from", "names.csv", "--chip", "esp32c3", "--app", "esp32c3.elf"];
        let network =
            ["--broker", "broker.example", "--wifi-ssid", "workshop", "--wifi-password-file", "wifi-password"];
        [&common[..], &network, &URL, more].concat()
    };
    sandbox.ok(bundle(&["--out", "one"]));
    let first = sandbox.read("one/bundle-000000/valve.bin");
    let before = Snapshot::of(sandbox.path());
    let refused = sandbox.tbpki(bundle(&["--out", "two"])).run().ends(1);
    let refused = refused.prints("TBPKI-0256").prints("reserved by a one-time password").prints("--again");
    before.is_unchanged(&Snapshot::of(sandbox.path()), &refused);
    // The same place and list change nothing.
    sandbox.ok(bundle(&["--out", "one"]));
    assert_eq!(sandbox.read("one/bundle-000000/valve.bin"), first);
    // Bundles that were moved to a production line keep their passwords there.
    std::fs::rename(sandbox.join("one/bundle-000000"), sandbox.join("shipped")).unwrap();
    let before = Snapshot::of(sandbox.path());
    for more in [&["--out", "one", "--dry-run"][..], &["--out", "one"]] {
        let refused = sandbox.tbpki(bundle(more)).run().ends(1).prints("TBPKI-0256").prints("--again");
        before.is_unchanged(&Snapshot::of(sandbox.path()), &refused);
    }
    sandbox.ok(bundle(&["--out", "one", "--again"]));
    assert_ne!(sandbox.read("one/bundle-000000/valve.bin"), first);
    let pattern = ["fleet", "bundle", "--count", "2", "--name-pattern", "gate-{}", "--chip", "esp32c3"];
    let more = ["--app", "esp32c3.elf", "--broker", "broker.example", URL[0], URL[1], "--out"];
    sandbox.ok([&pattern[..], &more, &["three"]].concat());
    sandbox.fails([&pattern[..], &more, &["four"]].concat(), 1, "TBPKI-0256").prints("new ones with --again");
    sandbox.ok(bundle(&["--out", "two", "--again"]));
    assert!(sandbox.join("two/bundle-000000/gate.bin").exists());
}

#[test]
fn an_encrypted_partition_keeps_its_password_too() {
    let sandbox = sandbox();
    let request = enrolling(&["--device", "valve", "--nvs-encryption", "--out", "out", "--json"]);
    sandbox.ok(request.clone());
    assert_eq!(sandbox.ok(request).json()["result"]["devices"][0]["done"], "unchanged");
}

#[test]
fn bundled_devices_without_enrolment_have_a_record_of_version_1() {
    let sandbox = sandbox();
    bundled(&sandbox, &["--out", "out"]);
    let record = record(&sandbox, "out/pump-1/credentials.bin");
    assert_eq!((record.schema(), record.enrolment()), (1, None));
}

#[test]
fn devices_that_have_fetched_their_certificates_get_a_password_only_if_they_are_named() {
    let sandbox = sandbox();
    // As the service records it.
    let fetched = |name: &str| {
        let script =
            "import sqlite3, sys\nwith sqlite3.connect(sys.argv[1]) as db: db.execute(sys.argv[2], sys.argv[3:])";
        let row = "INSERT INTO enrolled (identity, key, certificate) \
            SELECT id, zeroblob(32), x'30' FROM identity WHERE kind = 'device' AND name = ?";
        Tool::new("python3").args(["-c", script]).arg(sandbox.join("pki/ledger.db")).args([row, name]).run().ok();
    };
    sandbox.ok(["client", "pump-8", "pump-9"]);
    let all = sandbox.ok(["list", "--kind", "device", "--json"]).json();
    let names: Vec<String> = all["result"]["identities"].as_array().unwrap().iter().map(name_of).collect();
    fetched("pump-9");
    let bundled = sandbox.ok(enrolling(&["--all", "--out", "out"]));
    let note = "1 device has fetched its certificate over the network and is skipped";
    assert!(bundled.stderr_text().contains(note), "{bundled}");
    assert!(!sandbox.join("out/pump-9").exists() && sandbox.join("out/pump-8").exists());
    sandbox.ok(enrolling(&["--device", "pump-9", "--out", "out"]));
    assert_eq!(record(&sandbox, "out/pump-9/credentials.bin").login(), &Login::Pending);

    // With none left, nothing is made.
    names.iter().filter(|name| *name != "pump-9").for_each(|name| fetched(name));
    let refused = sandbox.tbpki(enrolling(&["--all", "--out", "new"])).run().ends(2);
    let count = names.len();
    refused.prints("TBPKI-0371").prints(&format!("{count} devices have fetched their certificates over the network"));
    assert!(!sandbox.join("new").exists());
}

fn name_of(row: &serde_json::Value) -> String {
    row["name"].as_str().unwrap().to_owned()
}
