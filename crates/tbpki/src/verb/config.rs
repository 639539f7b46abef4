//! `tbpki config show`.

use std::io::{self, Write};

use base::Result;
use schemars::JsonSchema;
use serde::Serialize;

use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;

/// The effective configuration.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ConfigReport {
    /// The keys, in the order of the file.
    pub(crate) settings: Vec<SettingReport>,
    #[serde(skip)]
    with_origin: bool,
}

/// A key.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SettingReport {
    /// The key with its section, for example `server.days`.
    pub(crate) key: &'static str,
    /// The value in TOML, absent if it is not set. For a secret: its location.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<String>,
    /// The origin of the value: a flag, a variable, a line of the file, or the default.
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
