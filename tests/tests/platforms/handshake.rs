//! What the handshake asks of a client's certificate: that each is signed with the next one's key, and that it can be
//! read at all.

use tbpki_tests::certificates::{Ca, Wanted, base64};
use tbpki_tests::mqtt::{Connect, connect};
use tbpki_tests::platform::{Platform, unique};
use tbpki_tests::wire::{Shown, Versions, Wire, alert};

/// What ends a connection with this certificate: an alert, in the handshake or on the first read.
#[track_caller]
fn ended_by(platform: &Platform, shown: &Shown, versions: Versions) -> Option<String> {
    let (host, port) = platform.mqtts();
    match Wire::tls(host, port, Some(shown), versions) {
        Err(error) => alert(&error),
        Ok(mut wire) => {
            assert_eq!(versions, Versions::Tls13, "1.2 says it in the handshake");
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
