//! A serial number on the lists of several generations of a CA: its issuing generation is unknown.

use std::fs;

use tbpki_tests::Sandbox;

use crate::scene::lose_ledger;

const LISTS: &str = "pki/devices-crl.pem";
/// A certificate that the ledger has not issued.
const SERIAL: &str = "471E1141D2E0DB5C1B5DA52ECD85DE23";

/// A store with a device and two generations of its CA, the second one prepared.
fn store() -> Sandbox {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["client", "d1", "d2"]);
    sandbox.ok(["ca", "prepare", "devices-issuing"]);
    sandbox.ok(["crl"]);
    sandbox
}

#[track_caller]
fn revoke_unseen(sandbox: &Sandbox) {
    sandbox.ok(["revoke", "--serial", SERIAL, "--issuer", "devices-issuing", "--not-in-ledger"]);
}

/// The number of revoked certificates on each list of the issuing CA.
fn counts(sandbox: &Sandbox) -> Vec<u64> {
    let report = sandbox.ok(["crl", "--json"]).json();
    let lists = report["result"]["lists"].as_array().unwrap().iter();
    lists.filter(|list| list["ca"] == "devices-issuing").map(|list| list["revoked"].as_u64().unwrap()).collect()
}

#[test]
fn a_certificate_on_the_lists_of_two_generations_is_taken_over_once() {
    let sandbox = store();
    revoke_unseen(&sandbox);
    assert_eq!(counts(&sandbox), [1, 1]);
    lose_ledger(&sandbox);
    sandbox.ok(["store", "repair"]).prints("1 revocation");
    assert_eq!(counts(&sandbox), [1, 1]);
    for command in [
        &["store", "check"][..],
        &["client", "d3"],
        &["revoke", "d1"],
        &["ca", "activate", "devices-issuing", "--leave-behind"],
    ] {
        sandbox.ok(command);
    }
    sandbox.ok(["store", "repair"]);
}

#[test]
fn a_restored_ledger_takes_it_over_once_too() {
    let sandbox = store();
    sandbox.ok(["store", "backup", "backup.tar"]);
    revoke_unseen(&sandbox);
    let lists = sandbox.read(LISTS);
    fs::rename(sandbox.join("pki"), sandbox.join("replaced")).unwrap();
    sandbox.ok(["store", "restore", "backup.tar"]);
    fs::write(sandbox.join(LISTS), lists).unwrap();
    sandbox.ok(["revoke", "d1"]);
    assert_eq!(counts(&sandbox), [2, 1], "the serial number on both, and d1 on that of its generation");
    sandbox.ok(["store", "repair"]);
    assert_eq!(counts(&sandbox), [2, 1]);
}

#[test]
fn a_certificate_that_only_a_list_has_stays_on_the_list_of_its_generation() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["client", "d1", "d2"]);
    sandbox.ok(["forget", "d1"]);
    sandbox.ok(["ca", "prepare", "devices-issuing"]);
    lose_ledger(&sandbox);
    sandbox.ok(["store", "repair"]);
    assert_eq!(counts(&sandbox), [1, 0]);
}
