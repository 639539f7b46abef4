//! `store check` and `store repair` after a rollover.

use tbpki_tests::Sandbox;

use crate::scene::differences;

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
        std::fs::copy(from, sandbox.join("pki/ca/devices-issuing").join(file)).unwrap();
    }
    let found = differences(&sandbox.tbpki(["store", "check", "--json"]).run().ends(3));
    assert!(found.contains(&("ca".to_owned(), "devices-issuing".to_owned())), "{found:?}");
}
