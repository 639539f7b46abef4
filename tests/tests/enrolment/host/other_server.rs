//! A host at an EST server that is not ours: Python's http.server and cryptography.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use tbpki_tests::oracle::{openssl, python};
use tbpki_tests::{Sandbox, SoftHsm};

use super::Host;
use super::token::{RENEW, TOKEN, TokenHost, uri};

const PASSWORD: &str = "a password of the other server";

/// The server. It is stopped when this is dropped.
struct OtherServer {
    child: Child,
    directory: Sandbox,
    url: String,
}

impl OtherServer {
    #[track_caller]
    fn start() -> Self {
        Self::start_with(404)
    }

    /// As [`OtherServer::start`], with this status for unknown paths.
    #[track_caller]
    fn start_with(unknown: u16) -> Self {
        let directory = Sandbox::new();
        let tool = python("est_server.py").arg(directory.path()).args(["gateway-1", PASSWORD, &unknown.to_string()]);
        let mut child = tool.command().stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self { child, directory, url: format!("https://localhost:{}", port.trim()) }
    }

    /// Issues certificates with this fault, or answers with it; empty for none.
    fn has_fault(&self, fault: &str) {
        self.directory.write("fault", fault);
    }

    /// A host that knows its root.
    fn host(&self) -> Host {
        let sandbox = Sandbox::new();
        sandbox.write("root.pem", self.directory.read("root.pem"));
        Host { sandbox, url: self.url.clone() }
    }
}

impl Drop for OtherServer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Stops the test unless a certificate leads to the root of the server.
#[track_caller]
fn verifies(host: &Host, cert: &str) {
    let verify = openssl().directory(host.sandbox.path()).args(["verify", "-purpose", "sslclient", "-CAfile"]);
    verify.args(["root.pem", cert]).run().ok();
}

#[test]
fn keys_in_files_and_in_a_token_are_enrolled_and_renewed() {
    let server = OtherServer::start();
    let host = server.host();
    host.fetch("gateway-1", "wrong").ends(1).prints("TBPKI-0348").prints("401");
    host.fetch("gateway-1", PASSWORD).ok();
    let (first, key) = (host.serial(), host.sandbox.read("key.pem"));
    let renewed = host.run(&["renew", "--json"]).ok().json();
    assert!(host.serial() != first && host.sandbox.read("key.pem") != key);
    assert_eq!(renewed["result"]["confirmed"], false, "{renewed}");
    verifies(&host, "cert.pem");

    let host = server.host();
    let hsm = SoftHsm::new(&host.sandbox);
    hsm.add(TOKEN);
    let host = TokenHost { host, hsm };
    let key = uri(";object=mqtt");
    host.fetch("gateway-1", PASSWORD, &key, &[]).ok();
    host.uses("mqtt");
    let program = host.program();
    host.host.sandbox.write("ready", "");
    let first = host.serial();
    host.tbpki(&[&RENEW[..], &[&key, "--pin-file", "pin", "--after", &program]].concat()).run().ok();
    assert_ne!(host.serial(), first);
    host.has_keys(&["mqtt.2"]);
    host.uses("mqtt.2");
    verifies(&host.host, "chain.pem");
    host.renew(&["--same-key"]).ok();
    host.has_keys(&["mqtt.2"]);
    host.uses("mqtt.2");
}

#[test]
fn a_certificate_that_peers_refuse_or_that_is_another_identity_is_not_installed() {
    let server = OtherServer::start();
    let renewing = server.host();
    renewing.fetch("gateway-1", PASSWORD).ok();
    let before = (renewing.sandbox.read("cert.pem"), renewing.sandbox.read("key.pem"));
    for (fault, text, of_first) in [
        ("ca", "the certificate is that of a CA", true),
        ("purpose", "not for a device", true),
        ("critical", "critical", true),
        ("two", "several of its certificates are for the key", true),
        ("names", "evil.example", false),
        ("short", "before the present one", false),
    ] {
        server.has_fault(fault);
        renewing.renew().ends(1).prints("TBPKI-0350").prints(text);
        assert_eq!((renewing.sandbox.read("cert.pem"), renewing.sandbox.read("key.pem")), before, "{fault}");
        if of_first {
            let first = server.host();
            first.fetch("gateway-1", PASSWORD).ends(1).prints("TBPKI-0350").prints(text);
            assert!(!first.sandbox.join("cert.pem").exists(), "{fault}");
        }
    }
    server.has_fault("");
    renewing.renew().ok();
    verifies(&renewing, "cert.pem");
}

#[test]
fn a_certificate_that_the_server_does_not_accept_is_asked_for_again() {
    let server = OtherServer::start();
    let host = server.host();
    host.fetch("gateway-1", PASSWORD).ok();
    let first = host.serial();
    server.has_fault("untrusted");
    // It is staged, and the server rejects it in the handshake.
    host.renew().ends(1).prints("TBPKI-0348").prints("does not accept the certificate of this host");
    assert!(host.sandbox.join("cert.pem.new").exists());
    assert_eq!(host.serial(), first);
    server.has_fault("");
    host.renew().ok();
    assert_ne!(host.serial(), first);
    verifies(&host, "cert.pem");
}

#[test]
fn a_cut_answer_and_an_empty_time_are_named_as_what_they_are() {
    let server = OtherServer::start();
    let host = server.host();
    server.has_fault("truncated");
    host.fetch("gateway-1", PASSWORD).ends(1).prints("TBPKI-0350").prints("before all of it had arrived");
    server.has_fault("later");
    let outcome = host.fetch("gateway-1", PASSWORD).ends(1).prints("TBPKI-0349");
    assert!(!outcome.stderr_text().contains("try again after"), "{outcome}");
    server.has_fault("");
    host.fetch("gateway-1", PASSWORD).ok();
}

#[test]
fn every_answer_to_an_unknown_path_is_that_of_another_server() {
    for unknown in [200, 302, 400, 403, 405, 415, 500] {
        let server = OtherServer::start_with(unknown);
        let host = server.host();
        host.fetch("gateway-1", PASSWORD).ok();
        let first = host.serial();
        let renewed = host.run(&["renew", "--json"]).ok().json();
        assert_eq!(renewed["result"]["confirmed"], false, "{unknown}: {renewed}");
        assert_ne!(host.serial(), first);
        assert!(!host.sandbox.join("cert.pem.new").exists());
    }
}
