//! Devices with an access token: renewal, revocation and unregistering do not pass over what logs in instead of a certificate.

use serde_json::{Value, json};
use tbpki_tests::Outcome;
use tbpki_tests::forge::age;

use crate::scene::{Scene, json};

const LEDGER: &str = "pki/ledger.db";
const TOKEN: &str = "a-token-of-our-own";

fn credential(scene: &Scene, name: &str) -> String {
    scene.platform.sim().unwrap().credentials(name).unwrap().id
}

/// A device whose certificate gave way to a token of the store.
fn with_token_instead(name: &str) -> Scene {
    let scene = Scene::new();
    scene.ok(&["client", "--device", name, "--days", "90", "--register"]);
    scene.sandbox.write("token", TOKEN);
    scene.sandbox.private("token");
    scene.ok(&["token", "--device", name, "--set-file", "token", "--replace"]);
    assert_eq!(credential(&scene, name), TOKEN);
    scene
}

fn holds(scene: &Scene, file: &str) -> bool {
    scene.sandbox.join("pki/devices").join(file).exists()
}

fn row(scene: &Scene, name: &str) -> Value {
    json(&scene.sandbox.ok(["list", "--json", "--name", name]))["identities"][0].clone()
}

/// The only open step of a revocation.
fn open(outcome: &Outcome) -> String {
    let report = json(outcome);
    assert_eq!(report["open_steps"], 1, "{outcome}");
    format!("{}: {}", report["open"][0]["step"].as_str().unwrap(), report["open"][0]["error"].as_str().unwrap())
}

#[test]
fn a_device_that_went_from_a_token_to_a_certificate_is_renewed_by_a_timer() {
    let scene = Scene::new();
    scene.ok(&["token", "--device", "pump-1", "--create"]);
    scene.ok(&["client", "--device", "pump-1", "--days", "90", "--register", "--replace"]);
    age(&scene.sandbox.join(LEDGER), "pump-1", 80);
    let report = scene.json(&["renew", "--all", "--due"]);
    assert_eq!((&report["tokens"], report["renewed"].as_array().unwrap().len()), (&json!(0), 1));
    assert_eq!(report["pending"][0]["name"], "pump-1");
}

#[test]
fn a_device_that_went_from_a_certificate_to_a_token_is_unregistered_and_not_renewed() {
    let scene = with_token_instead("pump-1");
    assert!(row(&scene, "pump-1")["unregistered_at"].is_string());
    age(&scene.sandbox.join(LEDGER), "pump-1", 80);
    let report = scene.json(&["renew", "--all", "--due"]);
    assert_eq!((&report["tokens"], &report["renewed"]), (&json!(1), &json!([])));
    // No bulk verb takes the token away again.
    assert_eq!(scene.json(&["register", "--all", "--replace"])["skipped"], 1);
    assert_eq!(credential(&scene, "pump-1"), TOKEN);
    // The way back, after which it is renewed.
    scene.ok(&["register", "pump-1", "--again", "--replace"]);
    assert!(row(&scene, "pump-1")["unregistered_at"].is_null());
    assert_eq!(scene.json(&["renew", "--all", "--due"])["tokens"], 0);
}

#[test]
fn a_revocation_takes_the_token_that_the_store_has_set() {
    let scene = with_token_instead("pump-1");
    let report = scene.json(&["revoke", "pump-1"]);
    assert_eq!((&report["counts"]["revoked"], &report["open_steps"]), (&json!(1), &json!(0)));
    let random = credential(&scene, "pump-1");
    assert_ne!(random, TOKEN);
    // The token of no use any more is kept under another name.
    assert_eq!(scene.sandbox.text("pki/devices/pump-1/token.old").trim(), TOKEN);
    assert!(!holds(&scene, "pump-1/token"));
    // Repeated, the random token stays.
    scene.ok(&["revoke", "pump-1"]);
    assert_eq!(credential(&scene, "pump-1"), random);
}

#[test]
fn the_token_of_another_party_keeps_the_step_of_a_revocation_open() {
    let scene = Scene::new();
    scene.ok(&["client", "--device", "pump-1", "--register"]);
    scene.set_token("pump-1", "a-token-of-another");
    let open_step = open(&scene.tbpki(&["revoke", "pump-1", "--json"]).run().ends(4));
    assert!(open_step.starts_with("platform: ") && open_step.contains("an access token"), "{open_step}");
    assert!(open_step.contains("`tbpki unregister --replace pump-1`"), "{open_step}");
    scene.tbpki(&["revoke", "--open"]).run().ends(4).prints("tbpki unregister --replace pump-1");
    assert_eq!(credential(&scene, "pump-1"), "a-token-of-another");
    // The command that it names ends the step.
    scene.ok(&["unregister", "--replace", "pump-1"]);
    assert_ne!(credential(&scene, "pump-1"), "a-token-of-another");
    scene.ok(&["revoke", "--open"]).prints("no step is open");
}

/// The file has the token of another platform, or of a later one.
#[test]
fn a_token_that_tbpki_has_made_is_replaced_although_the_file_has_another_one() {
    let scene = Scene::new();
    for (name, verb) in [("lamp-1", "revoke"), ("lamp-2", "unregister")] {
        scene.ok(&["token", "--device", name, "--create"]);
        let live = credential(&scene, name);
        scene.sandbox.write(format!("pki/devices/{name}/token"), "another-token");
        scene.ok(&[verb, name]).prints("random");
        let random = credential(&scene, name);
        assert_ne!(random, live);
        // A withdrawal is not reported twice, and its token is not fetched for the device.
        scene.sandbox.write(format!("pki/devices/{name}/token"), "another-token");
        let again = scene.ok(&[verb, name]);
        again.prints(if verb == "revoke" { "had no access token of it any more" } else { "had no certificate of it" });
        assert_eq!(credential(&scene, name), random);
        scene.tbpki(&["token", name]).run().ends(1).prints("TBPKI-0148").prints("was taken from the platform");
    }
}

#[test]
fn unregistering_takes_the_token_of_the_store_and_asks_about_another_one() {
    let scene = with_token_instead("pump-1");
    scene.ok(&["unregister", "pump-1", "--dry-run"]).prints("would become a random token");
    assert_eq!(credential(&scene, "pump-1"), TOKEN);
    scene.ok(&["unregister", "pump-1"]).prints("is now a random token");
    let random = credential(&scene, "pump-1");
    assert_ne!(random, TOKEN);
    assert!(!holds(&scene, "pump-1/token") && holds(&scene, "pump-1/token.old"));
    scene.ok(&["unregister", "pump-1"]);
    assert_eq!(credential(&scene, "pump-1"), random);

    scene.set_token("pump-1", "a-token-of-another");
    for args in [&["unregister", "pump-1"][..], &["unregister", "pump-1", "--dry-run"]] {
        scene.tbpki(args).run().ends(1).prints("TBPKI-0137").prints("tbpki unregister --replace pump-1");
        assert_eq!(credential(&scene, "pump-1"), "a-token-of-another");
    }
    scene.ok(&["unregister", "--replace", "pump-1"]);
    assert_ne!(credential(&scene, "pump-1"), "a-token-of-another");
}

#[test]
fn a_device_that_has_only_a_token_is_revoked_unregistered_and_forgotten() {
    let scene = Scene::new();
    for name in ["lamp-1", "lamp-2", "lamp-3"] {
        scene.ok(&["token", "--device", name, "--create"]);
    }
    let tokens = ["lamp-1", "lamp-2", "lamp-3"].map(|name| credential(&scene, name));
    scene.ok(&["revoke", "lamp-1", "--dry-run"]).prints("would be replaced");
    // Nothing was asked of the platform yet, and without one nothing is taken for done.
    let outcome = scene.sandbox.tbpki(["revoke", "lamp-1"]).run().ends(4);
    outcome.prints("it can still log in").prints("tbpki revoke --open");
    assert_eq!((credential(&scene, "lamp-1"), holds(&scene, "lamp-1/token")), (tokens[0].clone(), true));
    scene.sandbox.tbpki(["forget", "lamp-3"]).run().ends(4).prints("lamp-3: not forgotten");
    assert!(holds(&scene, "lamp-3/token"));

    scene.ok(&["revoke", "lamp-1"]).prints("device lamp-1: its access token in ThingsBoard replaced");
    scene.ok(&["unregister", "lamp-2"]).prints("unregistered lamp-2");
    scene.ok(&["forget", "lamp-3"]).prints("device lamp-3: forgotten");
    for (name, token) in ["lamp-1", "lamp-2", "lamp-3"].into_iter().zip(&tokens) {
        assert_ne!(&credential(&scene, name), token, "{name}");
    }
    assert!(holds(&scene, "lamp-1/token.old") && holds(&scene, "lamp-2/token.old") && !holds(&scene, "lamp-3"));
    assert_eq!(json(&scene.sandbox.ok(["list", "--json", "--kind", "device"]))["identities"], json!([]));
    scene.tbpki(&["revoke", "lamp-1"]).run().ends(1).prints("TBPKI-0096");
}

/// They have no certificate, and are counted and named as what they are.
#[test]
fn devices_with_a_token_alone_are_counted_and_named_by_renewals() {
    let scene = Scene::new();
    scene.ok(&["token", "--device", "tok1", "--create"]);
    scene.ok(&["token", "--device", "tok2", "--create"]);
    scene.ok(&["client", "--device", "pump-1"]);
    let all = scene.ok(&["renew", "--all", "--due"]);
    all.prints("0 renewed, 1 not due, 2 skipped because they log in with a token");
    let named = scene.tbpki(&["renew", "tok1"]).run().ends(1).prints("TBPKI-0305");
    named.prints("it logs in with an access token").prints("`tbpki client tok1`");
    scene.tbpki(&["renew", "absent"]).run().ends(1).prints("TBPKI-0096");
}

/// Its certificate is revoked, and it logs in all the same.
#[test]
fn a_revoked_device_with_a_new_token_is_listed_with_it() {
    let scene = Scene::new();
    scene.ok(&["client", "--device", "pump-1", "--register"]);
    scene.ok(&["revoke", "pump-1"]);
    let credentials = || {
        let rows = json(&scene.sandbox.ok(["list", "--json", "--name", "pump-1"]));
        let rows = rows["identities"].as_array().unwrap().iter();
        rows.map(|row| (row["credential"].clone(), row["state"].clone())).collect::<Vec<_>>()
    };
    let revoked = (json!("certificate"), json!("revoked"));
    assert_eq!(credentials(), std::slice::from_ref(&revoked));
    scene.sandbox.write("token", TOKEN);
    scene.sandbox.private("token");
    let given = scene.ok(&["token", "--device", "pump-1", "--set-file", "token", "--replace"]);
    given.prints("note[TBPKI-0062]").prints("logs in again, with its access token").prints("`tbpki revoke pump-1`");
    assert_eq!(credentials(), [revoked.clone(), (json!("token"), json!("registered"))]);
    scene.ok(&["revoke", "pump-1"]);
    assert_eq!(credentials(), [revoked]);
}
