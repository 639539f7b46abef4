//! strongSwan's `pki`, an EST client of independent C code.

use tbpki_tests::est::{Service, password, serial, station};
use tbpki_tests::oracle::{openssl, strongswan_pki};
use tbpki_tests::{Outcome, Sandbox};

use crate::platform::Scene;

/// A key and a request of strongSwan's own.
#[track_caller]
fn request(sandbox: &Sandbox, name: &str, device: &str) {
    let key = strongswan_pki().args(["--gen", "--type", "ecdsa", "--size", "256", "--outform", "pem"]).run().ok();
    let path = sandbox.write(format!("{name}.key"), key.stdout);
    let csr = strongswan_pki().args(["--req", "--type", "priv", "--outform", "pem", "--dn", &format!("CN={device}")]);
    let csr = csr.arg("--in").arg(path).run().ok();
    sandbox.write(format!("{name}.csr"), csr.stdout);
}

fn est(sandbox: &Sandbox, service: &Service, name: &str, args: &[&str]) -> Outcome {
    let tool = strongswan_pki().directory(sandbox.path()).args(["--est", "--url", &service.url, "--outform", "pem"]);
    let csr = format!("{name}.csr");
    tool.args(["--in", &csr, "--cacert", "pki/ca/server-root/cert.pem", "--cacert", "pki/ca/devices-root/cert.pem"])
        // strongSwan verifies the certificate that it gets, and needs the CAs of the devices for it.
        .args(["--cacert", "pki/ca/devices-issuing/cert.pem"])
        .args(args)
        .run()
}

#[test]
fn strongswan_enrols_by_password_and_renews_by_certificate() {
    let sandbox = station();
    let service = Service::start(&sandbox, &[]);
    request(&sandbox, "a", "pump-1");
    let user = format!("pump-1:{}", password(&sandbox, "pump-1"));
    let first = est(&sandbox, &service, "a", &["--userpass", &user]).ok();
    sandbox.write("a.pem", first.stdout);

    request(&sandbox, "b", "pump-1");
    let renewed = est(&sandbox, &service, "b", &["--cert", "a.pem", "--key", "a.key"]).ok();
    sandbox.write("b.pem", renewed.stdout);
    for file in ["a.pem", "b.pem"] {
        let root = sandbox.join("pki/ca/devices-root/cert.pem");
        let verify = openssl().args(["verify", "-CAfile"]).arg(root).arg("-untrusted");
        verify.arg(sandbox.join("pki/ca/devices-issuing/cert.pem")).arg(sandbox.join(file)).run().ok();
    }

    // It shows the status alone.
    let outcome = est(&sandbox, &service, "b", &["--userpass", "pump-1:wrong"]);
    assert!(outcome.status != 0 && outcome.stderr_text().contains("401"), "{outcome}");
    request(&sandbox, "c", "pump-2");
    let outcome = est(&sandbox, &service, "c", &["--cert", "b.pem", "--key", "b.key"]);
    assert!(outcome.status != 0 && outcome.stderr_text().contains("400"), "{outcome}");
    sandbox.ok(["revoke", "--device", "pump-1"]);
    request(&sandbox, "d", "pump-1");
    let outcome = est(&sandbox, &service, "d", &["--cert", "b.pem", "--key", "b.key"]);
    assert!(outcome.status != 0 && outcome.stderr_text().contains("403"), "{outcome}");
}

#[test]
fn strongswan_fetches_the_hierarchy() {
    let sandbox = station();
    let service = Service::start(&sandbox, &[]);
    let tool = strongswan_pki().directory(sandbox.path()).args(["--estca", "--url", &service.url]);
    tool.args(["--cacert", "pki/ca/server-root/cert.pem", "--caout", "ca.pem", "--outform", "pem"]).run().ok();
    for (fetched, own) in [("ca.pem", "devices-root"), ("ca-1.pem", "devices-issuing")] {
        let (fetched, own) = (serial(sandbox.join(fetched)), serial(sandbox.join(format!("pki/ca/{own}/cert.pem"))));
        assert_eq!(fetched, own);
    }
}

/// strongSwan puts the label in front of `.well-known`, where RFC 7030 has it behind.
#[test]
fn strongswan_enrols_and_renews_at_a_label() {
    let scene = Scene::new();
    let sandbox = &scene.sandbox;
    scene.create_profile("pumps");
    let mut service = scene.service_with(&[]);
    let made = sandbox.ok(["enroll", "password", "--device", "pump-7", "--profile", "pumps"]).stdout_text();
    let user = format!("pump-7:{}", made.trim());
    request(sandbox, "a", "pump-7");
    // The label of the password, and no other place.
    let outcome = est(sandbox, &service, "a", &["--userpass", &user]);
    assert!(outcome.status != 0 && outcome.stderr_text().contains("403"), "{outcome}");
    service.url.push_str("/pumps");
    let ca = ["--cacert", "pki/ca/profile-pumps/cert.pem"];
    let first = est(sandbox, &service, "a", &[&["--userpass", &user][..], &ca].concat()).ok();
    sandbox.write("a.pem", first.stdout);
    request(sandbox, "b", "pump-7");
    let renewed = est(sandbox, &service, "b", &[&["--cert", "a.pem", "--key", "a.key"][..], &ca].concat()).ok();
    sandbox.write("b.pem", renewed.stdout);
    assert_ne!(serial(sandbox.join("a.pem")), serial(sandbox.join("b.pem")));
}

/// The user name of HTTP Basic has no colon (RFC 7617, section 2), and MAC addresses do: the last colon separates.
#[test]
fn a_name_with_colons_is_a_user_name() {
    let sandbox = station();
    let service = Service::start(&sandbox, &[]);
    for (name, file) in [("a0:b1:c2:d3:e4:f5", "a"), ("a0:b1:c2:d3:e4:f6", "b")] {
        let user = format!("{name}:{}", password(&sandbox, name));
        request(&sandbox, file, name);
        let pem = format!("{file}.pem");
        if file == "a" {
            sandbox.write(&pem, est(&sandbox, &service, file, &["--userpass", &user]).ok().stdout);
        } else {
            let der = openssl().args(["req", "-outform", "der", "-in"]).arg(sandbox.join("b.csr")).run().ok().stdout;
            let path = sandbox.write("b.der", der);
            let base64 = openssl().args(["base64", "-in"]).arg(path).run().ok().stdout;
            sandbox.write("b.b64", base64);
            service.send("simpleenroll", "b.b64", &["-u", &user]).save(&sandbox, &pem);
        }
        let subject = openssl().args(["x509", "-noout", "-subject", "-in"]).arg(sandbox.join(&pem)).run().ok();
        assert_eq!(subject.stdout_text().trim(), format!("subject=CN = {name}"));
        service.confirm(&pem, &format!("{file}.key")).is(200, "confirmed");
    }
}
