//! A row of the table of keys.

use std::fmt;

/// The properties of a key that are known before any file is read.
#[derive(Debug, Clone, Copy)]
pub struct KeyRow {
    /// The key with its section: `server.days`.
    pub path: &'static str,
    /// The default.
    pub preset: Preset,
    /// The purpose of the key and a reason to change it, in one or two sentences.
    pub why: &'static str,
    /// True if the value is a secret, so that variables and flags name its place.
    pub is_secret: bool,
    pub(super) takes: fn() -> String,
}

/// The name of a key in the table. The constants of the sections are the only values, so that code cannot name a key
/// that does not exist: `key::server::days` is `server.days`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyName(pub(crate) &'static str);

impl KeyName {
    /// The key with its section: `server.days`.
    pub const fn path(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// The default of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// This value, in TOML.
    Default(&'static str),
    /// Nothing; the text is an example in TOML.
    Unset(&'static str),
}

impl KeyRow {
    /// The section, empty for the keys above all sections.
    pub fn section(&self) -> &'static str {
        // At the last dot, because sections have dots themselves: `server.keystore`.
        self.path.rsplit_once('.').map_or("", |(section, _)| section)
    }

    /// The key within its section.
    pub fn name(&self) -> &'static str {
        self.path.rsplit_once('.').map_or(self.path, |(_, name)| name)
    }

    /// The environment variable: `TBPKI_SERVER_DAYS`.
    pub fn variable(&self) -> String {
        // Shells accept no dot in the name of a variable.
        format!("TBPKI_{}", self.path.to_ascii_uppercase().replace('.', "_"))
    }

    /// The values of the key, as the end of a sentence that begins with "it takes".
    pub fn takes(&self) -> String {
        (self.takes)()
    }
}
