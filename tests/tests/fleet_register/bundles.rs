//! Bundles of a fleet, held to those that `bundle-firmware` makes of the same devices.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use devkit::chip::Chip;
use serde_json::Value;
use tbpki_tests::leftovers::assert_private;
use tbpki_tests::platform::eventually;
use tbpki_tests::{Outcome, Sandbox, Tool};

use crate::{Fleet, phase};
use testkit::application::Sample;

const RECIPIENT: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

/// The arguments that every bundle needs.
pub(crate) const FIRMWARE: &[&str] = &[
    "--chip",
    "esp32c3",
    "--app",
    "esp32c3.elf",
    "--broker",
    "broker.example",
    "--wifi-ssid",
    "workshop",
    "--wifi-password-file",
    "wifi-password",
];

impl Fleet {
    /// Writes what [`FIRMWARE`] names.
    pub(crate) fn image_parts(&self) {
        image_parts(&self.sandbox);
    }
}

pub(crate) fn image_parts(sandbox: &Sandbox) {
    sandbox.write("esp32c3.elf", Sample::new(Chip::Esp32C3.name()).elf());
    let password = sandbox.write("wifi-password", "a wireless password\n");
    fs::set_permissions(password, fs::Permissions::from_mode(0o600)).unwrap();
    sandbox.hides("a wireless password");
}

/// A store with these devices, and what their firmware is made of.
pub(crate) fn issued(count: u32, layout: &[&str]) -> Sandbox {
    let sandbox = Sandbox::in_memory().make_store();
    image_parts(&sandbox);
    let count = count.to_string();
    sandbox.ok([&["fleet", "issue", "--count", &count, "--name-pattern", "pump-{:04}"], layout].concat());
    sandbox
}

#[test]
fn results_of_another_store_are_refused_before_anything_is_bundled() {
    let (one, two) = (issued(2, &["--out", "fleet"]), issued(2, &["--out", "fleet"]));
    let results = one.join("results");
    let results = ["--results", results.to_str().unwrap()];
    bundle(&one, &results).run().ok();
    bundle(&two, &results).run().ends(1).prints("error[TBPKI-0261]");
    assert!(!two.join("fleet/bundle-000000").exists());
    bundle(&one, &[&results[..], &["--again"]].concat()).run().ok();
}

fn bundle(sandbox: &Sandbox, more: &[&str]) -> Tool {
    sandbox.tbpki([&["fleet", "bundle", "--json"], FIRMWARE, more].concat())
}

/// The files that `bundle-firmware` makes of a device.
fn alone(sandbox: &Sandbox, device: &str) -> PathBuf {
    let args = [&["bundle-firmware", "--device", device, "--out", "alone"], FIRMWARE].concat();
    sandbox.ok(args);
    sandbox.join("alone").join(device)
}

#[track_caller]
fn same(ours: &[u8], alone: &Path, file: &str) {
    assert!(ours == fs::read(alone.join(file)).unwrap(), "{file} differs from bundle-firmware's");
}

/// Every device is bundled, by the ledger.
#[track_caller]
fn all_are_bundled(sandbox: &Sandbox, count: usize) {
    let list = sandbox.ok(["list", "--kind", "device", "--json"]).json();
    let all = list["result"]["identities"].as_array().unwrap();
    assert_eq!(all.len(), count);
    assert!(all.iter().all(|device| device["state"] == "bundled"), "{list}");
}

pub(crate) fn counts(outcome: &Outcome) -> (Value, Value) {
    (phase(outcome)["done"].clone(), phase(outcome)["now"].clone())
}

#[test]
fn a_shard_has_a_directory_of_partitions_and_the_firmware_is_there_once() {
    // Three more than a shard has.
    let sandbox = issued(1003, &["--out", "fleet"]);
    let outcome = bundle(&sandbox, &[]).run().ok();
    assert_eq!(counts(&outcome), (1003.into(), 1003.into()));
    all_are_bundled(&sandbox, 1003);
    for device in ["pump-0001", "pump-0500", "pump-1003"] {
        let shard = if device == "pump-1003" { "bundle-000001" } else { "bundle-000000" };
        let alone = alone(&sandbox, device);
        same(&sandbox.read(format!("fleet/{shard}/{device}.bin")), &alone, "credentials.bin");
        for file in ["bootloader.bin", "partition-table.bin", "application.bin"] {
            same(&sandbox.read(format!("fleet/firmware/{file}")), &alone, file);
        }
    }
    assert_eq!(fs::read_dir(sandbox.join("fleet/bundle-000000")).unwrap().count(), 1000);
    assert_eq!(fs::read_dir(sandbox.join("fleet/bundle-000001")).unwrap().count(), 3);
    no_bundle_can_be_read_by_others(&sandbox);
    let common: Value = serde_json::from_str(&sandbox.text("fleet/firmware/bundle.json")).unwrap();
    assert_eq!((&common["credentials"]["offset"], &common["wifi_ssid"]), (&"0x9000".into(), &"workshop".into()));
    assert!(!sandbox.text("fleet/firmware/bundle.json").contains("a wireless password"));
    assert!(!sandbox.text("fleet/firmware/flash_args").contains("credentials"));
    // Once more changes nothing.
    assert_eq!(counts(&bundle(&sandbox, &[]).run().ok()), (1003.into(), 0.into()));
}

/// Only the owner may read files with keys.
#[track_caller]
fn no_bundle_can_be_read_by_others(sandbox: &Sandbox) {
    assert!(private_bundles(sandbox) > 0);
}

/// The number of bundles, every one of them private. A partition is no PEM file, so its name identifies it.
#[track_caller]
fn private_bundles(sandbox: &Sandbox) -> usize {
    assert_private(&sandbox.join("pki"), "bundling");
    let is_bundle = |path: &Path| {
        let path = path.to_string_lossy();
        path.contains("bundle-0") || path.contains(".bundles/0") || path.ends_with("credentials.bin")
    };
    let bundles: Vec<PathBuf> = sandbox.files().into_iter().filter(|path| is_bundle(path)).collect();
    for path in &bundles {
        let mode = fs::metadata(sandbox.join(path)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    }
    bundles.len()
}

#[test]
fn a_device_with_a_directory_of_its_own_has_its_partition_there() {
    let sandbox = issued(3, &["--layout", "directories"]);
    let outcome = bundle(&sandbox, &[]).run().ok();
    assert_eq!(counts(&outcome), (3.into(), 3.into()));
    all_are_bundled(&sandbox, 3);
    let alone = alone(&sandbox, "pump-0002");
    same(&sandbox.read("pki/devices/pump-0002/esp32c3/credentials.bin"), &alone, "credentials.bin");
    same(&sandbox.read("pki/firmware/esp32c3/application.bin"), &alone, "application.bin");
    no_bundle_can_be_read_by_others(&sandbox);

    // What bundle-firmware has put into such a place is left alone, and told.
    let sandbox = issued(3, &["--layout", "directories"]);
    sandbox.ok([&["bundle-firmware", "--device", "pump-0002"], FIRMWARE].concat());
    let outcome = bundle(&sandbox, &["--again"]).run().ends(4);
    assert_eq!((&phase(&outcome)["done"], &phase(&outcome)["now"]), (&2.into(), &2.into()));
    let image = sandbox.join("pki/devices/pump-0002/esp32c3");
    assert!(image.join("flash.bin").exists());
    fs::rename(image, sandbox.join("elsewhere")).unwrap();
    assert_eq!(counts(&bundle(&sandbox, &[]).run().ok()), (3.into(), 1.into()));
}

/// What the ledger counts as bundled is made again if it was deleted.
#[test]
fn bundles_that_are_gone_are_made_again() {
    for layout in [["--out", "fleet"], ["--archive", "fleet.tar"], ["--layout", "directories"]] {
        let sandbox = issued(3, &layout);
        bundle(&sandbox, &[]).run().ok();
        let gone = match layout[1] {
            "fleet" => sandbox.join("fleet/bundle-000000"),
            "fleet.tar" => sandbox.join("fleet.tar.bundles/000000.tar"),
            _ => sandbox.join("pki/devices/pump-0002/esp32c3"),
        };
        if gone.is_dir() { fs::remove_dir_all(&gone) } else { fs::remove_file(&gone) }.unwrap();
        bundle(&sandbox, &["--dry-run"]).run().ok().prints("missing and are made again");
        assert!(!gone.exists());
        assert_eq!(counts(&bundle(&sandbox, &[]).run().ok()), (3.into(), 3.into()), "{layout:?}");
        assert!(gone.exists(), "{layout:?}");
        assert_eq!(counts(&bundle(&sandbox, &[]).run().ok()), (3.into(), 0.into()), "{layout:?}");
    }
    // A part of a shard, as far as it can be told from the outside.
    let cut = |path: &Path| fs::write(path, "").unwrap();
    let gone = |path: &Path| fs::remove_file(path).unwrap();
    for (layout, path, change) in [
        (["--out", "fleet"], "fleet/bundle-000000/pump-0002.bin", &gone as &dyn Fn(&Path)),
        (["--out", "fleet"], "fleet/bundle-000000/pump-0002.bin", &cut),
        (["--archive", "fleet.tar"], "fleet.tar.bundles/000000.tar", &cut),
        (["--archive", "fleet.tar"], "fleet.tar.bundles/000000.index.csv", &gone),
        (["--archive", "fleet.tar.zst"], "fleet.tar.zst.bundles/000000.tar.zst", &cut),
        (["--layout", "directories"], "pki/devices/pump-0002/esp32c3/credentials.bin", &cut),
    ] {
        let sandbox = issued(3, &layout);
        bundle(&sandbox, &[]).run().ok();
        change(&sandbox.join(path));
        assert_eq!(counts(&bundle(&sandbox, &[]).run().ok()), (3.into(), 3.into()), "{path}");
        assert!(!sandbox.read(path).is_empty(), "{path}");
        assert_eq!(counts(&bundle(&sandbox, &[]).run().ok()), (3.into(), 0.into()), "{path}");
    }
    // Without the description the parameters of the others are unknown.
    let sandbox = issued(3, &["--out", "fleet"]);
    bundle(&sandbox, &[]).run().ok();
    fs::remove_file(sandbox.join("fleet/firmware/bundle.json")).unwrap();
    bundle(&sandbox, &[]).run().ends(1).prints("TBPKI-0280").prints("fleet bundle --job 1 --again");
    bundle(&sandbox, &["--job", "1", "--again"]).run().ok();
    assert_eq!(counts(&bundle(&sandbox, &[]).run().ok()), (3.into(), 0.into()));
    bundle(&sandbox, &["--whole-flash"]).run().ends(2).prints("TBPKI-0011");
}

#[test]
fn jobs_with_directories_have_common_files_of_their_own() {
    let sandbox = issued(3, &["--layout", "directories"]);
    bundle(&sandbox, &[]).run().ok();
    let before = sandbox.read("pki/firmware/esp32c3/bundle.json");
    sandbox.ok(["fleet", "issue", "--count", "2", "--name-pattern", "other-{}", "--layout", "directories"]);
    let other = ["--job", "2", "--port", "8884"];
    assert_eq!(counts(&bundle(&sandbox, &other).run().ok()), (2.into(), 2.into()));
    bundle(&sandbox, &["--job", "2", "--port", "8885"]).run().ends(1).prints("TBPKI-0280");
    assert_eq!(
        counts(&bundle(&sandbox, &["--job", "2", "--port", "8885", "--again"]).run().ok()),
        (2.into(), 2.into())
    );
    assert_eq!(sandbox.read("pki/firmware/esp32c3/bundle.json"), before);
    let own: Value = serde_json::from_str(&sandbox.text("pki/firmware/esp32c3-job-2/bundle.json")).unwrap();
    assert_eq!(own["port"], 8885);
    assert_eq!(counts(&bundle(&sandbox, &["--job", "1"]).run().ok()), (3.into(), 0.into()));
}

#[test]
fn an_archive_has_parts_with_an_index() {
    for archive in ["fleet.tar", "fleet.tar.zst"] {
        let sandbox = issued(1002, &["--archive", archive]);
        let outcome = bundle(&sandbox, &[]).run().ok();
        assert_eq!(counts(&outcome), (1002.into(), 1002.into()));
        all_are_bundled(&sandbox, 1002);
        let bundles = sandbox.join(format!("{archive}.bundles"));
        let index = fs::read_to_string(bundles.join("index.csv")).unwrap();
        let mut lines = index.lines();
        assert_eq!(lines.next(), Some("name,offset,length,part"));
        let row: Vec<&str> = lines.clone().find(|line| line.starts_with("pump-1001,")).unwrap().split(',').collect();
        assert_eq!((lines.count(), row[2], row[3]), (1002, "24576", format!("000001{}", &archive[5..]).as_str()));
        let part = bundles.join(row[3]);
        // tar finds out by itself how a part is compressed.
        let out = sandbox.join("unpacked");
        fs::create_dir(&out).unwrap();
        Tool::new("tar").arg("-xf").arg(&part).arg("-C").arg(&out).run().ok();
        let alone = alone(&sandbox, "pump-1001");
        same(&fs::read(out.join("pump-1001.bin")).unwrap(), &alone, "credentials.bin");
        same(&fs::read(bundles.join("firmware/application.bin")).unwrap(), &alone, "application.bin");
        if archive == "fleet.tar" {
            let offset: usize = row[1].parse().unwrap();
            same(&fs::read(&part).unwrap()[offset..offset + 24576], &alone, "credentials.bin");
        }
        no_bundle_can_be_read_by_others(&sandbox);
    }
}

#[test]
fn keys_that_are_sealed_cannot_be_bundled_afterwards() {
    let sandbox = issued(2, &["--archive", "sealed.tar.age", "--recipient", RECIPIENT]);
    bundle(&sandbox, &[]).run().ends(1).prints("TBPKI-0266").prints("the same pass");
}

#[test]
fn whole_images_are_what_bundle_firmware_makes_and_their_room_is_told() {
    let sandbox = issued(3, &["--out", "fleet"]);
    let outcome = bundle(&sandbox, &["--merged"]).run().ok().prints("3 whole images take");
    let alone = alone(&sandbox, "pump-0003");
    same(&sandbox.read("fleet/bundle-000000/pump-0003.flash.bin"), &alone, "flash.bin");
    assert_eq!(outcome.json()["result"]["bundles"]["merged"], true);
    no_bundle_can_be_read_by_others(&sandbox);
    // An archive is no place for them.
    let sandbox = issued(1, &["--archive", "fleet.tar"]);
    bundle(&sandbox, &["--merged"]).run().ends(2).prints("TBPKI-0265");
}

#[test]
fn other_settings_need_all_bundles_to_be_made_again() {
    let sandbox = issued(4, &["--out", "fleet"]);
    bundle(&sandbox, &[]).run().ok();
    let before = sandbox.read("fleet/bundle-000000/pump-0001.bin");
    bundle(&sandbox, &["--port", "8884"]).run().ends(1).prints("TBPKI-0280");
    assert!(before == sandbox.read("fleet/bundle-000000/pump-0001.bin"));
    sandbox.ok(["fleet", "issue", "--count", "2", "--name-pattern", "other-{}", "--out", "others"]);
    let args = ["--job", "1", "--port", "8884", "--again"];
    assert_eq!(counts(&bundle(&sandbox, &args).run().ok()), (4.into(), 4.into()));
    assert!(before != sandbox.read("fleet/bundle-000000/pump-0001.bin"));
    fs::remove_file(sandbox.join("fleet/shard-000000/pump-0002.pem")).unwrap();
    let outcome = bundle(&sandbox, &["--job", "1", "--again"]).run().ends(4).prints("TBPKI-0263");
    assert_eq!((&phase(&outcome)["now"], &phase(&outcome)["failed"]), (&3.into(), &1.into()));
    assert!(before == sandbox.read("fleet/bundle-000000/pump-0001.bin"));
}

#[test]
fn a_killed_run_is_finished_by_the_next_one() {
    let sandbox = issued(3000, &["--out", "fleet"]);
    for shards in 0..2 {
        let mut command = bundle(&sandbox, &[]).command();
        let mut run = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let (begun, done) = (format!(".partial-bundle-00000{shards}."), format!("bundle-00000{shards}"));
        eventually("a shard is on its way", || {
            // Names come and go under our eyes.
            let mut names = fs::read_dir(sandbox.join("fleet")).unwrap().flatten();
            names.any(|name| {
                let name = name.file_name().to_string_lossy().into_owned();
                name.starts_with(&begun) || name == done
            })
        });
        run.kill().unwrap();
        run.wait().unwrap();
        private_bundles(&sandbox);
    }
    bundle(&sandbox, &[]).run().ok();
    all_are_bundled(&sandbox, 3000);
    let files = sandbox.files();
    assert!(files.iter().all(|name| !name.to_string_lossy().contains(".partial-")), "leftovers");
    for shard in 0..3 {
        assert_eq!(fs::read_dir(sandbox.join(format!("fleet/bundle-00000{shard}"))).unwrap().count(), 1000);
    }
}

#[test]
fn registered_and_bundled_in_either_order_a_device_is_both() {
    let fleet = Fleet::of(5);
    fleet.sandbox.write("esp32c3.elf", Sample::new(Chip::Esp32C3.name()).elf());
    fleet.sandbox.write("wifi-password", "a wireless password\n");
    bundle(&fleet.sandbox, &[]).run().ok();
    let outcome = fleet.register(&[]).ok();
    assert_eq!((&phase(&outcome)["done"], &phase(&outcome)["left"]), (&5.into(), &0.into()));
    fleet.is_registered(5);
    assert_eq!(counts(&bundle(&fleet.sandbox, &[]).run().ok()), (5.into(), 0.into()));
}
