//! Revocation lists, as other programs read them.

use std::fs;
use std::path::PathBuf;

use pki::issuer::{Issuer as _, KeySource, LocalCa, Order, SelfSigned};
use pki::profile::Profile;
use pki::revocation_list::{ListHeader, Reason, RevokedSerial, sign};
use pki::serial::Serial;
use pki::tbs::Contents;
use pki::validity::Validity;
use pki::{Algorithm, Certificate, Subject, armor};
use tbpki_tests::oracle::{certtool, openssl};
use tbpki_tests::pkilint::findings_in_list;
use time::{Duration, OffsetDateTime};

/// A CA with a revoked device and a good one below it, as files.
struct Files {
    directory: tempfile::TempDir,
    ca: LocalCa,
    revoked: Certificate,
}

impl Files {
    #[track_caller]
    fn new(algorithm: Algorithm) -> Self {
        let now = OffsetDateTime::now_utc();
        let contents = |profile, name: &str| Contents {
            profile,
            serial: Serial::random().unwrap(),
            validity: Validity::new(now - Duration::DAY, now + Duration::days(1000)).unwrap(),
            subject: Subject::default().with_common_name(name).unwrap(),
            sans: Vec::new(),
            permitted_dns: Vec::new(),
            crl_url: None,
        };
        let order =
            |profile, name: &str| Order { contents: contents(profile, name), key: KeySource::Generate(algorithm) };
        let root = SelfSigned.issue(order(Profile::Root, "A root")).unwrap();
        let ca = LocalCa::new(root.chain, root.key.unwrap()).unwrap();
        let device = |name: &str| ca.issue(order(Profile::Device, name)).unwrap().chain.remove(0);
        let (revoked, good) = (device("revoked"), device("good"));
        let files = Self { directory: tempfile::tempdir().unwrap(), revoked, ca };
        files.write("ca.pem", "CERTIFICATE", files.ca.certificate().der());
        files.write("revoked.pem", "CERTIFICATE", files.revoked.der());
        files.write("good.pem", "CERTIFICATE", good.der());
        files
    }

    fn write(&self, name: &str, label: &str, der: &[u8]) {
        let mut text = Vec::new();
        armor::append(label, der, &mut text);
        fs::write(self.path(name), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes `crl.pem` with the revoked device and this many other entries.
    fn list(&self, others: u32) {
        let now = OffsetDateTime::now_utc();
        let header = ListHeader { number: 1_800_000_000, this_update: now, next_update: now + Duration::days(30) };
        let entry = |serial: Vec<u8>, reason| Ok(RevokedSerial { serial, at: now - Duration::HOUR, reason });
        let others = (0..others).map(|number| {
            // The high bit is set, so that each serial number takes a leading zero octet in DER.
            let serial = [&[0xC0; 12][..], &number.to_be_bytes()].concat();
            entry(serial, Reason::ALL[number as usize % Reason::ALL.len()])
        });
        let entries = [entry(self.revoked.serial().to_vec(), Reason::KeyCompromise)];
        let list = sign(&self.ca, &header, entries.into_iter().chain(others)).unwrap();
        self.write("crl.pem", "X509 CRL", list.der());
    }

    /// OpenSSL reads the list, accepts the good device and refuses the other one.
    #[track_caller]
    fn openssl_honors_them(&self, entries: usize) {
        let (ca, crl) = (self.path("ca.pem"), self.path("crl.pem"));
        let shown = openssl().args(["crl", "-noout", "-text", "-CAfile"]).arg(&ca).arg("-in").arg(&crl).run();
        let shown = shown.ok().prints("verify OK");
        let text = shown.stdout_text();
        assert!(text.contains("Version 2 (0x1)"), "{text:.2000}");
        assert_eq!(text.matches("Serial Number: ").count(), entries);

        let verify = |name: &str| {
            let tool = openssl().args(["verify", "-x509_strict", "-crl_check", "-CAfile"]).arg(&ca);
            tool.arg("-CRLfile").arg(&crl).arg(self.path(name)).run()
        };
        verify("good.pem").ok();
        verify("revoked.pem").ends(2).prints("certificate revoked");
    }

    #[track_caller]
    fn gnutls_honors_them(&self) {
        let verify = |name: &str| {
            let tool = certtool().arg("--verify").arg("--load-ca-certificate").arg(self.path("ca.pem"));
            tool.arg("--load-crl").arg(self.path("crl.pem")).arg("--infile").arg(self.path(name)).run()
        };
        verify("good.pem").ok();
        let refused = verify("revoked.pem");
        assert!(refused.status != 0 && refused.stdout_text().contains("revoked"), "{refused}");
    }
}

#[test]
fn openssl_and_gnutls_honor_a_list_of_every_algorithm() {
    for algorithm in [Algorithm::EcP256, Algorithm::EcP384, Algorithm::Ed25519, Algorithm::Rsa2048] {
        let files = Files::new(algorithm);
        files.list(Reason::ALL.len() as u32);
        files.openssl_honors_them(1 + Reason::ALL.len());
        files.gnutls_honors_them();
    }
}

#[test]
fn openssl_honors_a_list_of_a_hundred_thousand() {
    // GnuTLS compares every pair of entries, and takes minutes for such a list of any CA.
    let files = Files::new(Algorithm::EcP256);
    files.list(100_000);
    files.openssl_honors_them(100_001);
}

#[test]
fn pkilint_finds_nothing_in_a_list() {
    let files = Files::new(Algorithm::EcP256);
    files.list(20);
    assert_eq!(findings_in_list(&files.path("crl.pem")), Vec::<String>::new());
}
