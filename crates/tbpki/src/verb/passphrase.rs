//! Passphrases and passwords from files, and the rules for new ones.

pub(super) mod token_pin;

use std::path::Path;

use base::{Code, Result, Secret};
use config::{FilePath, SecretRef};

use crate::context::Context;

/// The secret in the file of an option, if the option is given.
pub(super) fn read(path: Option<&Path>, context: &mut Context) -> Result<Option<Secret>> {
    path.map(|path| read_from(path, "the passphrase", context)).transpose()
}

/// The secret in a file (`-` for standard input). `what` names the secret in messages.
pub(super) fn read_from(path: &Path, what: &str, context: &mut Context) -> Result<Secret> {
    resolve(&SecretRef::File(FilePath::in_working_directory(&path.to_string_lossy())?), what, context)
}

/// As [`read_from`], for the password of a file of others, which can be the empty one.
pub(super) fn read_maybe_empty(path: &Path, what: &str, context: &mut Context) -> Result<Secret> {
    let place = SecretRef::File(FilePath::in_working_directory(&path.to_string_lossy())?);
    let (secret, finding) = place.resolve_maybe_empty(what, &context.environment, &mut no_prompt)?;
    context.output.findings(finding);
    Ok(secret)
}

fn no_prompt(_: &str) -> Result<Secret> {
    Err(Code::Internal.error("this secret must not need a prompt"))
}

/// The secret at a location that needs no prompt.
pub(super) fn resolve(place: &SecretRef, what: &str, context: &mut Context) -> Result<Secret> {
    let (secret, finding) = place.resolve(what, &context.environment, &mut no_prompt)?;
    context.output.findings(finding);
    Ok(secret)
}

/// The fewest characters of a passphrase. If the store is copied, only the passphrase protects the CA keys.
pub(super) const SHORTEST: usize = 8;

/// Checks the length of a new passphrase. `whose` names in messages what it protects.
pub(super) fn check_length(secret: Secret, whose: &str) -> Result<Secret> {
    if secret.reveal().chars().count() >= SHORTEST {
        return Ok(secret);
    }
    Err(Code::PassphraseTooShort
        .error(format!("the passphrase of {whose} has fewer than {SHORTEST} characters"))
        .fix("use several words"))
}
