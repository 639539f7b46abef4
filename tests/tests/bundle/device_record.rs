//! The credentials record in partitions that Espressif's own generator wrote.

use device::Record;
use device::record::{Login, NAMESPACE, Parts, RecordValue};
use tbpki_tests::Sandbox;
use tbpki_tests::oracle::nvs_partition_gen;

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

#[test]
fn chains_and_keys_over_several_pages_are_read() {
    // The chain is longer than a page of NVS (4,096 bytes), so that the generator cuts it into chunks with an index.
    let login = Login::Certificate { chain: pem("CERTIFICATE", 9_000), key: pem("PRIVATE KEY", 3_300).into() };
    let record = Record::new(parts(login)).unwrap();
    assert_eq!(Record::read(&generated(&record, "0x6000")[..]), Ok(record));
}
