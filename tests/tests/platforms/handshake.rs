//! What the handshake asks of a client's certificate: that each is signed with the next one's key, and that it can be
//! read at all.

use std::path::Path;

use tbpki_tests::certificates::{Ca, Wanted, base64};
use tbpki_tests::foreign::ForeignCa;
use tbpki_tests::mqtt::{Connect, connect};
use tbpki_tests::oracle::openssl;
use tbpki_tests::platform::{Platform, id, unique};
use tbpki_tests::wire::{Shown, TlsClient, Versions, Wire, alert};

/// The end of a connection with this certificate: an alert, in the handshake or on the first read.
#[track_caller]
fn ended_by(platform: &Platform, shown: &Shown, versions: Versions) -> Option<String> {
    let (host, port) = platform.mqtts();
    match Wire::tls(host, port, Some(shown), versions) {
        Err(error) => alert(&error),
        Ok(mut wire) => {
            assert_eq!(versions, Versions::Tls13, "1.2 refuses in the handshake");
            wire.send(&Connect::default().bytes());
            wire.read(4).err().and_then(|error| alert(&error))
        }
    }
}

#[test]
fn broken_links_are_an_unknown_certificate() {
    let platform = Platform::start();
    let (root, other) = (Ca::root("root"), Ca::root("root"));
    let issuing = Ca::below(&root, "issuing", true, (-1, 24));
    let good = Wanted::client("x").signed_by(&issuing);
    let with = |chain: Vec<Vec<u8>>| Shown { chain, key: good.key.clone() };
    let [leaf, middle, top] = [0, 1, 2].map(|index| good.chain[index].clone());
    for (what, shown) in [
        ("a gap", with(vec![leaf.clone(), top.clone()])),
        ("wrong order", with(vec![leaf.clone(), top, middle.clone()])),
        ("a forged leaf", with([Wanted::client("x").signed_by(&other).chain[..1].to_vec(), vec![middle]].concat())),
    ] {
        for versions in [Versions::Tls12, Versions::Tls13] {
            // The forged leaf's key is another one, but the chain is looked at first.
            assert_eq!(ended_by(&platform, &shown, versions).as_deref(), Some("CertificateUnknown"), "{what}");
        }
    }
}

#[test]
fn an_empty_subject_is_a_bad_certificate() {
    let platform = Platform::start();
    let shown = Wanted::client("").self_signed();
    for versions in [Versions::Tls12, Versions::Tls13] {
        assert_eq!(ended_by(&platform, &shown, versions).as_deref(), Some("BadCertificate"));
    }
}

#[test]
fn everything_else_may_be_wrong() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let root = Ca::root("root");
    let expired = Ca::below(&root, "expired", true, (-48, -1));
    let no_ca = Ca::below(&root, "no CA", false, (-1, 24));
    let mut twice = Wanted::client("x").self_signed();
    twice.chain.push(twice.chain[0].clone());
    for (what, shown) in [
        ("a chain", Wanted::client("x").signed_by(&root)),
        ("a self-signed leaf sent twice", twice),
        ("an expired intermediate", Wanted::client("x").signed_by(&expired)),
        ("an issuer without the CA flag", Wanted::client("x").signed_by(&no_ca)),
        ("a server's purpose", Wanted::client("x").for_servers().self_signed()),
        ("an unknown critical extension", Wanted::client("x").with_unknown_critical_extension().self_signed()),
    ] {
        tenant.device_with_certificate(&unique("accepted"), &base64(&shown.chain[0]));
        assert_eq!(connect(&platform, Some(&shown), &Connect::default()).1, [0x20, 2, 0, 0], "{what}");
    }
}

/// A leaf that openssl made and a root signed, in ways that we do not sign.
#[track_caller]
fn by_openssl(key: &[&str], digest: &str, extensions: Option<&str>) -> Shown {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name);
    let ca = ForeignCa::new(directory.path(), "root");
    openssl().arg("genpkey").args(key).arg("-out").arg(file("key.pem")).run().ok();
    openssl()
        .args(["req", "-new", "-subj", "/CN=x", "-key"])
        .arg(file("key.pem"))
        .arg("-out")
        .arg(file("csr"))
        .run()
        .ok();
    let mut sign = openssl().args(["x509", "-req", digest, "-days", "2", "-CAcreateserial", "-in"]).arg(file("csr"));
    sign = sign.arg("-CA").arg(ca.certificate()).arg("-CAkey").arg(file("root.key")).arg("-out").arg(file("leaf.pem"));
    if let Some(extensions) = extensions {
        std::fs::write(file("ext"), extensions).unwrap();
        sign = sign.arg("-extfile").arg(file("ext"));
    }
    sign.run().ok();
    let der = |command: &[&str], file: &Path| {
        openssl().args(command).args(["-outform", "DER", "-in"]).arg(file).run().ok().stdout
    };
    Shown {
        chain: vec![der(&["x509"], &file("leaf.pem")), der(&["x509"], &ca.certificate())],
        key: der(&["pkcs8", "-topk8", "-nocrypt"], &file("key.pem")),
    }
}

#[test]
fn keys_hashes_and_versions_of_all_kinds_are_accepted() {
    const CLIENT: Option<&str> = Some("extendedKeyUsage=clientAuth\n");
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let rsa = |bits| vec!["-algorithm", "RSA", "-pkeyopt", bits];
    let ec = |curve| vec!["-algorithm", "EC", "-pkeyopt", curve];
    for (what, key, digest, extensions) in [
        ("RSA 2048", rsa("rsa_keygen_bits:2048"), "-sha256", CLIENT),
        ("RSA 4096", rsa("rsa_keygen_bits:4096"), "-sha256", CLIENT),
        ("P-384", ec("ec_paramgen_curve:secp384r1"), "-sha384", CLIENT),
        ("P-521", ec("ec_paramgen_curve:secp521r1"), "-sha512", CLIENT),
        ("Ed25519", vec!["-algorithm", "ED25519"], "-sha256", CLIENT),
        ("SHA-1", ec("ec_paramgen_curve:prime256v1"), "-sha1", CLIENT),
        ("version 1", ec("ec_paramgen_curve:prime256v1"), "-sha256", None),
    ] {
        let shown = by_openssl(&key, digest, extensions);
        tenant.device_with_certificate(&unique("kind"), &base64(&shown.chain[0]));
        assert_eq!(connect(&platform, Some(&shown), &Connect::default()).1, [0x20, 2, 0, 0], "{what}");
    }
}

#[test]
fn a_resumed_session_keeps_its_certificate_and_is_looked_up_again() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let shown = Wanted::client("x").self_signed();
    let device = tenant.device_with_certificate(&unique("resumed"), &base64(&shown.chain[0]));
    let (host, port) = platform.mqtts();
    // Of 1.2, whose ticket comes within the handshake: under 1.3 it would come some time after it.
    let client = TlsClient::new(Some(&shown), Versions::Tls12);
    let log_in = |resumed: bool| {
        let mut wire = client.connect(host, port).unwrap();
        assert_eq!(wire.is_resumed(), Some(resumed));
        wire.send(&Connect::default().bytes());
        wire.read(4).unwrap()
    };
    assert_eq!(log_in(false), [0x20, 2, 0, 0]);
    assert_eq!(log_in(true), [0x20, 2, 0, 0]);
    tenant.ok("DELETE", &format!("/api/device/{}", id(&device)), None);
    // The ticket still has the certificate, and lives for a day; the device is looked up at every CONNECT.
    assert_eq!(log_in(true), [0x20, 2, 0, 5]);
}

#[test]
fn old_protocols_are_refused() {
    let platform = Platform::start();
    let (host, port) = platform.mqtts();
    for minor in [1, 2] {
        let mut wire = Wire::tcp(host, port);
        wire.send(&client_hello(minor));
        // A fatal alert, protocol_version.
        let answer = wire.rest();
        assert_eq!((answer[0], &answer[5..]), (0x15, &[2, 70][..]), "TLS 1.{}", minor - 1);
    }
}

/// A ClientHello of TLS 1.0 or 1.1 (RFC 2246, section 7.4.1.2), with two suites of that time.
fn client_hello(minor: u8) -> Vec<u8> {
    let mut body = vec![3, minor];
    body.extend([7; 32]);
    body.extend([0, 0, 4, 0xc0, 0x13, 0x00, 0x2f, 1, 0]);
    let handshake = [&[1, 0, 0, u8::try_from(body.len()).unwrap()][..], &body].concat();
    [&[0x16, 3, 1, 0, u8::try_from(handshake.len()).unwrap()][..], &handshake].concat()
}

/// The report of `openssl s_client` about a handshake, with this certificate or without.
#[track_caller]
fn s_client(platform: &Platform, version: &str, shown: Option<(&Path, &Path)>) -> String {
    let (host, port) = platform.mqtts();
    let mut client = openssl().args(["s_client", version, "-connect", &format!("{host}:{port}")]);
    if let Some((certificate, key)) = shown {
        client = client.arg("-cert").arg(certificate).arg("-key").arg(key);
    }
    let outcome = client.stdin("Q\n").run();
    format!("{}{}", outcome.stdout_text(), outcome.stderr_text())
}

#[test]
fn signature_schemes_and_tickets_are_those_of_java() {
    let platform = Platform::start();
    let report = s_client(&platform, "-tls1_2", None);
    let requested = report.lines().find(|line| line.starts_with("Requested Signature Algorithms: ")).unwrap_or(&report);
    for scheme in ["ECDSA+SHA256", "Ed25519", "Ed448", "RSA-PSS+SHA256", "RSA+SHA1", "ECDSA+SHA1"] {
        // Versions of OpenSSL write Ed25519 with and without capitals.
        let names: Vec<String> = requested.split([' ', ':']).map(str::to_ascii_lowercase).collect();
        assert!(names.contains(&scheme.to_ascii_lowercase()), "{scheme} is not in {requested}");
    }
    assert!(report.contains("TLS session ticket lifetime hint: 86400 (seconds)"), "{report}");
}

/// A self-signed certificate of openssl, with its key.
#[track_caller]
fn self_signed(directory: &Path, digest: &str, key: &[&str]) -> (std::path::PathBuf, std::path::PathBuf) {
    let (certificate, key_file) = (directory.join("self.pem"), directory.join("self.key"));
    openssl().arg("genpkey").args(key).arg("-out").arg(&key_file).run().ok();
    openssl()
        .args(["req", "-x509", "-new", "-days", "2", "-subj", "/CN=x", digest, "-key"])
        .arg(&key_file)
        .arg("-out")
        .arg(&certificate)
        .run()
        .ok();
    (certificate, key_file)
}

#[test]
fn a_certificate_that_signs_itself_with_md5_is_unknown() {
    let platform = Platform::start();
    let directory = tempfile::tempdir().unwrap();
    let rsa = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
    let (certificate, key) = self_signed(directory.path(), "-md5", &rsa);
    let der = |command: &[&str], file: &Path| {
        openssl().args(command).args(["-outform", "DER", "-in"]).arg(file).run().ok().stdout
    };
    let shown = Shown { chain: vec![der(&["x509"], &certificate)], key: der(&["pkcs8", "-topk8", "-nocrypt"], &key) };
    // Java disables MD5. OpenSSL sends no such certificate under TLS 1.3, and then it is a client without one.
    for versions in [Versions::Tls12, Versions::Tls13] {
        assert_eq!(ended_by(&platform, &shown, versions).as_deref(), Some("CertificateUnknown"));
    }
}

#[test]
fn a_key_on_secp256k1_fails_the_handshake() {
    let platform = Platform::start();
    let directory = tempfile::tempdir().unwrap();
    let ec = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"];
    let (certificate, key) = self_signed(directory.path(), "-sha256", &ec);
    let report = s_client(&platform, "-tls1_2", Some((&certificate, &key)));
    // Java removed the curve in version 16, so no signature scheme fits the key.
    assert!(report.contains("alert handshake failure"), "{report}");
}
