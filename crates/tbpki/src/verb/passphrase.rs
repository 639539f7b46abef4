//! Passphrases and passwords: of files that are only looked at, and new ones.

use std::path::Path;

use base::{Code, Result, Secret};
use config::{FilePath, SecretRef};

use crate::context::Context;

/// The secret in the file that a flag names, if it does.
pub(super) fn read(path: Option<&Path>, context: &mut Context) -> Result<Option<Secret>> {
    path.map(|path| read_from(path, "the passphrase", context)).transpose()
}

/// The secret in a file; `-` is standard input. `what` names it in messages.
pub(super) fn read_from(path: &Path, what: &str, context: &mut Context) -> Result<Secret> {
    resolve(&SecretRef::File(FilePath::in_working_directory(&path.to_string_lossy())?), what, context)
}

/// The secret in a place where nobody has to be asked.
pub(super) fn resolve(place: &SecretRef, what: &str, context: &mut Context) -> Result<Secret> {
    let mut nobody = |_: &str| Err(Code::Internal.error("this place does not ask"));
    let (secret, finding) = place.resolve(what, &context.environment, &mut nobody)?;
    context.output.findings(finding);
    Ok(secret)
}

/// The fewest characters of a passphrase that stands between a copied store and a forged fleet.
const SHORTEST: usize = 8;

/// A new passphrase, if it is long enough; `whose` names what it protects.
pub(super) fn check_length(secret: Secret, whose: &str) -> Result<Secret> {
    if secret.reveal().chars().count() >= SHORTEST {
        return Ok(secret);
    }
    Err(Code::PassphraseTooShort
        .error(format!("the passphrase of {whose} has fewer than {SHORTEST} characters"))
        .fix("take several words"))
}
