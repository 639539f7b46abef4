//! The probe against servers on the loopback.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use base::{Code, Error};
use provision::Target;
use provision::probe::{self, ProbeOptions, TlsVersion};
use rustls::pki_types::ServerName;

use crate::server::{Ca, Clients, ONLY_1_2, ONLY_1_3, Show, drip, plain, tls};

fn quick() -> ProbeOptions {
    ProbeOptions { timeout: Duration::from_secs(20), ..ProbeOptions::default() }
}

fn impatient() -> ProbeOptions {
    ProbeOptions { timeout: Duration::from_millis(300), ..ProbeOptions::default() }
}

/// A server's chain of leaf and issuing CA, and its key.
fn show(ca: &Ca) -> Show {
    let issuing = ca.issuing("Issuing");
    let (leaf, key) = issuing.leaf("127.0.0.1");
    Show::new([leaf.der().to_vec(), issuing.der()], key)
}

#[test]
fn it_sees_the_chain_and_sends_nothing() {
    for (versions, seen) in [(ONLY_1_2, TlsVersion::Tls12), (ONLY_1_3, TlsVersion::Tls13)] {
        let show = Show { versions, ..show(&Ca::root("Root")) };
        let chain = show.chain.clone();
        let (target, server) = tls(show);

        let probe = probe::server(&target, &quick()).unwrap();
        assert_eq!(probe.version, Some(seen));
        assert_eq!(probe.chain, chain);
        assert_eq!(probe.address.port(), target.port());
        assert!(probe.cipher_suite.unwrap().starts_with("TLS_"), "{probe:?}");
        assert_eq!((probe.unproven, probe.ended), (None, None));
        assert!(probe.client_certificate.is_none());

        let noticed = server.join().unwrap();
        assert_eq!(noticed.server_name, None, "an address is not asked for by SNI");
        assert!(noticed.data.is_empty(), "no application data");
    }
}

#[test]
fn it_asks_for_the_name_that_it_is_told() {
    let (target, server) = tls(show(&Ca::root("Root")));
    let server_name = Some(ServerName::try_from("mqtt.example.com").unwrap());
    probe::server(&target, &ProbeOptions { server_name, ..quick() }).unwrap();
    assert_eq!(server.join().unwrap().server_name.as_deref(), Some("mqtt.example.com"));
}

#[test]
fn it_tells_which_clients_are_wanted() {
    for versions in [ONLY_1_2, ONLY_1_3] {
        for required in [false, true] {
            let devices = Ca::root("Devices");
            let clients = if required { Clients::Required(devices) } else { Clients::Asked(devices) };
            let show = Show { versions, clients, ..show(&Ca::root("Root")) };
            let chain = show.chain.clone();
            let (target, _server) = tls(show);

            let probe = probe::server(&target, &quick()).unwrap();
            assert_eq!(probe.chain, chain);
            let issuers = probe.client_certificate.unwrap().acceptable_issuers;
            let [issuer] = issuers.as_slice() else { panic!("{issuers:?}") };
            // The issuers come as names in DER, in which the text is as it is.
            assert!(issuer.windows(7).any(|text| text == b"Devices"), "{issuer:?}");
            // TLS 1.3 lets the client believe that all is well until it reads.
            let ends = required && versions == ONLY_1_2;
            assert_eq!(probe.ended.is_some(), ends, "{versions:?} {required}: {:?}", probe.ended);
        }
    }
}

#[test]
fn unreadable_certificates_are_reported_as_they_are() {
    for versions in [ONLY_1_2, ONLY_1_3] {
        let (_, key) = Ca::root("Root").leaf("127.0.0.1");
        let (target, _server) = tls(Show { versions, ..Show::new([b"junk".to_vec(), vec![0xFF; 3000]], key) });
        let probe = probe::server(&target, &quick()).unwrap();
        assert_eq!(probe.chain, [b"junk".to_vec(), vec![0xFF; 3000]]);
        assert!(probe.unproven.unwrap().contains("BadEncoding"));
    }
}

#[test]
fn a_certificate_of_version_1_is_reported_though_its_key_cannot_be_checked() {
    let (leaf, key) = Ca::root("Root").leaf("127.0.0.1");
    // rcgen makes only version 3.
    let version_1 = to_version_1(leaf.der());
    let (target, _server) = tls(Show::new([version_1.clone()], key));
    let probe = probe::server(&target, &quick()).unwrap();
    assert_eq!((probe.chain, probe.ended), (vec![version_1], None));
    let why = probe.unproven.unwrap();
    assert!(why.contains("UnsupportedCertVersion"), "{why}");
}

#[test]
fn a_server_that_has_not_the_key_of_its_certificate_is_told_apart() {
    let (leaf, _) = Ca::root("Root").leaf("127.0.0.1");
    let (_, another) = Ca::root("Root").leaf("127.0.0.1");
    let (target, _server) = tls(Show::new([leaf.der().to_vec()], another));
    let probe = probe::server(&target, &quick()).unwrap();
    assert_eq!(probe.chain, [leaf.der().to_vec()]);
    assert!(probe.unproven.unwrap().contains("BadSignature"));
}

#[test]
fn servers_without_tls_are_told_from_those_that_say_nothing() {
    let junk = |bytes: &'static [u8]| {
        move |mut stream: std::net::TcpStream| {
            let _ = stream.write_all(bytes);
            let _ = stream.read_to_end(&mut Vec::new());
        }
    };
    let cases = [
        (plain(junk(b"HTTP/1.1 400 Bad Request\r\n\r\n")).0, Code::NoTls, "a web server's port"),
        (plain(junk(&[0xFF; 100_000])).0, Code::NoTls, "is not TLS"),
        // A record of the greatest length, and the end.
        (
            plain(|mut stream| stream.write_all(&[22, 3, 3, 0x40, 0, 2, 0]).unwrap()).0,
            Code::TlsFailed,
            "closed the connection",
        ),
        (plain(drop).0, Code::NoTls, "as brokers of MQTT without TLS do"),
        // A fatal alert: protocol_version.
        (plain(junk(&[21, 3, 3, 0, 2, 2, 70])).0, Code::TlsFailed, "ProtocolVersion"),
    ];
    for (target, code, why) in cases {
        let error = probe::server(&target, &quick()).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(why), "{error}, not {why}");
    }
}

#[test]
fn the_time_is_bounded_however_slowly_the_server_answers() {
    // It accepts the connection and sends nothing, as a port behind a firewall may.
    let silent = plain(|mut stream| stream.read_to_end(&mut Vec::new())).0;
    // A handshake message of 16,000 octets, one at a time: each read succeeds, and none is the last.
    let dripping = plain(|stream| drip(stream, &[22, 3, 3, 0x3E, 0x80, 2, 0, 0x3E, 0x7C, 3, 3])).0;
    for target in [silent, dripping] {
        let start = Instant::now();
        let error = probe::server(&target, &impatient()).unwrap_err();
        // The whole message would take five minutes.
        assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
        assert_eq!(error.code(), Code::TlsFailed);
        assert!(error.to_string().contains("did not answer within 0.3 s"), "{error}");
    }
}

#[test]
fn hosts_that_cannot_be_reached_are_named_with_every_address() {
    let refused = |target: Target, code: Code| -> Error {
        let error = probe::server(&target, &quick()).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        error
    };
    // The listener ends with this line, so that its port is free.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = refused(Target::new("localhost", free).unwrap(), Code::Unreachable).to_string();
    assert!(error.contains(&format!("127.0.0.1:{free}: Connection refused")), "{error}");
    // RFC 6761: no resolver knows it.
    refused(Target::new("host.invalid", 8883).unwrap(), Code::HostUnknown);
}

/// The certificate without its version and its extensions; the signature no longer fits.
fn to_version_1(der: &[u8]) -> Vec<u8> {
    let (certificate, _) = contents(der);
    let (tbs, signature) = contents(certificate);
    let mut fields = Vec::new();
    let mut rest = tbs;
    while !rest.is_empty() {
        let (_, next) = contents(rest);
        let field = &rest[..rest.len() - next.len()];
        // `[0]` is the version and `[3]` the extensions, of which version 1 has neither.
        if !matches!(field[0], 0xA0 | 0xA3) {
            fields.extend_from_slice(field);
        }
        rest = next;
    }
    sequence(&[&sequence(&fields)[..], signature].concat())
}

/// The contents of the first element of some DER, and what follows it.
fn contents(der: &[u8]) -> (&[u8], &[u8]) {
    let (start, length) = match der[1] {
        0x81 => (3, usize::from(der[2])),
        0x82 => (4, usize::from(der[2]) << 8 | usize::from(der[3])),
        length => (2, usize::from(length)),
    };
    (&der[start..start + length], &der[start + length..])
}

fn sequence(contents: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(contents.len()).unwrap().to_be_bytes();
    let length: &[u8] = match (high, low) {
        (0, 0..0x80) => &[low],
        (0, _) => &[0x81, low],
        _ => &[0x82, high, low],
    };
    [&[0x30], length, contents].concat()
}
