//! Passwords and passphrases: read from the configured place, or made and kept.

use std::path::Path;

use base::file::{FileSet, Mode};
use base::{Code, Finding, Result, Secret, file};
use config::{Ca, Environment, Keystore, SecretRef, Setting};
use pki::keystore::{Passwords, password};

use crate::paths::{FILE_LIMIT, secrets_dir};

/// Where secrets come from: variables, files, a person.
pub struct Secrets<'a> {
    environment: &'a Environment,
    prompt: &'a mut dyn FnMut(&str) -> Result<Secret>,
    findings: Vec<Finding>,
}

impl<'a> Secrets<'a> {
    /// Secrets from `environment`, and from `prompt` if the user must be asked. The prompt gets the name of the secret,
    /// and fails without a terminal.
    pub fn new(environment: &'a Environment, prompt: &'a mut dyn FnMut(&str) -> Result<Secret>) -> Self {
        Self { environment, prompt, findings: Vec::new() }
    }

    /// What was noticed while fetching, once.
    pub fn take_findings(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.findings)
    }

    /// What opens the key of a CA.
    pub fn of_ca(&mut self, settings: &Ca, which: CaSecret) -> Result<Secret> {
        match which {
            CaSecret::Passphrase => self.password(&settings.passphrase, "ca.passphrase"),
            CaSecret::Pin => self.password(&settings.pin, "ca.pin"),
        }
    }

    /// The passwords of an identity's keystores: what the configuration names, else what was made for it earlier,
    /// else new ones. New ones have to be kept before anything is closed with them.
    pub fn keystore(
        &mut self,
        settings: &Keystore,
        section: &str,
        store: &Path,
        name: &str,
    ) -> Result<(Passwords, Option<NewSecret>)> {
        let whose = |key: &str| format!("{section}.{key}");
        let (store_password, new) = match &settings.password.value {
            Some(place) => (self.fetch(place, &whose("password"))?, None),
            None => kept_or_new(store, name)?,
        };
        let key_password = match &settings.key_password.value {
            Some(place) => self.fetch(place, &whose("key_password"))?,
            None => store_password.clone(),
        };
        password::check(&store_password, &whose("password"))?;
        password::check(&key_password, &whose("key_password"))?;
        Ok((Passwords { store: store_password, key: key_password }, new))
    }

    /// A password that only the user knows: from the configured place, or by asking.
    pub fn password(&mut self, setting: &Setting<Option<SecretRef>>, key: &str) -> Result<Secret> {
        match &setting.value {
            Some(place) => self.fetch(place, key),
            None => (self.prompt)(key),
        }
    }

    /// A secret that may be left out.
    pub fn optional(&mut self, setting: &Setting<Option<SecretRef>>, what: &str) -> Result<Option<Secret>> {
        setting.value.as_ref().map(|place| self.fetch(place, what)).transpose()
    }

    fn fetch(&mut self, place: &SecretRef, what: &str) -> Result<Secret> {
        let (secret, finding) = place.resolve(what, self.environment, self.prompt)?;
        self.findings.extend(finding);
        Ok(secret)
    }
}

/// What opens the key of a CA, which is asked for only when it is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaSecret {
    /// The passphrase of a key in a file.
    Passphrase,
    /// The PIN of the token that keeps the key.
    Pin,
}

/// Fetches what opens the key of a CA.
pub type AskForCa<'a> = dyn FnMut(CaSecret) -> Result<Secret> + 'a;

/// The password that tbpki made for `name` earlier, or one made now.
fn kept_or_new(store: &Path, name: &str) -> Result<(Secret, Option<NewSecret>)> {
    let path = secrets_dir(store).join(name);
    if let Some(bytes) = file::read_optional(&path, FILE_LIMIT)? {
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| Code::SecretUnavailable.error("the password in the file is not text").at(&path))?;
        return Ok((Secret::from(text.trim_end_matches(['\r', '\n'])), None));
    }
    let secret = password::generate()?;
    Ok((secret.clone(), Some(NewSecret { name: name.to_owned(), secret })))
}

/// A password that tbpki has made and not yet written down.
#[derive(Debug)]
pub struct NewSecret {
    name: String,
    secret: Secret,
}

impl NewSecret {
    /// Fails where it could not be kept. Nothing stays.
    pub fn rehearse(&self, store: &Path) -> Result<()> {
        let mut set = FileSet::new(store);
        set.add_unknown(self.path(), self.secret.reveal().len(), Mode::Private)?;
        set.rehearse().map(drop)
    }

    fn path(&self) -> String {
        format!("secrets/{}", self.name)
    }

    /// Keeps it in the store while `work` closes something with it, and for good if that succeeds.
    pub fn kept_for<T>(new: Option<Self>, store: &Path, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let Some(new) = new else { return work() };
        let is_first = !secrets_dir(store).exists();
        let mut set = FileSet::new(store);
        let path = new.path();
        set.add(&path, format!("{}\n", new.secret.reveal()).into_bytes(), Mode::Private)?;
        set.commit()?;
        work().or_else(|error| {
            file::remove(store, if is_first { "secrets" } else { &path })?;
            Err(error)
        })
    }
}
