//! The settings that make ThingsBoard use the files of a server, as files in the same directory.

use std::path::{Path, PathBuf};

use base::text::is_deceptive;
use base::{Code, Error, Result, digest, file};
use config::Credentials;
use pki::keystore::{KeystoreFormat, effective_passwords};
use zeroize::Zeroizing;

use crate::files::keystore::KeystorePlan;
use crate::files::output::{OutputFile, into_bytes};
use crate::files::server::CLIENTS_CA;
use crate::thingsboard::{
    ActiveCredentials, KeystoreSettings, Service, SettingsForm, ThingsBoardSettings, compose, env_file, kubernetes,
    variables,
};
use store::FILE_LIMIT;
use store::file_names::{CA_FILE, server_chain, server_key};

/// The text before the digest in the last line.
const SEAL: &str = "# As tbpki wrote it, the SHA-256 of the lines above is ";

/// Which settings are written, and for what.
#[derive(Debug)]
pub(crate) struct ServerSettings<'a> {
    pub(crate) services: &'a [Service],
    pub(crate) forms: &'a [SettingsForm],
    /// The credentials that the active lines name.
    pub(crate) credentials: Credentials,
    /// The host that clients connect to.
    pub(crate) host: &'a str,
    /// The port that devices connect to.
    pub(crate) mqtt_port: u16,
    /// The name before `.pem` and other suffixes.
    pub(crate) prefix: &'a str,
    /// The format of the keystore that the lines name, where there is one.
    pub(crate) keystore: Option<KeystoreFormat>,
    /// True if key and chain are in one PEM file.
    pub(crate) single_file: bool,
    /// The directory of the files on ThingsBoard's machine; `None` where they are written to it.
    pub(crate) directory: Option<&'a Path>,
}

impl ServerSettings<'_> {
    /// The names of the files.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.forms.iter().map(|form| form.file_name())
    }

    /// Fails if the path of the directory cannot be written into the settings.
    ///
    /// # Errors
    /// [`Code::SettingsCharacter`].
    pub(crate) fn check_directory(&self, dir: &Path) -> Result<()> {
        let dir = self.directory_for(dir)?;
        // A path that is not UTF-8 would be written with other characters, and lead nowhere.
        let is_plain = dir.to_str().is_some_and(|dir| !dir.chars().any(is_deceptive));
        if is_plain || self.forms.is_empty() { Ok(()) } else { Err(refused("the path of the directory").at(dir)) }
    }

    /// The files for a directory that will hold `files`.
    pub(crate) fn write(
        &self,
        dir: &Path,
        files: &[&OutputFile],
        keystore: Option<&KeystorePlan>,
    ) -> Result<Vec<OutputFile>> {
        let settings = self.settings(dir, keystore)?;
        self.check_directory(dir)?;
        check_values(&settings)?;
        let write = |form: &SettingsForm| {
            let text = match form {
                SettingsForm::EnvFile => env_file(&settings),
                SettingsForm::Compose => compose(&settings, &self.directory_for(dir)?),
                SettingsForm::Kubernetes => kubernetes(&settings, &mounted(files, &settings)),
            };
            Ok(OutputFile::private(form.file_name(), into_bytes(sealed(text))))
        };
        self.forms.iter().map(write).collect()
    }

    /// The directory that the settings name, for files that are written to `dir`.
    fn directory_for(&self, dir: &Path) -> Result<PathBuf> {
        self.directory.map_or_else(|| absolute(dir), |directory| Ok(directory.to_owned()))
    }

    fn settings(&self, dir: &Path, keystore: Option<&KeystorePlan>) -> Result<ThingsBoardSettings> {
        let prefix = self.prefix;
        Ok(ThingsBoardSettings {
            services: self.services.to_vec(),
            active: match self.credentials {
                Credentials::Keystore => ActiveCredentials::Keystore,
                Credentials::Pem => ActiveCredentials::Pem,
            },
            host: self.host.to_owned(),
            keystore: keystore.zip(self.keystore).map(|(plan, format)| {
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

/// Adds the line by which [`is_untouched`] detects that a user has edited the file.
fn sealed(mut text: Zeroizing<String>) -> Zeroizing<String> {
    let seal = digest::hex(&digest::sha256(text.as_bytes()));
    text.push_str(SEAL);
    text.push_str(&seal);
    text.push('\n');
    text
}

/// Whether the file is there and is as tbpki wrote it: then it follows from flags and can be written again. A file that
/// a user has edited belongs to that user.
pub(crate) fn is_untouched(path: &Path) -> Result<bool> {
    let Some(bytes) = file::read_optional(path, FILE_LIMIT)? else { return Ok(false) };
    // tbpki writes UTF-8 only, so another encoding is the work of an editor.
    let Ok(text) = std::str::from_utf8(&bytes) else { return Ok(false) };
    let Some((above, seal)) = text.rsplit_once(SEAL) else { return Ok(false) };
    Ok(seal.trim_end() == digest::hex(&digest::sha256(above.as_bytes())))
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
