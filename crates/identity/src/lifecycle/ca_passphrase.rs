//! Changing the passphrase of the key files of CAs.

use std::collections::VecDeque;
use std::path::PathBuf;

use base::{Code, Finding, Result, Secret, file};
use pki::PrivateKey;
use schemars::JsonSchema;
use serde::Serialize;
use store::ca::key::{KEY_FILE, KeyLocation, URI_FILE, open_key};
use store::ca::key_files::{GenerationKey, keys_of, replace};
use store::ca::{Ca, certificates_in, unavailable};
use store::file_names::CERT;
use store::secrets::CaSecret;
use store::{FILE_LIMIT, Workspace};
use zeroize::Zeroizing;

use crate::init::encode_key;
use crate::profile_ca;

/// A request to change the passphrase of CA keys.
#[derive(Debug, Clone)]
pub struct CaPassphraseRequest {
    /// The CAs; empty for all that have a key file in the store.
    pub cas: Vec<Ca>,
    /// The new passphrase, if it is known before the keys are open. With all CAs, keys that have it already are opened with
    /// it: those that were changed by themselves before.
    pub new: Option<Secret>,
    /// Say what would happen, and write nothing.
    pub dry_run: bool,
}

/// The changed key files.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct CaPassphraseReport {
    /// True if nothing was changed.
    pub dry_run: bool,
    /// One for each key file, also those of generations that are out of service.
    pub keys: Vec<ChangedKey>,
    /// Warnings and hints.
    #[serde(skip)]
    pub findings: Vec<Finding>,
}

/// A key file of a CA.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ChangedKey {
    /// The CA whose key file has the new passphrase, for example devices-issuing.
    pub ca: String,
    /// The generation, from 1.
    pub generation: u32,
    /// The file.
    pub path: PathBuf,
    /// The change.
    pub done: KeyChange,
}

/// A change to a key file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyChange {
    /// It is encrypted with the new passphrase.
    Encrypted,
    /// It is not encrypted any more.
    Decrypted,
    /// It was not encrypted, and is not.
    Unchanged,
    /// A dry run: it would be changed.
    Planned,
}

/// A key, opened.
struct OpenedKey {
    key: PrivateKey,
    is_encrypted: bool,
}

/// Changes the passphrase of the key files of CAs, in all generations. `passphrase` is asked for the new one once every key
/// is open; `None` leaves the keys without one. All files are replaced, or none.
///
/// # Errors
/// [`Code::KeyInToken`] for a key in a token, [`Code::CaUnavailable`] if a CA has no key in the store,
/// [`Code::WrongPassphrase`], [`Code::KeyMismatch`], and those of the disk. Nothing is changed then.
pub fn change(
    workspace: &mut Workspace<'_>,
    request: &CaPassphraseRequest,
    passphrase: &mut dyn FnMut() -> Result<Option<Secret>>,
) -> Result<CaPassphraseReport> {
    store::check_exists(workspace.store_dir())?;
    let mut report = CaPassphraseReport { dry_run: request.dry_run, ..CaPassphraseReport::default() };
    let Keys { keys, others, absent } = keys(workspace, request)?;
    report.findings.extend(elsewhere(&absent));
    if request.dry_run {
        report.findings.extend(kept(&others, request.new.as_ref())?);
        report.keys = keys.iter().map(|key| changed(key, KeyChange::Planned)).collect();
        return Ok(report);
    }
    let store = workspace.open_store("ca passphrase")?;
    // Read again: another verb may have replaced a CA until the store was locked.
    let Keys { keys, others, .. } = self::keys(workspace, request)?;
    let present = request.new.as_ref().filter(|_| request.cas.is_empty());
    let opened = open_all(workspace, &keys, present)?;
    let new = passphrase()?;
    let mut files = Vec::new();
    for (place, OpenedKey { key, is_encrypted }) in keys.iter().zip(&opened) {
        let done = match (&new, is_encrypted) {
            (None, false) => KeyChange::Unchanged,
            (None, true) => KeyChange::Decrypted,
            (Some(_), _) => KeyChange::Encrypted,
        };
        if done != KeyChange::Unchanged {
            files.push((place.dir.join(KEY_FILE), encoded(key, new.as_ref())?));
        }
        report.keys.push(changed(place, done));
    }
    replace(store.dir(), files)?;
    report.findings.extend(kept(&others, new.as_ref())?);
    Ok(report)
}

/// The keys of the CAs of a store.
struct Keys {
    /// The key files of the request.
    keys: Vec<GenerationKey>,
    /// The key files of the other CAs.
    others: Vec<GenerationKey>,
    /// The CAs of the request with a key that is not in the store.
    absent: Vec<Ca>,
}

fn keys(workspace: &Workspace<'_>, request: &CaPassphraseRequest) -> Result<Keys> {
    let dir = workspace.store_dir();
    let (mut keys, mut others, mut absent) = (Vec::new(), Vec::new(), Vec::new());
    for ca in profile_ca::all_cas(&workspace.view()?)? {
        let mut of_ca = keys_of(dir, &ca)?;
        let is_in_file = |key: &GenerationKey| matches!(key.place, KeyLocation::File(_));
        if request.cas.contains(&ca) {
            check(&ca, &of_ca)?;
        } else if !request.cas.is_empty() {
            of_ca.retain(is_in_file);
            others.extend(of_ca);
            continue;
        }
        if of_ca.iter().any(|key| key.place == KeyLocation::Elsewhere) {
            absent.push(ca);
        }
        of_ca.retain(is_in_file);
        keys.extend(of_ca);
    }
    if keys.is_empty() {
        return Err(Code::CaUnavailable
            .error("no CA has a key file in this store")
            .at(dir.join("ca"))
            .fix("run the command in the store with the keys"));
    }
    Ok(Keys { keys, others, absent })
}

/// Fails unless every key of a CA that was named is in a file, or elsewhere as far as one is here.
fn check(ca: &Ca, keys: &[GenerationKey]) -> Result<()> {
    if let Some(key) = keys.iter().find(|key| matches!(key.place, KeyLocation::Token(_))) {
        return Err(Code::KeyInToken
            .error(format!("the key of {ca} is in a token, which has a PIN and no passphrase"))
            .at(key.dir.join(URI_FILE))
            .fix("change the PIN with the program of the token, for example `pkcs11-tool --change-pin`"));
    }
    match keys.iter().any(|key| matches!(key.place, KeyLocation::File(_))) {
        true => Ok(()),
        false => {
            let dir = keys.first().map(|key| key.dir.join(KEY_FILE)).unwrap_or_default();
            Err(unavailable(&dir, ca))
        }
    }
}

/// Opens every key. A passphrase that has opened one is tried on the next one before another is asked for, and `present`
/// last of all that are known.
fn open_all(workspace: &mut Workspace<'_>, keys: &[GenerationKey], present: Option<&Secret>) -> Result<Vec<OpenedKey>> {
    let settings = &workspace.config.ca;
    let secrets = &mut workspace.secrets;
    let (mut known, mut asked): (Option<Secret>, Option<Secret>) = (None, None);
    let mut opened = Vec::new();
    for place in keys {
        let path = place.dir.join(KEY_FILE);
        let bytes = file::read_secret(&path, FILE_LIMIT)?;
        let mut given = None;
        let mut untried: VecDeque<Secret> = known.iter().chain(&asked).cloned().collect();
        let mut present = present.cloned();
        let key = open_key(&bytes, &mut |_| {
            given = match untried.pop_front() {
                None if asked.is_none() => {
                    asked = secrets.of_ca(settings, CaSecret::Passphrase)?;
                    asked.clone()
                }
                None => match present.take() {
                    None => secrets.of_ca(settings, CaSecret::PassphraseAgain)?,
                    present => present,
                },
                untried => untried,
            };
            Ok(given.clone())
        });
        let key = key.map_err(|error| error.at(&path))?;
        // A key that does not belong to the certificate would be found out only by the next signature.
        if let Some(certificate) = certificates_in(&place.dir.join(CERT))?.first() {
            key.check_belongs_to(certificate.spki_der()).map_err(|error| error.at(&path))?;
        }
        let is_encrypted = given.is_some();
        known = given.or(known);
        opened.push(OpenedKey { key, is_encrypted });
    }
    Ok(opened)
}

/// The new contents of a key file, opened again as a later verb will.
fn encoded(key: &PrivateKey, passphrase: Option<&Secret>) -> Result<Zeroizing<String>> {
    let pem = encode_key(key, passphrase)?;
    PrivateKey::from_pem_or_der(pem.as_bytes(), passphrase)?.check_belongs_to(key.spki_der())?;
    Ok(pem)
}

fn changed(key: &GenerationKey, done: KeyChange) -> ChangedKey {
    ChangedKey { ca: key.ca.name(), generation: key.generation, path: key.dir.join(KEY_FILE), done }
}

/// A note about the CAs whose key files do not have the new passphrase: all verbs ask for one.
fn kept(others: &[GenerationKey], new: Option<&Secret>) -> Result<Option<Finding>> {
    let mut names: Vec<String> = Vec::new();
    for key in others {
        let name = key.ca.name();
        if !names.contains(&name) && !has_passphrase(key, new)? {
            names.push(name);
        }
    }
    Ok((!names.is_empty()).then(|| {
        Code::PassphraseKept
            .note(format!("keys that keep their passphrase: {}", names.join(", ")))
            .because("`[ca] passphrase` and --ca-passphrase-file name one passphrase for all CA keys")
            .fix("change all of them with `tbpki ca passphrase --all`")
    }))
}

/// Whether a key file has this passphrase, or none if there is no new one.
fn has_passphrase(key: &GenerationKey, passphrase: Option<&Secret>) -> Result<bool> {
    let bytes = file::read_secret(key.dir.join(KEY_FILE), FILE_LIMIT)?;
    Ok(match (PrivateKey::from_pem_or_der(&bytes, None), passphrase) {
        (Err(error), Some(_)) if error.code() == Code::KeyEncrypted => {
            PrivateKey::from_pem_or_der(&bytes, passphrase).is_ok()
        }
        (open, passphrase) => open.is_ok() && passphrase.is_none(),
    })
}

/// A note about the CAs with keys that are not in the store: the copies elsewhere stay encrypted as they are.
fn elsewhere(absent: &[Ca]) -> Option<Finding> {
    let names: Vec<String> = absent.iter().map(Ca::name).collect();
    (!names.is_empty()).then(|| {
        Code::PassphraseKept
            .note(format!("keys that are not in the store and keep their passphrase: {}", names.join(", ")))
            .because("only key files in the store are changed, and a root that is kept offline has its key elsewhere")
            .fix(
                "put the key file into its place in the store and run the same command again, or use the earlier \
                 passphrase with this key",
            )
    })
}
