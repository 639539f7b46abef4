use std::slice::from_ref;

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, KeyPair, KeyUsagePurpose};
use time::macros::datetime;

use super::*;
use crate::PrivateKey;
use crate::read::certificate::testing::{self, TestCa};

const NOW: OffsetDateTime = datetime!(2027-06-01 0:00 UTC);

/// Root, issuing CA and a leaf of these parameters.
struct Three {
    root: TestCa,
    issuing: TestCa,
    leaf: TestCa,
}

fn three(leaf: &CertificateParams) -> Three {
    let root = testing::root("Root");
    let issuing = root.issue(&testing::ca("Issuing", Some(0)));
    let leaf = issuing.issue(leaf);
    Three { root, issuing, leaf }
}

impl Three {
    fn chain(&self) -> [Certificate; 2] {
        [self.leaf.certificate.clone(), self.issuing.certificate.clone()]
    }

    fn anchors(&self) -> [Certificate; 1] {
        [self.root.certificate.clone()]
    }
}

fn request<'a>(chain: &'a [Certificate], anchors: &'a [Certificate]) -> VerifyRequest<'a> {
    VerifyRequest { chain, extra: &[], anchors, key: None, host: None, purpose: None, time: NOW, crls: &[] }
}

fn device<'a>(chain: &'a [Certificate], anchors: &'a [Certificate]) -> VerifyRequest<'a> {
    VerifyRequest { purpose: Some(Purpose::Device), ..request(chain, anchors) }
}

/// Each code that was found, with the certificate that it is about.
fn found(report: &Verification) -> Vec<(Code, &str)> {
    report.findings.iter().map(|finding| (finding.code, finding.location.item.as_deref().unwrap_or(""))).collect()
}

fn fixture(pem: &str) -> Certificate {
    crate::read::pem_bundle::PemBundle::parse(pem.as_bytes()).unwrap().certificates.remove(0)
}

#[test]
fn a_device_chain_is_accepted() {
    let made = three(&testing::leaf("device-1"));
    let key = PrivateKey::from_pem_or_der(made.leaf.key_pem().as_bytes(), None).unwrap();
    let (chain, anchors) = (made.chain(), made.anchors());
    let report = verify(&VerifyRequest { key: Some(key.public()), ..device(&chain, &anchors) });
    assert!(report.is_ok() && report.trusted, "{:?}", report.findings);
    assert_eq!(report.findings, []);
    let names: Vec<(&str, CertificateSource)> =
        report.links.iter().map(|link| (link.name.as_str(), link.source)).collect();
    assert_eq!(
        names,
        [
            ("CN=device-1", CertificateSource::Sent(1)),
            ("CN=Issuing", CertificateSource::Sent(2)),
            ("CN=Root", CertificateSource::Anchor)
        ]
    );
}

#[test]
fn a_server_is_accepted_under_its_names_only() {
    let made = three(&testing::server(&["broker.example", "*.iot.example", "192.0.2.1"]));
    let (chain, anchors) = (made.chain(), made.anchors());
    for (host, code) in [
        ("Broker.Example", None),
        ("a.iot.example", None),
        ("192.0.2.1", None),
        // A wildcard takes the place of one label and not of two.
        ("a.b.iot.example", Some(Code::WrongName)),
        ("192.0.2.2", Some(Code::WrongName)),
        ("other.example", Some(Code::WrongName)),
    ] {
        let host: Host = host.parse().unwrap();
        let purpose = Some(Purpose::Server);
        let report = verify(&VerifyRequest { host: Some(&host), purpose, ..request(&chain, &anchors) });
        assert_eq!(found(&report).first().map(|(code, _)| *code), code, "{host}");
    }
}

#[test]
fn a_server_without_alternative_names_is_legacy() {
    let mut params = testing::server(&[]);
    params.distinguished_name.push(DnType::CommonName, "broker.example");
    let made = three(&params);
    let (chain, anchors) = (made.chain(), made.anchors());
    let server = VerifyRequest { purpose: Some(Purpose::Server), ..request(&chain, &anchors) };
    let report = verify(&server);
    assert_eq!(found(&report), [(Code::LegacyName, "CN=broker.example")]);
    assert!(report.is_ok(), "a warning, as long as no host is given");
    let host = "broker.example".parse().unwrap();
    assert!(!verify(&VerifyRequest { host: Some(&host), ..server }).is_ok());
}

#[test]
fn purposes_do_not_stand_in_for_each_other() {
    let made = three(&testing::leaf("device-1"));
    let (chain, anchors) = (made.chain(), made.anchors());
    let report = verify(&VerifyRequest { purpose: Some(Purpose::Server), ..request(&chain, &anchors) });
    assert_eq!(found(&report)[0], (Code::WrongPurpose, "CN=device-1"));

    let mut params = testing::leaf("signer");
    // They sign no handshakes. Only a server can prove its key in another way, in TLS 1.2.
    for (usage, serves) in [
        (KeyUsagePurpose::ContentCommitment, false),
        (KeyUsagePurpose::KeyEncipherment, true),
        (KeyUsagePurpose::KeyAgreement, true),
    ] {
        params.key_usages = vec![usage];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        let made = three(&params);
        let (chain, anchors) = (made.chain(), made.anchors());
        let report = verify(&device(&chain, &anchors));
        assert_eq!((found(&report), report.is_ok()), (vec![(Code::WrongPurpose, "CN=signer")], false));
        let report = verify(&VerifyRequest { purpose: Some(Purpose::Server), ..request(&chain, &anchors) });
        assert_eq!(report.is_ok(), serves, "{report:?}");
    }
}

#[test]
fn an_anchor_that_names_another_key_as_its_own_is_refused() {
    let mut params = testing::ca("Root", None);
    params.use_authority_key_identifier_extension = false;
    let id = [2, 5, 29, 35];
    let other = testkit::der::element(0x30, &testkit::der::element(0x80, &[1, 2, 3, 4]));
    params.custom_extensions.push(rcgen::CustomExtension::from_oid_content(&id, other));
    let root = testing::self_signed(&params);
    let leaf = root.issue(&testing::leaf("device-1")).certificate;
    // OpenSSL: error 2, unable to get issuer certificate.
    let report = verify(&device(&[leaf], &[root.certificate]));
    assert_eq!(found(&report), [(Code::KeyIdMismatch, "CN=Root")]);
}

#[test]
fn an_issuer_of_the_same_name_needs_a_key_identifier_for_openssl() {
    let root = testing::root("One");
    let of = |params: &CertificateParams, name: &str, has_id: bool| {
        let mut params = params.clone();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.use_authority_key_identifier_extension = has_id;
        params
    };
    let (ca, of_device) = (testing::ca("x", None), testing::leaf("x"));
    let verified = |leaf: &TestCa, cas: &[&TestCa]| {
        let chain: Vec<Certificate> =
            [leaf].into_iter().chain(cas.iter().copied()).map(|one| one.certificate.clone()).collect();
        let report = verify(&device(&chain, from_ref(&root.certificate)));
        // Other findings are about `-x509_strict` and about our firmware.
        let found = report.findings.into_iter().filter(|finding| finding.code == Code::KeyIdMismatch);
        found.map(|finding| (finding.code, finding.what)).collect::<Vec<_>>()
    };
    // OpenSSL 3.0: error 19, self-signed certificate in certificate chain.
    for has_id in [true, false] {
        let again = root.issue(&of(&ca, "One", has_id));
        let leaf = again.issue(&of(&of_device, "device-1", true));
        let expected = "OpenSSL takes it for self-signed: it has the name of its issuer".to_owned();
        let expected = if has_id { vec![] } else { vec![(Code::KeyIdMismatch, expected)] };
        assert_eq!(verified(&leaf, &[&again]), expected);
        let middle = again.issue(&of(&ca, "Issuing", true));
        assert_eq!(verified(&middle.issue(&of(&of_device, "device-1", true)), &[&middle, &again]), expected);
    }
    // Error 7, certificate signature failure: the anchor has the name too, and is looked at first.
    let again = root.issue(&of(&ca, "One", true));
    let leaf = again.issue(&of(&of_device, "device-1", false));
    let what = "OpenSSL takes CN=One for its issuer, which has the name of the right one".to_owned();
    assert_eq!(verified(&leaf, &[&again]), [(Code::KeyIdMismatch, what)]);
    // OpenSSL compares the kind of the key with the signature before it calls a certificate self-signed.
    let ed25519 = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let again = root.issue_for(&of(&ca, "One", false), ed25519);
    assert_eq!(verified(&again.issue(&of(&of_device, "device-1", true)), &[&again]), []);
}

#[test]
fn an_issuing_ca_for_another_purpose_is_named() {
    let root = testing::root("Root");
    let mut params = testing::ca("Servers only", Some(0));
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let issuing = root.issue(&params);
    let leaf = issuing.issue(&testing::leaf("device-1"));
    let report = verify(&device(&[leaf.certificate, issuing.certificate], &[root.certificate]));
    assert_eq!(found(&report), [(Code::WrongPurpose, "CN=Servers only")]);
    let oks: Vec<bool> = report.links.iter().map(|link| link.ok).collect();
    assert_eq!(oks, [true, false, true]);
}

#[test]
fn another_key_is_noticed() {
    let made = three(&testing::leaf("device-1"));
    let other = PrivateKey::generate(crate::Algorithm::EcP256).unwrap();
    let (chain, anchors) = (made.chain(), made.anchors());
    let report = verify(&VerifyRequest { key: Some(other.public()), ..device(&chain, &anchors) });
    assert_eq!(found(&report), [(Code::KeyMismatch, "CN=device-1")]);
}

#[test]
fn the_link_that_is_out_of_its_dates_is_named() {
    let root = testing::root("Root");
    let mut params = testing::ca("Issuing", Some(0));
    params.not_after = datetime!(2026-01-01 0:00 UTC);
    let issuing = root.issue(&params);
    let mut params = testing::leaf("device-1");
    params.not_before = datetime!(2028-01-01 0:00 UTC);
    let leaf = issuing.issue(&params);
    let report = verify(&device(&[leaf.certificate, issuing.certificate], &[root.certificate]));
    assert_eq!(found(&report), [(Code::NotYetValid, "CN=device-1"), (Code::Expired, "CN=Issuing")]);
    // A renewal of the leaf would be below the same CA.
    assert!(report.findings[1].fix.as_ref().unwrap().contains("`tbpki ca prepare CA`"), "{:?}", report.findings[1]);
}

#[test]
fn missing_and_wrong_issuers_are_told_apart() {
    let made = three(&testing::leaf("device-1"));
    let [leaf, issuing] = made.chain();
    let other = testing::root("Other root").certificate;
    let code = |chain: &[Certificate], anchors: &[Certificate]| found(&verify(&device(chain, anchors)))[0].0;
    assert_eq!(code(from_ref(&leaf), &made.anchors()), Code::ChainGap);
    assert_eq!(code(&[leaf.clone(), issuing.clone()], from_ref(&other)), Code::Untrusted);
    assert_eq!(code(&[leaf.clone(), issuing.clone()], &[]), Code::Untrusted);
    // With the root in the chain: it is its own issuer, and sending it does not make it trusted.
    assert_eq!(code(&[leaf.clone(), issuing.clone(), made.root.certificate.clone()], &[other]), Code::Untrusted);
    // The name of the right root with another key, as after a root was made a second time.
    let namesake = testing::root("Root").certificate;
    let report = verify(&device(&[leaf, issuing], &[namesake]));
    assert_eq!(found(&report), [(Code::BadSignature, "CN=Issuing")]);
    assert!(!report.trusted);
}

#[test]
fn further_certificates_close_a_gap_of_the_chain() {
    let made = three(&testing::leaf("device-1"));
    let ([leaf, issuing], anchors) = (made.chain(), made.anchors());
    let (chain, extra) = ([leaf], [issuing]);
    let report = verify(&VerifyRequest { extra: &extra, ..device(&chain, &anchors) });
    assert_eq!(report.findings, []);
    assert_eq!(report.links[1].source, CertificateSource::Extra);
}

#[test]
fn order_and_copies_are_faults_of_the_chain_and_not_of_a_link() {
    let made = three(&testing::leaf("device-1"));
    let ([leaf, issuing], [root]) = (made.chain(), made.anchors());
    let report = verify(&device(&[root.clone(), issuing.clone(), leaf.clone()], from_ref(&root)));
    assert_eq!(found(&report), [(Code::ChainOrder, "")]);
    assert_eq!(report.links[0].name, "CN=device-1");
    assert!(report.links.iter().all(|link| link.ok));
    let report = verify(&device(&[leaf.clone(), issuing.clone(), issuing, root.clone()], &[root]));
    assert_eq!(found(&report), [(Code::DuplicateInChain, "")]);
}

#[test]
fn a_ca_must_be_one_and_keep_to_its_path_length() {
    let root = testing::root("Root");
    // A leaf that signs, which basicConstraints exist to prevent.
    let fake = root.issue(&testing::leaf("Fake CA"));
    let leaf = fake.issue(&testing::leaf("device-1"));
    let anchors = [root.certificate.clone()];
    let report = verify(&device(&[leaf.certificate, fake.certificate], &anchors));
    assert!(found(&report).contains(&(Code::NotACa, "CN=Fake CA")), "{report:?}");

    let issuing = root.issue(&testing::ca("Issuing", Some(0)));
    let below = issuing.issue(&testing::ca("Too deep", None));
    let leaf = below.issue(&testing::leaf("device-1"));
    let report = verify(&device(&[leaf.certificate, below.certificate, issuing.certificate], &anchors));
    assert_eq!(found(&report), [(Code::PathLength, "CN=Too deep")]);
    assert!(report.findings[0].why.as_deref().unwrap().contains("CN=Issuing"));
}

#[test]
fn name_constraints_bind_what_is_below() {
    let mut params = testing::ca("Root", None);
    params.name_constraints = Some(rcgen::NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName("plant.example".to_owned())],
        excluded_subtrees: vec![GeneralSubtree::DnsName("secret.plant.example".to_owned())],
    });
    let root = testing::self_signed(&params);
    let anchors = [root.certificate.clone()];
    for (name, accepted) in [("a.plant.example", true), ("other.example", false), ("x.secret.plant.example", false)] {
        let chain = [root.issue(&testing::server(&[name])).certificate];
        let report = verify(&VerifyRequest { purpose: Some(Purpose::Server), ..request(&chain, &anchors) });
        let codes: Vec<Code> = found(&report).iter().map(|(code, _)| *code).collect();
        let expected: &[Code] =
            if accepted { &[Code::FirmwareLimit] } else { &[Code::NameConstraint, Code::FirmwareLimit] };
        assert_eq!(codes, expected, "{name}");
    }
}

#[test]
fn the_netscape_type_restricts_a_leaf_as_in_openssl() {
    let root = testing::root("Root");
    let anchors = [root.certificate.clone()];
    // The number of unused bits, then client, server, email, objsign, reserved, sslCA.
    for (bits, good) in [
        (&[7, 0x80][..], [true, false]),
        (&[6, 0x40], [false, true]),
        (&[6, 0xc0], [true, true]),
        (&[5, 0x20], [false, false]),
        (&[2, 0x04], [false, false]),
        (&[0], [false, false]),
    ] {
        let mut params = testing::server(&["a.example"]);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let id = [2, 16, 840, 1, 113_730, 1, 1];
        let value = testkit::der::element(3, bits);
        params.custom_extensions.push(rcgen::CustomExtension::from_oid_content(&id, value));
        let chain = [root.issue(&params).certificate];
        let accepted = [Purpose::Device, Purpose::Server].map(|purpose| {
            let report = verify(&VerifyRequest { purpose: Some(purpose), ..request(&chain, &anchors) });
            let wrong = found(&report).iter().any(|(code, _)| *code == Code::WrongPurpose);
            assert_eq!(report.is_ok(), !wrong, "{report:?}");
            !wrong
        });
        assert_eq!(accepted, good, "{bits:02x?}");
    }
}

#[test]
fn a_path_that_is_too_long_is_not_reported_as_a_gap() {
    let mut cas = vec![testing::root("Root")];
    for number in 0..25 {
        let below = cas[number].issue(&testing::ca(&format!("CA {number}"), None));
        cas.push(below);
    }
    let leaf = cas[25].issue(&testing::leaf("device-1"));
    let chain: Vec<Certificate> =
        std::iter::once(leaf.certificate).chain(cas.iter().skip(1).rev().map(|ca| ca.certificate.clone())).collect();
    let report = verify(&device(&chain, &[cas[0].certificate.clone()]));
    let untrusted = report.findings.iter().find(|finding| finding.code == Code::Untrusted).unwrap();
    assert!(untrusted.why.as_deref().unwrap().contains("at most 20 certificates"), "{untrusted:?}");
}

#[test]
fn our_firmware_knows_no_ed25519() {
    let root = testing::root("Root");
    let key = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let leaf = root.issue_for(&testing::leaf("device-1"), key);
    let report = verify(&device(&[leaf.certificate], &[root.certificate]));
    assert_eq!(found(&report), [(Code::FirmwareLimit, "CN=device-1")]);
    assert!(report.is_ok());
}

#[test]
fn the_signature_of_an_anchor_on_itself_is_not_what_it_is_trusted_for() {
    let root = testing::root("Root");
    let mut der = root.certificate.der().to_vec();
    // The last octet of the signature.
    *der.last_mut().unwrap() ^= 1;
    let damaged = Certificate::from_der(&der).unwrap();
    let leaf = root.issue(&testing::leaf("device-1")).certificate;
    let report = verify(&device(&[leaf], &[damaged]));
    assert_eq!(found(&report), [(Code::NotSelfSigned, "CN=Root")]);
    assert!(report.is_ok());
    // `openssl verify` accepts the chain.
    assert!(report.findings[0].why.as_deref().unwrap().contains("without this signature"), "{report:?}");
}

#[test]
fn a_self_signed_leaf_that_is_trusted_is_accepted() {
    let leaf = testing::self_signed(&testing::leaf("device-1")).certificate;
    let report = verify(&device(from_ref(&leaf), from_ref(&leaf)));
    assert_eq!(report.findings, []);
    assert_eq!(report.links.len(), 1);
}

#[test]
fn what_openssl_req_makes_is_accepted_with_a_warning() {
    let mut params = testing::leaf("device-1");
    // `openssl req -x509` marks what it makes as a CA.
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let leaf = testing::self_signed(&params).certificate;
    let report = verify(&device(from_ref(&leaf), from_ref(&leaf)));
    assert_eq!(found(&report), [(Code::CaAsLeaf, "CN=device-1")]);
    assert!(report.is_ok());
}

#[test]
fn an_anchor_that_is_not_a_root_does_not_serve_everybody() {
    let made = three(&testing::leaf("device-1"));
    let [leaf, issuing] = made.chain();
    let report = verify(&device(&[leaf], &[issuing]));
    assert_eq!(found(&report), [(Code::NotSelfSigned, "CN=Issuing")]);
    assert!(report.is_ok());
}

#[test]
fn revoked_certificates_are_refused_and_so_are_unknown_ones() {
    let made = three(&testing::leaf("device-1"));
    let (chain, anchors) = (made.chain(), made.anchors());
    let root_list = testing::crl(&made.root, &[]);
    let good = [testing::crl(&made.issuing, &[]), root_list.clone()];
    assert_eq!(verify(&VerifyRequest { crls: &good, ..device(&chain, &anchors) }).findings, []);
    let revoking = [testing::crl(&made.issuing, &[&made.leaf.certificate]), root_list.clone()];
    let report = verify(&VerifyRequest { crls: &revoking, ..device(&chain, &anchors) });
    assert_eq!(found(&report), [(Code::Revoked, "CN=device-1")]);
    let unrelated = [root_list];
    let report = verify(&VerifyRequest { crls: &unrelated, ..device(&chain, &anchors) });
    assert_eq!(found(&report), [(Code::RevocationUnknown, "CN=device-1")]);
    // The identifier of another key: OpenSSL does not find the list.
    let mut params = testing::ca("Issuing", Some(0));
    params.key_identifier_method = rcgen::KeyIdMethod::Sha512;
    let namesake = made.root.issue_for(&params, KeyPair::from_pem(&made.issuing.key_pem()).unwrap());
    let below = [made.leaf.certificate.clone(), namesake.certificate.clone()];
    let report = verify(&VerifyRequest { crls: &good, ..device(&below, &anchors) });
    let unknown = report.findings.iter().find(|finding| finding.code == Code::RevocationUnknown).unwrap();
    assert!(unknown.why.as_deref().unwrap().contains("authority key identifier of another"), "{unknown:?}");
    // Before the list was made.
    let late = VerifyRequest { crls: &good, time: datetime!(2025-03-01 0:00 UTC), ..device(&chain, &anchors) };
    assert_eq!(found(&verify(&late))[0], (Code::RevocationUnknown, "CN=device-1"));
}

#[test]
fn among_namesakes_the_right_issuer_is_found() {
    let made = three(&testing::leaf("device-1"));
    let [leaf, issuing] = made.chain();
    let namesakes: Vec<Certificate> =
        (0..5).map(|_| made.root.issue(&testing::ca("Issuing", Some(0))).certificate).collect();
    let extra = [&namesakes[..], &[issuing]].concat();
    let (chain, anchors) = ([leaf], made.anchors());
    assert_eq!(verify(&VerifyRequest { extra: &extra, ..device(&chain, &anchors) }).findings, []);
}

#[test]
fn a_crowd_of_namesakes_is_given_up_on() {
    let key = KeyPair::generate().unwrap();
    // All with one key and one name, so that each could have signed each of the others.
    let crowd: Vec<Certificate> = (0..60)
        .map(|serial: u8| {
            let mut params = testing::ca("Same", None);
            params.serial_number = Some(rcgen::SerialNumber::from_slice(&[serial + 1]));
            Certificate::from_der(params.self_signed(&key).unwrap().der()).unwrap()
        })
        .collect();
    let report = verify(&device(&crowd, &made_elsewhere()));
    assert!(!report.is_ok());
}

fn made_elsewhere() -> [Certificate; 1] {
    [testing::root("Elsewhere").certificate]
}

#[test]
fn weak_certificates_are_recognized() {
    let root = [fixture(include_str!("../../tests/data/weak/root.pem"))];
    for (pem, expected, accepted) in [
        (include_str!("../../tests/data/weak/v1.pem"), (Code::VersionOne, "CN=v1"), true),
        (include_str!("../../tests/data/weak/sha1.pem"), (Code::WeakSignature, "CN=sha1"), false),
        (include_str!("../../tests/data/weak/rsa1024.pem"), (Code::WeakKey, "CN=rsa1024"), false),
        (include_str!("../../tests/data/weak/critical.pem"), (Code::CriticalExtension, "CN=critical"), false),
    ] {
        let report = verify(&device(&[fixture(pem)], &root));
        assert_eq!(found(&report), [expected]);
        assert_eq!(report.is_ok(), accepted, "{expected:?}");
    }
}

#[test]
fn names_that_differ_in_capitals_only_are_one_to_us_and_two_to_rustls() {
    let root = testing::root("Root");
    // The key of the root under its name in capitals, as after a change of the CA's software.
    let mut params = testing::ca("ROOT", None);
    params.serial_number = Some(rcgen::SerialNumber::from_slice(&[9]));
    let shouting = Certificate::from_der(params.self_signed(&root.key).unwrap().der()).unwrap();
    let leaf = root.issue(&testing::leaf("device-1")).certificate;
    let report = verify(&device(&[leaf], &[shouting]));
    assert_eq!(found(&report), [(Code::SecondOpinion, "CN=device-1")]);
    assert_eq!(report.findings[0].severity, Severity::Warning);
    assert!(report.findings[0].why.as_deref().unwrap().contains("RFC 5280"), "{:?}", report.findings);
    assert!(report.trusted && report.is_ok());
}

#[test]
fn names_that_differ_outside_of_ascii_are_two_to_openssl() {
    let root = testing::root("ÄCME");
    let mut params = testing::ca("äcme", None);
    params.serial_number = Some(rcgen::SerialNumber::from_slice(&[9]));
    let other = Certificate::from_der(params.self_signed(&root.key).unwrap().der()).unwrap();
    let leaf = root.issue(&testing::leaf("device-1")).certificate;
    let report = verify(&device(&[leaf], &[other]));
    assert_eq!(found(&report), [(Code::SecondOpinion, "CN=device-1")]);
    assert!(!report.is_ok(), "OpenSSL: error 20, unable to get local issuer certificate");
}

#[test]
fn names_in_other_string_types_are_two_to_java() {
    let root = testing::root("Acme & Co");
    // As `string_mask=nombstr` makes OpenSSL write it: the text has a character that no PrintableString has.
    let mut params = testing::ca("x", None);
    params.distinguished_name = rcgen::DistinguishedName::new();
    let teletex = rcgen::string::TeletexString::try_from("Acme & Co").unwrap();
    params.distinguished_name.push(DnType::CommonName, rcgen::DnValue::TeletexString(teletex));
    let other = Certificate::from_der(params.self_signed(&root.key).unwrap().der()).unwrap();
    // With a CA as the leaf too, about which rustls is not asked.
    for leaf in [root.issue(&testing::leaf("device-1")), root.issue(&testing::ca("device-1", None))] {
        let report = verify(&request(from_ref(&leaf.certificate), from_ref(&other)));
        assert_eq!(found(&report), [(Code::SecondOpinion, "CN=device-1")]);
        assert_eq!(report.findings[0].what, "rustls, Go and Java refuse the chain");
        assert!(!report.is_ok());
    }
}

#[test]
fn constraints_for_directory_names_are_what_rustls_refuses() {
    let mut params = testing::ca("Root", None);
    let mut base = rcgen::DistinguishedName::new();
    base.push(DnType::CommonName, "device-1");
    let permitted_subtrees = vec![GeneralSubtree::DirectoryName(base)];
    params.name_constraints = Some(rcgen::NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() });
    let root = testing::self_signed(&params);
    let leaf = root.issue(&testing::leaf("device-1")).certificate;
    let report = verify(&device(&[leaf], &[root.certificate]));
    assert_eq!(found(&report), [(Code::FirmwareLimit, "CN=Root"), (Code::SecondOpinion, "CN=device-1")]);
    // Go 1.22: x509: unhandled critical extension.
    assert_eq!(report.findings[1].what, "rustls and Go refuse the chain");
    assert!(report.findings[1].why.as_deref().unwrap().contains("CN=Root has name constraints for directory names"));
}

#[test]
fn nothing_to_verify_is_a_fault() {
    assert_eq!(found(&verify(&request(&[], &[]))), [(Code::CertificateUnreadable, "")]);
}
