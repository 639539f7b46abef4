//! Certificates below a revoked CA: due whatever their dates are, because peers refuse them.

use serde_json::json;
use tbpki_tests::Sandbox;
use tbpki_tests::forge::sql;

use crate::scene::json as report_of;

/// Revokes a CA, and lets its next generation sign.
fn replace(sandbox: &Sandbox, ca: &str) {
    sandbox.ok(["ca", "prepare", ca]);
    sandbox.ok(["crl"]);
    sandbox.ok(["ca", "activate", ca, "--leave-behind"]);
}

/// The number of elements of a list of the report.
fn count(report: &serde_json::Value, list: &str) -> usize {
    report[list].as_array().unwrap().len()
}

/// The number of rows of `list` that must be renewed.
fn due(sandbox: &Sandbox) -> usize {
    sandbox.ok(["list"]).stdout_text().matches("renew now").count()
}

#[test]
fn a_server_below_a_revoked_ca_is_renewed_by_its_timer() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["server", "--name", "tb.example", "--only-given-names"]);
    sandbox.tbpki(["needs-renewal", "--server"]).run().ends(1);
    let revoked = sandbox.ok(["revoke", "--ca", "server-issuing"]).prints("TBPKI-0319");
    let revoked = revoked
        .prints("tbpki ca activate server-issuing")
        .prints("`tbpki renew --server NAME`")
        .prints("clients that read");
    let text = revoked.stderr_text();
    assert!(!text.contains("broker") && !text.contains("fleet"), "{text}");
    sandbox.tbpki(["needs-renewal", "--server"]).run().ends(0).prints("its CA is revoked");
    sandbox.fails(["renew", "--server", "--due"], 1, "TBPKI-0325");
    replace(&sandbox, "server-issuing");
    assert_eq!(due(&sandbox), 1);
    sandbox.ok(["server", "--name", "tb.example"]).prints("is of a revoked generation of server-issuing");
    sandbox.tbpki(["needs-renewal", "--server"]).run().ends(0);
    let renewed = report_of(&sandbox.ok(["renew", "--server", "--due", "--json"]));
    assert_eq!(count(&renewed, "renewed"), 1);
    // The renewal is below the generation that signs now.
    sandbox.tbpki(["needs-renewal", "--server"]).run().ends(1);
    assert_eq!(due(&sandbox), 0);
    assert_eq!(count(&report_of(&sandbox.ok(["renew", "--server", "--due", "--json"])), "renewed"), 0);
}

#[test]
fn devices_and_fleets_below_a_revoked_ca_are_due() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["client", "a", "b"]);
    sandbox.ok(["fleet", "issue", "--count", "2", "--name-pattern", "s-{}", "--out", "fleet"]);
    let revoked = sandbox.ok(["revoke", "--ca", "devices-issuing"]).prints("4 certificates in use depend");
    revoked.prints("`tbpki renew --all`").prints("`tbpki fleet renew --job N --out DIR`");
    replace(&sandbox, "devices-issuing");
    assert_eq!(due(&sandbox), 4);
    sandbox.ok(["report", "--metrics", "m.prom"]);
    let below = |kind: &str, count: u64| {
        let line = format!("tbpki_certificates_below_revoked_ca{{kind=\"{kind}\"}} {count}\n");
        assert!(sandbox.text("m.prom").contains(&line), "{line}");
    };
    below("device", 4);
    below("server", 0);
    let renewed = report_of(&sandbox.ok(["renew", "--device", "a,b", "--due", "--json"]));
    assert_eq!(count(&renewed, "renewed"), 2);
    sandbox.ok(["fleet", "renew", "--job", "1", "--due", "--out", "renewed"]).prints("2 of 2");
    // Those of the fleet wait for the devices.
    assert_eq!(due(&sandbox), 0);
    let again = sandbox.ok(["fleet", "renew", "--job", "1", "--due", "--out", "again"]);
    again.prints("2 renewed and not in use yet");
}

/// A renewal that is pending becomes the last generation by a revocation, and the earlier one is the one that the platform
/// has.
#[test]
fn an_open_step_of_an_earlier_generation_is_in_the_list() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["client", "a2"]);
    sql(&sandbox.join("pki/ledger.db"), "UPDATE identity SET registered_at = 1 WHERE name = 'a2'");
    replace(&sandbox, "devices-issuing");
    sandbox.ok(["renew", "a2"]).prints("generation 2 is pending");
    // No platform is configured, so that it cannot be asked.
    sandbox.tbpki(["revoke", "a2"]).run().ends(4).prints("generation 1: platform");
    let rows = |args: &[&str]| {
        let listed = report_of(&sandbox.ok([&["list", "--kind", "device", "--json"], args].concat()));
        let rows = listed["identities"].as_array().unwrap().iter();
        rows.map(|row| (row["generation"].clone(), row["open"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(rows(&[]), [(json!(2), json!(["platform"]))]);
    sandbox.ok(["list", "--kind", "device"]).prints("(platform open)");
    // Each generation has a row of its own: the step is in the one that it belongs to.
    assert_eq!(rows(&["--all"]), [(json!(1), json!(["platform"])), (json!(2), json!(null))]);
}

/// Each revoked certificate has the advice for its kind.
#[test]
fn what_is_verified_with_lists_names_the_verb_that_replaces_it() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["client", "a"]);
    let crl = |args: &[&str]| sandbox.ok([&["crl"], args].concat());
    crl(&[]);
    sandbox.ok(["revoke", "a"]);
    let verify = |chain: &str| sandbox.tbpki(["verify", chain, "--crl", "pki/devices-crl.pem"]).run();
    verify("pki/devices/a/chain.pem").ends(3).prints("TBPKI-0062").prints("`tbpki client --device NAME`");
    sandbox.ok(["revoke", "--ca", "devices-issuing"]);
    let text = verify("pki/ca/devices-issuing/cert.pem").ends(3).prints("TBPKI-0062").prints("`tbpki ca prepare`");
    assert!(!format!("{text}").contains("tbpki client"), "{text}");
}

#[test]
fn the_gate_of_the_lists_names_the_peers_of_the_hierarchy() {
    let sandbox = Sandbox::with_store();
    // The lists of servers exist once one of them was revoked.
    sandbox.ok(["server", "--name", "tb.example", "--only-given-names"]);
    sandbox.ok(["revoke", "--server", "tb.example"]);
    for (ca, peers) in [("server-issuing", "every server below"), ("devices-issuing", "every device below")] {
        sandbox.ok(["crl"]);
        sandbox.ok(["ca", "prepare", ca]);
        sandbox.fails(["ca", "activate", ca, "--leave-behind"], 1, "TBPKI-0321").prints(peers);
    }
}

#[test]
fn a_replaced_root_has_no_note_that_its_present_generation_could_be_revoked() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["ca", "prepare", "devices-root"]);
    sandbox.ok(["ca", "activate", "devices-root", "--leave-behind"]);
    let text = sandbox.ok(["revoke", "--ca", "devices-root"]).stderr_text();
    assert!(!text.contains("TBPKI-0325") && !text.contains("--generation"), "{text}");
}
