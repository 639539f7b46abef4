//! The error of a record that a device would not take, with the file or the setting that is wrong.

use std::path::Path;

use base::text::device_option;
use base::{Code, Error};
use device::record::{Invalid, key};
use store::file_names::{ANCHORS, CHAIN, KEY, TOKEN};

/// The error of the device `name`, whose files are in `dir`; `None` for a device of a fleet, whose files are in shards.
pub(super) fn bad_record(invalid: &Invalid, name: &str, dir: Option<&Path>) -> Error {
    let error = Code::BadRecord.error(invalid.to_string()).item(name);
    let Some(key) = invalid.key() else { return error };
    let (file, fix) = match key {
        key::CLIENT_CHAIN => (Some(CHAIN), "use ec-p256 in place of RSA, or shorter chains".to_owned()),
        key::CLIENT_KEY => (Some(KEY), "use ec-p256 in place of RSA".to_owned()),
        key::TOKEN => (Some(TOKEN), format!("fetch it again with `tbpki token {}`", device_option(name))),
        // The file of the device has priority over the configuration, and need not exist.
        key::CA_CHAIN => (
            dir.filter(|dir| dir.join(ANCHORS).exists()).map(|_| ANCHORS),
            "give the devices fewer or smaller trust anchors (`server.anchors` in keygen.toml)".to_owned(),
        ),
        key::ENROLL_ANCHORS => {
            (None, "name a file with fewer or smaller trust anchors with --enroll-anchors".to_owned())
        }
        key::WIFI_SSID => (None, "write another name of the network (--wifi-ssid, or firmware.wifi_ssid)".to_owned()),
        _ => return error,
    };
    match dir.zip(file) {
        Some((dir, file)) => error.at(dir.join(file)).fix(fix),
        None => error.fix(fix),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_and_the_help_are_those_of_the_wrong_part() {
        let dir = tempfile::tempdir().unwrap();
        let error = |key| bad_record(&Invalid::TooLong { key, length: 9, limit: 8 }, "pump 1", Some(dir.path()));
        for (key, file, words) in [
            (key::CLIENT_CHAIN, Some(CHAIN), "ec-p256"),
            (key::TOKEN, Some(TOKEN), "`tbpki token --device 'pump 1'`"),
            (key::CA_CHAIN, None, "server.anchors"),
            (key::ENROLL_ANCHORS, None, "--enroll-anchors"),
            (key::WIFI_SSID, None, "--wifi-ssid"),
        ] {
            let finding = error(key).into_finding();
            assert_eq!(finding.location.file, file.map(|file| dir.path().join(file)), "{key}");
            assert_eq!(finding.location.item.as_deref(), Some("pump 1"));
            assert!(finding.fix.as_ref().is_some_and(|fix| fix.contains(words)), "{finding:?}");
        }
    }
}
