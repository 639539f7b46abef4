//! The answers that `tbpki init` collects before it writes keygen.toml.

use std::collections::BTreeMap;

use base::{Code, Error, Result};

use super::keys::{Config, KEYS};
use super::quoting::quoted;
use super::row::{KeyName, KeyRow};
use super::setting::Origin;
use super::value::kind::ValueKind as _;
use super::value::secret_ref::{HIDDEN, SecretRef};

/// Values by their keys. Each is checked when it is given, so that what is written can be read.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    values: BTreeMap<&'static str, String>,
}

/// One value.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Text, for every value that TOML writes in quotes.
    Text(String),
    /// A list of texts.
    List(Vec<String>),
    /// A number.
    Number(u32),
    /// Yes or no.
    Flag(bool),
    /// The place of a secret; a literal is refused, because it would be readable in the file.
    Secret(SecretRef),
}

impl Answers {
    /// Nothing answered: every default.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the value of a key.
    ///
    /// # Errors
    ///
    /// `LiteralSecret` for a secret in plain text, and the errors of reading the value from keygen.toml.
    pub fn set(&mut self, key: KeyName, answer: impl Into<Answer>) -> Result<()> {
        self.set_toml(key.path(), &answer.into().to_toml()?)
    }

    /// Sets the value of a key (`server.days`) from its TOML.
    ///
    /// # Errors
    ///
    /// `UnknownKey` for a key that is not in the table, and the errors of reading the value from keygen.toml.
    pub fn set_toml(&mut self, path: &str, value: &str) -> Result<()> {
        self.set_value(key(path)?, value.to_owned())
    }

    fn set_value(&mut self, key: &'static KeyRow, value: String) -> Result<()> {
        let path = key.path;
        // Read as part of a whole file, by the same code that will read it later.
        // Only the key is in the text, so that the error can only concern this value.
        // The text below already has the version, and TOML refuses a key that is there twice.
        let line = if path == "version" { String::new() } else { format!("{path} = {value}\n") };
        super::parse(&format!("version = 1\n{line}")).map_err(without_position)?;
        self.values.insert(key.path, value);
        Ok(())
    }

    /// The keys whose secrets are kept in another place, where the user must store them.
    pub fn secrets_elsewhere(&self) -> impl Iterator<Item = &'static str> + '_ {
        // A secret that is asked for each time is stored nowhere.
        let prompt = SecretRef::Prompt.shown();
        let is_elsewhere = move |value: Option<&str>| value.is_some() && value != prompt.as_deref();
        KEYS.iter().filter(move |key| key.is_secret && is_elsewhere(self.value(key.path))).map(|key| key.path)
    }

    /// The value of a key in TOML.
    pub(super) fn value(&self, path: &str) -> Option<&str> {
        self.values.get(path).map(String::as_str)
    }
}

fn key(path: &str) -> Result<&'static KeyRow> {
    KEYS.iter().find(|key| key.path == path).ok_or_else(|| Code::UnknownKey.error(format!("unknown key {path}")))
}

impl Config {
    /// The settings that differ from the defaults, for a new keygen.toml, without the keys in `left_out`. Paths stay as
    /// they were written. The second part lists the keys whose secrets keygen.toml itself contained: they are not copied.
    ///
    /// # Errors
    ///
    /// Never for a configuration that was read.
    pub fn answers(&self, left_out: &[&str]) -> Result<(Answers, Vec<String>)> {
        let mut answers = Answers::new();
        let mut hidden = Vec::new();
        for shown in self.show() {
            // Derived values are left out: they follow from others and would be fixed by writing them.
            // The writer of the file adds the version by itself.
            let Some(value) = shown.value.filter(|_| !left_out.contains(&shown.key) && shown.key != "version") else {
                continue;
            };
            match shown.origin {
                Origin::Default | Origin::Derived(_) => {}
                _ if value == HIDDEN => hidden.push(shown.key.to_owned()),
                _ => answers.set_toml(shown.key, &value)?,
            }
        }
        Ok((answers, hidden))
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
            // It could not even be written: `shown` has a placeholder for it that is no TOML.
            Answer::Secret(SecretRef::Literal(_)) => {
                return Err(Code::LiteralSecret.error("a secret would be written into keygen.toml"));
            }
            Answer::Secret(secret) => secret.shown().unwrap_or_default(),
        })
    }
}

/// The error without its line and column: they are those of a text that only this check has, so no user can look there.
fn without_position(error: Error) -> Error {
    let mut finding = error.into_finding();
    finding.location.line = None;
    finding.location.column = None;
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
