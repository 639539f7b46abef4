//! Keystores that others made (`tests/data/keystores/README.md`), and their content.

use base::Secret;

use super::{KeyEntry, Keystore, Passwords, TrustedEntry};

macro_rules! file {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/keystores/", $name))
    };
}

pub(super) const KEYTOOL_JKS: &[u8] = file!("keytool.jks");
pub(super) const KEYTOOL_P12: &[u8] = file!("keytool.p12");
pub(super) const TWO_PASSWORDS_P12: &[u8] = file!("java-two-passwords.p12");
pub(super) const OPENSSL_P12: &[u8] = file!("openssl.p12");
pub(super) const LEGACY_P12: &[u8] = file!("openssl-legacy.p12");
pub(super) const NO_KEYS_P12: &[u8] = file!("openssl-nokeys.p12");
pub(super) const OPEN_P12: &[u8] = file!("openssl-open.p12");

pub(super) const KEY: &[u8] = file!("leaf-key.der");
pub(super) const LEAF: &[u8] = file!("leaf.der");
pub(super) const ISSUING: &[u8] = file!("issuing.der");
pub(super) const ROOT: &[u8] = file!("root.der");
pub(super) const DEVICES: &[u8] = file!("devices.der");

/// The passwords of the keystores made by keytool and Java.
pub(super) fn passwords() -> Passwords {
    Passwords { store: Secret::from("store-pw"), key: Secret::from("key-pw") }
}

pub(super) fn key(alias: &str, chain: &[&[u8]]) -> KeyEntry {
    KeyEntry {
        alias: alias.to_owned(),
        key: KEY.to_vec().into(),
        chain: chain.iter().map(|der| der.to_vec()).collect(),
    }
}

pub(super) fn trusted(alias: &str, certificate: &[u8]) -> TrustedEntry {
    TrustedEntry { alias: alias.to_owned(), certificate: certificate.to_vec() }
}

/// The content of Java's PKCS#12: there the name of a trusted entry stays as it was typed.
pub(super) fn java_pkcs12() -> Keystore {
    Keystore { trusted: vec![trusted("DevicesRoot", DEVICES)], ..server() }
}

/// The content of keytool's JKS.
pub(super) fn server() -> Keystore {
    Keystore { keys: vec![key("serveralias", &[LEAF, ISSUING, ROOT])], trusted: vec![trusted("devicesroot", DEVICES)] }
}
