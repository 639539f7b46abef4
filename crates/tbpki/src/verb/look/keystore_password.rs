//! The password of a keystore that is only looked at: given, not needed, kept in the store, or asked for.

use std::path::Path;

use base::{Code, Result, Secret};
use store::secrets::{kept_keystore_passwords, open_with};

use crate::context::{Context, Overrides};

/// Opens a keystore: with the password that was given; else without one, with those that the store keeps for its own
/// files, and on a terminal with one that is typed. `open` is called with none where no password is used.
///
/// # Errors
/// Those of `open`.
pub(super) fn open<T>(
    path: &Path,
    given: Option<&Secret>,
    context: &mut Context,
    open: &mut dyn FnMut(Option<&Secret>) -> Result<T>,
) -> Result<T> {
    if given.is_some() {
        return open(given);
    }
    // Some keystores need none, and a store's own password must not be looked up for those.
    let without = open(None);
    if without.as_ref().is_err_and(|error| error.code() != Code::KeystorePassword) {
        return without;
    }
    // Wrong ones are tried silently: a store keeps several, and only one of them can fit.
    for secret in kept_by_store(path, context) {
        if let Ok(opened) = open(Some(&secret)) {
            return Ok(opened);
        }
    }
    let flag = "--passphrase-file FILE";
    match without {
        Err(_) if context.prompter.is_available() => {
            let what = format!("password of {}", path.display());
            let mut ask = |again: bool| {
                let question = if again { format!("wrong password; {what}") } else { what.clone() };
                context.prompter.secret(&question, flag).map(Some)
            };
            open_with(&mut ask, &mut |secret| open(Some(secret)))
        }
        Err(error) => Err(error.fix(format!("use {flag}"))),
        Ok(opened) => Ok(opened),
    }
}

/// The passwords that the store keeps. A keystore can be looked at without any configuration, so that one that is missing
/// or damaged is no error here.
fn kept_by_store(path: &Path, context: &mut Context) -> Vec<Secret> {
    if !context.config_path().exists() {
        return Vec::new();
    }
    let Ok(config) = context.config(&Overrides::default()) else { return Vec::new() };
    let resolved = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    kept_keystore_passwords(config.general.store.resolved(), &resolved)
}
