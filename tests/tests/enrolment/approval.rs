//! Requests that wait until an operator has approved them.

use tbpki_tests::Sandbox;
use tbpki_tests::est::{Service, password, request, station};
use tbpki_tests::oracle::openssl;

use super::host::Host;
use super::renewal::{enrol, states};

const WAITS: &str = "an operator has to approve the certificate: ask again later";

/// The service, with this for `serve.approval`.
fn service(sandbox: &Sandbox, approval: &str) -> Service {
    Service::start_in(sandbox, &["--issuances", "100"], &[("TBPKI_SERVE_APPROVAL", approval)])
}

/// The requests that wait.
fn waiting(sandbox: &Sandbox) -> Vec<serde_json::Value> {
    sandbox.ok(["enroll", "list", "--json"]).json()["result"]["requests"].as_array().unwrap().clone()
}

/// The name of the only request that waits.
#[track_caller]
fn only(sandbox: &Sandbox) -> String {
    let waiting = waiting(sandbox);
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    waiting[0]["request"].as_str().unwrap().to_owned()
}

/// The last lines of the audit log.
fn audit(sandbox: &Sandbox, count: usize) -> Vec<serde_json::Value> {
    let log = sandbox.text("pki/serve/audit.jsonl");
    let lines: Vec<_> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines[lines.len() - count..].to_vec()
}

#[test]
fn a_first_certificate_waits_for_its_approval_with_the_key_that_asked() {
    let sandbox = station();
    let service = service(&sandbox, "first");
    let user = format!("pump-1:{}", password(&sandbox, "pump-1"));
    request(&sandbox, "a", "/CN=pump-1");
    request(&sandbox, "b", "/CN=pump-1");
    // What is refused anyway does not wait.
    service.send("simpleenroll", "a.b64", &["-u", "pump-1:wrong"]).is(401, "");
    request(&sandbox, "other", "/CN=pump-2");
    service.send("simpleenroll", "other.b64", &["-u", &user]).is(400, "");
    assert_eq!(sandbox.ok(["enroll", "list"]).stderr_text().trim(), "no request waits");
    for _ in 0..2 {
        let answer = service.send("simpleenroll", "a.b64", &["-u", &user]);
        answer.is(202, WAITS);
        assert!(answer.head.contains("Retry-After: 60"), "{}", answer.head);
    }
    service.send("simpleenroll", "b.b64", &["-u", &user]).is(403, "the password was used with another key");
    assert!(states(&sandbox, "pump-1").is_empty());
    let request = waiting(&sandbox).remove(0);
    assert_eq!(
        (&request["device"], &request["state"], &request["first"]),
        (&"pump-1".into(), &"waiting".into(), &true.into())
    );
    // An operator can compare the key with that of the device.
    let public = openssl().args(["pkey", "-pubout", "-outform", "DER", "-in"]).arg(sandbox.join("a.key"));
    let der = public.arg("-out").arg(sandbox.join("a.der"));
    der.run().ok();
    let hash = openssl().args(["dgst", "-sha256", "-r"]).arg(sandbox.join("a.der")).run().ok().stdout_text();
    assert_eq!(hash.split(' ').next(), request["key"].as_str());
    let name = only(&sandbox);
    assert!(hash.starts_with(&name));
    let listed = sandbox.ok(["enroll", "list"]).stdout_text();
    assert!(listed.starts_with(&format!("{name}  waiting  pump-1: first certificate, asked ")), "{listed}");

    let approved = sandbox.ok(["enroll", "approve", &name]).stdout_text();
    assert!(approved.starts_with(&format!("{name}  approved by ")), "{approved}");
    assert!(waiting(&sandbox).is_empty());
    service.send("simpleenroll", "a.b64", &["-u", &user]).save(&sandbox, "a.pem");
    service.send("simpleenroll", "a.b64", &["-u", &user]).save(&sandbox, "again.pem");
    assert_eq!(sandbox.read("a.pem"), sandbox.read("again.pem"));
    let lines = audit(&sandbox, 5);
    let outcomes: Vec<_> = lines.iter().map(|line| line["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["waiting", "waiting", "bound-password", "done", "done"]);
    assert_eq!((&lines[0]["device"], &lines[0]["status"]), (&"pump-1".into(), &202.into()));
    assert!(lines[3]["approved_by"].is_string() && lines[0].get("approved_by").is_none(), "{lines:?}");
    // The request has ended.
    sandbox.fails(["enroll", "deny", &name], 1, "TBPKI-0370").prints("`tbpki enroll list`");
    // A renewal needs no approval.
    let present = ["--cert", "a.pem", "--key", "a.key"];
    service.send("simplereenroll", "b.b64", &present).save(&sandbox, "b.pem");
}

#[test]
fn every_certificate_waits_and_what_was_denied_is_refused_for_its_key_alone() {
    let sandbox = station();
    let without = Service::start(&sandbox, &[]);
    enrol(&sandbox, &without, "pump-1");
    assert_eq!(without.stop(), 0);
    let service = service(&sandbox, "every");
    let present = ["--cert", "pump-1.pem", "--key", "pump-1.key"];
    for name in ["a", "b"] {
        request(&sandbox, name, "/CN=pump-1");
    }
    service.send("simplereenroll", "a.b64", &present).is(202, WAITS);
    let first = only(&sandbox);
    let listed = sandbox.ok(["enroll", "list"]).stdout_text();
    assert!(listed.contains("pump-1: renewal, asked"), "{listed}");
    let denied = sandbox.ok(["enroll", "deny", &first]).stdout_text();
    assert!(denied.contains("denied by"), "{denied}");
    service.send("simplereenroll", "a.b64", &present).is(403, "an operator has denied the certificate");
    assert_eq!(audit(&sandbox, 1)[0]["outcome"], "denied");
    let all = sandbox.ok(["enroll", "list", "--all", "--json"]).json();
    assert_eq!(all["result"]["requests"][0]["state"], "denied");
    // Another key is another request: the approval of the first one does not reach it.
    service.send("simplereenroll", "b.b64", &present).is(202, WAITS);
    let second = only(&sandbox);
    sandbox.fails(["enroll", "approve", &first], 1, "TBPKI-0370");
    sandbox.fails(["enroll", "approve", &second, &first], 1, "TBPKI-0370");
    service.send("simplereenroll", "b.b64", &present).is(202, WAITS);
    // The service is killed while the request waits.
    service.kill();
    let service = self::service(&sandbox, "every");
    sandbox.ok(["enroll", "approve", &second]);
    // A revocation wins over an approval.
    let copy = sandbox.copy();
    service.send("simplereenroll", "b.b64", &present).save(&sandbox, "b.pem");
    service.stop();
    let service = self::service(&copy, "every");
    copy.ok(["revoke", "--device", "pump-1", "--reason", "keyCompromise"]);
    service.send("simplereenroll", "b.b64", &present).is(403, "the client certificate is revoked");
}

#[test]
fn a_host_asks_again_after_its_approval() {
    let sandbox = station();
    let service = service(&sandbox, "every");
    let host = Host::new(&sandbox, &service);
    let secret = password(&sandbox, "gateway-1");
    host.fetch("gateway-1", &secret).ends(1).prints("TBPKI-0349").prints("an operator has to approve the certificate");
    sandbox.ok(["enroll", "approve", &only(&sandbox)]);
    host.fetch("gateway-1", &secret).ok();
    let first = host.serial();
    host.renew().ends(1).prints("TBPKI-0349");
    assert_eq!(host.serial(), first);
    sandbox.ok(["enroll", "approve", &only(&sandbox)]);
    host.renew().ok();
    assert_ne!(host.serial(), first);
}

#[test]
fn a_forgotten_device_has_no_request() {
    let sandbox = station();
    let service = service(&sandbox, "every");
    sandbox.ok(["client", "--device", "pump-1"]);
    request(&sandbox, "a", "/CN=pump-1");
    let present = ["--cert", "pki/devices/pump-1/cert.pem", "--key", "pki/devices/pump-1/key.pem"];
    service.send("simplereenroll", "a.b64", &present).is(202, WAITS);
    sandbox.ok(["forget", "--device", "pump-1"]);
    assert!(waiting(&sandbox).is_empty());
}

#[test]
fn a_denial_frees_the_password_for_another_key() {
    let sandbox = station();
    let service = service(&sandbox, "first");
    let host = Host::new(&sandbox, &service);
    let secret = password(&sandbox, "gateway-1");
    host.fetch("gateway-1", &secret).ends(1).prints("TBPKI-0349");
    sandbox.ok(["enroll", "deny", &only(&sandbox)]);
    let help = "to ask with another key, remove the staged one, KEY.new";
    host.fetch("gateway-1", &secret).ends(1).prints("TBPKI-0348").prints(help);
    std::fs::remove_file(host.sandbox.join("key.pem.new")).unwrap();
    host.fetch("gateway-1", &secret).ends(1).prints("TBPKI-0349");
    sandbox.ok(["enroll", "approve", &only(&sandbox)]);
    host.fetch("gateway-1", &secret).ok();
}

#[test]
fn an_approval_counts_after_the_end_of_the_password() {
    let sandbox = station();
    let service = service(&sandbox, "first");
    for (name, device) in [("a", "pump-1"), ("b", "pump-1"), ("c", "pump-2")] {
        request(&sandbox, name, &format!("/CN={device}"));
    }
    let users = ["pump-1", "pump-2"].map(|device| format!("{device}:{}", password(&sandbox, device)));
    let ask = |file: &str, user: &str| service.send("simpleenroll", file, &["-u", user]);
    ask("a.b64", &users[0]).is(202, WAITS);
    super::renewal::sql(&sandbox, "UPDATE enrolment_password SET expires_at = made_at");
    ask("c.b64", &users[1]).is(403, "the password has expired");
    ask("b.b64", &users[0]).is(403, "the password has expired");
    ask("a.b64", &users[0]).is(202, WAITS);
    sandbox.ok(["enroll", "approve", &only(&sandbox)]);
    ask("a.b64", &users[0]).save(&sandbox, "a.pem");
    // The answer was lost.
    ask("a.b64", &users[0]).save(&sandbox, "again.pem");
    assert_eq!(sandbox.read("a.pem"), sandbox.read("again.pem"));
    service.confirm("a.pem", "a.key").is(200, "confirmed");
    ask("a.b64", &users[0]).is(403, "the password has been used");
}
