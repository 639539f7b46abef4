//! Certificates that a list revokes before the ledger has seen them: their files come later, and they stay revoked.

use std::fs;

use tbpki_tests::Sandbox;

use crate::scene::lose_ledger;

/// Name, generation and role of each device.
fn roles(sandbox: &Sandbox) -> Vec<(String, u64, String)> {
    let listed = sandbox.ok(["list", "--kind", "device", "--all", "--json"]).json();
    let rows = listed["result"]["identities"].as_array().unwrap().iter();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    rows.map(|row| (text(&row["name"]), row["generation"].as_u64().unwrap(), text(&row["role"]))).collect()
}

fn role(name: &str, generation: u64, role: &str) -> (String, u64, String) {
    (name.to_owned(), generation, role.to_owned())
}

/// A fleet of three with one revoked device, whose ledger is lost while its directory is away.
fn without_its_fleet() -> Sandbox {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["fleet", "issue", "--count", "3", "--name-pattern", "f-{}", "--out", "fleet"]);
    sandbox.ok(["revoke", "f-2", "--reason", "keyCompromise"]);
    lose_ledger(&sandbox);
    fs::remove_dir_all(sandbox.join("pki/places")).unwrap();
    fs::rename(sandbox.join("fleet"), sandbox.join("moved")).unwrap();
    sandbox.ok(["store", "repair"]).prints("1 revocation");
    sandbox
}

#[test]
fn an_adopted_directory_brings_a_revoked_certificate() {
    let sandbox = without_its_fleet();
    sandbox.ok(["fleet", "adopt", "moved"]);
    let expected = [role("f-1", 1, "current"), role("f-2", 1, "revoked"), role("f-3", 1, "current")];
    assert_eq!(roles(&sandbox), expected);
    sandbox.ok(["crl"]).prints("1 revoked");
    sandbox.ok(["store", "check"]);
    // The name is free for the next generation.
    sandbox.ok(["client", "f-2"]);
}

#[test]
fn a_name_that_was_issued_again_does_not_keep_a_directory_out() {
    let sandbox = without_its_fleet();
    sandbox.ok(["client", "f-2"]);
    sandbox.ok(["fleet", "adopt", "moved"]);
    let expected =
        [role("f-1", 1, "current"), role("f-2", 1, "current"), role("f-2", 2, "revoked"), role("f-3", 1, "current")];
    assert_eq!(roles(&sandbox), expected);
}

#[test]
fn files_that_return_are_taken_over_as_revoked() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["client", "pump-1", "pump-2"]);
    sandbox.ok(["revoke", "pump-1"]);
    lose_ledger(&sandbox);
    fs::rename(sandbox.join("pki/devices/pump-1"), sandbox.join("away")).unwrap();
    sandbox.ok(["store", "repair"]);
    fs::rename(sandbox.join("away"), sandbox.join("pki/devices/pump-1")).unwrap();
    sandbox.fails(["store", "check"], 3, "TBPKI-0332").prints("pump-1");
    sandbox.ok(["store", "repair"]);
    assert_eq!(roles(&sandbox), [role("pump-1", 1, "revoked"), role("pump-2", 1, "current")]);
    sandbox.ok(["store", "check"]);
    sandbox.fails(["import", "--cert", "pki/devices/pump-1/cert.pem"], 1, "TBPKI-0062");
}

#[test]
fn a_revoked_certificate_is_never_the_one_in_use() {
    let sandbox = Sandbox::with_store();
    // All within one second or not: the order of dates decides nothing.
    sandbox.ok(["fleet", "issue", "--count", "2", "--name-pattern", "f-{}", "--out", "fleet"]);
    sandbox.ok(["revoke", "f-1"]);
    sandbox.ok(["client", "f-1"]);
    let before = roles(&sandbox);
    lose_ledger(&sandbox);
    sandbox.ok(["store", "repair"]);
    assert_eq!(roles(&sandbox), before);
    sandbox.ok(["client", "f-1"]).prints("is up to date");
}

/// Revokes a device, and puts the CA that issued it out of service.
fn out_of_service(end: &[&str]) -> Sandbox {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["client", "kept", "stolen"]);
    sandbox.ok(["revoke", "stolen", "--reason", "keyCompromise"]);
    for command in
        [&["ca", "prepare", "devices-issuing"][..], &["crl"], &["ca", "activate", "devices-issuing", "--leave-behind"]]
    {
        sandbox.ok(command);
    }
    sandbox.ok(["renew", "--all"]);
    sandbox.ok(end);
    sandbox.ok(["crl"]);
    sandbox
}

#[test]
fn what_was_revoked_below_a_ca_out_of_service_stays_revoked() {
    for end in [&["ca", "retire", "devices-issuing"][..], &["revoke", "--ca", "devices-issuing", "--generation", "1"]] {
        let sandbox = out_of_service(end);
        let before = roles(&sandbox);
        assert!(before.contains(&role("stolen", 1, "revoked")), "{before:?}");
        lose_ledger(&sandbox);
        sandbox.ok(["store", "repair"]).prints("1 revocation");
        assert_eq!(roles(&sandbox), before, "{end:?}");
        // The other device is as good as new, so that it needs no renewal.
        sandbox.ok(["renew", "--all"]).prints("1 not due, 1 skipped because they were revoked");
        assert_eq!(roles(&sandbox).iter().filter(|(name, _, _)| name == "stolen").count(), 1, "{end:?}");
        sandbox.ok(["store", "check"]);
    }
}

#[test]
fn a_ca_out_of_service_without_a_list_is_named() {
    let sandbox = out_of_service(&["ca", "retire", "devices-issuing"]);
    fs::remove_file(sandbox.join("pki/ca/retired/lists.pem")).unwrap();
    lose_ledger(&sandbox);
    sandbox.ok(["store", "repair"]).prints("revocations below generation 1 of devices-issuing");
}
