//! The key of a CA, wherever it is kept: in a file of the store, in a token, or elsewhere.

use std::path::{Path, PathBuf};

use base::file::{self, FileSet, Mode};
use base::{Code, Error, Result};
use pki::PrivateKey;
use pki::key::SigningKey;
use pki::pkcs11::{TokenKey, TokenUri};

use crate::paths::FILE_LIMIT;
use crate::secrets::{AskForCa, CaSecret, open_with};

/// The file with the key.
pub const KEY_FILE: &str = "key.pem";
/// The suffix of a key file that is replaced, until it is removed.
pub(super) const REPLACED: &str = "tbpki-replaced";
/// The file that replaces the key file if a token keeps the key. It contains the PKCS#11 URI (RFC 7512), no secret.
pub const URI_FILE: &str = "key.uri";

/// The place of the key of a CA: one that is in a store, or one that will be. `F` describes the file: its path in the
/// former, the key to be written in the latter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyLocation<F = PathBuf> {
    /// In a file.
    File(F),
    /// In the token that this URI names.
    Token(TokenUri),
    /// Not here.
    Elsewhere,
}

impl KeyLocation {
    /// Where the key of the CA in `dir` is.
    ///
    /// # Errors
    /// [`Code::CaUnavailable`] where there are both, [`Code::Pkcs11Uri`] where the file is damaged.
    pub fn of(dir: &Path) -> Result<Self> {
        let (key, uri) = (dir.join(KEY_FILE), dir.join(URI_FILE));
        match (key.exists(), file::read_optional(&uri, FILE_LIMIT)?) {
            (true, Some(_)) => Err(Code::CaUnavailable
                .error("the CA has a key in a file and another in a token")
                .at(dir)
                .fix("move the one away that does not belong to the certificate")),
            (true, None) => Ok(KeyLocation::File(key)),
            (false, Some(bytes)) => match read_uri(&bytes) {
                Ok(parsed) => Ok(KeyLocation::Token(parsed)),
                Err(error) => Err(error.at(&uri)),
            },
            (false, None) => Ok(KeyLocation::Elsewhere),
        }
    }

    /// The key of the CA in `dir`, ready to sign. `ask` is asked only for what opens it.
    pub fn open(&self, dir: &Path, ask: &mut AskForCa<'_>) -> Result<Option<Box<dyn SigningKey>>> {
        match self {
            KeyLocation::File(path) => {
                let bytes = file::read(path, FILE_LIMIT)?;
                let mut passphrase = |again| ask(if again { CaSecret::PassphraseAgain } else { CaSecret::Passphrase });
                let key = open_key(&bytes, &mut passphrase).map_err(|error| wrong_passphrase(error).at(path))?;
                Ok(Some(Box::new(key)))
            }
            KeyLocation::Token(uri) => {
                let mut pin = || ask(CaSecret::Pin)?.ok_or_else(|| Code::SecretUnavailable.error("there is no PIN"));
                let key = TokenKey::open(uri, &mut pin).map_err(|error| error.at(dir.join(URI_FILE)))?;
                Ok(Some(Box::new(key)))
            }
            KeyLocation::Elsewhere => Ok(None),
        }
    }
}

impl<F> KeyLocation<F> {
    /// The place in one word.
    pub const fn word(&self) -> &'static str {
        match self {
            KeyLocation::File(_) => "file",
            KeyLocation::Token(_) => "token",
            KeyLocation::Elsewhere => "elsewhere",
        }
    }

    /// Adds the file of the key to those of the CA in `dir`: the key, which `add_key` writes, or the URI.
    ///
    /// # Errors
    /// Those of `add_key` and of [`FileSet::add`].
    pub fn add_to(
        &self,
        set: &mut FileSet,
        dir: &str,
        add_key: impl FnOnce(&mut FileSet, String, &F) -> Result<()>,
    ) -> Result<()> {
        match self {
            KeyLocation::File(key) => add_key(set, format!("{dir}/{KEY_FILE}"), key),
            KeyLocation::Token(uri) => {
                set.add(format!("{dir}/{URI_FILE}"), uri_file(uri), Mode::Public)?;
                Ok(())
            }
            KeyLocation::Elsewhere => Ok(()),
        }
    }
}

/// An error of opening a key file of a CA, with a remedy for one that has an earlier passphrase.
fn wrong_passphrase(error: Error) -> Error {
    match error.code() {
        Code::WrongPassphrase => error.fix(
            "check the passphrase; if this key has an earlier one, give all keys one: `tbpki ca passphrase --all \
             --ca-passphrase-file OLD --new-passphrase-file NEW`",
        ),
        _ => error,
    }
}

/// Removes the earlier key files that an interrupted change of passphrases has left in the directory of a generation, which
/// has these files.
///
/// # Errors
/// Those of the disk.
pub(super) fn remove_left(dir: &Path, files: &[String]) -> Result<()> {
    let left = format!("{KEY_FILE}.{REPLACED}");
    files.iter().filter(|name| name.starts_with(&left)).try_for_each(|name| file::remove(dir, name).map(drop))
}

/// The URI in a file.
fn read_uri(bytes: &[u8]) -> Result<TokenUri> {
    let text = std::str::from_utf8(bytes).map_err(|_| not_a_uri())?;
    text.trim().parse()
}

fn not_a_uri() -> Error {
    Code::Pkcs11Uri
        .error("the file contains no PKCS#11 URI")
        .fix("restore it from a backup, or write the URI of the key")
}

/// The contents of [`URI_FILE`].
fn uri_file(uri: &TokenUri) -> Vec<u8> {
    format!("{uri}\n").into_bytes()
}

/// A private key that can be encrypted; `passphrase` is asked for only then, and again after a wrong one ([`open_with`]).
pub fn open_key(bytes: &[u8], passphrase: &mut dyn FnMut(bool) -> Result<Option<base::Secret>>) -> Result<PrivateKey> {
    // First without a passphrase, so that only an encrypted key leads to a question.
    match PrivateKey::from_pem_or_der(bytes, None) {
        Err(error) if error.code() == Code::KeyEncrypted => {
            open_with(passphrase, &mut |secret| PrivateKey::from_pem_or_der(bytes, Some(secret)))
        }
        other => other,
    }
}
