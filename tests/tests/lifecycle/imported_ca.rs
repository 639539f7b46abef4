//! The next generation of an imported CA: its owner issues a further certificate, with the same key or with another one.

use std::fs;

use pki::crl::Crl;
use pki::pem_bundle::PemBundle;
use tbpki_tests::oracle::openssl;
use tbpki_tests::{Sandbox, Snapshot};

use crate::scene::{json, verify};

const LISTS: &str = "pki/devices-crl.pem";
const CA: &str = "devices-issuing";

/// The owner of a CA, in a directory of the sandbox.
struct Owner<'a>(&'a Sandbox);

impl Owner<'_> {
    fn openssl(&self, line: &str) {
        openssl().args(line.split(' ')).directory(self.0.path()).run().ok();
    }

    fn key(&self, name: &str) {
        self.openssl(&format!("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out {name}.key"));
    }

    /// A certificate of a root in `file`.
    fn root(&self, file: &str, days: u32) {
        self.openssl(&format!(
            "req -x509 -new -key root.key -subj /O=Owner/CN=root -days {days} -out {file} -addext keyUsage=critical,keyCertSign,cRLSign"
        ));
    }

    /// A certificate of the issuing CA with this key in `file`.
    fn issue(&self, key: &str, common_name: &str, file: &str, days: u32) {
        self.0.write(
            "ca.ext",
            "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n\
             subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n",
        );
        self.openssl(&format!("req -new -key {key}.key -subj /O=Owner/CN={common_name} -out ca.csr"));
        self.openssl(&format!(
            "x509 -req -in ca.csr -CA root.pem -CAkey root.key -days {days} -extfile ca.ext -out {file}"
        ));
    }
}

/// A store with an imported CA that is valid for 400 days, whose root key is with the owner, and a device.
fn store() -> Sandbox {
    let sandbox = Sandbox::new();
    let owner = Owner(&sandbox);
    for key in ["root", "dev1"] {
        owner.key(key);
    }
    owner.root("root.pem", 4000);
    owner.issue("dev1", "dev", "dev1.pem", 400);
    sandbox.private("dev1.key");
    let init = ["init", "--no-input", "--insecure-no-passphrase", "--devices-ca", "dev1.pem", "root.pem", "dev1.key"];
    sandbox.ok(init);
    sandbox.ok(["client", "p1"]);
    sandbox
}

fn activate(sandbox: &Sandbox, ca: &str) {
    sandbox.ok(["crl"]);
    sandbox.ok(["ca", "activate", ca, "--leave-behind"]);
}

fn import<'a>(files: &[&'a str]) -> Vec<&'a str> {
    [&["ca", "prepare", CA, "--import"], files].concat()
}

fn generations(sandbox: &Sandbox) -> Vec<(u64, String, String)> {
    let report = json(&sandbox.ok(["ca", "list", "--json"]));
    let rows = report["cas"].as_array().unwrap().iter().filter(|row| row["name"] == CA);
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    rows.map(|row| (row["generation"].as_u64().unwrap(), text(&row["role"]), text(&row["key"]))).collect()
}

#[test]
fn a_certificate_of_the_same_key_with_new_dates_is_the_next_generation() {
    let sandbox = store();
    let end = json(&sandbox.ok(["inspect", "pki/devices/p1/cert.pem", "--json"])).to_string();
    sandbox.fails(["renew", "p1"], 1, "TBPKI-0306").prints("tbpki ca prepare");
    let help = sandbox.fails(["ca", "prepare", CA], 1, "TBPKI-0097");
    help.prints("tbpki ca prepare devices-issuing --import FILE");
    Owner(&sandbox).issue("dev1", "dev", "dev2.pem", 800);

    let before = Snapshot::of(&sandbox.join("pki/ca"));
    sandbox.ok(["ca", "prepare", CA, "--import", "dev2.pem", "--dry-run"]);
    assert_eq!(Snapshot::of(&sandbox.join("pki/ca")), before);
    sandbox.ok(["ca", "prepare", CA, "--import", "dev2.pem"]).prints("generation 2: prepared");
    // The same command again changes nothing, and the present certificate is no next generation.
    sandbox.ok(["ca", "prepare", CA, "--import", "dev2.pem"]).prints("was done before");
    activate(&sandbox, CA);
    assert_eq!(
        generations(&sandbox),
        [(2, "current".to_owned(), "file".to_owned()), (1, "superseded".to_owned(), "file".to_owned())]
    );
    sandbox
        .fails(["ca", "prepare", CA, "--import", "dev1.pem"], 1, "TBPKI-0374")
        .prints("has this certificate already");
    sandbox.ok(["renew", "p1"]);
    let renewed = json(&sandbox.ok(["inspect", "pki/devices/p1/cert.pem", "--json"])).to_string();
    assert_ne!(end, renewed);
    sandbox.ok(["store", "check"]);

    // One key has one list, with what each of its certificates has issued.
    sandbox.ok(["client", "p2", "p3"]);
    sandbox.ok(["revoke", "p2"]);
    let lists = PemBundle::parse(&fs::read(sandbox.join(LISTS)).unwrap()).unwrap().crls;
    assert_eq!(lists.len(), 1, "the key of the root is with its owner");
    let refused = openssl().args(["verify", "-crl_check", "-CAfile"]).arg(sandbox.join("root.pem"));
    let refused = refused.arg("-untrusted").arg(sandbox.join("dev1.pem")).arg("-CRLfile").arg(sandbox.join(LISTS));
    let refused = refused.arg(sandbox.join("pki/devices/p2/cert.pem")).run();
    assert!(format!("{refused}").contains("revoked"), "{refused}");
    // Reports have it once.
    let report = json(&sandbox.ok(["report", "--out", "report.html", "--json"]));
    assert_eq!(report["fleet"]["revocation_lists"].as_array().unwrap().len(), 1);
    sandbox.ok(["ca", "retire", CA]);
    assert_eq!(generations(&sandbox), [(2, "current".to_owned(), "file".to_owned())]);
    sandbox.ok(["store", "check"]);
    // The list of the key in service has what the retired certificate has issued.
    for file in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        let file = sandbox.join("pki").join(file);
        if file.exists() {
            fs::remove_file(file).unwrap();
        }
    }
    let repaired = sandbox.tbpki(["store", "repair"]).run();
    assert!(
        repaired.stdout_text().contains("unknown") && !repaired.stdout_text().contains("has no list"),
        "{repaired}"
    );
}

#[test]
fn another_key_below_the_same_root_is_the_next_generation() {
    let sandbox = store();
    let owner = Owner(&sandbox);
    owner.key("next");
    owner.issue("next", "dev-G2", "next.pem", 800);
    sandbox.private("next.key");
    sandbox.ok(["ca", "prepare", CA, "--import", "next.key", "next.pem"]).prints("CN=dev-G2");
    activate(&sandbox, CA);
    sandbox.ok(["client", "p2"]);
    let chain = verify(&sandbox, LISTS, "p2");
    // Without the list of the root, whose key is with its owner, OpenSSL checks no further than the signature.
    assert!(!format!("{chain}").contains("unable to get local issuer"), "{chain}");
    assert_eq!(PemBundle::parse(&fs::read(sandbox.join(LISTS)).unwrap()).unwrap().crls.len(), 2);
    sandbox.ok(["store", "check"]);
}

#[test]
fn a_root_gets_a_further_certificate_of_its_key() {
    let sandbox = store();
    let owner = Owner(&sandbox);
    owner.root("root2.pem", 8000);
    sandbox.ok(["ca", "prepare", "devices-root", "--import", "root2.pem"]).prints("generation 2: prepared");
    sandbox.ok(["ca", "activate", "devices-root", "--leave-behind"]);
    sandbox.ok(["client", "p2"]);
    sandbox.ok(["verify", "pki/devices/p2/chain.pem", "--anchors", "root2.pem"]);
    sandbox.ok(["store", "check"]);
}

/// Puts the key of the root into the store, and writes the lists.
fn with_root_key(sandbox: &Sandbox) {
    with_root_key_in(sandbox);
    sandbox.ok(["crl"]);
}

/// Puts the key of the root into the store.
fn with_root_key_in(sandbox: &Sandbox) {
    let key = "pki/ca/devices-root/key.pem";
    fs::copy(sandbox.join("root.key"), sandbox.join(key)).unwrap();
    sandbox.private(key);
}

/// Imports a further certificate of the same key, and takes it into use; with `retire`, alone.
fn roll_over(sandbox: &Sandbox, ca: &str, file: &str, retire: bool) {
    sandbox.ok(["ca", "prepare", ca, "--import", file]);
    sandbox.ok(["ca", "activate", ca, "--leave-behind"]);
    if retire {
        sandbox.ok(["ca", "retire", ca]);
    }
}

/// The issuers of the published lists, and the number of entries in each.
fn lists(sandbox: &Sandbox) -> Vec<(String, usize)> {
    let lists = PemBundle::parse(&sandbox.read(LISTS)).unwrap().crls;
    let lists = lists.iter().map(|der| Crl::from_der(der).unwrap());
    lists.map(|list| (list.issuer(), list.revoked().len())).collect()
}

#[test]
fn a_revoked_ca_loses_its_list_after_its_root_got_another_certificate() {
    let sandbox = store();
    with_root_key(&sandbox);
    Owner(&sandbox).root("root2.pem", 8000);
    roll_over(&sandbox, "devices-root", "root2.pem", true);
    sandbox.ok(["revoke", "--ca", CA, "--reason", "cACompromise"]).prints("revoked");
    assert_eq!(lists(&sandbox), [("CN=root,O=Owner".to_owned(), 1)]);
    // Nothing is left to do, and the same command changes nothing.
    sandbox.ok(["revoke", "--open"]).prints("no step is open");
    sandbox.ok(["revoke", "--ca", CA, "--reason", "cACompromise"]).prints("was revoked before");
    assert_eq!(lists(&sandbox), [("CN=root,O=Owner".to_owned(), 1)]);
}

#[test]
fn the_list_of_a_key_has_what_a_retired_certificate_of_it_has_issued() {
    let sandbox = store();
    let serial = json(&sandbox.ok(["list", "--name", "p1", "--json"]))["identities"][0]["serial"].clone();
    sandbox.ok(["crl"]);
    Owner(&sandbox).issue("dev1", "dev", "dev2.pem", 800);
    sandbox.ok(["ca", "prepare", CA, "--import", "dev2.pem"]);
    sandbox.ok(["ca", "activate", CA, "--leave-behind"]);
    sandbox.ok(["client", "p1", "--force"]);
    sandbox.ok(["ca", "retire", CA]);
    let first = ["revoke", "--serial", serial.as_str().unwrap(), "--issuer", CA, "--reason", "keyCompromise"];
    sandbox.ok(first).prints("revoked");
    assert_eq!(lists(&sandbox), [("CN=dev,O=Owner".to_owned(), 1)]);
}

#[test]
fn a_stolen_key_is_revoked_with_every_certificate_of_it() {
    let sandbox = store();
    with_root_key(&sandbox);
    Owner(&sandbox).issue("dev1", "dev", "dev2.pem", 800);
    roll_over(&sandbox, CA, "dev2.pem", false);
    let copy = sandbox.copy();
    // For another reason, the generation that signs is spared, and a warning tells about the key.
    copy.ok(["revoke", "--ca", CA, "--reason", "superseded"]).prints("TBPKI-0325").prints("has the same key");
    copy.ok(["client", "p2"]);
    copy.ok(["revoke", "p2"]);
    assert_eq!(lists(&copy), [("CN=dev,O=Owner".to_owned(), 1), ("CN=root,O=Owner".to_owned(), 1)]);

    let planned = json(&sandbox.ok(["revoke", "--ca", CA, "--reason", "keyCompromise", "--dry-run", "--json"]));
    assert_eq!(planned["counts"]["planned"], 2, "{planned}");
    sandbox.ok(["revoke", "--ca", CA, "--reason", "keyCompromise"]);
    assert_eq!(lists(&sandbox), [("CN=root,O=Owner".to_owned(), 2)]);
    sandbox.fails(["client", "p2"], 1, "TBPKI-0325");
}

#[test]
fn another_key_of_the_same_name_is_refused_where_lists_are_written() {
    let sandbox = store();
    let owner = Owner(&sandbox);
    owner.key("next");
    owner.issue("next", "dev", "next.pem", 800);
    owner.issue("next", "dev-G3", "renamed.pem", 800);
    sandbox.private("next.key");
    // Without lists it is a warning, and each later error names the way back.
    let without = sandbox.copy();
    without.ok(import(&["next.pem", "next.key"])).prints("TBPKI-0303");
    let back = "tbpki revoke --ca devices-issuing --generation 2";
    without.fails(["crl"], 1, "TBPKI-0303").prints(back);
    without.fails(import(&["renamed.pem", "next.key"]), 1, "TBPKI-0374").prints(back);
    without.write("keygen.toml", "version = 1\n[crl]\nout = \"lists.pem\"\n");
    without.fails(["ca", "activate", CA, "--leave-behind"], 1, "TBPKI-0321").prints(back);
    with_root_key_in(&without);
    without.ok(back.split(' ').skip(1));
    without.ok(import(&["renamed.pem", "next.key"])).prints("CN=dev-G3");

    sandbox.ok(["crl"]);
    let before = Snapshot::of(&sandbox.join("pki/ca"));
    sandbox.fails(import(&["next.pem", "next.key"]), 1, "TBPKI-0303").prints("another subject");
    assert_eq!(Snapshot::of(&sandbox.join("pki/ca")), before);
    sandbox.ok(["crl"]);
    sandbox.ok(import(&["renamed.pem", "next.key"]));
}

#[test]
fn files_that_are_no_next_generation_are_refused_and_nothing_is_written() {
    let sandbox = store();
    let owner = Owner(&sandbox);
    let other = Sandbox::new();
    let stranger = Owner(&other);
    for key in ["root", "dev1"] {
        stranger.key(key);
    }
    stranger.root("root.pem", 4000);
    stranger.issue("dev1", "dev", "dev1.pem", 400);
    for file in ["root.pem", "dev1.pem", "dev1.key"] {
        sandbox.write(format!("other-{file}"), other.text(file));
    }
    sandbox.private("other-dev1.key");
    owner.issue("dev1", "dev", "past.pem", 0);
    let before = Snapshot::of(&sandbox.join("pki/ca"));
    sandbox.fails(import(&["other-dev1.pem", "other-root.pem", "other-dev1.key"]), 1, "TBPKI-0374").prints("root");
    sandbox.fails(["ca", "prepare", "devices-root", "--import", "other-root.pem"], 1, "TBPKI");
    sandbox.tbpki(import(&["past.pem"])).run().ends(1);
    sandbox.tbpki(import(&["root.pem"])).run().ends(1);
    assert_eq!(Snapshot::of(&sandbox.join("pki/ca")), before);
}
