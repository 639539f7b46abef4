//! `init` has the token make the key of the devices' issuing CA.

use tbpki_tests::Snapshot;
use tbpki_tests::oracle::openssl;
use tbpki_tests::softhsm::{MODULE, PIN};

use crate::{KEY_URI, Station, uri};

/// The certificates of the store and of a device, by openssl.
#[track_caller]
fn verifies(station: &Station, device: &str) {
    let path = |file: &str| station.sandbox.join(file);
    openssl()
        .args(["verify", "-x509_strict", "-purpose", "sslclient", "-CAfile"])
        .arg(path("pki/ca/devices-root/cert.pem"))
        .arg("-untrusted")
        .arg(path("pki/ca/devices-issuing/cert.pem"))
        .arg(path(&format!("pki/devices/{device}/cert.pem")))
        .run()
        .ok();
}

#[test]
fn a_key_is_made_inside_and_can_do_nothing_but_sign() {
    for algorithm in ["ec-p256", "ec-p384", "rsa-2048"] {
        let station = Station::new();
        let init = station.init(&["--alg", algorithm, "--json"]).ok().json();
        let ca = init["result"]["cas"].as_array().unwrap().iter().find(|ca| ca["name"] == "devices-issuing").unwrap();
        assert!(ca.get("key").is_none(), "{ca}");
        assert_eq!(ca["key_uri"].as_str().unwrap(), station.sandbox.text(KEY_URI).trim());

        // OpenSC looks at the token.
        let objects = station.objects();
        // The objects come in any order.
        let private = objects.split("Private Key Object").nth(1).unwrap().split("Public Key Object").next().unwrap();
        assert!(private.contains("tbpki devices issuing CA"), "{objects}");
        assert!(private.contains("Access:     sensitive, always sensitive, never extractable, local"), "{objects}");
        // And nothing else: a key that decrypts or wraps could be used to take others out.
        assert!(private.contains("Usage:      sign\n"), "{objects}");
        assert_eq!(objects.matches("Private Key Object").count(), 1, "{objects}");

        // GnuTLS finds the key by our URI; the certificate is for it, and what it issues verifies.
        let of_token = station.hsm.public_key(station.sandbox.text(KEY_URI).trim());
        let issuing = station.sandbox.join("pki/ca/devices-issuing/cert.pem");
        let of_certificate = openssl().args(["x509", "-noout", "-pubkey", "-in"]).arg(issuing).run().ok().stdout_text();
        assert_eq!(of_certificate, of_token);
        station.ok(&["client", "--device", "pump-1", "--ca-pin-file", "pin"]);
        verifies(&station, "pump-1");
    }
}

#[test]
fn the_store_holds_no_key_of_the_ca_and_the_pin_is_nowhere() {
    let station = Station::with_store();
    station.ok(&["client", "--device", "pump-1", "--ca-pin-file", "pin", "-vv"]);
    station.ok(&["client", "--device", "pump-2", "--ca-pin-file", "pin", "--json", "-vv"]);
    station.tbpki(&["client", "--device", "pump-3"]).env("TBPKI_CA_PIN", PIN).run().ok();
    let shown = station.tbpki(&["config", "show", "--origin"]).env("TBPKI_CA_PIN", PIN).run().ok();
    shown.prints("TBPKI_CA_PIN");
    for file in station.sandbox.files() {
        let holds = String::from_utf8_lossy(&station.sandbox.read(&file)).contains(PIN);
        assert!(!holds || file.ends_with("pin"), "the PIN is in {}", file.display());
    }
    assert!(!station.sandbox.join("pki/ca/devices-issuing/key.pem").exists());
    assert!(station.sandbox.join("pki/ca/devices-root/key.pem").exists());
}

#[test]
fn keygen_toml_names_the_place_of_the_pin() {
    let station = Station::new();
    station.sandbox.write("keygen.toml", "version = 1\n[ca]\nname = \"Acme\"\npin = { file = \"pin\" }\n");
    let args = ["init", "--no-input", "--insecure-no-passphrase", "--devices-key"];
    station.ok(&[&args[..], &[&uri(";object=a%20key;id=%07%FF")]].concat());
    let written = station.sandbox.text(KEY_URI);
    assert_eq!(written, format!("pkcs11:token=fleet;object=a%20key;id=%07%FF;type=private?module-path={MODULE}\n"));
    station.ok(&["client", "--device", "pump-1"]);
    verifies(&station, "pump-1");
}

#[test]
fn a_slot_or_the_only_token_is_written_down_by_what_lasts() {
    let station = Station::new();
    let module = format!("pkcs11:?module-path={MODULE}");
    let args = ["init", "--no-input", "--insecure-no-passphrase", "--ca-pin-file", "pin", "--devices-key", &module];
    station.ok(&args);
    let written = station.sandbox.text(KEY_URI);
    assert!(written.starts_with("pkcs11:token=fleet;serial="), "{written}");
    assert!(written.contains(";object=tbpki%20devices%20issuing%20CA;id=%"), "{written}");
    // Another token does not confuse it.
    // The URI that was given names no token, which was enough while there was only one. What was written has to name
    // it.
    station.hsm.add("another");
    station.ok(&["client", "--device", "pump-1", "--ca-pin-file", "pin"]);
    verifies(&station, "pump-1");
}

#[test]
fn the_key_goes_again_when_no_store_comes_of_it() {
    let station = Station::new();
    // A file where a directory is wanted, so that `init` fails after the token has made the key.
    station.sandbox.write("file", "in the way");
    station.init(&["--root-out", "file"]).ends(1).prints("TBPKI-0084");
    assert_eq!(station.objects().trim(), "");
    station.init(&["--dry-run"]).ok().prints("key.uri");
    assert_eq!(station.objects().trim(), "");
    assert!(!station.sandbox.join("pki").exists());
    station.init(&[]).ok();
}

#[test]
fn looking_knows_of_keys_in_tokens() {
    let station = Station::with_store();
    let chain = "pki/ca/devices-issuing/cert.pem";
    station.ok(&["inspect", KEY_URI]).prints("private key in a token").prints("fleet");
    std::fs::rename(station.sandbox.join("pki/ca/server-root/key.pem"), station.sandbox.join("offline.pem")).unwrap();
    let listed = station.ok(&["list", "--kind", "ca", "--json"]).json();
    let places: Vec<(&str, &str)> = listed["result"]["identities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|ca| (ca["name"].as_str().unwrap(), ca["key"].as_str().unwrap()))
        .collect();
    let expected = [
        ("devices-issuing", "token"),
        ("devices-root", "file"),
        ("server-issuing", "file"),
        ("server-root", "elsewhere"),
    ];
    assert_eq!(places, expected);
    station.ok(&["list"]).prints("ec-p256 (token)").prints("ec-p256 (elsewhere)");
    // Without a PIN: the public half is for everybody.
    let anchors = ["--anchors", "pki/ca/devices-root/cert.pem"];
    station.ok(&[&["verify", chain, "--key", KEY_URI], &anchors[..]].concat());
    let before = Snapshot::of(station.sandbox.path());
    let other =
        ["verify", "pki/ca/server-issuing/cert.pem", "--key", KEY_URI, "--anchors", "pki/ca/server-root/cert.pem"];
    let outcome = station.tbpki(&other).run().ends(3).prints("TBPKI-0034");
    before.is_unchanged(&Snapshot::of(station.sandbox.path()), &outcome);
}
