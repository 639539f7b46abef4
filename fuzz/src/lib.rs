//! Every parser of outside input as a function from bytes.
//!
//! Whether a target accepts its input or refuses it is all the same, as long as it neither stops, nor hangs, nor grows
//! without bound. What it accepts has to stay true to itself: written and read again, it is what it was.

use pki::chain::Chain;
use pki::config::{self, Environment};
use pki::csr::Csr;
use pki::pem_bundle::PemBundle;
use pki::{PrivateKey, Secret, legacy};
use provision::mqtt::{Reader, Version};

/// A parser, fed with anything.
pub type Target = fn(&[u8]);

/// The targets by the names of their corpora.
pub const TARGETS: &[(&str, Target)] = &[
    ("csr", csr),
    ("keygen_properties", keygen_properties),
    ("keygen_toml", keygen_toml),
    ("mqtt", mqtt),
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

/// What a broker sends, in the version that the first octet chooses, in pieces as long as the second one says.
fn mqtt(input: &[u8]) {
    let [version, piece, stream @ ..] = input else { return };
    let version = if version % 2 == 0 { Version::V311 } else { Version::V5 };
    let packets = |piece: usize| {
        let mut reader = Reader::new(version);
        let mut pieces = Pieces { rest: stream, length: piece };
        let mut packets = Vec::new();
        while let Ok(packet) = reader.next(&mut pieces) {
            packets.push(packet);
        }
        packets
    };
    assert_eq!(packets(usize::from(*piece).max(1)), packets(stream.len().max(1)), "pieces make other packets");
}

/// A stream that comes in pieces.
struct Pieces<'a> {
    rest: &'a [u8],
    length: usize,
}

impl std::io::Read for Pieces<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        let length = self.length.min(bytes.len()).min(self.rest.len());
        bytes[..length].copy_from_slice(&self.rest[..length]);
        self.rest = &self.rest[length..];
        Ok(length)
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
