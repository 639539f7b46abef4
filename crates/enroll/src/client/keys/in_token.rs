//! A key in a token. A file in the directory of the certificate names it: many tokens cannot rename a key, and none can do so
//! in one step with the move of a file.
//!
//! Keys follow each other under the labels LABEL, LABEL.2, LABEL.3 and so on, each with a random id. The certificate tells
//! by its public key which of them is in use. `CERT.key` names that key, `CERT.key.new` one that is about to be made, and
//! `CERT.key.SERIAL` the one before the certificate with this serial number.

use std::path::{Path, PathBuf};

use base::file::{self, BulkDir, FileSet, Mode};
use base::{Code, Error, Result, Secret};
use pki::pkcs11::{KeyReference, TokenKey, TokenUri};
use pki::{Algorithm, Certificate};
use provision::LoginKey;

use super::{EarlierKeys, HostKeys, StagedKey, staged_name};

/// The largest file with a reference that is read, in bytes.
const LIMIT: usize = 64 << 10;

/// Fetches a PIN. The path is the `pin-source` of the URI. It is called once at most in a run for each path.
pub type AskForPin<'a> = dyn FnMut(Option<&Path>) -> Result<Secret> + 'a;

/// The keys of a host in a token.
pub(crate) struct KeysInToken<'a> {
    dir: PathBuf,
    /// The file that names the key in use.
    name: String,
    uri: TokenUri,
    pin: Pin<'a>,
    /// The key of the certificate in place, once it was opened.
    current: Option<TokenUri>,
}

/// The PIN of the token.
struct Pin<'a> {
    /// The `pin-source` of the URI.
    source: Option<PathBuf>,
    ask: &'a mut AskForPin<'a>,
}

impl Pin<'_> {
    fn get(&mut self) -> Result<Secret> {
        (self.ask)(self.source.as_deref())
    }
}

impl<'a> KeysInToken<'a> {
    /// The keys that `uri` means, for the certificate in the file `cert`.
    pub(crate) fn new(
        dir: &Path,
        cert: &str,
        (uri, source): (TokenUri, Option<PathBuf>),
        ask: &'a mut AskForPin<'a>,
    ) -> Self {
        Self { dir: dir.to_owned(), name: reference_name(cert), uri, pin: Pin { source, ask }, current: None }
    }

    /// The label that all keys of the certificate begin with.
    fn label(&self, name: &str) -> String {
        self.uri.object().unwrap_or(name).to_owned()
    }

    /// The key of a certificate.
    fn open_for(&mut self, leaf: &Certificate) -> Result<TokenKey> {
        let label = self.label(&leaf.common_name().unwrap_or_default());
        let named = [self.reference(&self.name)?, self.reference(&staged_name(&self.name))?];
        let uri = self.uri.clone();
        let is_meant = move |key: &TokenUri| {
            uri.names_key_of(key)
                || key.object().is_some_and(|found| number_of(found, &label).is_some())
                || named.iter().flatten().any(|reference| is_same(&reference.uri, key))
        };
        TokenKey::open_for(&self.uri, leaf.spki_der(), &is_meant, &mut || self.pin.get())
    }

    /// The reference in a file of this name; `None` if there is no such file, or if it is another kind of file.
    fn reference(&self, name: &str) -> Result<Option<KeyReference>> {
        let path = self.dir.join(name);
        let Some(bytes) = file::read_optional(&path, LIMIT)? else { return Ok(None) };
        KeyReference::from_pem(&bytes).map_err(|error| error.at(path))
    }

    /// The names for a new key, recorded: from now on, the next run knows that it makes this key.
    fn record(&mut self, name: &str, is_first: bool) -> Result<KeyReference> {
        let label = self.label(name);
        let current = self.current.as_ref().and_then(|current| number_of(current.object()?, &label)).unwrap_or(1);
        let uri = self.uri.with_key(None, None);
        let mut pin = || self.pin.get();
        let named = if is_first {
            // Apart, because label and id may belong to two different keys.
            for one in [uri.with_key(Some(&label), None), uri.with_key(None, self.uri.id())] {
                if (one.object().is_some() || one.id().is_some()) && TokenKey::exists(&one, &mut pin)? {
                    return Err(taken(&one));
                }
            }
            let free = TokenKey::free_name(&uri, &label, 1, &mut pin)?;
            uri.with_key(free.object(), self.uri.id().or(free.id()))
        } else {
            TokenKey::free_name(&uri, &label, current.saturating_add(1), &mut pin)?
        };
        let reference = KeyReference { uri: named, pin_source: self.pin.source.clone(), made: true };
        let mut set = FileSet::new(&self.dir);
        set.add(staged_name(&self.name), reference.to_pem(), Mode::Public)?;
        set.commit()?;
        Ok(reference)
    }

    /// Files that name the keys of earlier certificates which tbpki has made, each with the serial number in its name: one of
    /// `serials`, or that of a certificate that is not kept any more.
    fn earlier(&self, current: &TokenUri, serials: &[String]) -> Result<Vec<(String, KeyReference)>> {
        let mut found = Vec::new();
        for name in &BulkDir::open(&self.dir)?.names()? {
            let serial = name.strip_prefix(&self.name).and_then(|rest| rest.strip_prefix('.'));
            // A file that a user has copied, for example with a date in its name, names a key that may be in use elsewhere.
            if !serial.is_some_and(|serial| serials.iter().any(|one| one == serial) || is_long_serial(serial)) {
                continue;
            }
            // A file that cannot be read names no key that could be removed.
            let Ok(Some(reference)) = self.reference(name) else { continue };
            if reference.made && !is_same(&reference.uri, current) {
                found.push((name.to_owned(), reference));
            }
        }
        found.sort_by(|one, other| one.0.cmp(&other.0));
        Ok(found)
    }

    /// Removes a key that tbpki has made, and adds the result to the report. Returns whether the token is without it.
    fn remove(&mut self, uri: &TokenUri, keys: &mut EarlierKeys) -> bool {
        match TokenKey::remove(uri, &mut || self.pin.get()) {
            Ok(true) => keys.removed.push(uri.to_string()),
            Ok(false) => {}
            Err(error) => {
                keys.kept.push(uri.to_string());
                keys.findings.push(
                    Code::TokenKeyStays
                        .warning("the token keeps the key of an earlier certificate")
                        .item(uri.to_string())
                        .because(error)
                        .fix("remove the key with the program of the token; nothing uses it any more"),
                );
                return false;
            }
        }
        true
    }
}

impl HostKeys for KeysInToken<'_> {
    fn file(&self) -> &str {
        &self.name
    }

    fn present(&mut self, leaf: &Certificate) -> Result<LoginKey> {
        let key = self.open_for(leaf)?;
        self.current = Some(key.uri().clone());
        LoginKey::in_token(key)
    }

    fn check_form(&self) -> Result<()> {
        // The file that names the key is written by this client alone.
        Ok(())
    }

    fn of_staged(&mut self, leaf: &Certificate) -> Result<Option<LoginKey>> {
        match self.open_for(leaf) {
            Ok(key) => LoginKey::in_token(key).map(Some),
            // Half of a key is left where a run was interrupted.
            Err(error)
                if matches!(
                    error.code(),
                    Code::Pkcs11KeyMissing | Code::Pkcs11ObjectType | Code::Pkcs11KeyUnfit | Code::KeyMismatch
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn staged(&self) -> Result<StagedKey> {
        let Some(staged) = self.reference(&staged_name(&self.name))? else { return Ok(StagedKey::Missing) };
        let in_place = self.reference(&self.name)?;
        Ok(if in_place.is_some_and(|in_place| is_same(&in_place.uri, &staged.uri)) {
            StagedKey::InPlace
        } else {
            StagedKey::Other
        })
    }

    fn existing(&mut self, name: &str) -> Result<LoginKey> {
        let is_named = self.uri.object().is_some() || self.uri.id().is_some();
        let uri = if is_named { self.uri.clone() } else { self.uri.with_key(Some(name), None) };
        LoginKey::in_token(TokenKey::open(&uri, &mut || self.pin.get())?)
    }

    fn next(&mut self, algorithm: Algorithm, name: &str, present: Option<&Certificate>) -> Result<LoginKey> {
        let staged = match self.staged()? {
            // Of a run whose program has failed.
            StagedKey::InPlace | StagedKey::Missing => None,
            StagedKey::Other => self.reference(&staged_name(&self.name))?,
        };
        let reference = match staged {
            Some(reference) => reference,
            None => {
                self.remove_staged()?;
                self.record(name, present.is_none())?
            }
        };
        let made = TokenKey::open_or_make(&reference.uri, algorithm, &mut || self.pin.get());
        LoginKey::in_token(made.map_err(|error| without_a_new_key(error, present.is_none()))?)
    }

    fn add_to(&self, set: &mut FileSet, key: &LoginKey) -> Result<()> {
        let LoginKey::Token(signer) = key else { return Ok(()) };
        let key = signer.key();
        let uri = if key.uri().object().is_some() && key.uri().id().is_some() {
            key.uri().clone()
        } else {
            key.lasting_uri()?
        };
        let named = [self.reference(&staged_name(&self.name))?, self.reference(&self.name)?];
        let made = named.iter().flatten().any(|reference| reference.made && is_same(&reference.uri, &uri));
        let reference = KeyReference { uri, pin_source: self.pin.source.clone(), made };
        // Names that others have given to a key may hold what cannot be seen. They would not be read again.
        reference.to_string().parse::<KeyReference>()?;
        set.add(&self.name, reference.to_pem(), Mode::Public).map(drop)
    }

    fn uri(&self) -> Result<Option<String>> {
        Ok(self.reference(&self.name)?.map(|reference| reference.to_string()))
    }

    fn remove_earlier(&mut self, serials: &[String], loaded: bool) -> Result<EarlierKeys> {
        let mut keys = EarlierKeys::default();
        let Some(current) = self.reference(&self.name)? else { return Ok(keys) };
        // A key that was made and is not the one in place: the run after it was told to keep the present key.
        let staged = self.reference(&staged_name(&self.name))?;
        if let Some(staged) = staged.filter(|staged| staged.made && !is_same(&staged.uri, &current.uri)) {
            self.remove(&staged.uri, &mut keys);
        }
        let last = serials.first().map(|serial| format!("{}.{serial}", self.name));
        for (name, reference) in self.earlier(&current.uri, serials)? {
            // Without --after, nothing tells whether programs still sign with the key before.
            if !loaded && Some(&name) == last.as_ref() {
                keys.kept.push(reference.uri.to_string());
            } else if self.remove(&reference.uri, &mut keys) {
                // It is the record that the token has the key.
                file::remove(&self.dir, &name)?;
            }
        }
        Ok(keys)
    }

    fn earlier_file(&self, _serial: &str) -> Option<String> {
        None
    }

    fn remove_staged(&self) -> Result<()> {
        file::remove(&self.dir, &staged_name(&self.name)).map(drop)
    }
}

/// The name of the file that names the key of a certificate.
pub(crate) fn reference_name(cert: &str) -> String {
    format!("{cert}.key")
}

/// Whether the end of a file's name is a serial number, as tbpki writes it, that no date and no word looks like: CAs make them
/// of at least 64 random bits (CA/Browser Forum, Baseline Requirements, section 7.1).
fn is_long_serial(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte);
    text.len() >= 16
        && text.len().is_multiple_of(2)
        && text.bytes().all(is_digit)
        && text.bytes().any(|byte| !byte.is_ascii_digit())
}

/// The number of a label among those of a certificate: 1 for `label`, and N for `label.N`.
fn number_of(found: &str, label: &str) -> Option<u32> {
    match found.strip_prefix(label)? {
        "" => Some(1),
        rest => {
            let digits = rest.strip_prefix('.')?;
            // `parse` alone would take a plus sign, and zeros in front would be another label.
            let is_number = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
            digits.parse().ok().filter(|number| is_number && *number > 1)
        }
    }
}

/// Whether two URIs name the same key of their token.
fn is_same(one: &TokenUri, other: &TokenUri) -> bool {
    one.object() == other.object() && one.id() == other.id()
}

fn taken(uri: &TokenUri) -> Error {
    Code::TokenKeyTaken
        .error("the token has a key of this name already")
        .item(uri.to_string())
        .because("tbpki replaces no key, and uses an existing one only on request")
        .fix("use the key with --existing-key, or name another one with object=.. in the URI")
}

/// Adds the remedy to an error about a key that a token does not make.
fn without_a_new_key(error: Error, is_first: bool) -> Error {
    match (error.code(), is_first) {
        (Code::TokenMakesNoKey, true) => {
            error.fix("make the key with the program of the token, and use it with --existing-key")
        }
        (Code::TokenMakesNoKey, false) => error.fix(
            "make room in the token; or renew for the present key with --same-key: who has used that key can go on using it",
        ),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_no_serial_number() {
        assert!(is_long_serial("5F0A20B177D1C0B7AA"));
        for other in ["20261129", "2026112912345678", "5f0a20b177d1c0b7aa", "BAD", "5F0A20B177D1C0B7A"] {
            assert!(!is_long_serial(other), "{other}");
        }
    }

    #[test]
    fn labels_are_counted() {
        for (found, number) in [
            ("mqtt", Some(1)),
            ("mqtt.2", Some(2)),
            ("mqtt.17", Some(17)),
            ("mqtt.1", None),
            ("mqtt.02", None),
            ("mqtt.+2", None),
            ("mqtt.", None),
            ("mqtt2", None),
            ("mqtt.2.old", None),
            ("other", None),
        ] {
            assert_eq!(number_of(found, "mqtt"), number, "{found}");
        }
    }
}
