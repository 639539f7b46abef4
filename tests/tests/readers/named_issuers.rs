//! Java and Go clients choose their certificate by the issuers that the server names, and ThingsBoard names what its
//! own keystore holds. Both halves are held here, so that the documentation stays true.

use std::path::PathBuf;

use tbpki_tests::Sandbox;
use tbpki_tests::clients::{Files, JavaStore, go, paho_java, paho_python};
use tbpki_tests::thingsboard::{Credentials, ThingsBoard};

struct Scene {
    sandbox: Sandbox,
    server_password: String,
    device_password: String,
}

impl Scene {
    #[track_caller]
    fn new() -> Self {
        let sandbox = Sandbox::with_store();
        sandbox.ok(["server", "--name", "localhost", "--format", "p12,jks", "--out", "conf"]);
        sandbox.ok(["client", "--device", "MyDevice", "--format", "p12,jks"]);
        let secret = |name: &str| sandbox.text(format!("pki/secrets/{name}.keystore-password")).trim_end().to_owned();
        let (server_password, device_password) = (secret("server-localhost"), secret("device-MyDevice"));
        Self { sandbox, server_password, device_password }
    }

    fn device(&self, name: &str) -> PathBuf {
        self.sandbox.join("pki/devices/MyDevice").join(name)
    }
}

#[test]
fn in_keystore_mode_every_client_finds_its_certificate() {
    let scene = Scene::new();
    for (kind, file) in [("PKCS12", "conf/mqttserver.p12"), ("JKS", "conf/mqttserver.jks")] {
        let file = scene.sandbox.join(file);
        let server = ThingsBoard::start(&Credentials::Keystore {
            kind,
            file: &file,
            store_password: &scene.server_password,
            key_password: &scene.server_password,
        });
        for ca in ["CN=tbpki devices root CA", "CN=tbpki devices issuing CA"] {
            assert!(server.names().contains(&ca.to_owned()), "{kind}: {:?}", server.names());
        }
        let shown = Ok(vec!["CN=MyDevice".to_owned(), "CN=tbpki devices issuing CA".to_owned()]);
        let (anchors, chain, key) =
            (scene.device("tb-server-chain.pem"), scene.device("chain.pem"), scene.device("key.pem"));
        let files = Files { anchors: &anchors, certificate: &chain, key: Some(&key) };
        for version in ["1.2", "1.3"] {
            go(server.port(), &files, version).succeeds();
            assert_eq!(server.next_client(), shown);
        }
        for (kind, file) in [("PKCS12", "MyDevice.p12"), ("JKS", "MyDevice.jks")] {
            let file = scene.device(file);
            let store = JavaStore {
                kind,
                file: &file,
                store_password: &scene.device_password,
                key_password: &scene.device_password,
            };
            for (keys, version) in [("SunX509", "TLSv1.2"), ("PKIX", "TLSv1.3")] {
                paho_java(server.port(), &store, keys, version).succeeds();
                assert_eq!(server.next_client(), shown);
            }
        }
    }
}

#[test]
fn in_pem_mode_java_and_go_send_nothing_and_openssl_does() {
    let scene = Scene::new();
    let (cert, key) = (scene.sandbox.join("conf/mqttserver.pem"), scene.sandbox.join("conf/mqttserver_key.pem"));
    let server = ThingsBoard::start(&Credentials::Pem { certificate: &cert, key: &key });
    assert_eq!(server.names(), ["CN=localhost"]);
    let (anchors, chain, key) =
        (scene.device("tb-server-chain.pem"), scene.device("chain.pem"), scene.device("key.pem"));
    let files = Files { anchors: &anchors, certificate: &chain, key: Some(&key) };
    for version in ["1.2", "1.3"] {
        go(server.port(), &files, version).is_refused("CONNACK 20020005");
        assert_eq!(server.next_client(), Ok(vec![]));
    }
    let file = scene.device("MyDevice.p12");
    let store = JavaStore {
        kind: "PKCS12",
        file: &file,
        store_password: &scene.device_password,
        key_password: &scene.device_password,
    };
    paho_java(server.port(), &store, "SunX509", "TLSv1.2").is_refused("Not authorized");
    assert_eq!(server.next_client(), Ok(vec![]));
    paho_python(server.port(), &files, "any").succeeds();
    assert_eq!(server.next_client().map(|chain| chain.len()), Ok(2));
}
