//! With which key material a server starts, and in which words it does not: the table of the real one's starts.

use std::path::PathBuf;

use tb_sim::{ServerKeys, Settings, Thingsboard};
use tbpki_tests::Sandbox;
use tbpki_tests::oracle::{keytool, openssl};
use tbpki_tests::platform::Platform;
use tbpki_tests::wire::{Versions, Wire};

const TOO_BAD: &str = "Failed to get private key from the keystore or pem files. Please check";
const TAMPERED: &str = "Keystore was tampered with, or password was incorrect";

/// A server's files, made by tbpki.
struct Scene(Sandbox);

impl Scene {
    #[track_caller]
    fn new() -> Self {
        let sandbox = Sandbox::with_store();
        sandbox.ok(["server", "--name", "localhost", "--format", "p12,jks", "--out", "conf"]);
        Self(sandbox)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn text(&self, name: &str) -> String {
        self.0.text(name)
    }

    /// PEM files with these texts.
    fn pem(&self, certificate: &str, key: Option<&str>, password: &str) -> Result<Thingsboard, String> {
        start(ServerKeys::Pem {
            certificate: self.0.write("try/cert.pem", certificate),
            key: key.map(|key| self.0.write("try/key.pem", key)),
            key_password: password.to_owned(),
        })
    }

    fn password(&self) -> String {
        self.text("pki/secrets/server-localhost.keystore-password").trim_end().to_owned()
    }

    fn keystore(&self, file: &str, store: &str, key: &str, alias: &str) -> Result<Thingsboard, String> {
        start(ServerKeys::Keystore {
            file: self.file(file),
            store_password: store.to_owned(),
            key_password: key.to_owned(),
            alias: alias.to_owned(),
        })
    }
}

fn start(keys: ServerKeys) -> Result<Thingsboard, String> {
    Thingsboard::start(Settings { server: Some(keys), ..Settings::default() }).map_err(|error| error.to_string())
}

#[track_caller]
fn is_refused(started: Result<Thingsboard, String>, words: &str) {
    let said = started.err().unwrap_or_else(|| panic!("it started, instead of: {words}"));
    assert!(said.starts_with(words), "{said:?} is not {words:?}");
}

/// Blocks of a PEM file.
fn blocks(pem: &str) -> Vec<String> {
    pem.split_inclusive("-----END CERTIFICATE-----\n").map(str::to_owned).collect()
}

#[test]
fn pem_files_are_loaded_as_bouncy_castle_loads_them() {
    let scene = Scene::new();
    let (chain, key) = (scene.text("conf/mqttserver.pem"), scene.text("conf/mqttserver_key.pem"));
    let root = scene.text("conf/cafile.pem");
    let leaf = blocks(&chain)[0].clone();
    scene.pem(&chain, Some(&key), "").expect("leaf and issuing CA");
    scene.pem(&format!("{chain}{root}"), Some(&key), "").expect("and the root");
    scene.pem(&leaf, Some(&key), "").expect("the leaf alone");
    scene.pem(&format!("{key}{chain}"), None, "").expect("all in one file");
    scene.pem(&chain.replace('\n', "\r\n"), Some(&key.replace('\n', "\r\n")), "").expect("CRLF");
    scene.pem(&format!("Bag Attributes\n  x: y\n{chain}"), Some(&key), "").expect("bag text");

    let invalid = "Certificate chain is not valid";
    // Java builds the chain in the order of the file and does not look for the right one.
    is_refused(scene.pem(&format!("{root}{chain}"), Some(&key), ""), invalid);
    is_refused(scene.pem(&format!("{leaf}{root}"), Some(&key), ""), invalid);
    is_refused(scene.pem(&format!("{chain}{root}{root}"), Some(&key), ""), invalid);
    // The wrong grammar is the server's own: people search for the text that they see.
    is_refused(scene.pem(&chain, None, ""), "Unable to load private key neither from certFile: ");
    is_refused(scene.pem("no certificate", Some(&key), ""), "No certificates found in certFile: ");
}

#[test]
fn encrypted_keys_work_in_the_old_form_only() {
    let scene = Scene::new();
    let chain = scene.text("conf/mqttserver.pem");
    let key = scene.file("conf/mqttserver_key.pem");
    let convert = |args: &[&str]| openssl().args(args).arg("-in").arg(&key).run().ok().stdout_text();
    let pkcs8 = convert(&["pkcs8", "-topk8", "-v2", "aes-256-cbc", "-passout", "pass:secret"]);
    // ThingsBoard does not know this form of PEM and goes on as if the file had no key.
    is_refused(scene.pem(&chain, Some(&pkcs8), "secret"), "Unable to load private key neither from certFile: ");
    for cipher in ["-aes128", "-aes192", "-aes256", "-des3"] {
        let old = convert(&["ec", cipher, "-passout", "pass:secret"]);
        assert!(old.contains("Proc-Type: 4,ENCRYPTED"), "{old}");
        scene.pem(&chain, Some(&old), "secret").unwrap_or_else(|why| panic!("{cipher}: {why}"));
        let wrong = scene.pem(&chain, Some(&old), "wrong");
        is_refused(wrong, "exception using cipher - please check password and data.");
    }
    scene.pem(&chain, Some(&convert(&["ec"])), "").expect("SEC1");
}

#[test]
fn keystores_are_looked_at_and_not_believed() {
    let scene = Scene::new();
    let password = scene.password();
    for file in ["conf/mqttserver.p12", "conf/mqttserver.jks"] {
        scene.keystore(file, &password, &password, "").expect(file);
        // Java folds aliases to lower case.
        scene.keystore(file, &password, &password, "SERVERALIAS").expect("aliases have no case");
        is_refused(scene.keystore(file, "wrong", &password, ""), TAMPERED);
        is_refused(scene.keystore(file, &password, "wrong", ""), TOO_BAD);
        // An alias that is not in the store and a wrong password of the key give the same text.
        is_refused(scene.keystore(file, &password, &password, "nobody"), TOO_BAD);
    }
    let two = scene.file("two.jks");
    keytool()
        .args(["-genkeypair", "-storetype", "JKS", "-alias", "own", "-keyalg", "EC", "-groupname", "secp256r1"])
        .args(["-dname", "CN=localhost", "-storepass", "storesecret", "-keypass", "keysecret", "-keystore"])
        .arg(&two)
        .run()
        .ok();
    scene.keystore("two.jks", "storesecret", "keysecret", "own").expect("a key password of its own");
    // JKS has a password for each key; a PKCS #12 of keytool has one for everything.
    is_refused(scene.keystore("two.jks", "storesecret", "storesecret", "own"), TOO_BAD);
}

#[test]
fn missing_files_are_an_error() {
    let scene = Scene::new();
    let words = "Invalid SSL credentials configuration. None of the PEM or KEYSTORE configurations can be used!";
    is_refused(scene.keystore("none.p12", "x", "x", ""), words);
    let certificate = scene.file("none.pem");
    is_refused(start(ServerKeys::Pem { certificate, key: None, key_password: String::new() }), words);
}

#[test]
fn a_key_of_another_certificate_starts_and_then_fails_clients() {
    let scene = Scene::new();
    scene.0.ok(["server", "--name", "other.example", "--out", "other"]);
    let chain = scene.text("conf/mqttserver.pem");
    let key = scene.text("other/mqttserver_key.pem");
    // ThingsBoard reads both and compares nothing, so that only the handshake of a client fails.
    let sim = scene.pem(&chain, Some(&key), "").expect("they are not compared");
    let anchors = scene.file("conf/cafile.pem");
    let client = openssl()
        .args(["s_client", "-brief", "-connect", &format!("localhost:{}", sim.mqtts_port()), "-CAfile"])
        .arg(anchors)
        .run();
    assert!(client.stderr_text().contains("bad signature"), "{client}");
}

#[test]
fn the_download_drops_keys_and_text() {
    let scene = Scene::new();
    let ca = scene.text("conf/cafile.pem");
    let file = scene.0.write("ca.pem", format!("{}some text\n{ca}", scene.text("conf/mqttserver_key.pem")));
    let platform = Platform::simulator(Settings { mqtts_ca: Some(file), ..Settings::default() });
    let path = "/api/device-connectivity/mqtts/certificate/download";
    let first = platform.request("GET", path, &[], b"");
    assert!(ca.ends_with(&first.text()) && first.text().starts_with("-----BEGIN CERTIFICATE"), "{}", first.text());
    scene.0.write("ca.pem", "changed");
    // The real server reads the file once, when it starts.
    assert_eq!(platform.request("GET", path, &[], b"").text(), first.text(), "cached until restart");
}

#[test]
fn a_silent_client_is_hung_up_on() {
    let platform = Platform::simulator(Settings::default());
    let (host, port) = platform.mqtts();
    // After ten seconds without a ClientHello, as the real one.
    assert!(Wire::tcp(host, port).rest().is_empty());
    // One that speaks in time is not.
    assert!(Wire::tls(host, port, None, Versions::Tls12).is_ok());
}

#[test]
fn https_is_spoken_with_a_certificate() {
    let scene = Scene::new();
    let https = ServerKeys::Pem {
        certificate: scene.file("conf/mqttserver.pem"),
        key: Some(scene.file("conf/mqttserver_key.pem")),
        key_password: String::new(),
    };
    let platform = Platform::simulator(Settings { https: Some(https), ..Settings::default() });
    assert!(platform.url().starts_with("https://localhost:"), "{}", platform.url());
    platform.sign_in().device("over-https");
}
