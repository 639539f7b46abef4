//! The documents that people come from: what they show works with the files that tbpki makes.

use std::path::{Path, PathBuf};

use tbpki_tests::clients::{Files, JavaStore, go, mosquitto_pub, paho_java, paho_python};
use tbpki_tests::foreign::ForeignCa;
use tbpki_tests::{Listener, Mosquitto, Sandbox};

/// The keygen.properties of ThingsBoard's documentation, unchanged.
const PROPERTIES: &str = include_str!("../../../fuzz/corpus/keygen_properties/seed-001.properties");

/// A station made from the documentation's keygen.properties, with a server and a device.
struct Scene {
    sandbox: Sandbox,
    server: PathBuf,
    device: PathBuf,
}

impl Scene {
    #[track_caller]
    fn new(more: &[&str]) -> Self {
        let sandbox = Sandbox::new();
        sandbox.write("keygen.properties", PROPERTIES);
        sandbox.ok(["init", "--no-input", "--insecure-no-passphrase", "--from", "keygen.properties"]);
        sandbox.ok(["server"].iter().chain(more));
        sandbox.ok(["client", "--device", "MyDevice"].iter().chain(more));
        // The old configuration has no name for the server but that of this machine, so its directory is found and not
        // known.
        let servers = sandbox.join("pki/servers");
        let server = std::fs::read_dir(servers).unwrap().next().unwrap().unwrap().path();
        let device = sandbox.join("pki/devices/MyDevice");
        Self { sandbox, server, device }
    }

    fn listener(&self) -> Listener {
        Listener::new(&self.server.join("mqttserver.pem"), &self.server.join("mqttserver_key.pem"))
    }

    /// A broker that lets in the devices of this station alone.
    fn broker(&self) -> Mosquitto {
        Mosquitto::start(&self.listener().requiring_clients_of(&self.server.join("clients-ca.pem")))
    }
}

#[test]
fn the_files_of_the_old_scripts_appear_without_further_flags() {
    let scene = Scene::new(&[]);
    for name in ["mqttserver.jks", "mqttserver.p12", "mqttserver.cer", "mqttserver.pem", "mqttserver.pub.pem"] {
        assert!(scene.server.join(name).is_file(), "{name} is missing");
    }
    for name in ["mqttclient.jks", "mqttclient.p12", "mqttclient.nopass.pem", "mqttclient.pub.pem"] {
        assert!(scene.device.join(name).is_file(), "{name} is missing");
    }
    let env = scene.sandbox.text(scene.server.join("thingsboard.env"));
    // One password for both, the key's: a PKCS#12 has no other.
    assert!(env.contains("MQTT_SSL_KEY_STORE_PASSWORD=server_key_password"), "{env}");
    assert!(env.contains("MQTT_SSL_KEY_ALIAS=serveralias"), "{env}");
}

#[test]
fn the_clients_of_the_documentation_log_in() {
    every_client_logs_in(&[]);
}

#[test]
fn the_clients_of_the_documentation_log_in_with_rsa_4096() {
    every_client_logs_in(&["--alg", "rsa-4096"]);
}

fn every_client_logs_in(more: &[&str]) {
    let scene = Scene::new(more);
    let broker = scene.broker();
    let trusted = scene.server.join("mqttserver.pub.pem");
    let nopass = scene.device.join("mqttclient.nopass.pem");
    // As in the documentation: key and certificate are in one file, and the server's own certificate is what is
    // trusted.
    let python = Files { anchors: &trusted, certificate: &nopass, key: None };
    for version in ["1.2", "any"] {
        paho_python(broker.port(), &python, version).succeeds();
    }
    let (anchors, key) = (scene.device.join("tb-server-chain.pem"), scene.device.join("key.pem"));
    for certificate in ["cert.pem", "chain.pem"] {
        let certificate = scene.device.join(certificate);
        mosquitto_pub(broker.port(), &Files { anchors: &anchors, certificate: &certificate, key: Some(&key) })
            .succeeds();
    }
    let chain = scene.device.join("chain.pem");
    go(broker.port(), &Files { anchors: &anchors, certificate: &chain, key: Some(&key) }, "1.3").succeeds();
    let jks = scene.device.join("mqttclient.jks");
    let store = JavaStore { kind: "JKS", file: &jks, store_password: "password", key_password: "password" };
    for version in ["TLSv1.2", "TLSv1.3"] {
        paho_java(broker.port(), &store, "SunX509", version).succeeds();
    }
    broker.logs("u'MyDevice'");

    // Seed 000: the server is verified, and the device is known by its token.
    let one_way = Mosquitto::start(&scene.listener());
    paho_python(one_way.port(), &python, "1.2").succeeds();
}

#[test]
fn each_client_that_is_not_ours_is_refused_for_its_own_reason() {
    let scene = Scene::new(&[]);
    let broker = scene.broker();
    let other = ForeignCa::new(scene.sandbox.path(), "other");
    let (chain, key) = (scene.device.join("chain.pem"), scene.device.join("key.pem"));
    let anchors = scene.device.join("tb-server-chain.pem");
    // 1.2, in which a refusal comes within the handshake and has the same words every time.
    let login = |port, anchors: &Path, certificate: &Path, key: &Path| {
        paho_python(port, &Files { anchors, certificate, key: Some(key) }, "1.2")
    };

    login(broker.port(), &other.certificate(), &chain, &key).is_refused("unable to get local issuer certificate");
    let stranger = other.client("stranger");
    login(broker.port(), &anchors, &stranger.certificate, &stranger.key).is_refused("TLSV1_ALERT_UNKNOWN_CA");
    // The devices' CA cannot pose as the server's.
    login(broker.port(), &scene.server.join("clients-ca.pem"), &chain, &key)
        .is_refused("unable to get local issuer certificate");

    scene.sandbox.ok(["server", "--name", "elsewhere.example", "--only-given-names"]);
    let elsewhere = scene.sandbox.join("pki/servers/elsewhere.example");
    let (cert, server_key) = (elsewhere.join("mqttserver.pem"), elsewhere.join("mqttserver_key.pem"));
    let wrong_name = Mosquitto::start(&Listener::new(&cert, &server_key));
    login(wrong_name.port(), &anchors, &chain, &key).is_refused("Hostname mismatch");
}

#[test]
fn an_expired_device_is_refused() {
    let sandbox = Sandbox::new();
    let ca = ForeignCa::new(sandbox.path(), "devices");
    let (cert, key) = (ca.certificate(), sandbox.join("devices.key"));
    let brought = ["init", "--no-input", "--insecure-no-passphrase", "--devices-ca"].map(PathBuf::from);
    sandbox.ok(brought.into_iter().chain([cert, key]));
    sandbox.ok(["server"]);
    sandbox.ok(["client", "--device", "MyDevice"]);
    let server = std::fs::read_dir(sandbox.join("pki/servers")).unwrap().next().unwrap().unwrap().path();
    let listener = Listener::new(&server.join("mqttserver.pem"), &server.join("mqttserver_key.pem"));
    let broker = Mosquitto::start(&listener.requiring_clients_of(&server.join("clients-ca.pem")));
    let anchors = sandbox.join("pki/devices/MyDevice/tb-server-chain.pem");
    let (chain, device_key) =
        (sandbox.join("pki/devices/MyDevice/chain.pem"), sandbox.join("pki/devices/MyDevice/key.pem"));
    let ours = Files { anchors: &anchors, certificate: &chain, key: Some(&device_key) };
    paho_python(broker.port(), &ours, "1.2").succeeds();
    // Of the same CA as the device before it, so that only its dates are wrong.
    let expired = ca.expired_client("expired");
    let files = Files { anchors: &anchors, certificate: &expired.certificate, key: Some(&expired.key) };
    paho_python(broker.port(), &files, "1.2").is_refused("SSLV3_ALERT_CERTIFICATE_EXPIRED");
}

#[test]
fn a_self_signed_server_is_trusted_by_the_file_that_is_made_for_it() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["server", "--self-signed", "--out", "conf"]);
    sandbox.ok(["client", "--device", "MyDevice", "--self-signed"]);
    let broker = Mosquitto::start(&Listener::new(
        &sandbox.join("conf/mqttserver.pem"),
        &sandbox.join("conf/mqttserver_key.pem"),
    ));
    let (cert, key) = (sandbox.join("pki/devices/MyDevice/cert.pem"), sandbox.join("pki/devices/MyDevice/key.pem"));
    for anchors in ["conf/mqttserver.pub.pem", "conf/cafile.pem", "pki/devices/MyDevice/tb-server-chain.pem"] {
        let anchors = sandbox.join(anchors);
        paho_python(broker.port(), &Files { anchors: &anchors, certificate: &cert, key: Some(&key) }, "any").succeeds();
    }
}
