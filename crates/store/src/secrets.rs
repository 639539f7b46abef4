//! Passwords and passphrases: read from the configured place, or made and kept.

pub mod imported_keystore;

use std::path::Path;

use base::file::{FileSet, Mode};
use base::{Code, Finding, Result, Secret, file};
use config::{Ca, Environment, Keystore, SecretRef, Setting};
use pki::keystore::{Passwords, password};

use crate::paths::{FILE_LIMIT, secrets_dir};

/// The sources of secrets: variables, files, a person.
pub struct Secrets<'a> {
    environment: &'a Environment,
    prompt: &'a mut dyn FnMut(&str) -> Result<Secret>,
    findings: Vec<Finding>,
    /// The last passphrase of the CA keys that a person has typed.
    typed: Option<Secret>,
}

impl<'a> Secrets<'a> {
    /// Secrets from `environment`, and from `prompt` if the user must be asked. The prompt gets the name of the secret,
    /// and fails without a terminal.
    pub fn new(environment: &'a Environment, prompt: &'a mut dyn FnMut(&str) -> Result<Secret>) -> Self {
        Self { environment, prompt, findings: Vec::new(), typed: None }
    }

    /// The warnings of fetching, each returned once.
    pub fn take_findings(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.findings)
    }

    /// The secret that opens the key of a CA; none if there is no other answer after a wrong one. A passphrase that a person
    /// has typed is the first answer for the next key as well, because all CA keys have one passphrase as a rule.
    pub fn of_ca(&mut self, settings: &Ca, which: CaSecret) -> Result<Option<Secret>> {
        let is_typed = matches!(&settings.passphrase.value, None | Some(SecretRef::Prompt));
        match which {
            CaSecret::Passphrase if is_typed && self.typed.is_some() => Ok(self.typed.clone()),
            CaSecret::Passphrase => {
                let secret = self.password(&settings.passphrase, "ca.passphrase")?;
                self.typed = is_typed.then(|| secret.clone());
                Ok(Some(secret))
            }
            CaSecret::PassphraseAgain if is_typed => {
                let secret = (self.prompt)(PASSPHRASE_AGAIN)?;
                self.typed = Some(secret.clone());
                Ok(Some(secret))
            }
            // A file and a variable give the same answer again.
            CaSecret::PassphraseAgain => Ok(None),
            CaSecret::Pin => self.password(&settings.pin, "ca.pin").map(Some),
        }
    }

    /// The passwords of an identity's keystores: what the configuration names, else what was made for it earlier,
    /// else new ones. New ones have to be kept before anything is closed with them.
    pub fn keystore(
        &mut self,
        settings: &Keystore,
        section: &str,
        store: &Path,
        names: KeptPassword<'_>,
    ) -> Result<(Passwords, Option<NewSecret>)> {
        let whose = |key: &str| format!("{section}.{key}");
        let (store_password, new) = match &settings.password.value {
            Some(place) => (self.fetch(place, &whose("password"))?, None),
            None => kept_or_new(store, names)?,
        };
        // One password for both by default: many programs can be told only one.
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

/// The secret that opens the key of a CA. It is requested only when it is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaSecret {
    /// The passphrase of a key in a file.
    Passphrase,
    /// The passphrase again, after a wrong one. A PIN is not asked for again, because a token locks itself.
    PassphraseAgain,
    /// The PIN of the token that keeps the key.
    Pin,
}

/// Fetches what opens the key of a CA; none if there is no other answer after a wrong one.
pub type AskForCa<'a> = dyn FnMut(CaSecret) -> Result<Option<Secret>> + 'a;

/// The name by which a prompt is asked for the passphrase of the CA keys after a wrong one.
pub const PASSPHRASE_AGAIN: &str = "ca.passphrase after a wrong one";

/// The number of times that a person is asked for a secret that turns out to be wrong.
const TRIES: usize = 3;

/// Opens something with the secret that `ask` gives, and asks again after a wrong one, three times in all. `ask` is told
/// whether it is asked again, and returns none if it has no other answer.
///
/// # Errors
/// Those of `ask`, and of `open` for the last secret.
pub fn open_with<T>(
    ask: &mut dyn FnMut(bool) -> Result<Option<Secret>>,
    open: &mut dyn FnMut(&Secret) -> Result<T>,
) -> Result<T> {
    let mut failure = Code::SecretUnavailable.error("there is no secret to open it with");
    // Only a wrong secret is asked for again: a damaged file stays damaged.
    for attempt in 0..TRIES {
        let Some(secret) = ask(attempt > 0)? else { break };
        match open(&secret) {
            Err(error) if matches!(error.code(), Code::WrongPassphrase | Code::KeystorePassword) => failure = error,
            other => return other,
        }
    }
    Err(failure)
}

/// The number of passwords of the store that are tried on a keystore.
const MOST_TRIED: usize = 8;

/// The passwords of keystores that tbpki made and keeps in the store, those of the identity to which `keystore` seems to
/// belong first, by its name and the directories above it. None where the store keeps none or does not show them.
pub fn kept_keystore_passwords(store: &Path, keystore: &Path) -> Vec<Secret> {
    let Ok(Some(files)) = file::list_dir(secrets_dir(store)) else { return Vec::new() };
    let name_of = |name: String| {
        let (_, identity) = name.strip_suffix(".keystore-password")?.split_once('-')?;
        let belongs = keystore.file_stem().is_some_and(|stem| stem == identity)
            || keystore.components().any(|part| part.as_os_str() == identity);
        Some((!belongs, name))
    };
    let mut names: Vec<(bool, String)> = files.into_iter().filter_map(name_of).collect();
    // `false` comes first: those that belong to the keystore.
    names.sort();
    let read = |(_, name): &(bool, String)| kept(&secrets_dir(store).join(name)).ok().flatten();
    // Each attempt costs the key derivation of the keystore, which is slow by design.
    names.iter().take(MOST_TRIED).filter_map(read).collect()
}

/// The files among the secrets of a store that can have the password of keystores.
#[derive(Debug, Clone, Copy)]
pub struct KeptPassword<'a> {
    /// The file that has it, or gets it.
    pub name: &'a str,
    /// The file that had it before: that of the job whose device this was.
    pub earlier: Option<&'a str>,
}

/// The password that tbpki made earlier, or one made now.
fn kept_or_new(store: &Path, names: KeptPassword<'_>) -> Result<(Secret, Option<NewSecret>)> {
    // The keystores of a generation keep their password, so that programs that were told it can read the next one.
    if let Some(secret) = kept(&secrets_dir(store).join(names.name))? {
        return Ok((secret, None));
    }
    let earlier = names.earlier.map(|earlier| kept(&secrets_dir(store).join(earlier))).transpose()?.flatten();
    let (secret, is_random) = match earlier {
        Some(secret) => (secret, false),
        None => (password::generate()?, true),
    };
    Ok((secret.clone(), Some(NewSecret { name: names.name.to_owned(), secret, is_random })))
}

/// The password in a file of the store, if it exists.
fn kept(path: &Path) -> Result<Option<Secret>> {
    let Some(bytes) = file::read_optional(path, FILE_LIMIT)? else { return Ok(None) };
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| Code::SecretUnavailable.error("the password in the file is not text").at(path))?;
    // Only the end of the line: a password may end with a space.
    Ok(Some(Secret::from(text.trim_end_matches(['\r', '\n']))))
}

/// A password that tbpki has made and not yet written down, or that is in another file.
#[derive(Debug)]
pub struct NewSecret {
    name: String,
    secret: Secret,
    is_random: bool,
}

impl NewSecret {
    /// True if nothing was closed with it yet.
    pub fn is_random(&self) -> bool {
        self.is_random
    }

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
        // The password is on the disk before anything is closed with
        // it: without it, a keystore could never be opened.
        work().or_else(|error| {
            file::remove(store, if is_first { "secrets" } else { &path })?;
            Err(error)
        })
    }
}
