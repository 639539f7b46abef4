//! ThingsBoard's own clients and the ones of its documentation against the simulator, so that it is not only our own
//! code that agrees with it.

use std::path::PathBuf;

use serde_json::json;
use tb_sim::{ServerKeys, Settings, ThingsboardEnv};
use tbpki_tests::Sandbox;
use tbpki_tests::clients::{Files, JavaStore, go, mosquitto_pub, paho_java, paho_python};
use tbpki_tests::oracle::{openssl, thingsboard_python};
use tbpki_tests::platform::Platform;

/// A station with a server and a device, and the simulator with the server's keystore or PEM files.
struct Scene {
    sandbox: Sandbox,
    platform: Platform,
}

impl Scene {
    #[track_caller]
    fn new(keys: impl FnOnce(&Sandbox) -> ServerKeys) -> Self {
        let sandbox = Sandbox::with_store();
        sandbox.ok(["server", "--name", "localhost", "--format", "p12,jks", "--out", "conf"]);
        sandbox.ok(["client", "--device", "MyDevice", "--format", "p12,jks"]);
        let platform = Platform::simulator(Settings { server: Some(keys(&sandbox)), ..Settings::default() });
        platform.sign_in().ok(
            "POST",
            "/api/device-with-credentials",
            Some(&json!({
                "device": { "name": "MyDevice" },
                "credentials": {
                    "credentialsType": "X509_CERTIFICATE",
                    "credentialsValue": sandbox.text("pki/devices/MyDevice/cert.pem"),
                },
            })),
        );
        Self { sandbox, platform }
    }

    fn port(&self) -> u16 {
        self.platform.mqtts().1
    }

    fn device(&self, name: &str) -> PathBuf {
        self.sandbox.join("pki/devices/MyDevice").join(name)
    }

    /// The number of messages that have arrived.
    fn arrived(&self) -> usize {
        self.platform.sim().map(|sim| sim.telemetry("MyDevice").len()).unwrap_or_default()
    }
}

fn keystore(sandbox: &Sandbox, file: &str) -> ServerKeys {
    let password = sandbox.text("pki/secrets/server-localhost.keystore-password").trim_end().to_owned();
    ServerKeys::Keystore {
        file: sandbox.join(file),
        store_password: password.clone(),
        key_password: password,
        alias: String::new(),
    }
}

#[test]
fn in_keystore_mode_every_client_logs_in() {
    for file in ["conf/mqttserver.p12", "conf/mqttserver.jks"] {
        let scene = Scene::new(|sandbox| keystore(sandbox, file));
        let (anchors, chain, key) =
            (scene.device("tb-server-chain.pem"), scene.device("chain.pem"), scene.device("key.pem"));
        let files = Files { anchors: &anchors, certificate: &chain, key: Some(&key) };
        go(scene.port(), &files, "1.2").succeeds();
        go(scene.port(), &files, "1.3").succeeds();
        paho_python(scene.port(), &files, "any").succeeds();
        mosquitto_pub(scene.port(), &files).succeeds();
        let password = scene.sandbox.text("pki/secrets/device-MyDevice.keystore-password").trim_end().to_owned();
        let store = scene.device("MyDevice.jks");
        let store = JavaStore { kind: "JKS", file: &store, store_password: &password, key_password: &password };
        paho_java(scene.port(), &store, "SunX509", "TLSv1.2").succeeds();
        paho_java(scene.port(), &store, "PKIX", "TLSv1.3").succeeds();
        assert_eq!(scene.arrived(), 6, "{file}");
    }
}

#[test]
fn in_pem_mode_java_and_go_show_nothing_and_are_refused() {
    let scene = Scene::new(|sandbox| ServerKeys::Pem {
        certificate: sandbox.join("conf/mqttserver.pem"),
        key: Some(sandbox.join("conf/mqttserver_key.pem")),
        key_password: String::new(),
    });
    let (anchors, chain, key) =
        (scene.device("tb-server-chain.pem"), scene.device("chain.pem"), scene.device("key.pem"));
    let files = Files { anchors: &anchors, certificate: &chain, key: Some(&key) };
    // Without the last digits: 2 or 5, with or without a client identifier.
    go(scene.port(), &files, "1.3").is_refused("CONNACK 200200");
    let password = scene.sandbox.text("pki/secrets/device-MyDevice.keystore-password").trim_end().to_owned();
    let store = scene.device("MyDevice.p12");
    let store = JavaStore { kind: "PKCS12", file: &store, store_password: &password, key_password: &password };
    let java = paho_java(scene.port(), &store, "SunX509", "TLSv1.2");
    // Any reason will do: Paho has one text for 2 and another for 5.
    java.is_refused("\"outcome\"");
    assert_eq!(scene.arrived(), 0);
    paho_python(scene.port(), &files, "any").succeeds();
    assert_eq!(scene.arrived(), 1);
}

#[test]
fn the_settings_that_tbpki_writes_are_those_that_the_server_takes() {
    for (flags, named) in [(&[][..], 3), (&["--credentials", "pem"], 1)] {
        let sandbox = Sandbox::with_store();
        sandbox.ok(["server", "--name", "localhost", "--out", "conf"].iter().chain(flags));
        let env = ThingsboardEnv::read(&sandbox.join("conf/thingsboard.env")).unwrap();
        let settings =
            Settings { server: Some(env.mqtt_keys().unwrap()), mqtts_ca: env.mqtts_ca(), ..Settings::default() };
        let platform = Platform::simulator(settings);
        let path = "/api/device-connectivity/mqtts/certificate/download";
        let download = platform.request("GET", path, &[], b"").text();
        assert!(sandbox.text("conf/cafile.pem").ends_with(&download), "{download}");
        let hello = openssl()
            .args(["s_client", "-connect", &format!("localhost:{}", platform.mqtts().1), "-verify_return_error"])
            .args(["-verify_hostname", "localhost", "-CAfile"])
            .arg(sandbox.join("conf/cafile.pem"))
            .run()
            .ok()
            .stdout_text();
        let names = hello.split("Acceptable client certificate CA names\n").nth(1).unwrap_or_default();
        let names = names.lines().take_while(|line| line.contains(" = ")).count();
        // The leaf's own subject, and in a keystore the devices' root and issuing CA.
        assert_eq!(names, named, "{hello}");
    }
}

#[test]
fn the_rest_client_for_python_finds_its_way() {
    let platform = Platform::simulator(Settings::default());
    let seen = thingsboard_python("tb_rest.py")
        .args([platform.url(), platform.user(), "PythonDevice"])
        // Not as an argument, which every user of the machine can list.
        .stdin(format!("{}\n", platform.password()))
        .run()
        .ok()
        .json();
    assert_eq!(seen["user"]["authority"], "TENANT_ADMIN");
    assert_eq!(seen["device"]["name"], "PythonDevice");
    assert_eq!(seen["token"]["credentials_type"], "ACCESS_TOKEN");
    assert_eq!(seen["certificate"]["credentials_type"], "X509_CERTIFICATE");
    // The device was made with a token, and its credentials replaced.
    assert_eq!(seen["certificate"]["version"], 2);
    assert_eq!(seen["page"]["total_elements"], 1);
    assert_eq!(platform.sim().map(|sim| sim.devices().len()), Some(0), "it deletes what it made");
}

#[test]
fn the_mqtt_client_for_python_publishes() {
    let scene = Scene::new(|sandbox| keystore(sandbox, "conf/mqttserver.p12"));
    let seen = thingsboard_python("tb_mqtt.py")
        .args(["localhost", &scene.port().to_string()])
        .arg(scene.device("tb-server-chain.pem"))
        .arg(scene.device("chain.pem"))
        .arg(scene.device("key.pem"))
        .run()
        .ok()
        .json();
    assert_eq!(seen, json!({ "connected": true, "telemetry": true, "attributes": true }));
    let sent = scene.platform.sim().map(|sim| sim.telemetry("MyDevice")).unwrap();
    assert_eq!((sent[0].key.as_str(), &sent[0].value), ("temperature", &json!(25)));
}
