//! Secrets for Kubernetes.

use base::settings_file::MOUNT;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::{ThingsBoardSettings, variables};

/// Two Secrets in YAML: one with the files, to be mounted, and one with the variables, for `envFrom`. The text
/// holds keys and passwords and is guarded like a key.
pub fn kubernetes(settings: &ThingsBoardSettings, files: &[(String, Zeroizing<Vec<u8>>)]) -> Zeroizing<String> {
    let inside = ThingsBoardSettings { directory: MOUNT.to_owned(), ..settings.clone() };
    let mut text = Zeroizing::new(format!(
        "# Secrets for Kubernetes, written by tbpki. Holds keys and passwords: keep its mode at 0600.\n\
         # Mount thingsboard-tls-files at {} and add thingsboard-tls-env to the container's envFrom.\n",
        MOUNT.trim_end_matches('/')
    ));
    push_secret(
        &mut text,
        "thingsboard-tls-files",
        files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())),
    );
    text.push_str("---\n");
    let variables = variables(&inside);
    let active = variables.iter().filter(|variable| variable.active);
    let entries = active.map(|variable| (variable.name.as_str(), variable.value.reveal().as_bytes()));
    push_secret(&mut text, "thingsboard-tls-env", entries);
    text
}

fn push_secret<'a>(text: &mut String, name: &str, entries: impl Iterator<Item = (&'a str, &'a [u8])>) {
    text.push_str(&format!("apiVersion: v1\nkind: Secret\nmetadata:\n  name: {name}\ntype: Opaque\ndata:\n"));
    for (key, value) in entries {
        let encoded = Zeroizing::new(STANDARD.encode(value));
        text.push_str("  ");
        text.push_str(key);
        text.push_str(": ");
        text.push_str(&encoded);
        text.push('\n');
    }
}
