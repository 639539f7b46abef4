//! Whose images are made, and what the store keeps of it.

use device::Record;
use device::record::Login;
use devkit::chip::Chip;
use tbpki_tests::kill::{Injection, run_disturbed};
use tbpki_tests::{Sandbox, Snapshot};
use testkit::application::Sample;

use crate::{args, bundled, sandbox};

#[test]
fn the_only_device_is_meant_and_of_several_one_has_to_be_named() {
    let sandbox = sandbox();
    let json = bundled(&sandbox, &["--json"]).json();
    assert_eq!(json["result"]["devices"][0]["name"], "pump-1");
    assert_eq!(json["result"]["application"]["dates"], "unknown");
    assert_eq!(state(&sandbox, "pump-1"), "bundled");

    sandbox.ok(["client", "--device", "valve-2"]);
    let refused = sandbox.fails(args("esp32c3", "esp32c3.elf", &[]), 2, "TBPKI-0011");
    assert!(refused.stderr_text().contains("--device") && refused.stderr_text().contains("--all"), "{refused}");
    assert_eq!(state(&sandbox, "valve-2"), "issued");

    bundled(&sandbox, &["--all", "--out", "fleet"]).prints("2 devices are not registered");
    for device in ["pump-1", "valve-2"] {
        let flash = sandbox.read(format!("fleet/{device}/flash.bin"));
        assert_eq!(Record::read(&flash[0x9000..0xF000]).unwrap().device_name(), device);
    }
    assert_eq!(state(&sandbox, "valve-2"), "bundled");
}

#[test]
fn inspect_shows_every_certificate_of_a_credentials_partition_with_its_entry() {
    let sandbox = sandbox();
    bundled(&sandbox, &["--out", "fleet"]);
    let items = sandbox.ok(["inspect", "fleet/pump-1/credentials.bin", "--json"]).json();
    let items = items["result"]["files"][0]["items"].as_array().unwrap().clone();
    let shown: Vec<(&str, &str)> =
        items.iter().map(|item| (item["entry"]["name"].as_str().unwrap(), item["kind"].as_str().unwrap())).collect();
    let certificate = |entry| (entry, "certificate");
    let chain = [certificate("client_chain"), certificate("client_chain"), certificate("ca_chain")];
    assert_eq!(shown, [&[("client_key", "private-key")], &chain[..]].concat());
    assert_eq!(items[0]["belongs_to"], items[1]["subject"], "the key is that of the leaf");
    let text = sandbox.ok(["inspect", "fleet/pump-1/credentials.bin"]).stdout_text();
    assert!(text.contains("entry            client_chain (the chain of the device, leaf first)"), "{text}");
    assert!(!text.contains("PRIVATE KEY") && !text.contains("a wireless password"), "{text}");
}

/// Merged images contain a credentials partition, and other files of an image have another one that does.
#[test]
fn inspect_shows_the_credentials_of_merged_images_and_names_the_other_files() {
    let sandbox = sandbox();
    bundled(&sandbox, &["--esp-secure-cert", "--manifest", "--out", "out"]);
    sandbox.ok(args("esp32", "esp32.elf", &["--out", "esp32"]));
    let record = sandbox.ok(["inspect", "out/pump-1/credentials.bin"]).stdout_text();
    for flash in ["out/pump-1/flash.bin", "esp32/pump-1/flash.bin"] {
        assert_eq!(sandbox.ok(["inspect", flash]).stdout_text(), record, "{flash}");
    }
    bundled(&sandbox, &["--nvs-encryption", "--out", "encrypted"]);
    for (file, words) in [
        ("out/pump-1/bootloader.bin", "the bootloader of a chip"),
        ("out/pump-1/application.bin", "the application of a chip"),
        ("out/pump-1/partition-table.bin", "a partition table"),
        ("out/pump-1/esp_secure_cert.bin", "an esp_secure_cert partition"),
        ("out/pump-1/flasher_args.json", "flasher_args.json"),
        ("out/pump-1/manifest.json", "esp-web-tools"),
        ("encrypted/pump-1/credentials.bin", "or an encrypted one"),
        ("encrypted/pump-1/nvs_keys.bin", "the keys of an encrypted NVS"),
        ("encrypted/pump-1/flash.bin", "an image that begins with it"),
        ("pki/ledger.db", "the ledger of a store"),
    ] {
        let refused = sandbox.fails(["inspect", file], 1, "TBPKI-0078");
        assert!(refused.stderr_text().contains(words) && refused.stderr_text().contains("help:"), "{file}: {refused}");
    }
}

#[test]
fn the_same_again_changes_nothing_and_something_else_needs_force() {
    let sandbox = sandbox();
    bundled(&sandbox, &[]);
    let before = sandbox.read("pki/devices/pump-1/esp32c3/flash.bin");
    let again = bundled(&sandbox, &["--json"]).json();
    assert_eq!(again["result"]["devices"][0]["done"], "unchanged");
    let other = args("esp32c3", "esp32c3.elf", &["--port", "18883"]);
    sandbox.fails(other.clone(), 1, "TBPKI-0082");
    assert!(sandbox.read("pki/devices/pump-1/esp32c3/flash.bin") == before);
    sandbox.ok(other.into_iter().chain(["--force"]));
    assert!(sandbox.read("pki/devices/pump-1/esp32c3/flash.bin") != before);
    assert!(sandbox.read("pki/devices/pump-1/esp32c3/flash.bin.old") == before);
}

/// What a run would refuse or replace.
#[test]
fn a_dry_run_looks_at_the_files_that_are_there() {
    let sandbox = sandbox();
    bundled(&sandbox, &[]);
    let other = args("esp32c3", "esp32c3.elf", &["--port", "18883", "--dry-run"]);
    let before = Snapshot::of(sandbox.path());
    let refused = sandbox.fails(other.clone(), 1, "TBPKI-0082");
    assert!(refused.stderr_text().contains("add --force, which keeps them as FILE.old"), "{refused}");
    let planned = sandbox.ok(other.into_iter().chain(["--force", "--json"])).json();
    before.is_unchanged(&Snapshot::of(sandbox.path()), &refused);
    let replaced = planned["result"]["devices"][0]["replaced"].as_array().unwrap();
    let kept = |file: &str| replaced.iter().find(|one| one["file"] == file).map(|one| one["kept"].clone());
    let directory = "pki/devices/pump-1/esp32c3";
    for file in ["flash.bin", "credentials.bin"] {
        assert_eq!(kept(file), Some(format!("{directory}/{file}.old").into()), "{planned}");
    }
    assert_eq!(kept("bootloader.bin"), None, "it stays the same");
}

/// The files of an earlier image would be flashed with the new one.
#[test]
fn files_of_an_earlier_image_are_set_aside() {
    let sandbox = sandbox();
    let out = ["--out", "out"];
    bundled(
        &sandbox,
        &[&out[..], &["--manifest", "--manifest-with-credentials", "--esp-secure-cert", "--nvs-encryption"]].concat(),
    );
    let manifest = sandbox.read("out/pump-1/manifest.json");
    let plain = args("esp32c3", "esp32c3.elf", &out);
    let before = Snapshot::of(sandbox.path());
    let refused = sandbox.fails(plain.clone(), 1, "TBPKI-0082");
    before.is_unchanged(&Snapshot::of(sandbox.path()), &refused);
    let files = "manifest.json, esp_secure_cert.bin, nvs_keys.bin belong to an earlier image";
    assert!(refused.stderr_text().contains(files) && refused.stderr_text().contains("--force"), "{refused}");
    let forced = sandbox.ok(plain.iter().copied().chain(["--force"])).prints("manifest.json, kept as out/pump-1/");
    for file in ["manifest.json", "esp_secure_cert.bin", "nvs_keys.bin"] {
        assert!(!sandbox.join(format!("out/pump-1/{file}")).exists(), "{file}: {forced}");
        assert!(sandbox.join(format!("out/pump-1/{file}.old")).exists(), "{file}: {forced}");
    }
    assert_eq!(sandbox.read("out/pump-1/manifest.json.old"), manifest);
    // The manifest of the same image stays.
    sandbox.ok(plain.iter().copied().chain(["--manifest"]));
    sandbox.ok(plain);
    assert!(sandbox.join("out/pump-1/manifest.json").exists());
}

#[test]
fn a_device_that_is_named_twice_is_bundled_once() {
    let sandbox = sandbox();
    let twice = bundled(&sandbox, &["--device", "pump-1", "--device", "pump-1", "--json"]).json();
    assert_eq!(twice["result"]["devices"].as_array().unwrap().len(), 1);
}

/// The others of `--all` do not wait for a device with a wrong token, and the message names the device and the file.
#[test]
fn one_wrong_token_does_not_stop_the_others() {
    let sandbox = sandbox();
    sandbox.ok(["client", "valve-2", "valve-3"]);
    sandbox.write("pki/devices/pump-1/token", "A1_TEST_TOKEN\n");
    sandbox.write("pki/devices/valve-2/token", "x".repeat(5000));
    sandbox.hides("A1_TEST_TOKEN");
    let all = args("esp32c3", "esp32c3.elf", &["--auth", "token", "--all", "--out", "out"]);
    let outcome = sandbox.tbpki(all).run().ends(4);
    for words in ["TBPKI-0207", "TBPKI-0220", "valve-2/token", "tbpki token --device valve-2", "--device valve-3"] {
        assert!(outcome.stderr_text().contains(words), "{words}: {outcome}");
    }
    assert!(sandbox.join("out/pump-1/flash.bin").exists() && !sandbox.join("out/valve-2").exists());
}

/// An earlier image of one device in the middle of the list.
#[test]
fn files_in_the_place_of_one_image_are_found_before_the_first_is_written() {
    let sandbox = sandbox();
    sandbox.ok(["client", "device-1", "lamp-1"]);
    bundled(&sandbox, &["--device", "lamp-1", "--out", "out"]);
    let mut other = Sample::new(Chip::Esp32C3.name());
    other.code += 128;
    sandbox.write("other.elf", other.elf());
    let image = |more: &[&'static str]| args("esp32c3", "other.elf", &[&["--out", "out"], more].concat());
    let before = Snapshot::of(sandbox.path());
    let named = image(&["--device", "device-1", "--device", "lamp-1", "--device", "pump-1"]);
    let refused = sandbox.fails(named, 1, "TBPKI-0082").prints("lamp-1");
    before.is_unchanged(&Snapshot::of(sandbox.path()), &refused);
    let planned = sandbox.tbpki(image(&["--all", "--dry-run", "--json"])).run().ends(4);
    before.is_unchanged(&Snapshot::of(sandbox.path()), &planned);
    let made = sandbox.tbpki(image(&["--all", "--json"])).run().ends(4).prints("TBPKI-0082").prints("--force");
    for (outcome, done) in [(&planned, "planned"), (&made, "written")] {
        let json = outcome.json();
        let devices = json["result"]["devices"].as_array().unwrap();
        let found: Vec<_> =
            devices.iter().map(|it| [&it["name"], &it["done"]].map(|it| it.as_str().unwrap())).collect();
        assert_eq!(found, [["device-1", done], ["lamp-1", "failed"], ["pump-1", done]]);
        assert_eq!(devices[1]["error"]["code"], "TBPKI-0082");
    }
    assert_eq!([state(&sandbox, "device-1"), state(&sandbox, "pump-1")], ["bundled", "bundled"]);
    // If no device is left, the command has failed.
    sandbox.fails(image(&["--all", "--port", "8884"]), 1, "TBPKI-0082");
    sandbox.ok(image(&["--all", "--force"]));
}

/// A full disk is found by the write alone.
#[test]
fn an_error_after_the_first_image_leaves_a_report() {
    let made = sandbox();
    made.ok(["client", "device-1", "lamp-1"]);
    let image = args("esp32c3", "esp32c3.elf", &["--all", "--out", "out", "--json"]);
    for rename in 1.. {
        let sandbox: Sandbox = made.copy();
        let command = sandbox.tbpki(&image).command();
        let step = run_disturbed(&command, Injection::Error("ENOSPC"), "renameat2", rename).unwrap().unwrap();
        if step.output.status.code() == Some(1) {
            assert!(!sandbox.join("out/device-1/flash.bin").exists(), "{step}");
            continue;
        }
        assert_eq!(step.output.status.code(), Some(4), "{step}");
        let json: serde_json::Value = serde_json::from_slice(&step.output.stdout).unwrap();
        let devices = json["result"]["devices"].as_array().unwrap();
        assert_eq!((&devices[0]["name"], &devices[0]["done"]), (&"device-1".into(), &"written".into()));
        assert_eq!((&devices[1]["name"], &devices[1]["done"]), (&"lamp-1".into(), &"failed".into()));
        assert!(String::from_utf8_lossy(&step.output.stderr).contains("1 more device was not tried"), "{step}");
        let again = sandbox.ok(&image).json();
        assert_eq!(again["result"]["devices"].as_array().unwrap().len(), 3);
        assert!(sandbox.join("out/pump-1/flash.bin").exists());
        break;
    }
}

#[test]
fn a_dry_run_writes_nothing() {
    let sandbox = sandbox();
    let before = Snapshot::of(sandbox.path());
    let outcome = bundled(&sandbox, &["--dry-run"]).prints("planned");
    before.is_unchanged(&Snapshot::of(sandbox.path()), &outcome);
}

#[test]
fn a_token_takes_the_place_of_the_certificate() {
    let sandbox = sandbox();
    let with_token = args("esp32c3", "esp32c3.elf", &["--auth", "token"]);
    sandbox.fails(with_token.clone(), 1, "TBPKI-0220");
    sandbox.write("pki/devices/pump-1/token", "A1_TEST_TOKEN\n");
    sandbox.hides("A1_TEST_TOKEN");
    sandbox.ok(with_token);
    let flash = sandbox.read("pki/devices/pump-1/esp32c3/flash.bin");
    let record = Record::read(&flash[0x9000..0xF000]).unwrap();
    assert_eq!(record.login(), &Login::Token("A1_TEST_TOKEN".into()));
    assert!(!flash.windows(11).any(|bytes| bytes == b"PRIVATE KEY"), "the key has no business in there");
}

#[test]
fn the_broker_is_by_default_the_only_server_of_the_store() {
    let sandbox = sandbox();
    let without = |sandbox: &Sandbox| {
        let args = ["bundle-firmware", "--chip", "esp32c3", "--app", "esp32c3.elf", "--wifi-ssid", "open", "--json"];
        sandbox.tbpki(args).run()
    };
    sandbox.write("keygen.toml", "version = 1\n");
    without(&sandbox).ends(1).prints("TBPKI-0218");
    sandbox.ok(["server", "--name", "tb.example", "--only-given-names"]);
    let json = without(&sandbox).ok().prints("TBPKI-0217").json();
    assert_eq!(json["result"]["broker"], "tb.example");
}

fn state(sandbox: &Sandbox, device: &str) -> String {
    let list = sandbox.ok(["list", "--kind", "device", "--json"]).json();
    let devices = list["result"]["identities"].as_array().unwrap();
    let found = devices.iter().find(|entry| entry["name"] == device).unwrap();
    found["state"].as_str().unwrap().to_owned()
}
