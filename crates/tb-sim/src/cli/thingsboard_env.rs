//! `thingsboard.env`: the `export NAME=value` lines that ThingsBoard is started with.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use tb_sim::{Error, Result, ServerKeys};

/// The active lines of a file.
pub(crate) struct ThingsboardEnv {
    directory: PathBuf,
    values: HashMap<String, String>,
}

impl ThingsboardEnv {
    /// Reads a file. Bare names in it are those of files beside it.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let text = tb_sim::read_text(file)?;
        let values = text.lines().filter_map(export).collect();
        Ok(Self { directory: file.parent().map(Path::to_path_buf).unwrap_or_default(), values })
    }

    /// The keys that the MQTT listener would load, chosen as ThingsBoard chooses: a PEM file that is not there makes it
    /// take the keystore.
    pub(crate) fn mqtt_keys(&self) -> Result<ServerKeys> {
        let pem = self.file("MQTT_SSL_PEM_CERT", "mqttserver.pem");
        let keystore = self.file("MQTT_SSL_KEY_STORE", "mqttserver.jks");
        let wants_pem = self.value("MQTT_SSL_CREDENTIALS_TYPE", "PEM") == "PEM";
        if wants_pem && pem.is_file() {
            return Ok(ServerKeys::Pem {
                certificate: pem,
                key: Some(self.file("MQTT_SSL_PEM_KEY", "mqttserver_key.pem")),
                key_password: self.value("MQTT_SSL_PEM_KEY_PASSWORD", "server_key_password"),
            });
        }
        if keystore.is_file() {
            return Ok(ServerKeys::Keystore {
                file: keystore,
                store_password: self.value("MQTT_SSL_KEY_STORE_PASSWORD", "server_ks_password"),
                key_password: self.value("MQTT_SSL_KEY_PASSWORD", "server_key_password"),
                alias: self.value("MQTT_SSL_KEY_ALIAS", ""),
            });
        }
        Err(Error::nothing_to_load())
    }

    /// The file that clients are handed.
    pub(crate) fn mqtts_ca(&self) -> Option<PathBuf> {
        let file = self.file("DEVICE_CONNECTIVITY_MQTTS_CA_ROOT_CERT", "cafile.pem");
        file.is_file().then_some(file)
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
    fn comments_are_no_lines() {
        assert_eq!(export("# export A=b"), None);
        assert_eq!(export("export A='b c'"), Some(("A".to_owned(), "b c".to_owned())));
    }
}
