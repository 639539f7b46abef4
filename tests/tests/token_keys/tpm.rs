//! The key of a CA in a TPM, and that of a gateway.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tbpki_tests::est::{Service, password, station};
use tbpki_tests::oracle::openssl;
use tbpki_tests::{Outcome, Sandbox, Tpm};

/// The public key in a certificate (`SubjectPublicKeyInfo`, DER), as OpenSSL reads it.
#[track_caller]
fn public_key(sandbox: &Sandbox, certificate: &str) -> Vec<u8> {
    let pem = openssl().args(["x509", "-noout", "-pubkey", "-in"]).arg(sandbox.join(certificate)).run().ok();
    let file = sandbox.write("public-key.pem", pem.stdout_text());
    let out = sandbox.join("public-key.der");
    openssl().args(["pkey", "-pubin", "-outform", "DER", "-in"]).arg(file).arg("-out").arg(&out).run().ok();
    fs::read(out).unwrap()
}

#[test]
fn a_tpm_makes_and_uses_the_key_of_a_ca() {
    let sandbox = Sandbox::new();
    let tpm = Tpm::start(&sandbox);
    let ok = |args: &[&str]| tpm.seen_by(sandbox.tbpki(args)).run().ok();
    let (uri, pin) = (tpm.uri(""), ["--ca-pin-file", "pin"]);
    ok(&[&["init", "--no-input", "--insecure-no-passphrase", "--devices-key", &uri][..], &pin].concat());
    assert_eq!(tpm.keys(), ["tbpki devices issuing CA"]);
    let of_ca = public_key(&sandbox, "pki/ca/devices-issuing/cert.pem");
    assert_eq!(tpm.public_key("tbpki devices issuing CA"), of_ca);
    ok(&[&["client", "--device", "pump-1"][..], &pin].concat());
    ok(&[&["fleet", "issue", "--count", "20", "--name-pattern", "meter-{:02}", "--out", "fleet"][..], &pin].concat());
    ok(&[&["revoke", "--device", "pump-1", "--reason", "keyCompromise"][..], &pin].concat());
    let path = |file: &str| sandbox.join(file);
    let verified = openssl().args(["verify", "-crl_check_all", "-CAfile"]).arg(path("pki/ca/devices-root/cert.pem"));
    let verified = verified.arg("-untrusted").arg(path("pki/ca/devices-issuing/cert.pem"));
    let verified = verified.arg("-CRLfile").arg(path("pki/devices-crl.pem")).arg(path("pki/devices/pump-1/cert.pem"));
    let refused = verified.run().ends(2);
    assert!(refused.stderr_text().contains("certificate revoked"), "{refused:?}");
}

#[test]
fn a_gateway_renews_a_certificate_whose_key_is_in_a_tpm() {
    let station = station();
    let service = Service::start(&station, &[]);
    let host = Sandbox::new();
    let tpm = Tpm::start(&host);
    host.write("root.pem", station.read("pki/ca/server-root/cert.pem"));
    let once = host.write("once", format!("{}\n", password(&station, "gateway-1")));
    fs::set_permissions(once, fs::Permissions::from_mode(0o600)).unwrap();
    let uri = tpm.uri(";object=mqtt");
    let run = |verb: &[&str], more: &[&str]| -> Outcome {
        let server = ["--est", &service.url, "--cafile", "root.pem", "--cert", "chain.pem", "--pin-file", "pin"];
        tpm.seen_by(host.tbpki(verb.iter().chain(&server).chain(&["--key", uri.as_str()]).chain(more))).run()
    };
    run(&["enroll", "fetch", "--device", "gateway-1", "--password-file", "once"], &[]).ok();
    assert_eq!(tpm.keys(), ["mqtt"]);
    assert_eq!(tpm.public_key("mqtt"), public_key(&host, "chain.pem"));

    // The next key is made in the TPM too. With a program that is told, the key before goes.
    run(&["renew"], &["--after", "/bin/true"]).ok();
    assert_eq!(tpm.keys(), ["mqtt.2"]);
    assert_eq!(tpm.public_key("mqtt.2"), public_key(&host, "chain.pem"));
    run(&["renew", "--same-key"], &[]).ok();
    assert_eq!(tpm.keys(), ["mqtt.2"]);
    assert_eq!(tpm.public_key("mqtt.2"), public_key(&host, "chain.pem"));
}
