use proptest::prelude::*;
use time::macros::datetime;

use super::fixtures::{self, DEVICES, ISSUING, LEAF, ROOT, passwords};
use super::*;

// With milliseconds, which both formats keep.
const CREATED: OffsetDateTime = datetime!(2026-11-23 10:00:00.123 UTC);
const FORMATS: [KeystoreFormat; 2] = [KeystoreFormat::Pkcs12, KeystoreFormat::Jks];

fn write(keystore: &Keystore, format: KeystoreFormat) -> Zeroizing<Vec<u8>> {
    keystore.write(format, &passwords(), CREATED).unwrap()
}

#[test]
fn both_formats_read_back_with_the_passwords_they_were_written_with() {
    for format in FORMATS {
        let bytes = write(&fixtures::server(), format);
        assert_eq!(KeystoreFormat::detect(&bytes), Some(format));
        assert_eq!(Keystore::read(&bytes, &passwords()).unwrap(), fixtures::server());
    }
}

#[test]
fn a_truststore_is_a_keystore_without_keys() {
    let truststore = Keystore { keys: Vec::new(), trusted: vec![fixtures::trusted("root", ROOT)] };
    for format in FORMATS {
        assert_eq!(Keystore::read(&write(&truststore, format), &passwords()).unwrap(), truststore);
    }
}

#[test]
fn several_keys_keep_their_own_chains() {
    let mut keystore = fixtures::server();
    // The same key and chain twice: in PKCS#12 only their ids tell them apart.
    keystore.keys.push(fixtures::key("zweiter", &[LEAF, ISSUING, ROOT]));
    for format in FORMATS {
        assert_eq!(Keystore::read(&write(&keystore, format), &passwords()).unwrap(), keystore);
    }
}

#[test]
fn aliases_are_written_in_lower_case_and_found_in_any() {
    let mut keystore = fixtures::server();
    keystore.keys[0].alias = "ServerAlias".to_owned();
    for format in FORMATS {
        let read = Keystore::read(&write(&keystore, format), &passwords()).unwrap();
        assert_eq!(read.keys[0].alias, "serveralias");
        assert_eq!(read.key(Some("SERVERalias")).unwrap(), &read.keys[0]);
    }
}

#[test]
fn a_key_is_chosen_by_its_alias_or_by_being_the_only_one() {
    let mut keystore = fixtures::server();
    assert_eq!(keystore.key(None).unwrap().alias, "serveralias");
    let error = keystore.key(Some("devicesroot")).unwrap_err();
    assert_eq!(error.code(), Code::EntryMissing);
    assert_eq!(error.finding().fix.as_deref(), Some("it holds: serveralias"));

    keystore.keys.push(fixtures::key("other", &[LEAF]));
    assert_eq!(keystore.key(None).unwrap_err().code(), Code::EntryMissing);
    assert_eq!(Keystore::default().key(None).unwrap_err().code(), Code::EntryMissing);
}

#[test]
fn pkcs12_is_written_with_the_key_password_alone_and_warns() {
    let (effective, finding) = effective_passwords(KeystoreFormat::Pkcs12, &passwords());
    assert_eq!(effective, Passwords::same(Secret::from("key-pw")));
    assert_eq!(finding.unwrap().code, Code::KeyPasswordDiffers);
    let bytes = write(&fixtures::server(), KeystoreFormat::Pkcs12);
    assert_eq!(Keystore::read(&bytes, &effective).unwrap(), fixtures::server());

    assert_eq!(effective_passwords(KeystoreFormat::Jks, &passwords()), (passwords(), None));
    assert_eq!(effective_passwords(KeystoreFormat::Pkcs12, &effective), (effective.clone(), None));
}

#[test]
fn a_password_that_some_reader_refuses_is_not_written_with() {
    let write = |format, store: &str, key: &str| {
        let passwords = Passwords { store: Secret::from(store), key: Secret::from(key) };
        fixtures::server().write(format, &passwords, CREATED).map(|_| ()).map_err(|error| error.code())
    };
    assert_eq!(write(KeystoreFormat::Jks, "five5", "secret"), Err(Code::PasswordTooShort));
    assert_eq!(write(KeystoreFormat::Jks, "secret", "pässword"), Err(Code::PasswordAlphabet));
    assert_eq!(write(KeystoreFormat::Pkcs12, "secret", "five5"), Err(Code::PasswordTooShort));
    // The store password of a PKCS#12 is not used where the key password differs.
    assert_eq!(write(KeystoreFormat::Pkcs12, "five5", "secret"), Ok(()));
}

#[test]
fn what_is_no_key_or_certificate_is_not_written() {
    let refused = |change: fn(&mut Keystore)| {
        let mut keystore = fixtures::server();
        change(&mut keystore);
        FORMATS.map(|format| keystore.write(format, &passwords(), CREATED).unwrap_err().code())
    };
    assert_eq!(refused(|store| store.keys[0].key = LEAF.to_vec().into()), [Code::KeyUnreadable; 2]);
    assert_eq!(refused(|store| store.keys[0].chain.clear()), [Code::CertificateUnreadable; 2]);
    assert_eq!(refused(|store| store.keys[0].chain[2].push(0)), [Code::CertificateUnreadable; 2]);
    assert_eq!(refused(|store| store.trusted[0].certificate.truncate(9)), [Code::CertificateUnreadable; 2]);
    assert_eq!(refused(|store| store.trusted[0].alias = "SERVERALIAS".to_owned()), [Code::AliasTaken; 2]);
}

#[test]
fn wrong_passwords_are_told_from_damage() {
    let wrong = Passwords::same(Secret::from("another"));
    for format in FORMATS {
        let bytes = write(&fixtures::server(), format);
        assert_eq!(Keystore::read(&bytes, &wrong).unwrap_err().code(), Code::KeystorePassword, "{format}");
        assert_eq!(list(&bytes, Some(&wrong)).unwrap_err().code(), Code::KeystorePassword, "{format}");
    }
}

#[test]
fn what_is_no_keystore_is_told_for_what_it_is() {
    let error = |bytes: &[u8], code| {
        assert_eq!(KeystoreFormat::detect(bytes), None);
        let error = Keystore::read(bytes, &passwords()).unwrap_err();
        assert_eq!(error.code(), code);
        error.to_string()
    };
    assert!(error(&[0xce, 0xce, 0xce, 0xce, 0, 0, 0, 2], Code::ForeignFormat).contains("JCEKS"));
    assert!(error(&[0, 0, 0, 2, 0, 0, 0, 20], Code::ForeignFormat).contains("BKS"));
    assert!(error(b"-----BEGIN CERTIFICATE-----\n", Code::KeystoreUnreadable).contains("PEM"));
    for bytes in [b"".as_slice(), b"\xfe\xed", b"0", LEAF, fixtures::KEY] {
        error(bytes, Code::KeystoreUnreadable);
    }
}

#[test]
fn a_listing_needs_the_store_password_only() {
    let passwords = Passwords { key: Secret::from("another"), ..passwords() };
    for (bytes, format) in
        [(fixtures::KEYTOOL_JKS, KeystoreFormat::Jks), (fixtures::TWO_PASSWORDS_P12, KeystoreFormat::Pkcs12)]
    {
        let listing = list(bytes, Some(&passwords)).unwrap();
        assert_eq!((listing.format, listing.intact), (format, true));
        let entry = |alias| listing.entries.iter().find(|entry| entry.alias.eq_ignore_ascii_case(alias)).unwrap();

        let key = entry("serveralias");
        assert!(matches!(&key.kind, EntryKind::Key(KeyState::Shut(finding)) if finding.code == Code::KeystorePassword));
        assert_eq!(key.certificates, [LEAF, ISSUING, ROOT]);
        assert_eq!(key.created.unwrap().year(), 2026);
        assert_eq!(
            (&entry("devicesroot").kind, &entry("devicesroot").certificates[..]),
            (&EntryKind::Trusted, &[DEVICES.to_vec()][..])
        );

        let error = Keystore::read(bytes, &passwords).unwrap_err();
        assert_eq!(error.code(), Code::KeystorePassword);
        assert_eq!(error.finding().location.item.as_deref(), Some("serveralias"));
    }
}

#[test]
fn a_listing_has_the_states_of_keys_and_the_times_of_entries() {
    for format in FORMATS {
        let listing = list(&write(&fixtures::server(), format), Some(&passwords())).unwrap();
        let key = listing.entries.iter().find(|entry| entry.alias == "serveralias").unwrap();
        assert_eq!((&key.kind, key.created), (&EntryKind::Key(KeyState::Opens), Some(CREATED)));
    }
}

#[test]
fn a_torn_file_is_unreadable_wherever_it_ends() {
    for bytes in [fixtures::KEYTOOL_JKS, fixtures::KEYTOOL_P12, fixtures::LEGACY_P12, fixtures::OPEN_P12] {
        // Every length, since a reader may fail late at a cut that falls between two fields.
        for length in 0..bytes.len() {
            let error = Keystore::read(&bytes[..length], &passwords()).unwrap_err();
            assert_eq!(error.code(), Code::KeystoreUnreadable, "after {length} bytes: {error}");
            assert_eq!(list(&bytes[..length], None).unwrap_err().code(), Code::KeystoreUnreadable);
        }
    }
}

#[test]
fn trailing_bytes_are_no_part_of_a_keystore() {
    // A copy in text mode or a padded block may add an octet. The checksum of JKS is over all that is before its end.
    let longer = [fixtures::KEYTOOL_JKS, b"\0"].concat();
    assert_eq!(Keystore::read(&longer, &passwords()).unwrap_err().code(), Code::KeystoreUnreadable);
}

#[test]
fn a_flipped_bit_changes_nothing_unnoticed() {
    let passwords = passwords();
    for bytes in [fixtures::KEYTOOL_JKS, fixtures::OPENSSL_P12] {
        let original = Keystore::read(bytes, &passwords).unwrap();
        for position in 0..bytes.len() {
            let mut changed = bytes.to_vec();
            // One bit of each octet, and another one for each: all eight would take eight times as long.
            changed[position] ^= 1 << (position % 8);
            match Keystore::read(&changed, &passwords) {
                // The parameters of the MAC's digest are the one place without a meaning.
                Ok(keystore) => assert_eq!(keystore, original, "byte {position}"),
                Err(error) => assert!(
                    matches!(
                        error.code(),
                        Code::KeystoreUnreadable | Code::KeystorePassword | Code::UnsupportedEncryption
                    ),
                    "byte {position}: {error}"
                ),
            }
        }
    }
}

#[test]
fn no_debug_output_shows_a_key_or_a_password() {
    let shown = format!("{:?} {:?}", fixtures::server(), passwords());
    assert!(shown.contains("serveralias"));
    // 48 and 129 begin the key, in the form in which Rust shows octets.
    assert!(!shown.contains("-pw") && !shown.contains("48, 129"), "{shown}");
}

#[test]
fn warnings_name_what_java_cannot_do() {
    assert_eq!(algorithm_warning(Algorithm::Ed25519).unwrap().code, Code::AlgorithmSupport);
    assert_eq!(algorithm_warning(Algorithm::EcP256), None);
    assert_eq!(jks_weak().code, Code::JksWeak);
}

fn sorted(mut keystore: Keystore) -> Keystore {
    keystore.keys.sort_by(|a, b| a.alias.cmp(&b.alias));
    keystore.trusted.sort_by(|a, b| a.alias.cmp(&b.alias));
    keystore
}

/// Any keystore that can be written. All keys share the length of their chain: PKCS#12 knows certificates, not chains,
/// and completes each with what it finds.
fn any_keystore() -> impl Strategy<Value = Keystore> {
    // Lower case only, because aliases are folded, with characters of one to three octets.
    let alias = "[a-z0-9äöüß€一 ._-]{1,20}";
    let aliases = proptest::collection::btree_set(alias, 0..5).prop_map(|set| set.into_iter().collect::<Vec<_>>());
    let certificate = prop::sample::select(vec![LEAF, ISSUING, ROOT, DEVICES]);
    (aliases, 0..4_usize, 1..4_usize, proptest::collection::vec(certificate, 5)).prop_map(
        |(aliases, keys, length, certificates)| {
            let (keys, trusted) = aliases.split_at(keys.min(aliases.len()));
            let chain = &[LEAF, ISSUING, ROOT][..length];
            Keystore {
                keys: keys.iter().map(|alias| fixtures::key(alias, chain)).collect(),
                trusted: trusted.iter().zip(certificates).map(|(alias, der)| fixtures::trusted(alias, der)).collect(),
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn whatever_is_written_reads_back(
        keystore in any_keystore(),
        store in "[ -~]{6,40}",
        key in "[ -~]{6,40}",
        // From the year 1 to the year 9999, in milliseconds.
        created in -62_135_596_800_000_i64..253_402_300_800_000,
        format in prop::sample::select(FORMATS.to_vec()),
    ) {
        let passwords = Passwords { store: Secret::new(store), key: Secret::new(key) };
        let created = contents::from_milliseconds(created).unwrap();
        let bytes = keystore.write(format, &passwords, created).unwrap();
        prop_assert_eq!(sorted(Keystore::read(&bytes, &passwords).unwrap()), sorted(keystore));
        let listing = list(&bytes, Some(&passwords)).unwrap();
        prop_assert!(format == KeystoreFormat::Pkcs12 || listing.entries.iter().all(|entry| entry.created == Some(created)));
    }

    #[test]
    fn noise_behind_a_magic_is_an_error(noise in proptest::collection::vec(any::<u8>(), 0..200)) {
        for magic in [&jks::MAGIC[..], &[0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2, 0, 0, 0, 1], &[0x30, 0x82, 1, 0, 2, 1, 3, 0x30]] {
            let error = Keystore::read(&[magic, &noise].concat(), &passwords()).unwrap_err();
            prop_assert!(matches!(error.code(), Code::KeystoreUnreadable | Code::KeystorePassword));
        }
    }
}
