//! A root of the devices is revoked while the CA of a profile is below it.

use tbpki_tests::Sandbox;

use crate::scene::{Scene, json};

/// A root that was replaced, with the CA of a profile below the first generation alone.
fn scene() -> Scene {
    let scene = Scene::new();
    scene.ok(&["profile", "create", "kk", "--create-devices", "--accept-issuer-risk"]);
    let sandbox = &scene.sandbox;
    sandbox.ok(["client", "--profile", "kk", "kd"]);
    sandbox.ok(["client", "kp"]);
    sandbox.ok(["ca", "prepare", "devices-root"]);
    sandbox.ok(["crl"]);
    sandbox.ok(["ca", "activate", "devices-root", "--leave-behind"]);
    scene
}

fn due(sandbox: &Sandbox) -> Vec<String> {
    let text = sandbox.ok(["list", "--kind", "device"]).stdout_text();
    let lines = text.lines().filter(|line| line.contains("renew now"));
    lines.map(|line| line.split_whitespace().find(|word| ["kd", "kp"].contains(word)).unwrap().to_owned()).collect()
}

#[test]
fn the_cas_below_it_are_named_and_all_others_get_their_lists() {
    let scene = scene();
    let sandbox = &scene.sandbox;
    assert_eq!(due(sandbox), [""; 0]);
    let revoked = sandbox.ok(["revoke", "--ca", "devices-root"]).prints("TBPKI-0319");
    revoked
        .prints("generation 1 of profile-kk is below generation 1 of devices-root alone")
        .prints("1 certificate in use depends on it")
        .prints("tbpki ca prepare profile-kk");
    // The device below the CA is due; the other one has a path by the root that signs now.
    assert_eq!(due(sandbox), ["kd"]);
    sandbox.ok(["report", "--metrics", "m.prom"]);
    assert!(sandbox.text("m.prom").contains("tbpki_certificates_below_revoked_ca{kind=\"device\"} 1\n"));

    let report = json(&sandbox.ok(["crl", "--json"]));
    let cas: Vec<_> = report["lists"].as_array().unwrap().iter().map(|list| list["ca"].clone()).collect();
    assert_eq!(cas, ["devices-issuing", "profile-kk", "devices-root"]);
    sandbox.ok(["crl"]).prints("TBPKI-0375").prints("no trusted root certifies generation 1 of profile-kk");
    sandbox.ok(["revoke", "kp", "--json"]);
    assert_eq!(
        json(&sandbox.ok(["list", "--all", "--name", "kp", "--json"]))["identities"][0]["open"],
        serde_json::Value::Null
    );

    // A renewal names the way out, and it works.
    sandbox.fails(["renew", "kd"], 1, "TBPKI-0049").prints("`tbpki ca prepare profile-kk`");
    sandbox.ok(["ca", "prepare", "profile-kk"]);
    sandbox.ok(["crl"]);
    scene.ok(&["ca", "activate", "profile-kk", "--leave-behind"]);
    sandbox.ok(["renew", "kd"]);
}

#[test]
fn a_retirement_of_the_root_names_the_cas_below_it() {
    let scene = scene();
    scene.sandbox.fails(["ca", "retire", "devices-root"], 1, "TBPKI-0319").prints("1 CA (profile-kk) depends");
}
