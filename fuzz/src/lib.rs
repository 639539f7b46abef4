//! Every parser of outside input as a function from bytes.
//!
//! Whether a target accepts its input or refuses it is all the same, as long as it neither stops, nor hangs, nor grows
//! without bound. What it accepts has to stay true to itself: written and read again, it is what it was.

use base::Secret;
use config::{Environment, legacy};
use device::Record;
use device::nvs::Namespace;
use device::record::{NAMESPACE, RecordValue};
use pki::chain::Chain;
use pki::crl::Crl;
use pki::csr::Csr;
use pki::pem_bundle::PemBundle;
use pki::pkcs11::{KeyReference, TokenUri};
use pki::verify::{self, Purpose, VerifyRequest};
use pki::{Certificate, PrivateKey, inspect};
use provision::PacketReader;
use provision::mqtt::Version;
use time::OffsetDateTime;

mod devices;
mod documents;
mod enrolment;
mod firmware;
mod keystores;
mod names;

/// A parser, fed with anything.
pub type Target = fn(&[u8]);

/// The targets by the names of their corpora.
pub const TARGETS: &[(&str, Target)] = &[
    ("application_image", firmware::application_image),
    ("audit_line", enrolment::audit_line),
    ("certs_only", enrolment::certs_only),
    ("csr", csr),
    ("device_answer", devices::answer),
    ("device_slots", devices::slots),
    ("est_authorization", enrolment::authorization),
    ("est_body", enrolment::body),
    ("est_path", enrolment::path),
    ("fleet_json", documents::fleet_json),
    ("fleet_names", names::fleet_names),
    ("inspect", inspect),
    ("jks", keystores::jks),
    ("key_reference", key_reference),
    ("keygen_properties", keygen_properties),
    ("keygen_toml", keygen_toml),
    ("metrics_text", enrolment::metrics_text),
    ("mqtt", mqtt),
    ("nvs", nvs),
    ("partition_table", firmware::partition_table),
    ("pem_bundle", pem_bundle),
    ("pkcs11_uri", pkcs11_uri),
    ("pkcs12", keystores::pkcs12),
    ("platform_json", documents::platform_json),
    ("pkcs12_ber", keystores::pkcs12_ber),
    ("private_key", private_key),
    ("thingsboard_env", documents::thingsboard_env),
    ("verify", verify),
];

/// The password of everything that is encrypted in the corpora.
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
    // An empty environment: an input must mean the same on every machine.
    let environment = Environment::of(&[]).with_host_name("host.example");
    if let Ok(converted) = properties.convert(legacy::StoreDir { in_config: "pki", from_here: "pki" }, &environment) {
        let written = config::render(&converted.answers);
        assert!(config::parse(&written).is_ok(), "what was converted cannot be read:\n{written}");
    }
}

/// Any file at all, as it is shown to people and to programs.
fn inspect(input: &[u8]) {
    let passwords = inspect::InspectPasswords { store: Some(Secret::from(PASSWORD)), key: None };
    let Ok(items) = inspect::inspect(input, &passwords, NOW) else { return };
    for item in items {
        let shown = item.to_string();
        // Fields of certificates are shown in a terminal, and their makers choose the text.
        let steers = |character: char| character != '\n' && character.is_control();
        assert!(!shown.contains(steers), "what is shown steers the terminal: {shown:?}");
    }
}

/// The name of a key in a token.
fn pkcs11_uri(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    match text.parse::<TokenUri>() {
        Ok(uri) => {
            let written = uri.to_string();
            assert!(TokenUri::is_meant_by(&written), "{written}");
            assert!(written.is_ascii() && !written.contains(char::is_whitespace), "{written:?}");
            assert_eq!(written.parse().ok(), Some(uri), "written and read again it is another: {written}");
            // A PIN in a URI would be written into the store in the clear.
            assert!(!written.contains(";pin-") && !written.contains("&pin-"), "a PIN was taken: {written}");
        }
        Err(error) => drop(format!("{error:?}")),
    }
}

/// The file that names a key in a token.
fn key_reference(input: &[u8]) {
    match KeyReference::from_pem(input) {
        Ok(Some(reference)) => {
            let written = reference.to_pem();
            let again = KeyReference::from_pem(&written).ok().flatten();
            assert_eq!(again, Some(reference), "written and read again it names another key");
            let text = String::from_utf8_lossy(&written);
            assert!(!text.contains("pin-value="), "a PIN was taken: {text}");
        }
        Ok(None) => {}
        Err(error) => drop(format!("{error:?}")),
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

/// The packets of a broker, in the version that the first octet chooses, in pieces of the length in the second octet.
fn mqtt(input: &[u8]) {
    let [version, piece, stream @ ..] = input else { return };
    let version = if version % 2 == 0 { Version::V311 } else { Version::V5 };
    let packets = |piece: usize| {
        let mut reader = PacketReader::new(version);
        let mut pieces = Pieces { rest: stream, length: piece };
        let mut packets = Vec::new();
        while let Ok(packet) = reader.next(&mut pieces) {
            packets.push(packet);
        }
        packets
    };
    // A network delivers pieces of any length, and the packets must not depend on it.
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

/// An NVS partition with a device's credentials record.
fn nvs(input: &[u8]) {
    // Pages are large: what is left out of an input at its end was never written.
    let mut image = input.to_vec();
    image.resize(input.len().next_multiple_of(4096), 0xff);
    let Ok(record) = Record::read(&image[..]) else { return };
    let Ok(mut nvs) = Namespace::open(&image[..], NAMESPACE) else { panic!("a record without its namespace") };
    for entry in record.entries().iter() {
        let same = match entry.value {
            RecordValue::U8(number) => nvs.u8(entry.key) == Ok(number),
            RecordValue::U16(number) => nvs.u16(entry.key) == Ok(number),
            RecordValue::Str(text) => nvs.text(entry.key).as_deref() == Ok(text),
            RecordValue::Blob(bytes) => nvs.blob(entry.key, bytes.len()).as_deref() == Ok(bytes),
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
        // Sorting and checking are separate, and must agree.
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
        let request = VerifyRequest {
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
        // The report has two answers to one question, and they must agree.
        assert!(!report.is_ok() || report.trusted, "nothing vouches for what was accepted");
    }
}
