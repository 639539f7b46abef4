//! Every parser of outside input as a function from bytes.
//!
//! Whether a target accepts its input or refuses it is all the same, as long as it neither stops, nor hangs, nor grows
//! without bound. What it accepts has to stay true to itself: written and read again, it is what it was.

use device::Record;
use device::nvs::Namespace;
use device::record::{NAMESPACE, Value};
use pki::chain::Chain;
use pki::config::{self, Environment};
use pki::csr::Csr;
use pki::pem_bundle::PemBundle;
use pki::{PrivateKey, Secret, legacy};

/// A parser, fed with anything.
pub type Target = fn(&[u8]);

/// The targets by the names of their corpora.
pub const TARGETS: &[(&str, Target)] = &[
    ("csr", csr),
    ("keygen_properties", keygen_properties),
    ("keygen_toml", keygen_toml),
    ("nvs", nvs),
    ("pem_bundle", pem_bundle),
    ("private_key", private_key),
];

/// The target of this name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().find(|(known, _)| *known == name).map(|(_, target)| *target)
}

/// A certificate signing request, PEM or DER.
fn csr(input: &[u8]) {
    if let Ok(request) = Csr::from_pem_or_der(input) {
        drop(request.subject().to_string());
        for san in request.sans() {
            drop(san.to_string());
        }
    }
}

/// The old scripts' properties, and what becomes of them in keygen.toml, which has to read it.
fn keygen_properties(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(properties) = legacy::parse(text) else { return };
    let environment = Environment::of(&[]).with_host_name("host.example");
    if let Ok(converted) = properties.convert("pki", &environment) {
        let written = config::render(&converted.answers);
        assert!(config::parse(&written).is_ok(), "what was converted cannot be read:\n{written}");
    }
}

/// keygen.toml.
fn keygen_toml(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok((config, _)) = config::parse(text) {
        drop(config.show());
        assert!(config.subject().is_ok(), "the configuration holds a subject that is none");
    }
}

/// An NVS partition with a device's credentials record.
fn nvs(input: &[u8]) {
    // Pages are large: what is left out of an input at its end was never written.
    let mut image = input.to_vec();
    image.resize(input.len().next_multiple_of(4096), 0xff);
    let Ok(record) = Record::read(&image[..]) else { return };
    let Ok(mut nvs) = Namespace::open(&image[..], NAMESPACE) else { panic!("a record without its namespace") };
    for entry in record.entries().iter() {
        let same = match entry.value {
            Value::U8(number) => nvs.u8(entry.key) == Ok(number),
            Value::U16(number) => nvs.u16(entry.key) == Ok(number),
            Value::Str(text) => nvs.text(entry.key).as_deref() == Ok(text),
            Value::Blob(bytes) => nvs.blob(entry.key, bytes.len()).as_deref() == Ok(bytes),
        };
        assert!(same, "{} is not what the partition holds", entry.key);
    }
}

/// Certificates, keys, requests and lists in PEM, with anything around them.
fn pem_bundle(input: &[u8]) {
    let Ok(bundle) = PemBundle::parse(input) else { return };
    for certificate in &bundle.certificates {
        let again = PemBundle::parse(certificate.to_pem().as_bytes());
        assert!(again.is_ok_and(|again| again.certificates == [certificate.clone()]), "PEM and back is another one");
        drop((certificate.subject(), certificate.label(), certificate.sans(), certificate.credentials_id()));
    }
    if let Ok(chain) = Chain::sort(bundle.certificates) {
        assert!(Chain::new(chain.certificates().to_vec()).is_ok(), "a sorted chain is not in order");
    }
    for request in &bundle.csrs {
        csr(request);
    }
}

/// Private keys of every format, encrypted ones with a fixed passphrase.
fn private_key(input: &[u8]) {
    if let Ok(key) = PrivateKey::from_pem_or_der(input, Some(&Secret::from("password"))) {
        let again = PrivateKey::from_pkcs8_der(&key.to_pkcs8_der());
        assert!(again.is_ok_and(|again| again.spki_der() == key.spki_der()), "PKCS#8 and back is another key");
    }
}
