//! Which environment variables ThingsBoard reads, by service.

use base::Secret;

use super::{ActiveCredentials, KeystoreSettings, Service, ThingsBoardSettings};

/// One environment variable.
#[derive(Debug, Clone)]
pub struct Variable {
    /// The environment variable that ThingsBoard reads.
    pub name: String,
    /// The value; a secret because some are passwords.
    pub value: Secret,
    /// True if it is set, or only shown as the other way to do it.
    pub active: bool,
}

/// The variables for `settings`, active ones and alternatives, in the order in which people read them.
pub fn variables(settings: &ThingsBoardSettings) -> Vec<Variable> {
    let mut list = List { settings, variables: Vec::new() };
    for service in &settings.services {
        match service {
            Service::Mqtt => {
                list.set("MQTT_SSL_ENABLED", "true");
                list.credentials("MQTT_SSL");
                list.set("DEVICE_CONNECTIVITY_MQTTS_ENABLED", "true");
                list.set("DEVICE_CONNECTIVITY_MQTTS_HOST", &settings.host);
                list.set("DEVICE_CONNECTIVITY_MQTTS_PORT", &settings.mqtt_port.to_string());
                list.file("DEVICE_CONNECTIVITY_MQTTS_CA_ROOT_CERT", &settings.ca_file, true);
            }
            Service::Http => {
                list.set("SSL_ENABLED", "true");
                list.credentials("SSL");
            }
            Service::Coap => {
                list.set("COAP_DTLS_ENABLED", "true");
                list.credentials("COAP_DTLS");
                list.set("DEVICE_CONNECTIVITY_COAPS_ENABLED", "true");
                list.set("DEVICE_CONNECTIVITY_COAPS_HOST", &settings.host);
                list.set("DEVICE_CONNECTIVITY_COAPS_PORT", "5684");
                list.file("DEVICE_CONNECTIVITY_COAPS_CA_ROOT_CERT", &settings.ca_file, true);
            }
            Service::Lwm2m => {
                list.set("LWM2M_SERVER_CREDENTIALS_ENABLED", "true");
                list.credentials("LWM2M_SERVER");
                list.set("LWM2M_BS_CREDENTIALS_ENABLED", "true");
                list.credentials("LWM2M_BS");
                list.set("LWM2M_TRUST_CREDENTIALS_ENABLED", "true");
                list.set("LWM2M_TRUST_CREDENTIALS_TYPE", "PEM");
                list.file("LWM2M_TRUST_PEM_CERT", &settings.clients_ca, true);
            }
            Service::Edge => {
                list.set("EDGES_RPC_SSL_ENABLED", "true");
                list.file("EDGES_RPC_SSL_CERT", &settings.pem_cert, true);
                // The service for Edge has no keystore; a single file holds the chain and the key.
                list.file("EDGES_RPC_SSL_PRIVATE_KEY", settings.pem_key.as_ref().unwrap_or(&settings.pem_cert), true);
            }
        }
    }
    list.variables
}

struct List<'a> {
    settings: &'a ThingsBoardSettings,
    variables: Vec<Variable>,
}

impl List<'_> {
    fn set(&mut self, name: &str, value: &str) {
        self.push(name.to_owned(), Secret::from(value), true);
    }

    fn file(&mut self, name: &str, file: &str, active: bool) {
        let path = format!("{}{file}", self.settings.directory);
        self.push(name.to_owned(), Secret::new(path), active);
    }

    fn push(&mut self, name: String, value: Secret, active: bool) {
        self.variables.push(Variable { name, value, active });
    }

    /// The kind in force first, the other one behind it as the alternative.
    fn credentials(&mut self, prefix: &str) {
        let settings = self.settings;
        match (&settings.keystore, settings.active) {
            (Some(keystore), ActiveCredentials::Keystore) => {
                // The other form is written too, but inactive, so that switching needs no look into the manual.
                self.keystore(prefix, keystore, true);
                self.pem(prefix, false);
            }
            (Some(keystore), ActiveCredentials::Pem) => {
                self.pem(prefix, true);
                self.keystore(prefix, keystore, false);
            }
            // Without a key here there is no keystore, and the PEM lines are the only ones that can be right.
            (None, _) => self.pem(prefix, true),
        }
    }

    fn keystore(&mut self, prefix: &str, keystore: &KeystoreSettings, active: bool) {
        // PEM is ThingsBoard's default: it takes a keystore only if this is set, or with a warning if the PEM file is
        // missing.
        self.push(format!("{prefix}_CREDENTIALS_TYPE"), Secret::from("KEYSTORE"), active);
        self.push(format!("{prefix}_KEY_STORE_TYPE"), Secret::from(keystore.kind), active);
        self.file(&format!("{prefix}_KEY_STORE"), &keystore.file, active);
        self.push(format!("{prefix}_KEY_STORE_PASSWORD"), keystore.password.clone(), active);
        self.push(format!("{prefix}_KEY_ALIAS"), Secret::from(keystore.alias.as_str()), active);
        // Written even if it equals the store's: ThingsBoard's own default is another word, and it fails to start with
        // that.
        self.push(format!("{prefix}_KEY_PASSWORD"), keystore.key_password.clone(), active);
    }

    fn pem(&mut self, prefix: &str, active: bool) {
        self.push(format!("{prefix}_CREDENTIALS_TYPE"), Secret::from("PEM"), active);
        self.file(&format!("{prefix}_PEM_CERT"), &self.settings.pem_cert, active);
        if let Some(key) = &self.settings.pem_key {
            self.file(&format!("{prefix}_PEM_KEY"), key, active);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn settings(active: ActiveCredentials) -> ThingsBoardSettings {
        ThingsBoardSettings {
            services: vec![Service::Mqtt],
            active,
            host: "tb.example.org".to_owned(),
            mqtt_port: 8883,
            keystore: Some(KeystoreSettings {
                kind: "PKCS12",
                file: "mqttserver.p12".to_owned(),
                alias: "serveralias".to_owned(),
                password: Secret::from("it's a secret"),
                key_password: Secret::from("it's a secret"),
            }),
            pem_cert: "mqttserver.pem".to_owned(),
            pem_key: Some("mqttserver_key.pem".to_owned()),
            ca_file: "cafile.pem".to_owned(),
            clients_ca: "clients-ca.pem".to_owned(),
            directory: String::new(),
        }
    }

    fn active(settings: &ThingsBoardSettings) -> Vec<String> {
        variables(settings).into_iter().filter(|variable| variable.active).map(|variable| variable.name).collect()
    }

    #[test]
    fn keystore_lines_are_active_unless_pem_is_asked_for() {
        let keystore = active(&settings(ActiveCredentials::Keystore));
        assert!(keystore.contains(&"MQTT_SSL_KEY_STORE".to_owned()));
        assert!(!keystore.contains(&"MQTT_SSL_PEM_CERT".to_owned()));
        let pem = active(&settings(ActiveCredentials::Pem));
        assert!(pem.contains(&"MQTT_SSL_PEM_CERT".to_owned()));
        assert!(!pem.contains(&"MQTT_SSL_KEY_STORE".to_owned()));
    }

    #[test]
    fn no_variable_is_active_twice() {
        let mut all = settings(ActiveCredentials::Keystore);
        all.services = vec![Service::Mqtt, Service::Http, Service::Coap, Service::Lwm2m, Service::Edge];
        let mut names = active(&all);
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
