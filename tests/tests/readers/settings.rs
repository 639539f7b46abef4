//! The settings that go with a server's files, read as their readers read them: by a shell, and as YAML.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tbpki_tests::oracle::python;
use tbpki_tests::{Sandbox, Tool};

use crate::java;
use crate::outputs::Keystore;

/// The environment that ThingsBoard gets.
#[derive(Debug, PartialEq)]
pub(crate) struct Settings(BTreeMap<String, String>);

impl Settings {
    /// What a shell has in its environment once it has read `thingsboard.env`, as ThingsBoard's start script does with
    /// thingsboard.conf.
    #[track_caller]
    pub(crate) fn of_env(file: &Path) -> Self {
        let script = ". \"$0\" && env -0";
        let outcome =
            // An empty environment: everything that is in it afterwards came from the file, but for what a shell sets
            // itself.
            Tool::new("/bin/sh").clean_env().env("PATH", "/usr/bin:/bin").args(["-ec", script]).arg(file).run().ok();
        let text = outcome.stdout_text();
        // `env -0`, since a value may have a line break in it.
        let pairs = text.split('\0').filter_map(|line| line.split_once('='));
        let own = |name: &str| !["PATH", "PWD", "OLDPWD", "SHLVL", "_"].contains(&name);
        Self(pairs.filter(|(name, _)| own(name)).map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// The `environment` of the override for Docker Compose, its dollar signs expanded as Compose does.
    #[track_caller]
    fn of_compose(file: &Path) -> Self {
        let documents = python("read_yaml.py").arg(file).run().ok().json();
        let environment = documents[0]["services"]["thingsboard"]["environment"].as_object().unwrap().clone();
        // Not `docker compose config`: the tests must run where there is no Docker.
        Self(environment.into_iter().map(|(name, value)| (name, value.as_str().unwrap().replace("$$", "$"))).collect())
    }

    /// The data of one of the Secrets for Kubernetes.
    #[track_caller]
    fn secret(file: &Path, name: &str) -> BTreeMap<String, Vec<u8>> {
        let documents = python("read_yaml.py").arg(file).run().ok().json();
        let found = documents.as_array().unwrap().iter().find(|document| document["metadata"]["name"] == name).unwrap();
        assert_eq!((found["apiVersion"].as_str(), found["kind"].as_str()), (Some("v1"), Some("Secret")));
        found["data"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(key, value)| (key.clone(), base64(value.as_str().unwrap())))
            .collect()
    }

    #[track_caller]
    fn value(&self, name: &str) -> &str {
        self.0.get(name).unwrap_or_else(|| panic!("{name} is not set: {self:?}"))
    }

    /// A variable that names a file.
    #[track_caller]
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(self.value(name))
    }

    /// The keystore that the variables with this prefix describe.
    #[track_caller]
    pub(crate) fn keystore(&self, prefix: &str, trusted: &[&str]) -> Keystore {
        let value = |name: &str| self.value(&format!("{prefix}_{name}")).to_owned();
        assert_eq!(value("CREDENTIALS_TYPE"), "KEYSTORE");
        Keystore {
            kind: if value("KEY_STORE_TYPE") == "JKS" { "JKS" } else { "PKCS12" },
            store_password: value("KEY_STORE_PASSWORD"),
            key_password: value("KEY_PASSWORD"),
            alias: value("KEY_ALIAS"),
            chain: 2,
            trusted: trusted.iter().map(|alias| (*alias).to_owned()).collect(),
        }
    }
}

#[track_caller]
fn base64(text: &str) -> Vec<u8> {
    Tool::new("base64").arg("-d").stdin(text).run().ok().stdout
}

const SERVER: &[&str] = &["server", "--name", "localhost", "--only-given-names", "--out", "conf"];
const TRUSTED: &[&str] = &["devices-issuing", "devices-root"];
const SERVICES: &str = "mqtt,http,coap,lwm2m,edge";

#[test]
fn every_service_opens_its_keystore_with_what_it_is_told() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(SERVER.iter().chain(&["--service", SERVICES]));
    let settings = Settings::of_env(&sandbox.join("conf/thingsboard.env"));
    let of_mqtt = settings.path("MQTT_SSL_KEY_STORE");
    java::open(&of_mqtt, &settings.keystore("MQTT_SSL", TRUSTED)).unwrap();
    // The others are told the same.
    for prefix in ["SSL", "COAP_DTLS", "LWM2M_SERVER", "LWM2M_BS"] {
        assert_eq!(settings.path(&format!("{prefix}_KEY_STORE")), of_mqtt);
        let (theirs, mqtts) = (settings.keystore(prefix, TRUSTED), settings.keystore("MQTT_SSL", TRUSTED));
        assert_eq!(
            (theirs.store_password, theirs.key_password, theirs.alias),
            (mqtts.store_password, mqtts.key_password, mqtts.alias)
        );
    }
    for file in [
        "DEVICE_CONNECTIVITY_MQTTS_CA_ROOT_CERT",
        "LWM2M_TRUST_PEM_CERT",
        "EDGES_RPC_SSL_CERT",
        "EDGES_RPC_SSL_PRIVATE_KEY",
    ] {
        assert!(settings.path(file).is_file(), "{file} is {:?}", settings.path(file));
    }
}

#[test]
fn compose_mounts_a_directory_with_a_colon_in_its_path() {
    let sandbox = Sandbox::with_store();
    let server = ["server", "--name", "tb.example", "--only-given-names", "--environment", "compose"];
    sandbox.ok(server.iter().chain(&["--out", "a:b $c"]));
    let file = sandbox.join("a:b $c/docker-compose.tls.yml");
    let documents = python("read_yaml.py").arg(file).run().ok().json();
    // Compose reads two dollar signs as one.
    let source = sandbox.join("a:b $$c").display().to_string();
    let mount = serde_json::json!({ "type": "bind", "source": source, "target": "/tls", "read_only": true });
    assert_eq!(documents[0]["services"]["thingsboard"]["volumes"], serde_json::json!([mount]));
}

#[test]
fn compose_and_kubernetes_say_the_same_as_the_shell() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(SERVER.iter().chain(&["--service", SERVICES, "--environment", "env,compose,kubernetes"]));
    let conf = sandbox.join("conf");
    let shell = Settings::of_env(&conf.join("thingsboard.env"));
    // In containers the directory is another one.
    let directory = format!("{}/", conf.display());
    let inside =
        Settings(shell.0.into_iter().map(|(name, value)| (name, value.replace(&directory, "/tls/"))).collect());
    assert_eq!(Settings::of_compose(&conf.join("docker-compose.tls.yml")), inside);
    let kubernetes = conf.join("kubernetes-secret.yml");
    let variables = Settings::secret(&kubernetes, "thingsboard-tls-env");
    let variables = variables.into_iter().map(|(name, value)| (name, String::from_utf8(value).unwrap())).collect();
    assert_eq!(Settings(variables), inside);
    let files = Settings::secret(&kubernetes, "thingsboard-tls-files");
    assert!(files.len() >= 5, "{:?}", files.keys());
    for (name, bytes) in files {
        assert!(bytes == sandbox.read(conf.join(&name)), "{name} is another file");
    }
}
