//! What `server --force` and `client --force` keep: the directory of the copies, the kind of the files, and the settings of
//! ThingsBoard.

use std::fs;
use std::os::unix::fs::MetadataExt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tbpki_tests::{Sandbox, Snapshot};

const SERVER: &[&str] = &["server", "--name", "tb.example", "--only-given-names", "--out", "conf"];
const FORCE: &[&str] = &["server", "--force"];

/// The chain of the server in the store and that in the directory of the copies are the same.
#[track_caller]
fn is_delivered(sandbox: &Sandbox) {
    assert_eq!(sandbox.text("conf/mqttserver.pem"), sandbox.text("pki/servers/tb.example/mqttserver.pem"));
}

/// The generations of the server, the last one included.
#[track_caller]
fn generations(sandbox: &Sandbox) -> u64 {
    let listed = sandbox.ok(["list", "--kind", "server", "--json"]).json();
    listed["result"]["identities"][0]["generation"].as_u64().unwrap()
}

/// Copies the files of the first generation over those of the second, as the book has it.
fn go_back(sandbox: &Sandbox, serial: &str) {
    for entry in fs::read_dir(sandbox.join("conf")).unwrap() {
        let path = entry.unwrap().path();
        if let Some(name) = path.to_str().unwrap().strip_suffix(&format!(".{serial}")) {
            fs::copy(&path, name).unwrap();
        }
    }
}

#[test]
fn the_directory_of_the_copies_stays_after_the_old_files_were_copied_back() {
    let sandbox = Sandbox::with_store();
    let first = sandbox.ok([SERVER, &["--json"]].concat()).json();
    sandbox.ok(FORCE);
    is_delivered(&sandbox);
    go_back(&sandbox, first["result"]["certificate"]["serial"].as_str().unwrap());
    // Nothing was interrupted: the command issues, and does not deliver the second generation again.
    sandbox.ok(FORCE);
    assert_eq!(generations(&sandbox), 3);
    is_delivered(&sandbox);
    // Without the chain, the directory is still the recorded one.
    fs::remove_file(sandbox.join("conf/mqttserver.pem")).unwrap();
    sandbox.ok(FORCE);
    is_delivered(&sandbox);
    assert_eq!(generations(&sandbox), 4);
}

#[test]
fn a_revoked_server_keeps_the_directory_of_its_copies() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(SERVER);
    sandbox.ok(["revoke", "--server", "tb.example"]);
    sandbox.ok(["server", "--name", "tb.example", "--only-given-names"]);
    is_delivered(&sandbox);
}

#[test]
fn the_certificate_of_another_program_stops_both_verbs() {
    let sandbox = Sandbox::with_store();
    sandbox.ok([SERVER, &["--days", "20"]].concat());
    sandbox.write("conf/mqttserver.pem", sandbox.read("pki/ca/devices-root/cert.pem"));
    let conf = Snapshot::of(&sandbox.join("conf"));
    for verb in [FORCE, &["server", "--force", "--dry-run"], &["renew", "--server"]] {
        let outcome = sandbox.fails(verb, 1, "TBPKI-0082").prints("conf/mqttserver.pem");
        conf.is_unchanged(&Snapshot::of(&sandbox.join("conf")), &outcome);
        assert_eq!(generations(&sandbox), 1, "{verb:?}");
    }
}

#[test]
fn a_missing_directory_is_waited_for() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(SERVER);
    fs::rename(sandbox.join("conf"), sandbox.join("away")).unwrap();
    sandbox.ok(FORCE).prints("TBPKI-0379").prints("tbpki renew --server tb.example");
    assert!(!sandbox.join("pki/servers/tb.example/thingsboard.env").exists(), "the settings are with the copies");
    fs::rename(sandbox.join("away"), sandbox.join("conf")).unwrap();
    sandbox.ok(["renew", "--server"]);
    is_delivered(&sandbox);
    assert_eq!(generations(&sandbox), 2);
}

#[test]
fn settings_and_kinds_of_files_that_are_not_given_stay() {
    let sandbox = Sandbox::with_store();
    let first =
        ["--single-file", "--include-root", "--credentials", "pem", "--service", "mqtt,http", "--format", "jks"];
    sandbox.ok([SERVER, &first].concat());
    let settings = sandbox.text("conf/thingsboard.env");
    assert!(settings.contains("\nexport SSL_CREDENTIALS_TYPE=PEM\n"), "{settings}");
    for verb in [FORCE, &["server"], &["server", "--out", "conf"]] {
        sandbox.ok(verb);
        assert_eq!(sandbox.text("conf/thingsboard.env"), settings, "{verb:?}");
        let chain = sandbox.text("conf/mqttserver.pem");
        let blocks = ["PRIVATE KEY", "CERTIFICATE"].map(|label| chain.matches(&format!("BEGIN {label}")).count());
        assert_eq!(blocks, [1, 3], "{verb:?}: {chain}");
    }
    assert!(!sandbox.join("conf/mqttserver_key.pem").exists());
    // A part that is given changes that part alone.
    sandbox.ok([FORCE, &["--service", "mqtt"]].concat());
    let one = sandbox.text("conf/thingsboard.env");
    assert!(!one.contains("\nexport SSL_ENABLED") && one.contains("\nexport MQTT_SSL_CREDENTIALS_TYPE=PEM\n"), "{one}");
    sandbox.ok(["server", "--out", "conf", "--credentials", "keystore"]);
    let keystore = sandbox.text("conf/thingsboard.env");
    assert!(keystore.contains("\nexport MQTT_SSL_CREDENTIALS_TYPE=KEYSTORE\n"), "{keystore}");
}

#[test]
fn edited_settings_are_never_replaced() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(SERVER);
    let edited = format!("{}export MINE=1\n", sandbox.text("conf/thingsboard.env"));
    sandbox.write("conf/thingsboard.env", &edited);
    for verb in [FORCE, &["server", "--out", "conf"]] {
        sandbox.ok(verb);
        assert_eq!(sandbox.text("conf/thingsboard.env"), edited, "{verb:?}");
    }
    for asked in [&["--service", "coap"][..], &["--environment", "env"], &["--credentials", "pem"]] {
        let before = generations(&sandbox);
        sandbox.fails([FORCE, asked].concat(), 1, "TBPKI-0082").prints("thingsboard.env").prints("move it away");
        assert_eq!((sandbox.text("conf/thingsboard.env"), generations(&sandbox)), (edited.clone(), before));
    }
}

/// Whether the Secret has the files of the directory.
#[track_caller]
fn secret_is_current(sandbox: &Sandbox) -> bool {
    let secret = sandbox.text("conf/kubernetes-secret.yml");
    let files = ["mqttserver.pem", "mqttserver_key.pem", "mqttserver.p12", "cafile.pem"];
    files.iter().all(|file| secret.contains(&STANDARD.encode(sandbox.read(format!("conf/{file}")))))
}

#[test]
fn a_secret_for_kubernetes_follows_each_new_certificate() {
    let sandbox = Sandbox::with_store();
    let days = ["--days", "20"];
    sandbox.ok([SERVER, &["--environment", "kubernetes"], &days].concat());
    assert!(secret_is_current(&sandbox));
    sandbox.ok(FORCE);
    assert!(secret_is_current(&sandbox));
    tbpki_tests::forge::age(&sandbox.join("pki/ledger.db"), "tb.example", 15);
    sandbox.ok(["renew", "--server"]);
    assert!(secret_is_current(&sandbox));
    is_delivered(&sandbox);
    assert!(!sandbox.join("conf/thingsboard.env").exists(), "nothing asked for it");

    // What a user has edited stays, and each command tells it.
    let edited = sandbox.text("conf/kubernetes-secret.yml").replace("name: thingsboard", "name: factory");
    sandbox.write("conf/kubernetes-secret.yml", &edited);
    tbpki_tests::forge::age(&sandbox.join("pki/ledger.db"), "tb.example", 15);
    for verb in [&["renew", "--server"][..], FORCE, &["server", "--out", "conf"]] {
        sandbox.ok(verb).prints("TBPKI-0385").prints("--environment kubernetes");
        assert_eq!(sandbox.text("conf/kubernetes-secret.yml"), edited, "{verb:?}");
    }
    // The help, literally.
    fs::rename(sandbox.join("conf/kubernetes-secret.yml"), sandbox.join("mine.yml")).unwrap();
    let fresh = sandbox.ok(["server", "--name", "tb.example", "--out", "conf", "--environment", "kubernetes"]);
    assert!(!fresh.stderr_text().contains("TBPKI-0385"), "{fresh}");
    assert!(secret_is_current(&sandbox));
}

#[test]
fn the_owner_that_is_asked_for_gets_files_that_are_there_already() {
    if !tbpki_tests::disk::as_root() {
        // Only root can give files away.
        let sandbox = Sandbox::with_store();
        sandbox.ok(SERVER);
        sandbox.fails([SERVER, &["--owner", "65534"]].concat(), 1, "TBPKI-0086");
        return;
    }
    const OTHER: u32 = 65_534;
    for (args, private) in [(SERVER, "mqttserver.p12"), (&["client", "--device", "pump-1", "--out", "conf"], "key.pem")]
    {
        let sandbox = Sandbox::with_store();
        sandbox.ok(args);
        let asked = [args, &["--owner", "65534", "--group", "65534", "--json"]].concat();
        let report = sandbox.ok(&asked).json();
        let of_copy = |report: &serde_json::Value| {
            let files = report["result"]["files"].as_array().unwrap().clone();
            let is_it = |path: &str| path.starts_with("conf") && path.ends_with(private);
            files.into_iter().find(|file| is_it(file["path"].as_str().unwrap())).unwrap()["done"].clone()
        };
        assert_eq!(of_copy(&report), "given", "{report}");
        for path in [sandbox.join("conf"), sandbox.join("conf").join(private)] {
            let meta = fs::symlink_metadata(&path).unwrap();
            assert_eq!((meta.uid(), meta.gid()), (OTHER, OTHER), "{}", path.display());
        }
        assert_eq!(of_copy(&sandbox.ok(&asked).json()), "unchanged");
        // The store stays with its owner.
        assert_eq!(fs::metadata(sandbox.join("pki/ledger.db")).unwrap().uid(), 0);
    }
}
