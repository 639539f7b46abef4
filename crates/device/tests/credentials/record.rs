//! The record out of an image: whole, damaged at every bit, and out of its limits.

use device::Record;
use device::nvs::NvsError;
use device::record::{Invalid, Login, NvsType, Parts, ReadError, RecordEntry, RecordValue, key};
use proptest::prelude::*;

use crate::image::{ACTIVE, Page, image, partition, parts, parts_with_certificate, pem};

fn record(parts: Parts) -> Record {
    Record::new(parts).unwrap()
}

#[test]
fn a_record_is_read_as_it_was_written() {
    for parts in [parts(), parts_with_certificate(), Parts { skip_host_name_check: true, ..parts() }] {
        let written = record(parts);
        assert_eq!(Record::read(&image(&written)[..]), Ok(written));
    }
}

#[test]
fn pem_ends_in_a_nul_and_what_is_not_there_is_a_nul_alone() {
    let with_token = record(parts());
    let blobs: Vec<_> = with_token
        .entries()
        .iter()
        .filter_map(|entry| match entry.value {
            RecordValue::Blob(bytes) if entry.key != key::HASH => Some((entry.key, bytes.to_vec())),
            _ => None,
        })
        .collect();
    let anchors = [pem("CERTIFICATE", 'A').as_bytes(), &[0]].concat();
    assert_eq!(blobs, [(key::CA_CHAIN, anchors), (key::CLIENT_CHAIN, vec![0]), (key::CLIENT_KEY, vec![0])]);
}

/// The layout that C firmware and writers of images rely on. Any change of it is another schema.
#[test]
fn names_types_and_order_are_those_of_schema_1() {
    let record = record(parts());
    let entries = record.entries();
    let seen: Vec<_> = entries.iter().map(|entry| (entry.key, entry.value.nvs_type())).collect();
    let expected = [
        ("schema", NvsType::U8),
        ("device", NvsType::Str),
        ("wifi_ssid", NvsType::Str),
        ("wifi_password", NvsType::Str),
        ("host", NvsType::Str),
        ("port", NvsType::U16),
        ("ca_chain", NvsType::Blob),
        ("client_chain", NvsType::Blob),
        ("client_key", NvsType::Blob),
        ("token", NvsType::Str),
        ("flags", NvsType::U8),
        ("ntp_server", NvsType::Str),
        ("hash", NvsType::Blob),
    ];
    assert_eq!(seen, expected);
    assert!(expected.iter().all(|(key, _)| key.len() <= 15), "NVS allows 15 characters");
}

/// Computed apart from this code, with Python's hashlib, from the description in `docs/src/topics/device-record.md`.
#[test]
fn the_hash_is_the_documented_one() {
    let hash: String = record(parts()).hash().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hash, "35e7e14b77ea8eebf03d26667a739ddd1b7d540664d2b0b2c8d1fefd1c093ef2");
}

/// The image is one page with entries, so this is every bit that can matter, and some of a blank page.
#[test]
fn a_flipped_bit_is_an_error_or_changes_nothing() {
    let whole = record(parts());
    let mut image = image(&whole);
    let (mut refused, mut unharmed) = (0, 0);
    for bit in 0..8 * (4096 + 64) {
        image[bit / 8] ^= 1 << (bit % 8);
        match Record::read(&image[..]) {
            Ok(read) => {
                assert_eq!(read, whole, "bit {bit}");
                unharmed += 1;
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                refused += 1;
            }
        }
        image[bit / 8] ^= 1 << (bit % 8);
    }
    // Unused entries and the filling of used ones do not matter; states, entries and data do.
    assert!(refused > 5_000 && unharmed > 5_000, "{refused} refused, {unharmed} unharmed");
}

#[test]
fn a_vanished_entry_is_missing_and_not_empty() {
    let whole = record(parts());
    let mut page = Page::with_namespace(ACTIVE, 0);
    for entry in whole.entries().iter().filter(|entry| entry.key != key::WIFI_PASSWORD) {
        page.entry(&entry);
    }
    let error = Record::read(&partition(&[page.bytes()])[..]).unwrap_err();
    assert_eq!(error, ReadError::Nvs(NvsError::Missing { key: key::WIFI_PASSWORD, damage: None }));
    assert_eq!(error.to_string(), "the entry wifi_password is missing");
}

/// Two records in one page, and the newer host lost: each entry is whole, but they do not belong together.
#[test]
fn entries_of_two_records_do_not_make_one() {
    let (old, new) = (record(parts()), record(Parts { host: "other.example".to_owned(), ..parts() }));
    let mut page = Page::with_namespace(ACTIVE, 0);
    old.entries().iter().for_each(|entry| _ = page.entry(&entry));
    new.entries().iter().filter(|entry| entry.key != key::HOST).for_each(|entry| _ = page.entry(&entry));
    assert_eq!(Record::read(&partition(&[page.bytes()])[..]), Err(ReadError::Hash));
}

#[test]
fn another_schema_is_named_before_anything_else_is_read() {
    let mut page = Page::with_namespace(ACTIVE, 0);
    // Nothing else is in it: a later schema may have other entries, so that none of them is asked for.
    page.entry(&RecordEntry { key: key::SCHEMA, value: RecordValue::U8(3) });
    let error = Record::read(&partition(&[page.bytes()])[..]).unwrap_err();
    assert_eq!(error, ReadError::Schema(3));
    assert!(error.to_string().contains("version 3, but this firmware reads versions 1 and 2"), "{error}");
}

#[test]
fn what_a_careless_writer_wrote_is_refused() {
    let with = |key: &'static str, value: RecordValue<'static>| {
        let whole = record(parts());
        let mut page = Page::with_namespace(ACTIVE, 0);
        for entry in whole.entries().iter() {
            page.entry(&if entry.key == key { RecordEntry { key, value } } else { entry });
        }
        Record::read(&partition(&[page.bytes()])[..]).unwrap_err()
    };
    // Bit 0 is known. Bit 1 would be a setting that this firmware ignores.
    assert_eq!(with(key::FLAGS, RecordValue::U8(3)), Invalid::Flags(3).into());
    // No login at all, and then a token together with a key.
    assert_eq!(with(key::TOKEN, RecordValue::Str("")), Invalid::Login.into());
    assert_eq!(with(key::CLIENT_KEY, RecordValue::Blob(b"key\0")), Invalid::Login.into());
    assert_eq!(with(key::CA_CHAIN, RecordValue::Blob(b"")), Invalid::NotPem { key: key::CA_CHAIN }.into());
    assert_eq!(with(key::CA_CHAIN, RecordValue::Blob(b"no nul")), Invalid::NotPem { key: key::CA_CHAIN }.into());
    assert_eq!(with(key::PORT, RecordValue::U16(0)), Invalid::Port.into());
    assert_eq!(with(key::PORT, RecordValue::U8(1)), NvsError::WrongType { key: key::PORT, found: 1 }.into());
    assert_eq!(with(key::HASH, RecordValue::Blob(b"short")), ReadError::Hash);
    assert_eq!(
        with(key::HASH, RecordValue::Blob(&[0; 33])),
        NvsError::TooLong { key: key::HASH, length: 33, limit: 32 }.into()
    );
}

#[test]
fn limits_are_those_of_the_standards() {
    let ssid = |length: usize| Record::new(Parts { wifi_ssid: "s".repeat(length), ..parts() }).map(drop);
    assert_eq!(ssid(32), Ok(()));
    assert_eq!(ssid(33), Err(Invalid::TooLong { key: key::WIFI_SSID, length: 33, limit: 32 }));

    let password = |text: &str| Record::new(Parts { wifi_password: text.into(), ..parts() }).map(drop);
    assert_eq!(password(""), Ok(()));
    // WPA passphrases have 8 to 63 characters; 64 are the hexadecimal digits of a key, which is another thing.
    assert_eq!(password("1234567"), Err(Invalid::ShortPassword { length: 7 }));
    assert_eq!(password("12345678"), Ok(()));
    assert_eq!(password(&"x".repeat(63)), Ok(()));
    assert_eq!(password(&"x".repeat(64)), Err(Invalid::TooLong { key: key::WIFI_PASSWORD, length: 64, limit: 63 }));
    assert!(matches!(password("passwörter"), Err(Invalid::Character { .. })));

    let without_network = Parts { wifi_ssid: String::new(), ..parts() };
    assert_eq!(Record::new(without_network), Err(Invalid::PasswordWithoutNetwork));

    let host = |text: &str| Record::new(Parts { host: text.to_owned(), ..parts() }).map(drop);
    assert_eq!(host(""), Err(Invalid::Empty { key: key::HOST }));
    // The longest DNS name (RFC 1035, section 2.3.4) without the dot of the root.
    assert_eq!(host(&"h".repeat(253)), Ok(()));
    assert_eq!(host(&"h".repeat(254)), Err(Invalid::TooLong { key: key::HOST, length: 254, limit: 253 }));
    for good in ["192.0.2.1", "fe80::1", "tb.example.", "under_score"] {
        assert_eq!(host(good), Ok(()), "{good}");
    }
    for bad in ["mqtts://tb.example", "tb.example:8883/x", "a b", "[::1]", "tb\0", "bücher.example"] {
        assert!(matches!(host(bad), Err(Invalid::Character { .. })), "{bad}");
    }

    let anchors = |text: &str| Record::new(Parts { ca_chain: text.to_owned(), ..parts() }).map(drop);
    assert_eq!(anchors("no pem"), Err(Invalid::NotPem { key: key::CA_CHAIN }));
    assert!(matches!(anchors(&format!("{}\0", pem("CERTIFICATE", 'A'))), Err(Invalid::Character { .. })));
    assert_eq!(Record::new(Parts { port: 0, ..parts() }), Err(Invalid::Port));
    assert!(matches!(
        Record::new(Parts { device_name: "line\nbreak".to_owned(), ..parts() }),
        Err(Invalid::Character { .. })
    ));
}

#[test]
fn secrets_do_not_show() {
    for parts in [parts(), parts_with_certificate()] {
        let shown = format!("{:?}", record(parts));
        // The password, the token and the body of the key of the two records.
        for secret in ["correct horse", "A1b2C3d4E5", "CCCC"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

proptest! {
    #[test]
    fn every_record_comes_back(
        device_name in "\\PC{1,40}",
        wifi_ssid in "[ -~]{1,32}",
        wifi_password in prop_oneof![Just(String::new()), "[ -~]{8,63}"],
        host in "[a-z0-9.-]{1,253}",
        port in 1u16..,
        token in prop_oneof![Just(None), "[ -~]{1,255}".prop_map(Some)],
        skip_host_name_check: bool,
        ntp_server in "[a-z0-9.:-]{0,253}",
    ) {
        let login = match token {
            Some(token) => Login::Token(token.into()),
            None => parts_with_certificate().login,
        };
        let written = record(Parts {
            device_name,
            wifi_ssid,
            wifi_password: wifi_password.into(),
            host,
            port,
            ca_chain: pem("CERTIFICATE", 'A'),
            login,
            skip_host_name_check,
            ntp_server,
            enrolment: None,
        });
        prop_assert_eq!(Record::read(&image(&written)[..]), Ok(written));
    }

    /// Bytes overwritten at random are never another record.
    #[test]
    fn damage_never_makes_another_record(places in prop::collection::vec((0usize..4096, any::<u8>()), 1..20)) {
        let whole = record(parts_with_certificate());
        let mut image = image(&whole);
        for (at, byte) in places {
            image[at] = byte;
        }
        if let Ok(read) = Record::read(&image[..]) {
            prop_assert_eq!(read, whole);
        }
    }
}
