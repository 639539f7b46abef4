//! The key of a request: each device, server and CA has one of its own.

use tbpki_tests::Sandbox;
use tbpki_tests::est::{CERTIFICATE, Service, password, request, station};
use tbpki_tests::oracle::openssl;

use super::platform::until;
use super::renewal::enrol;

const REVOKED: &str = "a certificate of this key was revoked: make a new key";
const IN_USE: &str = "the key belongs to another certificate: make a new key";

/// A signing request for a key that exists: other.csr and other.b64.
#[track_caller]
fn request_for(sandbox: &Sandbox, name: &str, key: &str) {
    let made = openssl().args(["req", "-new", "-subj", &format!("/CN={name}"), "-key"]).arg(sandbox.join(key));
    made.arg("-out").arg(sandbox.join("other.csr")).run().ok();
    let text = sandbox.text("other.csr");
    let base64: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
    sandbox.write("other.b64", base64 + "\n");
}

/// The key of the next generation of the devices' issuing CA.
fn prepared_key(sandbox: &Sandbox) -> String {
    let files = sandbox.files().into_iter().map(|file| file.to_string_lossy().into_owned());
    let mut keys = files.filter(|file| file.contains("devices-issuing/") && file.ends_with("/key.pem"));
    keys.find(|file| file != "pki/ca/devices-issuing/key.pem").unwrap()
}

#[test]
fn a_key_is_that_of_one_identity_and_a_revoked_one_is_that_of_none() {
    let sandbox = station();
    let service = Service::start(&sandbox, &[]);
    for name in ["pump-1", "pump-2"] {
        enrol(&sandbox, &service, name);
    }
    sandbox.ok(["revoke", "--device", "pump-2", "--reason", "keyCompromise"]);
    sandbox.ok(["ca", "prepare", "devices-issuing"]);
    let prepared = prepared_key(&sandbox);
    let user = format!("pump-3:{}", password(&sandbox, "pump-3"));
    let cases = [
        ("pump-1.key", IN_USE),
        ("pump-2.key", REVOKED),
        ("pki/ca/devices-issuing/key.pem", IN_USE),
        ("pki/ca/server-root/key.pem", IN_USE),
        (CERTIFICATE[3], IN_USE),
    ];
    for (key, text) in cases {
        request_for(&sandbox, "pump-3", key);
        service.send("simpleenroll", "other.b64", &["-u", &user]).is(403, text);
        let code = sandbox.tbpki(["client", "--device", "pump-4", "--csr", "other.csr"]).run();
        assert_eq!(code.status, 1, "{key}: {code}");
    }
    // The key of a CA that does not sign yet. The service looks at the files of CAs from time to time.
    request_for(&sandbox, "pump-4", &prepared);
    sandbox.fails(["client", "--device", "pump-4", "--csr", "other.csr"], 1, "TBPKI-0116").prints("devices-issuing");
    until("the prepared CA is known", || {
        request_for(&sandbox, "pump-5", &prepared);
        let user = format!("pump-5:{}", password(&sandbox, "pump-5"));
        service.send("simpleenroll", "other.b64", &["-u", &user]).status == 403
    });

    let present = ["--cert", "pump-1.pem", "--key", "pump-1.key"];
    request_for(&sandbox, "pump-1", "pump-2.key");
    service.send("simplereenroll", "other.b64", &present).is(403, REVOKED);
    // Its own key is no other one's.
    request_for(&sandbox, "pump-1", "pump-1.key");
    service.send("simplereenroll", "other.b64", &present).save(&sandbox, "same.pem");
    // No refusal has bound the password.
    request(&sandbox, "new", "/CN=pump-3");
    service.send("simpleenroll", "new.b64", &["-u", &user]).save(&sandbox, "new.pem");
    let log = sandbox.text("pki/serve/audit.jsonl");
    for outcome in ["key-in-use", "revoked-key"] {
        assert!(log.contains(&format!("\"outcome\":\"{outcome}\"")), "{log}");
    }
}

#[test]
fn the_station_issues_for_no_key_that_a_device_has_fetched_a_certificate_for() {
    let sandbox = station();
    let service = Service::start(&sandbox, &[]);
    for name in ["pump-1", "pump-2"] {
        enrol(&sandbox, &service, name);
    }
    sandbox.ok(["revoke", "--device", "pump-2", "--reason", "keyCompromise"]);
    for (key, text) in
        [("pump-1.key", "the key of the device pump-1"), ("pump-2.key", "a revoked certificate of the device")]
    {
        for device in ["pump-3", "pump-2"] {
            request_for(&sandbox, device, key);
            sandbox.fails(["client", "--device", device, "--csr", "other.csr"], 1, "TBPKI-0116").prints(text);
        }
    }
    assert!(!sandbox.join("pki/devices/pump-3").exists());
    // A device that is forgotten leaves its key free.
    sandbox.ok(["forget", "--device", "pump-1"]);
    request_for(&sandbox, "pump-3", "pump-1.key");
    sandbox.ok(["client", "--device", "pump-3", "--csr", "other.csr"]);
}

#[test]
fn the_revoked_key_of_a_certificate_in_files_is_barred_too() {
    let sandbox = station();
    let service = Service::start(&sandbox, &[]);
    for (device, reason, status) in [("pump-1", "keyCompromise", 403), ("pump-2", "superseded", 200)] {
        sandbox.ok(["client", "--device", device]);
        let key = format!("{device}.key");
        sandbox.write(&key, sandbox.read(format!("pki/devices/{device}/key.pem")));
        sandbox.ok(["revoke", "--device", device, "--reason", reason]);
        request_for(&sandbox, device, &key);
        if status == 403 {
            let refused = sandbox.fails(["client", "--device", device, "--csr", "other.csr"], 1, "TBPKI-0116");
            refused.prints("a revoked certificate of the device");
        }
        let user = format!("{device}:{}", password(&sandbox, device));
        service.send("simpleenroll", "other.b64", &["-u", &user]).is(status, if status == 403 { REVOKED } else { "" });
    }
}
