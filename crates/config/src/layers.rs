//! Who has a say about a value: flags, variables, the file, the default, in this order.

use std::collections::BTreeSet;

use base::suggest::closest;
use base::{Code, Error, Finding, Result};
use toml::de::DeValue;

use super::document::{Document, Found, other_version};
use super::environment::Environment;
use super::keys::KEYS;
use super::row::{KeyRow, Preset};
use super::setting::{Origin, Override, Setting};
use super::value::kind::ValueKind;

/// The beginning of the names of all variables.
const PREFIX: &str = "TBPKI_";

/// Variables of tbpki and of its tests that belong to no key.
pub const OTHER_VARIABLES: &[&str] = &[
    "TBPKI_CONFIG",
    "TBPKI_TRUST_OWNER",
    "TBPKI_KEY_PIN",
    "TBPKI_KEY_URI",
    "TBPKI_FIRMWARE",
    "TBPKI_COMPLETE",
    "TBPKI_NO_PROGRESS",
    "TBPKI_SERVERS",
    "TBPKI_DEVICES",
    "TBPKI_TEST_BINARY",
    "TBPKI_TEST_USER",
    "TBPKI_TEST_PASSWORD_FILE",
];

/// All that is known, ready to be asked key by key.
pub(super) struct Layers<'a> {
    overrides: &'a [Override],
    environment: &'a Environment,
    document: &'a Document<'a>,
    found: Found<'a>,
    findings: Vec<Finding>,
}

impl<'a> Layers<'a> {
    /// Reads the document; the other layers are there already.
    ///
    /// # Errors
    ///
    /// Those of [`Document::read`].
    pub(super) fn new(
        document: &'a Document<'a>,
        environment: &'a Environment,
        overrides: &'a [Override],
    ) -> Result<Self> {
        let found = document.read(KEYS)?;
        Ok(Self { overrides, environment, document, found, findings: mistyped_variables(environment) })
    }

    /// The warnings that reading the layers caused.
    pub(super) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }

    /// The value of a key, from the first layer that has one.
    ///
    /// # Errors
    ///
    /// `BadValue` or the code of the value's own type, with the place of the value.
    pub(super) fn read<K: ValueKind>(&mut self, path: &'static str) -> Result<Setting<K>> {
        let key = KEYS
            .iter()
            .find(|key| key.path == path)
            .ok_or_else(|| Code::Internal.error(format!("{path} is not in the table of keys")))?;
        // All three are read, although one wins: a value that cannot be read is an error even where it is overridden.
        let (flag, variable, file) = (self.flag_setting(key)?, self.variable_setting(key)?, self.file_setting(key)?);
        // Also if another layer overrides the value: the file still contains the secret.
        if let Some((finding, origin)) = file.as_ref().and_then(|file| Some((K::warning(&file.value)?, &file.origin))) {
            self.findings.push(origin.place(finding).item(path));
        }
        match flag.or(variable).or(file) {
            Some(setting) => Ok(setting),
            None => preset(key, self.document),
        }
    }

    fn flag_setting<K: ValueKind>(&self, key: &KeyRow) -> Result<Option<Setting<K>>> {
        let given: Vec<&Override> = self.overrides.iter().filter(|one| one.key.path() == key.path).collect();
        // For every key but the lists the last one wins, so the last one is the origin.
        let Some(flag) = given.last().map(|one| one.flag) else { return Ok(None) };
        let texts: Vec<&str> = given.iter().map(|one| one.text.as_str()).collect();
        let value = K::from_texts(&texts).map_err(|error| explain::<K>(error).argument(flag))?;
        Ok(Some(Setting { value, origin: Origin::Flag(flag.to_owned()) }))
    }

    fn variable_setting<K: ValueKind>(&self, key: &KeyRow) -> Result<Option<Setting<K>>> {
        let name = key.variable();
        let by_file = format!("{name}_FILE");
        // For secrets alone: container runtimes mount them as files.
        let path = if K::IS_SECRET { self.text_of(&by_file)? } else { None };
        let (value, name) = match (self.text_of(&name)?, path) {
            (Some(_), Some(_)) => {
                // Neither can be meant to win: the user who set one may not know of the other.
                return Err(Code::BadValue
                    .error(format!("both {name} and {by_file} are set"))
                    .fix("unset one of them"));
            }
            (Some(text), None) => (K::from_variable(&name, text), name),
            (None, Some(path)) => (K::from_texts(&[path]), by_file),
            (None, None) => return Ok(None),
        };
        let value = value.map_err(|error| match key.path {
            // The same fault has the same code in the file.
            "version" => other_version().item(&name),
            _ => explain::<K>(error).item(&name),
        })?;
        Ok(Some(Setting { value, origin: Origin::Variable(name) }))
    }

    /// A variable that is set and not empty.
    fn text_of(&self, name: &str) -> Result<Option<&'a str>> {
        let Some(value) = self.environment.variable(name) else { return Ok(None) };
        match value.to_str() {
            // A compose file or a unit sets a variable to nothing to unset it.
            Some("") => Ok(None),
            Some(text) => Ok(Some(text)),
            None => Err(Code::BadValue.error("the variable is not UTF-8").item(name)),
        }
    }

    fn file_setting<K: ValueKind>(&self, key: &KeyRow) -> Result<Option<Setting<K>>> {
        let Some(found) = self.found.get(key.path) else { return Ok(None) };
        let start = found.span().start;
        let value = K::from_toml(found, self.document)
            .map_err(|error| self.document.place(explain::<K>(error).item(key.path), start))?;
        let file = self.document.file().map(std::path::Path::to_path_buf);
        let (line, column) = self.document.position(start);
        Ok(Some(Setting { value, origin: Origin::File { file, line, column } }))
    }
}

/// Lets an error say what the key takes, unless it has a reason of its own.
fn explain<K: ValueKind>(error: Error) -> Error {
    match (error.code(), &error.finding().why) {
        // Only where the error has no reason of its own, which is always more exact.
        (Code::BadValue, None) => error.because(format!("it takes {}", K::takes())),
        _ => error,
    }
}

/// The value of a key that no layer sets.
fn preset<K: ValueKind>(key: &KeyRow, document: &Document<'_>) -> Result<Setting<K>> {
    let impossible = || Code::Internal.error(format!("the default of {} does not read", key.path));
    let value = match key.preset {
        Preset::Unset(_) => K::unset().ok_or_else(impossible)?,
        Preset::Default(text) => {
            // The defaults are the TOML that the example prints, so they cannot differ from it.
            let value = DeValue::parse(text).map_err(|_| impossible())?;
            // Paths begin where those of the file do.
            K::from_toml(&value, &Document::new(text, document.file()))?
        }
    };
    Ok(Setting { value, origin: Origin::Default })
}

/// Variables that look as if they were meant for a key, and are for none.
fn mistyped_variables(environment: &Environment) -> Vec<Finding> {
    let by_file = KEYS.iter().filter(|key| key.is_secret).map(|key| format!("{}_FILE", key.variable()));
    let known: Vec<String> = KEYS.iter().map(KeyRow::variable).chain(by_file).collect();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let sections: BTreeSet<String> = KEYS
        .iter()
        .filter(|key| !key.section().is_empty())
        .map(|key| format!("{PREFIX}{}_", key.section().to_ascii_uppercase().replace('.', "_")))
        .collect();
    let rest = |name| str::strip_prefix(name, PREFIX).unwrap_or(name);
    environment
        .names()
        .filter(|name| name.starts_with(PREFIX) && !known.contains(name) && !OTHER_VARIABLES.contains(name))
        .filter_map(|name| {
            let finding = Code::UnknownKey.warning(format!("the variable {name} belongs to no key and is ignored"));
            // Without the beginning that all have: it would make every short name look alike.
            match closest(rest(name), &known.iter().map(|known| rest(known)).collect::<Vec<_>>()) {
                Some(meant) => Some(finding.fix(format!("did you mean {PREFIX}{meant}?"))),
                // Other programs can have variables of their own, but not in our sections.
                None => sections.iter().any(|section| name.starts_with(section)).then_some(finding),
            }
        })
        .collect()
}
