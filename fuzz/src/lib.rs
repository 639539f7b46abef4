//! Every parser of outside input as a function from bytes.
//!
//! Whether a target accepts its input or refuses it is all the same, as long as it neither stops, nor hangs, nor grows
//! without bound. What it accepts has to stay true to itself: written and read again, it is what it was.

use pki::chain::Chain;
use pki::config::{self, Environment};
use pki::crl::Crl;
use pki::csr::Csr;
use pki::pem_bundle::PemBundle;
use pki::verify::{self, Purpose, Request};
use pki::{Certificate, PrivateKey, Secret, inspect, legacy};
use time::OffsetDateTime;

mod keystores;

/// A parser, fed with anything.
pub type Target = fn(&[u8]);

/// The targets by the names of their corpora.
pub const TARGETS: &[(&str, Target)] = &[
    ("csr", csr),
    ("inspect", inspect),
    ("jks", keystores::jks),
    ("keygen_properties", keygen_properties),
    ("keygen_toml", keygen_toml),
    ("pem_bundle", pem_bundle),
    ("pkcs12", keystores::pkcs12),
    ("private_key", private_key),
    ("verify", verify),
];

/// What all that is encrypted in the corpora opens with.
pub(crate) const PASSWORD: &str = "password";

/// The moment for which dates are judged, so that an input means the same every year: the beginning of 2027.
pub(crate) const NOW: OffsetDateTime = time::macros::datetime!(2027-01-01 0:00 UTC);

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

/// Any file at all, as it is shown to people and to programs.
fn inspect(input: &[u8]) {
    let passwords = inspect::Passwords { store: Some(Secret::from(PASSWORD)), key: None };
    let Ok(items) = inspect::inspect(input, &passwords, NOW) else { return };
    for item in items {
        let shown = item.to_string();
        let steers = |character: char| character != '\n' && character.is_control();
        assert!(!shown.contains(steers), "what is shown steers the terminal: {shown:?}");
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
    if let Ok(key) = PrivateKey::from_pem_or_der(input, Some(&Secret::from(PASSWORD))) {
        let again = PrivateKey::from_pkcs8_der(&key.to_pkcs8_der());
        assert!(again.is_ok_and(|again| again.spki_der() == key.spki_der()), "PKCS#8 and back is another key");
    }
}

/// A chain with its anchors and revocation lists in one PEM file: what signed itself is trusted.
fn verify(input: &[u8]) {
    let Ok(bundle) = PemBundle::parse(input) else { return };
    let crls: Vec<Crl> = bundle.crls.iter().filter_map(|der| Crl::from_der(der).ok()).collect();
    let (anchors, chain): (Vec<_>, Vec<_>) = bundle.certificates.into_iter().partition(Certificate::is_self_signed);
    for purpose in [None, Some(Purpose::Server), Some(Purpose::Device)] {
        let request = Request {
            chain: &chain,
            extra: &[],
            anchors: &anchors,
            key: None,
            host: None,
            purpose,
            time: NOW,
            crls: &crls,
        };
        let report = verify::verify(&request);
        assert!(!report.is_ok() || report.trusted, "nothing vouches for what was accepted");
    }
}
