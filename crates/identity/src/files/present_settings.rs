//! The settings of ThingsBoard that a directory has, with the values that they were written for: a later run keeps them.

use std::path::Path;

use base::Result;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use config::Credentials;
use pki::keystore::KeystoreFormat;

use super::settings;
use crate::thingsboard::{Service, SettingsForm};

/// The variable that switches TLS of a service on.
const SWITCHES: [(Service, &str); 5] = [
    (Service::Mqtt, "MQTT_SSL_ENABLED"),
    (Service::Http, "SSL_ENABLED"),
    (Service::Coap, "COAP_DTLS_ENABLED"),
    (Service::Lwm2m, "LWM2M_SERVER_CREDENTIALS_ENABLED"),
    (Service::Edge, "EDGES_RPC_SSL_ENABLED"),
];

/// A settings file of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PresentSettings {
    pub(crate) form: SettingsForm,
    /// The services that it has lines for, in the order of [`Service`].
    pub(crate) services: Vec<Service>,
    /// The credentials that its active lines name; none if it has lines for Edge alone.
    pub(crate) credentials: Option<Credentials>,
    /// The format of the keystore that its lines name, active or not.
    pub(crate) keystore: Option<KeystoreFormat>,
}

impl PresentSettings {
    /// The settings files in a directory. Values that a user has edited count as well.
    ///
    /// # Errors
    /// Those of the disk.
    pub(crate) fn in_dir(dir: &Path) -> Result<Vec<Self>> {
        let mut found = Vec::new();
        for form in SettingsForm::ALL {
            let Some(bytes) = settings::read(&dir.join(form.file_name()))? else { continue };
            found.push(Self::parse(form, &String::from_utf8_lossy(&bytes)));
        }
        Ok(found)
    }

    fn parse(form: SettingsForm, text: &str) -> Self {
        let active: Vec<(&str, &str)> = text.lines().filter_map(variable).collect();
        let has = |wanted: &str| active.iter().any(|(name, _)| *name == wanted);
        let services = SWITCHES.iter().filter(|(_, switch)| has(switch)).map(|(service, _)| *service).collect();
        let types: Vec<String> = active
            .iter()
            // The anchors of LwM2M are PEM with every kind of credentials.
            .filter(|(name, _)| name.ends_with("_CREDENTIALS_TYPE") && *name != "LWM2M_TRUST_CREDENTIALS_TYPE")
            .map(|(_, value)| plain(form, value))
            .collect();
        let credentials = match types.first().map(String::as_str) {
            Some("KEYSTORE") => Some(Credentials::Keystore),
            Some("PEM") => Some(Credentials::Pem),
            _ => None,
        };
        // Also in the lines that are comments: with PEM, they are the other way.
        let kinds: Vec<String> = text
            .lines()
            .filter_map(|line| variable(line.strip_prefix("# ").unwrap_or(line)))
            .filter(|(name, _)| name.ends_with("_KEY_STORE_TYPE"))
            .map(|(_, value)| plain(form, value))
            .collect();
        let keystore = match kinds.first().map(String::as_str) {
            Some("PKCS12") => Some(KeystoreFormat::Pkcs12),
            Some("JKS") => Some(KeystoreFormat::Jks),
            _ => None,
        };
        Self { form, services, credentials, keystore }
    }
}

/// The name and the value of a line that sets a variable: `export NAME=VALUE`, or `NAME: VALUE` in YAML.
fn variable(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    let (name, value) = match line.strip_prefix("export ") {
        Some(assignment) => assignment.split_once('=')?,
        None => line.split_once(": ")?,
    };
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    is_name.then_some((name, value))
}

/// A value without the quotes or the base64 of its form. The words that are looked for need no other escapes.
fn plain(form: SettingsForm, value: &str) -> String {
    let decoded = match form {
        SettingsForm::Kubernetes => STANDARD.decode(value).ok().and_then(|bytes| String::from_utf8(bytes).ok()),
        SettingsForm::EnvFile | SettingsForm::Compose => None,
    };
    decoded.unwrap_or_else(|| value.trim_matches(['\'', '"']).to_owned())
}

#[cfg(test)]
mod tests {
    use base::Secret;

    use super::*;
    use crate::thingsboard::{ActiveCredentials, KeystoreSettings, ThingsBoardSettings, compose, env_file, kubernetes};

    fn settings(services: &[Service], active: ActiveCredentials, kind: &'static str) -> ThingsBoardSettings {
        ThingsBoardSettings {
            services: services.to_vec(),
            active,
            host: "tb.example.org".to_owned(),
            mqtt_port: 8883,
            keystore: Some(KeystoreSettings {
                kind,
                file: "mqttserver.p12".to_owned(),
                alias: "serveralias".to_owned(),
                password: Secret::from("it's $ecret: \"x\""),
                key_password: Secret::from("MQTT_SSL_ENABLED: true"),
            }),
            pem_cert: "mqttserver.pem".to_owned(),
            pem_key: Some("mqttserver_key.pem".to_owned()),
            ca_file: "cafile.pem".to_owned(),
            clients_ca: "clients-ca.pem".to_owned(),
            directory: "/etc/thingsboard/conf/".to_owned(),
        }
    }

    #[test]
    fn every_form_gives_back_what_it_was_written_for() {
        let all = [Service::Mqtt, Service::Http, Service::Coap, Service::Lwm2m, Service::Edge];
        for services in [&all[..], &all[..1], &all[1..3], &all[3..]] {
            for (active, credentials, kind, keystore) in [
                (ActiveCredentials::Keystore, Credentials::Keystore, "PKCS12", Some(KeystoreFormat::Pkcs12)),
                (ActiveCredentials::Keystore, Credentials::Keystore, "JKS", Some(KeystoreFormat::Jks)),
                (ActiveCredentials::Pem, Credentials::Pem, "JKS", Some(KeystoreFormat::Jks)),
            ] {
                let settings = settings(services, active, kind);
                for (form, text) in [
                    (SettingsForm::EnvFile, env_file(&settings)),
                    (SettingsForm::Compose, compose(&settings, Path::new("/srv/tls"))),
                    (SettingsForm::Kubernetes, kubernetes(&settings, &[])),
                ] {
                    // Only the lines of a shell have comments, with the other way.
                    let is_shown = active == ActiveCredentials::Keystore || form == SettingsForm::EnvFile;
                    let keystore = keystore.filter(|_| is_shown);
                    let expected =
                        PresentSettings { form, services: services.to_vec(), credentials: Some(credentials), keystore };
                    assert_eq!(PresentSettings::parse(form, &text), expected, "{}", *text);
                }
            }
        }
    }

    #[test]
    fn a_directory_without_settings_has_none() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(PresentSettings::in_dir(dir.path()).unwrap(), []);
    }
}
