//! A store that was restored to a time before a CA was made: published lists have the CA, the store has not.

use std::fs;

use serde_json::Value;
use tbpki_tests::{Outcome, Sandbox};

/// A store that was restored to a time before its issuing CA was replaced. `p1` is revoked below the first generation, and
/// `p4` below the one that is lost.
fn store() -> Sandbox {
    let sandbox = Sandbox::with_store();
    let settings = sandbox.text("keygen.toml");
    sandbox.write("keygen.toml", settings.replacen("\n[crl]\n", "\n[crl]\nout = \"out/crl.pem\"\n", 1));
    fs::create_dir(sandbox.join("out")).unwrap();
    sandbox.ok(["client", "p1"]);
    sandbox.ok(["crl"]);
    sandbox.ok(["store", "backup", "e0.tar"]);
    sandbox.ok(["ca", "prepare", "devices-issuing"]);
    sandbox.ok(["crl"]);
    sandbox.ok(["ca", "activate", "devices-issuing", "--leave-behind"]);
    sandbox.ok(["client", "p4"]);
    sandbox.ok(["revoke", "p1"]);
    sandbox.ok(["revoke", "p4"]);
    fs::rename(sandbox.join("pki"), sandbox.join("pki.lost")).unwrap();
    sandbox.ok(["store", "restore", "e0.tar"]);
    sandbox
}

fn result(outcome: &Outcome) -> Value {
    outcome.json()["result"].clone()
}

fn count(sandbox: &Sandbox) -> usize {
    sandbox.text("out/crl.pem").matches("BEGIN X509 CRL").count()
}

const LOST: &str = "devices issuing CA G2, a CA that this store has lost";

#[test]
fn a_check_reports_the_list_of_a_ca_that_the_store_has_lost() {
    let sandbox = store();
    sandbox.tbpki(["store", "check"]).run().ends(3).prints(LOST).prints("the store that was replaced");
    sandbox.ok(["store", "repair"]);
    sandbox.tbpki(["store", "check"]).run().ends(3).prints(LOST);
    // As the check states: with the files of the store that was replaced, it fits, and what they revoked is known.
    let dir = sandbox.join("pki/ca/devices-issuing");
    fs::remove_dir_all(&dir).unwrap();
    fs::rename(sandbox.join("pki.lost/ca/devices-issuing"), &dir).unwrap();
    sandbox.ok(["store", "repair"]).prints("1 revocation");
    sandbox.ok(["store", "check"]);
    sandbox.ok(["client", "p5"]);
}

#[test]
fn the_list_of_a_lost_ca_is_kept_and_its_name_is_not_used_again() {
    let sandbox = store();
    sandbox.tbpki(["store", "check"]).run().ends(3);
    sandbox.ok(["store", "repair"]);
    sandbox.tbpki(["store", "check"]).run().ends(3);
    let before = count(&sandbox);
    sandbox.ok(["crl"]).prints("TBPKI-0381").prints(LOST);
    assert_eq!(count(&sandbox), before, "p4 stays on the list of its CA");
    let prepared = sandbox.ok(["ca", "prepare", "devices-issuing"]);
    prepared.prints("devices issuing CA G3").prints("TBPKI-0381");
    let shown = result(&sandbox.ok(["ca", "list", "--json"]));
    let rows = shown["cas"].as_array().unwrap().iter().filter(|row| row["name"] == "devices-issuing");
    assert_eq!(rows.map(|row| row["generation"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 3]);
    sandbox.ok(["crl"]);
    sandbox.ok(["ca", "activate", "devices-issuing", "--leave-behind"]);
    sandbox.ok(["client", "p5"]);
}
