//! The next certificate of a device, proven by the present one.

use tbpki_tests::Sandbox;
use tbpki_tests::est::{CERTIFICATE, Service, password, request, request_with, serial, station};
use tbpki_tests::oracle::openssl;
use tbpki_tests::{Tool, oracle};

/// A device with a confirmed certificate: NAME.pem and NAME.key.
#[track_caller]
pub(super) fn enrol(sandbox: &Sandbox, service: &Service, name: &str) {
    let user = format!("{name}:{}", password(sandbox, name));
    request(sandbox, name, &format!("/CN={name}"));
    service.send("simpleenroll", &format!("{name}.b64"), &["-u", &user]).save(sandbox, &format!("{name}.pem"));
    service.confirm(&format!("{name}.pem"), &format!("{name}.key")).is(200, "confirmed");
}

/// The state of each generation of a device in the ledger.
pub(super) fn states(sandbox: &Sandbox, name: &str) -> Vec<(String, String)> {
    let listed = sandbox.ok(["list", "--all", "--kind", "device", "--name", name, "--json"]).json();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let identities = listed["result"]["identities"].as_array().unwrap().clone();
    identities.iter().map(|one| (text(&one["serial"]), text(&one["role"]))).collect()
}

/// Changes the ledger of a sandbox behind the back of tbpki.
#[track_caller]
pub(super) fn sql(sandbox: &Sandbox, statement: &str) {
    let script = "import sqlite3, sys\nwith sqlite3.connect(sys.argv[1]) as db: db.execute(sys.argv[2])";
    Tool::new("python3").args(["-c", script]).arg(sandbox.join("pki/ledger.db")).arg(statement).run().ok();
}

#[test]
fn the_present_certificate_is_valid_until_the_next_one_is_used() {
    let sandbox = station();
    let service = Service::start(&sandbox, &[]);
    enrol(&sandbox, &service, "pump-1");
    let old = ["--cert", "pump-1.pem", "--key", "pump-1.key"];
    request(&sandbox, "next", "/CN=pump-1");
    service.send("simplereenroll", "next.b64", &old).save(&sandbox, "next.pem");
    // A lost answer.
    service.send("simplereenroll", "next.b64", &old).save(&sandbox, "again.pem");
    assert_eq!(sandbox.read("next.pem"), sandbox.read("again.pem"));
    let (first, second) = (serial(sandbox.join("pump-1.pem")), serial(sandbox.join("next.pem")));
    let expected = |roles: [&str; 2]| vec![(first.clone(), roles[0].to_owned()), (second.clone(), roles[1].to_owned())];
    assert_eq!(states(&sandbox, "pump-1"), expected(["current", "pending"]));

    service.confirm("next.pem", "next.key").is(200, "confirmed");
    assert_eq!(states(&sandbox, "pump-1"), expected(["superseded", "current"]));
    request(&sandbox, "third", "/CN=pump-1");
    for operation in ["simplereenroll", "simpleenroll"] {
        service.send(operation, "third.b64", &old).is(403, "a later certificate of this identity is in use");
    }
    service.confirm("pump-1.pem", "pump-1.key").is(403, "a later certificate of this identity is in use");
    // EST-only clients never confirm: the use of a certificate counts.
    let next = ["--cert", "next.pem", "--key", "next.key"];
    service.send("simplereenroll", "third.b64", &next).save(&sandbox, "third.pem");
    request(&sandbox, "fourth", "/CN=pump-1");
    let third = ["--cert", "third.pem", "--key", "third.key"];
    service.send("simpleenroll", "fourth.b64", &third).save(&sandbox, "fourth.pem");
    service.send("simplereenroll", "fourth.b64", &next).is(403, "a later certificate of this identity is in use");
}

#[test]
fn a_renewal_keeps_subject_and_names() {
    let sandbox = station();
    sandbox.ok(["client", "--device", "valve", "--san", "dns:valve.example"]);
    let service = Service::start(&sandbox, &[]);
    let valve = ["--cert", "pki/devices/valve/cert.pem", "--key", "pki/devices/valve/key.pem"];
    request(&sandbox, "plain", "/CN=valve");
    request(&sandbox, "other", "/CN=pump");
    request(&sandbox, "more", "/O=Acme/CN=valve");
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp384r1", "-addext"];
    request_with(&sandbox, "same", "/CN=valve", &[&key[..], &["subjectAltName=DNS:valve.example"]].concat());
    request_with(&sandbox, "two", "/CN=valve", &[&key[..], &["subjectAltName=DNS:valve.example,DNS:x"]].concat());
    for (file, text) in [
        ("plain.b64", "its alternative names are not those of the present certificate"),
        ("two.b64", "its alternative names are not those of the present certificate"),
        ("other.b64", "its subject is CN=pump, and that of the present certificate is CN=valve"),
        ("more.b64", "and that of the present certificate is CN=valve"),
    ] {
        service.send("simplereenroll", file, &valve).is(400, text);
    }
    service.send("simplereenroll", "same.b64", &valve).save(&sandbox, "valve.pem");
    let text = oracle::openssl().args(["x509", "-noout", "-text", "-in"]).arg(sandbox.join("valve.pem")).run().ok();
    assert!(text.stdout_text().contains("DNS:valve.example"), "{text}");
    assert!(text.stdout_text().contains("secp384r1"), "{text}");
}

#[test]
fn only_certificates_of_devices_in_the_ledger_are_taken() {
    let sandbox = station();
    let service = Service::start(&sandbox, &["--issuances", "100"]);
    enrol(&sandbox, &service, "pump-1");
    request(&sandbox, "next", "/CN=pump-1");
    service.send("simplereenroll", "next.b64", &[]).is(403, "a client certificate is required");
    service.ask("/.well-known/tbpki/confirm", &["-X", "POST"]).is(403, "a client certificate is required");
    openssl()
        .args(["req", "-x509", "-new", "-days", "9", "-key"])
        .arg(sandbox.join("pump-1.key"))
        .args(["-subj", "/CN=pump-1", "-out"])
        .arg(sandbox.join("forged.pem"))
        .run()
        .ok();
    let forged = ["--cert", "forged.pem", "--key", "pump-1.key"];
    for operation in ["simplereenroll", "simpleenroll"] {
        service.send(operation, "next.b64", &forged).is(403, "the client certificate is unknown");
    }
    let server =
        ["--cert", "pki/servers/localhost/mqttserver.pem", "--key", "pki/servers/localhost/mqttserver_key.pem"];
    service
        .send("simplereenroll", "next.b64", &server)
        .is(403, "this service renews no certificates of servers: [serve] servers is off");
    let pump = ["--cert", "pump-1.pem", "--key", "pump-1.key"];
    service.send("unknown/simplereenroll", "next.b64", &pump).is(404, "there is no label \"unknown\"");

    // Each request reads the state again, also on one connection.
    service.send("simplereenroll", "next.b64", &pump).save(&sandbox, "next.pem");
    sandbox.ok(["revoke", "--device", "pump-1", "--reason", "keyCompromise"]);
    for (certificate, key) in [("pump-1.pem", "pump-1.key"), ("next.pem", "next.key")] {
        let revoked = ["--cert", certificate, "--key", key];
        service.send("simplereenroll", "next.b64", &revoked).is(403, "the client certificate is revoked");
        service.confirm(certificate, key).is(403, "the client certificate is revoked");
    }
}

#[test]
fn an_expired_certificate_is_renewed_only_if_the_policy_allows_it() {
    let sandbox = station();
    sandbox.ok(["client", "--device", "pump-1"]);
    let pump = ["--cert", "pki/devices/pump-1/cert.pem", "--key", "pki/devices/pump-1/key.pem"];
    request(&sandbox, "next", "/CN=pump-1");
    // Ten days ago.
    sql(&sandbox, "UPDATE identity SET not_after = strftime('%s') - 864000 WHERE name = 'pump-1'");
    for (days, allowed) in [(None, false), (Some("5"), false), (Some("30"), true)] {
        let environment: Vec<(&str, &str)> = days.map(|days| ("TBPKI_SERVE_RENEW_EXPIRED", days)).into_iter().collect();
        let service = Service::start_in(&sandbox, &[], &environment);
        let answer = service.send("simplereenroll", "next.b64", &pump);
        if allowed {
            answer.save(&sandbox, "next.pem");
        } else {
            answer.is(403, "the client certificate has expired");
        }
        assert_eq!(service.stop(), 0);
    }
    sql(&sandbox, "UPDATE identity SET not_before = strftime('%s') + 864000, not_after = not_after + 8640000");
    let service = Service::start(&sandbox, &[]);
    service.send("simplereenroll", "next.b64", &pump).is(403, "the client certificate is not valid yet");
}

#[test]
fn a_device_that_comes_back_after_the_end_of_what_it_never_received_gets_another_one() {
    let sandbox = station();
    let service = Service::start_in(&sandbox, &[], &[("TBPKI_SERVE_RENEW_EXPIRED", "400")]);
    let user = format!("pump-1:{}", password(&sandbox, "pump-1"));
    request(&sandbox, "a", "/CN=pump-1");
    let expire = || sql(&sandbox, "UPDATE identity SET not_after = strftime('%s') - 864000 WHERE kind = 'device'");
    // The answer to the first request is lost, and the device stays away until the certificate in it has expired.
    service.send("simpleenroll", "a.b64", &["-u", &user]).save(&sandbox, "lost.pem");
    expire();
    service.send("simpleenroll", "a.b64", &["-u", &user]).save(&sandbox, "a.pem");
    assert_ne!(sandbox.read("lost.pem"), sandbox.read("a.pem"));
    service.confirm("a.pem", "a.key").is(200, "confirmed");
    // The same with a renewal: the device asks with the same key until it has an answer.
    request(&sandbox, "b", "/CN=pump-1");
    let renew = |name: &str| {
        service.send("simplereenroll", "b.b64", &["--cert", "a.pem", "--key", "a.key"]).save(&sandbox, name);
    };
    renew("lost.pem");
    expire();
    renew("b.pem");
    assert_ne!(sandbox.read("lost.pem"), sandbox.read("b.pem"));
    renew("again.pem");
    assert_eq!(sandbox.read("again.pem"), sandbox.read("b.pem"));
    service.confirm("b.pem", "b.key").is(200, "confirmed");
    assert_eq!(states(&sandbox, "pump-1").last().map(|(_, role)| role.as_str()), Some("current"));
}

#[test]
fn a_renewal_that_the_end_of_the_ca_makes_short_is_refused() {
    let sandbox = station();
    // Longer than the CA: the certificate ends with the CA, and so would the next one.
    let service = Service::start_in(&sandbox, &[], &[("TBPKI_CLIENT_DAYS", "9000")]);
    enrol(&sandbox, &service, "pump-1");
    let end =
        |file: &str| openssl().args(["x509", "-noout", "-enddate", "-in", file]).directory(sandbox.path()).run().ok();
    assert_eq!(end("pump-1.pem").stdout_text(), end("pki/ca/devices-issuing/cert.pem").stdout_text());
    request(&sandbox, "next", "/CN=pump-1");
    let pump = ["--cert", "pump-1.pem", "--key", "pump-1.key"];
    let answer = service.send("simplereenroll", "next.b64", &pump);
    answer.is(503, "the issuing CA ends, and must be replaced before certificates are renewed");
    assert!(answer.head.to_lowercase().contains("retry-after: 86400"), "{answer:?}");
    assert_eq!(states(&sandbox, "pump-1").len(), 1);
    // A quarter of the lifetime more is enough.
    sql(&sandbox, "UPDATE identity SET not_after = not_after - 9000 * 86400 / 4 WHERE name = 'pump-1'");
    service.send("simplereenroll", "next.b64", &pump).save(&sandbox, "next.pem");
}

#[test]
fn nothing_is_issued_while_the_clock_does_not_fit_the_ledger() {
    let sandbox = station();
    let service = Service::start(&sandbox, &[]);
    enrol(&sandbox, &service, "pump-1");
    request(&sandbox, "next", "/CN=pump-1");
    let pump = ["--cert", "pump-1.pem", "--key", "pump-1.key"];
    let newest = "WHERE id = (SELECT max(id) FROM identity)";
    sql(&sandbox, &format!("UPDATE identity SET issued_at = issued_at + 2 * 86400 {newest}"));
    let answer = service.send("simplereenroll", "next.b64", &pump);
    answer.is(503, "the clock of the service does not fit its ledger");
    service.confirm("pump-1.pem", "pump-1.key").is(503, "the clock of the service does not fit its ledger");
    assert_eq!(states(&sandbox, "pump-1").len(), 1);
    service.becomes_healthy(false);
    // Nothing is stored that would accept the clock.
    sql(&sandbox, &format!("UPDATE identity SET issued_at = issued_at - 2 * 86400 {newest}"));
    service.becomes_healthy(true);
    service.send("simplereenroll", "next.b64", &pump).save(&sandbox, "next.pem");
    assert_eq!(service.stop(), 0);
    // The service does not start with a clock that is much later, unless an operator has accepted it.
    sql(&sandbox, "UPDATE identity SET intended_at = intended_at - 500 * 86400, issued_at = issued_at - 500 * 86400");
    let options = ["serve", "--listen", "127.0.0.1:0"];
    let outcome = sandbox.tbpki(options.iter().chain(&CERTIFICATE)).run().ends(1);
    assert!(outcome.stderr_text().contains("TBPKI-0312"), "{outcome}");
    let service = Service::start(&sandbox, &["--accept-clock"]);
    service.send("simplereenroll", "next.b64", &pump).save(&sandbox, "again.pem");
}

#[test]
fn a_device_that_has_fetched_its_certificate_is_checked_and_renewed_on_its_host() {
    let sandbox = station();
    let service = Service::start(&sandbox, &[]);
    enrol(&sandbox, &service, "pump-1");
    service.confirm("pump-1.pem", "pump-1.key").is(200, "confirmed");
    let check = sandbox.fails(["check", "--device", "pump-1", "--offline"], 1, "TBPKI-0378");
    let check = check.prints("check it on its host");
    assert!(!check.stderr_text().contains("--force"), "{check}");
    let renewal = sandbox.tbpki(["renew", "--device", "pump-1"]).run();
    assert!(renewal.stderr_text().contains("`tbpki client pump-1 --force` issues a new generation"), "{renewal}");
}

/// Each connection proves the key: no session is resumed. Early data needs a session (RFC 8446, section 4.2.10), so that no
/// request comes before the handshake has ended either.
#[test]
fn each_connection_has_a_full_handshake() {
    let sandbox = station();
    let service = Service::start(&sandbox, &[]);
    enrol(&sandbox, &service, "pump-1");
    let request = "GET /.well-known/est/cacerts HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let connect = |options: &[&str]| {
        let client = openssl().directory(sandbox.path()).args(["s_client", "-ign_eof", "-connect", &service.address]);
        let client = client.args(["-servername", "localhost", "-CAfile", "pki/ca/server-root/cert.pem"]);
        client.args(["-cert", "pump-1.pem", "-key", "pump-1.key"]).args(options).stdin(request).run().ok().stdout_text()
    };
    for version in ["-tls1_2", "-tls1_3"] {
        let first = connect(&[version, "-sess_out", "session"]);
        assert!(first.contains("200 OK") && first.contains("New, TLSv1."), "{first}");
        assert!(
            !first.contains("TLS session ticket lifetime hint") && !first.contains("Session Ticket arrived"),
            "{first}"
        );
        assert!(!first.contains("Max Early Data: ") || first.contains("Max Early Data: 0"), "{first}");
        // With TLS 1.3 there is nothing to resume, and the file is not even written.
        if sandbox.join("session").exists() {
            let second = connect(&[version, "-sess_in", "session"]);
            assert!(second.contains("200 OK") && second.contains("New, TLSv1."), "{second}");
            std::fs::remove_file(sandbox.join("session")).unwrap();
        }
    }
}

/// Behind a proxy that ends TLS, such headers hold the certificate of the client. Any client can send them.
#[test]
fn no_header_counts_as_a_client_certificate() {
    let sandbox = station();
    let service = Service::start(&sandbox, &[]);
    enrol(&sandbox, &service, "pump-1");
    request(&sandbox, "next", "/CN=pump-1");
    let pem = sandbox.text("pump-1.pem");
    let escaped =
        pem.replace('\n', "%0A").replace('+', "%2B").replace('/', "%2F").replace('=', "%3D").replace(' ', "%20");
    let der: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let headers = [
        format!("X-SSL-Client-Cert: {escaped}"),
        format!("X-Client-Cert: {escaped}"),
        format!("SSL-Client-Cert: {escaped}"),
        format!("X-Forwarded-Client-Cert: Cert=\"{escaped}\""),
        // RFC 9440, section 2.2.
        format!("Client-Cert: :{der}:"),
        "X-SSL-Client-Verify: SUCCESS".to_owned(),
        "X-SSL-Client-S-DN: CN=pump-1".to_owned(),
    ];
    let headers: Vec<&str> = headers.iter().flat_map(|header| ["-H", header.as_str()]).collect();
    service.send("simpleenroll", "next.b64", &headers).is(401, "");
    service.send("simplereenroll", "next.b64", &headers).is(403, "a client certificate is required");
    let confirm = [&["-X", "POST"][..], &headers].concat();
    service.ask("/.well-known/tbpki/confirm", &confirm).is(403, "a client certificate is required");
    assert_eq!(states(&sandbox, "pump-1").len(), 1);
}
