//! The creation of keygen.toml, the store and its CAs.

pub mod devices_key;
pub(crate) mod hierarchy;
pub mod imported_ca;
pub(crate) mod root_out;
pub mod unfinished;

use std::path::{Component, Path, PathBuf};

use base::file::{self, FileSet, Mode};
use base::{Code, Finding, Result, Secret};
use config::Config;
use config::legacy::SecretFile;
use pki::PrivateKey;
use pki::key::{KeyFormat, PBKDF2_ROUNDS};
use schemars::JsonSchema;
use serde::Serialize;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::files::output::{into_bytes, pem_of};
use crate::init::devices_key::{DevicesKey, TokenKeyPlan};
use crate::init::hierarchy::{NewCa, make_hierarchy, shared_ca};
use crate::init::imported_ca::ImportedCa;
use crate::init::root_out::expected_roots;
use crate::report::{CertificateReport, FileReport};
use store::StoreLocation;
use store::ca::key::KEY_FILE;
use store::ca::{Ca, Hierarchy, KeyLocation};
use store::{FILE_LIMIT, Store};

/// A request to make a store and its CAs.
#[derive(Debug)]
pub struct InitRequest {
    /// The place of keygen.toml, which may not exist yet.
    pub config_path: PathBuf,
    /// The configuration, with flags and variables on top.
    pub config: Config,
    /// The places of the store and of its ledger.
    pub location: StoreLocation,
    /// The text to be written; none if the user has written the file before.
    pub config_text: Option<String>,
    /// Passwords that a converted configuration names, for the store.
    pub secrets: Vec<SecretFile>,
    /// What encrypts the CA keys; none leaves them open to everyone who copies the store.
    pub passphrase: Option<Secret>,
    /// CAs for servers and for devices that the user imports.
    pub imported: Vec<(Hierarchy, Option<ImportedCa>)>,
    /// The key in a token with which devices are issued, in place of one in the store.
    pub devices_key: Option<DevicesKey>,
    /// The directory for the keys of the roots instead of the store.
    pub root_out: Option<PathBuf>,
    /// Say what would happen and write nothing.
    pub dry_run: bool,
}

/// The result of `init`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct InitReport {
    /// The configuration.
    pub config: PathBuf,
    /// The directory of the store.
    pub store: PathBuf,
    /// The CAs, roots first; empty in a dry run.
    pub cas: Vec<CaReport>,
    /// Every file.
    pub files: Vec<FileReport>,
    /// True if the CA keys are encrypted.
    pub encrypted: bool,
    /// True if `server.out` names the directory for the files of the server.
    #[serde(skip)]
    pub has_server_out: bool,
    /// Warnings and hints.
    #[serde(skip)]
    pub findings: Vec<Finding>,
}

/// One CA.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CaReport {
    /// The name in the store.
    pub name: String,
    /// What its certificate states.
    pub certificate: CertificateReport,
    /// The file of the private key, if it was imported or made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    /// The PKCS#11 URI of its private key, where a token keeps it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_uri: Option<String>,
}

/// The size of a new ledger with the CAs in it and the two files of SQLite, rounded up.
const NEW_LEDGER_ROOM: usize = 256 << 10;

/// Makes configuration, store and CAs, all at once or not at all.
///
/// # Errors
/// [`Code::StoreExists`] where there is a store already, or a configuration that was to be written, and what names,
/// dates, imported CAs, tokens and the disk can be wrong about. `pin` is asked for only where a token makes a key.
pub fn init(
    mut request: InitRequest,
    now: OffsetDateTime,
    pin: &mut dyn FnMut() -> Result<Secret>,
) -> Result<InitReport> {
    let store = request.config.general.store.resolved().to_owned();
    // Before a key is made in a token, where it would stay.
    check_absent(&request.config_path, request.config_text.is_some(), &store)?;
    let label = format!("{} {}", request.config.ca.name.value.as_str(), Ca::DevicesIssuing.title());
    // The issuing CA's certificate is signed for this key, so the key must exist before the CAs are made.
    let in_token = request
        .devices_key
        .take()
        .map(|wish| wish.prepare(request.config.ca.alg.value, &label, request.dry_run, pin))
        .transpose()?;
    let (mut report, cas) = match write_store(&mut request, &store, in_token.as_ref(), now) {
        Ok(written) => written,
        Err(error) => {
            return Err(match in_token {
                Some(key) => key.undo(error),
                None => error,
            });
        }
    };
    if request.dry_run {
        return Ok(report);
    }
    // Opening records the CAs in the ledger.
    drop(Store::open(&request.location, "init")?);
    if let Some(dir) = &request.root_out {
        report.files.extend(move_roots_out(&store, dir)?);
    }
    report.cas = cas
        .iter()
        .filter_map(|ca| {
            let certificate = CertificateReport::of(ca.certificates.first()?);
            let (key, key_uri) = match &ca.key {
                KeyLocation::File(_) => (Some(key_location(&store, &ca.ca, request.root_out.as_deref())), None),
                KeyLocation::Token(uri) => (None, Some(uri.to_string())),
                KeyLocation::Elsewhere => (None, None),
            };
            Some(CaReport { name: ca.ca.name(), certificate, key, key_uri })
        })
        .collect();
    Ok(report)
}

/// Makes the CAs and writes them, or lists in a dry run what would be written.
fn write_store(
    request: &mut InitRequest,
    store: &Path,
    in_token: Option<&TokenKeyPlan>,
    now: OffsetDateTime,
) -> Result<(InitReport, Vec<NewCa>)> {
    let mut findings: Vec<Finding> = in_token.map(TokenKeyPlan::findings).unwrap_or_default();
    let mut cas = Vec::new();
    for (hierarchy, imported) in std::mem::take(&mut request.imported) {
        let in_token = in_token.filter(|_| hierarchy == Hierarchy::Devices);
        cas.extend(make_hierarchy(&request.config, hierarchy, imported, in_token, now, &mut findings)?);
    }
    findings.extend(shared_ca(&cas));
    let set = file_set(request, store, &cas)?;
    let mut report = InitReport {
        config: request.config_path.clone(),
        store: store.to_owned(),
        cas: Vec::new(),
        files: Vec::new(),
        encrypted: request.passphrase.is_some(),
        has_server_out: false,
        findings,
    };
    let roots = request.root_out.as_deref().map(|dir| expected_roots(store, dir)).transpose()?;
    if request.dry_run {
        roots.as_ref().map_or(Ok(()), |roots| roots.check().map(drop))?;
        report.files = set.check()?.into_iter().map(|written| FileReport::planned(written.path)).collect();
        return Ok((report, cas));
    }
    rehearse(&set, roots.as_ref())?;
    report.files = set.commit()?.into_iter().map(FileReport::from).collect();
    Ok((report, cas))
}

/// Moves the keys of the roots out of a store, to be kept offline. What was moved already stays moved.
pub(crate) fn move_roots_out(store: &Path, dir: &Path) -> Result<Vec<FileReport>> {
    file::create_dir(dir)?;
    let mut set = FileSet::new(dir);
    let mut moved = Vec::new();
    for root in Hierarchy::ALL.map(Hierarchy::root) {
        if let Some(key) = file::read_optional(root.key_path(store), FILE_LIMIT)? {
            set.add(key_file_name(&root), key, Mode::Private)?;
            let cert = file::read(root.cert_path(store), FILE_LIMIT)?;
            set.add(format!("{root}.cert.pem"), cert, Mode::Public)?;
            moved.push(root);
        }
    }
    let written = set.commit()?;
    // Only now that the copies are durable: at no moment may a root's key be in neither place.
    for root in moved {
        file::remove(store, &format!("ca/{root}/{KEY_FILE}"))?;
    }
    Ok(written.into_iter().map(FileReport::from).collect())
}

pub(crate) fn key_file_name(ca: &Ca) -> String {
    format!("{ca}.key.pem")
}

pub(crate) fn key_location(store: &Path, ca: &Ca, root_out: Option<&Path>) -> PathBuf {
    match root_out.filter(|_| ca.is_root()) {
        Some(dir) => dir.join(key_file_name(ca)),
        None => ca.key_path(store),
    }
}

/// Finds what would stop the writing: of the store, of the ledger in it, and of the keys that go elsewhere.
fn rehearse(store: &FileSet, roots: Option<&FileSet>) -> Result<()> {
    let _store = store.rehearse()?;
    let mut ledger = FileSet::new(store.dir());
    ledger.add_unknown(".ledger", NEW_LEDGER_ROOM, Mode::Private)?;
    let _ledger = ledger.rehearse()?;
    roots.map_or(Ok(()), |roots| roots.rehearse().map(drop))
}

/// The directory of keygen.toml.
fn directory_of(config: &Path) -> &Path {
    config.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Fails if a store, or a configuration that is to be written, exists, after the files of a killed process were settled.
/// A verb that asks questions calls it before the first.
///
/// # Errors
/// [`Code::StoreExists`].
pub fn check_absent(config_path: &Path, writes_config: bool, store: &Path) -> Result<()> {
    let mut taken = Vec::new();
    if writes_config {
        // Store and keygen.toml are then one file set of this directory, so its leftovers are here and not in the
        // store.
        file::recover(directory_of(config_path))?;
        taken.extend([config_path, store]);
    } else if store.exists() {
        file::recover(store)?;
        // A directory that the user has prepared is not a store yet.
        let contents = ["ca", "ledger.db", "secrets"].map(|name| store.join(name));
        taken.extend(contents.iter().any(|path| path.exists()).then_some(store));
    }
    taken.into_iter().find(|path| path.exists()).map_or(Ok(()), |path| {
        Err(Code::StoreExists
            .error("a configuration or a store exists already")
            .at(path)
            .fix("use another directory, or move the old store away if it is not needed any more"))
    })
}

/// Everything that `init` writes, so that it appears together. The configuration comes last: while it is not there,
/// nothing has been begun.
fn file_set(request: &InitRequest, store: &Path, cas: &[NewCa]) -> Result<FileSet> {
    let config_path = request.config_path.as_path();
    let (mut set, prefix) = match &request.config_text {
        Some(_) => {
            (FileSet::new(directory_of(config_path)), format!("{}/", relative_to_config(config_path, store)?.display()))
        }
        None => (FileSet::new(store), String::new()),
    };
    for ca in cas {
        let dir = format!("{prefix}ca/{}", ca.ca);
        // The key before its certificate: a store that has a certificate without a key would look like one with an
        // offline CA.
        ca.key.add_to(&mut set, &dir, |set, name, key| {
            set.add(name, into_bytes(encode_key(key, request.passphrase.as_ref())?), Mode::Private).map(drop)
        })?;
        set.add(format!("{dir}/cert.pem"), pem_of(&ca.certificates).into_bytes(), Mode::Public)?;
    }
    for secret in &request.secrets {
        let text = Zeroizing::new(format!("{}\n", secret.secret.reveal()));
        set.add(format!("{prefix}secrets/{}", secret.name), into_bytes(text), Mode::Private)?;
    }
    if let Some(text) = &request.config_text {
        let name = config_path.file_name().and_then(|name| name.to_str()).unwrap_or("keygen.toml");
        set.add(name, text.as_bytes().to_vec(), Mode::Public)?;
    }
    Ok(set)
}

/// The path of a new store from the directory of keygen.toml: only there can both appear together.
fn relative_to_config<'a>(config: &Path, store: &'a Path) -> Result<&'a Path> {
    let from = config.parent().unwrap_or(Path::new(""));
    // `..` would lead out of the one directory that a file set covers.
    let inside = |path: &&Path| path.components().all(|part| matches!(part, Component::Normal(_)));
    store.strip_prefix(from).ok().filter(inside).ok_or_else(|| {
        Code::BadValue
            .error("a new store and a new keygen.toml have to be in the same directory")
            .at(store)
            .fix("write a keygen.toml that names the store, and run `tbpki init` again")
    })
}

/// A CA's key as it is kept: encrypted where there is a passphrase.
pub(crate) fn encode_key(key: &PrivateKey, passphrase: Option<&Secret>) -> Result<Zeroizing<String>> {
    match passphrase {
        Some(passphrase) => key.to_encrypted_pem(passphrase, PBKDF2_ROUNDS),
        None => key.to_pem(KeyFormat::Pkcs8),
    }
}
