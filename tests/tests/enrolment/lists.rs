//! The listeners without TLS, the CA certificates and the anchors.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tbpki_tests::est::{CERTIFICATE, Service, password, request, station};
use tbpki_tests::oracle::openssl;
use tbpki_tests::{Outcome, Sandbox, Tool};

use super::platform::until;

fn curl(url: &str) -> (String, Vec<u8>) {
    let outcome = Tool::new("curl")
        .args(["-sS", "--max-time", "60", "-w", "%{stderr}%{http_code} %{content_type}", url])
        .run()
        .ok();
    (outcome.stderr_text(), outcome.stdout)
}

#[test]
fn revocation_lists_are_served_as_one_file_and_for_each_ca() {
    let sandbox = station();
    sandbox.ok(["client", "--device", "pump-1"]);
    let service = Service::start(&sandbox, &[]);
    let url = |path: &str| format!("{}{path}", service.lists);
    assert!(curl(&url("/devices-crl.pem")).0.starts_with("404"));
    sandbox.ok(["revoke", "--device", "pump-1"]);
    sandbox.ok(["crl"]);
    let (head, pem) = curl(&url("/devices-crl.pem"));
    assert_eq!(head, "200 application/x-pem-file");
    assert_eq!(pem, sandbox.read("pki/devices-crl.pem"));
    let (head, der) = curl(&url("/devices-issuing.crl"));
    assert_eq!(head, "200 application/pkix-crl");
    let ca = sandbox.join("pki/ca/devices-issuing/cert.pem");
    let read = openssl().args(["crl", "-inform", "DER", "-noout", "-text", "-CAfile"]).arg(ca).stdin(der).run().ok();
    assert!(read.stderr_text().contains("verify OK") && read.stdout_text().contains("Serial Number"), "{read}");
    // Names become files of the store, so that a path must not lead out of it. The servers' lists are not public.
    for path in ["/", "/server-issuing.crl", "/profile-..%2F..%2Fx.crl", "/unknown.crl", "/../ledger.db"] {
        assert!(curl(&url(path)).0.starts_with("404"), "{path}");
    }
}

/// What a broker that fetches lists decides: OpenSSL reads the address in the certificate, and gets the list there.
#[track_caller]
fn verified_with_fetched_list(sandbox: &Sandbox, leaf: &str, issuing: &str) -> Outcome {
    let verify = openssl().args(["verify", "-crl_check", "-crl_download", "-CAfile"]);
    let verify = verify.arg(sandbox.join("pki/ca/devices-root/cert.pem")).arg("-untrusted").arg(sandbox.join(issuing));
    verify.arg(sandbox.join(leaf)).run()
}

#[test]
fn a_broker_fetches_the_list_that_a_certificate_names_also_after_a_rollover() {
    let sandbox = station();
    let service = Service::start(&sandbox, &[]);
    let tbpki = |args: &[&str]| sandbox.tbpki(args).env("TBPKI_CA_CRL_URL", &service.lists).run().ok();
    tbpki(&["client", "pump-1", "pump-2"]);
    tbpki(&["fleet", "issue", "--count", "1", "--name-pattern", "fleet-{}", "--layout", "directories"]);
    tbpki(&["crl"]);
    let (first, member) = ("pki/ca/devices-issuing/cert.pem", "pki/devices/fleet-1/cert.pem");
    sandbox.write("first.pem", sandbox.read(first));
    for leaf in ["pki/devices/pump-1/cert.pem", "pki/devices/pump-2/cert.pem", member] {
        verified_with_fetched_list(&sandbox, leaf, first).ok();
    }
    tbpki(&["revoke", "--device", "pump-1"]);
    let refused = verified_with_fetched_list(&sandbox, "pki/devices/pump-1/cert.pem", first);
    assert!(refused.status != 0 && refused.stderr_text().contains("certificate revoked"), "{refused}");
    verified_with_fetched_list(&sandbox, "pki/devices/pump-2/cert.pem", first).ok();

    // Each key has a list of its own: a certificate of the CA before names another list than one of the present CA.
    tbpki(&["ca", "prepare", "devices-issuing"]);
    tbpki(&["crl"]);
    tbpki(&["ca", "activate", "devices-issuing", "--leave-behind"]);
    tbpki(&["client", "pump-3"]);
    tbpki(&["crl"]);
    verified_with_fetched_list(&sandbox, "pki/devices/pump-3/cert.pem", first).ok();
    verified_with_fetched_list(&sandbox, "pki/devices/pump-2/cert.pem", "first.pem").ok();
    let refused = verified_with_fetched_list(&sandbox, "pki/devices/pump-1/cert.pem", "first.pem");
    assert!(refused.status != 0 && refused.stderr_text().contains("certificate revoked"), "{refused}");
    // Servers have no lists: their clients ask for none.
    let server = openssl().args(["x509", "-noout", "-ext", "crlDistributionPoints", "-in"]);
    let server = server.arg(sandbox.join("pki/servers/localhost/mqttserver.pem")).run();
    assert!(!server.stdout_text().contains("URI:"), "{server}");
}

#[test]
fn an_address_that_no_certificate_can_name_is_refused() {
    let sandbox = Sandbox::with_store();
    for address in ["https://crl.example.org", "crl.example.org", "http://crl.example.org/?list="] {
        let outcome = sandbox.tbpki(["client", "pump-1"]).env("TBPKI_CA_CRL_URL", address).run().ends(1);
        assert!(outcome.stderr_text().contains("error[TBPKI-0003]"), "{outcome}");
    }
    assert!(!sandbox.join("pki/devices/pump-1").exists());
}

#[test]
fn status_tells_health_and_figures() {
    let sandbox = station();
    let service = Service::start(&sandbox, &[]);
    sandbox.ok(["enroll", "password", "--device", "pump-1"]);
    assert_eq!(curl(&format!("{}/healthz", service.status)).1, b"ok\n");
    service.ask("/.well-known/est/cacerts", &[]).is(200, "");
    let metrics = String::from_utf8(curl(&format!("{}/metrics", service.status)).1).unwrap();
    let line = "tbpki_requests_total{operation=\"cacerts\",outcome=\"done\"} 1";
    assert!(metrics.lines().any(|one| one == line), "{metrics}");
    assert!(metrics.contains("tbpki_ca_end_seconds ") && metrics.contains("tbpki_service_certificate_end_seconds "));
    assert!(curl(&format!("{}/cacerts", service.status)).0.starts_with("404"));
}

#[test]
fn the_hierarchy_and_the_anchors_are_public() {
    let sandbox = station();
    let service = Service::start(&sandbox, &[]);
    let answer = service.ask("/.well-known/est/cacerts", &[]);
    let pem = format!(
        "-----BEGIN PKCS7-----\n{}\n-----END PKCS7-----\n",
        answer
            .body
            .trim()
            .as_bytes()
            .chunks(64)
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect::<Vec<_>>()
            .join("\n")
    );
    let printed = openssl().args(["pkcs7", "-print_certs"]).stdin(pem).run().ok().stdout_text();
    for name in ["devices-root", "devices-issuing"] {
        let own = sandbox.text(format!("pki/ca/{name}/cert.pem"));
        assert!(printed.contains(own.trim()), "{name} is not in {printed}");
    }
    assert_eq!(printed.matches("BEGIN CERTIFICATE").count(), 2);
    let answer = service.ask("/.well-known/tbpki/anchors", &[]);
    assert_eq!(answer.body.trim(), sandbox.text("pki/ca/server-root/cert.pem").trim());
    let answer = service.ask("/.well-known/est/csrattrs", &[]);
    answer.is(200, "MCEwFQYHKoZIzj0CATEKBggqhkjOPQMBBwYIKoZIzj0EAwI=");
}

#[test]
fn a_service_that_cannot_be_is_refused_with_a_code() {
    let sandbox = station();
    let serve = |args: &[&str]| sandbox.tbpki(["serve"].iter().chain(&CERTIFICATE).chain(args)).run();
    let outcome = serve(&["--listen", "127.0.0.1:0", "--status", "0.0.0.0:0"]).ends(1);
    assert!(outcome.stderr_text().contains("TBPKI-0346"), "{outcome}");
    let service = Service::start(&sandbox, &[]);
    let outcome = serve(&["--listen", "127.0.0.1:0"]).ends(1);
    assert!(outcome.stderr_text().contains("`serve`") || outcome.stderr_text().contains("serve"), "{outcome}");
    let other = station();
    let outcome = other.tbpki(["serve", "--listen", &service.address].iter().chain(&CERTIFICATE)).run().ends(1);
    assert!(outcome.stderr_text().contains("TBPKI-0345"), "{outcome}");
    let wrong = ["--listen", "127.0.0.1:0", "--cert", "pki/servers/localhost/mqttserver.pem"];
    let key = ["--key", "pki/ca/server-root/key.pem"];
    let outcome = other.tbpki(["serve"].iter().chain(&wrong).chain(&key)).run().ends(1);
    assert!(
        outcome.stderr_text().contains("does not belong") || outcome.stderr_text().contains("TBPKI-00"),
        "{outcome}"
    );
}

#[test]
fn the_service_issues_while_the_program_after_the_lists_runs() {
    let sandbox = station();
    let config = sandbox.text("keygen.toml").replace("\n[crl]\n", "\n[crl]\nafter = [\"bin/reload\"]\n");
    sandbox.write("keygen.toml", config);
    let program = |script: &str| {
        fs::create_dir_all(sandbox.join("bin")).unwrap();
        sandbox.write("bin/reload", format!("#!/bin/sh\n{script}\n"));
        for (path, mode) in [(sandbox.join("bin/reload"), 0o700), (sandbox.join("bin"), 0o755)] {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    program("exit 1");
    sandbox.tbpki(["crl"]).run().ends(4);
    // The service runs what has failed, and this one ends only when it is told to.
    program("touch begun; until test -e go; do sleep 0.05; done");
    let service = Service::start(&sandbox, &[]);
    until("begun", || sandbox.join("begun").exists());
    request(&sandbox, "a", "/CN=pump-1");
    let user = format!("pump-1:{}", password(&sandbox, "pump-1"));
    assert!(!service.send("simpleenroll", "a.b64", &["-u", &user]).certificates().is_empty());
    service.becomes_healthy(true);
    let open = sandbox.join("pki/crl-after.open");
    assert!(open.exists());
    sandbox.write("go", "");
    until("done", || !open.exists());
}
