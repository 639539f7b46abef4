//! `init`, whose keygen.toml and CAs appear together and are then entered in the ledger.

use std::path::Path;

use tbpki_tests::kill::{Step, kill_at_every_write};
use tbpki_tests::leftovers::{assert_private, assert_whole};
use tbpki_tests::{Sandbox, Snapshot};

use crate::{JOURNAL, SAMPLE, STAGED, names, openssl_agrees};

const CAS: &[&str] = &["server-root", "server-issuing", "devices-root", "devices-issuing"];
const ROOTS: &[&str] = &["server-root", "devices-root"];

/// An old configuration with passwords, which go into files of their own.
const PROPERTIES: &str = "DOMAIN_SUFFIX=\"tb.example\"\nORGANIZATION=Acme\nSERVER_KEYSTORE_PASSWORD=server_ks_password\n\
    CLIENT_KEYSTORE_PASSWORD=password\n";

/// The observations of a walk.
#[derive(Debug, Default)]
struct Seen {
    /// Nothing, or nothing but what the next run removes.
    old: usize,
    journal: usize,
    /// The files were there, and something was left to do.
    unfinished: usize,
    new: usize,
}

/// Kills an `init` at each of its writes. Where the keys of the roots go, with `--root-out`, is `offline`.
fn walk(args: &[&str], offline: Option<&str>) -> Seen {
    let start = || {
        let sandbox = Sandbox::in_memory();
        sandbox.write("keygen.properties", PROPERTIES);
        sandbox
    };
    let undisturbed = start();
    undisturbed.ok(args);
    let goal = names(undisturbed.path());
    let mut seen = Seen::default();
    let mut count = 0;
    let writes = kill_at_every_write(
        || {
            let sandbox = start();
            Ok((sandbox.tbpki(args).command(), sandbox))
        },
        |step, sandbox| {
            assert_private(sandbox.path(), step);
            let listed = sandbox.tbpki(["list"]).run();
            // There is nothing to list yet, and the error of `list` tells what to do.
            assert!(listed.status == 0 || listed.stderr_text().contains("`tbpki init`"), "{listed}\nafter {step}");
            let was_done = listed.status == 0 && CAS.iter().all(|ca| listed.stdout_text().contains(ca));

            look(&sandbox, offline, was_done, step, &mut seen);

            // What was on its way out goes now at the latest.
            let settled = || Snapshot::of(sandbox.path()).without(|name| name.to_string_lossy().contains(STAGED));
            let before = settled();
            let again = sandbox.tbpki(args).run();
            if again.status != 0 {
                // It had only not been able to say so any more.
                assert!(was_done && again.stderr_text().contains("TBPKI-0092"), "{again}\nafter {step}");
                before.is_unchanged(&settled(), step);
            }
            assert_eq!(names(sandbox.path()), goal, "files after {step}");
            assert_private(sandbox.path(), step);
            assert_complete(&sandbox, step);
            if count % SAMPLE == 0 {
                assert_usable(&sandbox, offline);
            }
            count += 1;
        },
    )
    .unwrap();
    // Shown with `--nocapture`.
    println!("tbpki {}: {writes} writes; {seen:?}", args.join(" "));
    seen
}

/// Looks at what a kill has left.
fn look(sandbox: &Sandbox, offline: Option<&str>, was_done: bool, step: &Step, seen: &mut Seen) {
    let found = Snapshot::of(sandbox.path()).without(|name| name.to_string_lossy().starts_with(STAGED));
    if found.names().any(|name| name.to_string_lossy().starts_with(JOURNAL)) {
        seen.journal += 1;
        return;
    }
    let has = |name: &str| found.names().any(|found| found == Path::new(name));
    if !has("keygen.toml") {
        assert!(!has("pki"), "a store without a configuration after {step}");
        seen.old += 1;
        return;
    }
    for ca in CAS {
        let directory = format!("pki/ca/{ca}");
        assert!(has(&format!("{directory}/cert.pem")), "no {ca} after {step}");
        assert_whole(&sandbox.join(&directory), None, step);
        // Wherever they are, the keys of the roots are somewhere at any time.
        let is_out = offline.is_some_and(|offline| has(&format!("{offline}/{ca}.key.pem")));
        assert!(is_out || has(&format!("{directory}/key.pem")), "no key of {ca} after {step}");
    }
    let is_moved = ROOTS.iter().all(|root| !has(&format!("pki/ca/{root}/key.pem")));
    if was_done && (offline.is_none() || is_moved) {
        seen.new += 1;
    } else {
        seen.unfinished += 1;
    }
}

/// All CAs are in the ledger, once and issued.
fn assert_complete(sandbox: &Sandbox, step: &Step) {
    let listed = sandbox.ok(["list", "--json"]).json();
    let states: Vec<(&str, &str)> = listed["result"]["identities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|ca| (ca["name"].as_str().unwrap(), ca["state"].as_str().unwrap()))
        .collect();
    assert_eq!(states.len(), CAS.len(), "{states:?} after {step}");
    assert!(states.iter().all(|(name, state)| CAS.contains(name) && *state == "issued"), "{states:?} after {step}");
}

/// Each CA has its key where it belongs, and signs.
fn assert_usable(sandbox: &Sandbox, offline: Option<&str>) {
    for (root, issuing) in [("server-root", "server-issuing"), ("devices-root", "devices-issuing")] {
        let root_key = offline.map_or(format!("pki/ca/{root}/key.pem"), |offline| format!("{offline}/{root}.key.pem"));
        let root_cert = format!("pki/ca/{root}/cert.pem");
        openssl_agrees(sandbox, [&root_cert, &root_key, &root_cert]);
        let [cert, key] = ["cert.pem", "key.pem"].map(|file| format!("pki/ca/{issuing}/{file}"));
        openssl_agrees(sandbox, [&cert, &key, &root_cert]);
    }
    sandbox.ok(["client", "--device", "pump-1"]);
    sandbox.ok(["verify", "pki/devices/pump-1/chain.pem"]);
}

const INIT: &[&str] = &["init", "--no-input", "--insecure-no-passphrase"];

#[test]
fn a_new_station() {
    let seen = walk(INIT, None);
    assert!(seen.old > 0 && seen.journal > 0 && seen.unfinished > 0 && seen.new > 0, "{seen:?}");
}

#[test]
#[ignore = "long: cargo xtask interop"]
fn a_station_whose_roots_go_elsewhere() {
    let seen = walk(&[INIT, &["--root-out", "offline"]].concat(), Some("offline"));
    assert!(seen.old > 0 && seen.journal > 0 && seen.unfinished > 0 && seen.new > 0, "{seen:?}");
}

#[test]
#[ignore = "long: cargo xtask interop"]
fn a_station_that_takes_over_an_old_configuration() {
    let seen = walk(&[INIT, &["--from", "keygen.properties"]].concat(), None);
    assert!(seen.old > 0 && seen.journal > 0 && seen.unfinished > 0 && seen.new > 0, "{seen:?}");
}
