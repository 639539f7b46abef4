//! Bundles of a job that are made again: a device never counts as bundled with a bundle of an earlier run.

use std::fs;
use std::path::PathBuf;

use tbpki_tests::kill::{Injection, run_disturbed};
use tbpki_tests::{Outcome, Sandbox, Tool};

use crate::bundles::{FIRMWARE, counts, issued};
use crate::phase;

/// The arguments of bundles for another network.
fn network(ssid: &str) -> Vec<&str> {
    FIRMWARE.iter().map(|word| if *word == "workshop" { ssid } else { *word }).collect()
}

fn bundle(sandbox: &Sandbox, ssid: &str, more: &[&str]) -> Tool {
    sandbox.tbpki([&["fleet", "bundle", "--json"], &network(ssid)[..], more].concat())
}

fn state(sandbox: &Sandbox, device: &str) -> String {
    let list = sandbox.ok(["list", "--kind", "device", "--json"]).json();
    let all = list["result"]["identities"].as_array().unwrap();
    all.iter().find(|it| it["name"] == device).unwrap()["state"].as_str().unwrap().to_owned()
}

fn left(outcome: &Outcome) -> [u64; 4] {
    ["done", "now", "failed", "left"].map(|field| phase(outcome)[field].as_u64().unwrap())
}

/// The partition of a device, in each layout that has one file for each.
fn partition(layout: &[&str], device: &str) -> PathBuf {
    match layout {
        ["--layout", _] => format!("pki/devices/{device}/esp32c3/credentials.bin").into(),
        _ => format!("fleet/bundle-000000/{device}.bin").into(),
    }
}

fn is_for(sandbox: &Sandbox, path: &PathBuf, ssid: &str) -> bool {
    sandbox.read(path).windows(ssid.len()).any(|window| window == ssid.as_bytes())
}

#[test]
fn a_device_that_fails_has_no_bundle_and_gets_one_from_the_next_run() {
    for (layout, key) in [
        (["--out", "fleet"], "fleet/shard-000000/pump-0002.pem"),
        (["--layout", "directories"], "pki/devices/pump-0002/key.pem"),
    ] {
        let sandbox = issued(3, &layout);
        bundle(&sandbox, "workshop", &[]).run().ok();
        let identity = sandbox.read(key);
        sandbox.write(key, "damaged");
        let again = bundle(&sandbox, "other-net", &["--again"]).run().ends(4);
        assert_eq!((left(&again), state(&sandbox, "pump-0002")), ([2, 2, 1, 1], "issued".to_owned()), "{again}");
        assert_eq!(left(&bundle(&sandbox, "other-net", &[]).run().ends(4))[2..], [1, 1], "{layout:?}");
        sandbox.write(key, &identity);
        let repaired = bundle(&sandbox, "other-net", &[]).run().ok();
        assert_eq!((left(&repaired)[0], state(&sandbox, "pump-0002")), (3, "bundled".to_owned()), "{repaired}");
        for device in ["pump-0001", "pump-0002", "pump-0003"] {
            assert!(is_for(&sandbox, &partition(&layout, device), "other-net"), "{layout:?} {device}");
        }
    }
}

#[test]
fn a_device_that_fails_in_a_shard_that_was_bundled_in_part_is_left() {
    let sandbox = issued(2, &["--out", "fleet"]);
    let [one, two] = ["fleet/shard-000000/pump-0001.pem", "fleet/shard-000000/pump-0002.pem"];
    let (first, second) = (sandbox.read(one), sandbox.read(two));
    sandbox.write(two, "damaged");
    assert_eq!(left(&bundle(&sandbox, "workshop", &[]).run().ends(4)), [1, 1, 1, 1]);
    sandbox.write(two, &second);
    sandbox.write(one, "damaged");
    assert_eq!(left(&bundle(&sandbox, "workshop", &[]).run().ends(4)), [1, 1, 1, 1]);
    sandbox.write(one, &first);
    assert_eq!(left(&bundle(&sandbox, "workshop", &[]).run().ok())[0], 2);
    assert_eq!(fs::read_dir(sandbox.join("fleet/bundle-000000")).unwrap().count(), 2);
}

#[test]
fn killed_at_any_rename_no_old_bundle_passes_as_a_new_one() {
    for layout in [["--out", "fleet"], ["--layout", "directories"]] {
        let (mut kills, mut refused) = (0, 0);
        loop {
            // No copies: the ledger has the path of the shards.
            let sandbox = issued(2, &layout);
            bundle(&sandbox, "workshop", &[]).run().ok();
            let command = bundle(&sandbox, "other-net", &["--again"]).command();
            let Some(step) = run_disturbed(&command, Injection::Kill, "renameat2", kills + 1).unwrap() else { break };
            kills += 1;
            let next = bundle(&sandbox, "other-net", &[]).run();
            if next.status != 0 {
                // Killed before the description of the new bundles.
                next.ends(1).prints("TBPKI-0280");
                refused += 1;
                bundle(&sandbox, "other-net", &["--again"]).run().ok();
            }
            for device in ["pump-0001", "pump-0002"] {
                assert!(is_for(&sandbox, &partition(&layout, device), "other-net"), "{layout:?} {device} {step}");
            }
            assert_eq!(counts(&bundle(&sandbox, "other-net", &[]).run().ok()), (2.into(), 0.into()), "{step}");
            let files = sandbox.files();
            let leftover = files.iter().find(|path| path.to_string_lossy().contains(".tbpki-"));
            assert!(leftover.is_none(), "{leftover:?} {step}");
        }
        assert!(kills > refused && kills >= 3, "{kills} {refused}");
    }
}

/// The ledger counts a device as bundled as soon as `bundle-firmware` has made an image of it, for whatever chip.
#[test]
fn images_of_single_devices_are_no_bundles_of_their_job() {
    let layouts: [(&[&str], &str); 3] = [
        (&["--out", "fleet"], "fleet/bundle-000000/pump-0002.bin"),
        (&["--archive", "fleet.tar"], "fleet.tar.bundles/index.csv"),
        (&["--layout", "directories"], "pki/devices/pump-0002/esp32c3/credentials.bin"),
    ];
    for (layout, file) in layouts {
        for devices in [&["--device", "pump-0001"][..], &["--all"]] {
            let sandbox = issued(2, layout);
            sandbox.ok([&["bundle-firmware", "--out", "images"], FIRMWARE, devices].concat());
            let first = bundle(&sandbox, "workshop", &["--job", "1"]).run().ok();
            assert_eq!(left(&first), [2, 2, 0, 0], "{layout:?} {devices:?}");
            assert!(sandbox.join(file).exists(), "{layout:?} {devices:?}");
            assert_eq!(left(&bundle(&sandbox, "workshop", &["--job", "1"]).run().ok()), [2, 0, 0, 0], "{layout:?}");
        }
    }
}

#[test]
fn bundles_keep_their_enrolment_service() {
    let sandbox = issued(2, &["--out", "fleet"]);
    let enroll = ["--enroll", "https://enroll.example:9443"];
    bundle(&sandbox, "workshop", &enroll).run().ok();
    let other = bundle(&sandbox, "other-net", &enroll).run().ends(1).prints("TBPKI-0280");
    assert!(other.stderr_text().contains("add --again to this command"), "{other}");
    let dropped = bundle(&sandbox, "other-net", &["--again"]).run().ends(1).prints("TBPKI-0280");
    assert!(dropped.stderr_text().contains("add --enroll URL"), "{dropped}");
    let again = bundle(&sandbox, "other-net", &[&enroll[..], &["--again"]].concat()).run().ok();
    assert_eq!(left(&again), [2, 2, 0, 0]);
    fs::remove_file(sandbox.join("fleet/firmware/bundle.json")).unwrap();
    bundle(&sandbox, "other-net", &["--again"]).run().ok();
}

/// A merged file ends behind the identity slots, and a credentials partition does not.
#[test]
fn only_a_merged_file_overwrites_the_identity_of_a_device() {
    let sandbox = issued(1, &["--out", "fleet"]);
    sandbox.write("table.csv", "nvs,data,nvs,0x9000,0x4000\nidentity,data,undefined,,64K\nfactory,app,factory,,1M\n");
    let more = ["--enroll", "https://enroll.example:9443", "--partitions", "table.csv"];
    let parts = bundle(&sandbox, "workshop", &more).run().ok();
    assert!(!parts.stdout_text().contains("TBPKI-0230"), "{parts}");
    bundle(&sandbox, "workshop", &[&more[..], &["--merged", "--again"]].concat()).run().ok().prints("TBPKI-0230");
}
