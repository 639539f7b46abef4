//! References to secrets, and fetching a secret from the place that its reference names.

use std::fmt;
use std::path::Path;

use base::text::shell_path;
use base::{Code, Error, Finding, Result, Secret, file};
use toml::Spanned;
use toml::de::DeValue;

use super::kind::{ValueKind, one_entry};
use super::path::FilePath;
use crate::document::Document;
use crate::environment::Environment;
use crate::quoting::quoted;

/// The place of a secret.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// In an environment variable.
    Variable(String),
    /// In a file, a newline at whose end does not count; `-` is standard input.
    File(FilePath),
    /// Typed by the user.
    Prompt,
    /// In keygen.toml, against all advice.
    Literal(Secret),
}

/// The placeholder for a secret that keygen.toml itself contains.
pub(crate) const HIDDEN: &str = "(literal, hidden)";

/// The most bytes that a file with a secret has.
const MAX_BYTES: usize = 64 * 1024;

impl SecretRef {
    /// Fetches the secret. `what` names it in messages and in the question (`server.keystore.password`).
    /// With it comes a warning when others can read the file that it is in.
    ///
    /// # Errors
    ///
    /// `SecretUnavailable` when it is not there, is empty or is not UTF-8; or the error of `prompt`.
    pub fn resolve(
        &self,
        what: &str,
        environment: &Environment,
        prompt: &mut dyn FnMut(&str) -> Result<Secret>,
    ) -> Result<(Secret, Option<Finding>)> {
        let (secret, finding) = self.resolve_maybe_empty(what, environment, prompt)?;
        if secret.reveal().is_empty() {
            return Err(Code::SecretUnavailable.error(format!("{what} is empty, taken from {}", self.place())));
        }
        Ok((secret, finding))
    }

    /// As [`resolve`](Self::resolve), for a password that can be the empty one: keystores of others have it.
    ///
    /// # Errors
    ///
    /// `SecretUnavailable` if it is not there or is not UTF-8, and the errors of `prompt`.
    pub fn resolve_maybe_empty(
        &self,
        what: &str,
        environment: &Environment,
        prompt: &mut dyn FnMut(&str) -> Result<Secret>,
    ) -> Result<(Secret, Option<Finding>)> {
        let (secret, finding) = match self {
            SecretRef::Variable(name) => (from_variable(name, environment)?, None),
            // As written: resolved, it would be a file of this name in the directory of keygen.toml.
            SecretRef::File(path) if path.written() == Path::new("-") => {
                let bytes = file::read_stdin(MAX_BYTES).map_err(|error| unreadable(error, path))?;
                (text_of(&bytes, path)?, None)
            }
            SecretRef::File(path) => from_file(path)?,
            SecretRef::Prompt => (prompt(what)?, None),
            SecretRef::Literal(secret) => (secret.clone(), None),
        };
        Ok((secret, finding.map(|finding| finding.item(what))))
    }

    /// The place in words.
    fn place(&self) -> String {
        match self {
            SecretRef::Variable(name) => format!("the variable {name}"),
            SecretRef::File(path) => path.written().display().to_string(),
            SecretRef::Prompt => "the prompt".to_owned(),
            SecretRef::Literal(_) => "keygen.toml".to_owned(),
        }
    }
}

impl fmt::Debug for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretRef::Literal(_) => f.write_str("Literal(..)"),
            other => f.write_str(&other.place()),
        }
    }
}

impl ValueKind for SecretRef {
    fn takes() -> String {
        "a table that names the place of the secret: { file = \"path\" }, { env = \"NAME\" } or { prompt = true }"
            .to_owned()
    }

    fn from_toml(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Result<Self> {
        // None of these messages shows a value: a mistyped table may contain a password.
        let refused = || Code::BadValue.error("this does not name the location of the secret");
        match value.get_ref() {
            DeValue::String(text) => Ok(SecretRef::Literal(Secret::new(text.clone().into_owned()))),
            DeValue::Table(table) => match one_entry(table).ok_or_else(refused)? {
                // Any other text may be the secret itself, and the error about a missing variable shows the name.
                ("env", DeValue::String(name)) if is_variable_name(name) => {
                    Ok(SecretRef::Variable(name.clone().into_owned()))
                }
                ("file", DeValue::String(path)) => FilePath::in_file(path, document).map(SecretRef::File),
                ("prompt", DeValue::Boolean(true)) => Ok(SecretRef::Prompt),
                _ => Err(refused()),
            },
            _ => Err(refused()),
        }
    }

    fn from_texts(texts: &[&str]) -> Result<Self> {
        // A flag names a file and never the secret itself, because other users can see command lines.
        let path = texts.last().copied().unwrap_or_default();
        FilePath::in_working_directory(path).map(SecretRef::File)
    }

    fn from_variable(name: &str, _text: &str) -> Result<Self> {
        // The name alone: the value stays in the environment until a verb needs it.
        Ok(SecretRef::Variable(name.to_owned()))
    }

    const IS_SECRET: bool = true;

    fn shown(&self) -> Option<String> {
        Some(match self {
            SecretRef::Variable(name) => format!("{{ env = {} }}", quoted(name)),
            SecretRef::File(path) => format!("{{ file = {} }}", quoted(&path.written().to_string_lossy())),
            SecretRef::Prompt => "{ prompt = true }".to_owned(),
            SecretRef::Literal(_) => HIDDEN.to_owned(),
        })
    }

    fn path(&self) -> Option<&Path> {
        match self {
            SecretRef::File(path) if path.written() != Path::new("-") => Some(path.resolved()),
            _ => None,
        }
    }

    fn warning(&self) -> Option<Finding> {
        matches!(self, SecretRef::Literal(_)).then(|| {
            Code::LiteralSecret
                .warning("this value is a secret in plain text")
                .fix("move it to a file of mode 0600 and write { file = \"path\" }")
        })
    }
}

/// True if a shell could set such a variable.
fn is_variable_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn from_variable(name: &str, environment: &Environment) -> Result<Secret> {
    let unavailable = |what: String| {
        Code::SecretUnavailable.error(what).fix(format!("set {name}, or change where keygen.toml looks"))
    };
    let value = environment.variable(name).ok_or_else(|| unavailable(format!("the variable {name} is not set")))?;
    let text = value.to_str().ok_or_else(|| unavailable(format!("the variable {name} is not UTF-8")))?;
    Ok(Secret::from(text))
}

fn from_file(path: &FilePath) -> Result<(Secret, Option<Finding>)> {
    let (bytes, mode) = file::read_secret_with_mode(path, MAX_BYTES).map_err(|error| unreadable(error, path))?;
    // The mode of the file that was read: another one can have its path by now.
    Ok((text_of(&bytes, path)?, mode.and_then(|mode| loose(mode, path))))
}

fn loose(mode: u32, path: &FilePath) -> Option<Finding> {
    (mode & 0o077 != 0).then(|| {
        Code::LoosePermissions
            .warning(format!("others may read the file with the secret (mode {mode:04o})"))
            .at(path.resolved())
            .fix(format!("chmod 600 {}", shell_path(path.resolved())))
    })
}

/// The error about a secret for one about its file.
fn unreadable(error: Error, path: &FilePath) -> Error {
    let finding = error.into_finding();
    let why = finding.why.unwrap_or(finding.what);
    let error =
        Code::SecretUnavailable.error("the file with the secret cannot be read").at(path.resolved()).because(why);
    match finding.fix {
        Some(fix) => error.fix(fix),
        None => error,
    }
}

fn text_of(bytes: &[u8], path: &FilePath) -> Result<Secret> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| Code::SecretUnavailable.error("the secret is not UTF-8").at(path.resolved()))?;
    // Editors and `echo` end a file with one line break. Any further one belongs to the secret.
    let text = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
    Ok(Secret::from(text))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn no_prompt(_: &str) -> Result<Secret> {
        panic!("unexpected prompt")
    }

    fn resolve(secret: &SecretRef, environment: &Environment) -> Result<(Secret, Option<Finding>)> {
        secret.resolve("server.keystore.password", environment, &mut no_prompt)
    }

    fn file(content: &[u8]) -> (tempfile::NamedTempFile, SecretRef) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        let secret = SecretRef::File(FilePath::in_working_directory(file.path().to_str().unwrap()).unwrap());
        (file, secret)
    }

    #[test]
    fn a_file_loses_one_newline_and_nothing_else() {
        // An editor adds one newline at the end. A second one, and spaces, may belong to the password.
        for (content, expected) in [("pass word\n", "pass word"), ("p\r\n", "p"), ("p", "p"), (" p \n\n", " p \n")] {
            let (_file, secret) = file(content.as_bytes());
            let (found, finding) = resolve(&secret, &Environment::default()).unwrap();
            assert_eq!(found.reveal(), expected);
            assert_eq!(finding, None, "temporary files are 0600");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_read_is_warned_about() {
        use std::os::unix::fs::PermissionsExt as _;
        let (file, secret) = file(b"password");
        file.as_file().set_permissions(std::fs::Permissions::from_mode(0o640)).unwrap();
        let finding = resolve(&secret, &Environment::default()).unwrap().1.unwrap();
        assert_eq!(finding.code, Code::LoosePermissions);
        assert!(finding.what.contains("0640"));
    }

    #[test]
    fn what_is_not_there_is_named_and_its_value_never_is() {
        let environment = Environment::of(&[("EMPTY", "")]);
        let (_empty, empty) = file(b"\n");
        let (_binary, binary) = file(b"hunter2\xff");
        // More than the 64 KiB that a secret may have: the path of another file was given by mistake.
        let (_huge, huge) = file(&[b'x'; 70_000]);
        for (secret, named) in [
            (SecretRef::Variable("MISSING".into()), "MISSING"),
            (SecretRef::Variable("EMPTY".into()), "EMPTY"),
            (SecretRef::File(FilePath::in_working_directory("/no/such/file").unwrap()), "/no/such/file"),
            (SecretRef::File(FilePath::in_working_directory("/").unwrap()), "cannot be read"),
            (empty, "empty"),
            (binary, "not UTF-8"),
            (huge, "at most 65536 bytes"),
        ] {
            let error = resolve(&secret, &environment).unwrap_err();
            assert_eq!(error.code(), Code::SecretUnavailable);
            assert!(error.to_string().contains(named), "{error}");
            assert!(!format!("{error:?}").contains("hunter2"));
        }
    }

    #[test]
    fn a_prompt_is_asked_by_the_name_of_the_key() {
        let mut asked = Vec::new();
        let mut prompt = |what: &str| {
            asked.push(what.to_owned());
            Ok(Secret::from("typed"))
        };
        let (secret, _) = SecretRef::Prompt.resolve("ca.passphrase", &Environment::default(), &mut prompt).unwrap();
        assert_eq!(secret.reveal(), "typed");
        assert_eq!(asked, ["ca.passphrase"]);
    }

    #[test]
    fn debug_hides_a_literal() {
        assert_eq!(format!("{:?}", SecretRef::Literal("hunter2".into())), "Literal(..)");
    }
}
