//! `renew`, `revoke` and `crl`.

use std::fs;

use pki::crl::Crl;
use pki::pem_bundle::PemBundle;
use tbpki_tests::Sandbox;
use tbpki_tests::forge::age;
use tbpki_tests::kill::{Step, kill_at_every_write};
use tbpki_tests::leftovers::assert_private;

use crate::{Issuance, State};

const LISTS: &str = "pki/devices-crl.pem";

#[test]
fn a_renewed_device() {
    let start = Sandbox::in_memory().make_store();
    start.ok(["client", "--device", "pump-1", "--days", "90"]);
    age(&start.join("pki/ledger.db"), "pump-1", 80);
    let renew: &[&str] = &["renew", "--device", "pump-1", "--due"];
    let result = ["pki/devices/pump-1/chain.pem", "pki/devices/pump-1/key.pem", "pki/ca/devices-root/cert.pem"];
    let places = &["pki/devices/pump-1"];
    let seen = Issuance { start: &start, args: renew, places, again: &[renew], result, password: None }.run();
    assert!(seen.count(0, State::Old) > 0 && seen.count(0, State::New) > 0, "{seen}");
}

/// The lists in the store; each of them is whole.
fn lists(sandbox: &Sandbox) -> Vec<Crl> {
    let Ok(bytes) = fs::read(sandbox.join(LISTS)) else { return Vec::new() };
    PemBundle::parse(&bytes).unwrap().crls.iter().map(|der| Crl::from_der(der).unwrap()).collect()
}

/// Kills a command at each of its writes; afterwards `again` ends with 0, and its lists are later than any before.
fn kill(start: &Sandbox, args: &[&str], again: &[&str], check: impl Fn(&Sandbox, &Step)) {
    let writes = kill_at_every_write(
        || {
            let sandbox = start.copy();
            Ok((sandbox.tbpki(args).command(), sandbox))
        },
        |step, sandbox| {
            assert_private(sandbox.path(), step);
            let before = lists(&sandbox);
            check(&sandbox, step);
            let outcome = sandbox.tbpki(again).run();
            assert!(outcome.status == 0, "run again it does not finish: {outcome}\nafter {step}");
            let after = lists(&sandbox);
            assert_eq!(after.len(), 2, "after {step}");
            for (before, after) in before.iter().zip(&after) {
                assert!(after.this_update() >= before.this_update(), "after {step}");
            }
            let names: Vec<_> =
                fs::read_dir(sandbox.join("pki")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            let left = names.iter().filter(|name| name.to_string_lossy().starts_with("devices-crl")).count();
            assert_eq!(left, 1, "{names:?} after {step}");
        },
    )
    .unwrap();
    assert!(writes > 10, "{writes}");
}

#[test]
fn a_revoked_device() {
    let start = Sandbox::in_memory().make_store();
    start.ok(["client", "--device", "pump-1"]);
    start.ok(["crl"]);
    let serial =
        PemBundle::parse(&start.read("pki/devices/pump-1/cert.pem")).unwrap().certificates[0].serial().to_vec();
    let revoke = ["revoke", "--device", "pump-1", "--reason", "keyCompromise"];
    kill(&start, &revoke, &revoke, |sandbox, step| {
        // What is on a list is revoked in the ledger.
        if lists(sandbox).iter().any(|list| list.entry(&serial).is_some()) {
            let listed = sandbox.ok(["list", "--json", "--name", "pump-1"]).stdout_text();
            assert!(listed.contains("\"revoked\""), "{listed} after {step}");
        }
    });
}

#[test]
fn a_revoked_device_is_on_the_list_in_the_end() {
    let start = Sandbox::in_memory().make_store();
    start.ok(["client", "--device", "pump-1"]);
    let revoke = ["revoke", "--device", "pump-1"];
    let mut last = None;
    kill_at_every_write(
        || {
            let sandbox = start.copy();
            Ok((sandbox.tbpki(revoke).command(), sandbox))
        },
        |step, sandbox| {
            sandbox.tbpki(revoke).run().ok();
            sandbox.fails(["verify", "pki/devices/pump-1/chain.pem", "--crl", LISTS], 3, "TBPKI-0062");
            last = Some(step.call.clone());
        },
    )
    .unwrap();
    assert!(last.is_some());
}

#[test]
fn the_lists() {
    let start = Sandbox::in_memory().make_store();
    start.ok(["crl"]);
    kill(&start, &["crl"], &["crl"], |_, _| {});
}
