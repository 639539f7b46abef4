//! The values that images need and that were not given, all at once.

use base::{Code, Result};
use devkit::application::{self, ApplicationSearch};
use devkit::chip::Chip;
use identity::broker::broker;
use store::Workspace;

/// A value that is missing: its name, the flag for it, and its key in keygen.toml.
type Missing = (&'static str, &'static str, Option<&'static str>);

/// Fails if two or more values are missing. The error of a single one is more specific, and left to its place.
///
/// # Errors
/// [`Code::BundleIncomplete`] with everything that is missing.
pub(super) fn check(
    workspace: &Workspace<'_>,
    chip: Option<Chip>,
    places: &ApplicationSearch,
    needs_device: bool,
) -> Result<()> {
    let mut missing: Vec<Missing> = Vec::new();
    if needs_device {
        missing.push(("a device", "--device", None));
    }
    if chip.is_none() {
        missing.push(("a chip", "--chip", Some("firmware.chip")));
    }
    let lacks_application = chip.is_none_or(needs_our_application) && !application::is_available(chip, places)?;
    if lacks_application {
        missing.push(("an application", "--app", None));
    }
    match broker(workspace.config, &workspace.location) {
        Ok(_) => {}
        Err(error) if error.code() == Code::BrokerMissing => {
            missing.push(("a broker", "--broker", Some("firmware.mqtt_host")));
        }
        // A broker that was given and is wrong: a list of missing values would hide that.
        Err(error) => return Err(error),
    }
    // An application of the user's own may have its network built in, or use a cable.
    let joins_wifi = places.named.is_none() && chip.is_none_or(needs_our_application);
    if joins_wifi && workspace.config.firmware.wifi_ssid.is_none() {
        missing.push(("a wireless network", "--wifi-ssid", Some("firmware.wifi_ssid")));
    }
    if missing.len() < 2 {
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|(name, _, _)| *name).collect();
    let flags: Vec<&str> = missing.iter().map(|(_, flag, _)| *flag).collect();
    let keys: Vec<&str> = missing.iter().filter_map(|(_, _, key)| *key).collect();
    let mut fix = format!("add {}", list(&flags));
    if !keys.is_empty() {
        fix.push_str(&format!("; or set {} in keygen.toml", list(&keys)));
    }
    if lacks_application {
        let command = application::install_command(chip, places);
        fix.push_str(&format!("; in a checkout of tbpki, {command} installs the firmware, which replaces --app"));
    }
    Err(Code::BundleIncomplete.error(format!("the images need {}", list(&names))).fix(fix))
}

/// True if our application runs on a chip. A chip without Wi-Fi has an error of its own.
fn needs_our_application(chip: Chip) -> bool {
    chip.facts().has_wifi
}

/// Names as "a, b and c".
fn list(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_joined_as_in_a_sentence() {
        assert_eq!(list(&["a chip"]), "a chip");
        assert_eq!(list(&["a chip", "a broker"]), "a chip and a broker");
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
    }
}
