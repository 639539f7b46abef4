use der::asn1::ObjectIdentifier;
use der::{Encode, Tag};

use super::super::fixtures::{self, ISSUING, KEY, LEAF, ROOT, passwords};
use super::super::{EntryKind, KeyState, Keystore, KeystoreFormat, list};
use super::*;
use crate::asn1::element::{self as tlv, CONTEXT_0};

fn store_password() -> Passwords {
    Passwords::same(Secret::from("store-pw"))
}

#[test]
fn keytool_and_openssl_are_read() {
    assert_eq!(Keystore::read(fixtures::KEYTOOL_P12, &store_password()).unwrap(), fixtures::java_pkcs12());
    let openssl = Keystore { keys: vec![fixtures::key("ServerAlias", &[LEAF, ISSUING, ROOT])], trusted: Vec::new() };
    assert_eq!(Keystore::read(fixtures::OPENSSL_P12, &store_password()).unwrap(), openssl);
    assert_eq!(Keystore::read(fixtures::LEGACY_P12, &store_password()).unwrap(), openssl);
}

#[test]
fn a_key_with_a_password_of_its_own_opens() {
    assert_eq!(Keystore::read(fixtures::TWO_PASSWORDS_P12, &passwords()).unwrap(), fixtures::java_pkcs12());
}

#[test]
fn a_file_without_keys_is_a_truststore_and_nameless_entries_are_numbered() {
    let read = Keystore::read(fixtures::NO_KEYS_P12, &store_password()).unwrap();
    let trusted = vec![fixtures::trusted("1", ISSUING), fixtures::trusted("2", ROOT)];
    assert_eq!(read, Keystore { keys: Vec::new(), trusted });
}

#[test]
fn a_file_without_protection_opens_with_no_password_and_with_any() {
    let listing = list(fixtures::OPEN_P12, None).unwrap();
    assert_eq!((listing.format, listing.intact), (KeystoreFormat::Pkcs12, false));
    assert_eq!(listing.entries[0].kind, EntryKind::Key(KeyState::Opens));
    let read = Keystore::read(fixtures::OPEN_P12, &store_password()).unwrap();
    assert_eq!(read.keys, [fixtures::key("1", &[LEAF])]);
}

#[test]
fn the_error_of_a_protected_file_asks_for_a_password() {
    let error = list(fixtures::KEYTOOL_P12, None).unwrap_err();
    assert_eq!(error.code(), Code::KeystorePassword);
    assert!(error.to_string().contains("needs a password"));
}

#[test]
fn a_password_beyond_ucs2_is_a_wrong_one() {
    // PKCS#12 passwords are BMPStrings (RFC 7292, appendix B.1), in which these characters do not exist.
    let error = Keystore::read(fixtures::KEYTOOL_P12, &Passwords::same(Secret::from("🔑🔑🔑"))).unwrap_err();
    assert_eq!(error.code(), Code::KeystorePassword);
}

#[test]
fn a_mac_is_checked_with_every_password_and_not_without_one() {
    let bags = [bag(1, KEY), certificate_bag(LEAF)];
    // The MAC is all zeros, which no password has.
    let bytes = file(&bags, &mac("2.16.840.1.101.3.4.2.1", &[1]));
    let listing = list(&bytes, None).unwrap();
    assert!(!listing.intact);
    assert_eq!(listing.entries[0].kind, EntryKind::Key(KeyState::Opens));
    for passwords in [passwords(), Passwords::same(Secret::from(""))] {
        assert_eq!(list(&bytes, Some(&passwords)).unwrap_err().code(), Code::KeystorePassword);
    }
}

#[test]
fn a_file_that_is_not_encrypted_opens_with_the_password_of_its_mac_alone() {
    let bags = [bag(1, KEY), certificate_bag(LEAF)];
    // Under the last one OpenSSL 1.0.2 wrote a file for the password `Grün`.
    for (of_mac, fitting) in [("store-pw", "store-pw"), ("", ""), ("Gr\u{c3}\u{bc}n", "Grün")] {
        let bytes = file(&bags, &mac_of(&bags, of_mac));
        let passwords = ["store-pw", "", "other", "Grün"];
        let opens = |password: &&str| Keystore::read(&bytes, &Passwords::same(Secret::from(*password))).is_ok();
        assert_eq!(passwords.into_iter().filter(opens).collect::<Vec<_>>(), [fitting], "{of_mac:?}");
        // One octet of the certificate is another one: no password fits.
        let changed = [bag(1, KEY), certificate_bag(ROOT)];
        let bytes = file(&changed, &mac_of(&bags, of_mac));
        let read = |password: &str| Keystore::read(&bytes, &Passwords::same(Secret::from(password)));
        assert!(passwords.iter().all(|password| read(password).is_err()));
    }
}

/// `AlgorithmIdentifier` of PKCS#12's old password based encryption, or of another with the same parameters.
fn old_scheme(oid: &str, rounds: &[u8]) -> Vec<u8> {
    let oid = ObjectIdentifier::new_unwrap(oid).to_der().unwrap();
    let salt = tlv::element(Tag::OctetString, &[b"saltsalt"]).unwrap();
    let rounds = tlv::element(Tag::Integer, &[rounds]).unwrap();
    let parameters = tlv::element(Tag::Sequence, &[&salt, &rounds]).unwrap();
    tlv::element(Tag::Sequence, &[&oid, &parameters]).unwrap()
}

const TRIPLE_DES: &str = "1.2.840.113549.1.12.1.3";
const RC4_128: &str = "1.2.840.113549.1.12.1.1";

fn bag(kind: u8, value: &[u8]) -> Vec<u8> {
    let oid = ObjectIdentifier::new_unwrap(&format!("1.2.840.113549.1.12.10.1.{kind}")).to_der().unwrap();
    tlv::element(Tag::Sequence, &[&oid, &tlv::element(CONTEXT_0, &[value]).unwrap()]).unwrap()
}

/// The bag with a localKeyId (RFC 2985, section 5.5.2).
fn with_id(bag: &[u8], id: &[u8]) -> Vec<u8> {
    let oid = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.21").to_der().unwrap();
    let values = tlv::element(Tag::Set, &[&tlv::element(Tag::OctetString, &[id]).unwrap()]).unwrap();
    let attributes = tlv::element(Tag::Set, &[&tlv::element(Tag::Sequence, &[&oid, &values]).unwrap()]).unwrap();
    let content = tlv::only(bag, Tag::Sequence).unwrap();
    tlv::element(Tag::Sequence, &[content, &attributes]).unwrap()
}

fn shrouded_key(scheme: &[u8]) -> Vec<u8> {
    let octets = tlv::element(Tag::OctetString, &[&[0x55; 64]]).unwrap();
    bag(2, &tlv::element(Tag::Sequence, &[scheme, &octets]).unwrap())
}

fn secret_bag(scheme: &[u8]) -> Vec<u8> {
    let octets = tlv::element(Tag::OctetString, &[&[0x55; 64]]).unwrap();
    let info = tlv::element(Tag::Sequence, &[scheme, &octets]).unwrap();
    let oid = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.2").to_der().unwrap();
    let info = tlv::element(CONTEXT_0, &[&tlv::element(Tag::OctetString, &[&info]).unwrap()]).unwrap();
    bag(5, &tlv::element(Tag::Sequence, &[&oid, &info]).unwrap())
}

fn certificate_bag(der: &[u8]) -> Vec<u8> {
    let oid = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.22.1").to_der().unwrap();
    let octets = tlv::element(Tag::OctetString, &[der]).unwrap();
    bag(3, &tlv::element(Tag::Sequence, &[&oid, &tlv::element(CONTEXT_0, &[&octets]).unwrap()]).unwrap())
}

fn data(content: &[u8]) -> Vec<u8> {
    let oid = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1").to_der().unwrap();
    let octets = tlv::element(Tag::OctetString, &[content]).unwrap();
    tlv::element(Tag::Sequence, &[&oid, &tlv::element(CONTEXT_0, &[&octets]).unwrap()]).unwrap()
}

/// A file of unencrypted bags, with `mac` behind them.
fn file(bags: &[Vec<u8>], mac: &[u8]) -> Vec<u8> {
    let safe = data(&tlv::element(Tag::Sequence, &[&bags.concat()]).unwrap());
    let auth_safe = data(&tlv::element(Tag::Sequence, &[&safe]).unwrap());
    tlv::element(Tag::Sequence, &[&[2, 1, 3], &auth_safe, mac]).unwrap()
}

fn mac(digest: &str, rounds: &[u8]) -> Vec<u8> {
    mac_data(digest, rounds, &[0; 32])
}

/// The MAC of a file of these bags under a password of characters up to U+00FF.
fn mac_of(bags: &[Vec<u8>], password: &str) -> Vec<u8> {
    use hmac::{KeyInit as _, Mac as _};
    let safe = data(&tlv::element(Tag::Sequence, &[&bags.concat()]).unwrap());
    let content = tlv::element(Tag::Sequence, &[&safe]).unwrap();
    let password: Vec<u8> = password.encode_utf16().chain([0]).flat_map(u16::to_be_bytes).collect();
    let kind = pkcs12::kdf::Pkcs12KeyType::Mac;
    let key = pkcs12::kdf::derive_key::<sha2::Sha256>(&password, &[0; 32], kind, 1, 32);
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap();
    mac.update(&content);
    mac_data("2.16.840.1.101.3.4.2.1", &[1], &mac.finalize().into_bytes())
}

fn mac_data(digest: &str, rounds: &[u8], value: &[u8]) -> Vec<u8> {
    let oid = ObjectIdentifier::new_unwrap(digest).to_der().unwrap();
    let algorithm = tlv::element(Tag::Sequence, &[&oid]).unwrap();
    let salt = tlv::element(Tag::OctetString, &[&[0; 32]]).unwrap();
    let octets = tlv::element(Tag::OctetString, &[value]).unwrap();
    let info = tlv::element(Tag::Sequence, &[&algorithm, &octets]).unwrap();
    let rounds = tlv::element(Tag::Integer, &[rounds]).unwrap();
    tlv::element(Tag::Sequence, &[&info, &salt, &rounds]).unwrap()
}

#[test]
fn a_key_without_an_id_takes_the_leaf() {
    let bags = [bag(1, KEY), certificate_bag(ROOT), certificate_bag(ISSUING), certificate_bag(LEAF)];
    let read = Keystore::read(&file(&bags, &[]), &passwords()).unwrap();
    assert_eq!(read, Keystore { keys: vec![fixtures::key("1", &[LEAF, ISSUING, ROOT])], trusted: Vec::new() });
}

#[test]
fn a_key_takes_the_certificate_with_its_public_half() {
    let read = |bags: &[Vec<u8>]| Keystore::read_with_others(&file(bags, &[]), &passwords()).unwrap();
    // The id of the key is that of another certificate, as after a certificate was replaced in a file by hand.
    let bags = [
        with_id(&bag(1, KEY), b"1"),
        with_id(&certificate_bag(fixtures::DEVICES), b"1"),
        with_id(&certificate_bag(LEAF), b"2"),
    ];
    let (keystore, others) = read(&bags);
    assert_eq!(keystore.keys, [fixtures::key("1", &[LEAF])]);
    assert_eq!(others, [fixtures::DEVICES]);
    // Two keys without ids, of which one has its certificate.
    let stray = crate::PrivateKey::generate(crate::Algorithm::EcP256).unwrap().to_pkcs8_der();
    let (keystore, _) = read(&[bag(1, &stray), bag(1, KEY), certificate_bag(ISSUING), certificate_bag(LEAF)]);
    let chains: Vec<_> = keystore.keys.iter().map(|key| key.chain.len()).collect();
    assert_eq!((chains, keystore.keys[1].chain[0].as_slice()), (vec![0, 2], LEAF));
}

#[test]
fn an_unknown_algorithm_shuts_its_key_and_nothing_else() {
    let bags = [shrouded_key(&old_scheme(RC4_128, &[1])), certificate_bag(LEAF)];
    let listing = list(&file(&bags, &[]), Some(&passwords())).unwrap();
    let EntryKind::Key(KeyState::Shut(finding)) = &listing.entries[0].kind else { panic!("{listing:?}") };
    assert_eq!(finding.code, Code::UnsupportedEncryption);
    assert!(finding.what.contains("PBE-SHA1-RC4-128"), "{finding}");
    assert_eq!(listing.entries[0].certificates, [LEAF]);

    let listing = list(&file(&bags, &[]), None).unwrap();
    assert_eq!(listing.entries[0].kind, EntryKind::Key(KeyState::NotTried));
}

#[test]
fn a_million_rounds_are_enough_for_one_key_and_ten_for_a_file() {
    let million = [0x0f, 0x42, 0x40];
    // One step with too many rounds, in 32 bits and beyond them;
    // one key with a round more than a million; and eleven keys.
    let hungry = [
        file(&[], &mac("2.16.840.1.101.3.4.2.1", &[0x7f, 0xff, 0xff, 0xff])),
        file(&[], &mac("2.16.840.1.101.3.4.2.1", &[0x7f; 20])),
        file(&[shrouded_key(&old_scheme(TRIPLE_DES, &[0x0f, 0x42, 0x41]))], &[]),
        file(&vec![shrouded_key(&old_scheme(TRIPLE_DES, &million)); 11], &[]),
    ];
    for bytes in hungry {
        let error = Keystore::read(&bytes, &passwords()).unwrap_err();
        assert_eq!(error.code(), Code::KeystoreUnreadable);
        assert!(error.to_string().contains("absurd"), "{error}");
    }
    // Secrets are listed and never opened.
    let secrets = file(&vec![secret_bag(&old_scheme(TRIPLE_DES, &million)); 11], &[]);
    let listing = list(&secrets, Some(&passwords())).unwrap();
    assert!(listing.entries.len() == 11 && listing.entries.iter().all(|entry| entry.kind == EntryKind::Secret));
    // An honest cost, so that the wrong password is what fails.
    let thousand = [0x03, 0xe8];
    let error = Keystore::read(&file(&[shrouded_key(&old_scheme(TRIPLE_DES, &thousand))], &[]), &passwords());
    assert_eq!(error.unwrap_err().code(), Code::KeystorePassword);
}

#[test]
fn scrypt_gets_no_gigabyte() {
    let oid = |oid: &str| ObjectIdentifier::new_unwrap(oid).to_der().unwrap();
    let sequence = |parts: &[&[u8]]| tlv::element(Tag::Sequence, parts).unwrap();
    let salt = tlv::element(Tag::OctetString, &[b"saltsalt"]).unwrap();
    // N = 2^20, r = 8, p = 1: 1 GiB.
    let scrypt = sequence(&[&salt, &[2, 3, 0x10, 0, 0], &[2, 1, 8], &[2, 1, 1]]);
    let kdf = sequence(&[&oid("1.3.6.1.4.1.11591.4.11"), &scrypt]);
    let iv = tlv::element(Tag::OctetString, &[&[0; 16]]).unwrap();
    let cipher = sequence(&[&oid("2.16.840.1.101.3.4.1.42"), &iv]);
    let scheme = sequence(&[&oid("1.2.840.113549.1.5.13"), &sequence(&[&kdf, &cipher])]);
    let error = Keystore::read(&file(&[shrouded_key(&scheme)], &[]), &passwords()).unwrap_err();
    assert!(error.to_string().contains("absurd"), "{error}");
}

#[test]
fn a_mac_that_cannot_be_verified_is_named() {
    let error = Keystore::read(&file(&[], &mac("1.2.840.113549.1.5.14", &[1])), &passwords()).unwrap_err();
    assert_eq!(error.code(), Code::UnsupportedEncryption);
    assert!(error.to_string().contains("PBMAC1"), "{error}");
    assert!(error.finding().fix.as_deref().unwrap().contains("OpenSSL 3.4"), "{error}");
}

#[test]
fn what_follows_a_keystore_is_left_out() {
    for behind in [&b"\n"[..], &[0; 64], b"\x30\x03\x02\x01\x05", b"text"] {
        let file = [fixtures::OPENSSL_P12, behind].concat();
        let (read, whole) = (Keystore::read(&file, &passwords()), Keystore::read(fixtures::OPENSSL_P12, &passwords()));
        assert_eq!(read.unwrap().keys.len(), whole.unwrap().keys.len(), "{behind:?}");
    }
}

#[test]
fn ber_is_read_as_der_is() {
    for der in [fixtures::KEYTOOL_P12, fixtures::OPENSSL_P12, fixtures::LEGACY_P12, fixtures::TWO_PASSWORDS_P12] {
        let expected = Keystore::read(der, &passwords()).unwrap();
        // Indefinite lengths from the outside inwards, and octet strings in pieces, down to single octets.
        for (levels, piece) in [(1, 127), (3, 127), (20, 127), (20, 1)] {
            let ber = testkit::ber::indefinite(der, levels, piece);
            assert_eq!(KeystoreFormat::detect(&ber), Some(KeystoreFormat::Pkcs12));
            assert_eq!(Keystore::read(&ber, &passwords()).unwrap(), expected);
        }
    }
}

/// The octets that the MAC protects contain BER too, as BouncyCastle writes it.
#[test]
fn safes_in_ber_are_read() {
    let bags = [bag(1, KEY), certificate_bag(LEAF)];
    let contents = tlv::element(Tag::Sequence, &[&bags.concat()]).unwrap();
    let safe = data(&testkit::ber::indefinite(&contents, 20, 100));
    let auth_safe = tlv::element(Tag::Sequence, &[&safe]).unwrap();
    let content = data(&testkit::ber::indefinite(&auth_safe, 20, 100));
    let file = tlv::element(Tag::Sequence, &[&[2, 1, 3], &content]).unwrap();
    let read = Keystore::read(&testkit::ber::indefinite(&file, 20, 100), &passwords()).unwrap();
    assert_eq!(read.keys, [fixtures::key("1", &[LEAF])]);
}

#[test]
fn certificates_of_no_key_are_handed_over() {
    let bags = [bag(1, KEY), certificate_bag(LEAF), certificate_bag(fixtures::DEVICES)];
    let (read, others) = Keystore::read_with_others(&file(&bags, &[]), &passwords()).unwrap();
    assert_eq!((read.keys.len(), read.trusted.len()), (1, 0));
    assert_eq!(others, [fixtures::DEVICES]);
}

#[test]
fn pkcs12_in_pem_is_found() {
    let labeled = |label: &str| pem::encode(&pem::Pem::new(label, fixtures::OPENSSL_P12));
    for label in ["PKCS12", "PKCS #12", "pkcs12", "PFX"] {
        let found = crate::keystore::find_keystore(labeled(label).as_bytes());
        assert_eq!(found.unwrap()[..], *fixtures::OPENSSL_P12, "{label}");
    }
    let text = labeled("PKCS12");
    let two = format!("{text}{text}");
    // Two keystores in one file: neither may be taken in silence.
    for other in [two.as_bytes(), b"-----BEGIN PKCS12-----\n", LEAF, b""] {
        assert!(crate::keystore::find_keystore(other).is_none());
    }
}

#[test]
fn a_torn_file_in_ber_is_damaged() {
    let bytes = [0x30, 0x80, 2, 1, 3, 0x30, 0x80, 6, 9];
    assert_eq!(KeystoreFormat::detect(&bytes), Some(KeystoreFormat::Pkcs12));
    let error = Keystore::read(&bytes, &passwords()).unwrap_err();
    assert_eq!(error.code(), Code::KeystoreUnreadable);
    assert!(error.to_string().contains("damaged"), "{error}");
}

#[test]
fn key_ids_are_times_and_differ() {
    let mut keystore = fixtures::server();
    keystore.keys.push(fixtures::key("second", &[ISSUING, ROOT]));
    let created = OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap();
    let password = Secret::from("store-pw");
    // Read by the crate itself, because our reader does not show the ids.
    let archive =
        p12_keystore::Pkcs12Archive::from_pkcs12(&write(&keystore, &password, created).unwrap(), "store-pw").unwrap();
    let mut ids: Vec<_> = archive.keys.iter().map(|bag| bag.local_key_id.clone().unwrap().0).collect();
    ids.sort();
    assert_eq!(ids, [b"Time 1800000000000".to_vec(), b"Time 1800000000001".to_vec()]);
    assert_eq!(archive.certs.iter().filter(|bag| bag.trusted).count(), 1);
}
