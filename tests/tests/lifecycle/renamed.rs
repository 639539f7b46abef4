//! Devices that the platform does not have by their names: renamed, deleted, and not connected yet.

use serde_json::Value;
use tb_sim::CredentialsType;

use crate::scene::{Scene, json};
use crate::two_platforms::TwoPlatforms;

const CERTIFICATE: CredentialsType = CredentialsType::X509Certificate;
const TOKEN: CredentialsType = CredentialsType::AccessToken;

fn kind(scene: &Scene, name: &str) -> Option<CredentialsType> {
    scene.platform.sim().unwrap().credentials(name).map(|stored| stored.kind)
}

fn device(scene: &Scene, name: &str) -> Value {
    scene.platform.sign_in().ok("GET", &format!("/api/tenant/devices?deviceName={name}"), None)
}

/// Renames a device as a user of the web interface does.
#[track_caller]
fn rename(scene: &Scene, from: &str, to: &str) {
    let mut found = device(scene, from);
    found["name"] = to.into();
    scene.platform.sign_in().ok("POST", "/api/device", Some(&found));
}

#[track_caller]
fn delete(scene: &Scene, name: &str) {
    let id = device(scene, name)["id"]["id"].as_str().unwrap().to_owned();
    scene.platform.sign_in().ok("DELETE", &format!("/api/device/{id}"), None);
}

#[test]
fn a_renamed_device_is_not_taken_for_one_that_is_gone() {
    let scene = Scene::new();
    for name in ["pump-1", "pump-2", "pump-3"] {
        scene.ok(&["client", name, "--register"]);
        rename(&scene, name, &format!("Lobby-{name}"));
    }
    let revoked = scene.tbpki(&["revoke", "pump-1", "--json"]).run().ends(4);
    let open = json(&revoked)["open"][0].clone();
    assert_eq!(open["step"], "platform");
    let error = open["error"].as_str().unwrap();
    assert!(
        error.contains("a device with another name has its credential") && error.contains("its name back"),
        "{error}"
    );
    for args in [&["unregister", "pump-2"][..], &["unregister", "pump-3", "--delete-device", "--yes"]] {
        scene.tbpki(args).run().ends(1).prints("TBPKI-0136").prints("it was renamed there");
    }
    // Nothing was changed, and no device is left behind by the search.
    for name in ["pump-1", "pump-2", "pump-3"] {
        assert_eq!((kind(&scene, name), kind(&scene, &format!("Lobby-{name}"))), (None, Some(CERTIFICATE)));
    }
    scene.tbpki(&["revoke", "--open"]).run().ends(4);
    // The help works when it is followed.
    for name in ["pump-1", "pump-2"] {
        rename(&scene, &format!("Lobby-{name}"), name);
    }
    scene.ok(&["revoke", "--open"]).prints("no step is open");
    scene.ok(&["unregister", "pump-2"]).prints("unregistered pump-2");
    assert_eq!((kind(&scene, "pump-1"), kind(&scene, "pump-2")), (Some(TOKEN), Some(TOKEN)));
}

#[test]
fn a_deleted_device_is_gone_without_a_trace() {
    let scene = Scene::new();
    for name in ["pump-1", "pump-2", "lamp-1"] {
        match name {
            "lamp-1" => scene.ok(&["token", name, "--create"]),
            _ => scene.ok(&["client", name, "--register"]),
        };
        delete(&scene, name);
    }
    assert_eq!(json(&scene.ok(&["revoke", "pump-1", "--json"]))["open_steps"], 0);
    scene.ok(&["unregister", "pump-2"]).prints("ThingsBoard has no device pump-2");
    scene.ok(&["revoke", "lamp-1"]).prints("had no access token of it any more");
    for name in ["pump-1", "pump-2", "lamp-1"] {
        assert_eq!(kind(&scene, name), None);
    }
    // Its certificate can be registered again.
    scene.ok(&["register", "pump-2", "--again"]);
    assert_eq!(kind(&scene, "pump-2"), Some(CERTIFICATE));
}

#[test]
fn the_token_of_a_renamed_device_stays_open() {
    let scene = Scene::new();
    scene.ok(&["token", "lamp-1", "--create"]);
    rename(&scene, "lamp-1", "Lobby-lamp");
    let revoked = scene.tbpki(&["revoke", "lamp-1", "--json"]).run().ends(4);
    assert!(json(&revoked)["open_tokens"][0]["error"].as_str().unwrap().contains("another name"), "{revoked}");
    rename(&scene, "Lobby-lamp", "lamp-1");
    scene.ok(&["revoke", "--open"]).prints("lamp-1: its access token in ThingsBoard replaced");
}

/// A profile that provisions by chain creates a device at its first connection, also one that was unregistered before.
#[test]
fn a_device_of_a_chain_profile_is_kept_out_before_its_first_connection() {
    let both = TwoPlatforms::of(Scene::new());
    let scene = &both.first;
    scene.ok(&["profile", "create", "pumps", "--create-devices", "--accept-issuer-risk", "--example", "pump-1"]);
    for name in ["pump-1", "pump-2", "pump-3", "pump-4"] {
        scene.ok(&["client", name, "--profile", "pumps"]);
    }
    scene.ok(&["unregister", "pump-1", "--dry-run"]).prints("would become a random token");
    assert_eq!(kind(scene, "pump-1"), None);
    scene.ok(&["unregister", "pump-1"]).prints("is now a random token");
    assert_eq!(kind(scene, "pump-1"), Some(TOKEN));
    for args in [&["--dry-run"][..], &["--yes"]] {
        let delete = [&["unregister", "pump-2", "--delete-device"][..], args].concat();
        scene.tbpki(&delete).run().ends(1).prints("TBPKI-0173");
    }
    assert_eq!(kind(scene, "pump-2"), None);
    // A platform without the profile creates no device.
    both.second(&["unregister", "pump-3"]).run().ok().prints("ThingsBoard has no device pump-3");
    // A revocation at another platform leaves the one with the profile open.
    let revoked = both.second(&["revoke", "pump-4", "--json"]).run().ends(4);
    let report = json(&revoked);
    assert_eq!(report["platforms"][0]["platform"], scene.platform.url(), "{report}");
    scene.tbpki(&["revoke", "--open"]).run().ends(4).prints("profile-ca");
    assert_eq!(kind(scene, "pump-4"), Some(TOKEN));
}
