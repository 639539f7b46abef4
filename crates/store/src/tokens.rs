//! Devices that log in with an access token: the ledger has no certificate of them, only the store has their files.

use std::path::{Path, PathBuf};

use base::file::{self, BulkDir};
use base::{Result, Secret};
use ledger::{Entry, Kind, Role, State, View};

use crate::file_names::{TOKEN, is_token};
use crate::location::StoreLocation;
use crate::paths::{FILE_LIMIT, identity_dir, kind_dir};

/// Whether a device logs in with an access token of the store, although it has a certificate. A certificate that was
/// registered after the token has taken its place.
pub fn logs_in_with_token(store: &Path, entry: &Entry) -> bool {
    let is_registered = entry.reached(State::Registered).is_some() && entry.unregistered_at.is_none();
    entry.key.kind == Kind::Device && !is_registered && holds_token(store, &entry.key.name)
}

/// Whether the store has an access token of a device.
pub fn holds_token(store: &Path, name: &str) -> bool {
    identity_dir(store, Kind::Device, name).join(TOKEN).exists()
}

/// The access tokens of a device in the store: the one that it uses, and those of other platforms and of earlier days,
/// which are kept under other names (`token.old` and so on).
///
/// # Errors
/// [`Code::FileUnreadable`](base::Code::FileUnreadable).
pub fn all_tokens_of(store: &Path, name: &str) -> Result<Vec<Secret>> {
    let path = identity_dir(store, Kind::Device, name);
    if !path.is_dir() {
        return Ok(Vec::new());
    }
    let mut tokens = Vec::new();
    for file_name in BulkDir::open(&path)?.names()? {
        if is_token(&file_name) {
            tokens.extend(token_in(path.join(file_name))?);
        }
    }
    Ok(tokens)
}

/// The token in a file; `None` if there is none, or no text in it.
fn token_in(path: PathBuf) -> Result<Option<Secret>> {
    let Some(bytes) = file::read_optional(path, FILE_LIMIT)? else { return Ok(None) };
    // Trimmed as where it is used: editors end a file with a line break.
    let token = std::str::from_utf8(&bytes).ok().map(str::trim).filter(|token| !token.is_empty());
    Ok(token.map(Secret::from))
}

/// Keeps the access token of a device under another name ([`file::set_aside`]), because the platform does not take it any
/// more. May be repeated.
///
/// # Errors
/// Those of [`file::set_aside`].
pub fn retire_token(store: &Path, name: &str) -> Result<()> {
    if !holds_token(store, name) {
        return Ok(());
    }
    file::set_aside(identity_dir(store, Kind::Device, name), TOKEN, "old", false).map(drop)
}

/// The names of the devices with an access token and without a certificate in use, sorted. A device whose certificate was
/// revoked can have got a token since: with the revocation, its token before was taken away.
///
/// # Errors
/// [`Code::FileUnreadable`](base::Code::FileUnreadable) if the directory of the devices cannot be read, and those of the
/// ledger.
pub fn token_devices(location: &StoreLocation, view: &View) -> Result<Vec<String>> {
    let dir = kind_dir(location.dir(), Kind::Device);
    let mut names = Vec::new();
    for name in file::list_dir(&dir)?.unwrap_or_default() {
        if !dir.join(&name).join(TOKEN).exists() {
            continue;
        }
        let is_without = |latest: Entry| !latest.role.is_in_use() && latest.role != Role::Intended;
        if view.latest(Kind::Device, &name)?.is_none_or(is_without) {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the test makes the directory of a device")]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_token_that_is_of_no_use_any_more_is_kept_under_a_free_name() {
        let store = tempfile::tempdir().unwrap();
        let dir = identity_dir(store.path(), Kind::Device, "lamp");
        retire_token(store.path(), "lamp").unwrap();
        assert!(token_in(dir.join(TOKEN)).unwrap().is_none());
        fs::create_dir_all(&dir).unwrap();
        for (token, kept) in [("first", "token.old"), ("second", "token.old-2"), ("third", "token.old-3")] {
            fs::write(dir.join(TOKEN), format!("{token}\n")).unwrap();
            assert_eq!(token_in(dir.join(TOKEN)).unwrap().unwrap().reveal(), token);
            retire_token(store.path(), "lamp").unwrap();
            assert_eq!(fs::read_to_string(dir.join(kept)).unwrap().trim(), token);
            assert!(!holds_token(store.path(), "lamp"));
        }
        // Earlier versions have written this name.
        fs::write(dir.join("token.old.2"), "fourth").unwrap();
        fs::write(dir.join("token.older"), "no token").unwrap();
        fs::write(dir.join(TOKEN), "fifth").unwrap();
        fs::write(dir.join("cert.pem"), "no token").unwrap();
        let mut tokens: Vec<String> =
            all_tokens_of(store.path(), "lamp").unwrap().iter().map(|token| token.reveal().to_owned()).collect();
        tokens.sort();
        assert_eq!(tokens, ["fifth", "first", "fourth", "second", "third"]);
    }
}
