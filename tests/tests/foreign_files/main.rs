//! Files that other programs wrote: read, or named for what they are, with the way out.
//!
//! Each is imported as a CA by `tbpki init`, shown by `tbpki inspect` or verified by `tbpki verify`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what helpers of tests did not expect ends the test")]

mod containers;
mod corpora;
mod keys;
mod keystores;
mod mutations;
mod prompts;
mod texts;

use tbpki_tests::oracle::{keytool, openssl};
use tbpki_tests::{Outcome, Sandbox, Snapshot};

/// The password of every encrypted file.
const PASSWORD: &str = "secret12";
/// The option with the password.
const WITH_PASSWORD: [&str; 2] = ["--imported-passphrase-file", "password"];

/// A sandbox with a root (`root.pem`, `root.key`, `root.der`) and the password in a file.
#[track_caller]
fn with_root() -> Sandbox {
    let sandbox = Sandbox::in_memory();
    root(&sandbox, "root", "/O=Acme/CN=root");
    run(&sandbox, &["x509", "-in", "root.pem", "-outform", "DER", "-out", "root.der"]);
    sandbox.write("password", format!("{PASSWORD}\n"));
    sandbox.hides(PASSWORD);
    sandbox
}

/// Makes a root with a P-256 key: `NAME.pem` and `NAME.key`.
#[track_caller]
fn root(sandbox: &Sandbox, name: &str, subject: &str) {
    let (key, certificate) = (format!("{name}.key"), format!("{name}.pem"));
    run(
        sandbox,
        &[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "3000",
            "-subj",
            subject,
            "-addext",
            "basicConstraints=critical,CA:TRUE",
            "-addext",
            "keyUsage=critical,keyCertSign,cRLSign",
            "-keyout",
            &key,
            "-out",
            &certificate,
        ],
    );
}

/// Runs openssl in the sandbox.
#[track_caller]
fn run(sandbox: &Sandbox, args: &[&str]) -> Outcome {
    openssl().args(args).directory(sandbox.path()).run().ok()
}

/// Writes `root.key` and `root.pem` as PKCS#12 with openssl.
#[track_caller]
fn pkcs12(sandbox: &Sandbox, file: &str, options: &[&str]) {
    let args = ["pkcs12", "-export", "-in", "root.pem", "-inkey", "root.key", "-name", "ca", "-out", file];
    run(sandbox, &[&args[..], options].concat());
}

/// Runs keytool in the sandbox.
#[track_caller]
fn java_keystore(sandbox: &Sandbox, args: &[&str]) -> Outcome {
    keytool().args(args).directory(sandbox.path()).run().ok()
}

/// `init` with the files as the CA of the devices takes `root.pem` as their root.
#[track_caller]
fn imported(sandbox: &Sandbox, files: &[&str], options: &[&str]) {
    let copy = sandbox.copy();
    let args = [&["init", "--no-input", "--insecure-no-passphrase", "--devices-ca"], files, options].concat();
    copy.ok(args);
    let kept = run(&copy, &["x509", "-in", "pki/ca/devices-root/cert.pem", "-outform", "DER"]).stdout;
    assert_eq!(kept, sandbox.read("root.der"), "{files:?}");
}

/// `init` with the files as the CA of the devices is refused with this code and all of these words, and writes nothing.
#[track_caller]
fn refused(sandbox: &Sandbox, files: &[&str], options: &[&str], code: u16, words: &[&str]) {
    let before = Snapshot::of(sandbox.path());
    let args = [&["init", "--no-input", "--insecure-no-passphrase", "--devices-ca"], files, options].concat();
    let outcome = sandbox.tbpki(args).run();
    assert_eq!(outcome.status, 1, "{outcome}");
    has_error(&outcome, code, words);
    before.is_unchanged(&Snapshot::of(sandbox.path()), &outcome);
}

/// The error has this code, all of these words, and a way out.
#[track_caller]
fn has_error(outcome: &Outcome, code: u16, words: &[&str]) {
    let said = outcome.stderr_text();
    assert!(said.contains(&format!("error[TBPKI-{code:04}]: ")), "expected {code} from {outcome}");
    for word in words.iter().chain(&["help:"]) {
        assert!(said.contains(word), "expected {word:?} from {outcome}");
    }
    is_plain(&outcome.stderr_text());
}

/// No words of a library, which say nothing to those who read them.
#[track_caller]
fn is_plain(text: &str) {
    for raw in
        ["BER error", "ASN.1 error", "UnexpectedTag", "Some(", "Tag(", "DnsName", "Error {", "InvalidEncoding", "TLV"]
    {
        assert!(!text.contains(raw), "{raw:?} in:\n{text}");
    }
}
