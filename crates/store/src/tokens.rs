//! Devices that log in with an access token: the ledger has no certificate of them, only the store has their files.

use std::fs;
use std::io::ErrorKind;

use base::{Code, Result};
use ledger::{Kind, View};

use crate::file_names::TOKEN;
use crate::location::StoreLocation;
use crate::paths::kind_dir;

/// The names of the devices with an access token and without a certificate, sorted.
///
/// # Errors
/// [`Code::FileUnreadable`] if the directory of the devices cannot be read, and those of the ledger.
pub fn token_devices(location: &StoreLocation, view: &View) -> Result<Vec<String>> {
    let dir = kind_dir(location.dir(), Kind::Device);
    let unreadable =
        |error| Code::FileUnreadable.error("the directory of the devices cannot be read").caused_by(error).at(&dir);
    let entries = match fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(unreadable)?;
        // A name that is not UTF-8 is none of a device.
        let Ok(name) = entry.file_name().into_string() else { continue };
        if entry.path().join(TOKEN).exists() && view.latest(Kind::Device, &name)?.is_none() {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}
