use proptest::prelude::*;
use time::macros::datetime;

use super::*;
use crate::keystore::{KeyEntry, Keystore, KeystoreFormat, TrustedEntry};
use crate::read::certificate::testing::{self, TestCa};

const NOW: OffsetDateTime = datetime!(2027-06-01 0:00 UTC);

fn look(bytes: &[u8]) -> Vec<InspectedItem> {
    inspect(bytes, &InspectPasswords::default(), NOW).unwrap()
}

fn look_with(bytes: &[u8], password: &str) -> Vec<InspectedItem> {
    inspect(bytes, &InspectPasswords { store: Some(password.into()), key: None }, NOW).unwrap()
}

fn kinds(items: &[InspectedItem]) -> Vec<&str> {
    items.iter().map(|item| item.content.title()).collect()
}

fn made() -> (TestCa, TestCa) {
    let root = testing::root("Root");
    let leaf = root.issue(&testing::leaf("device-1"));
    (root, leaf)
}

fn pem(label: &str, der: &[u8]) -> String {
    pem::encode(&pem::Pem::new(label, der))
}

#[test]
fn a_key_in_a_token_is_shown_by_its_name() {
    let uri = "pkcs11:token=fleet;object=CA%20key;id=%01%FF;type=private?module-path=/m.so";
    let items = look(format!("{uri}\n").as_bytes());
    assert_eq!(kinds(&items), ["private key in a token"]);
    let shown = items[0].to_string();
    for line in ["module           /m.so", "token            fleet", "key              CA key", "id               01ff"]
    {
        assert!(shown.contains(line), "{shown}");
    }
    let refused = inspect(b"pkcs11:token=fleet;pin=1", &InspectPasswords::default(), NOW).unwrap_err();
    assert_eq!(refused.code(), Code::Pkcs11Uri);
}

#[test]
fn a_certificate_is_shown_as_people_read_it() {
    let mut params = testing::server(&["broker.example", "192.0.2.1"]);
    // A fixed number, below 0x80 at its beginning, so that it is shown as it is.
    params.serial_number = Some(rcgen::SerialNumber::from_slice(&[0x4d, 1]));
    let root = testing::root("Root");
    let certificate = root.issue(&params).certificate;
    let items = look(certificate.der());
    let [item] = &items[..] else { panic!("{items:?}") };
    let Content::Certificate(view) = &item.content else { panic!("{item:?}") };
    assert_eq!(view.days_left, 2771);
    assert_eq!(view.credentials_id, certificate.credentials_id());
    let shown = item.to_string();
    let mut lines = shown.lines();
    assert_eq!(lines.next(), Some("certificate"));
    for line in [
        "  subject          CN=broker.example",
        "  issuer           CN=Root",
        "  serial           4D01",
        "  valid from       2025-01-01T00:00:00Z",
        "  valid until      2035-01-01T00:00:00Z (2771 days left)",
        "  key              ec-p256",
        "  signature        ecdsa-with-SHA256",
        "  role             leaf",
        "  names            dns:broker.example",
        "                   ip:192.0.2.1",
        "  purposes         serverAuth",
        "  key usage        digitalSignature",
    ] {
        assert_eq!(lines.next(), Some(line));
    }
}

#[test]
fn octets_behind_der_do_not_hide_its_kind() {
    let (root, leaf) = made();
    let request = testing::greedy_request(&leaf.key, &[]);
    let list = testing::crl(&root, &[]);
    for (der, kind, code) in [
        (leaf.certificate.der(), "certificate", Code::CertificateUnreadable),
        (&request, "certificate signing request", Code::CsrUnreadable),
        (list.der(), "revocation list", Code::CrlUnreadable),
    ] {
        assert_eq!(kinds(&look(&[der, b"\r\n"].concat())), [kind]);
        let error = inspect(&[der, b"abc"].concat(), &InspectPasswords::default(), NOW).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        let why = error.finding().why.as_deref().unwrap_or_default();
        assert!(why.contains("octets follow its end"), "{error}");
    }
}

#[test]
fn a_file_shows_which_key_belongs_to_which_certificate() {
    let (root, leaf) = made();
    let text = [leaf.key_pem(), leaf.certificate.to_pem(), root.certificate.to_pem()].concat();
    let items = look(text.as_bytes());
    assert_eq!(kinds(&items), ["private key", "certificate", "certificate"]);
    let Content::PrivateKey(key) = &items[0].content else { panic!() };
    assert_eq!(key.belongs_to.as_deref(), Some("CN=device-1"));
    assert_eq!(key.algorithm.as_deref(), Some("ec-p256"));
    // A P-256 key in PEM has five lines.
    assert_eq!(items[1].line, Some(6));
    let all = items.iter().map(ToString::to_string).collect::<String>();
    let secret = leaf.key_pem().lines().nth(1).unwrap().to_owned();
    assert!(!all.contains(&secret) && !serde_json::to_string(&items).unwrap().contains(&secret));
}

#[test]
fn a_label_of_another_kind_is_told_by_the_content() {
    let (root, _) = made();
    let signed = crate::certs_only::write(std::slice::from_ref(&root.certificate));
    assert_eq!(kinds(&look(pem("CERTIFICATE", &signed).as_bytes())), ["certificate"]);
    for (label, der, what) in [
        ("CERT", root.certificate.der(), "this is a certificate, under the label \"CERT\""),
        ("CERTIFICATE", root.certificate.spki_der(), "this is a public key, under the label \"CERTIFICATE\""),
    ] {
        let items = look(pem(label, der).as_bytes());
        assert_eq!((items[0].line, items[0].findings[0].what.as_str()), (Some(1), what));
    }
}

#[test]
fn every_kind_is_recognized_in_pem_and_der() {
    let (root, leaf) = made();
    let request = testing::greedy_request(&leaf.key, &[]);
    let crl = testing::crl(&root, &[&leaf.certificate]);
    let public = leaf.certificate.spki_der();
    let key = leaf.key.serialize_der();
    for (label, der, kind) in [
        ("CERTIFICATE", root.certificate.der(), "certificate"),
        ("CERTIFICATE REQUEST", &request, "certificate signing request"),
        ("X509 CRL", crl.der(), "revocation list"),
        ("PUBLIC KEY", public, "public key"),
        ("PRIVATE KEY", &key, "private key"),
    ] {
        assert_eq!(kinds(&look(der)), [kind]);
        assert_eq!(kinds(&look(pem(label, der).as_bytes())), [kind]);
        // A length of one octet, and none that follows.
        let broken = look(pem(label, b"\x30\x01").as_bytes());
        assert!(!broken[0].findings.is_empty(), "{label}");
    }
    assert_eq!(kinds(&look(pem("DH PARAMETERS", b"\x30\x00").as_bytes())), ["something else"]);
    for bytes in [&b""[..], b"hello", b"\x30\x03\x02\x01\x00"] {
        assert_eq!(inspect(bytes, &InspectPasswords::default(), NOW).unwrap_err().code(), Code::CertificateUnreadable);
    }
}

#[test]
fn an_encrypted_key_shows_what_it_is_and_opens_with_its_passphrase() {
    let key = crate::PrivateKey::generate(crate::Algorithm::EcP256).unwrap();
    let text = key.to_encrypted_pem(&"correct horse".into(), 1000).unwrap();
    let item = &look(text.as_bytes())[0];
    assert_eq!(item.findings[0].code, Code::KeyEncrypted);
    assert_eq!(item.findings[0].severity, base::Severity::Note);
    let item = &look_with(text.as_bytes(), "correct horse")[0];
    let Content::PrivateKey(view) = &item.content else { panic!() };
    assert_eq!((view.encrypted, view.algorithm.as_deref()), (true, Some("ec-p256")));
    let item = &look_with(text.as_bytes(), "wrong")[0];
    assert_eq!(item.findings[0].code, Code::WrongPassphrase);
}

#[test]
fn keystores_show_their_entries() {
    let (root, leaf) = made();
    let key = crate::PrivateKey::from_pem_or_der(leaf.key_pem().as_bytes(), None).unwrap();
    let keystore = Keystore {
        keys: vec![KeyEntry {
            alias: "clientalias".to_owned(),
            key: key.to_pkcs8_der(),
            chain: vec![leaf.certificate.der().to_vec(), root.certificate.der().to_vec()],
        }],
        trusted: vec![TrustedEntry { alias: "ca".to_owned(), certificate: root.certificate.der().to_vec() }],
    };
    let passwords = crate::keystore::Passwords::same("password".into());
    for format in [KeystoreFormat::Pkcs12, KeystoreFormat::Jks] {
        let bytes = keystore.write(format, &passwords, NOW).unwrap();
        let items = look_with(&bytes, "password");
        let mut found = kinds(&items);
        found.sort_unstable();
        assert_eq!(found, ["certificate", "certificate", "certificate", "keystore", "private key"]);
        let key = items.iter().find(|item| item.content.title() == "private key").unwrap();
        assert_eq!(key.alias.as_deref(), Some("clientalias"));
        let Content::PrivateKey(view) = &key.content else { panic!() };
        assert_eq!(view.belongs_to.as_deref(), Some("CN=device-1"), "{format}");
        assert_eq!(
            inspect(&bytes, &InspectPasswords { store: Some("wrong1".into()), key: None }, NOW).unwrap_err().code(),
            Code::KeystorePassword
        );
        let jks_weak = items[0].findings.iter().any(|finding| finding.code == Code::JksWeak);
        assert_eq!(jks_weak, format == KeystoreFormat::Jks);
    }
}

#[test]
fn a_key_that_does_not_fit_its_leaf_is_an_error() {
    let (_, leaf) = made();
    let other = crate::PrivateKey::generate(crate::Algorithm::EcP256).unwrap();
    let entry =
        KeyEntry { alias: "x".to_owned(), key: other.to_pkcs8_der(), chain: vec![leaf.certificate.der().to_vec()] };
    let passwords = crate::keystore::Passwords::same("password".into());
    let keystore = Keystore { keys: vec![entry], trusted: Vec::new() };
    let bytes = keystore.write(KeystoreFormat::Jks, &passwords, NOW).unwrap();
    let items = look_with(&bytes, "password");
    assert_eq!(items[1].findings[0].code, Code::KeyMismatch);
}

#[test]
fn what_a_terminal_would_obey_is_escaped() {
    // A terminal would color the rest, and turn its direction.
    let mut params = testing::leaf("\u{1b}[31mred\u{202e}");
    params.subject_alt_names = vec![rcgen::SanType::DnsName("a\u{1b}]0;title\u{7}".try_into().unwrap())];
    let certificate = testing::self_signed(&params).certificate;
    let text = format!("{}{}", certificate.to_pem(), pem("X\u{7}\u{1b}[2J", b""));
    for item in look(text.as_bytes()) {
        let shown = item.to_string();
        assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
        assert!(!shown.contains('\u{202e}'));
    }
}

#[test]
fn expired_and_weak_things_are_found() {
    let mut params = testing::leaf("old");
    params.not_after = datetime!(2026-05-30 0:00 UTC);
    let old = testing::self_signed(&params).certificate;
    let items = look(old.der());
    assert_eq!(items[0].findings[0].code, Code::Expired);
    assert!(items[0].to_string().contains("(over for 367 days)"));
    for (text, code) in [
        (include_str!("../../tests/data/weak/rsa1024.pem"), Code::WeakKey),
        (include_str!("../../tests/data/weak/sha1.pem"), Code::WeakSignature),
        (include_str!("../../tests/data/weak/v1.pem"), Code::VersionOne),
    ] {
        assert_eq!(look(text.as_bytes())[0].findings[0].code, code);
    }
}

#[test]
fn a_request_shows_what_it_asks_for() {
    let key = rcgen::KeyPair::generate().unwrap();
    let item = &look(&testing::greedy_request(&key, &["broker.example"]))[0];
    let Content::Request(view) = &item.content else { panic!("{item:?}") };
    assert_eq!(view.names, ["dns:broker.example"]);
    assert!(view.asks_for_ca);
    assert_eq!(item.findings, []);
}

proptest! {
    #[test]
    fn no_octet_in_its_place_makes_it_panic(which in 0usize..6, at in any::<usize>(), octet in any::<u8>(), cut in any::<bool>()) {
        let mut bytes = SAMPLES[which].clone();
        let at = at % bytes.len();
        bytes[at] = octet;
        if cut {
            bytes.truncate(at + 1);
        }
        if let Ok(items) = inspect(&bytes, &InspectPasswords::default(), NOW) {
            let shown = items.iter().map(ToString::to_string).collect::<String>();
            prop_assert!(shown.chars().all(|c| c == '\n' || !c.is_control()));
            prop_assert!(serde_json::to_string(&items).is_ok());
        }
    }
}

static SAMPLES: std::sync::LazyLock<[Vec<u8>; 6]> = std::sync::LazyLock::new(|| {
    let (root, leaf) = made();
    let server = root.issue(&testing::server(&["a.example", "192.0.2.1"]));
    [
        server.certificate.der().to_vec(),
        testing::crl(&root, &[&leaf.certificate]).der().to_vec(),
        testing::greedy_request(&leaf.key, &["a.example"]),
        leaf.key.serialize_der(),
        leaf.certificate.spki_der().to_vec(),
        format!("{}{}", leaf.certificate.to_pem(), leaf.key_pem()).into_bytes(),
    ]
});
