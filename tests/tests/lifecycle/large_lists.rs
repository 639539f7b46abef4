//! A revocation list with 100,000 entries, as the programs that must honor it read it.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use pki::crl::Crl;
use pki::pem_bundle::PemBundle;
use tbpki_tests::clients::{Files, mosquitto_pub};
use tbpki_tests::forge::{Forged, forge};
use tbpki_tests::oracle::{certtool, java};
use tbpki_tests::pkilint::findings_in_list;
use tbpki_tests::{Clock, Listener, Mosquitto, Sandbox};
use time::OffsetDateTime;
use webpki::KeyUsage;

use crate::verifiers::Shown;

const MANY: usize = 100_000;
const LISTS: &str = "conf/devices-crl.pem";

/// A store that has revoked `many` devices and `stolen`, with its lists in a file for the broker; `good` is not revoked.
#[track_caller]
fn store(many: usize) -> Sandbox {
    let sandbox = Sandbox::in_memory().make_store();
    sandbox.ok(["server", "--name", "localhost", "--only-given-names", "--out", "conf"]);
    for device in ["good", "stolen"] {
        sandbox.ok(["client", "--device", device]);
    }
    let revoked = (0..many).map(|number| Forged::new(format!("old-{number:06}")).state("revoked"));
    forge(&sandbox.join("pki/ledger.db"), revoked);
    sandbox.ok(["revoke", "--device", "stolen", "--reason", "keyCompromise", "--out", LISTS]);
    sandbox
}

fn of_device(sandbox: &Sandbox, device: &str, file: &str) -> PathBuf {
    sandbox.join("pki/devices").join(device).join(file)
}

/// The list of the issuing CA.
fn list(sandbox: &Sandbox) -> Crl {
    Crl::from_der(&PemBundle::parse(&sandbox.read(LISTS)).unwrap().crls[0]).unwrap()
}

#[test]
fn openssl_webpki_java_and_mosquitto_honor_a_list_of_a_hundred_thousand() {
    let sandbox = store(MANY);
    assert_eq!(list(&sandbox).revoked().len(), MANY + 1);
    let (lists, roots) = (sandbox.join(LISTS), sandbox.join("pki/ca/devices-root/cert.pem"));
    let clock = Clock::starting_at(OffsetDateTime::now_utc());
    for (device, is_in) in [("good", true), ("stolen", false)] {
        let chain = of_device(&sandbox, device, "chain.pem");
        let shown = Shown { chain: &chain, anchors: &roots, lists: Some(&lists) };
        let verdicts = [shown.openssl(&clock), shown.webpki(&clock, KeyUsage::client_auth())];
        for verdict in verdicts {
            let is_revoked = verdict.as_ref().is_err_and(|why| why.to_lowercase().contains("revoked"));
            assert_eq!((verdict.is_ok(), is_revoked), (is_in, !is_in), "{device}: {verdict:?}");
        }
        let checked = java("RevocationCheck").arg(&roots).arg(&chain).arg(&lists).run().ends(i32::from(!is_in));
        let report = checked.json();
        // The root's list is empty.
        assert_eq!(report["entries"], MANY + 1);
        assert_eq!(report["outcome"], if is_in { "valid" } else { "refused" }, "{checked}");
        assert_eq!(report["reason"].as_str(), if is_in { None } else { Some("REVOKED") });
    }
    let conf = |file: &str| sandbox.join("conf").join(file);
    let listener = Listener::new(&conf("mqttserver.pem"), &conf("mqttserver_key.pem"));
    let listener = listener.requiring_clients_of(&conf("clients-ca.pem"));
    let broker = Mosquitto::start(&listener.with_revocation_lists(&lists));
    let login = |device: &str| {
        let file = |file: &str| of_device(&sandbox, device, file);
        let (anchors, certificate, key) = (file("tb-server-chain.pem"), file("chain.pem"), file("key.pem"));
        mosquitto_pub(broker.port(), &Files { anchors: &anchors, certificate: &certificate, key: Some(&key) })
    };
    login("good").succeeds();
    login("stolen").is_refused("");
}

#[test]
#[ignore = "long: cargo xtask interop life"]
fn life_a_list_of_a_hundred_thousand_never_goes_back() {
    let sandbox = store(MANY);
    let first = list(&sandbox);
    // The next one, of a ledger that is an older copy: neither number nor date goes back.
    sandbox.ok(["store", "backup", "b.tar"]);
    sandbox.ok(["crl", "--out", LISTS]);
    sandbox.ok(["crl", "--out", LISTS]);
    let before = list(&sandbox);
    fs::rename(sandbox.join("pki"), sandbox.join("lost")).unwrap();
    sandbox.ok(["store", "restore", "b.tar"]);
    sandbox.tbpki(["store", "check"]).run();
    sandbox.ok(["crl", "--out", LISTS]);
    let after = list(&sandbox);
    let number = |list: &Crl| u128::from_str_radix(list.number().unwrap(), 16).unwrap();
    assert!(number(&first) < number(&before) && number(&before) < number(&after));
    assert!(first.this_update() < before.this_update() && before.this_update() < after.this_update());
    assert_eq!(after.revoked().len(), MANY + 1);
}

#[test]
fn pkilint_finds_nothing_in_the_lists_of_a_store() {
    let sandbox = store(50);
    let text = sandbox.text(LISTS);
    let lists: Vec<&str> = text.split_inclusive("-----END X509 CRL-----\n").collect();
    assert_eq!(lists.len(), 2);
    for one in lists {
        sandbox.write("one.pem", one);
        assert_eq!(findings_in_list(&sandbox.join("one.pem")), Vec::<String>::new());
    }
}

#[test]
#[ignore = "long: cargo xtask interop life"]
fn life_gnutls_honors_a_list_of_a_hundred_thousand() {
    // It compares every pair of entries, which takes minutes.
    let sandbox = store(MANY);
    let devices = sandbox.join("conf/clients-ca.pem");
    for (device, is_in) in [("good", true), ("stolen", false)] {
        let tool = certtool().arg("--verify").arg("--load-ca-certificate").arg(&devices);
        let tool = tool.arg("--load-crl").arg(sandbox.join(LISTS)).arg("--infile").arg(of_device(
            &sandbox,
            device,
            "chain.pem",
        ));
        let outcome = tool.patience(Duration::from_secs(3600)).run();
        assert_eq!(outcome.status == 0, is_in, "{outcome}");
        assert_eq!(outcome.stdout_text().contains("revoked"), !is_in, "{outcome}");
    }
}

#[test]
#[ignore = "long: cargo xtask interop life"]
fn life_pkilint_finds_nothing_in_a_list_of_a_hundred_thousand() {
    let sandbox = store(MANY);
    let text = sandbox.text(LISTS);
    let one = text.split_inclusive("-----END X509 CRL-----\n").next().unwrap();
    sandbox.write("one.pem", one);
    assert_eq!(findings_in_list(&sandbox.join("one.pem")), Vec::<String>::new());
    assert_eq!(list(&sandbox).revoked().len(), MANY + 1);
}
