//! `tbpki import --server`, and the import of keystores.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;
use tbpki_tests::oracle::{keytool, openssl};
use tbpki_tests::{Sandbox, Snapshot};

use crate::import::ca_and_request_on;
use crate::renew::leaf;
use crate::scene::json;

/// Makes a CA of others in `other`, and below it a certificate with these extensions, in the form of an OpenSSL file.
fn issued_by_others(sandbox: &Sandbox, name: &str, extensions: &str) {
    issued_by_others_on(sandbox, name, extensions, "prime256v1");
}

fn issued_by_others_on(sandbox: &Sandbox, name: &str, extensions: &str, curve: &str) {
    let path = |file: &str| sandbox.join("other").join(file);
    ca_and_request_on(sandbox, name, "leaf", curve);
    sandbox.write("other/extensions", extensions);
    // All CAs of this function have one name, and a serial number is unique for its issuer.
    let serial = name.bytes().fold(1_u32, |sum, octet| sum * 31 % 65_521 + u32::from(octet)).to_string();
    let issue = openssl().args(["x509", "-req", "-days", "30", "-set_serial", &serial, "-in"]).arg(path("leaf.csr"));
    let issue = issue.arg("-CA").arg(path("ca.pem")).arg("-CAkey").arg(path("ca.key"));
    issue.arg("-extfile").arg(path("extensions")).arg("-out").arg(path("leaf.pem")).run().ok();
    sandbox.write("other/chain.pem", [sandbox.read("other/leaf.pem"), sandbox.read("other/ca.pem")].concat());
    fs::set_permissions(path("leaf.key"), fs::Permissions::from_mode(0o600)).unwrap();
}

/// Writes `other/NAME.p12` with key and chain, and the file `pass` with its password.
fn pkcs12(sandbox: &Sandbox, name: &str) {
    let path = |file: &str| sandbox.join("other").join(file);
    let export = openssl().args(["pkcs12", "-export", "-passout", "pass:changeit", "-inkey"]).arg(path("leaf.key"));
    let export = export.arg("-in").arg(path("leaf.pem")).arg("-certfile").arg(path("ca.pem"));
    export.arg("-out").arg(path(&format!("{name}.p12"))).run().ok();
    sandbox.write("pass", "changeit\n");
    sandbox.private("pass");
}

const SERVER: &str = "subjectAltName=DNS:tb.example,DNS:www.tb.example,IP:192.0.2.1\nextendedKeyUsage=serverAuth\n";
const CHAIN: &str = "pki/servers/tb.example/mqttserver.pem";

#[test]
fn the_renewal_of_a_server_with_another_algorithm_takes_that_of_servers() {
    let sandbox = Sandbox::with_store();
    // tbpki makes no keys on P-521.
    issued_by_others_on(&sandbox, "Old server", SERVER, "secp521r1");
    sandbox.ok(["import", "--server", "--cert", "other/chain.pem"]);
    sandbox.tbpki(["renew", "--server"]).env("TBPKI_SERVER_ALG", "ec-p384").run().ok();
    assert_eq!(leaf(&sandbox, CHAIN).algorithm_name(), "ec-p384");
}

#[test]
fn a_server_of_another_ca_is_imported_listed_and_renewed() {
    let sandbox = Sandbox::with_store();
    issued_by_others(&sandbox, "Old server", SERVER);
    let import = ["import", "--server", "--cert", "other/chain.pem", "--key", "other/leaf.key"];
    let before = Snapshot::of(sandbox.path());
    let planned = sandbox.ok(import.iter().chain(&["--dry-run", "--json"]));
    assert_eq!(json(&planned)["imported"][0]["done"], "planned");
    before.is_unchanged(&Snapshot::of(sandbox.path()), &planned);
    sandbox.ok(import).prints("server tb.example: imported, with its key; expires ").prints("  issuer  CN=Other CA");
    let report = json(&sandbox.ok(import.iter().chain(&["--json"])));
    let server = &report["imported"][0];
    assert_eq!(
        (&server["kind"], &server["name"], &server["done"]),
        (&json!("server"), &json!("tb.example"), &json!("unchanged"))
    );
    let first = leaf(&sandbox, CHAIN);
    assert_eq!(first.common_name().as_deref(), Some("Old server"));
    let mode = fs::metadata(sandbox.join("pki/servers/tb.example/mqttserver_key.pem")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    sandbox.ok(["store", "check"]);
    let due = json(&sandbox.ok(["list", "--expiring-within", "40d", "--kind", "server", "--json"]));
    assert_eq!(due["identities"][0]["name"], "tb.example");
    sandbox.tbpki(["needs-renewal", "--server", "--within", "40d"]).run().ends(0);
    // A rollover leaves files alone that do not depend on the CAs of the store, those of an imported device too.
    issued_by_others(&sandbox, "pump-1", "extendedKeyUsage=clientAuth\n");
    sandbox.ok(["import", "--cert", "other/chain.pem"]);
    let before = sandbox.read(CHAIN);
    sandbox.ok(["ca", "prepare", "server-root"]);
    assert_eq!(sandbox.read(CHAIN), before);

    sandbox.ok(["renew", "--server"]).prints("TBPKI-0354").prints("is issued by server-issuing");
    let second = leaf(&sandbox, CHAIN);
    let names = |sans: Vec<pki::San>| sans.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(second.sans()), names(first.sans()));
    assert_eq!(second.common_name().as_deref(), Some("tb.example"));
    assert_ne!(second.spki_der(), first.spki_der());
    let verify = ["verify", CHAIN, "--key", "pki/servers/tb.example/mqttserver_key.pem", "--host", "tb.example"];
    sandbox.ok(verify);
    sandbox.ok(["store", "check"]);
    // From now on it is a server like any other.
    sandbox.fails(["renew", "--server", "tb.example"], 1, "TBPKI-0306");
    sandbox.ok(["revoke", "--server", "tb.example"]);
}

#[test]
fn names_that_a_renewal_cannot_have_are_reported() {
    let sandbox = Sandbox::with_store();
    issued_by_others(&sandbox, "x", "subjectAltName=DNS:tb.example,RID:1.2.3.4,otherName:1.2.3.5;UTF8:x\n");
    let outcome = sandbox.ok(["import", "--server", "--cert", "other/leaf.pem"]).prints("TBPKI-0365");
    outcome.prints("a renewal of tb.example does not have 2 of its alternative names");
    sandbox.ok(["renew", "--server"]);
    assert_eq!(leaf(&sandbox, CHAIN).general_names().len(), 1);
}

#[test]
fn a_directory_of_servers_is_imported_by_their_host_names() {
    let sandbox = Sandbox::with_store();
    issued_by_others(&sandbox, "a", "subjectAltName=DNS:a.example\n");
    fs::create_dir(sandbox.join("certs")).unwrap();
    fs::copy(sandbox.join("other/chain.pem"), sandbox.join("certs/a.pem")).unwrap();
    fs::copy(sandbox.join("other/ca.pem"), sandbox.join("certs/ca.pem")).unwrap();
    issued_by_others(&sandbox, "b.example", "subjectAltName=IP:192.0.2.7\n");
    fs::copy(sandbox.join("other/leaf.pem"), sandbox.join("certs/b.pem")).unwrap();
    issued_by_others(&sandbox, "pump-1", "extendedKeyUsage=clientAuth\n");
    fs::copy(sandbox.join("other/leaf.pem"), sandbox.join("certs/pump-1.pem")).unwrap();
    let report = json(&sandbox.ok(["import", "--server", "--dir", "certs", "--json"]));
    let names: Vec<_> = report["imported"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["a.example", "b.example"]);
    let skipped: Vec<_> = report["skipped"].as_array().unwrap().iter().map(|one| &one["why"]).collect();
    assert_eq!(
        skipped,
        [
            "the certificate is that of a CA",
            "the certificate is not that of a server: its extended key usage does not allow it"
        ]
    );
    sandbox.ok(["store", "check"]);
}

#[test]
fn a_keystore_brings_key_and_chain_with_its_password() {
    let sandbox = Sandbox::with_store();
    issued_by_others(&sandbox, "pump-1", "extendedKeyUsage=clientAuth\n");
    pkcs12(&sandbox, "pump-1");
    let (p12, jks) = (sandbox.join("other/pump-1.p12"), sandbox.join("other/pump-1.jks"));
    let convert = keytool().args(["-importkeystore", "-srcstorepass", "changeit", "-deststorepass", "changeit"]);
    let convert = convert.args(["-noprompt", "-deststoretype", "JKS", "-srckeystore"]).arg(&p12);
    convert.arg("-destkeystore").arg(&jks).run().ok();
    for file in ["other/pump-1.p12", "other/pump-1.jks"] {
        let sandbox = sandbox.copy();
        let import = ["import", "--cert", file, "--passphrase-file", "pass", "--json"];
        let report = json(&sandbox.ok(import));
        let device = &report["imported"][0];
        assert_eq!((&device["name"], &device["key"]), (&json!("pump-1"), &json!(true)), "{file}");
        assert_eq!(sandbox.read("pki/devices/pump-1/chain.pem"), sandbox.read("other/chain.pem"), "{file}");
        sandbox.ok(["store", "check"]);
        sandbox.ok(["renew", "--device", "pump-1", "--same-key"]);
        assert_eq!(
            leaf(&sandbox, "pki/devices/pump-1/cert.pem").spki_der(),
            leaf(&sandbox, "other/leaf.pem").spki_der(),
            "{file}"
        );
    }
    sandbox.write("wrong", "another\n");
    sandbox.private("wrong");
    let before = Snapshot::of(sandbox.path());
    for args in [&["--cert", "other/pump-1.p12"][..], &["--cert", "other/pump-1.jks"]] {
        let wrong = sandbox.fails([&["import", "--passphrase-file", "wrong"], args].concat(), 1, "TBPKI-0071");
        before.is_unchanged(&Snapshot::of(sandbox.path()), &wrong);
        let none = sandbox.fails([&["import", "--no-input"], args].concat(), 2, "TBPKI-0010");
        before.is_unchanged(&Snapshot::of(sandbox.path()), none.prints("--passphrase-file"));
    }
    // Not one of them is skipped for the lack of a password.
    sandbox.fails(["import", "--no-input", "--dir", "other"], 2, "TBPKI-0010");
}

#[test]
fn a_key_with_its_own_password_in_a_keystore_is_imported() {
    let sandbox = Sandbox::with_store();
    issued_by_others(&sandbox, "pump-1", "extendedKeyUsage=clientAuth\n");
    pkcs12(&sandbox, "pump-1");
    let jks = sandbox.join("other/pump-1.jks");
    let convert = keytool().args(["-importkeystore", "-srcstorepass", "changeit", "-deststorepass", "changeit"]);
    let convert = convert.args(["-noprompt", "-deststoretype", "JKS", "-srckeystore"]);
    convert.arg(sandbox.join("other/pump-1.p12")).arg("-destkeystore").arg(&jks).run().ok();
    let change = keytool().args(["-keypasswd", "-alias", "1", "-storepass", "changeit", "-keypass", "changeit"]);
    change.args(["-new", "of-the-key", "-keystore"]).arg(&jks).run().ok();
    for (name, secret) in [("key-pass", "of-the-key\n"), ("wrong", "another\n")] {
        sandbox.write(name, secret);
        sandbox.private(name);
    }
    let before = Snapshot::of(sandbox.path());
    let import = ["import", "--no-input", "--cert", "other/pump-1.jks", "--passphrase-file", "pass"];
    let none = sandbox.fails(import, 2, "TBPKI-0010").prints("--key-passphrase-file");
    before.is_unchanged(&Snapshot::of(sandbox.path()), &none);
    let wrong = sandbox.fails([&import[..], &["--key-passphrase-file", "wrong"]].concat(), 1, "TBPKI-0071");
    before.is_unchanged(&Snapshot::of(sandbox.path()), &wrong);
    sandbox.ok([&import[..], &["--key-passphrase-file", "key-pass"]].concat());
    assert_eq!(sandbox.read("pki/devices/pump-1/chain.pem"), sandbox.read("other/chain.pem"));
    sandbox.ok(["store", "check"]);
    sandbox.ok(["renew", "--device", "pump-1", "--same-key"]);
}

#[test]
fn what_is_not_a_server_is_refused_and_nothing_is_written() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["server", "--name", "taken.example", "--only-given-names"]);
    for (extensions, args, status, code, text) in [
        ("extendedKeyUsage=clientAuth\nsubjectAltName=DNS:x", &[][..], 1, "TBPKI-0353", "does not allow it"),
        ("extendedKeyUsage=serverAuth", &[], 1, "TBPKI-0353", "has no host name and no address"),
        ("subjectAltName=DNS:*.tb.example", &[], 1, "TBPKI-0003", "--name NAME"),
        ("subjectAltName=DNS:taken.example", &[], 1, "TBPKI-0251", "taken.example"),
        ("subjectAltName=DNS:x", &["--name", "taken.example"], 1, "TBPKI-0251", "taken.example"),
        ("subjectAltName=DNS:x", &["--name", "a:b"], 2, "TBPKI-0024", "--name"),
        ("basicConstraints=CA:true\nsubjectAltName=DNS:x", &["--name", "x"], 1, "TBPKI-0353", "that of a CA"),
    ] {
        issued_by_others(&sandbox, "x y", extensions);
        let before = Snapshot::of(sandbox.path());
        let args = [&["import", "--server", "--cert", "other/leaf.pem"], args].concat();
        let outcome = sandbox.fails(args, status, code).prints(text);
        before.is_unchanged(&Snapshot::of(sandbox.path()), &outcome);
    }
}
