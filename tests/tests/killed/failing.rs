//! Every write in turn finds the disk full. A verb that then reports a failure has changed nothing that counts, and
//! has the reason in its error; one that reports none has done everything.

use tbpki_tests::kill::{Injection, disturb_every_write};
use tbpki_tests::leftovers::{assert_private, assert_whole};
use tbpki_tests::{Sandbox, Snapshot};

use crate::{STAGED, look, names};

/// The state that a failure leaves unchanged: all but the ledger, which keeps the attempts, and the lock's file.
fn state(sandbox: &Sandbox) -> Snapshot {
    let is_record = |name: &str| name.starts_with("pki/ledger.db") || name == "pki/.lock";
    // Empty directories of the store may be there or not.
    let is_frame = |name: &str| name == "pki/servers" || name == "pki/devices";
    look(sandbox.path()).without(|name| {
        let name = name.to_string_lossy();
        is_record(&name) || is_frame(&name)
    })
}

/// Lets every write of a command fail once; `places` are the directories that it fills.
fn walk(start: &Sandbox, args: &[&str], places: &[&str], password: &str) {
    let undisturbed = start.copy();
    undisturbed.ok(args);
    let goal = names(undisturbed.path());
    let old = state(start);
    let (mut failures, mut successes, mut resumed) = (0, 0, 0);
    let writes = disturb_every_write(
        Injection::Error("ENOSPC"),
        || {
            let sandbox = start.copy();
            Ok((sandbox.tbpki(args).command(), sandbox))
        },
        |step, sandbox| {
            assert_private(sandbox.path(), step);
            let said = String::from_utf8_lossy(&step.output.stderr).into_owned();
            match step.output.status.code() {
                Some(0) => {
                    successes += 1;
                    // What could not be removed is an empty directory, which the next run removes.
                    let mut found = names(sandbox.path());
                    found.retain(|name| !(name.contains(STAGED) && step.call.contains("unlinkat(")));
                    assert_eq!(found, goal, "{step}");
                }
                Some(1) => {
                    failures += 1;
                    assert!(said.contains("error[TBPKI-00"), "{step}");
                    // SQLite reports a failed write in words of its own, which differ with the call that failed.
                    let why = ["No space left on device", "full", "disk I/O error", "readonly database"];
                    assert!(why.iter().any(|why| said.contains(why)), "{step}");
                    let now = state(&sandbox);
                    if !old.differences(&now).is_empty() {
                        // Past what was issued nothing is taken back: the next run goes on from there.
                        resumed += 1;
                        for place in places.iter().filter(|place| sandbox.join(place).exists()) {
                            let mut found = names(&sandbox.join(place));
                            found.retain(|name| !name.contains(STAGED));
                            assert_eq!(found, names(&undisturbed.join(place)), "{place} {step}");
                            assert_whole(&sandbox.join(place), secret(&sandbox, password).as_deref(), step);
                        }
                    }
                }
                // All was done, and only the report could not be printed.
                Some(4) => {
                    assert!(said.contains("error[TBPKI-0079]"), "{step}");
                    assert_eq!(names(sandbox.path()), goal, "{step}");
                }
                // The dynamic loader failed before the command began.
                _ => old.is_unchanged(&state(&sandbox), step),
            }
            // The disk has room again: the failed run must have left nothing that keeps the next one from its work.
            sandbox.ok(["list"]);
            sandbox.ok(args);
            assert_eq!(names(sandbox.path()), goal, "{step}");
        },
    )
    .unwrap();
    println!(
        "tbpki {}: {writes} writes; {failures} failed, {resumed} of them half way; {successes} did not",
        args.join(" ")
    );
    assert!(failures > 20 && successes > 0 && resumed < failures, "{failures} {successes} {resumed}");
}

fn secret(sandbox: &Sandbox, file: &str) -> Option<String> {
    Some(std::fs::read_to_string(sandbox.join(file)).ok()?.trim_end().to_owned())
}

#[test]
fn a_device() {
    let start = Sandbox::in_memory().make_store();
    walk(
        &start,
        &["client", "--device", "pump-1", "--format", "p12"],
        &["pki/devices/pump-1"],
        "pki/secrets/device-pump-1.keystore-password",
    );
}

#[test]
fn a_server() {
    let start = Sandbox::in_memory().make_store();
    walk(
        &start,
        &["server", "--name", "tb.example", "--only-given-names", "--out", "out"],
        &["pki/servers/tb.example", "out"],
        "pki/secrets/server-tb.example.keystore-password",
    );
}
