//! strongSwan's `pki`, an EST client of independent C code.

use tbpki_tests::est::{Service, password, serial, station};
use tbpki_tests::oracle::{openssl, strongswan_pki};
use tbpki_tests::{Outcome, Sandbox};

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
