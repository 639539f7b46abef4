//! `tbpki ca list`, `ca prepare`, `ca activate` and `ca retire`.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use pki::Certificate;
use pki::pem_bundle::PemBundle;
use serde_json::Value;
use tbpki_tests::clients::{Files, JavaStore, go, mosquitto_pub, paho_java};
use tbpki_tests::oracle::{keytool, openssl};
use tbpki_tests::thingsboard::{Credentials, ThingsBoard};
use tbpki_tests::{Clock, Listener, Mosquitto, Sandbox, Snapshot};
use time::OffsetDateTime;

use crate::scene::json;

fn certificates(sandbox: &Sandbox, file: impl AsRef<Path>) -> Vec<Certificate> {
    PemBundle::parse(&sandbox.read(file)).unwrap().certificates
}

fn names(sandbox: &Sandbox, file: &str) -> Vec<String> {
    certificates(sandbox, file).iter().map(Certificate::subject).collect()
}

/// The generations that `ca list` shows of a CA, as number, role and count.
fn generations(sandbox: &Sandbox, ca: &str) -> Vec<(u64, String, u64)> {
    let report = json(&sandbox.ok(["ca", "list", "--json"]));
    let of_ca = report["cas"].as_array().unwrap().iter().filter(|row| row["name"] == ca);
    let row = |row: &Value| {
        let role = row["role"].as_str().unwrap().to_owned();
        (row["generation"].as_u64().unwrap(), role, row["in_use"].as_u64().unwrap())
    };
    of_ca.map(row).collect()
}

fn store_with_server() -> Sandbox {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["server", "--name", "localhost", "--only-given-names", "--out", "conf", "--format", "pem,p12,jks"]);
    sandbox.ok(["client", "--device", "pump-1", "--format", "pem,p12,jks"]);
    sandbox
}

/// Whether OpenSSL accepts the chain that the server sends, with these anchors.
fn accepts(sandbox: &Sandbox, anchors: &str, chain: &str) -> bool {
    let verify = openssl().args(["verify", "-x509_strict", "-CAfile"]).arg(sandbox.join(anchors)).arg("-untrusted");
    verify.arg(sandbox.join(chain)).arg(sandbox.join(chain)).run().status == 0
}

#[test]
fn a_root_is_replaced_and_each_client_accepts_the_path_that_it_can_follow() {
    let sandbox = store_with_server();
    let chain = "conf/mqttserver.pem";
    fs::copy(sandbox.join("conf/cafile.pem"), sandbox.join("old-anchors.pem")).unwrap();
    sandbox.ok(["ca", "prepare", "server-root"]).prints("CN=tbpki server root CA G2");
    assert_eq!(generations(&sandbox, "server-root")[1], (2, "pending".into(), 0));
    let both = ["CN=tbpki server root CA", "CN=tbpki server root CA G2"];
    assert_eq!(names(&sandbox, "conf/cafile.pem"), both);
    assert_eq!(names(&sandbox, "pki/devices/pump-1/tb-server-chain.pem"), both);
    let new_root = certificates(&sandbox, "conf/cafile.pem").remove(1);
    sandbox.write("new-anchors.pem", new_root.to_pem());
    let old_root = certificates(&sandbox, "old-anchors.pem").remove(0);
    assert_ne!(new_root.spki_der(), old_root.spki_der());

    // The old path is sent until the new root is activated, also below a new issuing CA.
    sandbox.ok(["ca", "prepare", "server-issuing"]);
    sandbox.ok(["ca", "activate", "server-issuing"]);
    sandbox.ok(["server", "--name", "localhost", "--only-given-names", "--out", "conf", "--force"]);
    assert_eq!(names(&sandbox, chain), ["CN=localhost", "CN=tbpki server issuing CA G2"]);
    for (anchors, is_accepted) in [("old-anchors.pem", true), ("conf/cafile.pem", true), ("new-anchors.pem", false)] {
        assert_eq!(accepts(&sandbox, anchors, chain), is_accepted, "{anchors} before");
    }
    refused(&sandbox, &["ca", "activate", "server-root"], "TBPKI-0320", "1 of 1 device is not known");
    sandbox.ok(["ca", "confirm", "server-root", "--device", "pump-1"]).prints("1 of 1 device has it");
    let before = certificates(&sandbox, chain);
    let report = json(&sandbox.ok(["ca", "activate", "server-root", "--json"]));
    assert_eq!((&report["done"], &report["restart"]), (&"activated".into(), &serde_json::json!(["localhost"])));
    let after = certificates(&sandbox, chain);
    assert_eq!(after[0], before[0], "the leaf stays");
    assert_eq!(after[1].spki_der(), before[1].spki_der());
    assert_eq!(after.len(), 2, "no root is sent, and no root that a root has certified");
    for (anchors, is_accepted) in [("old-anchors.pem", false), ("conf/cafile.pem", true), ("new-anchors.pem", true)] {
        assert_eq!(accepts(&sandbox, anchors, chain), is_accepted, "{anchors} after");
    }
    // webpki, by tbpki.
    sandbox.ok(["verify", chain, "--anchors", "new-anchors.pem", "--host", "localhost"]);
    sandbox.ok(["server", "--name", "localhost", "--only-given-names", "--out", "conf"]).prints("is up to date");
    sandbox.ok(["client", "--device", "pump-1"]).prints("is up to date");

    sandbox.ok(["ca", "retire", "server-root"]);
    sandbox.ok(["ca", "retire", "server-issuing"]);
    assert_eq!(generations(&sandbox, "server-root"), [(2, "current".into(), 1)]);
    assert_eq!(generations(&sandbox, "server-issuing"), [(2, "current".into(), 1)]);
    assert_eq!(names(&sandbox, "conf/cafile.pem"), ["CN=tbpki server root CA G2"]);
    assert!(sandbox.join("pki/ca/retired/server-root-1/cert.pem").exists());
    assert!(accepts(&sandbox, "conf/cafile.pem", chain));
    sandbox.ok(["client", "--device", "pump-2"]);
    assert_eq!(names(&sandbox, "pki/devices/pump-2/tb-server-chain.pem"), ["CN=tbpki server root CA G2"]);
}

/// The aliases of a keystore, as the JDK shows them.
fn aliases(sandbox: &Sandbox, file: &str, password: &str) -> BTreeSet<String> {
    let list = keytool().args(["-list", "-keystore"]).arg(sandbox.join(file)).args(["-storepass:file"]);
    let listed = list.arg(sandbox.join(password)).run().ok().stdout_text();
    listed.lines().filter_map(|line| line.split_once(", ").map(|(alias, _)| alias.to_owned())).collect()
}

#[test]
fn keystores_keep_password_owner_and_mode_and_their_aliases_carry_the_generation() {
    let sandbox = store_with_server();
    let password = "pki/secrets/server-localhost.keystore-password";
    let before = sandbox.read(password);
    for file in ["conf/mqttserver.p12", "conf/clients-ca.pem"] {
        // As an administrator does who lets the group of ThingsBoard read them. The next write must not lock it out
        // again.
        fs::set_permissions(sandbox.join(file), fs::Permissions::from_mode(0o640)).unwrap();
    }
    sandbox.ok(["ca", "prepare", "devices-root"]);
    sandbox.ok(["ca", "prepare", "devices-issuing"]);
    assert_eq!(sandbox.read(password), before);
    for file in ["conf/mqttserver.p12", "conf/clients-ca.pem"] {
        assert_eq!(fs::metadata(sandbox.join(file)).unwrap().permissions().mode() & 0o777, 0o640, "{file}");
    }
    for file in ["conf/mqttserver.p12", "conf/mqttserver.jks", "pki/servers/localhost/mqttserver.p12"] {
        let aliases = aliases(&sandbox, file, password);
        for alias in ["devices-root", "devices-root-g2", "devices-issuing", "devices-issuing-g2"] {
            assert!(aliases.contains(alias), "{file}: {aliases:?}");
        }
        // The fifth is the server's own key.
        assert_eq!(aliases.len(), 5, "{aliases:?}");
    }
    assert_eq!(
        names(&sandbox, "conf/clients-ca.pem"),
        [
            "CN=tbpki devices root CA",
            "CN=tbpki devices root CA G2",
            "CN=tbpki devices issuing CA",
            "CN=tbpki devices issuing CA G2"
        ]
    );
    sandbox.ok(["ca", "prepare", "server-root"]);
    let aliases = aliases(&sandbox, "pki/devices/pump-1/pump-1.p12", "pki/secrets/device-pump-1.keystore-password");
    assert!(aliases.contains("serveralias") && aliases.contains("serveralias-g2"), "{aliases:?}");
}

/// A run that fails writes nothing.
#[track_caller]
fn refused(sandbox: &Sandbox, args: &[&str], code: &str, says: &str) {
    // SQLite writes into its journal even when a ledger is only read.
    let look = || Snapshot::of(sandbox.path()).without(|path| path.to_string_lossy().contains("ledger.db"));
    let before = look();
    sandbox.fails(args, 1, code).prints(says);
    before.is_unchanged(&look(), args.join(" "));
}

#[test]
fn each_wrong_order_is_refused_with_its_count_and_changes_nothing() {
    let sandbox = store_with_server();
    sandbox.ok(["client", "--device", "pump-2"]);
    refused(&sandbox, &["ca", "prepare", "moon"], "TBPKI-0096", "moon");
    refused(&sandbox, &["ca", "prepare", "profile-none"], "TBPKI-0096", "profile-none");
    refused(&sandbox, &["ca", "activate", "devices-issuing"], "TBPKI-0318", "ca prepare devices-issuing");
    refused(&sandbox, &["ca", "retire", "devices-issuing"], "TBPKI-0318", "ca activate devices-issuing");
    sandbox.ok(["ca", "prepare", "devices-issuing", "--dry-run"]).prints("would be prepared");
    assert_eq!(generations(&sandbox, "devices-issuing"), [(1, "current".into(), 2)]);
    sandbox.ok(["crl"]);
    sandbox.ok(["ca", "prepare", "devices-issuing"]);
    refused(&sandbox, &["ca", "activate", "devices-issuing"], "TBPKI-0321", "generation 2 of devices-issuing");
    sandbox.ok(["crl"]);
    refused(&sandbox, &["ca", "activate", "devices-issuing"], "TBPKI-0320", "1 of 1 broker is not known");
    sandbox
        .fails(["ca", "confirm", "devices-issuing", "--device", "pump-1"], 2, "TBPKI-0011")
        .prints("--server or --all");
    refused(&sandbox, &["ca", "confirm", "devices-issuing", "--server", "moon"], "TBPKI-0096", "moon");
    refused(&sandbox, &["ca", "confirm", "devices-root", "--all"], "TBPKI-0318", "ca prepare devices-root");
    sandbox.ok(["ca", "confirm", "devices-issuing", "--server", "localhost"]);
    sandbox.ok(["ca", "activate", "devices-issuing", "--dry-run"]).prints("would sign");
    sandbox.ok(["ca", "activate", "devices-issuing"]);
    sandbox.ok(["ca", "activate", "devices-issuing"]).prints("was done before");
    refused(
        &sandbox,
        &["ca", "retire", "devices-issuing"],
        "TBPKI-0319",
        "2 certificates in use depend on generation 1",
    );
    sandbox.ok(["client", "--device", "pump-1", "--force"]);
    refused(&sandbox, &["ca", "retire", "devices-issuing"], "TBPKI-0319", "1 certificate in use");
    sandbox.ok(["revoke", "--device", "pump-2"]);
    sandbox.ok(["ca", "retire", "devices-issuing"]);
    sandbox.ok(["ca", "retire", "devices-issuing"]).prints("was done before");
    // The lists of the retired key are dropped.
    let lists = json(&sandbox.ok(["crl", "--json"]));
    assert_eq!(lists["lists"].as_array().unwrap().len(), 2);
    sandbox.ok(["ca", "prepare", "devices-root"]);
    sandbox.ok(["crl"]);
    sandbox.ok(["ca", "activate", "devices-root", "--leave-behind"]).prints("left behind: localhost");
    assert_eq!(sandbox.text("pki/left-behind/devices-root-2.txt"), "localhost\n");
    sandbox.ok(["ca", "retire", "devices-root"]);
}

#[test]
fn a_root_that_is_kept_elsewhere_is_asked_for() {
    let sandbox = store_with_server();
    fs::rename(sandbox.join("pki/ca/devices-root/key.pem"), sandbox.join("root.key.pem")).unwrap();
    refused(&sandbox, &["ca", "prepare", "devices-issuing"], "TBPKI-0097", "devices root CA");
    fs::rename(sandbox.join("root.key.pem"), sandbox.join("pki/ca/devices-root/key.pem")).unwrap();
    sandbox.ok(["ca", "prepare", "devices-issuing"]);
}

#[test]
fn every_client_logs_in_at_each_step_of_a_whole_rollover() {
    let sandbox = store_with_server();
    sandbox.ok(["crl", "--out", "conf/devices-crl.pem"]);
    let crl = ["crl", "--out", "conf/devices-crl.pem"];
    let conf = |file: &str| sandbox.join("conf").join(file);
    let step = |what: &str| {
        let listener = Listener::new(&conf("mqttserver.pem"), &conf("mqttserver_key.pem"));
        let listener = listener.requiring_clients_of(&conf("clients-ca.pem"));
        let broker = Mosquitto::start(&listener.with_revocation_lists(&conf("devices-crl.pem")));
        let file = |file: &str| sandbox.join("pki/devices/pump-1").join(file);
        let (anchors, certificate, key) = (file("tb-server-chain.pem"), file("chain.pem"), file("key.pem"));
        let files = Files { anchors: &anchors, certificate: &certificate, key: Some(&key) };
        println!("{what}");
        mosquitto_pub(broker.port(), &files).succeeds();
        go(broker.port(), &files, "1.3").succeeds();
        let password = sandbox.text("pki/secrets/device-pump-1.keystore-password").trim_end().to_owned();
        let jks = file("pump-1.jks");
        let store = JavaStore { kind: "JKS", file: &jks, store_password: &password, key_password: &password };
        paho_java(broker.port(), &store, "SunX509", "TLSv1.3").succeeds();
    };
    step("before");
    for ca in ["server-root", "server-issuing", "devices-root", "devices-issuing"] {
        sandbox.ok(["ca", "prepare", ca]);
        sandbox.ok(crl);
        step(&format!("{ca} prepared"));
        // Clients get the server's issuing CA in the handshake: there is nothing that they would have to confirm.
        if ca != "server-issuing" {
            sandbox.ok(["ca", "confirm", ca, "--all"]);
        }
        sandbox.ok(["ca", "activate", ca]);
        step(&format!("{ca} activated"));
    }
    // Both are new and end no later by this. They are renewed all the same, because their CAs were replaced.
    sandbox.ok(["renew", "--server"]);
    step("server renewed");
    sandbox.ok(["renew", "--device", "pump-1"]);
    step("device renewed");
    sandbox.fails(["renew", "--device", "pump-1"], 1, "TBPKI-0306");
    // From below: as long as an issuing CA of a root is in use, the root cannot go.
    for ca in ["server-issuing", "server-root", "devices-issuing", "devices-root"] {
        sandbox.ok(["ca", "retire", ca]);
        sandbox.ok(crl);
        step(&format!("{ca} retired"));
    }
}

#[test]
fn a_broker_that_names_the_prepared_ca_is_seen_by_check_and_revoked_devices_do_not_count() {
    let sandbox = store_with_server();
    sandbox.ok(["client", "--device", "pump-2"]);
    sandbox.ok(["client", "--device", "pump-3"]);
    let password = sandbox.text("pki/secrets/server-localhost.keystore-password").trim_end().to_owned();
    // ThingsBoard names the CAs in its keystore.
    let check = |keystore: &str, is_seen: bool| {
        let file = sandbox.join(keystore);
        let server = ThingsBoard::start(&Credentials::Keystore {
            kind: "PKCS12",
            file: &file,
            store_password: &password,
            key_password: &password,
        });
        let target = format!("localhost:{}", server.port());
        let checked = sandbox.tbpki(["check", target.as_str(), "--device", "pump-1", "--no-connect"]).run();
        let says = checked.stderr_text().contains("names the prepared generation of devices-issuing");
        assert_eq!(says, is_seen, "{checked}");
    };
    fs::copy(sandbox.join("conf/mqttserver.p12"), sandbox.join("old.p12")).unwrap();
    sandbox.ok(["ca", "prepare", "devices-issuing"]);
    check("old.p12", false);
    refused(&sandbox, &["ca", "activate", "devices-issuing"], "TBPKI-0320", "1 of 1 broker is not known");
    check("conf/mqttserver.p12", true);
    sandbox.ok(["ca", "activate", "devices-issuing"]);

    sandbox.ok(["ca", "prepare", "server-root"]);
    sandbox.ok(["client", "--device", "pump-4"]);
    let row = |sandbox: &Sandbox| {
        let report = json(&sandbox.ok(["ca", "list", "--json"]));
        let peers =
            report["cas"].as_array().unwrap().iter().find(|row| row["role"] == "pending").unwrap()["peers"].clone();
        (peers["confirmed"].as_u64().unwrap(), peers["total"].as_u64().unwrap())
    };
    // The files of pump-4 have both, but a device has only what reached it.
    assert_eq!(row(&sandbox), (0, 4));
    sandbox.ok(["revoke", "--device", "pump-3"]);
    sandbox.ok(["ca", "confirm", "server-root", "--device", "pump-1"]);
    assert_eq!(row(&sandbox), (1, 3));
    refused(&sandbox, &["ca", "activate", "server-root"], "TBPKI-0320", "2 of 3 devices");
    sandbox.ok(["ca", "confirm", "server-root", "--all"]);
    sandbox.ok(["ca", "activate", "server-root"]);
}

#[test]
fn a_revocation_below_a_ca_that_is_out_of_service_waits_for_no_list() {
    for out in [&["ca", "retire", "devices-issuing"][..], &["revoke", "--ca", "devices-issuing"]] {
        let sandbox = Sandbox::with_store();
        sandbox.ok(["client", "pump-1", "pump-2"]);
        sandbox.ok(["ca", "prepare", "devices-issuing"]);
        sandbox.ok(["ca", "activate", "devices-issuing", "--leave-behind"]);
        sandbox.ok(["renew", "--all"]);
        sandbox.ok(out);
        // The first generations are still on record as certificates that have not expired.
        let report = json(&sandbox.ok(["revoke", "--device", "pump-1", "--json"]));
        assert_eq!((report["revoked"].as_array().map(Vec::len), &report["open_steps"]), (Some(2), &Value::from(0)));
        sandbox.ok(["forget", "--device", "pump-2"]);
        sandbox.ok(["revoke", "--open"]);
        // The list of the CA that signs has the later generations.
        assert_eq!(json(&sandbox.ok(["crl", "--json"]))["lists"][0]["revoked"], 2);
    }
}

#[test]
fn a_certificate_by_another_root_goes_out_of_service_with_its_ca() {
    let clock = Clock::starting_at(OffsetDateTime::now_utc());
    let sandbox = Sandbox::new().at(&clock);
    let init = sandbox.tbpki(["init", "--no-input", "--insecure-no-passphrase"]);
    init.env("TBPKI_CA_ISSUING_DAYS", "400").run().ok();
    sandbox.write("keygen.toml", sandbox.text("keygen.toml").replace("#issuing_days = 7300", "issuing_days = 400"));
    let cross = |all: &[&str]| {
        let list = [&["list", "--kind", "ca", "--name", "devices-issuing-cross", "--json"], all].concat();
        json(&sandbox.ok(list))["identities"].as_array().unwrap().clone()
    };
    let roll_over = |ca: &str| {
        let steps = [&["prepare", ca][..], &["confirm", ca, "--all"], &["activate", ca], &["retire", ca]];
        steps.iter().for_each(|step| drop(sandbox.ok([&["ca"], *step].concat())));
    };
    roll_over("devices-root");
    let rows = cross(&[]);
    assert_eq!((rows.len(), &rows[0]["role"], &rows[0]["key"]), (1, &"current".into(), &"file".into()), "{rows:?}");
    clock.pass(180);
    roll_over("devices-issuing");
    assert_eq!(cross(&[]), [] as [Value; 0]);
    assert_eq!(cross(&["--all"])[0]["role"], "retired");
    // It has expired, and nothing is to be done about it.
    clock.pass(260);
    sandbox.ok(["list", "--expiring-within", "30d", "--exit-status", "--name", "devices-*"]);
    sandbox.ok(["store", "check"]);
}
