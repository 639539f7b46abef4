//! Files of a store that are lost one by one: a check finds each of them and names what restores it.

use std::fs;

use serde_json::Value;
use tbpki_tests::{Sandbox, Scene};

/// A store with a replaced root, a retired CA, a profile, a server with a keystore, and a device.
fn store() -> Sandbox {
    let scene = Scene::new();
    scene.ok(&["profile", "create", "chain", "--create-devices", "--accept-issuer-risk"]);
    let sandbox = scene.sandbox;
    sandbox.ok(["server", "--name", "localhost", "--only-given-names", "--format", "pem,p12"]);
    sandbox.ok(["client", "pump-1"]);
    for ca in ["devices-root", "devices-issuing"] {
        sandbox.ok(["ca", "prepare", ca]);
        sandbox.ok(["ca", "activate", ca, "--leave-behind"]);
    }
    sandbox
}

/// The paths of the differences and their texts.
fn problems(sandbox: &Sandbox, status: i32) -> Vec<(String, String)> {
    let report = sandbox.tbpki(["store", "check", "--json"]).run().ends(status).json();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let problems = report["result"]["problems"].as_array().unwrap().clone();
    problems.iter().map(|problem| (text(&problem["path"]), text(&problem["what"]))).collect()
}

#[test]
fn each_lost_file_is_a_difference_with_what_restores_it() {
    let sandbox = store();
    assert_eq!(problems(&sandbox, 0), []);
    for (file, remedy) in [
        ("ca/devices-root/generation-1", "restore its directory from a backup"),
        ("ca/devices-issuing/generation-1", "restore its directory from a backup"),
        ("ca/devices-issuing/generation-1/cross-1.pem", "restore the file from a backup"),
        ("ca/profile-chain/profile.json", "tbpki profile create chain"),
        ("ca/profile-chain/key.pem", "tbpki ca prepare profile-chain"),
        ("devices/pump-1/key.pem", "restore it from a backup"),
        ("devices/pump-1/chain.pem", "restore it from a backup"),
        ("devices/pump-1/tb-server-chain.pem", "`tbpki client pump-1 ..`, writes it again"),
        ("servers/localhost/clients-ca.pem", "`tbpki server --name localhost ..`, writes it again"),
        ("servers/localhost/cafile.pem", "`tbpki server --name localhost ..`, writes it again"),
        ("servers/localhost/mqttserver.p12", "--format p12"),
        ("secrets", "restore the file from a backup"),
    ] {
        let path = sandbox.join("pki").join(file);
        fs::rename(&path, sandbox.join("lost")).unwrap();
        let found = problems(&sandbox, 3);
        assert_eq!(found.len(), 1, "{file}: {found:?}");
        assert!(found[0].1.contains(remedy), "{file}: {found:?}");
        fs::rename(sandbox.join("lost"), &path).unwrap();
        assert_eq!(problems(&sandbox, 0), [], "{file} is back");
    }
}

#[test]
fn the_files_of_a_retired_generation_are_missed_too() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["ca", "prepare", "devices-issuing"]);
    sandbox.ok(["ca", "activate", "devices-issuing", "--leave-behind"]);
    sandbox.ok(["ca", "retire", "devices-issuing"]);
    assert_eq!(problems(&sandbox, 0), []);
    fs::rename(sandbox.join("pki/ca/retired"), sandbox.join("lost")).unwrap();
    let found = problems(&sandbox, 3);
    assert!(found.iter().any(|(path, _)| path.ends_with("ca/retired/devices-issuing-1")), "{found:?}");
}

#[test]
fn a_lost_password_closes_no_keystore_with_another_one() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["server", "--name", "localhost", "--only-given-names", "--out", "conf", "--format", "pem,p12"]);
    fs::rename(sandbox.join("pki/secrets"), sandbox.join("lost")).unwrap();
    let before = (sandbox.read("conf/mqttserver.p12"), sandbox.read("pki/servers/localhost/mqttserver.p12"));
    let secret = "pki/secrets/server-localhost.keystore-password";
    sandbox.fails(["renew", "--server"], 1, "TBPKI-0009").prints(secret).prints("thingsboard.env");
    sandbox.tbpki(["ca", "prepare", "devices-issuing"]).run().ends(4).prints(secret);
    sandbox.fails(["server", "--name", "localhost", "--only-given-names", "--out", "conf"], 1, "TBPKI-0009");
    assert!(!sandbox.join(secret).exists());
    assert_eq!(before, (sandbox.read("conf/mqttserver.p12"), sandbox.read("pki/servers/localhost/mqttserver.p12")));
    // As the help states, the file comes back.
    fs::rename(sandbox.join("lost"), sandbox.join("pki/secrets")).unwrap();
    sandbox.ok(["ca", "prepare", "devices-issuing"]).prints("mqttserver.p12");
}
