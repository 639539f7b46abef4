//! The trust anchors that servers show.

use std::env;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use base::{Code, Error};
use pki::Certificate;
use provision::anchor::{self, Anchor, ChainRole, TrustBasis};
use provision::probe::{self, ProbeOptions, TlsVersion};
use provision::{Fingerprint, Probe, Roots};
use rcgen::{ExtendedKeyUsagePurpose, Issuer, KeyPair};
use rustls::pki_types::ServerName;
use time::OffsetDateTime;

use crate::server::{Ca, ONLY_1_2, ONLY_1_3, Show, leaf_params, tls};

const HOST: &str = "mqtt.example.com";

/// Root, issuing CA and leaf, as DER.
struct Chain {
    root: Vec<u8>,
    issuing: Vec<u8>,
    leaf: Vec<u8>,
}

impl Chain {
    fn new() -> Self {
        let root = Ca::root("Root");
        let issuing = root.issuing("Issuing");
        let (leaf, _) = issuing.leaf(HOST);
        Self { root: root.der(), issuing: issuing.der(), leaf: leaf.der().to_vec() }
    }

    fn sent(&self) -> Probe {
        probe_of([&self.leaf, &self.issuing])
    }

    fn roots(&self) -> Roots {
        Roots::new([self.root.clone()])
    }
}

/// A probe that saw these certificates and nothing odd.
fn probe_of<'a>(chain: impl IntoIterator<Item = &'a Vec<u8>>) -> Probe {
    Probe {
        address: "127.0.0.1:8883".parse().unwrap(),
        version: Some(TlsVersion::Tls13),
        cipher_suite: None,
        chain: chain.into_iter().cloned().collect(),
        unproven: None,
        client_certificate: None,
        ended: None,
    }
}

fn fingerprint(der: &[u8]) -> Fingerprint {
    Fingerprint::of(&Certificate::from_der(der).unwrap())
}

fn find(probe: &Probe, wanted: Option<&Vec<u8>>, roots: &Roots) -> Result<Anchor, Error> {
    find_at(probe, HOST, wanted, roots, OffsetDateTime::now_utc())
}

fn find_at(
    probe: &Probe,
    host: &str,
    wanted: Option<&Vec<u8>>,
    roots: &Roots,
    now: OffsetDateTime,
) -> Result<Anchor, Error> {
    let wanted = wanted.map(|der| fingerprint(der));
    anchor::find(probe, &ServerName::try_from(host).unwrap(), wanted.as_ref(), roots, now)
}

fn codes(anchor: &Anchor) -> Vec<Code> {
    anchor.findings.iter().map(|finding| finding.code).collect()
}

fn no_roots() -> Roots {
    Roots::new([])
}

#[test]
fn a_real_server_leads_to_the_root_that_it_did_not_send() {
    for versions in [ONLY_1_2, ONLY_1_3] {
        let root = Ca::root("Root");
        let issuing = root.issuing("Issuing");
        let (leaf, key) = issuing.leaf("127.0.0.1");
        let (target, _server) = tls(Show { versions, ..Show::new([leaf.der().to_vec(), issuing.der()], key) });
        let options = ProbeOptions { timeout: Duration::from_secs(20), ..ProbeOptions::default() };
        let probe = probe::server(&target, &options).unwrap();

        // Another root, junk, and a root of the same name with another key come first.
        let roots = Roots::new([Ca::root("Other").der(), b"junk".to_vec(), Ca::root("Root").der(), root.der()]);
        let anchor = anchor::find(&probe, target.server_name(), None, &roots, OffsetDateTime::now_utc()).unwrap();
        assert_eq!(anchor.certificate.der(), root.der());
        assert_eq!((anchor.vouched, codes(&anchor)), (TrustBasis::BySystem, vec![]));
    }
}

#[test]
fn what_does_not_verify_is_listed_for_a_person_to_compare() {
    let chain = Chain::new();
    let error = find(&chain.sent(), None, &no_roots()).unwrap_err();
    assert_eq!(error.code(), Code::ServerUnverified);
    let text = error.to_string();
    assert!(text.contains("nothing that is trusted issued it"), "{text}");
    assert!(text.contains(&format!("\n  1. CN={HOST}, SHA-256 {}", fingerprint(&chain.leaf))), "{text}");
    assert!(text.contains(&format!("\n  2. CN=Issuing, SHA-256 {}", fingerprint(&chain.issuing))), "{text}");
}

#[test]
fn a_chain_is_verified_for_its_name_its_dates_and_its_purpose() {
    let chain = Chain::new();
    let roots = chain.roots();
    let refused = |probe: &Probe, host: &str, now| find_at(probe, host, None, &roots, now).unwrap_err().to_string();
    let now = OffsetDateTime::now_utc();

    let text = refused(&chain.sent(), "other.example.com", now);
    assert!(text.contains(HOST) && text.contains("is for another name"), "{text}");
    // rcgen's certificates hold until the year 4096.
    let text = refused(&chain.sent(), HOST, now + time::Duration::days(365 * 5000));
    assert!(text.contains("a certificate of the chain has expired"), "{text}");
    // Without the issuing CA, which many servers forget to send.
    let text = refused(&probe_of([&chain.leaf]), HOST, now);
    assert!(text.contains("nothing that is trusted issued it"), "{text}");

    let root = Ca::root("Root");
    let mut params = leaf_params(HOST);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let client = params.signed_by(&KeyPair::generate().unwrap(), &root.issuer).unwrap().der().to_vec();
    let text = find(&probe_of([&client]), None, &Roots::new([root.der()])).unwrap_err().to_string();
    assert!(text.contains("is not one for servers"), "{text}");
}

#[test]
fn of_two_certificates_of_one_root_the_valid_one_is_taken() {
    let key = KeyPair::generate().unwrap();
    let root = |days: i64| {
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.not_before = OffsetDateTime::now_utc() - time::Duration::days(1000);
        params.not_after = OffsetDateTime::now_utc() + time::Duration::days(days);
        (params.self_signed(&key).unwrap().der().to_vec(), params)
    };
    let ((old, _), (new, params)) = (root(-10), root(10));
    let issuer = Issuer::new(params, &key);
    let leaf = leaf_params(HOST).signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap().der().to_vec();
    let probe = probe_of([&leaf]);

    // On both sides of the valid one, so that neither the first nor the last is taken by its place.
    let anchor = find(&probe, None, &Roots::new([old.clone(), new.clone(), old.clone()])).unwrap();
    assert_eq!((anchor.certificate.der(), codes(&anchor)), (&*new, vec![]));
    let anchor = find(&probe, None, &Roots::new([old])).unwrap();
    assert_eq!(codes(&anchor), [Code::Expired], "verifiers differ about roots that have expired");
}

#[test]
fn a_fingerprint_vouches_for_a_root_that_the_server_sends() {
    let chain = Chain::new();
    let probe = probe_of([&chain.leaf, &chain.issuing, &chain.root]);
    let anchor = find(&probe, Some(&chain.root), &no_roots()).unwrap();
    assert_eq!(anchor.certificate.der(), chain.root);
    assert_eq!((anchor.vouched, codes(&anchor)), (TrustBasis::ByFingerprint(ChainRole::Root), vec![]));
}

#[test]
fn a_fingerprint_of_less_than_a_root_comes_with_a_warning() {
    let chain = Chain::new();
    for (wanted, role) in [(&chain.issuing, ChainRole::IssuingCa), (&chain.leaf, ChainRole::Leaf)] {
        let anchor = find(&chain.sent(), Some(wanted), &no_roots()).unwrap();
        assert_eq!(anchor.certificate.der(), wanted);
        assert_eq!(anchor.vouched, TrustBasis::ByFingerprint(role));
        assert_eq!(codes(&anchor), [Code::NotSelfSigned]);
    }
}

#[test]
fn a_self_signed_server_is_its_own_root() {
    let leaf = leaf_params(HOST).self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec();
    let anchor = find(&probe_of([&leaf]), Some(&leaf), &no_roots()).unwrap();
    assert_eq!((anchor.vouched, codes(&anchor)), (TrustBasis::ByFingerprint(ChainRole::Leaf), vec![]));

    // As `openssl req -x509` makes it: a CA that is a server.
    let mut params = leaf_params(HOST);
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let leaf = params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec();
    let anchor = find(&probe_of([&leaf]), Some(&leaf), &no_roots()).unwrap();
    let [finding] = anchor.findings.as_slice() else { panic!("{:?}", anchor.findings) };
    assert!(finding.to_string().contains("which rustls refuses"), "{finding}");
}

#[test]
fn a_fingerprint_vouches_for_a_root_that_the_system_knows_and_the_server_does_not_send() {
    let chain = Chain::new();
    let anchor = find(&chain.sent(), Some(&chain.root), &chain.roots()).unwrap();
    assert_eq!((anchor.certificate.der(), anchor.vouched), (&*chain.root, TrustBasis::BySystem));
}

#[test]
fn a_fingerprint_that_nothing_has_is_an_error_even_when_the_chain_verifies() {
    let chain = Chain::new();
    let other = Ca::root("Root").der();
    for roots in [no_roots(), chain.roots(), Roots::new([chain.root.clone(), other.clone()])] {
        let error = find(&chain.sent(), Some(&other), &roots).unwrap_err();
        assert_eq!(error.code(), Code::FingerprintMismatch);
        assert!(error.to_string().contains(&fingerprint(&other).to_string()), "{error}");
        assert!(error.to_string().contains(&fingerprint(&chain.leaf).to_string()), "{error}");
    }
}

#[test]
fn a_root_that_was_not_sent_is_told_from_another_server() {
    let chain = Chain::new();
    let other = Ca::root("Root").der();
    // Most servers do not send their root, so its fingerprint is no sign of an attack.
    let error = find(&chain.sent(), Some(&chain.root), &no_roots()).unwrap_err();
    assert_eq!(error.code(), Code::FingerprintMismatch);
    assert!(error.to_string().contains("the server sent no root"), "{error}");
    let fix = error.finding().fix.clone().unwrap_or_default();
    assert!(fix.contains("tbpki inspect FILE") && fix.contains("anchors"), "{fix}");
    // A server that sends another root is another server.
    let whole = probe_of([&chain.leaf, &chain.issuing, &chain.root]);
    let error = find(&whole, Some(&other), &no_roots()).unwrap_err();
    assert!(!error.to_string().contains("the server sent no root"), "{error}");
}

#[test]
fn who_trusts_by_fingerprint_is_told_what_clients_will_refuse() {
    let chain = Chain::new();
    let whole = probe_of([&chain.leaf, &chain.issuing, &chain.root]);
    let now = OffsetDateTime::now_utc();
    let anchor = find_at(&whole, "other.example.com", Some(&chain.root), &no_roots(), now).unwrap();
    assert_eq!(codes(&anchor), [Code::WrongName]);

    let gap = probe_of([&chain.leaf, &chain.root]);
    assert_eq!(codes(&find(&gap, Some(&chain.root), &no_roots()).unwrap()), [Code::Untrusted]);

    let unproven = Probe { unproven: Some("bad signature".to_owned()), ..whole };
    assert_eq!(codes(&find(&unproven, Some(&chain.root), &no_roots()).unwrap()), [Code::ServerUnverified]);
}

#[test]
fn junk_in_a_chain_is_listed_and_never_trusted() {
    // So many that a list of them all would fill the screen.
    let junk = vec![vec![0xFF; 7]; 5000];
    let chain = Chain::new();
    let probe = probe_of(junk.iter().chain([&chain.root]));
    let text = find(&probe, None, &chain.roots()).unwrap_err().to_string();
    assert!(text.contains("1. 7 octets that are not a certificate") && text.len() < 2000, "{text}");
    assert!(text.ends_with("\n  and 4991 more"), "{text}");

    let anchor = find(&probe, Some(&chain.root), &no_roots()).unwrap();
    assert_eq!(codes(&anchor), [Code::CertificateUnreadable, Code::CertificateUnreadable]);
}

#[test]
fn the_roots_of_the_system_are_those_that_openssl_is_told_to_use() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let pem = Certificate::from_der(&Ca::root("Root").der()).unwrap().to_pem();
    file.write_all(pem.as_bytes()).unwrap();

    let job = |path: &Path| {
        let program = env::current_exe().unwrap();
        let arguments = ["--exact", "anchor::system_roots_are_there", "--ignored"];
        let status = Command::new(program)
            .args(arguments)
            // In a process of its own: the variable would change the roots of all tests in this one.
            .env("SSL_CERT_FILE", path)
            .env_remove("SSL_CERT_DIR")
            .output()
            .unwrap()
            .status;
        status.success()
    };
    assert!(job(file.path()));
    assert!(!job(Path::new("/dev/null")), "no roots are an error");
}

#[test]
#[ignore = "another test runs it in a process with an environment of its own"]
fn system_roots_are_there() {
    Roots::system().unwrap();
}
