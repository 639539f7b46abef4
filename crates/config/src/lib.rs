//! `keygen.toml`: the settings, and the layer that each comes from.
//!
//! A [`Config`] is read in four layers: flag, `TBPKI_*` variable, keygen.toml, default. The first layer that sets a
//! key decides its value, and every [`Setting`] knows its layer. Values are parsed into types that cannot hold
//! unusable values, and an error contains line and column. All keys are in one table, [`KEYS`].

use std::path::Path;

use base::{Code, Finding, Result, file};
use pki::subject::{AttributeKind, Subject};

mod answers;
mod document;
mod environment;
mod keys;
mod layers;
pub mod legacy;
mod quoting;
mod render;
mod row;
mod setting;
mod value;

pub use answers::{Answer, Answers};
pub use environment::Environment;
pub use keys::sections as key;
pub use keys::{
    Ca, Client, Config, Firmware, General, KEYS, Keystore, LedgerSettings, NameConstraints, Platform, Server,
    SubjectSettings,
};
pub use layers::OTHER_VARIABLES;
pub use render::{example, render, render_station_bundle, set_lines};
pub use row::{KeyName, KeyRow, Preset};
pub use setting::{Origin, Override, Setting, ShownSetting};
pub use value::flash_offset::FlashOffset;
pub use value::kind::{Concurrency, Days, Port, Seconds, Version};
pub use value::label_policy::LabelPolicy;
pub use value::path::FilePath;
pub use value::secret_ref::SecretRef;
pub use value::texts::{
    Alias, CHIPS, CaName, Chip, CommandWord, Country, CrlUrl, Domain, FilePrefix, FlashSize, HostName, LedgerUrl,
    Locality, Organization, OrganizationalUnit, PartitionName, ProfileName, Ssid, State, TimeServer, Url, UserName,
};
pub use value::word::{
    Anchors, ApprovalPolicy, ClientFormat, Credentials, EnrolmentPolicy, PlatformKind, ServerFormat,
};

use document::Document;
use layers::Layers;

/// The most bytes that a keygen.toml has.
const MAX_BYTES: usize = 1024 * 1024;

/// Reads a configuration from text alone: no flags, no variables, no host name. Paths are left as they are.
///
/// # Errors
///
/// As [`Config::load`], without the file.
pub fn parse(text: &str) -> Result<(Config, Vec<Finding>)> {
    Config::from_layers(&Document::new(text, None), &Environment::default(), &[])
}

impl Config {
    /// Reads a configuration. What was noticed on the way comes with it: secrets in plain text,
    /// variables that look like a key and are none.
    ///
    /// # Errors
    ///
    /// `ConfigMissing`, `FileUnreadable`, `ConfigSyntax`, `ConfigVersion`, `UnknownKey`, `BadValue` and the codes of
    /// names and algorithms, each with file, line and column, or with the variable or flag that is wrong.
    pub fn load(path: &Path, environment: &Environment, overrides: &[Override]) -> Result<(Self, Vec<Finding>)> {
        let text = read(path)?;
        Self::from_layers(&Document::new(&text, Some(path)), environment, overrides)
    }

    /// Reads a configuration from the text of a file that is about to be written to `path`.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn from_text(
        text: &str,
        path: &Path,
        environment: &Environment,
        overrides: &[Override],
    ) -> Result<(Self, Vec<Finding>)> {
        Self::from_layers(&Document::new(text, Some(path)), environment, overrides)
    }

    fn from_layers(
        document: &Document<'_>,
        environment: &Environment,
        overrides: &[Override],
    ) -> Result<(Self, Vec<Finding>)> {
        let mut layers = Layers::new(document, environment, overrides)?;
        let mut config = Self::read(&mut layers)?;
        if config.server.name.is_none() {
            // A host name that is no name for a server (`my_vm.`) leaves the key unset; the verb that needs it asks.
            let name = environment.host_name().and_then(|name| name.parse().ok());
            if name.is_some() {
                config.server.name = Setting { value: name, origin: Origin::Derived("the host name".to_owned()) };
            }
        }
        // The name of this host is not the broker's: `identity::broker` finds that, if the store has one server.
        if config.firmware.mqtt_host.is_none() && config.server.name.is_explicit() {
            let origin = Origin::Derived("server.name".to_owned());
            config.firmware.mqtt_host = Setting { value: config.server.name.value.clone(), origin };
        }
        Ok((config, layers.into_findings()))
    }

    /// The name that every certificate's subject begins with, before its common name.
    ///
    /// # Errors
    ///
    /// None that the parser of the values has not found before.
    pub fn subject(&self) -> Result<Subject> {
        let single = [
            (AttributeKind::Country, self.subject.country.as_ref().map(Country::as_str)),
            (AttributeKind::State, self.subject.state.as_ref().map(State::as_str)),
            (AttributeKind::Locality, self.subject.locality.as_ref().map(Locality::as_str)),
            (AttributeKind::Organization, self.subject.organization.as_ref().map(Organization::as_str)),
        ];
        let units =
            self.subject.organizational_units.iter().map(|unit| (AttributeKind::OrganizationalUnit, unit.as_str()));
        let attributes = single.into_iter().filter_map(|(kind, text)| Some((kind, text?))).chain(units);
        Subject::new(attributes.map(|(kind, text)| (kind, text.to_owned())).collect())
    }
}

/// The text of a keygen.toml.
fn read(path: &Path) -> Result<String> {
    let bytes = file::read_optional(path, MAX_BYTES)?.ok_or_else(|| {
        Code::ConfigMissing
            .error("no configuration file")
            .at(path)
            .fix("run `tbpki init` first, or name the file with --config")
    })?;
    std::str::from_utf8(&bytes).map(str::to_owned).map_err(|error| {
        let good = error.valid_up_to();
        // Only the part that is UTF-8, whose end is the place of the error.
        let text = String::from_utf8_lossy(bytes.get(..good).unwrap_or_default()).into_owned();
        Document::new(&text, Some(path)).place(Code::ConfigSyntax.error("this is not UTF-8"), good)
    })
}

#[cfg(test)]
mod tests;
