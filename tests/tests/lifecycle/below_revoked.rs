//! Certificates below a revoked CA: due whatever their dates are, because peers refuse them.

use tbpki_tests::Sandbox;

use crate::scene::json;

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
    let renewed = json(&sandbox.ok(["renew", "--server", "--due", "--json"]));
    assert_eq!(count(&renewed, "renewed"), 1);
    // The renewal is below the generation that signs now.
    sandbox.tbpki(["needs-renewal", "--server"]).run().ends(1);
    assert_eq!(due(&sandbox), 0);
    assert_eq!(count(&json(&sandbox.ok(["renew", "--server", "--due", "--json"])), "renewed"), 0);
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
    let renewed = json(&sandbox.ok(["renew", "--device", "a,b", "--due", "--json"]));
    assert_eq!(count(&renewed, "renewed"), 2);
    sandbox.ok(["fleet", "renew", "--job", "1", "--due", "--out", "renewed"]).prints("2 of 2");
    // Those of the fleet wait for the devices.
    assert_eq!(due(&sandbox), 0);
    let again = sandbox.ok(["fleet", "renew", "--job", "1", "--due", "--out", "again"]);
    again.prints("2 renewed and not in use yet");
}

#[test]
fn a_replaced_root_has_no_note_that_its_present_generation_could_be_revoked() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["ca", "prepare", "devices-root"]);
    sandbox.ok(["ca", "activate", "devices-root", "--leave-behind"]);
    let text = sandbox.ok(["revoke", "--ca", "devices-root"]).stderr_text();
    assert!(!text.contains("TBPKI-0325") && !text.contains("--generation"), "{text}");
}
