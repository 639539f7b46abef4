//! Partitions besides the usual ones: esp_secure_cert, encrypted NVS and its keys, tables of other projects.

use device::Record;
use devkit::nvs::Keys;
use tbpki_tests::oracle::python;

use crate::{args, bundled, sandbox};

#[test]
fn espressifs_tool_reads_and_writes_the_same_esp_secure_cert() {
    let sandbox = sandbox();
    bundled(&sandbox, &["--esp-secure-cert", "--out", "out"]);
    let partition = sandbox.join("out/pump-1/esp_secure_cert.bin");
    let seen = python("secure_cert_read.py").arg(&partition).run().ok().json();
    assert_eq!(seen["same"], true, "{seen}");
    let entries = seen["entries"].as_array().unwrap();
    assert!(entries.iter().all(|entry| entry["valid"] == true && entry["flags"] == 0), "{seen}");
    let text = |index: usize| entries[index]["data"].as_str().unwrap().trim_end_matches('\0');
    assert_eq!((&entries[0]["type"], text(0)), (&1.into(), sandbox.text("pki/devices/pump-1/chain.pem").as_str()));
    let anchors = sandbox.text("pki/devices/pump-1/tb-server-chain.pem");
    assert_eq!((&entries[1]["type"], text(1)), (&0.into(), anchors.as_str()));
    assert_eq!(entries[2]["type"], 2);
    assert!(text(2).starts_with("-----BEGIN EC PRIVATE KEY-----"));
    let flash = sandbox.read("out/pump-1/flash.bin");
    assert!(flash[0xD000..0xF000] == sandbox.read(partition));
    assert_eq!(Record::read(&flash[0x9000..0xD000]).unwrap().device_name(), "pump-1");
}

#[test]
fn encrypted_nvs_has_its_keys_in_a_file_of_their_own() {
    let sandbox = sandbox();
    bundled(&sandbox, &["--nvs-encryption"]);
    let dir = "pki/devices/pump-1/esp32c3";
    let keys = sandbox.read(format!("{dir}/nvs_keys.bin"));
    let listed = sandbox.text(format!("{dir}/flash_args")) + &sandbox.text(format!("{dir}/flasher_args.json"));
    // A flasher writes what these files list. Keys in the flash next to the encrypted data would open it.
    assert!(!listed.contains("nvs_keys"), "{listed}");
    let flash = sandbox.read(format!("{dir}/flash.bin"));
    assert!(!flash.windows(64).any(|bytes| bytes == &keys[..64]));
    assert!(Record::read(&flash[0x9000..0xF000]).is_err());
    let mut partition = flash[0x9000..0xF000].to_vec();
    Keys::from_partition(&keys).unwrap().decrypt_partition(&mut partition).unwrap();
    assert_eq!(Record::read(&partition[..]).unwrap().device_name(), "pump-1");

    // Again with the same keys: nothing changes.
    let again = bundled(&sandbox, &["--nvs-encryption", "--json"]).json();
    assert_eq!(again["result"]["devices"][0]["done"], "unchanged");
    bundled(&sandbox, &["--nvs-encryption", "--include-nvs-keys", "--out", "out"]);
    assert!(sandbox.text("out/pump-1/flash_args").contains("0xf000 nvs_keys.bin"));
    let flash = sandbox.read("out/pump-1/flash.bin");
    assert!(flash[0xF000..0x1_0000] == sandbox.read("out/pump-1/nvs_keys.bin"));
}

#[test]
fn a_table_of_the_user_places_all_parts() {
    let sandbox = sandbox();
    let csv = "otadata, data, ota, 0x9000, 0x2000\nota_0, app, ota_0, , 1M\nota_1, app, ota_1, , 1M\n\
               nvs, data, nvs, , 0x8000\n";
    sandbox.write("partitions.csv", csv);
    bundled(&sandbox, &["--partitions", "partitions.csv", "--out", "out"]);
    let flash = sandbox.read("out/pump-1/flash.bin");
    assert_eq!(flash[0x1_0000], 0xE9);
    assert_eq!(Record::read(&flash[0x21_0000..0x21_8000]).unwrap().device_name(), "pump-1");
    // The binary form of the table has the same places.
    let binary = "out/pump-1/partition-table.bin";
    sandbox.ok(args("esp32c3", "esp32c3.elf", &["--partitions", binary, "--out", "again"]));
    assert!(flash == sandbox.read("again/pump-1/flash.bin"));
}

/// SHA-256 of the tables that gen_esp32part 1.5 makes of the same CSV (esp-idf-defs 0.1.7).
#[test]
fn tables_have_the_bytes_of_espressifs_generator() {
    let sandbox = sandbox();
    let many: String = (0..92).map(|index| format!("p{index},0x40,{index},,4K\n")).collect();
    let many = format!("nvs,data,nvs,0x9000,0x6000\nfactory,app,factory,0x10000,1M\n{many}");
    let types = "boot,bootloader,primary,N/A,N/A\ntable,partition_table,primary,N/A,N/A\n\
                 nvs,data,nvs,,0x6000\nfactory,app,factory,,1M\n";
    let slots = format!("{types}boot2,bootloader,ota,,N/A\ntable2,partition_table,ota,,N/A\n");
    for (chip, csv, sha256) in [
        (
            "esp32c6",
            "nvs,data,nvs,0x9000,0x6000\nphy_init,data,phy,0xf000,0x1000\nfactory,app,factory,0x10000,900K\n\
             zb_storage,data,fat,0xf1000,16K\nzb_fct,data,fat,0xf5000,1K\n",
            "67a52bddd066e1e5ead947dcce8b53279b0fdd4e2494bc8dedf349674a44c03b",
        ),
        ("esp32", slots.as_str(), "da160f3cb6cd01fde62e8044a785864f15796496a09d5911d1ebf8dbb529c3d5"),
        (
            "esp32c3",
            "nvs,data,nvs,,24K\nkeys,data,nvs_keys,,4K,encrypted\nro,data,nvs,,0x1000,readonly\n\
             app,app,factory,,1M,encrypted\nmine,0x40,0xFE,,100,encrypted:readonly\nend,data,spiffs,,-0x200000\n",
            "85e63ce75adb97c16e4956adcf22ce297b9807c50b3306f0d128beaead1278ad",
        ),
        ("esp32s3", many.as_str(), "7fbbb2bf4a25068d330af5a75cf0aeec0b63a737e055218e20682d171a077bb5"),
    ] {
        sandbox.write("partitions.csv", csv);
        let app = format!("{chip}.elf");
        sandbox.ok(args(chip, &app, &["--partitions", "partitions.csv", "--out", chip]));
        let table = sandbox.read(format!("{chip}/pump-1/partition-table.bin"));
        assert_eq!(base::digest::hex(&base::digest::sha256(&table)), sha256, "{csv}");
    }
}

/// A project with its table at 0xD000, in all that is written for it.
#[test]
fn another_table_offset_is_in_every_output() {
    let sandbox = sandbox();
    bundled(&sandbox, &["--out", "usual"]);
    let csv = "nvs,data,nvs,,0x4000\notadata,data,ota,,0x2000\nphy_init,data,phy,,0x1000\n\
               ota_0,app,ota_0,,1M\nota_1,app,ota_1,,1M\n";
    sandbox.write("partitions.csv", csv);
    let ours = sandbox.read("usual/pump-1/bootloader.bin");
    sandbox.write("ours.bin", &ours);
    sandbox.write("bootloader.bin", testkit::application::other_bootloader(&ours, base::digest::sha256));
    let own = ["--partitions", "partitions.csv", "--bootloader", "bootloader.bin", "--manifest"];
    bundled(&sandbox, &[&own[..], &["--partition-table-offset", "0xD000", "--out", "moved"]].concat());
    let table = sandbox.read("moved/pump-1/partition-table.bin");
    let hash = base::digest::hex(&base::digest::sha256(&table));
    assert_eq!(hash, "410b42d3cce50a9d76a1a8ef5b7d00fc5bacd8efc67613b2e0cd89dc598782a1");
    let flash = sandbox.read("moved/pump-1/flash.bin");
    assert!(flash[0xD000..0xDC00] == table && flash[0x2_0000] == 0xE9);
    assert_eq!(Record::read(&flash[0xE000..0x1_2000]).unwrap().device_name(), "pump-1");
    // The header of a signed bootloader must not be changed by the flasher.
    assert_eq!(
        sandbox.text("moved/pump-1/flash_args"),
        "-fm keep -ff keep -fs keep\n0x0 bootloader.bin\n0xd000 partition-table.bin\n0xe000 credentials.bin\n0x12000 ota_data_initial.bin\n\
         0x20000 application.bin\n"
    );
    let manifest = sandbox.text("moved/pump-1/manifest.json");
    assert!(manifest.contains("53248") && !manifest.contains("32768"), "{manifest}");
    assert!(sandbox.text("moved/pump-1/flasher_args.json").contains("\"0xd000\": \"partition-table.bin\""));
    crate::esptool(&sandbox)
        .directory(sandbox.join("moved/pump-1"))
        .args(["--chip", "esp32c3", "merge-bin", "--output", "merged.bin", "@flash_args"])
        .run()
        .ok();
    assert!(sandbox.read("moved/pump-1/merged.bin") == flash);

    // The bootloader of an earlier image is that of tbpki.
    let ours = ["--partitions", "partitions.csv", "--bootloader", "ours.bin", "--partition-table-offset", "0xD000"];
    let refused = sandbox.fails(args("esp32c3", "esp32c3.elf", &ours), 1, "TBPKI-0229");
    assert!(refused.stderr_text().contains("ours.bin"), "{refused}");

    // The same from keygen.toml, and a slot that the bootloader starts because of its record.
    sandbox.write(
        "keygen.toml",
        "version = 1\n[firmware]\npartition_table_offset = 0xD000\nbootloader = \"bootloader.bin\"\n",
    );
    bundled(&sandbox, &["--partitions", "partitions.csv", "--out", "same"]);
    assert!(sandbox.read("same/pump-1/flash.bin") == flash);
    let more = ["--partitions", "partitions.csv", "--app-partition", "ota_1", "--out", "second"];
    let said = bundled(&sandbox, &more);
    assert!(!said.stderr_text().contains("TBPKI-0230"), "{said}");
    let flash = sandbox.read("second/pump-1/flash.bin");
    assert_eq!((flash[0x12_0000], &flash[0x1_2000..0x1_2004]), (0xE9, &[2, 0, 0, 0][..]));
    // Without the record, only something else can select it.
    sandbox.write("partitions.csv", csv.replace("otadata,data,ota,,0x2000\n", ""));
    let said = bundled(&sandbox, &[&more[..5], &["third"]].concat()).prints("TBPKI-0230");
    assert!(said.stderr_text().contains("the bootloader starts ota_0"), "{said}");
}

#[test]
fn a_gap_after_the_table_is_a_warning() {
    let sandbox = sandbox();
    sandbox.write("partitions.csv", "nvs,data,nvs,0xE000,0x4000\nfactory,app,factory,,1M\n");
    let said = bundled(&sandbox, &["--partitions", "partitions.csv", "--out", "out"]).prints("TBPKI-0230");
    assert!(said.stderr_text().contains("--partition-table-offset 0xd000"), "{said}");
    let explicit = ["--partitions", "partitions.csv", "--out", "out", "--partition-table-offset", "0x8000"];
    let said = bundled(&sandbox, &explicit);
    assert!(!said.stderr_text().contains("TBPKI-0230"), "{said}");
}

#[test]
fn layouts_that_harm_a_device_later_are_pointed_out() {
    let sandbox = sandbox();
    for (table, more, words) in [
        (
            "nvs,data,nvs,0x9000,24K,encrypted\nfactory,app,factory,,1M\n",
            &[][..],
            "the partition nvs for the credentials has the flag encrypted",
        ),
        (
            "nvs,data,nvs,0x9000,0x4000\nidentity,data,undefined,,64K\nfactory,app,factory,,1M\n",
            &["--enroll", "https://e.example:9443"],
            "the merged file overwrites the partition identity",
        ),
        (
            "nvs,data,nvs,0x9000,0x4000\nfactory,app,factory,0x10000,1M\nidentity,data,undefined,,64K\n\
             esp_secure_cert,0x3F,,,0x2000\n",
            &["--enroll", "https://e.example:9443", "--esp-secure-cert"],
            "the merged file overwrites the partition identity",
        ),
        (
            "nvs,data,nvs,0x9000,0x4000\nfactory,app,factory,0x10000,1M\nidentity,data,undefined,,64K\n",
            &["--enroll", "https://e.example:9443", "--whole-flash"],
            "leave out --whole-flash",
        ),
    ] {
        sandbox.write("table.csv", table);
        let more = [&["--partitions", "table.csv", "--out", "out", "--force"], more].concat();
        let outcome = bundled(&sandbox, &more);
        assert!(outcome.stderr_text().contains(words), "{outcome}");
    }
}
