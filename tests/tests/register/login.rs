//! Certificates: registered, replaced, taken away, and what can be done with them.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tb_sim::Settings;
use tbpki_tests::platform::unique;

use crate::Scene;

#[test]
fn from_nothing_to_a_device_that_publishes_in_three_commands() {
    let scene = Scene::with_our_server();
    scene.ok(&["client", "--device", "MyDevice", "--register"]).prints("platform        created");
    // The leaf alone: the platform compares this one certificate, and needs no chain.
    scene.publishes("MyDevice", "cert.pem").succeeds();
    scene.has_arrived("MyDevice", 1);
    assert_eq!(scene.listed("MyDevice")["state"], "registered");
}

#[test]
fn asked_again_it_changes_nothing_and_another_certificate_has_to_be_allowed() {
    let (scene, device) = (Scene::new(), unique("again"));
    let tenant = scene.platform.sign_in();
    let client = ["client", "--device", &device, "--register"];
    scene.ok(&client);
    // Not to look at it: the device of a real platform is deleted at the end of the test.
    tenant.device_named(&device);
    let first = scene.listed(&device);
    assert_eq!((&first["state"], first.get("last_error")), (&"registered".into(), None));
    scene.publishes(&device, "chain.pem").succeeds();
    scene.ok(&client).prints("platform        unchanged");
    scene.ok(&["register", "--device", &device]).prints("unchanged");

    // A new generation: the old certificate stays in force until the user replaces it.
    let renewed = [&client[..], &["--force"]].concat();
    let before = scene.sandbox.text(scene.file(&device, "key.pem"));
    scene.tbpki(&renewed).run().ends(1).prints("error[TBPKI-0137]").prints("--replace");
    assert_eq!(scene.sandbox.text(scene.file(&device, "key.pem")), before, "the key was replaced");
    assert_eq!(
        (&scene.listed(&device)["generation"], &scene.listed(&device)["state"]),
        (&1.into(), &"registered".into())
    );
    scene.publishes(&device, "chain.pem").succeeds();
    scene.sandbox.ok(["client", "--device", &device, "--force"]);
    let partly = scene.tbpki(&client).run().ends(4).prints("error[TBPKI-0137]").prints("--replace");
    assert!(partly.stdout_text().contains("failed"), "{partly}");
    let listed = scene.listed(&device);
    assert_eq!((&listed["generation"], &listed["state"]), (&2.into(), &"issued".into()));
    assert!(listed["last_error"].as_str().unwrap().contains("logs in with the certificate"), "{listed}");
    // The files have the new certificate by now, and the platform the old one.
    scene.publishes(&device, "chain.pem").is_refused("not authorised");
    scene.ok(&["register", "--device", &device, "--replace", "--dry-run"]).prints("would be replaced");
    scene.publishes(&device, "chain.pem").is_refused("not authorised");
    scene.ok(&["register", "--device", &device, "--replace"]).prints("credential replaced");
    scene.publishes(&device, "chain.pem").succeeds();
    assert_eq!(scene.listed(&device)["state"], "registered");
}

#[test]
fn a_dry_run_changes_nothing() {
    let (scene, device) = (Scene::new(), unique("dry"));
    let tenant = scene.platform.sign_in();
    scene.ok(&["client", "--device", &device, "--register", "--dry-run"]).prints("platform        planned");
    assert!(!scene.file(&device, "cert.pem").exists());
    scene.ok(&["client", "--device", &device]);
    scene.ok(&["client", "--device", &device, "--register", "--dry-run"]).prints("would be created");
    scene.ok(&["register", "--device", &device, "--dry-run"]).prints("would be created");
    assert!(tenant.device_named(&device).is_none());
    assert_eq!(scene.listed(&device)["state"], "issued");
}

#[test]
fn a_device_that_was_made_by_hand_is_taken_over_when_that_is_allowed() {
    let (scene, device) = (Scene::new(), unique("by-hand"));
    let tenant = scene.platform.sign_in();
    let made = tenant.device(&device);
    let token = tenant.credentials(&made)["credentialsId"].as_str().unwrap().to_owned();
    scene.sandbox.hides(&token);
    scene.ok(&["client", "--device", &device]);
    // A token may be in use: to replace it could put a device in the field out.
    scene.fails(&["register", "--device", &device], 1, 137, "an access token");
    let json = scene.ok(&["register", "--device", &device, "--replace", "--json"]).json();
    let result = &json["result"]["devices"][0];
    assert_eq!((&result["done"], &result["device_id"]), (&"replaced".into(), &made["id"]["id"]));
    assert_eq!(tenant.credentials(&made)["credentialsId"], result["credentials_id"]);
    scene.publishes(&device, "cert.pem").succeeds();
}

#[test]
fn what_a_device_is_made_with() {
    let (scene, device, profile) = (Scene::new(), unique("made"), unique("profile"));
    let tenant = scene.platform.sign_in();
    tenant.profile(&serde_json::json!({
        "name": profile, "type": "DEFAULT", "transportType": "DEFAULT", "provisionType": "DISABLED",
        "profileData": {
            "configuration": {"type": "DEFAULT"}, "transportConfiguration": {"type": "DEFAULT"},
            "provisionConfiguration": {"type": "DISABLED", "provisionDeviceSecret": null}, "alarms": null,
        },
    }));
    let with = ["--profile", &profile, "--label", "in the cellar", "--gateway"];
    scene.ok(&[&["client", "--device", &device, "--register"][..], &with].concat());
    let made = tenant.device_named(&device).unwrap();
    assert_eq!((&made["type"], &made["label"]), (&profile.as_str().into(), &"in the cellar".into()));
    assert_eq!(made["additionalInfo"]["gateway"], true);
    // A profile is never made by mistyping one.
    let other = unique("other");
    scene.ok(&["client", "--device", &other]);
    scene.fails(&["register", "--device", &other, "--profile", "no such profile"], 1, 134, "no such profile");
    assert!(tenant.device_named(&other).is_none());
    // What is there already is told and left.
    scene.ok(&["register", "--device", &device, "--label", "elsewhere"]).prints("note[TBPKI-0137]");
}

#[test]
fn names_are_taken_exactly() {
    let scene = Scene::new();
    let tenant = scene.platform.sign_in();
    let base = unique("Name");
    for device in
        [base.clone(), base.to_lowercase(), format!("{base} ä+b&c=d%"), format!("{base}_"), format!("{base}%")]
    {
        scene.ok(&["client", "--device", &device, "--register"]).prints("platform        created");
        scene.ok(&["register", "--device", &device]).prints("unchanged");
        scene.publishes(&device, "cert.pem").succeeds();
        // Every byte, since the names have what a query would take for its own: spaces, &, =, + and %.
        let encoded: String = device.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let found = tenant.ok("GET", &format!("/api/tenant/devices?deviceName={encoded}"), None);
        assert_eq!(found["name"], device.as_str());
        tenant.forget(&format!("/api/device/{}", tbpki_tests::platform::id(&found)));
    }
}

#[test]
fn of_several_some_may_fail_and_the_rest_is_done() {
    let (scene, base) = (Scene::new(), unique("several"));
    let tenant = scene.platform.sign_in();
    let names: Vec<String> = (0..5).map(|number| format!("{base}-{number}")).collect();
    for name in &names {
        scene.ok(&["client", "--device", name]);
    }
    // Made by hand, with a token: the one that fails.
    tenant.device(&names[2]);
    let all: Vec<&str> =
        ["register", "--json", "--device"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let outcome = scene.tbpki(&all).run().ends(4).prints("error[TBPKI-0137]");
    let report = outcome.json();
    assert_eq!((&report["result"]["failed"], &report["result"]["left"]), (&1.into(), &0.into()));
    assert_eq!(report["findings"][0]["place"]["item"], names[2].as_str(), "{outcome}");
    for (number, name) in names.iter().enumerate() {
        assert_eq!(scene.listed(name)["state"], if number == 2 { "issued" } else { "registered" });
        tenant.device_named(name);
    }
    // A name that the store does not hold is one more that fails.
    scene.fails(&["register", "--device", "nobody"], 1, 96, "nobody");
    scene.tbpki(&["register", "--device", "nobody", &names[0]]).run().ends(4).prints("error[TBPKI-0096]");
    scene.ok(&["register", "--all", "--replace"]).prints("credential replaced").prints("unchanged");
}

#[test]
fn what_is_unregistered_is_refused_and_can_come_back() {
    let (scene, device) = (Scene::new(), unique("away"));
    let tenant = scene.platform.sign_in();
    scene.ok(&["client", "--device", &device, "--register"]);
    let made = tenant.device_named(&device).unwrap();
    scene.publishes(&device, "cert.pem").succeeds();
    scene.ok(&["unregister", "--device", &device, "--dry-run"]).prints(&format!("would unregister {device}"));
    scene.ok(&["unregister", "--device", &device]).prints(&format!("unregistered {device}"));
    scene.publishes(&device, "cert.pem").is_refused("not authorised");
    assert_eq!(scene.listed(&device)["state"], "issued");
    assert_eq!(tenant.credentials(&made)["credentialsType"], "ACCESS_TOKEN");
    // The random token of the first time stays: it may be what the device has been given since.
    scene.ok(&["unregister", "--device", &device]).prints("had no certificate of it");
    // Neither by itself nor with all others: only with --again.
    scene.fails(&["register", "--device", &device, "--replace"], 1, 259, "--again");
    scene.fails(&["client", "--device", &device, "--register", "--replace"], 4, 259, "--again");
    for bulk in [&["register", "--all"][..], &["register", "--all", "--replace"]] {
        scene.ok(bulk).prints("1 device was unregistered and is skipped");
        scene.publishes(&device, "cert.pem").is_refused("not authorised");
    }
    scene.ok(&["register", "--device", &device, "--replace", "--again"]);
    scene.publishes(&device, "cert.pem").succeeds();

    // A certificate that another client has set is not ours to take away.
    scene.ok(&["client", "--device", "other", "--self-signed"]);
    let pem = scene.sandbox.text("pki/devices/other/cert.pem");
    let foreign = unique("foreign");
    tenant.device_with_certificate(&foreign, &pem);
    scene.fails(&["unregister", "--device", &foreign], 1, 137, "has never issued");
    scene.ok(&["unregister", "--device", &foreign, "--replace"]);

    // The history of a device goes with it, and does not come back.
    scene.fails(&["unregister", "--device", &device, "--delete-device"], 2, 10, "--yes");
    scene.ok(&["unregister", "--device", &device, "--delete-device", "--yes"]).prints("deleted");
    assert!(tenant.device_named(&device).is_none());
    scene.ok(&["unregister", "--device", &device, "--delete-device", "--yes"]).prints("ThingsBoard has no device");
    scene.fails(&["unregister", "--device", "no device"], 1, 134, "no device");
}

#[test]
fn a_certificate_that_another_device_has_is_told_as_that() {
    let (scene, device, other) = (Scene::new(), unique("owner"), unique("thief"));
    let tenant = scene.platform.sign_in();
    scene.ok(&["client", "--device", &device]);
    tenant.device_with_certificate(&other, &scene.sandbox.text(format!("pki/devices/{device}/cert.pem")));
    scene.fails(&["register", "--device", &device], 1, 136, &device);
    assert!(tenant.device_named(&device).is_none(), "nothing is left behind");
    assert!(scene.listed(&device)["last_error"].as_str().unwrap().contains("another device"));
}

#[test]
fn no_password_and_no_token_is_ever_shown() {
    let scene = Scene::simulated(Settings::default());
    for verbose in [&["-vvv"][..], &["-vvv", "--json"]] {
        let with = |args: &[&str]| scene.ok(&[args, verbose].concat());
        // All the verbs that see a secret of the platform, with the log at its most talkative.
        with(&["client", "--device", "pump", "--register", "--force", "--replace", "--again"]);
        with(&["register", "--all"]);
        with(&["unregister", "--device", "pump"]);
        // The token of the withdrawal is not for the device.
        scene.tbpki(&[&["token", "--device", "pump"][..], verbose].concat()).run().ends(1).prints("TBPKI-0148");
        scene.sandbox.write("own-token", "a-token-of-our-own");
        scene.sandbox.private("own-token");
        with(&["token", "--device", "pump", "--set-file", "own-token"]);
        let token = scene.sandbox.text("pki/devices/pump/token");
        scene.sandbox.hides(token.trim());
        with(&["token", "--device", "pump"]);
        with(&["register", "--all", "--replace"]);
        with(&["config", "show", "--origin"]);
        let sim = scene.platform.sim().unwrap();
        for request in sim.requests() {
            assert!(!request.path.contains(token.trim()), "{request:?}");
        }
        let wrong = [&["register", "--all", "--again"], verbose].concat();
        scene.tbpki(&wrong).env("TBPKI_PLATFORM_USER", "somebody@else").run().ends(1).prints("TBPKI-0126");
    }
    let mode = |file: &str| fs::metadata(scene.file("pump", file)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("token"), mode("key.pem")), (0o600, 0o600));
}
