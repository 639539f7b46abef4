//! Records of version 2: with an enrolment service.

use device::Record;
use device::nvs::NvsError;
use device::record::{EnrolmentSettings, Invalid, Login, NvsType, Parts, ReadError, RecordEntry, RecordValue, key};
use proptest::prelude::*;

use crate::image::{ACTIVE, Page, image, partition, parts, parts_with_certificate, pem};

const PASSWORD: &str = "0123456789abcdef0123456789abcdef";

fn settings(password: &str) -> EnrolmentSettings {
    EnrolmentSettings {
        host: "est.example".to_owned(),
        port: 9443,
        label: "pumps".to_owned(),
        anchors: pem("CERTIFICATE", 'D'),
        password: password.into(),
        renew_days: 30,
        salt: std::array::from_fn(|index| index as u8),
    }
}

/// A device without a certificate.
fn pending() -> Parts {
    Parts { login: Login::Pending, enrolment: Some(settings(PASSWORD)), ..parts() }
}

/// A device with a certificate from its factory.
fn with_certificate() -> Parts {
    Parts { enrolment: Some(settings("")), ..parts_with_certificate() }
}

fn record(parts: Parts) -> Record {
    Record::new(parts).unwrap()
}

#[test]
fn a_record_with_an_enrolment_service_is_read_as_it_was_written() {
    let without = EnrolmentSettings { label: String::new(), anchors: String::new(), ..settings(PASSWORD) };
    for parts in [pending(), with_certificate(), Parts { enrolment: Some(without), ..pending() }] {
        let written = record(parts);
        assert_eq!(written.schema(), 2);
        assert_eq!(Record::read(&image(&written)[..]), Ok(written));
    }
    let read = Record::read(&image(&record(pending()))[..]).unwrap();
    assert_eq!(read.login(), &Login::Pending);
    let enrolment = read.enrolment().unwrap();
    assert_eq!(enrolment.anchors, format!("{}\0", pem("CERTIFICATE", 'D')));
    assert_eq!(enrolment, &EnrolmentSettings { anchors: enrolment.anchors.clone(), ..settings(PASSWORD) });
    assert_eq!((record(parts()).schema(), record(parts()).enrolment()), (1, None));
}

/// The layout that C firmware and writers of images rely on. Any change of it is another schema.
#[test]
fn names_types_and_order_are_those_of_schema_2() {
    let record = record(pending());
    let entries = record.entries();
    let seen: Vec<_> = entries.iter().map(|entry| (entry.key, entry.value.nvs_type())).skip(12).collect();
    let expected = [
        ("enroll_host", NvsType::Str),
        ("enroll_port", NvsType::U16),
        ("enroll_label", NvsType::Str),
        ("enroll_anchors", NvsType::Blob),
        ("enroll_password", NvsType::Str),
        ("renew_days", NvsType::U16),
        ("salt", NvsType::Blob),
        ("hash", NvsType::Blob),
    ];
    assert_eq!(seen, expected);
    assert!(expected.iter().all(|(key, _)| key.len() <= 15), "NVS allows 15 characters");
    let first = entries.iter().next().unwrap();
    assert!(first.key == "schema" && first.value == RecordValue::U8(2));
}

/// Computed apart from this code, with Python's hashlib, from the description in `docs/src/topics/device-record.md`.
#[test]
fn the_hash_is_the_documented_one() {
    for (parts, expected) in [
        (pending(), "c3af89a6b294c11c406003eb6a6fbb61654baeca3b82be0bf125d33a092d6fbe"),
        (with_certificate(), "6e8a160c810258e97710f87ea705d42862d7d18fe294aab950c981c30d811091"),
    ] {
        let hash: String = record(parts).hash().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hash, expected);
    }
}

#[test]
fn every_entry_must_be_there() {
    let whole = record(pending());
    for missing in whole.entries().iter().map(|entry| entry.key) {
        let mut page = Page::with_namespace(ACTIVE, 0);
        whole.entries().iter().filter(|entry| entry.key != missing).for_each(|entry| _ = page.entry(&entry));
        let error = Record::read(&partition(&[page.bytes()])[..]).unwrap_err();
        assert_eq!(error, ReadError::Nvs(NvsError::Missing { key: missing, damage: None }));
    }
}

#[test]
fn a_flipped_bit_is_an_error_or_changes_nothing() {
    let whole = record(pending());
    let mut image = image(&whole);
    let (mut refused, mut unharmed) = (0, 0);
    for bit in 0..8 * 4096 {
        image[bit / 8] ^= 1 << (bit % 8);
        match Record::read(&image[..]) {
            Ok(read) => {
                assert_eq!(read, whole, "bit {bit}");
                unharmed += 1;
            }
            Err(_) => refused += 1,
        }
        image[bit / 8] ^= 1 << (bit % 8);
    }
    assert!(refused > 5_000 && unharmed > 5_000, "{refused} refused, {unharmed} unharmed");
}

/// What a record of version 1 lacks is not taken from a namespace with both, and the other way round.
#[test]
fn the_version_is_part_of_the_hash() {
    for (parts, version) in [(pending(), 1), (with_certificate(), 1)] {
        let whole = record(parts);
        let mut page = Page::with_namespace(ACTIVE, 0);
        for entry in whole.entries().iter() {
            let version = RecordEntry { key: key::SCHEMA, value: RecordValue::U8(version) };
            page.entry(&if entry.key == key::SCHEMA { version } else { entry });
        }
        let error = Record::read(&partition(&[page.bytes()])[..]).unwrap_err();
        let expected = if whole.login() == &Login::Pending { Invalid::Login.into() } else { ReadError::Hash };
        assert_eq!(error, expected);
    }
}

#[test]
fn what_a_careless_writer_wrote_is_refused() {
    let with = |key: &'static str, value: RecordValue<'static>| {
        let whole = record(pending());
        let mut page = Page::with_namespace(ACTIVE, 0);
        for entry in whole.entries().iter() {
            page.entry(&if entry.key == key { RecordEntry { key, value } } else { entry });
        }
        Record::read(&partition(&[page.bytes()])[..]).unwrap_err()
    };
    let empty = |key| ReadError::from(Invalid::Empty { key });
    assert_eq!(with(key::ENROLL_HOST, RecordValue::Str("")), empty(key::ENROLL_HOST));
    assert_eq!(with(key::ENROLL_PASSWORD, RecordValue::Str("")), empty(key::ENROLL_PASSWORD));
    assert_eq!(with(key::NTP_SERVER, RecordValue::Str("")), empty(key::NTP_SERVER));
    assert_eq!(with(key::ENROLL_PORT, RecordValue::U16(0)), Invalid::EnrolmentPort.into());
    assert_eq!(with(key::SALT, RecordValue::Blob(&[1; 15])), Invalid::Salt.into());
    assert_eq!(
        with(key::SALT, RecordValue::Blob(&[1; 17])),
        NvsError::TooLong { key: key::SALT, length: 17, limit: 16 }.into()
    );
    let not_pem = ReadError::from(Invalid::NotPem { key: key::ENROLL_ANCHORS });
    assert_eq!(with(key::ENROLL_ANCHORS, RecordValue::Blob(b"anchors\0")), not_pem);
    assert_eq!(with(key::ENROLL_ANCHORS, RecordValue::Blob(b"no nul")), not_pem);
    assert_eq!(with(key::TOKEN, RecordValue::Str("token")), Invalid::TokenWithEnrolment.into());
    assert_eq!(with(key::CLIENT_KEY, RecordValue::Blob(b"key\0")), Invalid::Login.into());
    assert_eq!(with(key::RENEW_DAYS, RecordValue::U16(31)), ReadError::Hash);
}

#[test]
fn settings_have_limits_and_belong_to_a_login() {
    let with = |enrolment| Record::new(Parts { enrolment: Some(enrolment), ..pending() }).map(drop);
    let long = |key, length, limit| Err(Invalid::TooLong { key, length, limit });
    assert_eq!(with(EnrolmentSettings { label: "l".repeat(192), ..settings(PASSWORD) }), Ok(()));
    assert_eq!(
        with(EnrolmentSettings { label: "l".repeat(193), ..settings(PASSWORD) }),
        long(key::ENROLL_LABEL, 193, 192)
    );
    assert_eq!(with(settings(&"p".repeat(128))), Ok(()));
    assert_eq!(with(settings(&"p".repeat(129))), long(key::ENROLL_PASSWORD, 129, 128));
    for host in ["https://est.example", "est.example/x", "[::1]", "a b"] {
        let error = with(EnrolmentSettings { host: host.to_owned(), ..settings(PASSWORD) }).unwrap_err();
        assert!(matches!(error, Invalid::Character { key: key::ENROLL_HOST, .. }), "{host}");
    }
    assert_eq!(with(EnrolmentSettings { host: "2001:db8::1".to_owned(), ..settings(PASSWORD) }), Ok(()));
    assert_eq!(Record::new(Parts { enrolment: None, ..pending() }), Err(Invalid::Login));
    assert_eq!(Record::new(Parts { enrolment: Some(settings("")), ..parts() }), Err(Invalid::TokenWithEnrolment));
}

#[test]
fn the_password_does_not_show() {
    let shown = format!("{:?}", record(pending()));
    assert!(shown.contains("est.example") && !shown.contains(PASSWORD), "{shown}");
}

proptest! {
    #[test]
    fn every_record_comes_back(
        host in "[a-z0-9.-]{1,253}",
        port in 1u16..,
        label in "\\PC{0,40}",
        has_anchors: bool,
        password in "[ -~]{1,128}",
        renew_days: u16,
        salt: [u8; 16],
        is_pending: bool,
    ) {
        let anchors = if has_anchors { pem("CERTIFICATE", 'D') } else { String::new() };
        let enrolment = EnrolmentSettings { host, port, label, anchors, password: password.into(), renew_days, salt };
        let base = if is_pending { pending() } else { with_certificate() };
        let written = record(Parts { enrolment: Some(enrolment), ..base });
        prop_assert_eq!(Record::read(&image(&written)[..]), Ok(written));
    }
}
