//! `tbpki renew`: failures that all identities share, and devices that no platform knows.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tbpki_tests::Sandbox;
use tbpki_tests::forge::age;

use crate::renew::states;
use crate::scene::{Scene, json};

const LEDGER: &str = "pki/ledger.db";

/// A store with a passphrase, three devices and a server, all of them due.
fn due_store() -> Sandbox {
    let sandbox = Sandbox::new();
    for (file, secret) in [("right", "the right passphrase"), ("wrong", "not the right one")] {
        sandbox.write(file, secret);
        fs::set_permissions(sandbox.join(file), fs::Permissions::from_mode(0o600)).unwrap();
    }
    let right = ["--no-input", "--ca-passphrase-file", "right"];
    sandbox.ok([&["init"][..], &right].concat());
    sandbox.ok([&["client", "a", "b", "c", "--days", "90"][..], &right].concat());
    sandbox.ok([&["server", "--name", "tb.example", "--only-given-names", "--days", "90"][..], &right].concat());
    for name in ["a", "b", "c", "tb.example"] {
        age(&sandbox.join(LEDGER), name, 80);
    }
    sandbox
}

/// An error of the store is one error with its own exit status, however many identities are due.
#[test]
fn a_wrong_or_missing_passphrase_is_one_error() {
    let sandbox = due_store();
    for which in [&["--all"][..], &["a", "b", "c"], &["--all", "--due"]] {
        for (passphrase, status, code) in
            [(&["--ca-passphrase-file", "wrong"][..], 1, "TBPKI-0033"), (&[], 2, "TBPKI-0010")]
        {
            let refused = sandbox.fails([&["renew", "--no-input"], which, passphrase].concat(), status, code);
            assert_eq!(refused.stderr_text().matches(code).count(), 1, "{refused}");
            assert_eq!(refused.stdout_text(), "", "{which:?}");
        }
    }
    for name in ["a", "b", "c", "tb.example"] {
        assert_eq!(states(&sandbox, name), [1]);
    }
    // The key of one CA is not here: what the other CA issues is renewed, and the rest is one warning.
    fs::rename(sandbox.join("pki/ca/devices-issuing/key.pem"), sandbox.join("key.pem")).unwrap();
    let right = ["--no-input", "--ca-passphrase-file", "right"];
    let partly = sandbox.tbpki([&["renew", "--all"][..], &right].concat()).run().ends(4);
    let text = partly.stderr_text();
    assert_eq!(text.matches("3 devices are not renewed: \"a\", \"b\", \"c\"").count(), 1, "{text}");
    partly.prints("1 renewed, 0 not due, 3 not renewed");
    fs::rename(sandbox.join("key.pem"), sandbox.join("pki/ca/devices-issuing/key.pem")).unwrap();
    sandbox.ok([&["renew", "--all", "--due"][..], &right].concat()).prints("3 renewed, 1 not due");
}

/// Its renewal is in use at once: nothing is left to do.
#[test]
fn a_device_that_was_never_registered_is_renewed_with_a_note() {
    let scene = Scene::new();
    for name in ["a", "b"] {
        scene.ok(&["client", name, "--days", "90"]);
        age(&scene.sandbox.join(LEDGER), name, 80);
    }
    let one = scene.ok(&["renew", "a", "--register"]);
    one.prints("1 renewed, 0 not due\n").prints("note[TBPKI-0305]").prints("it was never registered");
    let all = json(&scene.ok(&["renew", "--all", "--due", "--register", "--json"]));
    assert_eq!((all["renewed"].as_array().unwrap().len(), &all["not_due"]), (1, &1.into()));
    assert_eq!(all["left"].as_array().unwrap().len(), 0);
}

/// The renewals are made, and the platform does not have them: the words tell the two apart.
#[test]
fn renewals_that_cannot_be_registered_are_not_called_not_renewed() {
    let scene = Scene::new();
    scene.ok(&["client", "pump-1", "pump-2", "--days", "90", "--register"]);
    for name in ["pump-1", "pump-2"] {
        age(&scene.sandbox.join(LEDGER), name, 80);
    }
    // Nothing listens at this port.
    let renew = ["renew", "pump-1", "pump-2", "--register", "--broker", "127.0.0.1:1"];
    let text = |more: &[&str]| scene.tbpki(&[&renew[..], more].concat()).run().ends(4);
    let first = text(&[]);
    let shown = first.stderr_text();
    assert_eq!(shown.matches("warning[").count(), 1, "{shown}");
    assert!(shown.contains("2 devices are not registered: \"pump-1\", \"pump-2\""), "{shown}");
    first.prints("2 renewed, 0 not due, 2 not registered");
    let again = text(&["--json"]).json();
    let parts: Vec<_> = again["result"]["left"].as_array().unwrap().iter().map(|left| left["part"].clone()).collect();
    assert_eq!(parts, ["registration", "registration"]);
    assert_eq!(again["result"]["renewed"].as_array().unwrap().len(), 0);
}

/// ActorCloud makes keys and certificates itself: nothing is renewed that could not be registered there.
#[test]
fn a_renewal_is_not_registered_with_actorcloud() {
    let scene = Scene::new();
    scene.ok(&["client", "d1", "--days", "90"]);
    age(&scene.sandbox.join(LEDGER), "d1", 80);
    for which in [&["d1"][..], &["--all"], &["d1", "--dry-run"]] {
        let renew = scene.tbpki(&[&["renew", "--register"], which].concat()).env("TBPKI_PLATFORM_KIND", "actorcloud");
        let refused = renew.run().ends(1).prints("TBPKI-0149");
        refused.prints("`tbpki actorcloud cert create` and `tbpki actorcloud cert bind`");
        assert_eq!(states(&scene.sandbox, "d1"), [1]);
    }
    scene.tbpki(&["renew", "d1"]).env("TBPKI_PLATFORM_KIND", "actorcloud").run().ok();
}
