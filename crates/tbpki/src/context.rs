//! The context of a verb: output, prompts, and the configuration.

use std::path::{Path, PathBuf};

use base::file::OwnerTrust;
use base::{Code, Result, Secret};
use config::{Config, Environment, KeyName, Override, key};
use ledger::Kind;
use pki::device_name::DeviceName;
use store::StoreLocation;
use store::Workspace;
use store::secrets::Secrets;
use time::OffsetDateTime;

use crate::args::{CaPassphrase, CreateArgs, CrlListArgs, DeviceWord, Global, IdentityArgs, PlatformArgs};
use crate::environment::CONFIG;
use crate::output::Output;
use crate::prompt::Prompter;

/// The context of a verb.
pub(crate) struct Context {
    pub(crate) output: Output,
    pub(crate) prompter: Prompter,
    pub(crate) environment: Environment,
    trust: OwnerTrust,
    config_path: Option<PathBuf>,
    accept_clock: bool,
}

impl Context {
    pub(crate) fn new(global: Global, verb: &'static str) -> Self {
        Self {
            output: Output::new(verb, &global),
            prompter: Prompter::new(global.no_input),
            environment: Environment::of_process().with_host_name(&base::host::host_name()),
            trust: crate::environment::trust(global.trust_owner),
            config_path: global.config.or_else(crate::environment::config),
            accept_clock: global.accept_clock,
        }
    }

    /// Whose files are believed.
    pub(crate) fn trust(&self) -> OwnerTrust {
        self.trust
    }

    /// True if an implausible clock is accepted.
    pub(crate) fn accepts_clock(&self) -> bool {
        self.accept_clock
    }

    /// The path of the configuration file.
    pub(crate) fn config_path(&self) -> PathBuf {
        self.config_path.clone().unwrap_or_else(|| CONFIG.into())
    }

    /// The configuration, with the values of flags in place of its own.
    pub(crate) fn config(&mut self, overrides: &Overrides) -> Result<Config> {
        let path = self.config_path();
        // A directory has other modes than a file, and the advice about them would not help.
        if path.is_dir() {
            return Err(Code::FileUnreadable
                .error("this is a directory, and not a configuration")
                .at(&path)
                .fix("name the file, such as DIR/keygen.toml"));
        }
        // Before the file is read: a configuration of another user can name programs, files and servers.
        self.check_trust(&path)?;
        let (config, findings) = Config::load(&path, &self.environment, overrides.as_slice())?;
        self.output.findings(findings);
        Ok(config)
    }

    /// The location of the store and of its ledger.
    pub(crate) fn store_location(&mut self, config: &Config) -> Result<StoreLocation> {
        self.check_store(config)?;
        let prompter = &self.prompter;
        let mut prompt = |what: &str| -> Result<Secret> { prompter.secret_for(what) };
        let mut secrets = Secrets::new(&self.environment, &mut prompt);
        let location = StoreLocation::of(config, &mut secrets, system_roots);
        let findings = secrets.take_findings();
        self.output.findings(findings);
        location
    }

    /// The devices that words of the command line name. A word with a comma is one name if the ledger has it.
    pub(crate) fn devices<'w>(
        &mut self,
        config: &Config,
        words: impl IntoIterator<Item = &'w DeviceWord>,
    ) -> Result<Vec<DeviceName>> {
        let mut ledger = None;
        let mut names = Vec::new();
        for DeviceWord { whole, parts } in words {
            let Some(whole) = whole else {
                names.extend_from_slice(parts);
                continue;
            };
            if ledger.is_none() {
                ledger = Some(store::view(&self.store_location(config)?)?);
            }
            let entry = ledger.as_ref().map(|ledger| ledger.latest(Kind::Device, whole.as_str())).transpose()?;
            match entry.flatten().filter(|entry| entry.forgotten_at.is_none()) {
                Some(_) => names.push(whole.clone()),
                None => names.extend_from_slice(parts),
            }
        }
        Ok(names)
    }

    /// Fails if a configuration belongs to another user who is not trusted.
    pub(crate) fn check_trust(&mut self, path: &Path) -> Result<()> {
        self.output.findings(self.trust.check(path)?);
        Ok(())
    }

    /// Fails if the store belongs to another user who is not trusted.
    fn check_store(&mut self, config: &Config) -> Result<()> {
        let findings = store::check_trust(config.general.store.resolved(), &self.trust)?;
        self.output.findings(findings);
        Ok(())
    }

    /// Runs `work` in the workspace that `config` describes.
    pub(crate) fn in_workspace<T>(
        &mut self,
        config: &Config,
        work: impl FnOnce(&mut Workspace<'_>) -> Result<T>,
    ) -> Result<T> {
        self.check_store(config)?;
        let prompter = &self.prompter;
        let mut prompt = |what: &str| -> Result<Secret> { prompter.secret_for(what) };
        let mut secrets = Secrets::new(&self.environment, &mut prompt);
        let location = StoreLocation::of(config, &mut secrets, system_roots)?;
        // One time for the whole command, so that no certificate of a run begins later than another.
        let mut workspace =
            Workspace { config, secrets, location, now: OffsetDateTime::now_utc(), accept_clock: self.accept_clock };
        let result = work(&mut workspace);
        // Also when the work failed: a warning about a secret's file may be the reason.
        let findings = workspace.secrets.take_findings();
        self.output.findings(findings);
        result
    }
}

/// Values of flags that replace values of the configuration. All paths among them are UTF-8: `usage::utf8` refuses others.
#[derive(Debug, Default)]
pub(crate) struct Overrides(Vec<Override>);

impl Overrides {
    /// The overrides, in the order in which they were set.
    pub(crate) fn as_slice(&self) -> &[Override] {
        &self.0
    }

    /// Sets `key` to the value of `flag`. A key that takes a list gets one more entry.
    pub(crate) fn set(&mut self, key: KeyName, flag: &'static str, value: &impl ToString) {
        self.0.push(Override { key, text: value.to_string(), flag });
    }

    /// Sets `key` if `flag` is given.
    pub(crate) fn set_if(&mut self, key: KeyName, flag: &'static str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.set(key, flag, &value);
        }
    }

    /// Sets the values of the flags that servers and devices share. `alg`, `days` and `san` are their keys.
    pub(crate) fn identity(&mut self, args: &IdentityArgs, alg: KeyName, days: KeyName, san: KeyName) {
        self.set_if(alg, "--alg", args.alg);
        self.set_if(days, "--days", args.days);
        self.set_all(san, "--san", &args.san);
        self.ca_passphrase(&args.ca_passphrase);
    }

    /// Sets a key that takes a list to the values of `flag`.
    pub(crate) fn set_all(&mut self, key: KeyName, flag: &'static str, values: &[impl ToString]) {
        values.iter().for_each(|value| self.set(key, flag, value));
    }

    /// Sets the platform and its user.
    pub(crate) fn platform(&mut self, args: &PlatformArgs) {
        // Paths, and never the secrets in the files: an override is shown by `config show`.
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.to_string_lossy().into_owned());
        self.set_if(key::platform::url, "--platform-url", args.platform_url.as_deref());
        self.set_if(key::platform::user, "--platform-user", args.platform_user.as_deref());
        self.set_if(key::platform::password, "--platform-password-file", path(&args.platform_password_file));
        self.set_if(key::platform::api_key, "--platform-api-key-file", path(&args.platform_api_key_file));
        self.set_if(key::platform::ca, "--platform-ca", path(&args.platform_ca));
        // A flag that is not given must not undo the setting of keygen.toml.
        self.set_if(key::platform::allow_plain_http, "--allow-plain-http", args.allow_plain_http.then_some("true"));
    }

    /// Sets the device profile of created devices.
    pub(crate) fn create(&mut self, args: &CreateArgs) {
        self.set_if(key::platform::profile, "--profile", args.profile.as_deref());
    }

    /// Sets the file of the revocation lists and their lifetime.
    pub(crate) fn lists(&mut self, args: &CrlListArgs) {
        self.set_if(key::crl::out, "--out", args.out.as_ref().map(|path| path.to_string_lossy().into_owned()));
        self.set_if(key::crl::days, "--days", args.days);
        self.ca_passphrase(&args.ca_passphrase);
    }

    /// Sets the passphrase of the CA keys and the PIN of a token.
    pub(crate) fn ca_passphrase(&mut self, args: &CaPassphrase) {
        let text = |path: &PathBuf| path.to_string_lossy().into_owned();
        self.set_if(key::ca::passphrase, "--ca-passphrase-file", args.ca_passphrase_file.as_ref().map(text));
        self.set_if(key::ca::pin, "--ca-pin-file", args.ca_pin_file.as_ref().map(text));
    }
}

/// The DER of the roots that this system trusts.
fn system_roots() -> Result<Vec<Vec<u8>>> {
    Ok(provision::Roots::system()?.into_der())
}
