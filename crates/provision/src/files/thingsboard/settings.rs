//! The lines of thingsboard.conf and thingsboard.env, or the settings of a container.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base::settings_file::ENV_FILE;
use base::{Code, Finding, Result, Secret, file};
use zeroize::Zeroizing;

use super::super::shell::{self, Line};
use super::container_settings::ContainerForm;

/// The file that the package's start script sources.
const CONF: &str = "thingsboard.conf";
/// Longer files of settings do not exist.
const LIMIT: usize = 1 << 20;
/// The prefixes of the variables that are read: the rest of thingsboard.conf does not concern tbpki.
const PREFIXES: [&str; 2] = ["MQTT_SSL_", "DEVICE_CONNECTIVITY_MQTTS_"];

/// The settings that were found in a directory.
#[derive(Debug, Default)]
pub struct FoundSettings {
    /// The file that ThingsBoard reads, or would read once its lines are in thingsboard.conf.
    pub file: Option<PathBuf>,
    values: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, PartialEq)]
struct Value {
    value: Secret,
    line: usize,
}

/// Which kind of credentials is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialsType {
    /// `PEM`
    Pem,
    /// `KEYSTORE`
    Keystore,
}

/// The settings of the MQTT transport, each with ThingsBoard's own default where no line sets it.
#[derive(Debug, Clone)]
pub struct MqttSettings {
    /// `MQTT_SSL_ENABLED`
    pub enabled: bool,
    /// `MQTT_SSL_CREDENTIALS_TYPE`
    pub credentials: CredentialsType,
    /// `MQTT_SSL_PEM_CERT`
    pub pem_cert: PathBuf,
    /// `MQTT_SSL_PEM_KEY`
    pub pem_key: PathBuf,
    /// `MQTT_SSL_KEY_STORE`
    pub key_store: PathBuf,
    /// `MQTT_SSL_KEY_STORE_PASSWORD`
    pub key_store_password: Secret,
    /// `MQTT_SSL_KEY_ALIAS`; the first key where it is empty.
    pub key_alias: Option<String>,
    /// `MQTT_SSL_KEY_PASSWORD`
    pub key_password: Secret,
    /// `DEVICE_CONNECTIVITY_MQTTS_HOST`
    pub host: Option<String>,
    /// `DEVICE_CONNECTIVITY_MQTTS_CA_ROOT_CERT`
    pub ca_root_cert: Option<PathBuf>,
}

impl FoundSettings {
    /// Reads what `dir` holds: thingsboard.conf with the files that it sources, else thingsboard.env, else the settings of a
    /// container; nothing where there is none. With the first two, a finding names their differences.
    ///
    /// # Errors
    /// [`Code::FileUnreadable`] for files that are there and cannot be read.
    pub fn read(dir: &Path) -> Result<(Option<Self>, Vec<Finding>)> {
        let mut findings = Vec::new();
        let conf = Self::of_file(dir, CONF, &mut findings)?;
        let env = Self::of_file(dir, ENV_FILE, &mut findings)?;
        let settings = match (conf, env) {
            (Some(conf), Some(env)) => {
                findings.extend(conf.differences(&env));
                // Where the lines have still to be taken over, they are what was meant.
                if conf.values.is_empty() { Some(env) } else { Some(conf) }
            }
            (None, None) => Self::of_container(dir)?,
            (conf, env) => conf.or(env),
        };
        Ok((settings, findings))
    }

    /// Reads the lines of one file. The files that it sources are left out.
    pub fn parse(text: &[u8]) -> (Self, Vec<Finding>) {
        let mut settings = Self { file: None, values: BTreeMap::new() };
        let mut findings = Vec::new();
        settings.take(Path::new(ENV_FILE), text, false, &mut findings);
        (settings, findings)
    }

    fn of_container(dir: &Path) -> Result<Option<Self>> {
        for form in ContainerForm::ALL {
            let path = dir.join(form.file_name());
            let Some(bytes) = file::read_optional(&path, LIMIT)? else { continue };
            let bytes = Zeroizing::new(bytes);
            // Absolute, as in the container: ThingsBoard does not watch files with bare names.
            let outside = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
            let mut settings = Self { file: Some(path), values: BTreeMap::new() };
            for (index, line) in String::from_utf8_lossy(&bytes).lines().enumerate() {
                if let Some((name, value)) = form.variable(line, &outside).filter(|(name, _)| is_read(name)) {
                    settings.values.insert(name, Value { value, line: index + 1 });
                }
            }
            return Ok(Some(settings));
        }
        Ok(None)
    }

    fn of_file(dir: &Path, name: &str, findings: &mut Vec<Finding>) -> Result<Option<Self>> {
        let path = dir.join(name);
        let Some(bytes) = file::read_optional(&path, LIMIT)? else { return Ok(None) };
        let mut settings = Self { file: Some(path.clone()), values: BTreeMap::new() };
        settings.take(&path, &bytes, true, findings);
        Ok(Some(settings))
    }

    /// Later lines win, as in a shell. Sourced files are followed one step.
    fn take(&mut self, path: &Path, bytes: &[u8], follow: bool, findings: &mut Vec<Finding>) {
        let mut holds_password = false;
        for (index, line) in String::from_utf8_lossy(bytes).lines().enumerate() {
            match shell::read(line) {
                Some(Line::Assignment { name, value }) if is_read(&name) => {
                    holds_password |= name.ends_with("PASSWORD");
                    match value {
                        Some(value) => {
                            let value = Value { value: Secret::new(value.to_string()), line: index + 1 };
                            self.values.insert(name, value);
                        }
                        None => findings.push(
                            Code::NeedsShell
                                .warning(format!("the value of {name} would need a shell"))
                                .at(path)
                                .position(index + 1, 1)
                                .fix("write the value that it gives"),
                        ),
                    }
                }
                Some(Line::Source(file)) if follow => {
                    let file = path.parent().unwrap_or(Path::new("")).join(file);
                    // A shell that cannot source a file goes on as well.
                    if let Ok(Some(bytes)) = file::read_optional(&file, LIMIT) {
                        self.take(&file, &bytes, false, findings);
                    }
                }
                _ => {}
            }
        }
        // A file that only sources another one has no password that others could read.
        let loose = if holds_password { file::loose_permissions(path) } else { None };
        findings.extend(loose.filter(|loose| !findings.contains(loose)));
    }

    /// The variables that thingsboard.conf lacks, or sets to another value than the thingsboard.env of its directory.
    fn differences(&self, env: &Self) -> Option<Finding> {
        let differing: Vec<&str> = env
            .values
            .iter()
            .filter(|(name, wanted)| self.values.get(*name).is_none_or(|found| found.value != wanted.value))
            .map(|(name, _)| name.as_str())
            .collect();
        let first = differing.first()?;
        let what = if self.values.is_empty() {
            "the lines of thingsboard.env are not in thingsboard.conf".to_owned()
        } else {
            format!("thingsboard.conf differs from thingsboard.env, for example in {first}")
        };
        // Lines that work by themselves are a decision: thingsboard.env is just not used then.
        let finding =
            if self.mqtt().enabled { Code::SettingsMismatch.note(what) } else { Code::SettingsMismatch.fault(what) };
        let finding = finding.because(format!("they differ in {}", differing.join(", ")));
        let finding = finding.fix("to use thingsboard.env, append its lines to the end of thingsboard.conf");
        Some(match &self.file {
            Some(file) => finding.at(file),
            None => finding,
        })
    }

    /// The finding, at the line that sets `name` where there is one.
    pub(super) fn at(&self, name: &str, finding: Finding) -> Finding {
        let finding = match &self.file {
            Some(file) => finding.at(file),
            None => finding,
        };
        match self.values.get(name) {
            Some(value) => finding.position(value.line, 1).item(name),
            None => finding.item(name),
        }
    }

    /// True if a line sets `name`.
    pub(super) fn sets(&self, name: &str) -> bool {
        self.text(name).is_some()
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|value| value.value.reveal()).filter(|text| !text.is_empty())
    }

    /// The variables as the MQTT transport reads them.
    pub fn mqtt(&self) -> MqttSettings {
        let text = |name: &str, default: &str| self.text(name).unwrap_or(default).to_owned();
        MqttSettings {
            enabled: text("MQTT_SSL_ENABLED", "false").eq_ignore_ascii_case("true"),
            credentials: match self.text("MQTT_SSL_CREDENTIALS_TYPE") {
                Some(kind) if kind.eq_ignore_ascii_case("KEYSTORE") => CredentialsType::Keystore,
                _ => CredentialsType::Pem,
            },
            // The defaults of thingsboard.yml. The names and passwords are
            // those of the keygen.properties of old versions.
            pem_cert: text("MQTT_SSL_PEM_CERT", "mqttserver.pem").into(),
            pem_key: text("MQTT_SSL_PEM_KEY", "mqttserver_key.pem").into(),
            key_store: text("MQTT_SSL_KEY_STORE", "mqttserver.jks").into(),
            key_store_password: Secret::new(text("MQTT_SSL_KEY_STORE_PASSWORD", "server_ks_password")),
            key_alias: self.text("MQTT_SSL_KEY_ALIAS").map(str::to_owned),
            key_password: Secret::new(text("MQTT_SSL_KEY_PASSWORD", "server_key_password")),
            host: self.text("DEVICE_CONNECTIVITY_MQTTS_HOST").map(str::to_owned),
            ca_root_cert: self.text("DEVICE_CONNECTIVITY_MQTTS_CA_ROOT_CERT").map(PathBuf::from),
        }
    }
}

/// True for the variables that concern tbpki.
fn is_read(name: &str) -> bool {
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the test prepares what is read behind our back")]
mod tests {
    use std::fs;

    use super::*;

    fn read(files: &[(&str, &str)]) -> (Option<FoundSettings>, Vec<Code>) {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(name), text).unwrap();
            fs::set_permissions(dir.path().join(name), fs::Permissions::from_mode(0o600)).unwrap();
        }
        let (settings, findings) = FoundSettings::read(dir.path()).unwrap();
        (settings, findings.iter().map(|finding| finding.code).collect())
    }

    #[test]
    fn without_lines_the_defaults_of_thingsboard_hold() {
        let (settings, findings) = read(&[(CONF, "export JAVA_OPTS=\"$JAVA_OPTS -Xmx1g\"\n")]);
        let mqtt = settings.unwrap().mqtt();
        assert_eq!(findings, []);
        assert!(!mqtt.enabled);
        assert_eq!((mqtt.credentials, mqtt.pem_cert.to_str()), (CredentialsType::Pem, Some("mqttserver.pem")));
        // The default of thingsboard.yml.
        assert_eq!(mqtt.key_store_password, Secret::from("server_ks_password"));
        assert!(read(&[]).0.is_none());
    }

    #[test]
    fn the_later_line_wins_and_sourced_files_count() {
        let conf = "export MQTT_SSL_ENABLED=false\n. thingsboard.env\n";
        let env = "export MQTT_SSL_ENABLED=true\nexport MQTT_SSL_CREDENTIALS_TYPE=KEYSTORE\nexport MQTT_SSL_KEY_STORE=a.p12\n";
        let (settings, findings) = read(&[(CONF, conf), (ENV_FILE, env)]);
        let mqtt = settings.unwrap().mqtt();
        assert_eq!(findings, []);
        assert_eq!((mqtt.enabled, mqtt.credentials), (true, CredentialsType::Keystore));
        assert_eq!(mqtt.key_store.to_str(), Some("a.p12"));
    }

    #[test]
    fn lines_that_did_not_reach_the_configuration_are_missed() {
        let env = "export MQTT_SSL_ENABLED=true\nexport MQTT_SSL_KEY_STORE=b.p12\n";
        for conf in ["# nothing\n", "export MQTT_SSL_ENABLED=true\nexport MQTT_SSL_KEY_STORE=a.p12\n"] {
            let (settings, findings) = read(&[(CONF, conf), (ENV_FILE, env)]);
            assert_eq!(findings, [Code::SettingsMismatch], "{conf}");
            assert!(settings.unwrap().mqtt().enabled, "{conf}");
        }
        let (_, findings) = read(&[(CONF, "export MQTT_SSL_KEY_STORE=$HOME/a.p12\n")]);
        assert_eq!(findings, [Code::NeedsShell]);
    }
}
