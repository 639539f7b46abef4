//! `renew`, `revoke` and `crl`.

use std::fs;

use pki::crl::Crl;
use pki::pem_bundle::PemBundle;
use tb_sim::{ServerKeys, Settings};
use tbpki_tests::Sandbox;
use tbpki_tests::forge::age;
use tbpki_tests::kill::{Step, kill_at_some_writes};
use tbpki_tests::leftovers::assert_private;
use tbpki_tests::platform::Platform;

use crate::{Extent, Issuance, State};

/// Kills of a verb whose every write would take minutes.
const KILLS: usize = 12;

const LISTS: &str = "pki/devices-crl.pem";

#[test]
fn a_renewed_device() {
    let start = Sandbox::in_memory().make_store();
    start.ok(["client", "--device", "pump-1", "--days", "90"]);
    // 80 of its 90 days: a certificate is due in the last third of its life.
    age(&start.join("pki/ledger.db"), "pump-1", 80);
    let renew: &[&str] = &["renew", "--device", "pump-1", "--due"];
    let result = ["pki/devices/pump-1/chain.pem", "pki/devices/pump-1/key.pem", "pki/ca/devices-root/cert.pem"];
    let places = &["pki/devices/pump-1"];
    let seen = Issuance { start: &start, args: renew, places, again: &[renew], result, password: None }.run();
    assert!(seen.count(0, State::Old) > 0 && seen.count(0, State::New) > 0, "{seen}");
}

#[test]
fn a_renewed_fleet() {
    let start = Sandbox::in_memory().make_store();
    start.ok(["fleet", "issue", "--count", "3", "--name-pattern", "s-{}", "--out", "fleet", "--days", "90"]);
    for name in ["s-1", "s-2", "s-3"] {
        age(&start.join("pki/ledger.db"), name, 80);
    }
    let renew = ["fleet", "renew", "--job", "1", "--due", "--out", "renewed"];
    let kills = kill_at_some_writes(
        KILLS,
        || {
            let sandbox = start.copy();
            Ok((sandbox.tbpki(renew).command(), sandbox))
        },
        |step, sandbox| {
            assert_private(sandbox.path(), step);
            sandbox.ok(["list"]);
            let outcome = sandbox.tbpki(renew).run();
            assert!(outcome.status == 0, "run again it does not finish: {outcome}\nafter {step}");
            let listed = sandbox.ok(["list", "--all", "--json", "--kind", "device"]).json();
            let rows = listed["result"]["identities"].as_array().unwrap();
            let of = |role: &str| rows.iter().filter(|row| row["role"] == role).count();
            // Six and no more: a device whose renewal was made and not recorded would get another one.
            assert_eq!((of("current"), of("pending"), rows.len()), (3, 3, 6), "after {step}");
        },
    )
    .unwrap();
    assert!(kills >= KILLS, "{kills}");
}

#[test]
fn a_swapped_device() {
    let start = Sandbox::in_memory().make_store();
    start.ok(["server", "--name", "localhost", "--only-given-names", "--out", "conf"]);
    let (certificate, key) = (start.join("conf/mqttserver.pem"), Some(start.join("conf/mqttserver_key.pem")));
    let server = Some(ServerKeys::Pem { certificate, key, key_password: String::new() });
    let platform = Platform::simulator(Settings { server, ..Settings::default() });
    start.write("password", platform.password());
    start.private("password");
    let (host, port) = platform.mqtts();
    let broker = format!("{host}:{port}");
    let tbpki = |sandbox: &Sandbox, args: &[&str]| platform.known_to(sandbox.tbpki(args), sandbox.join("password"));
    tbpki(&start, &["client", "--device", "pump-1", "--days", "90", "--register"]).run().ok();
    age(&start.join("pki/ledger.db"), "pump-1", 80);
    let renew = ["renew", "--device", "pump-1", "--due", "--register", "--broker", &broker];
    let leaf = |sandbox: &Sandbox| {
        PemBundle::parse(&sandbox.read("pki/devices/pump-1/cert.pem")).unwrap().certificates.remove(0)
    };
    let first = leaf(&start);
    let credential = || platform.sim().unwrap().credentials("pump-1").unwrap().id;
    let mut found = std::collections::BTreeSet::new();
    let kills = kill_at_some_writes(
        KILLS,
        || {
            // The platform has what the ledger expects.
            tbpki(&start, &["register", "--device", "pump-1", "--replace"]).run().ok();
            let sandbox = start.copy();
            Ok((tbpki(&sandbox, &renew).command(), sandbox))
        },
        |step, sandbox| {
            assert_private(sandbox.path(), step);
            // The files in use are those of the certificate that the ledger has as current, or are about to be.
            let old = leaf(&sandbox) == first;
            found.insert((old, credential() == first.credentials_id()));
            sandbox.ok(["list"]);
            let outcome = tbpki(&sandbox, &renew).run();
            assert!(outcome.status == 0, "run again it does not finish: {outcome}\nafter {step}");
            let now = leaf(&sandbox);
            assert_ne!(now, first, "after {step}");
            assert_eq!(credential(), now.credentials_id(), "after {step}");
            assert!(!sandbox.join("pki/devices/pump-1/pending").exists(), "after {step}");
            assert_private(sandbox.path(), step);
            tbpki(&sandbox, &["check", &broker, "--device", "pump-1"]).run().ok();
            let listed = sandbox.ok(["list", "--all", "--json", "--name", "pump-1"]).json();
            let rows = listed["result"]["identities"].as_array().unwrap();
            let current: Vec<_> = rows.iter().filter(|row| row["role"] == "current").collect();
            assert_eq!((current.len(), &current[0]["state"]), (1, &"registered".into()), "after {step}");
            assert!(rows.iter().all(|row| row.get("open").is_none() && row["role"] != "pending"), "after {step}");
        },
    )
    .unwrap();
    assert!(kills >= KILLS, "{kills}");
    println!("{kills} kills: old files, old credential: {found:?}");
    // New files never met the old credential.
    assert!(!found.contains(&(false, true)), "{found:?}");
    assert!(found.contains(&(true, true)), "{found:?}");
}

#[test]
fn a_reflashed_device() {
    let start = Sandbox::in_memory().make_store();
    let platform = Platform::simulator(Settings::default());
    start.write("password", platform.password());
    start.private("password");
    let tbpki = |sandbox: &Sandbox, args: &[&str]| platform.known_to(sandbox.tbpki(args), sandbox.join("password"));
    tbpki(&start, &["client", "--device", "pump-1", "--days", "90", "--register"]).run().ok();
    age(&start.join("pki/ledger.db"), "pump-1", 80);
    start.ok(["renew", "--device", "pump-1", "--due"]);
    let leaf = |sandbox: &Sandbox, file: &str| {
        PemBundle::parse(&sandbox.read(file)).unwrap().certificates.remove(0).credentials_id()
    };
    let (cert, register) = ("pki/devices/pump-1/cert.pem", ["register", "--pending", "--device", "pump-1"]);
    let (first, second) = (leaf(&start, cert), leaf(&start, "pki/devices/pump-1/pending/cert.pem"));
    let credential = || platform.sim().unwrap().credentials("pump-1").unwrap().id;
    let mut found = std::collections::BTreeSet::new();
    let kills = kill_at_some_writes(
        KILLS,
        || {
            tbpki(&start, &["register", "--device", "pump-1", "--replace"]).run().ok();
            let sandbox = start.copy();
            Ok((tbpki(&sandbox, &register).command(), sandbox))
        },
        |step, sandbox| {
            assert_private(sandbox.path(), step);
            found.insert((leaf(&sandbox, cert) == first, credential() == first));
            sandbox.ok(["list"]);
            let outcome = tbpki(&sandbox, &register).run();
            assert!(outcome.status == 0, "run again it does not finish: {outcome}\nafter {step}");
            assert_eq!((credential(), leaf(&sandbox, cert)), (second.clone(), second.clone()), "after {step}");
            assert!(!sandbox.join("pki/devices/pump-1/pending").exists(), "after {step}");
            let listed = sandbox.ok(["list", "--all", "--json", "--name", "pump-1"]).json();
            let rows = listed["result"]["identities"].as_array().unwrap();
            let roles: Vec<_> = rows.iter().map(|row| (&row["role"], row.get("open"))).collect();
            assert_eq!(roles, [(&"superseded".into(), None), (&"current".into(), None)], "after {step}");
            assert_private(sandbox.path(), step);
        },
    )
    .unwrap();
    assert!(kills >= KILLS, "{kills}");
    // New files never met the old credential.
    assert!(!found.contains(&(false, true)) && found.contains(&(true, true)), "{found:?}");
}

/// The lists in the store; each of them is whole.
fn lists(sandbox: &Sandbox) -> Vec<Crl> {
    let Ok(bytes) = fs::read(sandbox.join(LISTS)) else { return Vec::new() };
    PemBundle::parse(&bytes).unwrap().crls.iter().map(|der| Crl::from_der(der).unwrap()).collect()
}

/// Kills a command at its writes; afterwards `again` ends with 0, and its lists are later than any before.
fn kill(extent: Extent, start: &Sandbox, args: &[&str], again: &[&str], check: impl Fn(&Sandbox, &Step)) {
    extent.kill(
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
                // A broker takes a later list in place of an earlier one; a list that goes back in time would be
                // ignored.
                assert!(after.this_update() >= before.this_update(), "after {step}");
            }
            let names: Vec<_> =
                fs::read_dir(sandbox.join("pki")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            let left = names.iter().filter(|name| name.to_string_lossy().starts_with("devices-crl")).count();
            // A half list under a temporary name would lie there forever.
            assert_eq!(left, 1, "{names:?} after {step}");
        },
    );
}

fn revoked_device(extent: Extent) {
    let start = Sandbox::in_memory().make_store();
    start.ok(["client", "--device", "pump-1"]);
    start.ok(["crl"]);
    let serial =
        PemBundle::parse(&start.read("pki/devices/pump-1/cert.pem")).unwrap().certificates[0].serial().to_vec();
    let revoke = ["revoke", "--device", "pump-1", "--reason", "keyCompromise"];
    kill(extent, &start, &revoke, &revoke, |sandbox, step| {
        // What is on a list is revoked in the ledger.
        if lists(sandbox).iter().any(|list| list.entry(&serial).is_some()) {
            let listed = sandbox.ok(["list", "--json", "--name", "pump-1"]).stdout_text();
            assert!(listed.contains("\"revoked\""), "{listed} after {step}");
        }
    });
}

#[test]
fn a_revoked_device() {
    revoked_device(Extent::Some);
}

#[test]
#[ignore = "long: cargo xtask interop life"]
fn life_a_revoked_device() {
    revoked_device(Extent::All);
}

fn revoked_device_is_on_the_list_in_the_end(extent: Extent) {
    let start = Sandbox::in_memory().make_store();
    start.ok(["client", "--device", "pump-1"]);
    let revoke = ["revoke", "--device", "pump-1"];
    let mut last = None;
    extent.kill(
        || {
            let sandbox = start.copy();
            Ok((sandbox.tbpki(revoke).command(), sandbox))
        },
        |step, sandbox| {
            sandbox.tbpki(revoke).run().ok();
            sandbox.fails(["verify", "pki/devices/pump-1/chain.pem", "--crl", LISTS], 3, "TBPKI-0062");
            last = Some(step.call.clone());
        },
    );
    assert!(last.is_some());
}

#[test]
fn a_revoked_device_is_on_the_list_in_the_end() {
    revoked_device_is_on_the_list_in_the_end(Extent::Some);
}

#[test]
#[ignore = "long: cargo xtask interop life"]
fn life_a_revoked_device_is_on_the_list_in_the_end() {
    revoked_device_is_on_the_list_in_the_end(Extent::All);
}

#[test]
fn a_revoked_ca() {
    let start = Sandbox::in_memory().make_store();
    start.ok(["server", "--name", "localhost", "--only-given-names", "--out", "conf"]);
    start.ok(["client", "--device", "pump-1"]);
    start.ok(["crl"]);
    let clients_ca =
        |sandbox: &Sandbox| PemBundle::parse(&sandbox.read("conf/clients-ca.pem")).unwrap().certificates.len();
    assert_eq!((lists(&start).len(), clients_ca(&start)), (2, 2));
    let revoke = ["revoke", "--ca", "devices-issuing"];
    let kills = kill_at_some_writes(
        KILLS,
        || {
            let sandbox = start.copy();
            Ok((sandbox.tbpki(revoke).command(), sandbox))
        },
        |step, sandbox| {
            assert_private(sandbox.path(), step);
            // Once the ledger has it, nothing is issued, whatever the files are.
            let is_revoked =
                sandbox.ok(["list", "--all", "--json", "--kind", "ca"]).stdout_text().contains("\"revoked\"");
            assert_eq!(
                sandbox.tbpki(["client", "--device", "pump-2"]).run().status,
                i32::from(is_revoked),
                "after {step}"
            );
            let outcome = sandbox.tbpki(if is_revoked { &["revoke", "--open"][..] } else { &revoke }).run();
            assert!(outcome.status == 0, "run again it does not finish: {outcome}\nafter {step}");
            assert_eq!((lists(&sandbox).len(), clients_ca(&sandbox)), (1, 1), "after {step}");
            assert_eq!(lists(&sandbox)[0].revoked().len(), 1, "after {step}");
            let again = sandbox.ok(["revoke", "--ca", "devices-issuing", "--json"]).json();
            assert_eq!(again["result"]["open_steps"], 0, "after {step}");
            assert_private(sandbox.path(), step);
        },
    )
    .unwrap();
    assert!(kills >= KILLS, "{kills}");
}

#[test]
fn a_revoked_job() {
    let start = Sandbox::in_memory().make_store();
    start.ok(["fleet", "issue", "--count", "5", "--name-pattern", "s-{}", "--out", "fleet"]);
    start.ok(["crl"]);
    let revoke = ["revoke", "--job", "1"];
    let kills = kill_at_some_writes(
        KILLS,
        || {
            let sandbox = start.copy();
            Ok((sandbox.tbpki(revoke).command(), sandbox))
        },
        |step, sandbox| {
            let outcome = sandbox.tbpki(revoke).run();
            assert!(outcome.status == 0, "run again it does not finish: {outcome}\nafter {step}");
            assert_eq!(lists(&sandbox)[0].revoked().len(), 5, "after {step}");
            let listed = sandbox.ok(["list", "--json", "--kind", "device"]).stdout_text();
            assert_eq!(listed.matches("\"role\": \"revoked\"").count(), 5, "{listed} after {step}");
        },
    )
    .unwrap();
    assert!(kills >= KILLS, "{kills}");
}

fn lists_that_are_written_again(extent: Extent) {
    let start = Sandbox::in_memory().make_store();
    start.ok(["crl"]);
    kill(extent, &start, &["crl"], &["crl"], |_, _| {});
}

#[test]
fn the_lists() {
    lists_that_are_written_again(Extent::Some);
}

#[test]
#[ignore = "long: cargo xtask interop life"]
fn life_the_lists() {
    lists_that_are_written_again(Extent::All);
}
