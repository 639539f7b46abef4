//! Certificates with one element changed, signed again by their CA. None that OpenSSL refuses is called good.

use std::fs;

use pki::Certificate;
use pki::verify::{VerifyRequest, verify};
use rcgen::{SanType, SigningKey};
use tbpki_tests::oracle::openssl;
use testkit::certificates;
use testkit::der::{Node, element};
use time::macros::datetime;

/// A device's TBSCertificate with alternative names of every kind, and its issuer.
fn certificates() -> (certificates::TestCertificate, Vec<u8>) {
    let root = certificates::root("Root");
    let mut params = certificates::leaf("pump-1");
    params.subject_alt_names = vec![
        SanType::DnsName("pump-1.example".try_into().unwrap()),
        SanType::IpAddress("10.0.0.1".parse().unwrap()),
        SanType::URI("https://pump.example/x".try_into().unwrap()),
        SanType::Rfc822Name("a@b.example".try_into().unwrap()),
    ];
    params.crl_distribution_points =
        vec![rcgen::CrlDistributionPoint { uris: vec!["http://crl.example/a.crl".to_owned()] }];
    let leaf = root.issue(&params).der;
    // The certificate begins with the TBSCertificate, both with lengths of two octets.
    let length = usize::from(u16::from_be_bytes([leaf[6], leaf[7]]));
    let tbs = leaf[4..8 + length].to_vec();
    (root, tbs)
}

/// The certificate of a TBSCertificate, signed with ECDSA and SHA-256.
fn seal(tbs: &[u8], issuer: &certificates::TestCertificate) -> Vec<u8> {
    let algorithm = element(0x30, &element(0x06, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]));
    let signature = issuer.key.sign(tbs).unwrap();
    element(0x30, &[tbs, &algorithm, &element(3, &[&[0], &signature[..]].concat())].concat())
}

#[test]
fn no_mutated_certificate_that_openssl_refuses_is_called_good() {
    let directory = tempfile::tempdir().unwrap();
    let (root, tbs) = certificates();
    let anchor = Certificate::from_der(&root.der).unwrap();
    let root_file = directory.path().join("root.pem");
    fs::write(&root_file, anchor.to_pem()).unwrap();
    // A fixed time, so that a mutated date is good or bad today as next year.
    let at = datetime!(2026-01-01 0:00 UTC);
    let is_good = |certificate: &Certificate| {
        let report = verify(&VerifyRequest {
            chain: std::slice::from_ref(certificate),
            extra: &[],
            anchors: std::slice::from_ref(&anchor),
            key: None,
            host: None,
            purpose: None,
            time: at,
            crls: &[],
        });
        report.is_ok()
    };
    assert!(is_good(&Certificate::from_der(&seal(&tbs, &root)).unwrap()));
    let mutations = Node::parse(&tbs).mutations();
    let mut good = Vec::new();
    for (what, tbs) in &mutations {
        if let Ok(certificate) = Certificate::from_der(&seal(tbs, &root))
            && is_good(&certificate)
        {
            good.push((what, certificate));
        }
    }
    // Other names, keys and serial numbers are good; everything else is not.
    assert!(mutations.len() > 2_000 && good.len() > 50, "{} of {}", good.len(), mutations.len());
    let file = directory.path().join("leaf.pem");
    let time = at.unix_timestamp().to_string();
    let mut refused = Vec::new();
    for (what, certificate) in &good {
        // Only what we call good is given to OpenSSL: it may accept more than we do, and a process for each of 2,000 is
        // slow.
        fs::write(&file, certificate.to_pem()).unwrap();
        let tool = openssl().args(["verify", "-attime", &time, "-CAfile"]).arg(&root_file).arg(&file);
        let outcome = tool.run();
        if outcome.status != 0 {
            refused.push(format!("{what}: {outcome}"));
        }
    }
    assert!(refused.is_empty(), "{} of {} are refused by openssl:\n{}", refused.len(), good.len(), refused.join("\n"));
}
