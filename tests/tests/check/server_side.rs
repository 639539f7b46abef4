//! `check --server`: whether ThingsBoard could load what is in a directory, and whether it shows it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rcgen::{ExtendedKeyUsagePurpose as Usage, KeyPair};

use tbpki_tests::{Sandbox, Tool};

use crate::scene::{Scene, params};

/// One breakage of `conf`: what it is called, what breaks, and all that is found.
type Row = (&'static str, fn(&Scene), &'static [(&'static str, u16)]);

const TABLE: &[Row] = &[
    ("nothing is wrong", |_| {}, &[]),
    ("PEM mode", pem_mode, &[("issuers", 155)]),
    ("there are no settings", |scene| remove(scene, "thingsboard.env"), &[("settings", 80)]),
    ("TLS is not switched on", |scene| set(scene, "MQTT_SSL_ENABLED", "false"), &[("settings", 180)]),
    ("the lines are not in thingsboard.conf", no_lines, &[("settings", 181)]),
    ("a PEM path is mistyped", mistyped_pem, &[("settings", 182)]),
    ("a keystore path is mistyped", |scene| set(scene, "MQTT_SSL_KEY_STORE", "typo.p12"), &[("files", 183)]),
    ("a line needs a shell", |scene| set(scene, "MQTT_SSL_PEM_CERT", "$DIR/x.pem"), &[("settings", 6)]),
    ("the keystore is damaged", |scene| write(scene, "mqttserver.p12", "hello"), &[("files", 70)]),
    ("others may read the keystore", loose, &[("permissions", 85)]),
    ("the store password is wrong", |scene| set(scene, "MQTT_SSL_KEY_STORE_PASSWORD", "wrong1"), &[("key", 71)]),
    // The default of ThingsBoard, which applies if the line is missing.
    ("the key password differs", |scene| set(scene, "MQTT_SSL_KEY_PASSWORD", "server_key_password"), &[("key", 75)]),
    ("the alias is another", |scene| set(scene, "MQTT_SSL_KEY_ALIAS", "mykey"), &[("key", 76)]),
    ("the key is encrypted", encrypted_key, &[("key", 32), ("issuers", 155)]),
    ("the key is another certificate's", other_key, &[("key", 34), ("issuers", 155)]),
    ("the root comes first", root_first, &[("chain", 48), ("issuers", 155)]),
    ("a stranger follows the leaf", unrelated, &[("chain", 50), ("issuers", 155)]),
    ("the root is there twice", twice, &[("chain", 59), ("issuers", 155)]),
    ("the leaf has expired", expired, &[("dates", 47), ("issuers", 155)]),
    ("the leaf is for another host", other_host, &[("names", 52), ("issuers", 155)]),
    ("the anchors that devices get are others", foreign_anchors, &[("chain", 51)]),
];

fn write(scene: &Scene, name: &str, content: impl AsRef<[u8]>) {
    scene.write(&format!("conf/{name}"), content);
}

fn remove(scene: &Scene, name: &str) {
    fs::remove_file(scene.path("conf").join(name)).unwrap();
}

/// Adds a line behind the others, which wins.
fn set(scene: &Scene, name: &str, value: &str) {
    let env = scene.sandbox.text("conf/thingsboard.env");
    write(scene, "thingsboard.env", format!("{env}export {name}={value}\n"));
}

fn pem_mode(scene: &Scene) {
    set(scene, "MQTT_SSL_CREDENTIALS_TYPE", "PEM");
}

fn no_lines(scene: &Scene) {
    write(scene, "thingsboard.conf", "export JAVA_OPTS=\"$JAVA_OPTS -Xmx1g\"\n");
}

fn mistyped_pem(scene: &Scene) {
    set(scene, "MQTT_SSL_CREDENTIALS_TYPE", "PEM");
    set(scene, "MQTT_SSL_PEM_CERT", "typo.pem");
}

fn loose(scene: &Scene) {
    fs::set_permissions(scene.path("conf/mqttserver.p12"), fs::Permissions::from_mode(0o644)).unwrap();
}

fn encrypted_key(scene: &Scene) {
    pem_mode(scene);
    let key = scene.path("conf/mqttserver_key.pem");
    let arguments = ["pkcs8", "-topk8", "-passout", "pass:server_key_password", "-in"];
    // ThingsBoard reads encrypted keys in OpenSSL's old form only.
    let encrypted = tbpki_tests::oracle::openssl().args(arguments).arg(&key).run().ok().stdout;
    write(scene, "mqttserver_key.pem", encrypted);
}

fn other_key(scene: &Scene) {
    pem_mode(scene);
    write(scene, "mqttserver_key.pem", KeyPair::generate().unwrap().serialize_pem());
}

fn authority(scene: &Scene, name: &str) -> String {
    scene.sandbox.text(format!("pki/ca/{name}/cert.pem"))
}

fn leaf(scene: &Scene) -> String {
    let chain = scene.sandbox.text("conf/mqttserver.pem");
    chain[..chain.find("-----END CERTIFICATE-----\n").unwrap() + 26].to_owned()
}

fn chain(scene: &Scene, authorities: &[&str]) {
    pem_mode(scene);
    let behind: String = authorities.iter().map(|name| authority(scene, name)).collect();
    write(scene, "mqttserver.pem", leaf(scene) + &behind);
}

fn root_first(scene: &Scene) {
    chain(scene, &["server-root", "server-issuing"]);
}

fn unrelated(scene: &Scene) {
    chain(scene, &["devices-root"]);
}

fn twice(scene: &Scene) {
    chain(scene, &["server-issuing", "server-root", "server-root"]);
}

fn issued(scene: &Scene, host: &str, days: (i64, i64)) {
    pem_mode(scene);
    let (chain, key) = scene.issue("server-issuing", &params(&[host], Usage::ServerAuth, days));
    write(scene, "mqttserver.pem", chain);
    write(scene, "mqttserver_key.pem", key);
}

fn expired(scene: &Scene) {
    issued(scene, "localhost", (-10, -1));
}

fn other_host(scene: &Scene) {
    issued(scene, "other.example", (-1, 10));
}

fn foreign_anchors(scene: &Scene) {
    write(scene, "cafile.pem", authority(scene, "devices-root"));
}

#[test]
fn every_fault_of_a_servers_files_is_named() {
    let mut wrong = Vec::new();
    let whole = Scene::new();
    for (name, break_it, expected) in TABLE {
        let scene = whole.again();
        break_it(&scene);
        let checked = scene.check(&["--server", "conf", "--offline"].map(str::to_owned));
        let expected: Vec<(String, String)> =
            expected.iter().map(|(layer, code)| ((*layer).to_owned(), format!("TBPKI-{code:04}"))).collect();
        if checked.found() != expected {
            wrong.push(format!("{name}: found {:?}, not {expected:?}\n{}", checked.found(), checked.outcome));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_server_that_has_not_loaded_its_new_files_is_recognized() {
    let scene = Scene::new();
    let board = scene.thingsboard();
    // After the start: the simulator keeps the files that it has loaded.
    scene.sandbox.ok(["server", "--name", "localhost", "--only-given-names", "--out", "conf", "--force"]);
    let checked = scene.check(&["--server".to_owned(), "conf".to_owned(), board.host()]);
    assert_eq!(checked.found(), [("served".to_owned(), "TBPKI-0184".to_owned())], "{}", checked.outcome);
    assert_eq!(checked.outcome.status, 3);
}

#[test]
fn a_bare_file_name_is_named_because_thingsboard_does_not_watch_it() {
    let scene = Scene::new();
    let env = scene.sandbox.text("conf/thingsboard.env");
    let dir = format!("{}/", scene.sandbox.join("conf").display());
    assert!(env.contains(&format!("MQTT_SSL_KEY_STORE={dir}mqttserver.p12")), "{env}");
    write(&scene, "thingsboard.env", env.replace(&dir, ""));
    let checked = scene.check(&["--server", "conf", "--offline"].map(str::to_owned));
    assert_eq!(checked.found(), [("settings".to_owned(), "TBPKI-0177".to_owned())], "{}", checked.outcome);
    assert_eq!(checked.outcome.status, 0);
}

#[test]
fn the_lines_that_tbpki_writes_for_a_conf_fit_it() {
    let scene = Scene::new();
    let env = scene.sandbox.text("conf/thingsboard.env");
    let path = scene.sandbox.join("conf/mqttserver.p12");
    assert!(env.contains(&format!("MQTT_SSL_KEY_STORE={}", path.display())), "{env}");
    write(&scene, "thingsboard.conf", format!("export JAVA_OPTS=\"$JAVA_OPTS -Xmx1g\"\n{env}"));
    let checked = scene.check(&["--server", "conf", "--offline"].map(str::to_owned));
    assert_eq!(checked.found(), [], "{}", checked.outcome);
    // Without a keygen.toml the CAs come from the directory itself.
    let outcome = scene.sandbox.ok(["--config", "none.toml", "check", "--server", "conf", "--offline"]);
    outcome.prints("all checks passed").prints("tbpki devices issuing CA");
}

#[test]
fn a_server_with_a_revoked_certificate_does_not_pass() {
    let sandbox = Sandbox::with_store();
    let server = ["server", "--name", "tb.example", "--only-given-names", "--out", "conf"];
    sandbox.ok(server);
    let check = ["check", "--server", "conf", "--offline"];
    sandbox.ok(check);
    sandbox.tbpki(["revoke", "--server", "tb.example", "--reason", "keyCompromise"]).run();
    sandbox.tbpki(check).run().ends(3).prints("TBPKI-0062").prints("keyCompromise");
    // The next generation takes its place.
    sandbox.ok(server.iter().chain(&["--force"]));
    sandbox.ok(check);
}

#[test]
fn a_server_with_a_replaced_certificate_does_not_pass() {
    let sandbox = Sandbox::with_store();
    let server = ["server", "--name", "tb.example", "--only-given-names", "--out", "conf"];
    sandbox.ok(server);
    let copy = |from: &str, to: &str| {
        Tool::new("cp").args(["-a", "-T"]).arg(sandbox.join(from)).arg(sandbox.join(to)).run().ok();
    };
    copy("conf", "saved");
    let check = ["check", "--server", "conf", "--offline"];
    sandbox.ok(server.iter().chain(&["--force"]));
    sandbox.ok(check);
    // A backup of the directory is restored.
    copy("saved", "conf");
    let outcome = sandbox.tbpki(check).run().ends(3).prints("TBPKI-0098");
    outcome.prints("replaced this one").prints("`tbpki server --name tb.example --out DIR`");
    // The help, followed.
    sandbox.ok(["server", "--name", "tb.example", "--out", "conf"]);
    sandbox.ok(check);
}
