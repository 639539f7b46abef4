//! What a client can take from the service, at most.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use tbpki_tests::est::{Service, password, request, station};
use tbpki_tests::oracle::openssl;

/// A connection that waits for the service long enough on any machine.
fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(90))).unwrap();
    stream
}

/// Whether the service ends a connection. The end may come as a reset.
fn is_ended(stream: &mut TcpStream) -> bool {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => true,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

#[test]
fn heads_and_bodies_have_a_limit() {
    let sandbox = station();
    let service = Service::start(&sandbox, &[]);
    sandbox.write("long", vec![b'M'; (16 << 10) + 1]);
    sandbox.write("longest", vec![b'M'; 16 << 10]);
    // Without `Expect: 100-continue`, with which some versions of curl wait before they send the body.
    service.send("simpleenroll", "long", &["-H", "Expect:"]).is(413, "the body is longer than 16384 bytes");
    service.send("simpleenroll", "longest", &[]).is(401, "");
    let long = format!("X-Long: {}", "a".repeat(9 << 10));
    assert_eq!(service.ask("/.well-known/est/cacerts", &["-H", &long]).status, 431);
    let shorter = format!("X-Long: {}", "a".repeat(6 << 10));
    service.ask("/.well-known/est/cacerts", &["-H", &shorter]).is(200, "");
}

#[test]
fn certificates_of_clients_have_a_limit() {
    let sandbox = station();
    let service = Service::start(&sandbox, &[]);
    // Self-signed, so no one has vouched for what is in it. A name of 251 characters makes 254 bytes.
    let present = |names: usize| {
        let name = |number: usize| format!("DNS:{number:03}{}", ".aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".repeat(8));
        let names = (0..names).map(name).collect::<Vec<_>>().join(",");
        let made =
            openssl().args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
        let made = made.args(["-subj", "/CN=pump-1", "-addext", &format!("subjectAltName={names}")]);
        made.arg("-keyout").arg(sandbox.join("key")).arg("-out").arg(sandbox.join("cert")).run().ok();
        service.curl("/.well-known/tbpki/confirm").args(["-X", "POST", "--cert", "cert", "--key", "key"]).run()
    };
    let shorter = present(60);
    assert!(shorter.ok().stdout_text().contains(" 403 "));
    let longer = present(70);
    assert!(longer.status != 0 && longer.stdout_text().is_empty(), "{longer}");
    let status = service.status.trim_start_matches("http://").to_owned();
    let metrics = TcpText::get(&status, "/metrics");
    assert!(metrics.contains("tbpki_connections_rejected_total{reason=\"handshake\"} 1"), "{metrics}");
}

#[test]
fn a_client_that_reads_no_answer_is_disconnected() {
    let sandbox = station();
    let service = Service::start(&sandbox, &["--request-seconds", "1"]);
    for listener in [&service.status, &service.lists] {
        let mut stream = connect(listener.trim_start_matches("http://"));
        stream.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
        let begun = Instant::now();
        // The answers fill the buffers of both ends, then the service waits for this client.
        loop {
            match stream.write(&b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(100)) {
                Ok(_) => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => break,
            }
            assert!(begun.elapsed() < Duration::from_secs(120), "the connection stays");
        }
    }
}

#[test]
fn slow_clients_are_disconnected() {
    let sandbox = station();
    let service = Service::start(&sandbox, &["--handshake-seconds", "1", "--request-seconds", "1"]);
    // No handshake.
    assert!(is_ended(&mut connect(&service.address)));
    // Half a head, and half a body, without TLS.
    let status = service.status.trim_start_matches("http://").to_owned();
    let mut half = connect(&status);
    half.write_all(b"GET /healthz HTTP/1.1\r\nHost:").unwrap();
    assert!(is_ended(&mut half));
    let metrics = TcpText::get(&status, "/metrics");
    assert!(metrics.contains("tbpki_connections_rejected_total{reason=\"handshake-time\"} 1"), "{metrics}");
}

#[test]
fn connections_have_a_limit_for_each_address() {
    let sandbox = station();
    let service = Service::start(&sandbox, &["--connections-per-address", "3"]);
    let open: Vec<TcpStream> = (0..3).map(|_| connect(&service.address)).collect();
    // The three count once they are accepted, in their order.
    for _ in 0..100 {
        assert!(is_ended(&mut connect(&service.address)), "one connection more than the limit");
    }
    drop(open);
    let mut answer = None;
    for _ in 0..100 {
        let outcome = service.curl("/.well-known/est/cacerts").run();
        answer = (outcome.status == 0).then_some(outcome);
        if answer.is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(answer.is_some_and(|answer| answer.stdout_text().contains("200 OK")));
}

#[test]
fn thousands_of_half_open_connections_leave_the_service_healthy() {
    let sandbox = station();
    let service = Service::start(&sandbox, &[]);
    let mut open = Vec::new();
    for _ in 0..10_000 {
        // Of one address 64 count; the others are closed at once.
        open.push(connect(&service.address));
        // More than the limit of an address, and below the number of files that a process of the test may open.
        if open.len() > 128 {
            open.clear();
        }
    }
    let status = service.status.trim_start_matches("http://").to_owned();
    assert!(TcpText::get(&status, "/healthz").ends_with("ok\n"));
}

#[test]
fn a_device_gets_a_few_certificates_a_day() {
    let sandbox = station();
    let service = Service::start(&sandbox, &["--issuances", "2"]);
    let user = format!("pump-1:{}", password(&sandbox, "pump-1"));
    request(&sandbox, "a", "/CN=pump-1");
    service.send("simpleenroll", "a.b64", &["-u", &user]).save(&sandbox, "a.pem");
    let present = ["--cert", "a.pem", "--key", "a.key"];
    request(&sandbox, "b", "/CN=pump-1");
    service.send("simplereenroll", "b.b64", &present).save(&sandbox, "b.pem");
    request(&sandbox, "c", "/CN=pump-1");
    let answer = service.send("simplereenroll", "c.b64", &present);
    answer.is(429, "an identity gets at most 2 certificates in a day");
    assert!(answer.head.contains("Retry-After: 3600"), "{}", answer.head);
    // The same certificate again is none more.
    service.send("simplereenroll", "b.b64", &present).is(200, "");
    // Other devices have a count of their own.
    let user = format!("pump-2:{}", password(&sandbox, "pump-2"));
    request(&sandbox, "d", "/CN=pump-2");
    service.send("simpleenroll", "d.b64", &["-u", &user]).is(200, "");
}

/// Without options: 64 connections of an address, and 4 certificates of an identity in a day.
#[test]
fn the_defaults_are_limits_too() {
    let sandbox = station();
    let service = Service::start(&sandbox, &[]);
    let user = format!("pump-1:{}", password(&sandbox, "pump-1"));
    request(&sandbox, "0", "/CN=pump-1");
    service.send("simpleenroll", "0.b64", &["-u", &user]).save(&sandbox, "0.pem");
    let present = ["--cert", "0.pem", "--key", "0.key"];
    for name in ["1", "2", "3", "4"] {
        request(&sandbox, name, "/CN=pump-1");
        let answer = service.send("simplereenroll", &format!("{name}.b64"), &present);
        match name {
            "4" => answer.is(429, "an identity gets at most 4 certificates in a day"),
            _ => answer.is(200, ""),
        }
    }
    // Those that are open count until their handshake has lasted for too long.
    let open: Vec<TcpStream> = (0..64).map(|_| connect(&service.address)).collect();
    let begun = Instant::now();
    let is_ended = is_ended(&mut connect(&service.address));
    assert!(is_ended && begun.elapsed() < Duration::from_secs(10), "one connection more than the limit");
    drop(open);
}

/// HTTP without TLS, by hand.
struct TcpText;

impl TcpText {
    #[track_caller]
    fn get(address: &str, path: &str) -> String {
        let mut stream = connect(address);
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }
}
