//! Keys that are in the token already are taken when that is asked for.

use tbpki_tests::own_ca::{Maker, OwnCa};

use crate::{KEY_URI, Station, uri};

/// A key that OpenSC's tool has made in the token.
#[track_caller]
fn make(station: &Station, id: &str, more: &[&str]) {
    let args = ["--keypairgen", "--key-type", "EC:prime256v1", "--label", "mine", "--usage-sign", "--id", id];
    station.hsm.pkcs11_tool(crate::TOKEN, &[&args[..], more].concat()).ok();
}

fn existing(station: &Station, uri: &str, more: &[&str]) -> tbpki_tests::Outcome {
    let args = ["init", "--no-input", "--insecure-no-passphrase", "--ca-pin-file", "pin"];
    station.tbpki(&[&args[..], &["--devices-key", uri, "--devices-key-existing"], more].concat()).run()
}

#[test]
fn an_existing_key_gets_a_certificate() {
    let station = Station::new();
    make(&station, "01", &["--sensitive"]);
    let outcome = existing(&station, &uri(";object=mine"), &[]).ok();
    assert!(!outcome.stderr_text().contains("TBPKI-0291"), "{outcome}");
    assert!(station.sandbox.text(KEY_URI).contains(";object=mine;id=%01;type=private?"));
    station.ok(&["client", "--device", "pump-1", "--ca-pin-file", "pin"]);
    assert_eq!(station.objects().matches("Private Key Object").count(), 1);
}

#[test]
fn a_key_that_could_leave_is_used_with_a_warning() {
    let station = Station::new();
    make(&station, "01", &["--extractable"]);
    existing(&station, &uri(""), &[]).ok().prints("warning[TBPKI-0291]").prints("could leave");
}

#[test]
fn a_ca_that_was_brought_signs_with_the_key_in_the_token() {
    let station = Station::new();
    let OwnCa { root, issuing, issuing_key, .. } = Maker::Openssl.make(station.sandbox.path(), "acme", "ec-p256");
    station.hsm.import(crate::TOKEN, &issuing_key, "acme", "a1");
    // From here on the key is in the token alone.
    std::fs::remove_file(&issuing_key).unwrap();
    let brought = ["--devices-ca", issuing.to_str().unwrap(), root.to_str().unwrap()];
    // The key of the token has been outside of it.
    existing(&station, &uri(";object=acme"), &brought).ok().prints("warning[TBPKI-0291]");
    station.ok(&["client", "--device", "pump-1", "--ca-pin-file", "pin"]);
    let chain = "pki/devices/pump-1/chain.pem";
    station.ok(&["verify", chain, "--anchors", root.to_str().unwrap()]).prints("acme issuing");
}

#[test]
fn a_ca_that_was_brought_has_to_fit_the_key_in_the_token() {
    let station = Station::new();
    let ca = Maker::Openssl.make(station.sandbox.path(), "acme", "ec-p256");
    make(&station, "01", &["--sensitive"]);
    let files = |paths: &[&std::path::Path]| -> Vec<String> {
        paths.iter().map(|path| path.to_str().unwrap().to_owned()).collect()
    };
    let brought = |paths: &[&std::path::Path], code: &str, status: i32| {
        let files = files(paths);
        let more: Vec<&str> = std::iter::once("--devices-ca").chain(files.iter().map(String::as_str)).collect();
        existing(&station, &uri(""), &more).ends(status).prints(code);
        assert!(!station.sandbox.join("pki").exists());
    };
    brought(&[&ca.issuing, &ca.root], "TBPKI-0034", 1);
    brought(&[&ca.issuing, &ca.root, &ca.issuing_key], "--devices-key names another", 2);
    // A root with its key: the token's key is that of the issuing CA below it.
    let root = files(&[&ca.root, &ca.root_key]);
    existing(&station, &uri(""), &["--devices-ca", &root[0], &root[1]]).ok();
    station.ok(&["client", "--device", "pump-1", "--ca-pin-file", "pin"]);
    station.ok(&["verify", "pki/devices/pump-1/chain.pem", "--anchors", &root[0]]);
}
