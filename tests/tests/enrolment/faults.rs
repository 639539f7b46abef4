//! Faults of the service itself: what it logs, and when it is healthy.

use std::io::Read as _;
use std::process::{Command, Stdio};

use tbpki_tests::est::{CERTIFICATE, Service, password, request, station};
use tbpki_tests::oracle::openssl;
use tbpki_tests::{Disk, Sandbox, Tool};

use super::platform::{Scene, until};
use super::renewal::sql;

#[test]
fn what_is_decided_is_in_the_audit_log_also_if_the_client_is_gone() {
    let sandbox = station();
    let service = Service::start(&sandbox, &["--request-seconds", "1"]);
    request(&sandbox, "a", "/CN=pump-1");
    let user = format!("pump-1:{}", password(&sandbox, "pump-1"));
    // Another verb works with the store, until the standard input of this program ends.
    let mut verb = Command::new("flock");
    verb.arg(sandbox.join("pki/.lock")).args(["-c", "echo held; cat"]);
    let mut verb = verb.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    verb.stdout.as_mut().unwrap().read_exact(&mut [0; 5]).unwrap();
    service.send("simpleenroll", "a.b64", &["-u", &user]).is(408, "the request was not served in time");
    drop(verb.stdin.take());
    verb.wait().unwrap();
    until("logged", || {
        let log = sandbox.text("pki/serve/audit.jsonl");
        log.lines().any(|line| line.contains("pump-1") && line.contains("simpleenroll"))
    });
}

#[test]
fn a_request_whose_body_does_not_arrive_is_in_the_audit_log() {
    let sandbox = station();
    let service = Service::start(&sandbox, &["--request-seconds", "1"]);
    request(&sandbox, "a", "/CN=pump-1");
    let body = ["-u", "pump-1:x", "-H", "Content-Length: 9000", "-H", "Expect:"];
    service.send("simpleenroll", "a.b64", &body).is(408, "the request was not served in time");
    until("logged", || sandbox.text("pki/serve/audit.jsonl").contains("\"outcome\":\"slow\""));
}

/// A certificate with its key whose first month is 99: TLS takes it, and no reader of certificates does.
#[track_caller]
fn with_impossible_date(sandbox: &Sandbox) -> [&'static str; 4] {
    let made = openssl().args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]);
    let made = made.args(["-subj", "/CN=odd", "-outform", "DER", "-keyout"]).arg(sandbox.join("odd.key"));
    made.arg("-out").arg(sandbox.join("odd.der")).run().ok();
    let mut der = sandbox.read("odd.der");
    // UTCTime with 13 octets: two for the year, then the month.
    let date = der.windows(2).position(|part| part == [0x17, 13]).unwrap();
    der[date + 4..date + 6].copy_from_slice(b"99");
    sandbox.write("odd.der", der);
    ["--cert-type", "DER", "--cert", "odd.der"]
}

#[test]
fn a_certificate_that_cannot_be_read_is_none_for_a_password_and_its_refusal_is_in_the_audit_log() {
    let sandbox = station();
    let service = Service::start(&sandbox, &[]);
    request(&sandbox, "a", "/CN=pump-1");
    let odd = [&with_impossible_date(&sandbox)[..], &["--key", "odd.key"]].concat();
    service.send("simpleenroll", "a.b64", &odd).is(403, "the client certificate is unknown");
    service.send("simplereenroll", "a.b64", &odd).is(403, "the client certificate is unknown");
    let lines = || sandbox.text("pki/serve/audit.jsonl").lines().filter(|line| line.contains("unknown-cert")).count();
    assert_eq!(lines(), 2);
    let user = format!("pump-1:{}", password(&sandbox, "pump-1"));
    service.send("simpleenroll", "a.b64", &[&odd[..], &["-u", &user]].concat()).save(&sandbox, "a.pem");
}

#[test]
fn the_service_is_not_healthy_until_the_audit_log_can_be_written_again() {
    let sandbox = station();
    let disk = Disk::of(16 << 10);
    let log = disk.path().join("audit.jsonl");
    let service = Service::start(&sandbox, &["--audit", log.to_str().unwrap()]);
    request(&sandbox, "a", "/CN=pump-1");
    let refused = || service.send("simpleenroll", "a.b64", &["-u", "pump-1:wrong"]).is(401, "wrong");
    refused();
    service.becomes_healthy(true);
    disk.leave_pages(0);
    // As many as fill the page of the log.
    for _ in 0..40 {
        refused();
    }
    service.becomes_healthy(false);
    // The service looks at its store meanwhile, which is in order.
    password(&sandbox, "pump-2");
    let metrics = || Tool::new("curl").args(["-sS", &format!("{}/metrics", service.status)]).run().ok().stdout_text();
    until("looked", || metrics().lines().any(|line| line == "tbpki_enrolment_passwords 1"));
    service.becomes_healthy(false);
    // Also without another request.
    disk.make_room();
    service.becomes_healthy(true);
    // No line was joined to a part of another one.
    let text = std::fs::read_to_string(&log).unwrap();
    assert!(text.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{text}");
}

#[test]
fn a_ledger_that_cannot_be_written_makes_the_service_unhealthy_until_it_can() {
    let sandbox = station();
    let service = Service::start(&sandbox, &[]);
    let user = format!("pump-1:{}", password(&sandbox, "pump-1"));
    request(&sandbox, "a", "/CN=pump-1");
    for (name, change) in [("full", "INSERT ON identity"), ("counted", "UPDATE ON status")] {
        sql(&sandbox, &format!("CREATE TRIGGER {name} BEFORE {change} BEGIN SELECT RAISE(ABORT, 'no room'); END"));
    }
    service.send("simpleenroll", "a.b64", &["-u", &user]).is(500, "");
    service.becomes_healthy(false);
    for name in ["full", "counted"] {
        sql(&sandbox, &format!("DROP TRIGGER {name}"));
    }
    service.becomes_healthy(true);
    service.send("simpleenroll", "a.b64", &["-u", &user]).is(200, "");
    // An older copy is noticed without a request.
    let mut service = service;
    sql(&sandbox, "UPDATE status SET changes = 1");
    assert_eq!(service.wait(), 1);
    until("logged", || service.has_logged(&["TBPKI-0344", "an older copy"]));
}

#[test]
fn a_file_that_is_no_log_gets_no_line() {
    let sandbox = station();
    let key = "pki/servers/localhost/mqttserver_key.pem";
    sandbox.write("settings", "a = 1\n");
    for file in [key, "pki/ledger.db", "keygen.toml", "settings", "pki/new"] {
        let before = std::fs::read(sandbox.join(file)).ok();
        let serve = ["serve", "--listen", "127.0.0.1:0", "--audit", file];
        sandbox.fails(serve.iter().chain(&CERTIFICATE), 1, "TBPKI-0082").prints("--audit");
        assert_eq!(std::fs::read(sandbox.join(file)).ok(), before, "{file}");
    }
}

#[test]
fn a_lost_answer_of_a_revoked_ca_is_replaced_by_one_of_the_ca_that_signs() {
    let sandbox = station();
    let service = Service::start(&sandbox, &[]);
    let users = ["pump-1", "pump-2"].map(|device| format!("{device}:{}", password(&sandbox, device)));
    for (name, device) in [("present", "pump-1"), ("next", "pump-1"), ("first", "pump-2")] {
        request(&sandbox, name, &format!("/CN={device}"));
    }
    service.send("simpleenroll", "present.b64", &["-u", &users[0]]).save(&sandbox, "present.pem");
    service.confirm("present.pem", "present.key").is(200, "confirmed");
    // A renewal and a first certificate whose answers were lost.
    let renew = || service.send("simplereenroll", "next.b64", &["--cert", "present.pem", "--key", "present.key"]);
    let first = || service.send("simpleenroll", "first.b64", &["-u", &users[1]]);
    renew().is(200, "");
    first().is(200, "");
    sandbox.ok(["revoke", "--ca", "devices-issuing"]);
    // Without a CA that signs, nothing of the revoked one is sent.
    for answer in [renew(), first()] {
        answer.is(503, "the issuing CA is revoked, and must be replaced first");
    }
    for verb in [
        &["ca", "prepare", "devices-issuing"][..],
        &["crl"],
        &["ca", "confirm", "devices-issuing", "--server", "localhost"],
        &["ca", "activate", "devices-issuing"],
    ] {
        sandbox.ok(verb);
    }
    // A service that has looked at the revoked CA looks again after some seconds.
    until("the next generation signs", || renew().status == 200);
    for answer in [renew(), first()] {
        let printed = answer.certificates().replace(' ', "");
        assert!(printed.contains("issuer=CN=tbpkidevicesissuingCAG2"), "{printed}");
    }
    // The certificate of the CA that signs is sent again.
    assert_eq!(first().body, first().body);
    first().save(&sandbox, "first.pem");
    service.confirm("first.pem", "first.key").is(200, "confirmed");
}

#[test]
fn a_revoked_ca_ends_its_own_requests_alone() {
    let scene = Scene::new();
    let sandbox = &scene.sandbox;
    scene.create_profile("pumps");
    let service = scene.service_with(&[]);
    let user = format!("pump-1:{}", password(sandbox, "pump-1"));
    let made = sandbox.ok(["enroll", "password", "--device", "pump-2", "--profile", "pumps"]);
    let user_of_profile = format!("pump-2:{}", made.stdout_text().trim());
    for name in ["pump-1", "pump-2"] {
        request(sandbox, name, &format!("/CN={name}"));
    }
    let known = scene.platform.known_to(sandbox.tbpki(["revoke", "--ca", "profile-pumps"]), scene.secret());
    known.run();
    let of_profile = |service: &Service| {
        let answer = service.send("pumps/simpleenroll", "pump-2.b64", &["-u", &user_of_profile]);
        answer.is(503, "the issuing CA is revoked, and must be replaced first");
        assert!(answer.head.to_lowercase().contains("retry-after: 86400"), "{answer:?}");
    };
    of_profile(&service);
    service.becomes_healthy(false);
    of_profile(&service);
    service.send("simpleenroll", "pump-1.b64", &["-u", &user]).save(sandbox, "pump-1.pem");
    assert_eq!(service.stop(), 0);
    // It starts without this CA, also if the label has a policy of its own.
    let service = scene.service_with(&[("TBPKI_SERVE_LABEL_POLICIES", "pumps=issuance")]);
    of_profile(&service);
    service.becomes_healthy(false);
}

#[test]
fn the_log_has_faults_without_an_option_and_the_reason_of_the_platform_is_listed() {
    let scene = Scene::new();
    // The platform has a token, which stays.
    let tenant = scene.platform.sign_in();
    tenant.device("pump-1");
    let service = scene.service_with(&[]);
    scene.fetch(&service, "a", None);
    service.confirm("a.pem", "a.key").is(202, "the platform does not have the certificate yet");
    until("logged", || service.has_logged(&["WARN", "the platform does not have the certificate yet", "pump-1"]));

    let listed = scene.sandbox.ok(["list", "--kind", "device", "--json"]).json();
    let why = listed["result"]["identities"][0]["open_error"].as_str().unwrap_or_default();
    assert!(why.contains("pump-1"), "{listed}");
    scene.sandbox.ok(["report", "--out", "page.html"]);
    let page = scene.sandbox.text("page.html");
    assert!(page.contains(why.split('"').next().unwrap()), "{why} is not in {page}");
}
