//! Keystores with passwords and aliases of one's own.

use std::path::Path;

use tbpki_tests::Sandbox;
use tbpki_tests::oracle::keytool;

use crate::java;
use crate::outputs::Keystore;
use crate::settings::Settings;

/// A configuration that names everything a keystore has.
const CONFIGURATION: &str = r#"
version = 1

[server.keystore]
alias = "Broker"
password = { file = "store.password" }
key_password = { file = "key.password" }

[client.keystore]
alias = "Device"
password = { file = "store.password" }
key_password = { file = "key.password" }
"#;

// Quotation marks of both kinds, a dollar sign and a backslash, each of which a shell or Compose would take for its
// own.
const STORE_PASSWORD: &str = "store 'n' $tore";
const KEY_PASSWORD: &str = r#"key "quoted" \ back"#;

/// A station whose keystores have two passwords, neither of which a shell would leave alone.
#[track_caller]
fn station() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("keygen.toml", CONFIGURATION);
    for (name, password) in [("store.password", STORE_PASSWORD), ("key.password", KEY_PASSWORD)] {
        sandbox.write(name, format!("{password}\n"));
        sandbox.hides(password);
    }
    sandbox.ok(["init", "--no-input", "--insecure-no-passphrase"]);
    sandbox
}

/// PKCS#12 knows one password, which is the key's.
fn passwords(kind: &str) -> [String; 2] {
    let store = if kind == "JKS" { STORE_PASSWORD } else { KEY_PASSWORD };
    [store, KEY_PASSWORD].map(str::to_owned)
}

#[test]
fn a_server_keystore_opens_with_the_password_of_thingsboard_env() {
    let sandbox = station();
    for (kind, format) in [("PKCS12", "p12"), ("JKS", "jks")] {
        let host = format!("{format}.example");
        sandbox.ok(["server", "--name", &host, "--only-given-names", "--format", format, "--out", format]);
        let settings = Settings::of_env(&sandbox.join(format).join("thingsboard.env"));
        let keystore = settings.keystore("MQTT_SSL", &["devices-issuing", "devices-root"]);
        assert_eq!(
            [&keystore.store_password, &keystore.key_password].map(String::as_str),
            passwords(kind).each_ref().map(String::as_str)
        );
        assert_eq!(keystore.kind, kind);
        assert_eq!(keystore.alias, "broker", "Java folds aliases");
        let file = settings.path("MQTT_SSL_KEY_STORE");
        assert_eq!(file, sandbox.join(format).join(format!("mqttserver.{format}")));
        java::open(&file, &keystore).unwrap();
    }
}

#[test]
fn a_device_keystore_has_two_passwords_where_its_format_can() {
    let sandbox = station();
    sandbox.ok(["client", "--device", "pump-1", "--format", "p12,jks"]);
    for (kind, format) in [("PKCS12", "p12"), ("JKS", "jks")] {
        let file = sandbox.join(format!("pki/devices/pump-1/pump-1.{format}"));
        let [store_password, key_password] = passwords(kind);
        let (alias, trusted) = ("device".to_owned(), vec!["broker".to_owned()]);
        let keystore = Keystore { kind, store_password, key_password, alias, chain: 2, trusted };
        java::open(&file, &keystore).unwrap();
        assert!(lists(&file, &keystore.store_password));

        // No other password opens the store, nor the key.
        let other = || "something else".to_owned();
        assert!(!lists(&file, &other()));
        // In a PKCS#12, whose passwords are one, this shows that the key is encrypted as well.
        java::open(&file, &Keystore { key_password: other(), ..keystore }).unwrap_err();
    }
}

/// True if keytool lists the keystore with this password.
fn lists(file: &Path, password: &str) -> bool {
    let list = keytool().args(["-list", "-storepass:env", "STORE_PASSWORD", "-keystore"]).arg(file);
    list.env("STORE_PASSWORD", password).run().status == 0
}
