//! Tokens, keys and PINs of hosts that are not as they should be: each with its code, and nothing is changed.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tbpki_tests::est::{Service, password, station};
use tbpki_tests::softhsm::MODULE;

use super::token::{RENEW, TOKEN, TokenHost, uri};

#[test]
fn a_wrong_pin_is_tried_once() {
    let station = station();
    let service = Service::start(&station, &[]);
    let host = TokenHost::with_certificate(&station, &service);
    let before = (host.files(), host.serial());
    host.host.sandbox.write("wrong", "4711-is-wrong\n");
    fs::set_permissions(host.host.sandbox.join("wrong"), fs::Permissions::from_mode(0o600)).unwrap();
    host.host.sandbox.hides("4711-is-wrong");
    let key = uri(";object=mqtt");
    // Each login is a line in the log of OpenSC's spy, a module between tbpki and the token.
    let spy = "/usr/lib/x86_64-linux-gnu/pkcs11-spy.so";
    let log = host.host.sandbox.join("spy.log");
    let spied = key.replace(MODULE, spy);
    let args = [&RENEW[..], &[&spied, "--pin-file", "wrong"]].concat();
    let tool = host.tbpki(&args).env("PKCS11SPY", MODULE).env("PKCS11SPY_OUTPUT", &log);
    tool.run().ends(1).prints("TBPKI-0289").prints("--pin-file");
    let calls = fs::read_to_string(&log).unwrap();
    assert_eq!(calls.matches(": C_Login\n").count(), 1, "{calls}");
    fs::remove_file(log).unwrap();
    host.tbpki(&[&RENEW[..], &[&key]].concat()).run().ends(2).prints("TBPKI-0010").prints("--pin-file");
    let source = format!("{key}&pin-source=/there/is/none");
    host.tbpki(&[&RENEW[..], &[&source]].concat()).run().ends(1).prints("/there/is/none");
    let both = host.tbpki(&[&RENEW[..], &[&source, "--pin-file", "pin"]].concat()).run().ends(1);
    both.prints("the PIN has two places");
    let value = format!("{key}&pin-value=4711-is-wrong");
    host.tbpki(&[&RENEW[..], &[&value]].concat()).run().ends(2).prints("TBPKI-0285").prints("--pin-file");
    assert_eq!((host.files(), host.serial()), before);
    host.has_keys(&["mqtt"]);
    // The right one still opens.
    host.renew(&[]).ok();
}

#[test]
fn what_is_no_usable_key_is_named() {
    let station = station();
    let service = Service::start(&station, &[]);
    let host = TokenHost::with_certificate(&station, &service);
    let before = (host.files(), host.serial());
    let tool = |args: &[&str]| drop(host.hsm.pkcs11_tool(TOKEN, args).ok());
    let fails = |key: &str, code: &str, words: &[&str]| {
        let outcome = host.tbpki(&[&RENEW[..], &[key, "--pin-file", "pin"]].concat()).run();
        assert!(outcome.status == 1, "{key}: {outcome}");
        words.iter().fold(outcome.prints(code), |outcome, word| outcome.prints(word));
    };
    fails("pkcs11:object=mqtt?module-path=/there/is/none.so", "TBPKI-0286", &["/there/is/none.so"]);
    fails(&format!("pkcs11:token=other;object=mqtt?module-path={MODULE}"), "TBPKI-0287", &["token gateway (serial"]);
    // The key of the certificate is found by the file next to it; without that file the URI alone counts.
    let named = host.host.sandbox.read("chain.pem.key");
    fs::remove_file(host.host.sandbox.join("chain.pem.key")).unwrap();
    fails(&uri(";object=none"), "TBPKI-0290", &["\"none\"", "mqtt (id "]);
    tool(&["--keypairgen", "--key-type", "EC:prime256v1", "--usage-sign", "--label", "other", "--id", "05"]);
    fails(&uri(";object=other"), "TBPKI-0034", &["no key in the token belongs to the certificate", "other (id 05)"]);
    host.host.sandbox.write("data", "text");
    let data = host.host.sandbox.join("data");
    tool(&["--write-object", data.to_str().unwrap(), "--type", "data", "--label", "text"]);
    fails(&uri(";object=text"), "TBPKI-0366", &["\"text\" in the token is a data object"]);
    tool(&["--delete-object", "--type", "privkey", "--label", "other"]);
    fails(&uri(";object=other"), "TBPKI-0366", &["\"other\" in the token is a public key"]);
    host.host.sandbox.write("chain.pem.key", named);
    assert_eq!((host.files(), host.serial()), before);

    // The key of the certificate is gone.
    let label = ["--label", "mqtt"];
    for kind in ["privkey", "pubkey"] {
        tool(&[&["--delete-object", "--type", kind], &label[..]].concat());
    }
    fails(&uri(";object=mqtt"), "TBPKI-0290", &["\"mqtt\""]);
    assert_eq!((host.files(), host.serial()), before);
}

#[test]
fn a_key_without_the_right_to_sign_is_refused_before_anything_is_asked() {
    let station = station();
    let service = Service::start(&station, &[]);
    let host = TokenHost::new(&station, &service);
    host.hsm.make_key_that_decrypts(TOKEN, "decrypt");
    let secret = password(&station, "gateway-1");
    let outcome = host.fetch("gateway-1", &secret, &uri(";object=decrypt"), &["--existing-key"]).ends(1);
    outcome.prints("TBPKI-0291").prints("not allowed to sign");
    host.fetch("gateway-1", &secret, &uri(";object=none"), &["--existing-key"]).ends(1).prints("TBPKI-0290");
    host.fetch("gateway-1", &secret, &uri(";object=mqtt"), &["--alg", "ed25519"]).ends(1).prints("TBPKI-0292");
    host.has_keys(&["decrypt"]);
    // The password was not used.
    host.fetch("gateway-1", &secret, &uri(";object=mqtt"), &[]).ok();
}

#[test]
fn a_token_that_makes_no_keys_leaves_the_same_key() {
    let station = station();
    let service = Service::start(&station, &[]);
    let host = TokenHost::with_certificate(&station, &service);
    host.hsm.configure("slots.mechanisms = -CKM_DSA,CKM_EC_KEY_PAIR_GEN\n");
    let first = host.serial();
    let outcome = host.renew(&[]).ends(1);
    outcome.prints("TBPKI-0368").prints("no mechanism for making ec-p256 keys").prints("--same-key");
    assert_eq!(host.serial(), first);
    host.uses("mqtt");
    host.renew(&["--same-key"]).ok();
    assert_ne!(host.serial(), first);
    host.uses("mqtt");
    host.has_keys(&["mqtt"]);
    assert!(!host.files().iter().any(|file| file.ends_with(".new")), "{:?}", host.files());

    let other = TokenHost::new(&station, &service);
    other.hsm.configure("slots.mechanisms = -CKM_DSA,CKM_EC_KEY_PAIR_GEN\n");
    let outcome = other.fetch("gateway-2", &password(&station, "gateway-2"), &uri(";object=mqtt"), &[]).ends(1);
    outcome.prints("TBPKI-0368").prints("--existing-key");
}
