//! What a ledger that was rebuilt knows of the files of an identity: a renewal makes the same ones.

use std::fs;
use std::path::PathBuf;

use pki::pem_bundle::PemBundle;
use tbpki_tests::oracle::openssl;
use tbpki_tests::{Clock, Sandbox};
use time::OffsetDateTime;

use crate::scene::lose_ledger;

/// A store whose devices and servers live for 90 days.
fn store(clock: &Clock) -> Sandbox {
    let sandbox = Sandbox::new().at(clock).make_store();
    sandbox.write("keygen.toml", "version = 1\n[client]\ndays = 90\n[server]\ndays = 90\n");
    sandbox
}

fn today() -> Clock {
    Clock::starting_at(OffsetDateTime::now_utc())
}

/// Loses the ledger, rebuilds it, and waits until renewals are due. Returns what the repair prints.
fn repair(sandbox: &Sandbox, clock: &Clock) -> String {
    lose_ledger(sandbox);
    let repaired = sandbox.ok(["store", "repair"]).to_string();
    sandbox.ok(["store", "check"]);
    clock.pass(80);
    repaired
}

/// The files of the store that a command changes, without those that it keeps.
fn changed(sandbox: &Sandbox, command: &[&str]) -> Vec<String> {
    let contents = |file: &PathBuf| fs::read(sandbox.join(file)).unwrap();
    let is_meant = |file: &PathBuf| file.starts_with("pki/servers") || file.starts_with("pki/devices");
    let before: Vec<(PathBuf, Vec<u8>)> =
        sandbox.files().into_iter().filter(is_meant).map(|file| (file.clone(), contents(&file))).collect();
    sandbox.ok(command);
    let name = |file: &PathBuf| file.file_name().unwrap().to_string_lossy().into_owned();
    let after = sandbox.files().into_iter().filter(is_meant);
    after
        .filter(|file| match before.iter().find(|(known, _)| known == file) {
            Some((_, old)) => *old != contents(file),
            // A kept file is the old one under another name.
            None => !before.iter().any(|(_, old)| *old == contents(file)),
        })
        .map(|file| name(&file))
        .collect()
}

#[test]
fn the_holder_of_a_key_keeps_it() {
    let clock = today();
    let sandbox = store(&clock);
    let request =
        ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-subj", "/CN=tpm-1"];
    openssl().args(request).args(["-keyout", "tpm.key", "-out", "tpm.csr"]).directory(sandbox.path()).run().ok();
    sandbox.ok(["client", "tpm-1", "--csr", "tpm.csr"]);
    sandbox.ok(["client", "pump-1"]);
    assert!(repair(&sandbox, &clock).contains("where 1 private key without a file is"), "only that of tpm-1");
    sandbox.ok(["client", "tpm-1", "--csr", "tpm.csr"]).prints("unchanged");
    sandbox.tbpki(["renew", "--all"]).run().ends(4).prints("TBPKI-0305");
    assert!(!sandbox.join("pki/devices/tpm-1/key.pem").exists());
    sandbox.ok(["renew", "tpm-1", "--same-key"]);
}

#[test]
fn a_server_keeps_the_names_of_its_files() {
    let clock = today();
    let sandbox = store(&clock);
    sandbox.ok(["server", "--name", "tb.example.org", "--only-given-names", "--format", "pem,pub"]);
    // The files before this one are kept, and their names come first.
    sandbox.ok(["ca", "prepare", "server-root"]);
    repair(&sandbox, &clock);
    let files = changed(&sandbox, &["renew", "--server"]);
    assert_eq!(files, ["mqttserver.p12", "mqttserver.pem", "mqttserver.pub.pem", "mqttserver_key.pem"]);
}

#[test]
fn a_server_keeps_one_file_for_key_and_chain() {
    let clock = today();
    let sandbox = store(&clock);
    let one = ["--credentials", "pem", "--single-file", "--include-root"];
    sandbox.ok([&["server", "--name", "s1.example.org", "--only-given-names"], &one[..]].concat());
    repair(&sandbox, &clock);
    let files = changed(&sandbox, &["renew", "--server"]);
    assert_eq!(files, ["mqttserver.cer", "mqttserver.p12", "mqttserver.pem", "mqttserver.pub.pem"]);
    let file = PemBundle::parse(&sandbox.read("pki/servers/s1.example.org/mqttserver.pem")).unwrap();
    assert_eq!((file.keys.len(), file.certificates.len()), (1, 3), "the key, and the chain with the root");
}

#[test]
fn a_device_keeps_the_prefix_of_its_files() {
    let clock = today();
    let sandbox = store(&clock);
    sandbox.write("keygen.toml", "version = 1\n[client]\ndays = 90\nprefix = \"mqttclient\"\n");
    sandbox.ok(["client", "pre-1", "--format", "pem,p12,nopass,pub,jks"]);
    repair(&sandbox, &clock);
    let files = changed(&sandbox, &["renew", "pre-1"]);
    let expected = ["cert.pem", "chain.pem", "key.pem"].iter().map(|file| (*file).to_owned());
    let extra = ["jks", "nopass.pem", "p12", "pub.pem"].iter().map(|suffix| format!("mqttclient.{suffix}"));
    assert_eq!(files, expected.chain(extra).collect::<Vec<_>>());
}

#[test]
fn a_device_with_pem_files_alone_keeps_the_prefix_of_the_configuration() {
    let clock = today();
    let sandbox = store(&clock);
    sandbox.write("keygen.toml", "version = 1\n[client]\ndays = 90\nprefix = \"mqttclient\"\n");
    sandbox.ok(["client", "pre-1", "--format", "pem"]);
    repair(&sandbox, &clock);
    // The same parameters as before: nothing differs, and nothing is issued.
    let again = sandbox.ok(["client", "pre-1", "--format", "pem"]).to_string();
    assert!(!again.contains("prefix"), "{again}");
}

#[test]
fn renewals_that_are_pending_again_are_reported() {
    let clock = today();
    let sandbox = store(&clock);
    sandbox.ok(["fleet", "issue", "--count", "2", "--name-pattern", "f-{}", "--out", "fa"]);
    clock.pass(80);
    sandbox.ok(["fleet", "renew", "--job", "1", "--out", "fb"]);
    let repaired = repair(&sandbox, &clock);
    assert!(repaired.contains("whether 2 renewals of job 2 are in use"), "{repaired}");
    assert!(repaired.contains("`tbpki register --pending --job 2`"), "{repaired}");
}
