//! The answers that `tbpki init` collects before it writes keygen.toml.

use std::collections::BTreeMap;

use super::keys::KEYS;
use super::kind::Kind as _;
use super::quoting::quoted;
use super::secret_ref::SecretRef;
use crate::code::Code;
use crate::error::{Error, Result};

/// Values by their keys. Each is checked when it is given, so that what is written can be read.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    values: BTreeMap<&'static str, String>,
}

/// One value.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Text, for everything that stands in quotes.
    Text(String),
    /// A list of texts.
    List(Vec<String>),
    /// A number.
    Number(u32),
    /// Yes or no.
    Flag(bool),
    /// Where a secret is; a literal is refused, since it would stand in the file.
    Secret(SecretRef),
}

impl Answers {
    /// Nothing answered: every default.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a value for a key (`server.days`).
    ///
    /// # Errors
    ///
    /// `UnknownKey` for a key that is not in the table, and what reading the value from keygen.toml would say.
    pub fn set(&mut self, path: &str, answer: impl Into<Answer>) -> Result<()> {
        let key = KEYS
            .iter()
            .find(|key| key.path == path)
            .ok_or_else(|| Code::UnknownKey.error(format!("there is no key {path}")))?;
        let value = answer.into().to_toml()?;
        // Read as part of a whole file, by the same code that will read it later.
        let line = if path == "version" { String::new() } else { format!("{path} = {value}\n") };
        super::parse(&format!("version = 1\n{line}")).map_err(without_position)?;
        self.values.insert(key.path, value);
        Ok(())
    }

    /// The value of a key in TOML.
    pub(super) fn value(&self, path: &str) -> Option<&str> {
        self.values.get(path).map(String::as_str)
    }
}

impl Answer {
    fn to_toml(&self) -> Result<String> {
        Ok(match self {
            Answer::Text(text) => quoted(text),
            Answer::List(texts) => {
                let entries: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
                format!("[{}]", entries.join(", "))
            }
            Answer::Number(number) => number.to_string(),
            Answer::Flag(flag) => flag.to_string(),
            Answer::Secret(SecretRef::Literal(_)) => {
                return Err(Code::LiteralSecret.error("a secret would be written into keygen.toml"));
            }
            Answer::Secret(secret) => secret.shown().unwrap_or_default(),
        })
    }
}

/// The line of the file that was made for checking means nothing to anybody.
fn without_position(error: Error) -> Error {
    let mut finding = error.into_finding();
    finding.place.line = None;
    finding.place.column = None;
    Error::new(finding)
}

impl From<&str> for Answer {
    fn from(text: &str) -> Self {
        Answer::Text(text.to_owned())
    }
}

impl From<String> for Answer {
    fn from(text: String) -> Self {
        Answer::Text(text)
    }
}

impl From<Vec<String>> for Answer {
    fn from(texts: Vec<String>) -> Self {
        Answer::List(texts)
    }
}

impl From<&[&str]> for Answer {
    fn from(texts: &[&str]) -> Self {
        Answer::List(texts.iter().map(|text| (*text).to_owned()).collect())
    }
}

impl From<u32> for Answer {
    fn from(number: u32) -> Self {
        Answer::Number(number)
    }
}

impl From<bool> for Answer {
    fn from(flag: bool) -> Self {
        Answer::Flag(flag)
    }
}

impl From<SecretRef> for Answer {
    fn from(secret: SecretRef) -> Self {
        Answer::Secret(secret)
    }
}
