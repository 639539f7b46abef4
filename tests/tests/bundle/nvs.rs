//! NVS partitions, held to Espressif's own generator: byte by byte, plain and encrypted.

use std::fmt::Write;

use device::record::{Login, Parts};
use devkit::credentials;
use devkit::nvs::{Keys, NvsNamespace, NvsValue, partition};
use pki::Algorithm;
use serde_json::{Value as Json, json};
use tbpki_tests::Sandbox;
use tbpki_tests::oracle::python;

const SIZE: usize = 0x8000;

#[test]
fn every_type_and_every_length_is_laid_out_as_espressif_does() {
    // With its NUL it fills the 124 entries that are left of a page behind the namespace and its own head.
    let text = "x".repeat(3967);
    let blob: Vec<u8> = (0..=255).cycle().take(20_000).collect();
    let numbers = [
        ("u8", NvsValue::U8(200)),
        ("i8", NvsValue::I8(-100)),
        ("u16", NvsValue::U16(8883)),
        ("i16", NvsValue::I16(-8883)),
        ("u32", NvsValue::U32(4_000_000_000)),
        ("i32", NvsValue::I32(-2_000_000_000)),
        ("u64", NvsValue::U64(u64::MAX)),
        ("i64", NvsValue::I64(i64::MIN)),
    ];
    let mut cases = Cases::default();
    cases.add(&[
        NvsNamespace { name: "numbers", entries: &numbers },
        NvsNamespace { name: "more", entries: &numbers[..2] },
    ]);
    // Around the sizes at which an entry, a page and the place for the index are full.
    let lengths = [0, 1, 31, 32, 33, 3903, 3904, 3905, 3935, 3936, 3937, 3967, 3968, 3969, 7999, 8000, 8001, 20_000];
    for length in lengths {
        cases.add_one(&[("first", NvsValue::Blob(&blob[..length])), ("second", NvsValue::Blob(&blob[..100]))]);
    }
    for length in [0, 30, 31, 32, 3900, 3935, 3936, 3966, 3967] {
        cases.add_one(&[
            ("first", NvsValue::Text(&text[..length])),
            ("second", NvsValue::Text("x")),
            ("third", NvsValue::U8(1)),
        ]);
    }
    // Pages that end with a number, a text or the first chunk of a blob.
    // A page has 126 entries, the first of which names the namespace.
    for filling in 118..=126 {
        let names: Vec<String> = (0..filling).map(|number| format!("n{number}")).collect();
        for last in [NvsValue::U8(1), NvsValue::Text("abc"), NvsValue::Blob(&blob[..40]), NvsValue::Blob(&blob[..9000])]
        {
            let mut entries: Vec<(&str, NvsValue<'_>)> =
                names.iter().map(|name| (name.as_str(), NvsValue::U8(7))).collect();
            entries.push(("last", last));
            cases.add_one(&entries);
        }
    }
    cases.compare();
}

#[test]
fn records_are_byte_for_byte_espressifs_and_decrypt_with_its_tool() {
    let mut cases = Cases::default();
    let mut encrypted = Vec::new();
    let mut records = Vec::new();
    for (algorithm, certificates) in [(Algorithm::EcP256, 2), (Algorithm::EcP256, 9), (Algorithm::Rsa4096, 4)] {
        let record = credentials::record(parts(algorithm, certificates)).unwrap();
        let entries = record.entries();
        let entries: Vec<(&str, NvsValue<'_>)> =
            entries.iter().map(|entry| (entry.key, credentials::value(entry.value))).collect();
        let namespaces = [NvsNamespace { name: "tbpki", entries: &entries }];
        cases.add_made(&namespaces, None, &credentials::partition(&record, SIZE, None).unwrap());
        let keys = Keys::generate().unwrap();
        let partition = credentials::partition(&record, SIZE, Some(&keys)).unwrap();
        cases.add_made(&namespaces, Some(&keys), &partition);
        encrypted.push(json!({"keys": hex(&keys.to_partition()), "partition": hex(&partition)}));
        records.push(record);
    }
    cases.compare();
    let given = Json::from(encrypted).to_string();
    let decrypted = python("nvs_generate.py").arg("--decrypt").stdin(given).run().ok().json();
    for (decrypted, record) in decrypted.as_array().unwrap().iter().zip(&records) {
        assert_eq!(&credentials::read(&unhex(decrypted.as_str().unwrap())).unwrap(), record);
    }
}

/// A device's record with this kind of key, and a chain of this many certificates.
fn parts(algorithm: Algorithm, certificates: usize) -> Parts {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["client", "--device", "pump-1", "--alg", algorithm.name(), "--no-input"]);
    let certificate = sandbox.text("pki/devices/pump-1/cert.pem");
    let chain = certificate.repeat(certificates);
    // Beyond 4,000 bytes a chain does not fit into one page and has to be cut into chunks.
    assert!(certificates < 4 || chain.len() > 4000, "{} bytes", chain.len());
    Parts {
        device_name: "pump-1".to_owned(),
        wifi_ssid: "workshop".to_owned(),
        wifi_password: "hunter22".into(),
        host: "broker.example".to_owned(),
        port: 8883,
        ca_chain: sandbox.text("pki/devices/pump-1/tb-server-chain.pem"),
        login: Login::Certificate { chain, key: sandbox.text("pki/devices/pump-1/key.pem").into() },
        skip_host_name_check: false,
        ntp_server: "pool.ntp.org".to_owned(),
        enrolment: None,
    }
}

/// The input of Espressif's generator, and our output; compared in one run of it.
#[derive(Default)]
struct Cases {
    wanted: Vec<Json>,
    ours: Vec<String>,
}

impl Cases {
    fn add_one(&mut self, entries: &[(&str, NvsValue<'_>)]) {
        self.add(&[NvsNamespace { name: "tbpki", entries }]);
    }

    fn add(&mut self, namespaces: &[NvsNamespace<'_>]) {
        self.add_made(namespaces, None, &partition(namespaces, SIZE, None).unwrap());
    }

    fn add_made(&mut self, namespaces: &[NvsNamespace<'_>], keys: Option<&Keys>, ours: &[u8]) {
        let namespaces: Vec<Json> = namespaces.iter().map(described).collect();
        // The partition goes on with a checksum and padding; the keys themselves are two times 32 bytes, for AES-256 in
        // XTS.
        let keys = keys.map(|keys| hex(&keys.to_partition()[..64]));
        self.wanted.push(json!({"size": SIZE, "keys": keys, "namespaces": namespaces}));
        self.ours.push(hex(ours));
    }

    #[track_caller]
    fn compare(self) {
        let theirs = python("nvs_generate.py").stdin(Json::from(self.wanted.clone()).to_string()).run().ok().json();
        let theirs = theirs.as_array().unwrap();
        assert_eq!(theirs.len(), self.ours.len());
        for ((wanted, ours), theirs) in self.wanted.iter().zip(&self.ours).zip(theirs) {
            let theirs = theirs.as_str().unwrap();
            let difference = ours.bytes().zip(theirs.bytes()).position(|(ours, theirs)| ours != theirs);
            assert!(ours == theirs, "first difference at byte {:?} of {wanted}", difference.map(|at| at / 2));
        }
    }
}

fn described(namespace: &NvsNamespace<'_>) -> Json {
    let entry = |(key, value): &(&str, NvsValue<'_>)| {
        let (kind, value): (&str, Json) = match *value {
            NvsValue::U8(number) => ("u8", number.into()),
            NvsValue::U16(number) => ("u16", number.into()),
            NvsValue::U32(number) => ("u32", number.into()),
            NvsValue::U64(number) => ("u64", number.into()),
            NvsValue::I8(number) => ("i8", number.into()),
            NvsValue::I16(number) => ("i16", number.into()),
            NvsValue::I32(number) => ("i32", number.into()),
            NvsValue::I64(number) => ("i64", number.into()),
            NvsValue::Text(text) => ("string", text.into()),
            NvsValue::Blob(bytes) => ("hex2bin", hex(bytes).into()),
        };
        json!({"key": key, "type": kind, "value": value})
    };
    json!({"name": namespace.name, "entries": namespace.entries.iter().map(entry).collect::<Vec<_>>()})
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
