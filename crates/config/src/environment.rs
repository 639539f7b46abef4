//! The environment of the process: its variables and the name of its host.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

/// The environment, taken once and handed down, so that nothing below reads it behind our back.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
    host_name: Option<String>,
}

impl Environment {
    /// The environment of this process.
    pub fn of_process() -> Self {
        let host_name = rustix::system::uname().nodename().to_str().ok().map(str::to_owned);
        // Not `vars`, which panics at a variable that is not UTF-8, even at one that tbpki never uses.
        Self { variables: std::env::vars_os().collect(), host_name: host_name.filter(|name| !name.is_empty()) }
    }

    /// An environment of these variables, for tests and for callers that filter.
    pub fn of(variables: &[(&str, &str)]) -> Self {
        let variables = variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { variables, host_name: None }
    }

    /// The same environment on a host of this name.
    #[must_use]
    pub fn with_host_name(mut self, name: &str) -> Self {
        self.host_name = Some(name.to_owned());
        self
    }

    /// A variable's value.
    pub fn variable(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(OsStr::new(name)).map(OsString::as_os_str)
    }

    /// The names of all variables that are text.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().filter_map(|name| name.to_str())
    }

    /// The host name, as `hostname` prints it.
    pub fn host_name(&self) -> Option<&str> {
        self.host_name.as_deref()
    }
}
