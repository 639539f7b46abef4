//! `store check` and `store repair` after a rollover.

use std::fs;

use serde_json::Value;
use tbpki_tests::Sandbox;

use crate::scene::{differences, lose_ledger, shown};

/// Takes the next generation of a CA into use.
#[track_caller]
fn roll_over(sandbox: &Sandbox, ca: &str) {
    sandbox.ok(["ca", "prepare", ca]);
    sandbox.ok(["ca", "confirm", ca, "--all"]);
    sandbox.ok(["ca", "activate", ca]);
}

#[track_caller]
fn has_no_differences(sandbox: &Sandbox) {
    assert_eq!(differences(&sandbox.tbpki(["store", "check", "--json"]).run().ends(0)), []);
}

#[test]
fn the_certificate_of_an_issuing_ca_by_the_new_root_is_no_difference() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["server", "--name", "localhost", "--only-given-names"]);
    sandbox.ok(["client", "--device", "p-1"]);
    for root in ["server-root", "devices-root"] {
        roll_over(&sandbox, root);
        has_no_differences(&sandbox);
    }
    for root in ["server-root", "devices-root"] {
        sandbox.ok(["ca", "retire", root]);
        has_no_differences(&sandbox);
    }
    // Another CA in its place is still one.
    let other = Sandbox::with_store();
    for file in ["cert.pem", "key.pem"] {
        let from = other.join("pki/ca/devices-issuing").join(file);
        fs::copy(from, sandbox.join("pki/ca/devices-issuing").join(file)).unwrap();
    }
    let found = differences(&sandbox.tbpki(["store", "check", "--json"]).run().ends(3));
    assert!(found.contains(&("ca".to_owned(), "devices-issuing".to_owned())), "{found:?}");
}

/// The role and the issuer's generation of each CA and device: name, number, role.
#[track_caller]
fn roles(sandbox: &Sandbox) -> Vec<(String, u64, String)> {
    let listed = sandbox.ok(["list", "--all", "--json"]).json();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rows = listed["result"]["identities"].as_array().unwrap().iter();
    rows.map(|row| (text(&row["name"]), row["generation"].as_u64().unwrap(), text(&row["role"]))).collect()
}

/// The certificate that has signed a device.
#[track_caller]
fn is_signed_by(sandbox: &Sandbox, device: &str, ca: &str) -> bool {
    let chain = format!("pki/devices/{device}/chain.pem");
    let ca = sandbox.text(format!("pki/ca/{ca}/cert.pem"));
    sandbox.text(&chain).contains(ca.trim())
}

#[test]
fn an_issuing_ca_that_was_replaced_comes_back_as_replaced() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["client", "--device", "a1"]);
    roll_over(&sandbox, "devices-issuing");
    sandbox.ok(["client", "--device", "a2"]);
    let (before, cas) = (shown(&sandbox), sandbox.ok(["ca", "list", "--json"]).json()["result"]["cas"].clone());
    lose_ledger(&sandbox);
    sandbox.ok(["store", "repair", "--dry-run"]).prints("2 certificates");
    sandbox.ok(["store", "repair"]).prints("2 certificates");
    assert_eq!(shown(&sandbox), before);
    let after = sandbox.ok(["ca", "list", "--json"]).json()["result"]["cas"].clone();
    for field in ["name", "generation", "role", "fingerprint", "below"] {
        let of = |cas: &Value| cas.as_array().unwrap().iter().map(|ca| ca[field].clone()).collect::<Vec<_>>();
        assert_eq!(of(&after), of(&cas), "{field}");
    }
    has_no_differences(&sandbox);
    sandbox.ok(["client", "--device", "a3"]);
    assert!(is_signed_by(&sandbox, "a3", "devices-issuing"));
    assert!(is_signed_by(&sandbox, "a1", "devices-issuing/generation-1"));
    // The rollover goes on: `a1` still depends on the first generation.
    sandbox.fails(["ca", "retire", "devices-issuing"], 1, "TBPKI-0319");
    sandbox.ok(["client", "--device", "a1", "--force"]);
    sandbox.ok(["ca", "retire", "devices-issuing"]);
    lose_ledger_again(&sandbox);
    sandbox.ok(["store", "repair"]);
    has_no_differences(&sandbox);
    assert!(roles(&sandbox).contains(&("devices-issuing".to_owned(), 1, "retired".to_owned())));
}

/// Moves the ledger away once more.
#[track_caller]
fn lose_ledger_again(sandbox: &Sandbox) {
    fs::remove_dir_all(sandbox.join("lost")).unwrap();
    lose_ledger(sandbox);
}

#[test]
fn roots_that_were_replaced_come_back_with_the_paths_to_both() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["server", "--name", "localhost", "--only-given-names"]);
    sandbox.ok(["client", "--device", "a1"]);
    for root in ["server-root", "devices-root"] {
        roll_over(&sandbox, root);
    }
    let before = shown(&sandbox);
    lose_ledger(&sandbox);
    sandbox.ok(["store", "repair"]);
    assert_eq!(shown(&sandbox), before);
    has_no_differences(&sandbox);
    sandbox.ok(["client", "--device", "a2"]);
    sandbox.ok(["ca", "retire", "server-root"]);
    sandbox.ok(["ca", "retire", "devices-root"]);
    has_no_differences(&sandbox);
    // Without the first root, its certificate of the issuing CA is gone too.
    lose_ledger_again(&sandbox);
    sandbox.ok(["store", "repair"]);
    has_no_differences(&sandbox);
    sandbox.ok(["client", "--device", "a3"]);
}

#[test]
fn a_prepared_generation_is_prepared_after_a_repair() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["client", "--device", "a1"]);
    sandbox.ok(["ca", "prepare", "devices-issuing"]);
    let before = shown(&sandbox);
    lose_ledger(&sandbox);
    sandbox.ok(["store", "repair"]);
    assert_eq!(shown(&sandbox), before);
    sandbox.ok(["client", "--device", "a2"]);
    assert!(is_signed_by(&sandbox, "a2", "devices-issuing"));
    sandbox.ok(["ca", "confirm", "devices-issuing", "--all"]);
    sandbox.ok(["ca", "activate", "devices-issuing"]);
    sandbox.ok(["client", "--device", "a3"]);
    assert!(is_signed_by(&sandbox, "a3", "devices-issuing") && !is_signed_by(&sandbox, "a2", "devices-issuing"));
}

#[test]
fn a_revoked_ca_is_revoked_after_a_repair() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["client", "--device", "a1"]);
    roll_over(&sandbox, "devices-issuing");
    sandbox.ok(["revoke", "--ca", "devices-issuing", "--generation", "1"]);
    lose_ledger(&sandbox);
    sandbox.ok(["store", "repair"]);
    let roles = roles(&sandbox);
    assert!(roles.contains(&("devices-issuing".to_owned(), 1, "revoked".to_owned())), "{roles:?}");
    assert!(roles.contains(&("devices-issuing".to_owned(), 2, "current".to_owned())), "{roles:?}");
    // Also while it is in the place of the one that signs.
    sandbox.ok(["revoke", "--ca", "devices-issuing", "--generation", "2"]);
    lose_ledger_again(&sandbox);
    sandbox.ok(["store", "repair"]);
    sandbox.fails(["client", "--device", "a2"], 1, "TBPKI-0325");
}

/// Copies the ledger between two directories.
fn copy_ledger(sandbox: &Sandbox, from: &str, to: &str) {
    fs::create_dir_all(sandbox.join(to)).unwrap();
    for file in ["ledger.db", "ledger.db-wal"] {
        fs::copy(sandbox.join(from).join(file), sandbox.join(to).join(file)).unwrap();
    }
    let _ = fs::remove_file(sandbox.join(to).join("ledger.db-shm"));
}

#[test]
fn an_older_ledger_does_not_bring_the_replaced_ca_back() {
    for prepared_before in [false, true] {
        let sandbox = Sandbox::with_store();
        sandbox.ok(["client", "--device", "a1"]);
        if prepared_before {
            sandbox.ok(["ca", "prepare", "devices-issuing"]);
        }
        copy_ledger(&sandbox, "pki", "saved");
        roll_over(&sandbox, "devices-issuing");
        sandbox.ok(["client", "--device", "a2"]);
        let before = shown(&sandbox);
        let signs = sandbox.text("pki/ca/devices-issuing/cert.pem");
        copy_ledger(&sandbox, "saved", "pki");
        // Without the notes, only the files of the CA show it.
        fs::remove_dir_all(sandbox.join(".local")).unwrap();
        fs::remove_file(sandbox.join("pki/ledger.note")).unwrap();
        sandbox.fails(["client", "--device", "n"], 1, "TBPKI-0424").prints("devices-issuing");
        assert_eq!(sandbox.text("pki/ca/devices-issuing/cert.pem"), signs);
        sandbox.ok(["store", "repair"]);
        assert_eq!(shown(&sandbox), before);
        assert_eq!(sandbox.text("pki/ca/devices-issuing/cert.pem"), signs);
        has_no_differences(&sandbox);
        sandbox.ok(["client", "--device", "a3"]);
        assert!(is_signed_by(&sandbox, "a3", "devices-issuing"));
    }
}
