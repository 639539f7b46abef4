//! The settings of a ThingsBoard in a container, as `tbpki server --environment` writes them: an override file for Docker
//! Compose, or Secrets for Kubernetes.

use std::path::Path;

use base::Secret;
use base::settings_file::{COMPOSE_FILE, KUBERNETES_FILE, MOUNT, compose_scalar};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// The form of a file with settings for a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ContainerForm {
    /// Values as [`push_compose_scalar`](base::settings_file::push_compose_scalar) writes them.
    Compose,
    /// Values in base64.
    Kubernetes,
}

impl ContainerForm {
    pub(super) const ALL: [Self; 2] = [Self::Compose, Self::Kubernetes];

    pub(super) const fn file_name(self) -> &'static str {
        match self {
            Self::Compose => COMPOSE_FILE,
            Self::Kubernetes => KUBERNETES_FILE,
        }
    }

    /// The name and the value of a variable in a line, with paths as they are outside of the container, where `dir` is mounted.
    /// `None` for other lines.
    pub(super) fn variable(self, line: &str, dir: &Path) -> Option<(String, Secret)> {
        let (name, value) = line.trim().split_once(": ")?;
        if !name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_' || byte.is_ascii_digit()) {
            return None;
        }
        let value = match self {
            Self::Compose => Zeroizing::new(compose_scalar(value.trim())),
            Self::Kubernetes => {
                let bytes = Zeroizing::new(STANDARD.decode(value.trim()).ok()?);
                Zeroizing::new(std::str::from_utf8(&bytes).ok()?.to_owned())
            }
        };
        let value = match value.strip_prefix(MOUNT) {
            Some(file) => Secret::new(dir.join(file).to_string_lossy().into_owned()),
            None => Secret::new(value.to_string()),
        };
        Some((name.to_owned(), value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_that_the_container_sees_and_paths_those_outside() {
        let read = |form: ContainerForm, line: &str| {
            form.variable(line, Path::new("/etc/tb")).map(|(name, value)| (name, value.reveal().to_owned()))
        };
        let found = |name: &str, value: &str| Some((name.to_owned(), value.to_owned()));
        for (line, expected) in [
            ("      MQTT_SSL_ENABLED: 'true'", found("MQTT_SSL_ENABLED", "true")),
            ("  MQTT_SSL_KEY_STORE_PASSWORD: 'a''b$$c'", found("MQTT_SSL_KEY_STORE_PASSWORD", "a'b$c")),
            ("  MQTT_SSL_KEY_STORE: '/tls/mqttserver.p12'", found("MQTT_SSL_KEY_STORE", "/etc/tb/mqttserver.p12")),
            ("        target: '/tls'", None),
            ("# a comment: here", None),
        ] {
            assert_eq!(read(ContainerForm::Compose, line), expected, "{line}");
        }
        let line = format!("  MQTT_SSL_PEM_CERT: {}", STANDARD.encode("/tls/mqttserver.pem"));
        assert_eq!(read(ContainerForm::Kubernetes, &line), found("MQTT_SSL_PEM_CERT", "/etc/tb/mqttserver.pem"));
        assert_eq!(read(ContainerForm::Kubernetes, "  MQTT_SSL_ENABLED: not base64!"), None);
    }
}
