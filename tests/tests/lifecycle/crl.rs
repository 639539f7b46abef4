//! `tbpki crl`.

use std::fs;

use pki::crl::Crl;
use pki::issuer::LocalCa;
use pki::pem_bundle::PemBundle;
use pki::revocation_list::{ListHeader, sign};
use pki::{PrivateKey, armor};
use tbpki_tests::Sandbox;
use time::{Duration, OffsetDateTime};

use crate::scene::{json, verify};

const LISTS: &str = "pki/devices-crl.pem";

fn lists(sandbox: &Sandbox, file: &str) -> Vec<Crl> {
    let bundle = PemBundle::parse(sandbox.text(file).as_bytes()).unwrap();
    bundle.crls.iter().map(|der| Crl::from_der(der).unwrap()).collect()
}

fn number(list: &Crl) -> u128 {
    u128::from_str_radix(list.number().unwrap(), 16).unwrap()
}

#[test]
fn a_list_of_each_ca_of_devices_is_written() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["client", "--device", "pump-1"]);
    let report = json(&sandbox.ok(["crl", "--json"]));
    let names: Vec<_> = report["lists"].as_array().unwrap().iter().map(|list| list["ca"].clone()).collect();
    assert_eq!(names, ["devices-issuing", "devices-root"]);
    let written = lists(&sandbox, LISTS);
    assert_eq!(written.len(), 2);
    let days = |list: &Crl| (list.next_update().unwrap() - list.this_update()).whole_days();
    // A month for the CA that is at hand, a year for the root, whose key may be in a safe.
    assert_eq!(written.iter().map(days).collect::<Vec<_>>(), [30, 365]);
    verify(&sandbox, LISTS, "pump-1").ok();
    sandbox.ok(["verify", "pki/devices/pump-1/chain.pem", "--crl", LISTS]);
}

#[test]
fn numbers_and_dates_grow_in_the_same_second() {
    let sandbox = Sandbox::with_store();
    for file in ["one.pem", "two.pem", "three.pem"] {
        sandbox.ok(["crl", "--out", file, "--days", "7"]);
    }
    let all = ["one.pem", "two.pem", "three.pem"].map(|file| lists(&sandbox, file));
    for pair in all.windows(2) {
        for (before, after) in pair[0].iter().zip(&pair[1]) {
            assert!(number(after) > number(before));
            // OpenSSL takes the list with the later date and does not look at the numbers (RFC 5280, section 5.2.3).
            assert!(after.this_update() > before.this_update());
        }
    }
    assert_eq!((all[0][0].next_update().unwrap() - all[0][0].this_update()).whole_days(), 7);
}

#[test]
fn the_configuration_names_the_file_and_the_days() {
    let sandbox = Sandbox::with_store();
    let settings = sandbox.text("keygen.toml");
    let crl = "[crl]\nout = \"broker/devices.crl\"\ndays = 3\n";
    let rest = settings.split_once("\n[crl]\n").map(|(before, section)| {
        let next = section.split_once("\n[").map_or(String::new(), |(_, next)| format!("\n[{next}"));
        format!("{before}\n{crl}{next}")
    });
    sandbox.write("keygen.toml", rest.unwrap_or_else(|| format!("{settings}\n{crl}")));
    fs::create_dir(sandbox.join("broker")).unwrap();
    let before = sandbox.ok(["crl", "--dry-run", "--json"]);
    assert_eq!(json(&before)["files"][0]["done"], "planned");
    assert!(!sandbox.join("broker/devices.crl").exists());
    sandbox.ok(["crl"]);
    let written = lists(&sandbox, "broker/devices.crl");
    assert_eq!((written[0].next_update().unwrap() - written[0].this_update()).whole_days(), 3);
}

#[test]
fn another_file_is_not_replaced() {
    let sandbox = Sandbox::with_store();
    sandbox.write("notes.txt", "not a list");
    sandbox.fails(["crl", "--out", "notes.txt"], 1, "TBPKI-0082");
    assert_eq!(sandbox.text("notes.txt"), "not a list");
    let other = Sandbox::with_store();
    other.ok(["crl", "--out", "theirs.pem"]);
    // A list in the right form, of the CA of another store: to replace it would let their revoked devices in again.
    sandbox.write("theirs.pem", other.text("theirs.pem"));
    sandbox.fails(["crl", "--out", "theirs.pem"], 1, "TBPKI-0082");
    assert_eq!(sandbox.text("theirs.pem"), other.text("theirs.pem"));
}

#[test]
fn the_list_of_a_root_that_is_kept_elsewhere_is_kept() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["crl"]);
    let root = lists(&sandbox, LISTS)[1].der().to_vec();
    fs::rename(sandbox.join("pki/ca/devices-root/key.pem"), sandbox.join("root.pem")).unwrap();
    let report = json(&sandbox.ok(["crl", "--json"]));
    assert_eq!(report["lists"][1]["kept"], true);
    assert_eq!(lists(&sandbox, LISTS)[1].der(), root);
    // Without an earlier list the root has none, and is warned of.
    sandbox.ok(["crl", "--out", "new.pem"]).prints("TBPKI-0112");
    assert_eq!(lists(&sandbox, "new.pem").len(), 1);
}

#[test]
fn a_clock_that_is_behind_makes_no_list_of_that_key() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["crl"]);
    // As if the broker had a list that was made an hour from now, and the ledger were an older one.
    let dir = sandbox.join("pki/ca/devices-issuing");
    let chain = PemBundle::parse(&fs::read(dir.join("cert.pem")).unwrap()).unwrap().certificates;
    let key = PrivateKey::from_pem_or_der(&fs::read(dir.join("key.pem")).unwrap(), None).unwrap();
    let later = OffsetDateTime::now_utc() + Duration::HOUR;
    let header = ListHeader { number: u64::MAX >> 1, this_update: later, next_update: later + Duration::DAY };
    let list = sign(&LocalCa::new(chain, key).unwrap(), &header, []).unwrap();
    let mut text = Vec::new();
    armor::append("X509 CRL", list.der(), &mut text);
    sandbox.write(LISTS, &text);
    sandbox.tbpki(["crl"]).run().ends(4).prints("TBPKI-0302").prints("wait until");
    // A difference of an hour passes by waiting.
    sandbox.tbpki(["crl", "--accept-clock"]).run().ends(4).prints("TBPKI-0302");
    let now = lists(&sandbox, LISTS);
    assert_eq!((now[0].der(), now.len()), (list.der(), 2), "the list of the root is made");
}
