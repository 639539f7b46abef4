//! `tbpki config show`.

use std::io::{self, Write};

use base::Result;
use schemars::JsonSchema;
use serde::Serialize;

use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;

/// The configuration in force.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ConfigReport {
    /// Every key, in the order of the file.
    pub(crate) settings: Vec<SettingReport>,
    #[serde(skip)]
    with_origin: bool,
}

/// One key.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SettingReport {
    /// The key with its section, such as `server.days`.
    pub(crate) key: &'static str,
    /// Its value as keygen.toml would have it, absent when it is not set. Of a secret, where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<String>,
    /// Where the value comes from: a flag, a variable, a line of the file, or a default.
    pub(crate) origin: String,
}

pub(crate) fn show(with_origin: bool, context: &mut Context) -> Result<Exit> {
    let config = context.config(&Overrides::default())?;
    let settings = config
        .show()
        .into_iter()
        .map(|shown| SettingReport { key: shown.key, value: shown.value, origin: shown.origin.to_string() })
        .collect();
    context.output.result(&ConfigReport { settings, with_origin })?;
    Ok(Exit::Done)
}

impl Report for ConfigReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        let width = self.settings.iter().map(|setting| setting.key.len()).max().unwrap_or(0);
        for setting in &self.settings {
            let value = setting.value.as_deref().unwrap_or("(not set)");
            if self.with_origin {
                writeln!(out, "{:width$}  {value}  # {}", setting.key, setting.origin)?;
            } else {
                writeln!(out, "{:width$}  {value}", setting.key)?;
            }
        }
        Ok(())
    }
}
