//! The content of the images, as esptool and the device's own reader see it.

use std::fs;
use std::os::unix::fs::MetadataExt;

use device::Record;
use device::record::Login;
use devkit::chip::Chip;
use tbpki_tests::Sandbox;

use crate::{args, bundled, esptool, sandbox};

#[test]
fn esptool_calls_bootloader_and_application_of_every_chip_valid_and_merges_the_same_bytes() {
    let sandbox = sandbox();
    for chip in Chip::ALL {
        for crystal in chip.facts().crystals {
            let crystal = crystal.mhz().to_string();
            let app = format!("{}.elf", chip.name());
            let out = format!("out-{crystal}");
            let more: &[&str] = match crystal.as_str() {
                "26" => &["--out", &out, "--crystal", "26"],
                _ => &["--out", &out],
            };
            sandbox.ok(args(chip.name(), &app, &[more, &["--force"]].concat()));
            let dir = format!("{out}/pump-1");
            for file in ["bootloader.bin", "application.bin"] {
                let file = format!("{dir}/{file}");
                let seen =
                    esptool(&sandbox).args(["--chip", chip.name(), "image-info", &file]).run().ok().stdout_text();
                let valid = seen.matches("(valid)").count();
                assert!(valid == 2 && !seen.contains("invalid"), "check sum and hash of {file}:\n{seen}");
            }
            let merge = ["--chip", chip.name(), "merge-bin", "--output", "merged.bin", "@flash_args"];
            esptool(&sandbox).directory(sandbox.join(&dir)).args(merge).run().ok();
            let same = sandbox.read(format!("{dir}/merged.bin")) == sandbox.read(format!("{dir}/flash.bin"));
            assert!(same, "{chip} with {crystal} MHz");
        }
    }
}

#[test]
fn a_whole_flash_is_what_esptool_pads() {
    let sandbox = sandbox();
    bundled(&sandbox, &["--whole-flash", "--out", "out", "--flash-size", "2MB"]);
    let merge = ["--chip", "esp32c3", "merge-bin", "--pad-to-size", "2MB", "--output", "merged.bin", "@flash_args"];
    esptool(&sandbox).directory(sandbox.join("out/pump-1")).args(merge).run().ok();
    let flash = sandbox.read("out/pump-1/flash.bin");
    assert!(flash.len() == 2 << 20 && flash == sandbox.read("out/pump-1/merged.bin"));
}

#[test]
fn only_the_device_reads_its_credentials() {
    let sandbox = sandbox();
    let said = bundled(&sandbox, &["--skip-host-name-check"]).prints("TBPKI-0221").prints("TBPKI-0222");
    assert!(said.stdout_text().contains("unknown whether it checks dates"), "{said}");
    let dir = sandbox.join("pki/devices/pump-1/esp32c3");
    let flash = fs::read(dir.join("flash.bin")).unwrap();
    let record = Record::read(&flash[0x9000..0xF000]).unwrap();
    assert_eq!((record.device_name(), record.wifi_ssid(), record.host()), ("pump-1", "workshop", "broker.example"));
    assert_eq!((record.port(), record.ntp_server()), (8883, "pool.ntp.org"));
    assert!(record.wifi_password().expose() == "a wireless password" && record.skips_host_name_check());
    assert_eq!(record.ca_chain().trim_end_matches('\0'), sandbox.text("pki/devices/pump-1/tb-server-chain.pem"));
    let Login::Certificate { chain, key } = record.login() else { panic!("a certificate was to be used") };
    assert_eq!(chain.trim_end_matches('\0'), sandbox.text("pki/devices/pump-1/chain.pem"));
    assert!(key.expose().trim_end_matches('\0') == sandbox.text("pki/devices/pump-1/key.pem"));

    for (file, mode) in [("flash.bin", 0o600), ("credentials.bin", 0o600), ("application.bin", 0o644)] {
        assert_eq!(fs::metadata(dir.join(file)).unwrap().mode() & 0o777, mode, "{file}");
    }
    assert_eq!(fs::metadata(&dir).unwrap().mode() & 0o777, 0o700);
    let application = sandbox.read("pki/devices/pump-1/esp32c3/application.bin");
    assert!(!application.windows(8).any(|bytes| bytes == b"wireless" || bytes == b"PRIVATE "), "it holds a secret");
}

#[test]
fn esp_idfs_json_and_the_manifest_name_the_files_that_are_there() {
    let sandbox = sandbox();
    bundled(&sandbox, &["--manifest", "--out", "out"]);
    let json: serde_json::Value = serde_json::from_slice(&sandbox.read("out/pump-1/flasher_args.json")).unwrap();
    let files = json["flash_files"].as_object().unwrap();
    assert_eq!(files.len(), 4);
    for file in files.values() {
        assert!(sandbox.join("out/pump-1").join(file.as_str().unwrap()).is_file());
    }
    assert_eq!(json["extra_esptool_args"]["chip"], "esp32c3");
    let manifest = sandbox.text("out/pump-1/manifest.json");
    assert!(manifest.contains("ESP32-C3") && !manifest.contains("credentials"), "{manifest}");
    bundled(&sandbox, &["--manifest", "--manifest-with-credentials", "--out", "all"]);
    assert!(sandbox.text("all/pump-1/manifest.json").contains("credentials.bin"));
}

/// As ESP-IDF's build does: a board that has received an update would start that instead of what is flashed.
#[test]
fn a_table_with_otadata_gets_an_erased_record() {
    let sandbox = sandbox();
    let table = "nvs,data,nvs,0x9000,0x5000\notadata,data,ota,0xe000,0x2000\nota_0,app,ota_0,0x10000,1M\n\
        ota_1,app,ota_1,,1M\n";
    sandbox.write("ota.csv", table);
    let with = |more: &[&'static str]| {
        bundled(&sandbox, &[&["--partitions", "ota.csv", "--manifest", "--out"], more].concat());
        sandbox.text(format!("{}/pump-1/flash_args", more[0]))
    };
    assert!(with(&["out"]).contains("0xe000 ota_data_initial.bin\n"));
    assert_eq!(sandbox.read("out/pump-1/ota_data_initial.bin"), [0xFF; 0x2000]);
    for file in ["flasher_args.json", "manifest.json"] {
        assert!(sandbox.text(format!("out/pump-1/{file}")).contains("ota_data_initial.bin"), "{file}");
    }
    // An erased record would select ota_0.
    let other = ["other", "--app-partition", "ota_1"];
    assert!(with(&other).contains("0xe000 ota_data_initial.bin\n"));
    assert_eq!(sandbox.read("other/pump-1/ota_data_initial.bin")[..4], [2, 0, 0, 0]);
}

#[test]
fn an_image_that_esp_idf_built_goes_in_as_it_is() {
    let sandbox = sandbox();
    bundled(&sandbox, &["--out", "from-elf"]);
    let application = sandbox.read("from-elf/pump-1/application.bin");
    sandbox.write("idf.bin", &application);
    sandbox.ok(args("esp32c3", "idf.bin", &["--out", "from-bin"]));
    assert!(same(&sandbox, "from-elf", "from-bin"));
}

fn same(sandbox: &Sandbox, one: &str, other: &str) -> bool {
    let flash = |dir: &str| sandbox.read(format!("{dir}/pump-1/flash.bin"));
    flash(one) == flash(other)
}
