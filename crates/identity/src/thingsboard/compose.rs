//! An override file for Docker Compose.

use std::path::Path;

use base::settings_file::{COMPOSE_FILE, MOUNT, push_compose_scalar};
use zeroize::Zeroizing;

use super::{ThingsBoardSettings, variables};

/// The text of an override file that mounts `files` into ThingsBoard's container and sets the variables. It holds
/// passwords and is guarded like a key.
pub fn compose(settings: &ThingsBoardSettings, files: &Path) -> Zeroizing<String> {
    let inside = ThingsBoardSettings { directory: MOUNT.to_owned(), ..settings.clone() };
    let mut text = Zeroizing::new(format!(
        "# An override for Docker Compose, written by tbpki. Holds passwords: keep its mode at 0600.\n\
         # Use it with `docker compose -f docker-compose.yml -f {COMPOSE_FILE} up -d`; rename the service\n\
         # if yours is not called thingsboard. The container's user must be able to read the files.\n\
         services:\n  thingsboard:\n    volumes:\n      - type: bind\n        source: ",
    ));
    // The short form `source:target` has no way to write a path with a colon.
    push_compose_scalar(&mut text, &files.display().to_string());
    text.push_str("\n        target: ");
    push_compose_scalar(&mut text, MOUNT.trim_end_matches('/'));
    text.push_str("\n        read_only: true\n    ports:\n");
    for port in inside.services.iter().flat_map(|service| service.ports()) {
        text.push_str(&format!("      - '{port}'\n"));
    }
    text.push_str("    environment:\n");
    for variable in variables(&inside).iter().filter(|variable| variable.active) {
        text.push_str("      ");
        text.push_str(&variable.name);
        text.push_str(": ");
        push_compose_scalar(&mut text, variable.value.reveal());
        text.push('\n');
    }
    text
}
