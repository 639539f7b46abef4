//! What every verb works with: output, questions, and the configuration.

use std::path::PathBuf;

use base::{Result, Secret};
use config::{Config, Environment, Override};
use fleet::home::Home;
use fleet::secrets::Secrets;
use fleet::station::Station;
use time::OffsetDateTime;

use crate::args::{CaPassphrase, CreateArgs, Global, IdentityArgs, PlatformArgs};
use crate::ask::Asker;
use crate::output::Output;

/// The configuration's name where none is given.
const CONFIG: &str = "keygen.toml";

/// What every verb works with.
pub(crate) struct Context {
    pub(crate) output: Output,
    pub(crate) asker: Asker,
    pub(crate) environment: Environment,
    config_path: Option<PathBuf>,
}

impl Context {
    pub(crate) fn new(global: Global, verb: &'static str) -> Self {
        Self {
            output: Output::new(verb, &global),
            asker: Asker::new(global.no_input),
            environment: Environment::of_process().with_host_name(&fleet::host::host_name()),
            config_path: global.config,
        }
    }

    /// The configuration file that is meant.
    pub(crate) fn config_path(&self) -> PathBuf {
        self.config_path.clone().unwrap_or_else(|| CONFIG.into())
    }

    /// The configuration, with what the flags say on top.
    pub(crate) fn config(&mut self, overrides: &Overrides) -> Result<Config> {
        let (config, findings) = Config::load(&self.config_path(), &self.environment, overrides.as_slice())?;
        self.output.findings(findings);
        Ok(config)
    }

    /// Where the store that `config` names is, and where its ledger.
    pub(crate) fn home(&mut self, config: &Config) -> Result<Home> {
        let asker = &self.asker;
        let mut prompt = |what: &str| -> Result<Secret> { asker.secret_for(what) };
        let mut secrets = Secrets::new(&self.environment, &mut prompt);
        let home = Home::of(config, &mut secrets);
        let findings = secrets.take_findings();
        self.output.findings(findings);
        home
    }

    /// Does something at the station that `config` describes.
    pub(crate) fn at_station<T>(
        &mut self,
        config: &Config,
        work: impl FnOnce(&mut Station<'_>) -> Result<T>,
    ) -> Result<T> {
        let asker = &self.asker;
        let mut prompt = |what: &str| -> Result<Secret> { asker.secret_for(what) };
        let mut secrets = Secrets::new(&self.environment, &mut prompt);
        let home = Home::of(config, &mut secrets)?;
        let mut station = Station { config, secrets, home, now: OffsetDateTime::now_utc() };
        let result = work(&mut station);
        let findings = station.secrets.take_findings();
        self.output.findings(findings);
        result
    }
}

/// Flags that stand for keys of the configuration.
#[derive(Debug, Default)]
pub(crate) struct Overrides(Vec<Override>);

impl Overrides {
    /// The overrides as the configuration takes them.
    pub(crate) fn as_slice(&self) -> &[Override] {
        &self.0
    }

    /// `flag` says that `key` is `text`.
    pub(crate) fn set(&mut self, key: &'static str, flag: &'static str, text: impl Into<String>) {
        self.0.push(Override { key, text: text.into(), flag });
    }

    /// The same for a flag that may be missing.
    pub(crate) fn set_if(&mut self, key: &'static str, flag: &'static str, text: Option<impl Into<String>>) {
        if let Some(text) = text {
            self.set(key, flag, text);
        }
    }

    /// The flags that servers and devices share; `keys` are their keys for algorithm, days, formats and names.
    pub(crate) fn identity(&mut self, args: &IdentityArgs, keys: [&'static str; 4]) {
        let [alg, days, formats, san] = keys;
        self.set_if(alg, "--alg", args.alg.as_deref());
        self.set_if(days, "--days", args.days.as_deref());
        args.format.iter().for_each(|format| self.set(formats, "--format", format.as_str()));
        args.san.iter().for_each(|name| self.set(san, "--san", name.as_str()));
        self.ca_passphrase(&args.ca_passphrase);
    }

    /// The flags that say where the platform is, and as whom to talk to it.
    pub(crate) fn platform(&mut self, args: &PlatformArgs) {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.to_string_lossy().into_owned());
        self.set_if("platform.url", "--platform-url", args.platform_url.as_deref());
        self.set_if("platform.user", "--platform-user", args.platform_user.as_deref());
        self.set_if("platform.password", "--platform-password-file", path(&args.platform_password_file));
        self.set_if("platform.api_key", "--platform-api-key-file", path(&args.platform_api_key_file));
        self.set_if("platform.ca", "--platform-ca", path(&args.platform_ca));
        self.set_if("platform.allow_plain_http", "--allow-plain-http", args.allow_plain_http.then_some("true"));
    }

    /// The flags that say what devices are made with in the platform.
    pub(crate) fn create(&mut self, args: &CreateArgs) {
        self.set_if("platform.profile", "--profile", args.profile.as_deref());
    }

    /// The flags that say where the passphrase of the CA keys is, and the PIN of a token.
    pub(crate) fn ca_passphrase(&mut self, args: &CaPassphrase) {
        let text = |path: &PathBuf| path.to_string_lossy().into_owned();
        self.set_if("ca.passphrase", "--ca-passphrase-file", args.ca_passphrase_file.as_ref().map(text));
        self.set_if("ca.pin", "--ca-pin-file", args.ca_pin_file.as_ref().map(text));
    }
}
