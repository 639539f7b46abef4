//! `tbpki config show`.

use std::io::{self, Write};
use std::path::Path;

use base::text::printable;
use base::{Code, Result};
use config::{Config, Origin, Setting};
use identity::broker::broker;
use identity::server::name::server_name;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

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
    /// The value with its type: text, number, boolean, list or object; absent if it is not set. For a secret: its
    /// location.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<Value>,
    /// The absolute path that the value leads to; absent for other values than paths.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
    /// The value in TOML.
    #[serde(skip)]
    text: Option<String>,
    /// The origin of the value: a flag, a variable, a line of the file, or the default.
    pub(crate) origin: String,
}

pub(crate) fn show(with_origin: bool, context: &mut Context) -> Result<Exit> {
    let mut config = context.config(&Overrides::default())?;
    decided_by_store(&mut config, context)?;
    let settings = config
        .show()
        .into_iter()
        .map(|shown| SettingReport {
            key: shown.key,
            value: shown.json(),
            origin: shown.origin.to_string(),
            path: shown.path.map(|path| whole(&path)),
            text: shown.value,
        })
        .collect();
    context.output.result(&ConfigReport { settings, with_origin })?;
    Ok(Exit::Done)
}

/// A path with the working directory in front of it.
fn whole(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).to_string_lossy().into_owned()
}

/// Replaces the name of this host by the names that verbs use: those of the store's server.
fn decided_by_store(config: &mut Config, context: &mut Context) -> Result<()> {
    if config.server.name.is_explicit() && config.firmware.mqtt_host.is_explicit()
        || store::check_exists(config.general.store.resolved()).is_err()
    {
        return Ok(());
    }
    let location = context.store_location(config)?;
    let unset = |origin| Setting { value: None, origin };
    match server_name(config, &location, None) {
        Ok(name) => config.server.name = Setting { value: Some(name.value), origin: name.origin },
        // A verb that needs a name fails here. Without a verb no fault exists, and the key is shown as not set.
        Err(error) if matches!(error.code(), Code::AmbiguousServer | Code::NeedsAnswer) => {
            config.server.name = unset(Origin::Default);
        }
        Err(error) => return Err(error),
    }
    if !config.firmware.mqtt_host.is_explicit() {
        // The name of the server that was just derived is none that a person gave.
        match broker(config, &location) {
            Ok(host) => {
                let origin = match host.origin {
                    Origin::Derived(from) => Origin::Derived(from),
                    _ => Origin::Derived("server.name".to_owned()),
                };
                config.firmware.mqtt_host = Setting { value: Some(host.value), origin };
            }
            Err(error) if error.code() == Code::BrokerMissing => config.firmware.mqtt_host = unset(Origin::Default),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

impl Report for ConfigReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        let width = self.settings.iter().map(|setting| setting.key.len()).max().unwrap_or(0);
        for setting in &self.settings {
            let value = setting.text.as_deref().unwrap_or("(not set)");
            if self.with_origin {
                let path = setting.path.as_deref().map(|path| format!(": {}", printable(path))).unwrap_or_default();
                writeln!(out, "{:width$}  {value}  # {}{path}", setting.key, setting.origin)?;
            } else {
                writeln!(out, "{:width$}  {value}", setting.key)?;
            }
        }
        Ok(())
    }
}
