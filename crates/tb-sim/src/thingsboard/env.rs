//! `thingsboard.env`: the `export NAME=value` lines that ThingsBoard is started with.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::files;
use crate::tls::ServerKeys;

/// The active lines of a file.
pub struct ThingsboardEnv {
    directory: PathBuf,
    values: HashMap<String, String>,
}

/// The variables of a listener: their prefix, and their defaults in thingsboard.yml.
struct Listener {
    prefix: &'static str,
    pem_cert: &'static str,
    pem_key: &'static str,
    key_store: &'static str,
    store_password: &'static str,
    key_password: &'static str,
    alias: &'static str,
}

const MQTT: Listener = Listener {
    prefix: "MQTT_SSL",
    pem_cert: "mqttserver.pem",
    pem_key: "mqttserver_key.pem",
    key_store: "mqttserver.jks",
    store_password: "server_ks_password",
    key_password: "server_key_password",
    alias: "",
};

const HTTP: Listener = Listener {
    prefix: "SSL",
    pem_cert: "server.pem",
    pem_key: "server_key.pem",
    key_store: "keystore/keystore.p12",
    store_password: "thingsboard",
    key_password: "thingsboard",
    alias: "tomcat",
};

impl ThingsboardEnv {
    /// Reads a file. Names without a directory in it are relative to the file's directory.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn read(file: &Path) -> Result<Self> {
        let text = files::text(file)?;
        let values = text.lines().filter_map(export).collect();
        Ok(Self { directory: file.parent().map(Path::to_path_buf).unwrap_or_default(), values })
    }

    /// The keys that the MQTT listener would load.
    ///
    /// # Errors
    /// If neither a PEM file nor a keystore exists, in ThingsBoard's words.
    pub fn mqtt_keys(&self) -> Result<ServerKeys> {
        self.keys(&MQTT)
    }

    /// The keys that the web server would load; none without HTTPS.
    ///
    /// # Errors
    /// As for MQTT.
    pub fn https_keys(&self) -> Result<Option<ServerKeys>> {
        if self.value("SSL_ENABLED", "false") == "true" { self.keys(&HTTP).map(Some) } else { Ok(None) }
    }

    /// The file with the certificates for clients, if it exists.
    pub fn mqtts_ca(&self) -> Option<PathBuf> {
        let file = self.file("DEVICE_CONNECTIVITY_MQTTS_CA_ROOT_CERT", "cafile.pem");
        file.is_file().then_some(file)
    }

    /// The choice of ThingsBoard: if the PEM file does not exist, it uses the keystore and logs only a warning.
    fn keys(&self, listener: &Listener) -> Result<ServerKeys> {
        let name = |rest: &str| format!("{}_{rest}", listener.prefix);
        let pem = self.file(&name("PEM_CERT"), listener.pem_cert);
        let keystore = self.file(&name("KEY_STORE"), listener.key_store);
        let wants_pem = self.value(&name("CREDENTIALS_TYPE"), "PEM") == "PEM";
        if wants_pem && pem.is_file() {
            return Ok(ServerKeys::Pem {
                certificate: pem,
                key: Some(self.file(&name("PEM_KEY"), listener.pem_key)),
                key_password: self.value(&name("PEM_KEY_PASSWORD"), "server_key_password"),
            });
        }
        if keystore.is_file() {
            return Ok(ServerKeys::Keystore {
                file: keystore,
                store_password: self.value(&name("KEY_STORE_PASSWORD"), listener.store_password),
                key_password: self.value(&name("KEY_PASSWORD"), listener.key_password),
                alias: self.value(&name("KEY_ALIAS"), listener.alias),
            });
        }
        Err(Error::nothing_to_load())
    }

    fn value(&self, name: &str, default: &str) -> String {
        self.values.get(name).cloned().unwrap_or_else(|| default.to_owned())
    }

    fn file(&self, name: &str, default: &str) -> PathBuf {
        self.directory.join(self.value(name, default))
    }
}

/// A line that sets something.
fn export(line: &str) -> Option<(String, String)> {
    let (name, value) = line.trim().strip_prefix("export ")?.split_once('=')?;
    Some((name.trim().to_owned(), unquote(value)))
}

/// A word as a shell reads it: single quotes keep everything, double quotes what is no backslash, and outside of them a
/// backslash keeps what follows.
fn unquote(word: &str) -> String {
    let mut text = String::with_capacity(word.len());
    // ThingsBoard's start script sources this file, so quotes are read as a shell reads them.
    let mut characters = word.chars();
    let mut quote = None;
    while let Some(c) = characters.next() {
        match (c, quote) {
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            ('\\', None | Some('"')) => text.extend(characters.next()),
            (c, None) if c.is_whitespace() => break,
            (c, _) => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_a_shell_reads_them() {
        for (word, text) in [
            ("plain-1.p12", "plain-1.p12"),
            ("'it'\\''s $x'", "it's $x"),
            ("''", ""),
            ("\"a \\\" b\"", "a \" b"),
            ("x # comment", "x"),
        ] {
            assert_eq!(unquote(word), text, "{word}");
        }
    }

    #[test]
    fn a_pem_file_that_is_not_there_gives_way_to_the_keystore() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let env = |lines: &[&str]| ThingsboardEnv {
            directory: here.to_path_buf(),
            values: lines.iter().filter_map(|line| export(line)).collect(),
        };
        let keystore = "export MQTT_SSL_KEY_STORE=Cargo.toml";
        let keys = env(&["export MQTT_SSL_CREDENTIALS_TYPE=PEM", "export MQTT_SSL_PEM_CERT=none.pem", keystore]);
        assert!(
            matches!(keys.mqtt_keys(), Ok(ServerKeys::Keystore { store_password, .. }) if store_password == "server_ks_password")
        );
        let keys = env(&["export MQTT_SSL_PEM_CERT=Cargo.toml", keystore]);
        assert!(matches!(keys.mqtt_keys(), Ok(ServerKeys::Pem { .. })));
        let nothing = env(&[]).mqtt_keys().map(drop).unwrap_err().to_string();
        assert_eq!(nothing, crate::error::NOTHING_THERE);
        assert!(env(&[]).https_keys().is_ok_and(|keys| keys.is_none()));
    }

    #[test]
    fn comments_are_no_lines() {
        assert_eq!(export("# export A=b"), None);
        assert_eq!(export("export A='b c'"), Some(("A".to_owned(), "b c".to_owned())));
    }
}
