//! Two platforms below one store, for example staging and production: each has registrations of its own.

use serde_json::{Value, json};
use tb_sim::{CredentialsType, ServerKeys, Settings};
use tbpki_tests::forge::{age, sql};
use tbpki_tests::platform::Platform;
use tbpki_tests::{Outcome, Sandbox, Tool};

use crate::renew::{DEVICE, leaf};
use crate::scene::Scene;

const LEDGER: &str = "pki/ledger.db";

/// A store whose first platform is that of the scene, and a second platform.
pub(crate) struct TwoPlatforms {
    pub(crate) first: Scene,
    pub(crate) second: Platform,
}

impl TwoPlatforms {
    #[track_caller]
    pub(crate) fn of(first: Scene) -> Self {
        let second = Platform::simulator_in(&first.sandbox, Settings::default());
        Self { first, second }
    }

    /// A tbpki that is configured for the second platform.
    pub(crate) fn second(&self, args: &[&str]) -> Tool {
        self.second.known_to(self.first.sandbox.tbpki(args), self.first.sandbox.join("password"))
    }

    /// Runs a command of a message as it is printed, with the configuration of the first platform.
    #[track_caller]
    pub(crate) fn follow(&self, command: &str) -> Outcome {
        let mut words = command.split(' ');
        assert_eq!(words.next(), Some("tbpki"), "{command}");
        self.first.tbpki(&words.collect::<Vec<_>>()).run().ok()
    }

    /// The kind and the id of a device's credential at both platforms.
    pub(crate) fn credentials(&self, name: &str) -> [Option<(CredentialsType, String)>; 2] {
        [&self.first.platform, &self.second]
            .map(|platform| platform.sim().unwrap().credentials(name).map(|stored| (stored.kind, stored.id)))
    }

    fn kinds(&self, name: &str) -> [CredentialsType; 2] {
        self.credentials(name).map(|stored| stored.unwrap().0)
    }
}

const CERTIFICATE: CredentialsType = CredentialsType::X509Certificate;
const TOKEN: CredentialsType = CredentialsType::AccessToken;

#[track_caller]
fn result(outcome: &Outcome) -> Value {
    outcome.json()["result"].clone()
}

#[test]
fn each_platform_has_its_own_registrations() {
    let both = TwoPlatforms::of(Scene::new());
    let sandbox = &both.first.sandbox;
    for name in ["pump-1", "pump-2"] {
        both.first.ok(&["client", name, "--register"]);
    }
    // A store with one platform lists none.
    let row = |outcome: Outcome| result(&outcome)["identities"][0].clone();
    let list = ["list", "--json", "--name", "pump-1"];
    assert_eq!(row(both.first.ok(&list)).get("platforms"), None);

    // What is registered at the first platform is registered at the second one as well, and not skipped there.
    let registered = both.second(&["register", "--all", "--json"]).run().ok();
    let registered = registered.prints("TBPKI-0357").prints("ledger platform --rename");
    assert_eq!(result(&registered)["registered"], 2);
    assert_eq!(both.credentials("pump-1")[0], both.credentials("pump-1")[1]);
    let again = both.second(&["register", "--all"]).run().ok();
    assert!(!again.stderr_text().contains("TBPKI-0357"), "the platform is known now");
    let platforms = row(both.first.ok(&list))["platforms"].clone();
    let urls: Vec<&Value> = platforms.as_array().unwrap().iter().map(|one| &one["url"]).collect();
    assert_eq!(urls, [both.first.platform.url(), both.second.url()]);

    // Taken from one platform, it stays at the other.
    both.second(&["unregister", "pump-1"]).run().ok();
    assert_eq!(both.kinds("pump-1"), [CERTIFICATE, TOKEN]);
    both.second(&["unregister", "pump-2", "--delete-device", "--yes"]).run().ok();
    assert_eq!(both.credentials("pump-2").map(|stored| stored.is_some()), [true, false]);
    let all = result(&both.second(&["register", "--all", "--json"]).run().ok());
    assert_eq!((&all["registered"], &all["skipped"]), (&json!(0), &json!(2)));
    let all = both.first.json(&["register", "--all"]);
    assert_eq!((&all["registered"], &all["skipped"]), (&json!(2), &json!(0)));
    assert_eq!(row(both.first.ok(&list))["state"], "registered");
    let there = row(both.second(&list).run().ok());
    assert_eq!((&there["state"], there["unregistered_at"].is_string()), (&json!("issued"), true));
    assert_eq!(row(both.first.ok(&list))["platforms"].as_array().unwrap().len(), 1);
    both.second(&["register", "pump-1", "--again", "--replace"]).run().ok();
    both.first.ok(&["unregister", "pump-1"]);
    assert_eq!(both.kinds("pump-1"), [TOKEN, CERTIFICATE]);
    // The check of each platform finds what the ledger has of it.
    both.first.ok(&["store", "check", "--platform"]);
    both.second(&["store", "check", "--platform"]).run().ok();

    // A registration that another program has made is recorded for the platform that was asked.
    sql(&sandbox.join(LEDGER), "DELETE FROM registration WHERE registered_at IS NOT NULL");
    both.second(&["store", "check", "--platform"]).run().ends(3).prints("does not record");
    both.second(&["store", "repair"]).run().ok();
    both.second(&["store", "check", "--platform"]).run().ok();
    both.first.ok(&["store", "check", "--platform"]);
}

#[test]
fn a_stolen_device_is_out_when_no_platform_has_it() {
    let both = TwoPlatforms::of(Scene::new());
    for name in ["pump-1", "pump-2"] {
        both.first.ok(&["client", name, "--register"]);
    }
    both.second(&["register", "pump-1"]).run().ok();
    let revoked = both.first.tbpki(&["revoke", "pump-1", "--reason", "keyCompromise", "--json"]).run().ends(4);
    assert_eq!(both.kinds("pump-1"), [TOKEN, CERTIFICATE]);
    let report = result(&revoked);
    let url = both.second.url();
    assert_eq!((&report["open"][0]["step"], &report["open"][0]["platform"]), (&json!("platform"), &json!(url)));
    let command = format!("tbpki revoke --open --platform-url {url}");
    assert_eq!(report["platforms"], json!([{ "platform": url, "open_steps": 1, "command": command }]), "{report}");
    // Without the URL, nothing is done there, and that is told.
    both.first.tbpki(&["revoke", "--open"]).run().ends(4).prints(url).prints(&command);
    let listed = both.first.ok(&["list", "--name", "pump-1"]);
    listed.prints(&format!("platform open at {url}"));
    let report = both.first.json(&["report", "--out", "report.html"])["fleet"].clone();
    assert_eq!((&report["open_steps"], &report["open"][0]["platform"]), (&json!(1), &json!(url)));
    assert!(both.first.sandbox.text("report.html").contains(&command));

    both.follow(&command).prints("no step is open");
    assert_eq!(both.kinds("pump-1"), [TOKEN, TOKEN]);
    both.first.ok(&["revoke", "--open"]).prints("no step is open");
    both.first.ok(&["revoke", "pump-1"]);
    let kind = both.credentials("pump-2").map(|stored| stored.map(|stored| stored.0));
    assert_eq!(kind, [Some(CERTIFICATE), None]);
}

#[test]
fn a_renewal_replaces_the_certificate_at_each_platform() {
    let both = TwoPlatforms::of(Scene::with_our_server());
    let sandbox = &both.first.sandbox;
    both.first.ok(&["client", "pump-1", "--days", "90", "--register"]);
    both.second(&["register", "pump-1"]).run().ok();
    age(&sandbox.join(LEDGER), "pump-1", 80);
    // A device that another platform has is not renewed in place, whatever platform is configured.
    both.first.ok(&["unregister", "pump-1"]);
    both.first.ok(&["renew", "pump-1"]);
    assert!(sandbox.join("pki/devices/pump-1/pending/cert.pem").exists());
    let renew = ["renew", "pump-1", "--register", "--broker", &both.first.broker(), "--json"];
    let elsewhere = both.first.tbpki(&renew).run().ends(4);
    elsewhere.prints(&format!("tbpki renew --device pump-1 --register --platform-url {}", both.second.url()));
    both.first.ok(&["register", "pump-1", "--again", "--replace"]);

    let first = leaf(sandbox, DEVICE).credentials_id();
    let swapped = both.first.tbpki(&renew).run().ends(4);
    let report = result(&swapped);
    let second = leaf(sandbox, DEVICE).credentials_id();
    assert_ne!(first, second);
    let ids = || both.credentials("pump-1").map(|stored| stored.unwrap().1);
    assert_eq!(ids(), [second.clone(), first], "{report}");
    let command = format!("tbpki register pump-1 --platform-url {}", both.second.url());
    assert_eq!(report["elsewhere"][0]["command"], command);
    // Until then, the command tells it each time.
    let again = [&renew[..], &["--due"]].concat();
    both.first.tbpki(&again).run().ends(4).prints(&command);
    both.follow(&command);
    assert_eq!(ids(), [second.clone(), second]);
    both.first.ok(&again);
    both.first.ok(&["revoke", "--open"]).prints("no step is open");
}

#[test]
fn a_swap_that_was_interrupted_is_finished_at_its_own_platform() {
    let both = TwoPlatforms::of(Scene::with_our_server());
    let sandbox = &both.first.sandbox;
    both.first.ok(&["client", "pump-1", "--days", "90", "--register"]);
    both.second(&["register", "pump-1"]).run().ok();
    age(&sandbox.join(LEDGER), "pump-1", 80);
    both.first.ok(&["renew", "pump-1"]);
    // As a run leaves it that was killed after the platform had the new certificate.
    let swap = "INSERT INTO renewal_step (identity, step, platform) SELECT id, 'swap', 2 FROM identity \
        WHERE role = 'pending'";
    sql(&sandbox.join(LEDGER), swap);
    let before = both.credentials("pump-1");
    let refused = both.first.tbpki(&["renew", "pump-1", "--register", "--broker", &both.first.broker()]).run().ends(4);
    refused.prints("TBPKI-0373").prints(&format!("--register --platform-url {}", both.second.url()));
    assert_eq!(both.credentials("pump-1"), before);
    // A revocation covers the platform that may have the renewal.
    let report = result(&both.first.tbpki(&["revoke", "pump-1", "--json"]).run().ends(4));
    assert_eq!(report["platforms"][0]["open_steps"], 2, "{report}");
    both.follow(report["platforms"][0]["command"].as_str().unwrap());
    assert_eq!(both.kinds("pump-1"), [TOKEN, TOKEN]);
}

#[test]
fn a_fleet_is_registered_and_renewed_at_each_platform() {
    let both = TwoPlatforms::of(Scene::new());
    let sandbox = &both.first.sandbox;
    let issue = ["fleet", "issue", "--count", "3", "--name-pattern", "s-{}", "--out", "fleet", "--days", "90"];
    both.first.ok(&issue);
    both.first.ok(&["fleet", "register"]);
    let phase = |report: &Value| {
        let number = |field: &str| report["phases"][0][field].as_u64().unwrap();
        (number("done"), number("failed"), number("left"), number("now"))
    };
    let second = |args: &[&str]| result(&both.second(&[args, &["--json"]].concat()).run().ok());
    let report = second(&["fleet", "register"]);
    assert_eq!(phase(&report), (3, 0, 0, 3), "{report}");
    assert_eq!(phase(&second(&["fleet", "register"])), (3, 0, 0, 0));
    assert_eq!(both.credentials("s-3")[0], both.credentials("s-3")[1]);
    both.second(&["unregister", "s-2"]).run().ok();
    for name in ["s-1", "s-2", "s-3"] {
        age(&sandbox.join(LEDGER), name, 80);
    }
    both.first.ok(&["fleet", "renew", "--job", "1", "--due", "--out", "renewed"]);
    let token = both.credentials("s-2")[1].clone();
    let registered = both.first.ok(&["fleet", "register", "--pending", "--job", "2"]);
    let command = format!("tbpki fleet register --pending --job 2 --platform-url {}", both.second.url());
    registered.prints("2 devices").prints(&command);
    assert_ne!(both.credentials("s-1")[0], both.credentials("s-1")[1]);
    both.follow(&command);
    for name in ["s-1", "s-3"] {
        assert_eq!(both.credentials(name)[0], both.credentials(name)[1], "{name}");
    }
    assert_eq!(both.credentials("s-2")[1], token, "what was taken from there stays away");
    // A job of which one platform is done is revoked at both.
    let report = result(&both.first.tbpki(&["revoke", "--job", "2", "--json"]).run().ends(4));
    assert_eq!(report["platforms"][0]["open_steps"], 2, "{report}");
    both.follow(report["platforms"][0]["command"].as_str().unwrap());
    assert_eq!(both.kinds("s-1"), [TOKEN, TOKEN]);
}

#[test]
fn a_platform_that_moves_keeps_its_registrations() {
    let both = TwoPlatforms::of(Scene::new());
    both.first.ok(&["ledger", "platform"]).prints("no platform is recorded yet");
    let (old, new) = (both.first.platform.url(), both.second.url());
    both.first.tbpki(&["ledger", "platform", "--rename", old, new]).run().ends(1).prints("TBPKI-0358");
    both.first.ok(&["client", "pump-1", "--register"]);
    both.first.ok(&["ledger", "platform"]).prints(&format!("{old} (configured)"));
    // A revocation with the new URL does not count the old one as done.
    both.second(&["unregister", "pump-2"]).run().ends(1);
    both.first.ok(&["ledger", "platform", "--rename", &format!("{old}/"), new]);
    both.first.ok(&["ledger", "platform", "--rename", old, new]);
    let listed = result(&both.second(&["ledger", "platform", "--json"]).run().ok());
    assert_eq!(listed["platforms"], json!([{ "url": new, "configured": true }]));
    let row = result(&both.second(&["list", "--json", "--name", "pump-1"]).run().ok());
    assert_eq!(row["identities"][0]["state"], "registered");
    // Both addresses in use become one only with a consent.
    both.first.ok(&["register", "pump-1"]);
    let refused = both.first.tbpki(&["ledger", "platform", "--rename", old, new]).run();
    refused.ends(2).prints("--yes");
    let listed = result(&both.first.ok(&["ledger", "platform", "--json"]));
    assert_eq!(listed["platforms"].as_array().unwrap().len(), 2, "{listed}");
}

/// The server was reached at its old URL, and is at its new one: before it was renamed, commands have used both.
#[test]
fn a_revocation_that_is_open_at_the_old_url_ends_at_the_new_one_once_they_are_joined() {
    let scene = Scene::new();
    let old = scene.platform.url().to_owned();
    let new = old.replace("127.0.0.1", "localhost");
    assert_ne!(old, new);
    let moved = |args: &[&str]| scene.tbpki(args).env("TBPKI_PLATFORM_URL", &new);
    for name in ["pump-1", "pump-2", "pump-3"] {
        scene.ok(&["client", name, "--register"]);
    }
    scene.ok(&["unregister", "pump-3"]);
    let all = result(&moved(&["register", "--all", "--replace", "--json"]).run().ok());
    assert_eq!(all["registered"], 3, "the ledger does not know yet that it is one server: {all}");
    // The step at the old URL stays open, because a command at the new one is not about it.
    let revoked = moved(&["revoke", "pump-1"]).run().ends(4);
    revoked.prints(&format!("tbpki revoke --open --platform-url {old}"));
    moved(&["revoke", "--open"]).run().ends(4).prints(&old);

    let rename = ["ledger", "platform", "--rename", &old, &new];
    let with = |more: &[&'static str]| moved(&[&rename[..], more].concat());
    // Without a terminal, the consent is a flag.
    with(&[]).run().ends(2).prints("--yes");
    let planned = result(&with(&["--dry-run", "--json"]).run().ok());
    assert_eq!((&planned["dry_run"], planned["platforms"].as_array().unwrap().len()), (&json!(true), 2));
    assert_eq!((&planned["joined"]["revocations"], &planned["joined"]["registered_again"]), (&json!(1), &json!(1)));
    moved(&["revoke", "--open"]).run().ends(4);
    let joined = with(&["--yes"]).run().ok().prints("joined: ").prints("1 open step of a revocation");
    // What was taken away at the old URL stays marked, and the platform has it: the message names the command.
    joined.prints("TBPKI-0259").prints(&format!("tbpki unregister pump-3 --platform-url {new}"));
    with(&["--yes"]).run().ok().prints("nothing was renamed");
    let listed = result(&moved(&["ledger", "platform", "--json"]).run().ok());
    assert_eq!(listed["platforms"], json!([{ "url": new, "configured": true }]));

    moved(&["revoke", "--open"]).run().ok();
    moved(&["revoke", "--open"]).run().ok().prints("no step is open");
    let kind = |name: &str| scene.platform.sim().unwrap().credentials(name).unwrap().kind;
    assert_eq!([kind("pump-1"), kind("pump-2"), kind("pump-3")], [TOKEN, CERTIFICATE, CERTIFICATE]);
    let all = result(&moved(&["register", "--all", "--json"]).run().ok());
    assert_eq!(all["skipped"], 1, "pump-3 is not brought back: {all}");
    moved(&["unregister", "pump-3"]).run().ok();
    assert_eq!(kind("pump-3"), TOKEN);
    moved(&["store", "check", "--platform"]).run().ok();
}

#[test]
fn a_revocation_at_an_unknown_address_leaves_the_known_one_open() {
    let both = TwoPlatforms::of(Scene::new());
    both.first.ok(&["client", "pump-1", "--register"]);
    let (old, new) = (both.first.platform.url(), both.second.url());
    let refused = both.second(&["revoke", "pump-1"]).run().ends(4);
    refused
        .prints(&format!("tbpki ledger platform --rename {old} {new}"))
        .prints(&format!("tbpki revoke --open --platform-url {old}"));
    assert_eq!(both.credentials("pump-1")[0].as_ref().unwrap().0, CERTIFICATE);
    both.follow(&format!("tbpki revoke --open --platform-url {old}"));
    assert_eq!(both.credentials("pump-1")[0].as_ref().unwrap().0, TOKEN);
}

/// A chain profile at both platforms: its next CA comes to each of them.
#[test]
fn the_ca_of_a_profile_is_replaced_at_each_platform() {
    let both = TwoPlatforms::of(Scene::new());
    let create = ["profile", "create", "pumps", "--create-devices", "--accept-issuer-risk", "--example", "pump-1"];
    both.first.ok(&create);
    both.second(&create).run().ok();
    both.first.ok(&["client", "pump-1", "--profile", "pumps"]);
    both.first.ok(&["ca", "prepare", "profile-pumps"]);
    let activated = both.first.ok(&["ca", "activate", "profile-pumps", "--create"]);
    let command = format!("tbpki ca activate profile-pumps --platform-url {}", both.second.url());
    activated.prints(&command);
    let is_as_in_store = |tool: Tool| result(&tool.run().ok())["profiles"][0]["platform"]["as_in_store"].clone();
    let show = ["profile", "show", "pumps", "--json"];
    assert_eq!(is_as_in_store(both.first.tbpki(&show)), true);
    assert_eq!(is_as_in_store(both.second(&show)), false);
    both.follow(&format!("{command} --create"));
    assert_eq!(is_as_in_store(both.second(&show)), true);
    assert_eq!(both.kinds("pump-1"), [CERTIFICATE, CERTIFICATE]);
    let device = ["revoke", "pump-1", "--json"];
    let report = result(&both.first.tbpki(&device).run().ends(4));
    assert_eq!(report["platforms"][0]["open_steps"], 1, "{report}");
}

/// A platform with the keys of a broker would be needed for a login there; here it only has to be another one.
#[test]
fn the_second_platform_of_a_renewal_is_proven_by_its_own_broker() {
    let first = Scene::with_our_server();
    let (certificate, key) =
        (first.sandbox.join("conf/mqttserver.pem"), Some(first.sandbox.join("conf/mqttserver_key.pem")));
    let server = Some(ServerKeys::Pem { certificate, key, key_password: String::new() });
    let second = Platform::simulator_in(&first.sandbox, Settings { server, ..Settings::default() });
    let both = TwoPlatforms { first, second };
    both.first.ok(&["client", "pump-1", "--days", "90", "--register"]);
    both.second(&["register", "pump-1"]).run().ok();
    age(&both.first.sandbox.join(LEDGER), "pump-1", 80);
    let (host, port) = both.second.mqtts();
    let broker = format!("{host}:{port}");
    let swapped = both.second(&["renew", "pump-1", "--register", "--broker", &broker]).run().ends(4);
    swapped.prints(&format!("tbpki register pump-1 --platform-url {}", both.first.platform.url()));
    both.first.ok(&["register", "pump-1"]);
    assert_eq!(both.credentials("pump-1")[0], both.credentials("pump-1")[1]);
}

#[test]
fn the_registrations_of_an_earlier_version_are_those_of_the_first_platform_that_is_used() {
    let sandbox = Sandbox::new().made_by_0_1_0("store.tar.zst");
    sql(
        &sandbox.join(LEDGER),
        "UPDATE identity SET state = 'registered', registered_at = 1 WHERE kind = 'device' AND name = 'pump-1'",
    );
    let platform = Platform::simulator_in(&sandbox, Settings::default());
    let both = TwoPlatforms::of(Scene { sandbox, platform });
    let list = ["list", "--json", "--name", "pump-1"];
    let state = |tool: Tool| result(&tool.run().ok())["identities"][0]["state"].clone();
    // Reading decides nothing.
    assert_eq!((state(both.second(&list)), state(both.first.tbpki(&list))), (json!("registered"), json!("registered")));
    both.first.ok(&["register", "pump-2"]);
    assert_eq!((state(both.second(&list)), state(both.first.tbpki(&list))), (json!("issued"), json!("registered")));
    both.second(&["register", "pump-1"]).run().ok();
    both.first.tbpki(&["revoke", "pump-1"]).run().ends(4).prints(both.second.url());
}
