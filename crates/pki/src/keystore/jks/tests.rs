use super::super::fixtures::{self, DEVICES, ISSUING, KEY, KEYTOOL_JKS, LEAF, ROOT, passwords};
use super::super::{EntryKind, KeyState, Keystore, KeystoreFormat, list};
use super::*;

#[test]
fn a_keystore_of_keytool_opens_with_its_two_passwords() {
    let read = Keystore::read(KEYTOOL_JKS, &passwords()).unwrap();
    assert_eq!(read, fixtures::server());
}

/// Given keytool's order, dates and salt, we write keytool's bytes.
#[test]
fn the_bytes_are_those_of_keytool() {
    let (mut records, _) = decode(KEYTOOL_JKS).unwrap();
    for record in &mut records {
        if let RecordBody::Key { protected, .. } = &mut record.body {
            let key = protector::recover(protected, &passwords().key).unwrap();
            // With the salt of the file, because a new one would change all octets of the protected key.
            let salt = salt_of(protected);
            *protected = protector::protect(&key, &passwords().key, salt).unwrap();
        }
    }
    assert_eq!(encode(&records, &passwords().store).unwrap(), KEYTOOL_JKS);
}

fn salt_of(protected: &[u8]) -> [u8; protector::SALT_LENGTH] {
    // The key of the fixture fills an octet string that ends with the file: salt, key, digest.
    let start = protected.len() - KEY.len() - 2 * protector::SALT_LENGTH;
    protected[start..start + protector::SALT_LENGTH].try_into().unwrap()
}

#[test]
fn two_keys_do_not_share_a_salt() {
    let mut keystore = fixtures::server();
    keystore.keys.push(fixtures::key("second", &[LEAF]));
    let file = write(&keystore, &passwords(), OffsetDateTime::UNIX_EPOCH).unwrap();
    let salts: Vec<_> = decode(&file)
        .unwrap()
        .0
        .iter()
        .filter_map(|record| match &record.body {
            RecordBody::Key { protected, .. } => Some(salt_of(protected)),
            RecordBody::Trusted(_) => None,
        })
        .collect();
    assert_eq!(salts.len(), 2);
    assert_ne!(salts[0], salts[1]);
}

#[test]
fn the_store_password_opens_keys_that_have_none_of_their_own() {
    let store = Passwords::same(Secret::from("store-pw"));
    let file = write(&fixtures::server(), &store, OffsetDateTime::UNIX_EPOCH).unwrap();
    assert_eq!(Keystore::read(&file, &passwords()).unwrap(), fixtures::server());
}

#[test]
fn without_a_password_everything_but_the_keys_can_be_listed() {
    let listing = list(KEYTOOL_JKS, None).unwrap();
    assert_eq!((listing.format, listing.intact), (KeystoreFormat::Jks, false));
    let kinds: Vec<_> = listing.entries.iter().map(|entry| (&*entry.alias, &entry.kind)).collect();
    assert_eq!(kinds, [("devicesroot", &EntryKind::Trusted), ("serveralias", &EntryKind::Key(KeyState::NotTried))]);
    assert_eq!(listing.entries[0].certificates, [DEVICES]);
    assert_eq!(listing.entries[1].certificates, [LEAF, ISSUING, ROOT]);
}

/// The certificates of an old file carry no type.
#[test]
fn version_1_is_read() {
    let password = passwords().store;
    let protected = protector::protect(KEY, &passwords().key, [7; protector::SALT_LENGTH]).unwrap();
    let mut writer = JksWriter::default();
    writer.bytes(&MAGIC);
    // Version 1, two entries, and the kind of the first one.
    for number in [1, 2, KEY_KIND] {
        writer.number(number);
    }
    writer.text("serveralias").unwrap();
    writer.date(0);
    writer.block(&protected).unwrap();
    writer.number(3);
    for certificate in [LEAF, ISSUING, ROOT] {
        writer.block(certificate).unwrap();
    }
    writer.number(TRUSTED);
    writer.text("devicesroot").unwrap();
    writer.date(0);
    writer.block(DEVICES).unwrap();
    let mut file = writer.finish();
    let digest = integrity(&file, &password);
    file.extend(digest);

    assert_eq!(Keystore::read(&file, &passwords()).unwrap(), fixtures::server());
}

const KEY_KIND: u32 = super::KEY;

fn with_digest(content: &[u8]) -> Vec<u8> {
    [content, &integrity(content, &passwords().store)].concat()
}

#[test]
fn other_versions_and_kinds_are_refused_by_name() {
    for (content, text) in [
        (&[0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 3, 0, 0, 0, 0][..], "version 3"),
        (&[0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "unknown kind 9"),
    ] {
        let error = Keystore::read(&with_digest(content), &passwords()).unwrap_err();
        assert_eq!(error.code(), Code::KeystoreUnreadable);
        assert!(error.to_string().contains(text), "{error}");
    }
}

#[test]
fn counts_and_lengths_of_billions_are_not_believed() {
    let magic = [0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2];
    // 2^32 - 1 entries, and below a block of that length.
    let entries = [&magic[..], &[0xff; 4]].concat();
    let block = [&magic[..], &[0, 0, 0, 1, 0, 0, 0, 1, 0, 0], &[0; 8], &[0xff; 4], b"short"].concat();
    for content in [entries, block] {
        let error = Keystore::read(&with_digest(&content), &passwords()).unwrap_err();
        assert_eq!(error.code(), Code::KeystoreUnreadable);
    }
}

#[test]
fn a_key_of_unknown_or_torn_protection_is_unreadable_by_itself() {
    let password = Secret::from("key-pw");
    let good = protector::protect(KEY, &password, [7; protector::SALT_LENGTH]).unwrap();
    let mut foreign = good.clone();
    // The last number of the object identifier, which ends before the NULL.
    let position = good.windows(3).position(|window| window == [1, 5, 0]).unwrap();
    foreign[position] = 2;
    assert!(protector::recover(&foreign, &password).unwrap_err().to_string().contains("1.3.6.1.4.1.42.2.17.1.2"));
    for length in 0..good.len() {
        assert_eq!(protector::recover(&good[..length], &password).unwrap_err().code(), Code::KeystoreUnreadable);
    }
    let empty = protector::protect(&[], &password, [7; protector::SALT_LENGTH]).unwrap();
    assert_eq!(protector::recover(&empty, &password).unwrap().as_slice(), b"");
}
