//! The settings that make ThingsBoard use the files of a server, as files in the same directory.

use std::path::{Path, PathBuf};

use base::text::is_deceptive;
use base::{Code, Error, Result, digest, file};
use config::Credentials;
use pki::keystore::{KeystoreFormat, effective_passwords};
use zeroize::Zeroizing;

use crate::files::keystore::KeystorePlan;
use crate::files::output::{OutputFile, into_bytes};
use crate::thingsboard::{
    ActiveCredentials, KeystoreSettings, Service, SettingsForm, ThingsBoardSettings, compose, env_file, kubernetes,
    variables,
};
use store::FILE_LIMIT;
use store::file_names::{CA_FILE, CLIENTS_CA, server_chain, server_key};

/// The text before the digest in the last line.
const SEAL: &str = "# As tbpki wrote it, the SHA-256 of the lines above is ";

/// Which settings are written, and for what.
#[derive(Debug)]
pub(crate) struct ServerSettings<'a> {
    pub(crate) files: Vec<SettingsFile>,
    /// True if the command asks for settings. Without it, a file that a user has edited stays as it is.
    pub(crate) is_asked: bool,
    /// The host that clients connect to.
    pub(crate) host: &'a str,
    /// The port that devices connect to.
    pub(crate) mqtt_port: u16,
    /// The name before `.pem` and other suffixes.
    pub(crate) prefix: &'a str,
    /// True if key and chain are in one PEM file.
    pub(crate) single_file: bool,
    /// The directory of the files on ThingsBoard's machine; `None` where they are written to it.
    pub(crate) directory: Option<&'a Path>,
}

/// A file with settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SettingsFile {
    pub(crate) form: SettingsForm,
    pub(crate) services: Vec<Service>,
    /// The credentials that the active lines name.
    pub(crate) credentials: Credentials,
    /// The format of the keystore that the lines name, where there is one.
    pub(crate) keystore: Option<KeystoreFormat>,
}

/// The present file in the place of one with settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SettingsState {
    /// There is none.
    Missing,
    /// It is as tbpki wrote it: it follows from flags and can be written again.
    Untouched,
    /// It belongs to the user who has edited it.
    Edited,
}

impl ServerSettings<'_> {
    /// The names of the files that are written to a directory, with what is in their places.
    ///
    /// # Errors
    /// [`Code::TargetExists`] if a user has edited a file that is asked for.
    pub(crate) fn names(&self, dir: &Path) -> Result<Vec<(&'static str, SettingsState)>> {
        let mut names = Vec::new();
        for file in &self.files {
            let name = file.form.file_name();
            match state(&dir.join(name))? {
                SettingsState::Edited if self.is_asked => return Err(edited(&dir.join(name))),
                SettingsState::Edited => {}
                state => names.push((name, state)),
            }
        }
        Ok(names)
    }

    /// Fails if the path of the directory cannot be written into the settings.
    ///
    /// # Errors
    /// [`Code::SettingsCharacter`].
    pub(crate) fn check_directory(&self, dir: &Path) -> Result<()> {
        let dir = self.directory_for(dir)?;
        // A path that is not UTF-8 would be written with other characters, and lead nowhere.
        let is_plain = dir.to_str().is_some_and(|dir| !dir.chars().any(is_deceptive));
        match is_plain || self.files.is_empty() {
            true => Ok(()),
            false if dir.to_str().is_none() => Err(Code::SettingsCharacter
                .error("the path of the directory is not UTF-8")
                .at(dir)
                .because("the settings name the directory by its whole path")
                .fix("use a directory whose whole path is UTF-8")),
            false => Err(refused("the path of the directory").at(dir)),
        }
    }

    /// The files for a directory that will hold `files`, each with what is in its place.
    ///
    /// # Errors
    /// Those of [`names`](Self::names), and [`Code::SettingsCharacter`].
    pub(crate) fn write(
        &self,
        dir: &Path,
        files: &[&OutputFile],
        keystore: Option<&KeystorePlan>,
    ) -> Result<Vec<(OutputFile, SettingsState)>> {
        let names = self.names(dir)?;
        self.check_directory(dir)?;
        let mut written = Vec::new();
        for (name, state) in names {
            let Some(file) = self.files.iter().find(|file| file.form.file_name() == name) else { continue };
            let settings = self.settings(file, dir, keystore)?;
            check_values(&settings)?;
            let text = match file.form {
                SettingsForm::EnvFile => env_file(&settings),
                SettingsForm::Compose => compose(&settings, &self.directory_for(dir)?),
                SettingsForm::Kubernetes => kubernetes(&settings, &mounted(files, &settings)),
            };
            written.push((OutputFile::private(name, into_bytes(sealed(text))), state));
        }
        Ok(written)
    }

    /// The directory that the settings name, for files that are written to `dir`.
    fn directory_for(&self, dir: &Path) -> Result<PathBuf> {
        self.directory.map_or_else(|| absolute(dir), |directory| Ok(directory.to_owned()))
    }

    fn settings(
        &self,
        file: &SettingsFile,
        dir: &Path,
        keystore: Option<&KeystorePlan>,
    ) -> Result<ThingsBoardSettings> {
        let prefix = self.prefix;
        Ok(ThingsBoardSettings {
            services: file.services.clone(),
            active: match file.credentials {
                Credentials::Keystore => ActiveCredentials::Keystore,
                Credentials::Pem => ActiveCredentials::Pem,
            },
            host: self.host.to_owned(),
            keystore: keystore.zip(file.keystore).map(|(plan, format)| {
                let (passwords, _) = effective_passwords(format, &plan.passwords);
                KeystoreSettings {
                    kind: match format {
                        KeystoreFormat::Pkcs12 => "PKCS12",
                        KeystoreFormat::Jks => "JKS",
                    },
                    file: format!("{prefix}.{}", if format == KeystoreFormat::Jks { "jks" } else { "p12" }),
                    // Java reads aliases in lower case, in whatever case the keystore was written.
                    alias: plan.alias.to_ascii_lowercase(),
                    password: passwords.store,
                    key_password: passwords.key,
                }
            }),
            pem_cert: server_chain(prefix),
            pem_key: (!self.single_file).then(|| server_key(prefix)),
            ca_file: CA_FILE.to_owned(),
            clients_ca: CLIENTS_CA.to_owned(),
            mqtt_port: self.mqtt_port,
            // ThingsBoard loads a bare name from its configuration directory, and watches the file of this name in its
            // working directory for changes: it would not notice a replaced certificate.
            directory: format!("{}/", self.directory_for(dir)?.display()),
        })
    }
}

/// Fails if a value would end its line: a shell runs what follows, and YAML reads it as another entry.
fn check_values(settings: &ThingsBoardSettings) -> Result<()> {
    match variables(settings).iter().find(|variable| variable.value.reveal().chars().any(is_deceptive)) {
        // The value is not printed: it may be a password.
        Some(variable) => Err(refused(&format!("the value of {}", variable.name))),
        None => Ok(()),
    }
}

fn refused(what: &str) -> Error {
    Code::SettingsCharacter
        .error(format!("{what} has a line break or another control character"))
        .fix("use a path and values without such characters")
}

fn edited(path: &Path) -> Error {
    Code::TargetExists
        .error("a user has edited the settings, and tbpki does not replace them")
        .at(path)
        .fix("move it away, run the same command again, and take your lines over into the new file")
}

/// Adds the line by which [`is_untouched`] detects that a user has edited the file.
pub(crate) fn sealed(mut text: Zeroizing<String>) -> Zeroizing<String> {
    let seal = digest::hex(&digest::sha256(text.as_bytes()));
    text.push_str(SEAL);
    text.push_str(&seal);
    text.push('\n');
    text
}

/// A sealed text whose lines have changed, with the seal that it needs now; `None` if it has no seal.
pub(crate) fn resealed(text: &str) -> Option<Zeroizing<String>> {
    let (above, _) = text.rsplit_once(SEAL)?;
    Some(sealed(Zeroizing::new(above.to_owned())))
}

/// What is in the place of a settings file.
fn state(path: &Path) -> Result<SettingsState> {
    let Some(bytes) = read(path)? else { return Ok(SettingsState::Missing) };
    // tbpki writes UTF-8 only, so another encoding is the work of an editor.
    let Ok(text) = std::str::from_utf8(&bytes) else { return Ok(SettingsState::Edited) };
    let Some((above, seal)) = text.rsplit_once(SEAL) else { return Ok(SettingsState::Edited) };
    Ok(match seal.trim_end() == digest::hex(&digest::sha256(above.as_bytes())) {
        true => SettingsState::Untouched,
        false => SettingsState::Edited,
    })
}

/// The content of a settings file; `None` if there is none. A directory that is none, or that cannot be entered, is reported
/// where the file is to be written.
///
/// # Errors
/// [`Code::FileUnreadable`] if it is there and cannot be read.
pub(super) fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>> {
    if path.symlink_metadata().is_err() { Ok(None) } else { file::read_optional(path, FILE_LIMIT) }
}

/// Whether the file is there and is as tbpki wrote it.
pub(crate) fn is_untouched(path: &Path) -> Result<bool> {
    Ok(state(path)? == SettingsState::Untouched)
}

fn absolute(dir: &Path) -> Result<PathBuf> {
    std::path::absolute(dir)
        .map_err(|error| Code::FileUnreadable.error("the working directory is gone").at(dir).caused_by(error))
}

/// The files that a Kubernetes Secret carries.
fn mounted(files: &[&OutputFile], settings: &ThingsBoardSettings) -> Vec<(String, Zeroizing<Vec<u8>>)> {
    let names =
        [Some(&settings.pem_cert), settings.pem_key.as_ref(), settings.keystore.as_ref().map(|store| &store.file)];
    let fixed = [&settings.ca_file, &settings.clients_ca];
    let wanted = names.into_iter().flatten().chain(fixed);
    wanted
        .filter_map(|name| files.iter().find(|file| file.name == *name))
        .map(|file| (file.name.clone(), file.contents.clone()))
        .collect()
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the test edits the file")]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_a_user_has_edited_is_told_from_an_untouched_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("thingsboard.env");
        assert!(!is_untouched(&path).unwrap());
        let text = sealed(Zeroizing::new("export A=1\n".to_owned()));
        std::fs::write(&path, text.as_bytes()).unwrap();
        assert!(is_untouched(&path).unwrap());
        for edited in [text.replace("A=1", "A=2"), format!("{}export B=1\n", *text), "export A=1\n".to_owned()] {
            std::fs::write(&path, edited).unwrap();
            assert!(!is_untouched(&path).unwrap());
        }
    }
}
