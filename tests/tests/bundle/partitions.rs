//! Partitions beside the usual ones: esp_secure_cert, encrypted NVS and its keys, tables of one's own.

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
fn a_table_of_ones_own_says_where_everything_goes() {
    let sandbox = sandbox();
    let csv = "otadata, data, ota, 0x9000, 0x2000\nota_0, app, ota_0, , 1M\nota_1, app, ota_1, , 1M\n\
               nvs, data, nvs, , 0x8000\n";
    sandbox.write("partitions.csv", csv);
    bundled(&sandbox, &["--partitions", "partitions.csv", "--out", "out"]);
    let flash = sandbox.read("out/pump-1/flash.bin");
    assert_eq!(flash[0x1_0000], 0xE9);
    assert_eq!(Record::read(&flash[0x21_0000..0x21_8000]).unwrap().device_name(), "pump-1");
    // The binary table that was made of it says the same.
    let binary = "out/pump-1/partition-table.bin";
    sandbox.ok(args("esp32c3", "esp32c3.elf", &["--partitions", binary, "--out", "again"]));
    assert!(flash == sandbox.read("again/pump-1/flash.bin"));
}
