//! Keystores of both formats, opened with a fixed password.
//!
//! A digest over the whole file would turn every changed byte into "wrong password" and hide the rest of the parser. JKS
//! is therefore sealed again before it is opened; the corpus of PKCS#12 has files without a MAC, which RFC 7292 allows.

use base::Secret;
use pki::keystore::{self, Keystore, KeystoreFormat, Passwords};
use sha1::{Digest, Sha1};

use crate::{NOW, PASSWORD};

/// A PKCS#12 keystore.
pub(crate) fn pkcs12(input: &[u8]) {
    if KeystoreFormat::detect(input) == Some(KeystoreFormat::Pkcs12) {
        open(input);
    }
}

/// A PKCS#12 keystore in BER: indefinite lengths, octet strings in pieces, the empty password and none at all.
pub(crate) fn pkcs12_ber(input: &[u8]) {
    let Some(keystore) = keystore::find_keystore(input) else { return };
    if KeystoreFormat::detect(&keystore) != Some(KeystoreFormat::Pkcs12) {
        return;
    }
    open(&keystore);
    // The empty password and none are the same to many writers, and different in bytes.
    let empty = Passwords::same(Secret::from(""));
    if let Ok((read, others)) = Keystore::read_with_others(&keystore, &empty) {
        let listed = keystore::list(&keystore, Some(&empty)).expect("what can be read can be listed");
        let certificates: usize = listed.entries.iter().map(|entry| entry.certificates.len()).sum();
        let chains: usize = read.keys.iter().map(|entry| entry.chain.len()).sum();
        assert_eq!(certificates, chains + read.trusted.len() + others.len(), "a certificate was passed over");
    }
}

/// A JKS keystore: as it is, and with a digest that fits.
pub(crate) fn jks(input: &[u8]) {
    if KeystoreFormat::detect(input) != Some(KeystoreFormat::Jks) {
        return;
    }
    open(input);
    if let Some((content, _)) = input.split_last_chunk::<20>() {
        open(&sealed(content));
    }
}

/// Lists and reads a keystore; what can be read is written, and is the same when it is read again.
fn open(input: &[u8]) {
    let passwords = Passwords::same(Secret::from(PASSWORD));
    drop(keystore::list(input, None));
    let listed = keystore::list(input, Some(&passwords));
    let Ok(read) = Keystore::read(input, &passwords) else { return };
    assert!(listed.is_ok(), "what can be read cannot be listed");
    for format in [KeystoreFormat::Jks, KeystoreFormat::Pkcs12] {
        // Aliases that fold to one, keys that are not PKCS#8 and the like are not written.
        let Ok(written) = read.write(format, &passwords, NOW) else { continue };
        let again = Keystore::read(&written, &passwords).expect("what was written can be read");
        let keys = |keystore: &Keystore| {
            let mut keys: Vec<_> =
                // Java folds aliases to lower case when it writes.
                keystore.keys.iter().map(|entry| (entry.alias.to_lowercase(), entry.key.to_vec())).collect();
            keys.sort();
            keys
        };
        assert_eq!(keys(&again), keys(&read), "{format}: the keys are others");
        let trusted = |keystore: &Keystore| {
            let entries = keystore.trusted.iter();
            let mut trusted: Vec<_> =
                entries.map(|entry| (entry.alias.to_lowercase(), entry.certificate.clone())).collect();
            trusted.sort();
            trusted
        };
        assert_eq!(trusted(&again), trusted(&read), "{format}: what is trusted is something else");
        for key in &again.keys {
            let before = read.keys.iter().find(|entry| entry.alias.to_lowercase() == key.alias);
            let leaf = before.and_then(|entry| entry.chain.first());
            assert_eq!(key.chain.first(), leaf, "{format}: the key has another leaf");
        }
    }
}

/// A JKS with the digest of [`PASSWORD`] (see `pki::keystore`'s JKS for the format).
fn sealed(content: &[u8]) -> Vec<u8> {
    let password: Vec<u8> = PASSWORD.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let digest = Sha1::new().chain_update(password).chain_update("Mighty Aphrodite").chain_update(content).finalize();
    [content, digest.as_slice()].concat()
}
