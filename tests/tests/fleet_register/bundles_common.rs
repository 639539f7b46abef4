//! The files that all devices of a job share: none with a key, none for other parameters, all of them there.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use devkit::chip::Chip;
use tbpki_tests::{Sandbox, Snapshot, Tool};
use testkit::application::Sample;

use crate::bundles::{FIRMWARE, counts, issued};
use crate::phase;

fn bundle(sandbox: &Sandbox, more: &[&str]) -> Tool {
    sandbox.tbpki([&["fleet", "bundle", "--job", "1", "--json"], FIRMWARE, more].concat())
}

/// The secret number of a device's key (SEC 1): behind the 36 bytes that a P-256 key in PKCS#8 begins with.
fn secret(pem: &str) -> Vec<u8> {
    let (_, key) = pem.split_once("-----BEGIN PRIVATE KEY-----\n").unwrap();
    let (key, _) = key.split_once("-----END").unwrap();
    STANDARD.decode(key.replace('\n', "")).unwrap()[36..68].to_vec()
}

#[test]
fn an_application_with_the_key_of_any_device_is_refused_before_anything_is_written() {
    // In the last of two shards, and in a directory of its own.
    for (layout, count, last, key) in [
        (&["--out", "fleet"][..], 1002, "pump-1002", "fleet/shard-000001/pump-1002.pem"),
        (&["--layout", "directories"], 3, "pump-0003", "pki/devices/pump-0003/key.pem"),
    ] {
        let sandbox = issued(count, layout);
        let good = sandbox.read("esp32c3.elf");
        let mut leak = Sample::new(Chip::Esp32C3.name());
        leak.rodata = secret(&sandbox.text(key));
        sandbox.write("esp32c3.elf", leak.elf());
        let before = Snapshot::of(sandbox.path());
        for more in [&["--dry-run"][..], &[], &["--again"]] {
            let refused = bundle(&sandbox, more).run().ends(1).prints("TBPKI-0228").prints(last);
            before.is_unchanged(&Snapshot::of(sandbox.path()), &refused);
        }
        sandbox.write("esp32c3.elf", &good);
        assert_eq!(counts(&bundle(&sandbox, &[]).run().ok()), (count.into(), count.into()), "{layout:?}");
        // Bundles that are there stay what they are.
        sandbox.write("esp32c3.elf", leak.elf());
        let before = Snapshot::of(sandbox.path());
        let refused = bundle(&sandbox, &["--again"]).run().ends(1).prints("TBPKI-0228");
        before.is_unchanged(&Snapshot::of(sandbox.path()), &refused);
    }
}

#[test]
fn common_files_that_are_gone_or_damaged_are_written_again() {
    for (layout, firmware) in [
        (["--out", "fleet"], "fleet/firmware"),
        (["--archive", "fleet.tar"], "fleet.tar.bundles/firmware"),
        (["--layout", "directories"], "pki/firmware/esp32c3"),
    ] {
        let sandbox = issued(2, &layout);
        bundle(&sandbox, &[]).run().ok();
        let path = |file: &str| format!("{firmware}/{file}");
        let before = ["application.bin", "flash_args", "flasher_args.json"].map(|file| sandbox.read(path(file)));
        fs::remove_file(sandbox.join(path("application.bin"))).unwrap();
        fs::remove_file(sandbox.join(path("flash_args"))).unwrap();
        sandbox.write(path("flasher_args.json"), "");
        assert_eq!(counts(&bundle(&sandbox, &[]).run().ok()), (2.into(), 0.into()), "{layout:?}");
        let after = ["application.bin", "flash_args", "flasher_args.json"].map(|file| sandbox.read(path(file)));
        assert!(before == after, "{layout:?}");
    }
}

#[test]
fn another_partition_for_the_application_and_another_length_are_other_parameters() {
    let sandbox = issued(2, &["--out", "fleet"]);
    let table = "nvs,data,nvs,0x9000,0x6000\notadata,data,ota,0xf000,0x2000\nota_0,app,ota_0,0x20000,1M\n\
                 ota_1,app,ota_1,,1M\n";
    sandbox.write("table.csv", table);
    let merged = ["--partitions", "table.csv", "--merged"];
    let first = bundle(&sandbox, &merged).run().ok();
    let length = fs::metadata(sandbox.join("fleet/bundle-000000/pump-0001.flash.bin")).unwrap().len();
    assert_eq!(first.json()["result"]["bundles"]["bytes"], length);
    for more in [&["--app-partition", "ota_1"][..], &["--whole-flash"]] {
        let before = Snapshot::of(sandbox.path());
        let refused = bundle(&sandbox, &[&merged[..], more].concat()).run().ends(1).prints("TBPKI-0280");
        before.is_unchanged(&Snapshot::of(sandbox.path()), &refused);
    }
    let same = bundle(&sandbox, &merged).run().ok();
    assert!(!same.stderr_text().contains("whole images take"), "{same}");
    // Files of earlier versions have neither, and match.
    let mut common: serde_json::Value = serde_json::from_str(&sandbox.text("fleet/firmware/bundle.json")).unwrap();
    for field in ["application_offset", "device_bytes"] {
        assert!(common.as_object_mut().unwrap().remove(field).is_some(), "{field}");
    }
    sandbox.write("fleet/firmware/bundle.json", common.to_string());
    assert_eq!(phase(&bundle(&sandbox, &merged).run().ok())["now"], 0);
}
