//! Provisioning by certificate chain: a device is known by the CA that issued it.

use serde_json::Value;
use tbpki_tests::platform::unique;

use crate::Scene;

/// The profile of this name, which the test leaves behind nowhere.
fn profile(scene: &Scene, name: &str) -> Value {
    let tenant = scene.platform.sign_in();
    // By all of them: a search by text takes % and _ in the name for wildcards.
    let list = tenant.ok("GET", "/api/deviceProfileInfos?pageSize=1000&page=0", None);
    let info = list["data"].as_array().unwrap().iter().find(|info| info["name"] == name).unwrap().clone();
    tenant.ok("GET", &format!("/api/deviceProfile/{}", info["id"]["id"].as_str().unwrap()), None)
}

/// Takes a profile away when the test is over.
struct Gone<'a>(&'a Scene, String);

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        // A second panic, while the first one is on its way, would end the process and hide the first.
        if !std::thread::panicking() {
            let path = format!("/api/deviceProfile/{}", tbpki_tests::platform::id(&profile(self.0, &self.1)));
            self.0.platform.sign_in().call("DELETE", &path, None);
        }
    }
}

#[test]
fn a_device_is_made_at_its_first_connection_and_its_renewed_leaf_replaces_the_old_one() {
    let (scene, name) = (Scene::new(), unique("pumps"));
    let device = unique("pump");
    scene
        .ok(&["profile", "create", &name, "--create-devices", "--accept-issuer-risk", "--example", &device])
        .prints("created");
    let _gone = Gone(&scene, name.clone());
    let tenant = scene.platform.sign_in();
    scene.ok(&["client", "--device", &device, "--profile", &name]);
    assert!(tenant.device_named(&device).is_none());
    scene.publishes(&device, "chain.pem").succeeds();
    let made = tenant.device_named(&device).unwrap();
    assert_eq!(made["type"], name.as_str());
    let id = |scene: &Scene| scene.listed(&device)["credentials_id"].clone();
    assert_eq!(tenant.credentials(&made)["credentialsId"], id(&scene));
    // What the platform has made itself is registered already.
    scene.ok(&["register", "--device", &device]).prints("unchanged");

    scene.ok(&["client", "--device", &device, "--profile", &name, "--force"]);
    scene.publishes(&device, "chain.pem").succeeds();
    assert_eq!(tenant.credentials(&made)["credentialsId"], id(&scene));
    // Without the CA in the chain an unregistered leaf is unknown.
    scene.ok(&["client", "--device", &device, "--profile", &name, "--force"]);
    // The leaf was issued again and has never been seen by the platform.
    scene.publishes(&device, "cert.pem").is_refused("not authorised");
    scene.ok(&["profile", "show", &name]).prints("platform        same as in the store");

    // Deleted, it would be back at its next connection; with a token in the certificate's place it stays away.
    scene.fails(&["unregister", "--device", &device, "--delete-device", "--yes"], 1, 173, &name);
    assert!(tenant.device_named(&device).is_some());
    scene.ok(&["client", "--device", &device, "--profile", &name, "--register", "--replace"]);
    scene.ok(&["unregister", "--device", &device]);
    scene.publishes(&device, "chain.pem").is_refused("not authorised");
    assert!(tenant.device_named(&device).is_some());
}

#[test]
fn devices_are_not_made_unless_that_was_asked_for_and_confirmed() {
    let (scene, name, device) = (Scene::new(), unique("closed"), unique("pump"));
    let create = ["profile", "create", name.as_str()];
    scene.fails(&[&create[..], &["--create-devices"]].concat(), 2, 10, "--accept-issuer-risk");
    scene.ok(&[&create[..], &["--dry-run"]].concat()).prints("planned");
    assert!(!scene.sandbox.join(format!("pki/ca/profile-{name}")).exists());
    scene.ok(&create);
    let _gone = Gone(&scene, name.clone());
    let provisioning = profile(&scene, &name)["profileData"]["provisionConfiguration"].clone();
    assert_eq!(provisioning["allowCreateNewDevicesByX509Certificate"], false);
    scene.ok(&["client", "--device", &device, "--profile", &name]);
    scene.publishes(&device, "chain.pem").is_refused("not authorised");
    assert!(scene.platform.sign_in().device_named(&device).is_none());
    // Registered by itself it logs in with its leaf, and the device is in the profile.
    scene.ok(&["client", "--device", &device, "--profile", &name, "--register"]).prints("platform        created");
    let tenant = scene.platform.sign_in();
    assert_eq!(tenant.device_named(&device).unwrap()["type"], name.as_str());
    scene.publishes(&device, "cert.pem").succeeds();
}

#[test]
fn the_ca_of_a_profile_is_activated_only_after_it_was_prepared() {
    let (scene, name, device) = (Scene::new(), unique("kept"), unique("pump"));
    scene.ok(&["profile", "create", &name]);
    let _gone = Gone(&scene, name.clone());
    scene.ok(&["client", "--device", &device, "--profile", &name]);
    let ca = format!("profile-{name}");
    let before = scene.sandbox.read(format!("pki/ca/{ca}/cert.pem"));
    scene.ok(&["ca", "prepare", &ca, "--dry-run"]);
    scene.fails(&["ca", "activate", &ca], 1, 318, "no next generation");
    assert_eq!(scene.sandbox.read(format!("pki/ca/{ca}/cert.pem")), before);
    assert!(!scene.sandbox.join(format!("pki/ca/{ca}/generation-2")).exists());
}

#[test]
fn an_expression_is_tried_before_the_platform_stores_it() {
    let (scene, name) = (Scene::new(), unique("tried"));
    let create = |more: &[&'static str]| [&["profile", "create", name.as_str()][..], more].concat();
    for (pattern, example, words) in [
        ("pump-.*", "pump-1", "no group"),
        ("(pump-[0-9]+", "pump-1", "cannot be used"),
        ("^pump-(.+)$", "pump-1", "finds the name"),
        ("^(pump-[0-9]+)$", "lamp-1", "does not find"),
        // Java and Rust do not read every expression alike: what may differ is refused before a device depends on it.
        ("(?i)(pump)", "pump", "Java"),
    ] {
        scene.fails(&create(&["--pattern", pattern, "--example", example]), 1, 145, words);
    }
    assert!(!scene.sandbox.join(format!("pki/ca/profile-{name}")).exists(), "nothing was made");
    scene.ok(&create(&["--pattern", "^(pump-[0-9]+)$", "--example", "pump-1"]));
    let _gone = Gone(&scene, name.clone());
    assert_eq!(
        profile(&scene, &name)["profileData"]["provisionConfiguration"]["certificateRegExPattern"],
        "^(pump-[0-9]+)$"
    );
    scene.fails(&["client", "--device", "lamp", "--profile", &name], 1, 145, "does not find");
    // ThingsBoard matches the escaped name, `pump-1\,x`, and would make a device of that name.
    scene.fails(&["client", "--device", "pump-1,x", "--profile", &name], 1, 145, "backslash");
    scene.ok(&["client", "--device", "pump-7", "--profile", &name]);
    // A new expression has to find what was issued.
    scene.fails(&create(&["--name-prefix", "lamp-", "--replace"]), 1, 145, "pump-7");
    scene.fails(&["client", "--device", "x", "--profile", "nowhere"], 1, 147, "profile create");
}

#[test]
fn a_profile_that_is_another_one_is_not_changed_unasked() {
    let (scene, name) = (Scene::new(), unique("taken"));
    let tenant = scene.platform.sign_in();
    tenant.profile(&serde_json::json!({
        "name": name, "type": "DEFAULT", "transportType": "DEFAULT", "provisionType": "DISABLED", "description": "mine",
        "profileData": {
            "configuration": {"type": "DEFAULT"}, "transportConfiguration": {"type": "DEFAULT"},
            "provisionConfiguration": {"type": "DISABLED", "provisionDeviceSecret": null}, "alarms": null,
        },
    }));
    scene.fails(&["profile", "create", &name], 1, 146, "not by chain");
    // No CA is made for it, because that CA would issue the devices of a profile that is for others.
    assert!(!scene.sandbox.join(format!("pki/ca/profile-{name}")).exists());
    scene.ok(&["profile", "create", &name, "--replace"]).prints("changed");
    assert_eq!(profile(&scene, &name)["description"], "mine");
    scene.ok(&["profile", "create", &name]).prints("unchanged");
    scene.ok(&["profile", "show"]).prints(&name).prints("platform        same as in the store");
    scene.fails(&["profile", "show", "no such profile"], 1, 147, "no such profile");
}
