//! A repeated verb updates existing files to the present request, and issues nothing that was not requested.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what helpers of tests did not expect ends the test")]

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;

use serde_json::Value;
use tbpki_tests::binary::tbpki;
use tbpki_tests::disk::as_root;
use tbpki_tests::{Outcome, Sandbox, Tool};

const DEVICE: &[&str] = &["client", "--device", "pump-1"];
const SERVER: &[&str] = &["server", "--name", "tb.example", "--only-given-names"];

/// The change of the file, according to the report.
#[track_caller]
fn done<'a>(report: &'a Value, path: &str) -> &'a Value {
    let files = report["result"]["files"].as_array().unwrap();
    let found = files.iter().find(|file| file["path"] == path);
    found.unwrap_or_else(|| panic!("no {path} in {report:#}"))
}

/// The entries of a keystore, as keytool lists them.
#[track_caller]
fn entries(sandbox: &Sandbox, file: &str, password: &str) -> Outcome {
    sandbox.write("keystore-password", password);
    let list = Tool::new("keytool").args(["-list", "-rfc", "-storepass:file"]).arg(sandbox.join("keystore-password"));
    list.arg("-keystore").arg(sandbox.join(file)).run()
}

fn password_of(sandbox: &Sandbox, identity: &str) -> String {
    sandbox.text(format!("pki/secrets/{identity}.keystore-password")).trim_end().to_owned()
}

#[test]
fn a_new_self_signed_server_reaches_devices_that_are_there() {
    let sandbox = Sandbox::with_store();
    let first = [DEVICE, &["--format", "p12,jks", "--out", "out"]].concat();
    sandbox.ok(&first);
    let serial = sandbox.ok([DEVICE, &["--json"]].concat()).json()["result"]["certificate"]["serial"].clone();
    let old = sandbox.read("pki/devices/pump-1/tb-server-chain.pem");
    let leaf = sandbox.read("pki/devices/pump-1/cert.pem");
    sandbox.ok([SERVER, &["--self-signed"]].concat());

    let report = sandbox.ok([DEVICE, &["--out", "out", "--json"]].concat()).json();
    assert_eq!(report["result"]["done"], "refreshed", "{report:#}");
    assert_eq!(report["result"]["generation"], 1);
    assert_eq!(report["result"]["certificate"]["serial"], serial);
    let server = sandbox.text("pki/servers/tb.example/cafile.pem");
    for place in ["pki/devices/pump-1", "out"] {
        for file in ["key.pem", "cert.pem", "chain.pem"] {
            assert_eq!(done(&report, &format!("{place}/{file}"))["done"], "unchanged", "{report:#}");
        }
        for file in ["tb-server-chain.pem", "pump-1.p12", "pump-1.jks"] {
            let done = done(&report, &format!("{place}/{file}"));
            assert_eq!(done["done"], "replaced", "{report:#}");
            assert_eq!(done["kept"], format!("{place}/{file}.{}", serial.as_str().unwrap()));
        }
        assert!(sandbox.text(format!("{place}/tb-server-chain.pem")).ends_with(&server));
        assert_eq!(sandbox.read(format!("{place}/tb-server-chain.pem.{}", serial.as_str().unwrap())), old);
        assert_eq!(sandbox.read(format!("{place}/cert.pem")), leaf);
        for keystore in ["pump-1.p12", "pump-1.jks"] {
            let listing =
                entries(&sandbox, &format!("{place}/{keystore}"), &password_of(&sandbox, "device-pump-1")).ok();
            assert!(listing.stdout_text().contains("serveralias-2"), "{listing}");
        }
    }
    let settled = sandbox.ok([DEVICE, &["--out", "out", "--json"]].concat()).json();
    assert_eq!(settled["result"]["done"], "unchanged", "{settled:#}");

    // A server that is there no more is trusted no more.
    sandbox.ok([SERVER, &["--force", "--default-ca"]].concat());
    sandbox.ok([DEVICE, &["--out", "out"]].concat()).prints("outdated files were replaced");
    assert_eq!(sandbox.read("out/tb-server-chain.pem"), old);
}

#[test]
fn copies_are_refreshed_where_they_are_of_this_leaf_alone() {
    let sandbox = Sandbox::with_store();
    sandbox.ok([DEVICE, &["--out", "out"]].concat());
    sandbox.ok(["client", "--device", "valve-2"]);
    sandbox.write("other/tb-server-chain.pem", "somebody's");
    sandbox.ok([SERVER, &["--self-signed"]].concat());
    sandbox.ok(DEVICE);
    // The store was refreshed without them; they follow.
    sandbox.ok([DEVICE, &["--out", "out"]].concat());
    assert_eq!(sandbox.read("out/tb-server-chain.pem"), sandbox.read("pki/devices/pump-1/tb-server-chain.pem"));
    let refused = [&["client", "--device", "valve-2"][..], &["--out", "other"]].concat();
    sandbox.fails(refused, 1, "TBPKI-0082").prints("tb-server-chain.pem");
    assert_eq!(sandbox.text("other/tb-server-chain.pem"), "somebody's");
    // Nothing was done to the store's own either.
    assert!(
        !sandbox
            .text("pki/devices/valve-2/tb-server-chain.pem")
            .contains(&sandbox.text("pki/servers/tb.example/cafile.pem"))
    );
}

#[test]
fn anchors_from_a_file_are_followed() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(DEVICE);
    sandbox.write("anchor.pem", sandbox.read("pki/ca/devices-root/cert.pem"));
    sandbox.write("keygen.toml", "version = 1\n[server]\nanchors = { file = \"anchor.pem\" }\n");
    sandbox.ok(DEVICE).prints("outdated files were replaced");
    assert_eq!(sandbox.read("pki/devices/pump-1/tb-server-chain.pem"), sandbox.read("anchor.pem"));
    // Who trusts the system needs no file; the old one stays for those who use it.
    sandbox.write("keygen.toml", "version = 1\n[server]\nanchors = \"system\"\n");
    sandbox.ok(DEVICE).prints("is up to date");
    sandbox.ok(["client", "--device", "valve-2"]);
    assert!(!sandbox.join("pki/devices/valve-2/tb-server-chain.pem").exists());
}

#[test]
fn a_keystore_gets_the_password_and_the_alias_that_are_wanted_now() {
    let sandbox = Sandbox::with_store();
    sandbox.ok([SERVER, &["--out", "conf"]].concat());
    let leaf = sandbox.read("conf/mqttserver.pem");
    sandbox.hides("another-password");
    sandbox.write("password", "another-password");
    sandbox.write(
        "keygen.toml",
        "version = 1\n[server.keystore]\nalias = \"Other\"\npassword = { file = \"password\" }\n",
    );
    sandbox.ok([SERVER, &["--out", "conf"]].concat()).prints("outdated files were replaced");
    let listing = entries(&sandbox, "conf/mqttserver.p12", "another-password").ok();
    assert!(listing.stdout_text().contains("Alias name: other"), "{listing}");
    assert_eq!(sandbox.read("conf/mqttserver.pem"), leaf);
    // The settings name both, and the old ones are kept.
    let settings = sandbox.text("conf/thingsboard.env");
    assert!(settings.contains("KEY_STORE_PASSWORD=another-password") && settings.contains("KEY_ALIAS=other"));
    // Eight files of a server with the default formats; keystore and settings were replaced and kept.
    assert_eq!(sandbox.files().iter().filter(|path| path.starts_with("conf")).count(), 8 + 2);
}

#[test]
fn settings_follow_the_flags_while_they_are_unedited() {
    let sandbox = Sandbox::with_store();
    let server = [SERVER, &["--out", "conf"]].concat();
    sandbox.ok(&server);
    let report = sandbox.ok([&server[..], &["--service", "mqtt,http", "--json"]].concat()).json();
    assert_eq!(report["result"]["done"], "unchanged");
    assert_eq!(done(&report, "conf/thingsboard.env")["done"], "replaced", "{report:#}");
    assert!(sandbox.text("conf/thingsboard.env").contains("export SSL_ENABLED=true"));
}

#[test]
fn what_root_makes_in_a_users_store_is_the_users() {
    if !as_root() {
        // Only root can make files of another owner.
        let sandbox = Sandbox::with_store();
        let own = fs::metadata(sandbox.path()).unwrap().uid();
        assert!(sandbox.files().iter().all(|file| fs::metadata(sandbox.join(file)).unwrap().uid() == own));
        return;
    }
    const USER: u32 = 65_534;
    let sandbox = Sandbox::new();
    chown(sandbox.path(), Some(USER), Some(USER)).unwrap();
    // A copy, because the target directory may be below root's home, which the user cannot enter.
    Tool::new("cp").arg(tbpki()).arg(sandbox.join("tbpki")).run().ok();
    chown(sandbox.join("tbpki"), Some(USER), Some(USER)).unwrap();

    let as_user = |args: &[&str]| {
        let user = USER.to_string();
        let setpriv = Tool::new("setpriv").args(["--reuid", &user, "--regid", &user, "--clear-groups"]);
        setpriv.arg(sandbox.join("tbpki")).args(args).directory(sandbox.path()).run().ok()
    };
    let all_theirs = |of: &str| {
        let mut open = vec![sandbox.path().to_path_buf()];
        while let Some(path) = open.pop() {
            let metadata = fs::symlink_metadata(&path).unwrap();
            assert_eq!((metadata.uid(), metadata.gid()), (USER, USER), "{} after {of}", path.display());
            if metadata.is_dir() {
                open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            }
        }
    };
    // The user is trusted: root otherwise refuses the configuration and the store of another user.
    let as_root = |args: &[&str]| sandbox.tbpki(args).env("TBPKI_TRUST_OWNER", "true").run().ok();
    // Everything is begun by root, and goes on in the hands of the user, and the other way round.
    as_root(&["init", "--no-input", "--insecure-no-passphrase", "--root-out", "offline/roots"]);
    all_theirs("init");
    as_root(&[DEVICE, &["--format", "p12", "--out", "out"]].concat());
    as_root(&[SERVER, &["--out", "conf"]].concat());
    all_theirs("root's client and server");
    as_user(&[DEVICE, &["--format", "p12,jks", "--out", "out"]].concat());
    as_user(&["client", "--device", "valve-2"]);
    as_user(&[SERVER, &["--force", "--out", "conf"]].concat());
    as_user(&["list"]);
    as_root(&[DEVICE, &["--force", "--out", "out"]].concat());
    as_root(&["client", "--device", "valve-3"]);
    all_theirs("both");

    // A store of root's stays root's.
    let own = Sandbox::with_store();
    own.ok(DEVICE);
    let uid = |path: &Path| fs::metadata(path).unwrap().uid();
    assert!(own.files().iter().all(|file| uid(&own.join(file)) == 0));
}
