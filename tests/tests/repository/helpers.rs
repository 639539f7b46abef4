//! The tests' own helpers, on certificates that openssl made: a client or broker that lets everything through would
//! make every other test here worthless.

use std::path::PathBuf;

use tbpki_tests::clients::{Files, JavaStore, go, mosquitto_pub, paho_java, paho_python};
use tbpki_tests::foreign::{ForeignCa, ForeignLeaf};
use tbpki_tests::oracle::{certtool, java, keytool, openssl, python};
use tbpki_tests::pkilint::Pkilint;
use tbpki_tests::thingsboard::{Credentials, ThingsBoard};
use tbpki_tests::{Listener, Mosquitto, Sandbox};

/// A CA, a server for `localhost` and a client, all of openssl's making.
struct Scene {
    sandbox: Sandbox,
    ca: ForeignCa,
    server: ForeignLeaf,
    client: ForeignLeaf,
}

impl Scene {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        let ca = ForeignCa::new(sandbox.path(), "ca");
        let server = ca.server("server", "DNS:localhost,IP:127.0.0.1");
        let client = ca.client("device");
        Self { sandbox, ca, server, client }
    }

    fn broker(&self) -> Mosquitto {
        let listener = Listener::new(&self.server.certificate, &self.server.key);
        Mosquitto::start(&listener.requiring_clients_of(&self.ca.certificate()))
    }

    /// The client's key and certificate, and the CA as a trusted entry, in a keystore for Java.
    fn keystore(&self, owner: &ForeignLeaf, name: &str) -> PathBuf {
        let store = self.sandbox.join(format!("{name}.p12"));
        openssl()
            .args(["pkcs12", "-export", "-name", "alias", "-passout", "pass:password", "-inkey"])
            .arg(&owner.key)
            .arg("-in")
            .arg(&owner.certificate)
            .arg("-certfile")
            .arg(self.ca.certificate())
            .arg("-out")
            .arg(&store)
            .run()
            .ok();
        keytool()
            .args(["-importcert", "-noprompt", "-alias", "trusted", "-storepass", "password", "-keystore"])
            .arg(&store)
            .arg("-file")
            .arg(self.ca.certificate())
            .run()
            .ok();
        store
    }
}

#[test]
fn a_client_of_the_right_ca_publishes() {
    let scene = Scene::new();
    let broker = scene.broker();
    let anchors = scene.ca.certificate();
    let files = Files { anchors: &anchors, certificate: &scene.client.certificate, key: Some(&scene.client.key) };
    for version in ["1.2", "any"] {
        let login = paho_python(broker.port(), &files, version);
        login.succeeds();
        // A client that was left to choose and took 1.2 would mean that the broker offers no more.
        let spoken = if version == "any" { "TLSv1.3" } else { "TLSv1.2" };
        assert_eq!(login.report()["tls"], spoken);
    }
    for version in ["1.2", "1.3"] {
        go(broker.port(), &files, version).succeeds();
    }
    mosquitto_pub(broker.port(), &files).succeeds();
    broker.logs("as go-client");
    broker.logs("u'device'");

    let file = scene.keystore(&scene.client, "client");
    let store = JavaStore { kind: "PKCS12", file: &file, store_password: "password", key_password: "password" };
    for version in ["TLSv1.2", "TLSv1.3"] {
        for keys in ["SunX509", "PKIX"] {
            paho_java(broker.port(), &store, keys, version).succeeds();
        }
    }
}

#[test]
fn each_client_prints_the_reason_of_its_rejection() {
    let scene = Scene::new();
    let other = ForeignCa::new(scene.sandbox.path(), "other");
    let (stranger, expired) = (other.client("stranger"), scene.ca.expired_client("expired"));
    let broker = scene.broker();
    let (ours, theirs) = (scene.ca.certificate(), other.certificate());
    let of = |anchors, who: &ForeignLeaf| {
        let files = Files { anchors, certificate: &who.certificate, key: Some(&who.key) };
        paho_python(broker.port(), &files, "1.2")
    };

    of(&ours, &stranger).is_refused("TLSV1_ALERT_UNKNOWN_CA");
    of(&ours, &expired).is_refused("SSLV3_ALERT_CERTIFICATE_EXPIRED");
    of(&theirs, &scene.client).is_refused("self-signed certificate in certificate chain");
    let files = Files { anchors: &ours, certificate: &stranger.certificate, key: Some(&stranger.key) };
    for version in ["1.2", "1.3"] {
        // Under 1.3 the client has finished its handshake before the broker refuses, so the reason comes with its first
        // read.
        go(broker.port(), &files, version).is_refused("unknown certificate authority");
    }
    let elsewhere = scene.ca.server("elsewhere", "DNS:elsewhere.example");
    let broker = Mosquitto::start(&Listener::new(&elsewhere.certificate, &elsewhere.key));
    let files = Files { anchors: &ours, certificate: &scene.client.certificate, key: Some(&scene.client.key) };
    paho_python(broker.port(), &files, "any").is_refused("Hostname mismatch");
    go(broker.port(), &files, "1.3").is_refused("not localhost");
    mosquitto_pub(broker.port(), &files).is_refused("host name verification failed");
    let file = scene.keystore(&scene.client, "client");
    let store = JavaStore { kind: "PKCS12", file: &file, store_password: "password", key_password: "password" };
    paho_java(broker.port(), &store, "PKIX", "TLSv1.3")
        .is_refused("No subject alternative DNS name matching localhost");
}

#[test]
fn a_keystore_names_what_it_trusts_and_pem_files_name_the_leaf_alone() {
    let scene = Scene::new();
    let anchors = scene.ca.certificate();
    let files = Files { anchors: &anchors, certificate: &scene.client.certificate, key: Some(&scene.client.key) };
    let (server_store, client_store) = (scene.keystore(&scene.server, "server"), scene.keystore(&scene.client, "c"));
    let store = JavaStore { kind: "PKCS12", file: &client_store, store_password: "password", key_password: "password" };

    let keystore = ThingsBoard::start(&Credentials::Keystore {
        kind: "PKCS12",
        file: &server_store,
        store_password: "password",
        key_password: "password",
    });
    assert!(keystore.names().contains(&"CN=ca".to_owned()), "{:?}", keystore.names());
    go(keystore.port(), &files, "1.3").succeeds();
    assert_eq!(keystore.next_client(), Ok(vec!["CN=device".to_owned()]));
    paho_java(keystore.port(), &store, "SunX509", "TLSv1.2").succeeds();
    assert_eq!(keystore.next_client(), Ok(vec!["CN=device".to_owned(), "CN=ca".to_owned()]));

    let pem = ThingsBoard::start(&Credentials::Pem { certificate: &scene.server.certificate, key: &scene.server.key });
    assert_eq!(pem.names(), ["CN=server"]);
    // Go chooses a certificate whose issuer the server has named, and finds none.
    go(pem.port(), &files, "1.3").is_refused("CONNACK 20020005");
    assert_eq!(pem.next_client(), Ok(vec![]));
    paho_java(pem.port(), &store, "PKIX", "TLSv1.3").is_refused("Not authorized");
    assert_eq!(pem.next_client(), Ok(vec![]));
    // OpenSSL does not look at the names, and adds the issuer that it finds among its anchors.
    paho_python(pem.port(), &files, "any").succeeds();
    assert_eq!(pem.next_client(), Ok(vec!["CN=device".to_owned(), "CN=ca".to_owned()]));
}

#[test]
fn readers_tell_whether_key_and_certificate_belong_together() {
    let scene = Scene::new();
    let check = |key: &PathBuf| java("PemCheck").arg(&scene.client.certificate).arg(key).run();
    assert_eq!(check(&scene.client.key).ok().json()["signs"], true);
    assert_eq!(check(&scene.server.key).ok().json()["signs"], false);

    let store = scene.keystore(&scene.client, "client");
    let opened = java("KeystoreCheck")
        .args(["PKCS12".as_ref(), store.as_os_str()])
        .env("STORE_PASSWORD", "password")
        .env("KEY_PASSWORD", "password")
        .run()
        .ok()
        .json();
    assert_eq!(opened["format"], "PKCS12");
    assert_eq!(opened["entries"].as_array().unwrap().len(), 2);
    assert!(opened["entries"].as_array().unwrap().iter().any(|entry| entry["signs"] == true));

    let read = python("read_with_cryptography.py").args(["key".as_ref(), scene.client.key.as_os_str()]).run().ok();
    let public_key = read.json()["public_key"].clone();
    let read = python("read_with_cryptography.py").arg("certificates").arg(&scene.client.certificate).run().ok();
    assert_eq!(read.json()["certificates"][0]["public_key"], public_key);
}

#[test]
fn linters_find_what_openssl_leaves_out() {
    let scene = Scene::new();
    certtool()
        .args(["--verify", "--load-ca-certificate"])
        .arg(scene.ca.certificate())
        .arg("--infile")
        .arg(&scene.client.certificate)
        .run()
        .ok();
    let bare = scene.sandbox.join("bare.pem");
    openssl()
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args(["-subj", "/CN=bare", "-keyout", "/dev/null", "-out"])
        .arg(&bare)
        .run()
        .ok();
    // `openssl req -x509` makes a CA without a key usage, which RFC 5280, section 4.2.1.3, demands.
    assert_eq!(Pkilint::new().unexpected("bare", &bare), ["pkix.ca_certificate_no_ku_extension"]);
}
