use super::*;
use rcgen::{KeyPair, SanType};
use time::macros::datetime;

#[test]
fn octets_behind_a_certificate_are_counted() {
    let der = testing::root("Root").certificate.der().to_vec();
    for (behind, text) in [(&[0][..], "1 octet follows its end"), (&[0, 0], "2 octets follow its end")] {
        let error = Certificate::from_der(&[&der[..], behind].concat()).unwrap_err();
        assert_eq!(error.finding().why.as_deref(), Some(text));
    }
}

#[test]
fn a_device_certificate_tells_all_about_itself() {
    let root = testing::root("Root");
    let made = root.issue(&testing::leaf("device-1"));
    let certificate = made.certificate;
    assert_eq!(certificate.subject(), "CN=device-1");
    assert_eq!(certificate.issuer(), "CN=Root");
    assert_eq!(certificate.common_name().as_deref(), Some("device-1"));
    assert_eq!(certificate.version(), 3);
    assert_eq!(certificate.not_before(), datetime!(2025-01-01 0:00 UTC));
    assert_eq!(certificate.algorithm_name(), "ec-p256");
    assert_eq!(certificate.signature_algorithm().to_string(), "ecdsa-with-SHA256");
    assert!(!certificate.is_ca());
    assert_eq!(certificate.extended_key_usages(), Some(&[ExtendedKeyUsage::ClientAuth][..]));
    assert_eq!(certificate.key_usage().unwrap().to_string(), "digitalSignature");
    assert_eq!(certificate.authority_key_id(), root.certificate.subject_key_id());
    assert_eq!(certificate.public_key_id().len(), 64);
    assert!(root.certificate.is_ca());
}

#[test]
fn its_pem_is_the_one_that_openssl_writes() {
    let certificate = testing::root("Root").certificate;
    let expected = pem::encode_config(
        &pem::Pem::new("CERTIFICATE", certificate.der()),
        pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF),
    );
    assert_eq!(certificate.to_pem(), expected);
}

#[test]
fn only_the_issuers_key_verifies_the_signature() {
    let root = testing::root("Root");
    let leaf = root.issue(&testing::leaf("device-1")).certificate;
    assert!(leaf.verify_signed_by(&root.certificate).is_ok());
    assert_eq!(leaf.verify_signed_by(&leaf).unwrap_err().code(), Code::BadSignature);
    // The same name with another key.
    assert_eq!(leaf.verify_signed_by(&testing::root("Root").certificate).unwrap_err().code(), Code::BadSignature);
    assert!(root.certificate.is_self_signed());
    assert!(!leaf.is_self_signed());
}

#[test]
fn every_algorithm_that_we_make_verifies() {
    for algorithm in [
        &rcgen::PKCS_ECDSA_P256_SHA256,
        &rcgen::PKCS_ECDSA_P384_SHA384,
        &rcgen::PKCS_ECDSA_P521_SHA512,
        &rcgen::PKCS_ED25519,
        &rcgen::PKCS_RSA_SHA256,
        &rcgen::PKCS_RSA_SHA512,
    ] {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let made = testing::ca("x", None).self_signed(&key).unwrap();
        let certificate = Certificate::from_der(made.der()).unwrap();
        certificate.verify_signed_by(&certificate).unwrap();
    }
}

#[test]
fn names_of_every_kind_are_shown_and_legal_ones_are_sans() {
    let mut params = testing::leaf("x");
    params.subject_alt_names = vec![
        SanType::DnsName("broker.example".try_into().unwrap()),
        SanType::DnsName("not a host!".try_into().unwrap()),
        SanType::IpAddress("::1".parse().unwrap()),
        // The user principal name of Windows.
        SanType::OtherName((vec![1, 3, 6, 1, 4, 1, 311, 20, 2, 3], "user".into())),
    ];
    let certificate = testing::self_signed(&params).certificate;
    let shown: Vec<String> = certificate.general_names().iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["dns:broker.example", "dns:not a host!", "ip:::1", "othername:1.3.6.1.4.1.311.20.2.3"]);
    let sans: Vec<String> = certificate.sans().iter().map(ToString::to_string).collect();
    assert_eq!(sans, ["dns:broker.example", "ip:::1"]);
}

#[test]
fn octets_behind_the_end_are_refused() {
    let mut der = testing::root("Root").certificate.der().to_vec();
    der.push(0);
    assert_eq!(Certificate::from_der(&der).unwrap_err().code(), Code::CertificateUnreadable);
    assert!(Certificate::from_der(b"").is_err());
}

proptest::proptest! {
    #[test]
    fn no_flipped_octet_makes_it_panic(at in 0usize..400, octet in proptest::prelude::any::<u8>()) {
        let mut der = FLIPPED.clone();
        let at = at % der.len();
        der[at] = octet;
        if let Ok(certificate) = Certificate::from_der(&der) {
            proptest::prop_assert_eq!(certificate.der(), &der);
            let _shown = (certificate.subject(), certificate.sans(), certificate.is_self_signed());
        }
    }
}

static FLIPPED: std::sync::LazyLock<Vec<u8>> =
    std::sync::LazyLock::new(|| testing::root("Root").certificate.der().to_vec());
