//! Our parsers and our verifier against the corpora of PyPI's `cryptography-vectors`: certificates, requests and
//! revocation lists of the wild, keys and keystores in every form, and NIST's PKITS (the test suite for path validation of
//! RFC 5280).
//!
//! Everything that is expected to be read and is not, and every verdict that is not NIST's, is a line in a file of
//! `tests/oracles`, with the code of the finding and the reason.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use base::{Code, Secret, Severity};
use pki::crl::Crl;
use pki::inspect::{Content, InspectPasswords, inspect};
use pki::keystore::{self, EntryKind};
use pki::pem_bundle::PemBundle;
use pki::verify::{Verification, VerifyRequest, verify};
use pki::{Certificate, PrivateKey};
use tbpki_tests::exceptions::Exceptions;
use tbpki_tests::oracle;
use time::OffsetDateTime;
use time::macros::datetime;

/// A moment at which PKITS is valid: its certificates live from 2010 to 2030.
const NOW: OffsetDateTime = datetime!(2025-01-01 0:00 UTC);

#[test]
fn certificates_requests_and_lists_of_the_wild_are_read() {
    let corpus = Corpus::open("x509");
    let exceptions = Exceptions::read("certificates-exceptions.txt");
    let (mut read, mut divergences) = (0, Vec::new());
    // OCSP is not ours, and PKITS has tests of its own below.
    for file in corpus.files(&["", "custom", "custom/ca", "ed25519", "ed448", "requests"]) {
        let bytes = fs::read(corpus.directory.join(&file)).unwrap();
        let outcome = match inspect(&bytes, &InspectPasswords::default(), NOW) {
            Ok(items) => items.into_iter().find_map(|item| match item.content {
                Content::Unreadable { .. } => item.findings.first().map(|finding| finding.code),
                _ => None,
            }),
            Err(error) => Some(error.code()),
        };
        read += usize::from(outcome.is_none());
        if let Some(code) = outcome {
            divergences.push(format!("{file} {code}"));
        }
    }
    assert_known(&exceptions, &divergences);
    // So that an empty or moved corpus does not pass as one without divergences.
    assert!(read > 150, "only {read} files were read");
}

#[test]
fn certificates_are_shown_as_openssl_shows_them() {
    let corpus = Corpus::open("x509");
    let mut compared = 0;
    let files = corpus.files(&["", "custom", "ed25519", "ed448"]);
    // OpenSSL has names for Russia's national attributes; here they are object identifiers.
    for file in files.iter().filter(|file| *file != "e-trust.ru.der") {
        let path = corpus.directory.join(file);
        let Ok(bundle) = PemBundle::parse(&fs::read(&path).unwrap()) else { continue };
        let Some(certificate) = bundle.certificates.first() else { continue };
        let openssl = oracle::openssl().args(["x509", "-noout", "-subject", "-issuer", "-serial"]);
        // Without `esc_msb`, because tbpki shows letters beyond ASCII as they are.
        let openssl = openssl.args(["-fingerprint", "-sha256", "-nameopt", "RFC2253,-esc_msb,utf8", "-in"]).arg(&path);
        // OpenSSL is stricter with a few of them.
        let outcome = openssl.run();
        if outcome.status != 0 {
            continue;
        }
        let fingerprint = certificate.fingerprint_hex().to_uppercase();
        let pairs: Vec<&str> = fingerprint.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).unwrap()).collect();
        let shown = format!(
            "subject={}\nissuer={}\nserial={}\nsha256 Fingerprint={}\n",
            certificate.subject(),
            certificate.issuer(),
            certificate.serial_hex(),
            pairs.join(":"),
        );
        assert_eq!(shown, outcome.stdout_text(), "{file}");
        compared += 1;
    }
    assert!(compared > 100, "only {compared} certificates were compared");
}

#[test]
fn private_keys_in_every_form_are_read() {
    let corpus = Corpus::open("asymmetric");
    let exceptions = Exceptions::read("keys-exceptions.txt");
    let (mut read, mut divergences) = (0, Vec::new());
    for file in corpus.files(&["PKCS8", "Traditional_OpenSSL_Serialization", "PEM_Serialization", "DER_Serialization"])
    {
        let bytes = fs::read(corpus.directory.join(&file)).unwrap();
        let is_private = |bytes: &[u8]| match PemBundle::parse(bytes) {
            Ok(bundle) => !bundle.keys.is_empty(),
            Err(_) => !file.contains("pub"),
        };
        if !is_private(&bytes) {
            continue;
        }
        match PrivateKey::from_pem_or_der(&bytes, password_of(&file).as_ref()) {
            Ok(_) => read += 1,
            Err(error) => divergences.push(format!("{file} {}", error.code())),
        }
    }
    assert_known(&exceptions, &divergences);
    assert!(read > 15, "only {read} keys were read");
}

/// The passwords of the corpus stand in the tests of Python's cryptography; these fit.
fn password_of(file: &str) -> Option<Secret> {
    let (_, name) = file.split_once('/')?;
    let password = match name {
        "ed25519-scrypt.pem" => "hunter42",
        "rsa-pbewithmd5anddescbc.pem" => "hunter2",
        "enc-ec-sha1-128-rc4.pem" | "enc-rsa-3des.pem" | "rsa-pbe-3des-long-salt.pem" | "testrsa-encrypted.pem" => {
            "password"
        }
        "rsa-rc2-cbc.pem" => "Red Hat Enterprise Linux 7.4",
        "rsa-aes-192-cbc.pem" => "PolarSSLTest",
        "rsa-40bitrc2.pem" => "baz",
        "key2.pem" => "a123456",
        name if name.starts_with("rsa_pkcs8_pbes2_") => "PolarSSLTest",
        name if name.starts_with("enc-") => "foobar",
        name if name.starts_with("enc2-") => "baz",
        _ => "123456",
    };
    Some(password.into())
}

#[test]
fn keystores_in_every_encryption_are_opened() {
    let corpus = Corpus::open("pkcs12");
    let exceptions = Exceptions::read("keystores-exceptions.txt");
    let (mut read, mut divergences) = (0, Vec::new());
    for file in corpus.files(&[""]) {
        let bytes = fs::read(corpus.directory.join(&file)).unwrap();
        match keystore::list(&bytes, keystore_password_of(&file).as_ref()) {
            Ok(listing) => {
                let keys = listing.entries.iter().filter(|entry| matches!(entry.kind, EntryKind::Key(_))).count();
                let certificates: usize = listing.entries.iter().map(|entry| entry.certificates.len()).sum();
                assert_eq!((keys, certificates), contents_of(&file), "{file}");
                read += 1;
            }
            Err(error) => divergences.push(format!("{file} {}", error.code())),
        }
    }
    assert_known(&exceptions, &divergences);
    assert!(read > 20, "only {read} keystores were opened");
}

/// As the tests of Python's cryptography have it.
fn keystore_password_of(file: &str) -> Option<keystore::Passwords> {
    let password = match file {
        file if file.contains("no-pwd") || file == "java-truststore.p12" || file == "no-password.p12" => return None,
        file if file.contains("pwd") => "password",
        _ => "cryptography",
    };
    Some(keystore::Passwords::same(password.into()))
}

/// The number of keys and certificates that Python's cryptography finds.
fn contents_of(file: &str) -> (usize, usize) {
    match file {
        "cert-aes256cbc-no-key.p12" => (0, 1),
        "no-cert-key-aes256cbc.p12" => (1, 0),
        "cert-key-aes256cbc.p12" | "cert-none-key-none.p12" | "cert-rc2-key-3des.p12" | "no-password.p12" => (1, 1),
        file if file.starts_with("no-cert") || file.starts_with("java") => (0, 2),
        _ => (1, 3),
    }
}

/// What NIST expects of a test, by the rule that the names of its end entities follow: `ValidXTestN` is to be accepted,
/// `InvalidXTestN` refused. The others belong to tests of certificate policies with several outcomes, depending on the
/// policies that the user asks for; tbpki asks for none, so they say nothing about it.
fn expected(name: &str) -> Option<bool> {
    if name.starts_with("Valid") {
        Some(true)
    } else if name.starts_with("Invalid") {
        Some(false)
    } else {
        None
    }
}

/// Among what a refusal has to be explained with, by parts of the tests' names; the first that fits counts.
const EXPLANATIONS: &[(&str, &[Code])] = &[
    ("DSASignature", &[Code::SignatureUnsupported]),
    ("CRLSigningKeyTest8", &[Code::NotACa]),
    ("BadCRLSignature", &[Code::RevocationUnknown]),
    ("CASignature", &[Code::BadSignature]),
    ("EESignature", &[Code::BadSignature]),
    ("notBeforeDate", &[Code::NotYetValid]),
    ("notAfterDate", &[Code::Expired]),
    ("NameChaining", &[Code::ChainGap]),
    ("Revoked", &[Code::Revoked]),
    ("SerialNumber", &[Code::Revoked]),
    ("SelfIssuedNewWithOld", &[Code::Revoked]),
    ("SelfIssuedOldWithNew", &[Code::Revoked]),
    ("SelfIssuedCRLSigningKey", &[Code::Revoked]),
    ("MissingbasicConstraints", &[Code::NotACa]),
    ("cAFalse", &[Code::NotACa]),
    ("keyCertSignFalse", &[Code::NotACa]),
    ("pathLenConstraint", &[Code::PathLength]),
    ("nameConstraints", &[Code::NameConstraint]),
    ("UnknownCriticalCertificateExtension", &[Code::CriticalExtension]),
    ("olicy", &[Code::CriticalExtension]),
    ("onlySomeReasons", &[Code::Revoked, Code::RevocationUnknown]),
    ("distributionPoint", &[Code::Revoked, Code::RevocationUnknown]),
    ("deltaCRL", &[Code::Revoked, Code::RevocationUnknown]),
    ("SeparateCertificateandCRLKeys", &[Code::Revoked, Code::RevocationUnknown]),
    ("CRL", &[Code::RevocationUnknown]),
    ("cRL", &[Code::RevocationUnknown]),
    ("onlyContains", &[Code::RevocationUnknown]),
];

#[test]
fn pkits_is_judged_as_nist_expects() {
    let pkits = Pkits::open();
    let exceptions = Exceptions::read("pkits-exceptions.txt");
    let (mut judged, mut as_expected, mut divergences) = (0, 0, Vec::new());
    for (name, leaf) in &pkits.leaves {
        let Some(expected) = expected(name) else { continue };
        let report = pkits.verify(leaf);
        judged += 1;
        if report.is_ok() == expected {
            as_expected += 1;
            if !expected {
                assert_explained(name, &report);
            }
        } else {
            divergences.push(format!("{name} {}", outcome(&report)));
        }
    }
    assert_known(&exceptions, &divergences);
    // Exact numbers: a release of the vectors with more tests, or a verdict that changes, must be noticed.
    assert_eq!((judged, as_expected), (203, 155));
}

/// Stops the test unless the file lists exactly these.
#[track_caller]
fn assert_known(exceptions: &Exceptions, divergences: &[String]) {
    let unknown: Vec<&String> = divergences.iter().filter(|divergence| !exceptions.allows(divergence)).collect();
    assert!(unknown.is_empty(), "these divergences are in no file of exceptions: {unknown:#?}");
    exceptions.assert_all_used();
}

/// `accepted`, or the codes of the faults for which a chain was refused.
fn outcome(report: &Verification) -> String {
    let codes = faults(report).iter().map(ToString::to_string).collect::<Vec<_>>();
    if codes.is_empty() { "accepted".to_owned() } else { codes.join("+") }
}

fn faults(report: &Verification) -> BTreeSet<Code> {
    let faults = report.findings.iter().filter(|finding| finding.severity == Severity::Fault);
    faults.map(|finding| finding.code).collect()
}

#[track_caller]
fn assert_explained(name: &str, report: &Verification) {
    let (_, explanations) = EXPLANATIONS
        .iter()
        .find(|(part, _)| name.contains(part))
        .unwrap_or_else(|| panic!("no explanation is expected of {name}: {}", outcome(report)));
    let found = faults(report);
    assert!(explanations.iter().any(|code| found.contains(code)), "{name} was refused for {}", outcome(report));
}

/// NIST's certificates. Every one of them is given with each chain, as in the directory that PKITS comes with, so that
/// the path has to be found among namesakes.
struct Pkits {
    anchors: [Certificate; 1],
    cas: Vec<Certificate>,
    leaves: Vec<(String, Certificate)>,
    crls: Vec<Crl>,
}

impl Pkits {
    fn open() -> Self {
        let corpus = Corpus::open("x509/PKITS_data");
        let read = |file: &String| fs::read(corpus.directory.join(file)).unwrap();
        let (mut anchors, mut cas, mut leaves) = (Vec::new(), Vec::new(), Vec::new());
        for file in corpus.files(&["certs"]) {
            let certificate = Certificate::from_der(&read(&file)).unwrap();
            let name = file.trim_start_matches("certs/").trim_end_matches(".crt").to_owned();
            match name.strip_suffix("EE") {
                Some(name) => leaves.push((name.to_owned(), certificate)),
                None if name == "TrustAnchorRootCertificate" => anchors.push(certificate),
                None => cas.push(certificate),
            }
        }
        let crls = corpus.files(&["crls"]).iter().map(|file| Crl::from_der(&read(file)).unwrap()).collect();
        Self { anchors: anchors.try_into().unwrap(), cas, leaves, crls }
    }

    fn verify(&self, leaf: &Certificate) -> Verification {
        verify(&VerifyRequest {
            chain: std::slice::from_ref(leaf),
            extra: &self.cas,
            anchors: &self.anchors,
            key: None,
            host: None,
            purpose: None,
            time: NOW,
            crls: &self.crls,
        })
    }
}

/// A directory of the corpus.
struct Corpus {
    directory: PathBuf,
}

impl Corpus {
    #[track_caller]
    fn open(name: &str) -> Self {
        Self { directory: oracle::vectors().join(name) }
    }

    /// The files right in these subdirectories, sorted, as `subdirectory/file`.
    #[track_caller]
    fn files(&self, subdirectories: &[&str]) -> Vec<String> {
        let mut files: Vec<String> = subdirectories.iter().flat_map(|name| files_in(&self.directory, name)).collect();
        files.sort();
        assert!(files.len() > 10, "{} holds only {} files", self.directory.display(), files.len());
        files
    }
}

#[track_caller]
fn files_in(directory: &Path, subdirectory: &str) -> Vec<String> {
    let path = directory.join(subdirectory);
    let entries = fs::read_dir(&path).unwrap_or_else(|error| panic!("cannot list {}: {error}", path.display()));
    let files = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let text = |path: PathBuf| path.strip_prefix(directory).unwrap().to_str().unwrap().to_owned();
    files.map(text).filter(|file| !file.ends_with(".txt") && !file.ends_with(".py")).collect()
}
