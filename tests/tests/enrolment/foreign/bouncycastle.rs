//! BouncyCastle's EST client (bcpkix), which most Java software uses.

use tbpki_tests::est::{Service, password, serial, station};
use tbpki_tests::oracle::{java, openssl};
use tbpki_tests::{Outcome, Sandbox};

/// A key and a request for it.
#[track_caller]
fn request(sandbox: &Sandbox, name: &str, device: &str) {
    let request = openssl().directory(sandbox.path()).args(["req", "-new", "-newkey", "ec", "-nodes"]);
    let curve = ["-pkeyopt", "ec_paramgen_curve:P-256", "-subj", &format!("/CN={device}")].map(str::to_owned);
    request.args(curve).args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.csr")]).run().ok();
}

fn client(sandbox: &Sandbox, service: &Service, label: &str, args: &[&str]) -> Outcome {
    let place = format!("{}{label}", service.url.trim_start_matches("https://"));
    let tool = java("EstClient").directory(sandbox.path());
    tool.args([place.as_str(), "pki/ca/server-root/cert.pem"]).args(args).run()
}

#[track_caller]
fn refused(outcome: &Outcome, status: u16, text: &str) {
    let printed = outcome.stderr_text();
    assert!(
        outcome.status == 1 && printed.contains(&format!("status {status}")) && printed.contains(text),
        "{outcome}"
    );
}

#[test]
fn bouncycastle_enrols_by_password_and_renews_by_certificate() {
    let sandbox = station();
    let service = Service::start(&sandbox, &[]);
    let est = |args: &[&str]| client(&sandbox, &service, "", args);
    est(&["cacerts", "hierarchy.pem"]).ok();
    assert_eq!(sandbox.text("hierarchy.pem").matches("BEGIN CERTIFICATE").count(), 2, "root and issuing CA");

    request(&sandbox, "a", "pump-1");
    sandbox.write("password", password(&sandbox, "pump-1"));
    sandbox.write("wrong", "not the password");
    // It asks without a password first, and sends the password after the challenge.
    refused(&est(&["enroll", "a.pem", "a.csr", "pump-1", "wrong"]), 401, "the name or the password is wrong");
    assert!(!sandbox.join("a.pem").exists());
    est(&["enroll", "a.pem", "a.csr", "pump-1", "password"]).ok();
    let first = serial(sandbox.join("a.pem"));
    // A lost answer is asked for again with the same key; another key does not get the password's certificate.
    est(&["enroll", "again.pem", "a.csr", "pump-1", "password"]).ok();
    assert_eq!(serial(sandbox.join("again.pem")), first);
    request(&sandbox, "other", "pump-1");
    let other = est(&["enroll", "other.pem", "other.csr", "pump-1", "password"]);
    assert!(other.status == 1 && other.stderr_text().contains("status 4"), "{other}");
    assert!(!sandbox.join("other.pem").exists());

    request(&sandbox, "b", "pump-1");
    est(&["reenroll", "b.pem", "b.csr", "a.pem", "a.key"]).ok();
    assert_ne!(serial(sandbox.join("b.pem")), first);
    for file in ["a.pem", "b.pem"] {
        let verify = openssl().args(["verify", "-CAfile"]).arg(sandbox.join("hierarchy.pem"));
        verify.arg(sandbox.join(file)).run().ok();
    }
    request(&sandbox, "c", "pump-2");
    refused(&est(&["reenroll", "c.pem", "c.csr", "b.pem", "b.key"]), 400, "subject");
    refused(&client(&sandbox, &service, "/unknown", &["reenroll", "c.pem", "b.csr", "b.pem", "b.key"]), 404, "label");
    sandbox.ok(["revoke", "--device", "pump-1"]);
    request(&sandbox, "d", "pump-1");
    refused(&est(&["reenroll", "d.pem", "d.csr", "b.pem", "b.key"]), 403, "the client certificate is revoked");
    assert!(!sandbox.join("c.pem").exists() && !sandbox.join("d.pem").exists());
}
