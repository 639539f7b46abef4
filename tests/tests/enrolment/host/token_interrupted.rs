//! A host with its key in a token, whose command is cut off at any point: the key in use keeps working, and the same
//! command finishes.

use std::cell::RefCell;

use tbpki_tests::est::{Service, password, station};
use tbpki_tests::kill::kill_at_some_writes;

use super::token::{RENEW, TOKEN, TokenHost, uri};

/// The kills of each test. The token writes files too, so that some of them are inside of its making and removing keys.
const KILLS: usize = 12;

/// More certificates of a device in a day than the kills need.
const MANY: [&str; 2] = ["--issuances", "1000"];

#[test]
fn a_first_certificate_that_is_interrupted_gets_the_same_key() {
    let station = station();
    let service = Service::start(&station, &[]);
    let host = TokenHost::new(&station, &service);
    let secret = password(&station, "gateway-1");
    // The key is made, and the server is not there.
    let nowhere = ["enroll", "fetch", "--est", "https://localhost:1", "--cafile", "root.pem", "--device", "gateway-1"];
    let key = uri(";object=mqtt");
    host.host.sandbox.write("once", &secret);
    let files = ["--password-file", "once", "--cert", "chain.pem", "--key", &key, "--pin-file", "pin"];
    let tool = host.hsm.seen_by(host.host.sandbox.tbpki(nowhere.iter().chain(&files)));
    tool.run().ends(1).prints("TBPKI-0347");
    host.has_keys(&["mqtt"]);
    let recorded = host.host.sandbox.text("chain.pem.key.new");
    host.fetch("gateway-1", &secret, &key, &[]).ok();
    assert_eq!(host.host.sandbox.text("chain.pem.key"), recorded);
    host.has_keys(&["mqtt"]);
    host.uses("mqtt");
    host.fetch("gateway-1", &secret, &key, &[]).ends(1).prints("renew --est");
}

#[test]
fn halves_of_a_key_are_replaced_under_the_recorded_names() {
    let station = station();
    let service = Service::start(&station, &MANY);
    let host = TokenHost::with_certificate(&station, &service);
    for (removed, label) in [(&["privkey"][..], "mqtt.2"), (&["pubkey"], "mqtt.3"), (&["privkey", "pubkey"], "mqtt.4")]
    {
        host.host.sandbox.write("root.pem.away", host.host.sandbox.read("root.pem"));
        // Stopped by a server that it does not know, after the key was made.
        host.host.sandbox.write("root.pem", station.read("pki/ca/devices-root/cert.pem"));
        host.renew(&[]).ends(1).prints("TBPKI-0376");
        let recorded = host.host.sandbox.text("chain.pem.key.new");
        for kind in removed {
            host.hsm.pkcs11_tool(TOKEN, &["--delete-object", "--type", kind, "--label", label]).ok();
        }
        host.host.sandbox.write("root.pem", host.host.sandbox.read("root.pem.away"));
        host.renew(&[]).ok();
        assert_eq!(host.host.sandbox.text("chain.pem.key"), recorded);
        host.uses(label);
    }
    host.has_keys(&["mqtt.3", "mqtt.4"]);
}

#[test]
fn a_renewal_that_is_given_up_for_the_same_key_leaves_no_key_behind() {
    let station = station();
    let service = Service::start(&station, &[]);
    let host = TokenHost::with_certificate(&station, &service);
    let root = host.host.sandbox.read("root.pem");
    host.host.sandbox.write("root.pem", station.read("pki/ca/devices-root/cert.pem"));
    host.renew(&[]).ends(1).prints("TBPKI-0376");
    host.has_keys(&["mqtt", "mqtt.2"]);
    host.host.sandbox.write("root.pem", root);
    host.renew(&["--same-key"]).ok();
    host.has_keys(&["mqtt"]);
    host.uses("mqtt");
}

#[test]
fn a_renewal_is_killed_at_its_writes_and_those_of_the_token() {
    let station = station();
    let service = Service::start(&station, &MANY);
    let host = TokenHost::with_certificate(&station, &service);
    let program = host.program();
    host.host.sandbox.write("ready", "");
    let key = uri(";object=mqtt");
    let args = [&RENEW[..], &[&key, "--pin-file", "pin", "--after", &program]].concat();
    let (mut old, mut new) = (0, 0);
    let before = RefCell::new(String::new());
    let kills = kill_at_some_writes(
        KILLS,
        || {
            *before.borrow_mut() = host.serial();
            Ok((host.tbpki(&args).command(), ()))
        },
        |step, ()| {
            // The files that a service would load after a power cut belong to each other and to a key in the token. A
            // set that was cut off in its moves is finished by the next command.
            if !has_journal(&host) {
                let label = label_in_use(&host);
                host.uses(&label);
                if host.serial() == *before.borrow() { old += 1 } else { new += 1 }
            }
            let outcome = host.tbpki(&args).run();
            assert!(outcome.status == 0, "run again it does not finish: {outcome}\nafter {step}");
            let label = label_in_use(&host);
            host.uses(&label);
            // SoftHSM leaves objects without a label if it is cut off inside of its own writing.
            let named: Vec<_> = host.objects().into_iter().filter(|(_, label)| !label.is_empty()).collect();
            let expected = ["Private Key", "Public Key"].map(|half| (half.to_owned(), label.clone()));
            assert_eq!(named, expected, "after {step}");
            assert!(!host.files().iter().any(|file| file.ends_with(".new")), "{:?} after {step}", host.files());
        },
    )
    .unwrap();
    assert!(kills >= KILLS && old > 0 && new > 0, "{kills} kills, {old} with the old files, {new} with the new ones");
}

/// The label of the key that the file next to the certificate names.
fn label_in_use(host: &TokenHost) -> String {
    let key = host.key_in_use();
    key.split(';').find_map(|part| part.strip_prefix("object=")).unwrap().to_owned()
}

/// Whether moves of files were cut off.
fn has_journal(host: &TokenHost) -> bool {
    host.host.sandbox.files().iter().any(|file| file.to_string_lossy().contains(".tbpki-commit-"))
}
