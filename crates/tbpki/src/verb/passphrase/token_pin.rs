//! The PIN of a token with the key of a host.

use std::path::{Path, PathBuf};

use base::{Code, Result, Secret};
use config::SecretRef;

use crate::context::Context;

/// The PINs of tokens, each read once.
pub(in crate::verb) struct Pins<'a> {
    /// The file of `--pin-file`.
    file: Option<&'a Path>,
    known: Vec<(Option<PathBuf>, Secret)>,
}

impl<'a> Pins<'a> {
    /// PINs from the file of `--pin-file`, if it is given.
    pub(in crate::verb) fn new(file: Option<&'a Path>) -> Self {
        Self { file, known: Vec::new() }
    }

    /// The PIN from the `pin-source` of a URI, else from the option, the variable or the terminal.
    pub(in crate::verb) fn get(&mut self, source: Option<&Path>, context: &mut Context) -> Result<Secret> {
        if let Some((_, pin)) = self.known.iter().find(|(known, _)| known.as_deref() == source) {
            return Ok(pin.clone());
        }
        let pin = match (source, self.file) {
            (Some(_), Some(_)) => {
                return Err(Code::BadValue
                    .error("the PIN has two places")
                    .because("the URI has a pin-source, and --pin-file names a file")
                    .fix("leave one of them out"));
            }
            (Some(file), None) | (None, Some(file)) => super::read_from(file, WHAT, context)?,
            (None, None) if context.environment.variable(VARIABLE).is_some() => {
                super::resolve(&SecretRef::Variable(VARIABLE.to_owned()), WHAT, context)?
            }
            (None, None) => context.prompter.secret(WHAT, "--pin-file")?,
        };
        self.known.push((source.map(Path::to_owned), pin.clone()));
        Ok(pin)
    }
}

/// The name of the secret in messages.
const WHAT: &str = "PIN of the token";
/// The variable with the PIN.
const VARIABLE: &str = "TBPKI_KEY_PIN";
