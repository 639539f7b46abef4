//! Whatever is wrong is told by its own code and words, and nothing is written.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use devkit::chip::Chip;
use tbpki_tests::{Sandbox, Snapshot};

use crate::{args, bundled, sandbox};
use testkit::application::Sample;

#[track_caller]
fn refused(sandbox: &Sandbox, args: &[&str], status: i32, code: u16, words: &[&str]) {
    let before = Snapshot::of(sandbox.path());
    let outcome = sandbox.fails(args, status, &format!("TBPKI-{code:04}"));
    for word in words {
        assert!(outcome.stderr_text().contains(word), "expected {word:?} from {outcome}");
    }
    before.is_unchanged(&Snapshot::of(sandbox.path()), &outcome);
}

#[test]
fn chips_boards_and_flashes() {
    let sandbox = sandbox();
    let c3 = |more: &[&'static str]| args("esp32c3", "esp32c3.elf", more);
    refused(&sandbox, &args("esp8266", "esp32c3.elf", &[]), 2, 11, &["'esp8266'", "esp32s3", "--chip"]);
    refused(&sandbox, &c3(&["--crystal", "26"]), 2, 201, &["26 MHz"]);
    refused(&sandbox, &c3(&["--crystal", "24"]), 2, 11, &["use one of 26, 40"]);
    refused(&sandbox, &c3(&["--flash-size", "128MB"]), 2, 201, &["128MB", "2MB, 4MB"]);
    refused(&sandbox, &c3(&["--flash-size", "3MB"]), 2, 3, &["3MB"]);
    let without_chip = ["bundle-firmware", "--app", "esp32c3.elf", "--broker", "broker.example"];
    refused(&sandbox, &without_chip, 2, 11, &["--chip", "firmware.chip"]);
    sandbox.write("keygen.toml", "version = 1\n[firmware]\nchip = \"esp9\"\n");
    refused(&sandbox, &without_chip, 1, 200, &["keygen.toml:3", "esp9"]);
    // Also by verbs that need no chip.
    refused(&sandbox, &["list"], 1, 200, &["keygen.toml:3", "esp9"]);
}

#[test]
fn everything_that_is_missing_is_named_at_once() {
    let sandbox = sandbox();
    let all = "the images need a chip, an application, a broker and a wireless network";
    let flags = "add --chip, --app, --broker and --wifi-ssid; \
                 or set firmware.chip, firmware.mqtt_host and firmware.wifi_ssid in keygen.toml";
    refused(&sandbox, &["bundle-firmware"], 1, 232, &[all, flags]);
    let with_application = ["bundle-firmware", "--app", "esp32c3.elf"];
    refused(&sandbox, &with_application, 1, 232, &["the images need a chip and a broker"]);
    // A chip without Wi-Fi needs an application of the user, and no network.
    let without_wifi = ["bundle-firmware", "--chip", "esp32h2"];
    refused(&sandbox, &without_wifi, 1, 212, &["ESP32-H2 has no Wi-Fi", "--app"]);
    sandbox.ok(["client", "--device", "valve-2"]);
    refused(&sandbox, &["bundle-firmware"], 1, 232, &["the images need a device, a chip", "add --device, --chip"]);
    refused(&sandbox, &["bundle-firmware", "--all"], 1, 232, &["the images need a chip"]);
}

/// The application is public. With the image of a device in its place, so would be that device's key.
#[test]
fn files_that_are_no_application() {
    let sandbox = sandbox();
    for (chip, words) in
        [("esp32", "this is the merged image of a flash"), ("esp32c3", "this file contains more than an application")]
    {
        sandbox.ok(args(chip, &format!("{chip}.elf"), &["--out", chip]));
        let flash = format!("{chip}/pump-1/flash.bin");
        refused(&sandbox, &args(chip, &flash, &["--out", "again"]), 1, 209, &[words, "flash.bin", "application.bin"]);
        let bootloader = format!("{chip}/pump-1/bootloader.bin");
        let words = "this image is not an application";
        refused(&sandbox, &args(chip, &bootloader, &["--out", "again"]), 1, 209, &[words, "bootloader.bin"]);
        let application = format!("{chip}/pump-1/application.bin");
        sandbox.ok(args(chip, &application, &["--out", &format!("{chip}-again")]));
    }
    let application = sandbox.read("esp32c3/pump-1/application.bin");
    let credentials = sandbox.read("esp32c3/pump-1/credentials.bin");
    sandbox.write("both.bin", [application.clone(), credentials].concat());
    refused(&sandbox, &args("esp32c3", "both.bin", &["--out", "again"]), 1, 209, &["24576 bytes follow"]);

    let mut foreign = application;
    // The chip's number in the header of an image; 2 is the ESP32-S2.
    foreign[12] = 2;
    sandbox.write("s2.bin", foreign);
    let words = ["tbpki has no support for ESP32-S2", "esp32, esp32s3"];
    refused(&sandbox, &args("esp32c3", "s2.bin", &[]), 1, 227, &words);
    let mut with_key = Sample::new(Chip::Esp32C3.name());
    with_key.rodata = sandbox.read("pki/devices/pump-1/key.pem");
    sandbox.write("with-key.elf", with_key.elf());
    refused(&sandbox, &args("esp32c3", "with-key.elf", &[]), 1, 228, &["contains a private key", "with-key.elf"]);
    // The device's own key without the labels of PEM, between other text.
    let pem = sandbox.text("pki/devices/pump-1/key.pem");
    let body: Vec<&str> = pem.lines().filter(|line| !line.starts_with('-')).collect();
    with_key.rodata = format!("key={};", body.concat()).into_bytes();
    sandbox.write("with-key.elf", with_key.elf());
    refused(&sandbox, &args("esp32c3", "with-key.elf", &[]), 1, 228, &["a private key in base64", "with-key.elf"]);
    // The file once more in base64, as `base64 -w0` and `base64` write it.
    for lines in ["", "\n"] {
        let encoded = BASE64.encode(&pem).as_bytes().chunks(76).collect::<Vec<_>>().join(lines.as_bytes());
        with_key.rodata = encoded;
        sandbox.write("with-key.elf", with_key.elf());
        refused(&sandbox, &args("esp32c3", "with-key.elf", &[]), 1, 228, &["a private key in base64", "with-key.elf"]);
    }
    // In pieces, so that only the key itself tells that it is there.
    with_key.rodata = body.join("\0").into_bytes();
    sandbox.write("with-key.elf", with_key.elf());
    refused(&sandbox, &args("esp32c3", "with-key.elf", &[]), 1, 228, &["the private key of a device", "pump-1"]);
}

#[test]
fn applications() {
    let sandbox = sandbox();
    refused(&sandbox, &args("esp32c3", "esp32s3.elf", &[]), 1, 210, &["esp32s3.elf", "Xtensa"]);
    refused(&sandbox, &args("esp32c6", "esp32c3.elf", &[]), 1, 210, &["it fits the ESP32-C3"]);
    refused(&sandbox, &args("esp32c3", "wifi-password", &[]), 1, 209, &["neither an ELF file"]);
    refused(&sandbox, &args("esp32c3", "nowhere.elf", &[]), 1, 80, &["nowhere.elf"]);
    let mut large = Sample::new(Chip::Esp32C3.name());
    large.code = 1_100_000;
    sandbox.write("large.elf", large.elf());
    sandbox.write("1M.csv", "nvs,data,nvs,,24K\nfactory,app,factory,0x10000,1M\n");
    refused(&sandbox, &args("esp32c3", "large.elf", &["--partitions", "1M.csv"]), 1, 204, &["1048576"]);
    sandbox.write("8M.csv", "nvs,data,nvs,,24K\nfactory,app,factory,0x10000,8M\n");
    refused(&sandbox, &args("esp32c3", "large.elf", &["--partitions", "8M.csv"]), 1, 204, &["which has 4 MB"]);

    // Without --app: nothing is shipped here, and this is no checkout.
    let ours = |chip: &'static str| ["bundle-firmware", "--chip", chip, "--wifi-ssid", "x", "--broker", "b.example"];
    refused(&sandbox, &ours("esp32c3"), 1, 208, &["--app FILE", "cargo xtask firmware --chip esp32c3 --out"]);
    refused(&sandbox, &ours("esp32h2"), 1, 212, &["ESP32-H2 has no Wi-Fi"]);
    // A checkout, but nothing in it to build with.
    sandbox.write("crates/firmware/Cargo.toml", "[package]\nname = \"tbpki-firmware\"\n");
    let bare = sandbox.tbpki(ours("esp32c3")).env("PATH", "/nowhere").run().ends(1).prints("TBPKI-0213");
    assert!(bare.stderr_text().contains("rustup target add riscv32imc-unknown-none-elf"), "{bare}");
    let bare = sandbox.tbpki(ours("esp32s3")).env("PATH", "/nowhere").run().ends(1).prints("TBPKI-0213");
    assert!(bare.stderr_text().contains("espup install") && bare.stderr_text().contains("setup-xtensa"), "{bare}");
}

#[test]
fn our_application_declares_its_features_and_needs() {
    let sandbox = sandbox();
    let mut ours = Sample::new(Chip::Esp32C3.name());
    ours.rodata = b"tbpki:dates not checked\0".to_vec();
    sandbox.write("ours.elf", ours.elf());
    let without_wifi = ["bundle-firmware", "--chip", "esp32c3", "--app", "ours.elf", "--broker", "b.example"];
    refused(&sandbox, &without_wifi, 1, 216, &["--wifi-ssid"]);
    refused(&sandbox, &args("esp32c3", "ours.elf", &["--nvs-encryption"]), 1, 223, &["--nvs-encryption"]);
    // Another application could read it, but not without its keys.
    let table = "nvs,data,nvs,0x9000,0x6000\nfactory,app,factory,0x10000,1M\n";
    sandbox.write("no-keys.csv", table);
    let encrypted = ["--nvs-encryption", "--partitions", "no-keys.csv"];
    let line = "`nvs_keys, data, nvs_keys, , 0x1000, encrypted`";
    refused(&sandbox, &args("esp32c3", "esp32c3.elf", &encrypted), 1, 202, &["no partition for the keys", line]);
    // The lines of the messages are a table that works.
    let with_keys =
        "nvs,data,nvs,0x9000,0x6000\nnvs_keys, data, nvs_keys, , 0x1000, encrypted\nfactory,app,factory,,1M\n";
    sandbox.write("no-keys.csv", with_keys);
    sandbox.ok(args("esp32c3", "esp32c3.elf", &[&encrypted[..], &["--out", "keys"]].concat()));
    let (nvs, secure) = ("nvs, data, nvs, 0x9000, 0x4000", "esp_secure_cert, 0x3F, , 0xD000, 0x2000, encrypted");
    sandbox.write("plain.csv", table);
    let both = ["--esp-secure-cert", "--partitions", "plain.csv"];
    refused(&sandbox, &args("esp32c3", "esp32c3.elf", &both), 1, 202, &[nvs, secure]);
    sandbox.write("plain.csv", format!("{nvs}\n{secure}\nfactory,app,factory,0x10000,1M\n"));
    sandbox.ok(args("esp32c3", "esp32c3.elf", &[&both[..], &["--out", "secure"]].concat()));
    let said = sandbox.ok(args("esp32c3", "ours.elf", &[]));
    assert!(said.stderr_text().contains("TBPKI-0215") && said.stdout_text().contains("does not check dates"), "{said}");
}

#[test]
fn networks_and_passwords() {
    let sandbox = sandbox();
    sandbox.write("short", "7 bytes\n");
    sandbox.write("long", "x".repeat(64));
    sandbox.write("psk", "0aF1".repeat(16));
    let long = "n".repeat(33);
    let with = |ssid: &str, file: &str| {
        let all = ["bundle-firmware", "--chip", "esp32c3", "--app", "esp32c3.elf", "--broker", "b.example"];
        let network = ["--wifi-ssid", ssid, "--wifi-password-file", file];
        all.iter().chain(&network).map(|arg| (*arg).to_owned()).collect::<Vec<String>>()
    };
    for (ssid, file, status, code, words) in [
        (long.as_str(), "short", 2, 3, "1 to 32 bytes"),
        ("workshop", "short", 1, 207, "--wifi-password-file"),
        ("workshop", "long", 1, 207, "where: long"),
        ("workshop", "psk", 1, 207, "64 hexadecimal digits"),
        ("workshop", "nowhere", 1, 9, "nowhere"),
    ] {
        let args = with(ssid, file);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        refused(&sandbox, &args, status, code, &[words]);
    }
}

#[test]
fn partition_tables() {
    let sandbox = sandbox();
    for (csv, code, words) in [
        ("nvs,data,nvs,0x9000,0x6000\nesp_secure_cert,0x3F,,0xD000,0x2000\napp,app,factory,,1M\n", 203, "0xf000"),
        ("nvs,data,nvs,0x9000,0x6000\napp,app,factory,0x18000,1M\n", 202, "multiples of 0x10000"),
        ("nvs,data,nvs,0x9000,0x6000\n", 202, "no place for an application"),
        ("app,app,factory,,1M\n", 202, "no place for the credentials"),
        ("nvs,data,nvs,0x9000,0x3000\napp,app,factory,,1M\n", 0, ""),
        ("nvs,data,nvs,0x9000,0x6000\napp,app,fctory,,1M\n", 202, "partitions.csv:2"),
        ("nvs,data,nvs,0x9000,0x6000\napp,app,factory,,8M\n", 204, "4 MB"),
        // ESP-IDF's updates write two sectors in turn, so this partition has two of them, and no other size.
        ("nvs,data,nvs,0x9000,0x6000\nota,data,ota,,0x1000\napp,app,factory,,1M\n", 202, "have 0x2000 bytes"),
        ("app,app,factory,0x10000,1M\nnvs,data,nvs,,2M\n", 202, "0x3000 to 0x100000 bytes"),
        ("nvs,data,nvs,0x8000,0x6000\napp,app,factory,,1M\n", 202, "--partition-table-offset"),
        ("nvs,data,nvs,0x9000,0x6000\napp,app,ota_1,,1M\ntee,app,tee_0,,1M\n", 202, "starts none of its application"),
    ] {
        sandbox.write("partitions.csv", csv);
        let args = args("esp32c3", "esp32c3.elf", &["--partitions", "partitions.csv", "--dry-run"]);
        match code {
            0 => drop(sandbox.ok(args)),
            code => refused(&sandbox, &args, 1, code, &[words, "where: partitions.csv", "help:"]),
        }
    }
}

/// The messages about a binary table name the table.
#[test]
fn binary_tables() {
    let sandbox = sandbox();
    bundled(&sandbox, &["--out", "out"]);
    let table = sandbox.read("out/pump-1/partition-table.bin");
    let with = |more: &[u8]| {
        sandbox.write("table.bin", [&table[..], more].concat());
        args("esp32c3", "esp32c3.elf", &["--partitions", "table.bin", "--out", "again"])
    };
    let words = ["where: table.bin", "only a signature of secure boot can follow it"];
    refused(&sandbox, &with(b"another file"), 1, 202, &words);
    let signature = [[0; 4].as_slice(), &[7; 64]].concat();
    refused(&sandbox, &with(&signature), 1, 229, &["where: table.bin", "the partition table is signed"]);
    sandbox.ok(with(&[0; 0x400]));
    assert_eq!(sandbox.read("again/pump-1/partition-table.bin"), table);
    // Without the entry with the MD5, as old bootloaders need it.
    let mut plain = table.clone();
    let sum = plain.chunks(32).position(|entry| entry.starts_with(&[0xEB, 0xEB])).unwrap();
    plain[32 * sum..32 * (sum + 1)].fill(0xFF);
    sandbox.write("plain.bin", &plain);
    sandbox.ok(args("esp32c3", "esp32c3.elf", &["--partitions", "plain.bin", "--out", "plain"]));
    assert_eq!(sandbox.read("plain/pump-1/partition-table.bin"), plain);
}

#[test]
fn keys_of_an_encrypted_nvs_need_a_whole_page() {
    let sandbox = sandbox();
    let keys = |size: &str| {
        let table = format!("nvs,data,nvs,0x9000,0x6000\nkeys,data,nvs_keys,,{size}\nfactory,app,factory,0x20000,1M\n");
        sandbox.write("keys.csv", table);
        args("esp32c3", "esp32c3.elf", &["--nvs-encryption", "--partitions", "keys.csv", "--out", "out"])
    };
    refused(&sandbox, &keys("0x800"), 1, 202, &["the partition keys has 0x800 bytes", "0x1000"]);
    sandbox.ok(keys("0x1000"));
}

#[test]
fn our_firmware_finds_its_table() {
    let sandbox = sandbox();
    let mut ours = Sample::new(Chip::Esp32C3.name());
    ours.rodata = b"tbpki:dates checked\0".to_vec();
    sandbox.write("ours.elf", ours.elf());
    bundled(&sandbox, &["--out", "out"]);
    let other =
        testkit::application::other_bootloader(&sandbox.read("out/pump-1/bootloader.bin"), base::digest::sha256);
    sandbox.write("bootloader.bin", other);
    let at =
        |offset: &'static str| ["--bootloader", "bootloader.bin", "--partition-table-offset", offset, "--out", "moved"];
    let words = ["our application does not find a partition table at 0x20000", "from 0x8000 to 0x1f000"];
    refused(&sandbox, &args("esp32c3", "ours.elf", &at("0x20000")), 2, 202, &words);
    sandbox.ok(args("esp32c3", "ours.elf", &at("0x1f000")));
    sandbox.ok(args("esp32c3", "esp32c3.elf", &[&at("0x20000")[..], &["--force"]].concat()));
    // The functions of the ROM have addresses of 24 bits.
    let mut ours = Sample::new(Chip::Esp32S3.name());
    ours.rodata = b"tbpki:dates checked\0".to_vec();
    sandbox.write("ours-s3.elf", ours.elf());
    sandbox.write("32M.csv", "factory,app,factory,0x10000,1M\nnvs,data,nvs,0x1000000,0x4000\n");
    let far = ["--partitions", "32M.csv", "--flash-size", "32MB", "--out", "far"];
    let words = ["does not reach the partition nvs", "the first 16 MB", "32M.csv"];
    refused(&sandbox, &args("esp32s3", "ours-s3.elf", &far), 1, 202, &words);
    sandbox.ok(args("esp32s3", "esp32s3.elf", &far));
}

/// Its network stack has IPv4 alone, and devices compare the name of the broker with its certificate.
#[test]
fn our_firmware_reaches_its_broker() {
    let sandbox = sandbox();
    let mut ours = Sample::new(Chip::Esp32C3.name());
    ours.rodata = b"tbpki:dates checked\0tbpki:enrolls\0".to_vec();
    sandbox.write("ours.elf", ours.elf());
    let with = |app: &'static str, broker: &'static str, more: &[&'static str]| {
        let network = ["--wifi-ssid", "workshop", "--wifi-password-file", "wifi-password", "--out", "out", "--force"];
        let common = ["bundle-firmware", "--chip", "esp32c3", "--app", app, "--broker", broker];
        [&common[..], &network, more].concat()
    };
    let words = ["does not reach the broker", "2001:db8::1", "--broker", "IPv4 only"];
    refused(&sandbox, &with("ours.elf", "2001:db8::1", &[]), 2, 505, &words);
    let enroll = ["--enroll", "https://[2001:db8::2]:9443"];
    let words = ["does not reach the enrolment service", "2001:db8::2", "--enroll"];
    refused(&sandbox, &with("ours.elf", "192.0.2.1", &enroll), 2, 505, &words);
    let shown = sandbox.ok(with("esp32c3.elf", "2001:db8::1", &enroll));
    let shown = shown.prints("[2001:db8::1]:8883").prints("[2001:db8::2]:9443");
    assert!(!shown.stderr_text().contains("TBPKI-0052"), "the store has no server: {shown}");

    // A board reaches itself, whatever its application is.
    for (broker, enroll, named) in [
        ("localhost", "https://tb.example:9443", "on a board, localhost is the board itself and not the broker"),
        (
            "broker.example",
            "https://127.0.0.1:9443",
            "on a board, 127.0.0.1 is the board itself and not the enrolment service",
        ),
    ] {
        let shown = sandbox.ok(with("esp32c3.elf", broker, &["--enroll", enroll]));
        assert_eq!(shown.prints(named).stderr_text().matches("TBPKI-0506").count(), 1, "{broker}");
    }

    sandbox.ok(["server", "--name", "broker.example", "--only-given-names"]);
    let named = sandbox.ok(with("ours.elf", "broker.example", &[]));
    assert!(!named.stderr_text().contains("TBPKI-0052"), "{named}");
    let other = sandbox.ok(with("ours.elf", "192.0.2.1", &[])).prints("TBPKI-0052");
    assert!(other.stderr_text().contains("the servers of the store are broker.example"), "{other}");
    let skipped = sandbox.ok(with("ours.elf", "192.0.2.1", &["--skip-host-name-check"]));
    assert!(!skipped.stderr_text().contains("TBPKI-0052"), "{skipped}");
}

#[test]
fn a_table_has_at_most_94_partitions() {
    let sandbox = sandbox();
    let with = |more: usize| {
        let rows: String = (0..more).map(|index| format!("p{index},0x40,{index},,4K\n")).collect();
        sandbox.write("partitions.csv", format!("nvs,data,nvs,0x9000,24K\napp,app,factory,0x10000,1M\n{rows}"));
    };
    let args = args("esp32c3", "esp32c3.elf", &["--partitions", "partitions.csv", "--out", "out"]);
    // 94 entries of 32 bytes, the hash behind them and an end mark fill the 0xC00 bytes of a table.
    with(93);
    refused(&sandbox, &args, 1, 202, &["95 partitions", "at most 94 entries"]);
    with(92);
    sandbox.ok(&args);
    let binary = "out/pump-1/partition-table.bin";
    sandbox.ok(crate::args("esp32c3", "esp32c3.elf", &["--partitions", binary, "--out", "again"]));
}

#[test]
fn offsets_and_bootloaders_of_another_project() {
    let sandbox = sandbox();
    let c3 = |more: &[&'static str]| args("esp32c3", "esp32c3.elf", more);
    let moved = ["--partition-table-offset", "0xD000"];
    let words = ["a partition table at 0xd000", "where: --partition-table-offset", "--bootloader"];
    refused(&sandbox, &c3(&moved), 1, 229, &words);
    let words = ["a flash of 4096 KiB has no space", "where: --partition-table-offset", "0x3ff000", "help:"];
    refused(&sandbox, &c3(&["--partition-table-offset", "0x3ff000"]), 2, 202, &words);
    refused(&sandbox, &c3(&["--partition-table-offset", "0xD100"]), 2, 3, &["0xD100", "a multiple of 0x1000"]);
    refused(&sandbox, &c3(&["--bootloader", "nowhere.bin"]), 1, 80, &["nowhere.bin"]);
    let words = ["\"ota_7\"", "where: --app-partition", "use one of factory"];
    refused(&sandbox, &c3(&["--app-partition", "ota_7"]), 2, 202, &words);
    sandbox.write("empty.bin", "");
    refused(&sandbox, &c3(&["--bootloader", "empty.bin"]), 1, 229, &["not a bootloader", "empty.bin", "is empty"]);
    bundled(&sandbox, &["--out", "out"]);
    for (file, words) in [("application", "it is an application"), ("flash", "bytes follow")] {
        let bootloader = format!("out/pump-1/{file}.bin");
        let args = args("esp32c3", "esp32c3.elf", &["--bootloader", &bootloader]);
        refused(&sandbox, &args, 1, 229, &[words, &bootloader]);
    }
    // The bootloader of an image of 2 MB.
    let small = ["--flash-size", "2MB", "--out", "small"];
    bundled(&sandbox, &small);
    sandbox.write("small.bin", sandbox.read("small/pump-1/bootloader.bin"));
    let words = ["where: small.bin", "a flash of 2 MB", "`--flash-size 2MB`"];
    refused(&sandbox, &c3(&["--flash-size", "4MB", "--bootloader", "small.bin"]), 1, 229, &words);
    bundled(&sandbox, &["--flash-size", "2MB", "--bootloader", "small.bin", "--out", "small-2"]);
    let signed = [sandbox.read("out/pump-1/application.bin"), vec![0; 4], vec![7; 64]].concat();
    sandbox.write("signed.bin", signed);
    refused(&sandbox, &args("esp32c3", "signed.bin", &[]), 1, 229, &["signed for secure boot", "--bootloader"]);
    sandbox.write("keygen.toml", "version = 1\n[firmware]\npartition_table_offset = 0xD100\n");
    refused(&sandbox, &c3(&[]), 1, 3, &["keygen.toml:3:26", "a multiple of 0x1000"]);
}

#[test]
fn credentials_that_do_not_fit_or_do_not_belong_together() {
    let sandbox = sandbox();
    sandbox.ok(["client", "--device", "rsa", "--alg", "rsa-4096"]);
    sandbox.write("pki/devices/rsa/chain.pem", sandbox.text("pki/devices/rsa/chain.pem").repeat(3));
    sandbox.write("small.csv", "nvs,data,nvs,0x9000,0x3000\napp,app,factory,,1M\n");
    let small = args("esp32c3", "esp32c3.elf", &["--device", "rsa", "--partitions", "small.csv"]);
    refused(&sandbox, &small, 1, 205, &["16384 bytes, but this one has 12288", "rsa"]);

    sandbox.ok(["client", "--device", "ed", "--alg", "ed25519"]);
    refused(&sandbox, &args("esp32c3", "esp32c3.elf", &["--device", "ed"]), 1, 65, &["chain.pem", "Ed25519"]);

    // One bad device in a fleet: nothing is written for the good ones either.
    refused(&sandbox, &args("esp32c3", "esp32c3.elf", &["--all"]), 1, 65, &["ed"]);

    sandbox.ok(["client", "--device", "valve-2"]);
    sandbox.write("pki/devices/valve-2/key.pem", sandbox.read("pki/devices/pump-1/key.pem"));
    refused(&sandbox, &args("esp32c3", "esp32c3.elf", &["--device", "valve-2"]), 1, 34, &["valve-2/key.pem"]);
    refused(&sandbox, &args("esp32c3", "esp32c3.elf", &["--device", "pump-9"]), 2, 96, &["pump-9", "tbpki client"]);
}

#[test]
fn anchors_that_the_device_cannot_use() {
    let sandbox = Sandbox::new();
    let constrained = "version = 1\n[ca.name_constraints]\npermitted_dns = [\"fleet.example\"]\n";
    sandbox.write("keygen.toml", constrained);
    sandbox.ok(["init", "--no-input", "--insecure-no-passphrase"]);
    sandbox.ok(["client", "--device", "pump-1"]);
    sandbox.write("esp32c3.elf", Sample::new(Chip::Esp32C3.name()).elf());
    sandbox.write("wifi-password", "a wireless password\n");
    refused(&sandbox, &args("esp32c3", "esp32c3.elf", &[]), 1, 65, &["critical name constraints"]);

    // Neither the certificate of a server nor a root of the past leads to a service.
    let own = crate::sandbox();
    own.ok(["server", "--name", "enroll.example", "--only-given-names"]);
    let enroll = |anchors: &'static str| {
        let service = ["--enroll", "https://enroll.example", "--enroll-anchors", anchors];
        args("esp32c3", "esp32c3.elf", &[&["--device", "valve", "--out", "out"][..], &service].concat())
    };
    let chain = own.text("pki/servers/enroll.example/mqttserver.pem");
    let end = chain.find("-----END CERTIFICATE-----").unwrap() + "-----END CERTIFICATE-----\n".len();
    own.write("leaf.pem", &chain[..end]);
    refused(&own, &enroll("leaf.pem"), 1, 44, &["is not that of a CA", "where: leaf.pem"]);
    own.write("root.pem", own.text("pki/ca/server-root/cert.pem"));
    own.ok(enroll("root.pem"));

    let cloud = crate::sandbox();
    cloud.write("keygen.toml", "version = 1\n[server]\nanchors = \"system\"\n");
    cloud.ok(["client", "--device", "valve-2"]);
    refused(&cloud, &args("esp32c3", "esp32c3.elf", &["--device", "valve-2"]), 1, 219, &["tbpki trust"]);
}

#[test]
fn images_and_boards_to_write_them_to() {
    let sandbox = sandbox();
    refused(&sandbox, &["flash", "--chip", "esp32c3"], 1, 224, &["pki/devices/pump-1/esp32c3", "bundle-firmware"]);
    // Without a chip, the board is asked.
    refused(&sandbox, &["flash", "--port", "/dev/no-such-port"], 1, 225, &["/dev/no-such-port"]);
    bundled(&sandbox, &[]);
    let nowhere = ["flash", "--chip", "esp32c3", "--port", "/dev/no-such-port"];
    refused(&sandbox, &nowhere, 1, 225, &["/dev/no-such-port", "dialout"]);
    sandbox.tbpki(["flash", "--monitor", "--json"]).run().ends(2);
    sandbox.write("bad/flasher_args.json", r#"{"flash_files":{"0x0":"../x"},"extra_esptool_args":{"chip":"esp32c3"}}"#);
    refused(&sandbox, &["flash", "--from", "bad"], 1, 224, &["leads out of the directory"]);
    std::os::unix::fs::symlink("/etc/hostname", sandbox.join("bad/link.bin")).unwrap();
    let link = r#"{"flash_files":{"0x0":"link.bin"},"extra_esptool_args":{"chip":"esp32c3"}}"#;
    sandbox.write("bad/flasher_args.json", link);
    refused(&sandbox, &["flash", "--from", "bad"], 1, 80, &["bad/link.bin"]);
    sandbox.ok(["client", "--device", "valve-2"]);
    refused(&sandbox, &["flash", "--chip", "esp32c3"], 2, 11, &["--device"]);
    // A bench without a store has the directory alone.
    let bench = Sandbox::new();
    for file in sandbox.join("pki/devices/pump-1/esp32c3").read_dir().unwrap() {
        let file = file.unwrap();
        bench.write(format!("image/{}", file.file_name().to_string_lossy()), std::fs::read(file.path()).unwrap());
    }
    let from = ["flash", "--from", "image", "--port", "/dev/no-such-port"];
    refused(&bench, &from, 1, 225, &["/dev/no-such-port"]);
}

#[test]
fn an_identity_that_is_not_in_use_any_more_is_not_written_to_a_board() {
    let sandbox = sandbox();
    bundled(&sandbox, &[]);
    let flash = ["flash", "--device", "pump-1", "--chip", "esp32c3", "--port", "/dev/no-such-port"];
    refused(&sandbox, &flash, 1, 225, &["/dev/no-such-port"]);
    sandbox.ok(["client", "--device", "pump-1", "--force"]);
    let words = ["generation 1 of the device, which is not in use", "`tbpki bundle-firmware --device pump-1 --force`"];
    refused(&sandbox, &flash, 1, 224, &words);
    bundled(&sandbox, &["--force"]);
    refused(&sandbox, &flash, 1, 225, &["/dev/no-such-port"]);
    sandbox.ok(["revoke", "pump-1"]);
    refused(&sandbox, &flash, 1, 62, &["was revoked"]);
}

/// Also from an encrypted NVS, whose keys are next to the image.
#[test]
fn a_one_time_password_that_cannot_be_used_any_more_is_not_written_to_a_board() {
    let enroll = ["--device", "valve", "--enroll", "https://enroll.example:9443"];
    for encrypted in [&[][..], &["--nvs-encryption"]] {
        let sandbox = sandbox();
        let flash = ["flash", "--device", "valve", "--chip", "esp32c3", "--port", "/dev/no-such-port"];
        let make = |more: &[&'static str]| bundled(&sandbox, &[&enroll[..], encrypted, more].concat());
        make(&[]);
        refused(&sandbox, &flash, 1, 225, &["/dev/no-such-port"]);
        sandbox.ok(["enroll", "password", "--device", "valve", "--out", "valve.password"]);
        let help = "`tbpki bundle-firmware --device valve --enroll URL --force`";
        refused(&sandbox, &flash, 1, 224, &["was replaced by another one", help]);
        make(&["--force"]);
        refused(&sandbox, &flash, 1, 225, &["/dev/no-such-port"]);
        sandbox.ok(["forget", "--device", "valve"]);
        refused(&sandbox, &flash, 1, 224, &["was withdrawn", help]);
        make(&["--force", "--password-days", "1"]);
        refused(&sandbox, &flash, 1, 225, &["/dev/no-such-port"]);
    }
}

#[test]
fn another_token_than_that_of_the_store_is_not_written_to_a_board() {
    let sandbox = sandbox();
    sandbox.write("pki/devices/pump-1/token", "A1_TEST_TOKEN\n");
    bundled(&sandbox, &["--auth", "token"]);
    let flash = ["flash", "--device", "pump-1", "--chip", "esp32c3", "--port", "/dev/no-such-port"];
    refused(&sandbox, &flash, 1, 225, &["/dev/no-such-port"]);
    sandbox.write("pki/devices/pump-1/token", "B2_TEST_TOKEN\n");
    let help = "`tbpki bundle-firmware --device pump-1 --auth token --force`";
    refused(&sandbox, &flash, 1, 224, &["another access token than the store", help]);
    bundled(&sandbox, &["--auth", "token", "--force"]);
    std::fs::remove_file(sandbox.join("pki/devices/pump-1/token")).unwrap();
    refused(&sandbox, &flash, 1, 225, &["/dev/no-such-port"]);
}

#[test]
fn arguments_that_do_not_go_together() {
    let sandbox = sandbox();
    let c3 = |more: &[&'static str]| args("esp32c3", "esp32c3.elf", more);
    sandbox.write("pki/devices/pump-1/token", "A1_TEST_TOKEN\n");
    refused(&sandbox, &c3(&["--auth", "token", "--esp-secure-cert"]), 2, 11, &["--esp-secure-cert"]);
    for more in [&["--device", "pump-1", "--all"][..], &["--include-nvs-keys"], &["--manifest-with-credentials"]] {
        let outcome = sandbox.tbpki(c3(more)).run().ends(2);
        assert!(outcome.stderr_text().contains("--"), "{outcome}");
    }
    bundled(&sandbox, &["--out", "out"]);
}
