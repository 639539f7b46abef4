//! Access tokens at two platforms below one store: the file has one of them, and each platform has its own.

use serde_json::{Value, json};
use tbpki_tests::Outcome;
use tbpki_tests::forge::sql;

use crate::scene::{Scene, json};
use crate::two_platforms::TwoPlatforms;

const LEDGER: &str = "pki/ledger.db";

fn tokens(both: &TwoPlatforms, name: &str) -> [String; 2] {
    both.credentials(name).map(|stored| stored.unwrap().1)
}

fn has_file(both: &TwoPlatforms, file: &str) -> bool {
    both.first.sandbox.join("pki/devices").join(file).exists()
}

fn give_tokens(both: &TwoPlatforms, name: &str) -> [String; 2] {
    both.first.ok(&["token", name, "--create"]);
    both.second(&["token", name, "--create"]).run().ok();
    tokens(both, name)
}

/// The tokens that a report has as open: the platform of each.
fn open_at(outcome: &Outcome) -> Vec<Value> {
    let report = json(outcome);
    report["open_tokens"].as_array().unwrap().iter().map(|token| token["platform"].clone()).collect()
}

/// The command that the report has for the other platform.
fn command(outcome: &Outcome) -> String {
    json(outcome)["platforms"][0]["command"].as_str().unwrap().to_owned()
}

#[test]
fn a_revocation_covers_the_token_of_each_platform() {
    let both = TwoPlatforms::of(Scene::new());
    let live = give_tokens(&both, "lamp-1");
    let revoked = both.first.tbpki(&["revoke", "lamp-1", "--json"]).run().ends(4);
    assert_eq!(json(&revoked)["without_token"], json!(["lamp-1"]));
    assert_eq!(open_at(&revoked), [both.second.url()]);
    assert_ne!(tokens(&both, "lamp-1")[0], live[0]);
    assert_eq!(tokens(&both, "lamp-1")[1], live[1]);
    assert!(has_file(&both, "lamp-1/token"), "the token of the second platform is still of use");
    // It stays open until a command for that platform takes it.
    let command = command(&revoked);
    both.first.tbpki(&["revoke", "--open"]).run().ends(4).prints("lamp-1: platform").prints(&command);
    both.follow(&command).prints("device lamp-1: its access token in ThingsBoard replaced");
    assert_ne!(tokens(&both, "lamp-1")[1], live[1]);
    assert!(!has_file(&both, "lamp-1/token"));
    both.first.ok(&["revoke", "--open"]).prints("no step is open");
    both.first.tbpki(&["revoke", "lamp-1"]).run().ends(1).prints("TBPKI-0096");
}

#[test]
fn a_revocation_finds_the_token_that_only_the_other_platform_has() {
    let both = TwoPlatforms::of(Scene::new());
    both.first.sandbox.write("token", "a-token-of-our-own");
    both.first.sandbox.private("token");
    both.first.ok(&["client", "pump-1"]);
    both.first.ok(&["client", "pump-2", "--register"]);
    both.second(&["token", "pump-1", "--create", "--set-file", "token"]).run().ok();
    let revoked = both.first.tbpki(&["revoke", "pump-1", "--json"]).run().ends(4);
    assert_eq!(json(&revoked)["open"][0]["platform"], both.second.url());
    both.follow(&command(&revoked));
    assert_ne!(both.credentials("pump-1")[1].as_ref().unwrap().1, "a-token-of-our-own");
    both.first.ok(&["revoke", "pump-1"]);
}

#[test]
fn a_token_is_taken_although_its_file_is_gone() {
    let scene = Scene::new();
    scene.ok(&["client", "pump-1"]);
    scene.ok(&["token", "pump-1", "--create"]);
    let token = || scene.platform.sim().unwrap().credentials("pump-1").unwrap().id;
    let live = token();
    std::fs::remove_file(scene.sandbox.join("pki/devices/pump-1/token")).unwrap();
    scene.ok(&["revoke", "pump-1"]);
    assert_ne!(token(), live);
}

#[test]
fn what_is_unregistered_at_one_platform_keeps_its_token_at_the_other() {
    let both = TwoPlatforms::of(Scene::new());
    let live = give_tokens(&both, "lamp-1");
    both.second(&["unregister", "lamp-1"]).run().ok();
    assert_eq!(tokens(&both, "lamp-1")[0], live[0]);
    assert_ne!(tokens(&both, "lamp-1")[1], live[1]);
    both.first.ok(&["revoke", "lamp-1"]).prints("replaced by a random one");
    assert_ne!(tokens(&both, "lamp-1")[0], live[0]);
}

#[test]
fn a_device_is_forgotten_when_no_platform_has_its_token() {
    let both = TwoPlatforms::of(Scene::new());
    both.first.sandbox.write("token", "a-token-of-our-own");
    both.first.sandbox.private("token");
    let set = ["token", "lamp-1", "--create", "--set-file", "token"];
    both.first.ok(&set);
    both.second(&set).run().ok();
    let kept = both.first.tbpki(&["forget", "lamp-1"]).run().ends(4).prints("lamp-1: not forgotten");
    let command = format!("tbpki revoke --open --platform-url {}", both.second.url());
    kept.prints(&command);
    assert!(has_file(&both, "lamp-1/token"));
    assert_eq!(tokens(&both, "lamp-1")[1], "a-token-of-our-own");
    both.follow(&command);
    assert_ne!(tokens(&both, "lamp-1")[1], "a-token-of-our-own");
    both.first.ok(&["forget", "lamp-1"]).prints("lamp-1: forgotten");
    assert!(!has_file(&both, "lamp-1"));
}

/// A store of a version that did not record which platform has a token.
#[test]
fn a_token_without_a_record_is_looked_for_at_each_platform() {
    let both = TwoPlatforms::of(Scene::new());
    let live = give_tokens(&both, "lamp-1");
    both.first.ok(&["client", "pump-1"]);
    give_tokens(&both, "pump-1");
    sql(&both.first.sandbox.join(LEDGER), "DELETE FROM device_token");
    let revoked = both.first.tbpki(&["revoke", "lamp-1,pump-1", "--json"]).run().ends(4);
    let report = json(&revoked);
    assert_eq!(report["platforms"][0]["open_steps"], 2, "{report}");
    assert!(has_file(&both, "lamp-1/token") && has_file(&both, "pump-1/token"));
    both.follow(&command(&revoked));
    for (now, before) in tokens(&both, "lamp-1").iter().zip(&live) {
        assert_ne!(now, before);
    }
    assert!(!has_file(&both, "lamp-1/token") && !has_file(&both, "pump-1/token"));
}
