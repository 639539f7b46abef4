//! A key in a file (mode 0600), staged as FILE.new.

use std::path::{Path, PathBuf};

use base::file::{self, FileSet, Mode};
use base::text::shell_word;
use base::{Code, Result};
use pki::key::KeyFormat;
use pki::pem_bundle::PemBundle;
use pki::{Algorithm, Certificate, PrivateKey};
use provision::LoginKey;
use zeroize::Zeroizing;

use super::{EarlierKeys, HostKeys, StagedKey, is_pem, staged_name};

/// The largest key file that is read, in bytes.
const LIMIT: usize = 1 << 20;

/// The key files of a host.
pub(crate) struct KeysInFile {
    dir: PathBuf,
    name: String,
}

impl KeysInFile {
    /// The key file of this name, and the staged one.
    pub(crate) fn new(dir: &Path, name: String) -> Self {
        Self { dir: dir.to_owned(), name }
    }

    fn in_place(&self) -> Result<PrivateKey> {
        read(&self.dir.join(&self.name))
    }

    /// The staged key; `None` if there is none, or none that can be read.
    fn staged_key(&self) -> Result<Option<PrivateKey>> {
        let bytes = file::read_optional(self.dir.join(staged_name(&self.name)), LIMIT)?;
        Ok(bytes.and_then(|bytes| PrivateKey::from_pem_or_der(&bytes, None).ok()))
    }
}

impl HostKeys for KeysInFile {
    fn file(&self) -> &str {
        &self.name
    }

    fn present(&mut self, leaf: &Certificate) -> Result<LoginKey> {
        let key = self.in_place()?;
        key.check_belongs_to(leaf.spki_der()).map_err(|error| error.at(self.dir.join(&self.name)))?;
        Ok(LoginKey::File(key))
    }

    fn check_form(&self) -> Result<()> {
        let path = self.dir.join(&self.name);
        let bytes = file::read_secret(&path, LIMIT)?;
        let word = shell_word(&path.to_string_lossy()).into_owned();
        let refused = |what: &str, why: &str, form: &str| {
            Err(Code::KeyUnreadable.error(what).at(&path).because(why).fix(format!(
                "copy the key to a file of its own, mode 0600, with `openssl pkey {form}-in {word} -out NEW`, make the programs \
                 of this host read NEW, and name it with --key"
            )))
        };
        if !is_pem(&bytes) {
            return refused("the file of the key is not PEM", "a renewal writes PEM in its place", "-inform DER ");
        }
        if PemBundle::parse(&bytes).is_ok_and(|bundle| !bundle.certificates.is_empty()) {
            let why = "a renewal puts the new key alone in its place";
            return refused("the file of the key contains a certificate, too", why, "");
        }
        Ok(())
    }

    fn of_staged(&mut self, leaf: &Certificate) -> Result<Option<LoginKey>> {
        let belongs = |key: &PrivateKey| key.check_belongs_to(leaf.spki_der()).is_ok();
        if let Some(key) = self.staged_key()?.filter(belongs) {
            return Ok(Some(LoginKey::File(key)));
        }
        // A renewal for the same key stages no key.
        Ok(self.in_place().ok().filter(belongs).map(LoginKey::File))
    }

    fn staged(&self) -> Result<StagedKey> {
        let Some(staged) = self.staged_key()? else { return Ok(StagedKey::Missing) };
        Ok(if staged.spki_der() == self.in_place()?.spki_der() { StagedKey::InPlace } else { StagedKey::Other })
    }

    fn existing(&mut self, _name: &str) -> Result<LoginKey> {
        self.in_place().map(LoginKey::File)
    }

    fn next(&mut self, algorithm: Algorithm, _name: &str, _present: Option<&Certificate>) -> Result<LoginKey> {
        let name = staged_name(&self.name);
        let path = self.dir.join(&name);
        if path.exists() {
            let staged = read(&path).map_err(|error| {
                error.fix("remove the file: it is left of an interrupted run, and nothing uses it yet")
            })?;
            // That of a run whose program has failed is in place already, and another algorithm is asked for in vain if the
            // staged key decides.
            let is_in_place = self.in_place().is_ok_and(|key| key.spki_der() == staged.spki_der());
            if !is_in_place && staged.algorithm() == algorithm {
                return Ok(LoginKey::File(staged));
            }
            file::remove(&self.dir, &name)?;
        }
        let key = PrivateKey::generate(algorithm)?;
        let mut set = FileSet::new(&self.dir);
        // On the disk before the request is sent: if the answer gets lost, the next run asks with the same key, and the
        // service sends the same certificate again.
        set.add(name, pem(&key)?, Mode::Private)?;
        set.commit()?;
        Ok(LoginKey::File(key))
    }

    fn add_to(&self, set: &mut FileSet, key: &LoginKey) -> Result<()> {
        match key {
            LoginKey::File(key) => set.add(&self.name, pem(key)?, Mode::Private).map(drop),
            LoginKey::Token(_) => Ok(()),
        }
    }

    fn uri(&self) -> Result<Option<String>> {
        Ok(None)
    }

    fn remove_earlier(&mut self, _serials: &[String], _loaded: bool) -> Result<EarlierKeys> {
        // Earlier files are kept, as those of the certificates.
        Ok(EarlierKeys::default())
    }

    fn earlier_file(&self, serial: &str) -> Option<String> {
        Some(format!("{}.{serial}", self.name))
    }

    fn remove_staged(&self) -> Result<()> {
        file::remove(&self.dir, &staged_name(&self.name)).map(drop)
    }
}

/// The key in a file.
pub(crate) fn read(path: &Path) -> Result<PrivateKey> {
    PrivateKey::from_pem_or_der(&file::read_secret(path, LIMIT)?, None).map_err(|error| {
        let error = error.at(path);
        if error.code() != Code::KeyEncrypted {
            return error;
        }
        // The client may run without a user, and reads no passphrase.
        let word = shell_word(&path.to_string_lossy()).into_owned();
        error.fix(format!(
            "decrypt it with `openssl pkey -in {word} -out NEW`, with mode 0600, and name NEW with the option of this key"
        ))
    })
}

fn pem(key: &PrivateKey) -> Result<Zeroizing<Vec<u8>>> {
    Ok(Zeroizing::new(key.to_pem(KeyFormat::Pkcs8)?.as_bytes().to_vec()))
}
