//! The credentials record in partitions that Espressif's own generator wrote.

use device::Record;
use device::record::{EnrolmentSettings, Login, NAMESPACE, Parts, RecordValue};
use devkit::credentials;
use tbpki_tests::binary::workspace;
use tbpki_tests::oracle::nvs_partition_gen;
use tbpki_tests::{Sandbox, Tool};

fn pem(label: &str, length: usize) -> String {
    // Lines with their numbers: a page that is missing or in the wrong place changes the text.
    let lines: String = (0..length / 65).map(|line| format!("{line:064}\n")).collect();
    format!("-----BEGIN {label}-----\n{lines}-----END {label}-----\n")
}

fn parts(login: Login) -> Parts {
    Parts {
        device_name: "Pumpe 1, Käsekeller".to_owned(),
        wifi_ssid: String::new(),
        wifi_password: "".into(),
        host: "tb.example".to_owned(),
        port: 8883,
        ca_chain: pem("CERTIFICATE", 2_000),
        login,
        skip_host_name_check: true,
        ntp_server: String::new(),
        enrolment: None,
    }
}

/// The partition that Espressif's generator makes of these entries.
fn generated(record: &Record, size: &str) -> Vec<u8> {
    let sandbox = Sandbox::new();
    let mut csv = format!("key,type,encoding,value\n{NAMESPACE},namespace,,\n");
    for entry in record.entries().iter() {
        let key = entry.key;
        csv += &match entry.value {
            RecordValue::U8(number) => format!("{key},data,u8,{number}\n"),
            RecordValue::U16(number) => format!("{key},data,u16,{number}\n"),
            RecordValue::Str(text) => format!("{key},data,string,\"{text}\"\n"),
            RecordValue::Blob(bytes) => format!("{key},file,binary,{}\n", sandbox.write(key, bytes).display()),
        };
    }
    let csv = sandbox.write("record.csv", csv);
    nvs_partition_gen().arg("generate").arg(csv).arg(sandbox.join("nvs.bin")).arg(size).run().ok();
    sandbox.read("nvs.bin")
}

#[test]
fn a_record_with_a_token_in_one_page_is_read() {
    let record = Record::new(parts(Login::Token("A1b2C3d4E5".into()))).unwrap();
    assert_eq!(Record::read(&generated(&record, "0x3000")[..]), Ok(record));
}

fn enrolment(password: &str, anchors: &str) -> Option<EnrolmentSettings> {
    Some(EnrolmentSettings {
        host: "est.example".to_owned(),
        port: 9443,
        label: "pumps".to_owned(),
        anchors: anchors.to_owned(),
        password: password.into(),
        renew_days: 30,
        salt: [7; 16],
    })
}

/// A record of each case: a token, a certificate, a certificate that is renewed, and none yet.
fn cases() -> [Record; 4] {
    let certificate = || Login::Certificate { chain: pem("CERTIFICATE", 900), key: pem("PRIVATE KEY", 200).into() };
    let with_time = |login| Parts { ntp_server: "pool.ntp.org".to_owned(), ..parts(login) };
    [
        parts(Login::Token("A1b2C3d4E5".into())),
        parts(certificate()),
        Parts { enrolment: enrolment("", &pem("CERTIFICATE", 700)), ..with_time(certificate()) },
        Parts { enrolment: enrolment("one-time", ""), ..with_time(Login::Pending) },
    ]
    .map(|parts| Record::new(parts).unwrap())
}

#[test]
fn records_of_both_versions_are_read() {
    for record in cases() {
        let generated = generated(&record, "0x6000");
        // tbpki writes what Espressif's generator writes.
        assert!(credentials::partition(&record, 0x6000, None).unwrap().as_slice() == generated);
        assert_eq!(Record::read(&generated[..]), Ok(record));
    }
}

/// The example of the guide is compiled as it is, and reads every case.
#[test]
fn the_c_reader_of_the_guide_takes_both_versions() {
    let guide = std::fs::read_to_string(workspace().join("docs/src/guide/esp-idf.md")).unwrap();
    let (_, rest) = guide.split_once("```c\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let sandbox = Sandbox::new();
    sandbox.write("example.c", example);
    let clients = workspace().join("tests/clients/c");
    let flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-o", "reader", "-I", "."];
    let compile = Tool::new("cc").directory(sandbox.path()).args(flags);
    compile.arg("-I").arg(&clients).arg(clients.join("main.c")).run().ok();
    let seen = cases().map(|record| {
        let directory =
            format!("record-{}", record.hash().iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        for entry in record.entries().iter() {
            let bytes = match entry.value {
                RecordValue::U8(number) => vec![number],
                RecordValue::U16(number) => number.to_le_bytes().to_vec(),
                RecordValue::Str(text) => [text.as_bytes(), &[0]].concat(),
                RecordValue::Blob(bytes) => bytes.to_vec(),
            };
            sandbox.write(format!("{directory}/{}", entry.key), bytes);
        }
        Tool::new(sandbox.join("reader")).arg(sandbox.join(&directory)).run().ok().stdout_text()
    });
    let broker = "broker tb.example:8883\n";
    let lengths = format!(
        "certificate of {} bytes, key of {}\n",
        pem("CERTIFICATE", 900).len() + 1,
        pem("PRIVATE KEY", 200).len() + 1
    );
    let service = "enrolment est.example:9443, label pumps, 30 days, anchors";
    let expected = [
        format!("{broker}token A1b2C3d4E5\n"),
        format!("{broker}{lengths}"),
        format!("{broker}{lengths}{service} own\n"),
        format!("no certificate yet: password one-time\n{service} of the broker\n"),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn chains_and_keys_over_several_pages_are_read() {
    // The chain is longer than a page of NVS (4,096 bytes), so that the generator cuts it into chunks with an index.
    let login = Login::Certificate { chain: pem("CERTIFICATE", 9_000), key: pem("PRIVATE KEY", 3_300).into() };
    let record = Record::new(parts(login)).unwrap();
    assert_eq!(Record::read(&generated(&record, "0x6000")[..]), Ok(record));
}
