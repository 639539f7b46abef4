//! Making a station: keygen.toml where there is none, the store, and the CAs in it.

use std::path::{Component, Path, PathBuf};

use pki::config::Config;
use pki::file::{self, FileSet, Mode};
use pki::issuer::{Issuer, KeySource, LocalCa, Order, SelfSigned};
use pki::key::{KeyFormat, PBKDF2_ROUNDS};
use pki::legacy::SecretFile;
use pki::profile::Profile;
use pki::serial::Serial;
use pki::tbs::Contents;
use pki::validity::{Lifetime, Validity};
use pki::{Certificate, Code, Finding, PrivateKey, Result, Secret};
use schemars::JsonSchema;
use serde::Serialize;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::brought_ca::BroughtCa;
use crate::ca::{CaName, Hierarchy};
use crate::home::Home;
use crate::output_file::{into_bytes, pem_of};
use crate::report::{CertificateReport, FileReport};
use crate::root_out::expected_roots;
use crate::store::{FILE_LIMIT, Store};

/// What a station is made from.
#[derive(Debug)]
pub struct InitRequest {
    /// Where keygen.toml is, or goes.
    pub config_path: PathBuf,
    /// What it says, with flags and variables on top.
    pub config: Config,
    /// Where the store goes, and where its ledger is.
    pub home: Home,
    /// Its text, where it is to be written; none where somebody has written it before.
    pub config_text: Option<String>,
    /// Passwords that a converted configuration names, for the store.
    pub secrets: Vec<SecretFile>,
    /// What encrypts the CA keys; none leaves them open to whoever copies the store.
    pub passphrase: Option<Secret>,
    /// CAs for servers and for devices that somebody brings.
    pub brought: Vec<(Hierarchy, Option<BroughtCa>)>,
    /// Where the keys of the roots go instead of the store.
    pub root_out: Option<PathBuf>,
    /// Say what would happen and write nothing.
    pub dry_run: bool,
}

/// What was made.
#[derive(Debug, Serialize, JsonSchema)]
pub struct InitReport {
    /// The configuration.
    pub config: PathBuf,
    /// The store.
    pub store: PathBuf,
    /// The CAs, roots first; empty in a dry run.
    pub cas: Vec<CaReport>,
    /// Every file.
    pub files: Vec<FileReport>,
    /// Whether the CA keys are encrypted.
    pub encrypted: bool,
    /// What was noticed on the way.
    #[serde(skip)]
    pub findings: Vec<Finding>,
}

/// One CA.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CaReport {
    /// Its name in the store.
    pub name: String,
    /// Its certificate.
    pub certificate: CertificateReport,
    /// Where its private key is, if it was brought or made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
}

/// A CA before it is written down.
struct MadeCa {
    name: CaName,
    /// Its certificate, and behind it those between it and the root.
    certificates: Vec<Certificate>,
    key: Option<PrivateKey>,
}

/// What a new ledger takes, with the CAs in it and its two files beside it, rounded up.
const NEW_LEDGER_ROOM: usize = 256 << 10;

/// Makes configuration, store and CAs, all at once or not at all.
///
/// # Errors
/// [`Code::StoreExists`] where there is a store already, or a configuration that was to be written, and what names,
/// dates, brought CAs and the disk can be wrong about.
pub fn init(mut request: InitRequest, now: OffsetDateTime) -> Result<InitReport> {
    let store = request.config.general.store.resolved().to_owned();
    check_absent(&request, &store)?;
    let mut findings = Vec::new();
    let mut cas = Vec::new();
    for (hierarchy, brought) in std::mem::take(&mut request.brought) {
        cas.extend(make_hierarchy(&request.config, hierarchy, brought, now, &mut findings)?);
    }
    findings.extend(shared_ca(&cas));
    let set = file_set(&request, &store, &cas)?;
    let mut report = InitReport {
        config: request.config_path.clone(),
        store: store.clone(),
        cas: Vec::new(),
        files: Vec::new(),
        encrypted: request.passphrase.is_some(),
        findings,
    };
    let roots = request.root_out.as_deref().map(|dir| expected_roots(&store, dir)).transpose()?;
    if request.dry_run {
        roots.as_ref().map_or(Ok(()), |roots| roots.check().map(drop))?;
        report.files = set.check()?.into_iter().map(|written| FileReport::planned(written.path)).collect();
        return Ok(report);
    }
    rehearse(&set, roots.as_ref())?;
    report.files = set.commit()?.into_iter().map(FileReport::from).collect();
    // Opening records the CAs in the ledger.
    drop(Store::open(&request.home, "init")?);
    if let Some(dir) = &request.root_out {
        report.files.extend(move_roots_out(&store, dir)?);
    }
    report.cas = cas
        .iter()
        .filter_map(|ca| {
            let key = key_location(&store, ca.name, request.root_out.as_deref());
            Some(CaReport {
                name: ca.name.name().to_owned(),
                certificate: CertificateReport::of(ca.certificates.first()?),
                key: ca.key.as_ref().map(|_| key),
            })
        })
        .collect();
    Ok(report)
}

/// Moves the keys of the roots out of a store, to be kept offline. What was moved already stays moved.
pub(crate) fn move_roots_out(store: &Path, dir: &Path) -> Result<Vec<FileReport>> {
    file::create_dir(dir)?;
    let mut set = FileSet::new(dir);
    let mut moved = Vec::new();
    for name in CaName::ALL.into_iter().filter(|name| name.is_root()) {
        if let Some(key) = file::read_optional(name.key_path(store), FILE_LIMIT)? {
            set.add(key_file_name(name), key, Mode::Private)?;
            let cert = file::read(name.cert_path(store), FILE_LIMIT)?;
            set.add(format!("{}.cert.pem", name.name()), cert, Mode::Public)?;
            moved.push(name);
        }
    }
    let written = set.commit()?;
    for name in moved {
        file::remove(store, &format!("ca/{}/key.pem", name.name()))?;
    }
    Ok(written.into_iter().map(FileReport::from).collect())
}

pub(crate) fn key_file_name(name: CaName) -> String {
    format!("{}.key.pem", name.name())
}

pub(crate) fn key_location(store: &Path, name: CaName, root_out: Option<&Path>) -> PathBuf {
    match root_out.filter(|_| name.is_root()) {
        Some(dir) => dir.join(key_file_name(name)),
        None => name.key_path(store),
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

/// Fails where something is in the way, once what a killed process has left there is settled.
fn check_absent(request: &InitRequest, store: &Path) -> Result<()> {
    let mut taken = Vec::new();
    if request.config_text.is_some() {
        file::recover(directory_of(&request.config_path))?;
        taken.extend([request.config_path.as_path(), store]);
    } else if store.exists() {
        file::recover(store)?;
        // A directory that somebody has prepared is not a store yet.
        let contents = ["ca", "ledger.db", "secrets"].map(|name| store.join(name));
        taken.extend(contents.iter().any(|path| path.exists()).then_some(store));
    }
    taken.into_iter().find(|path| path.exists()).map_or(Ok(()), |path| {
        Err(Code::StoreExists
            .error("there is one already")
            .at(path)
            .fix("use another directory; a store that is not needed any more has to be moved away by hand"))
    })
}

/// A root and an issuing CA: made, or as far as they were brought.
fn make_hierarchy(
    config: &Config,
    hierarchy: Hierarchy,
    brought: Option<BroughtCa>,
    now: OffsetDateTime,
    findings: &mut Vec<Finding>,
) -> Result<[MadeCa; 2]> {
    let (root_name, issuing_name) = (hierarchy.root(), hierarchy.issuing());
    let root = match brought {
        None => {
            let contents = ca_contents(config, root_name, config.ca.root_days.value.number(), None, now, findings)?;
            let order = Order { contents, key: KeySource::Generate(config.ca.alg.value) };
            let issued = SelfSigned.issue(order)?;
            let key = issued.key.ok_or_else(|| Code::Internal.error("a root without a key"))?;
            LocalCa::new(issued.chain, key)?
        }
        Some(ca) if ca.is_root() => LocalCa::new(vec![ca.certificate], ca.key)?,
        Some(ca) => return taken_over(root_name, issuing_name, ca),
    };
    let days = config.ca.issuing_days.value.number();
    let contents = ca_contents(config, issuing_name, days, root.validity(), now, findings)?;
    let issued = root.issue(Order { contents, key: KeySource::Generate(config.ca.alg.value) })?;
    let (certificate, key) = root.into_parts();
    Ok([
        MadeCa { name: root_name, certificates: vec![certificate], key: Some(key) },
        MadeCa { name: issuing_name, certificates: issued.chain, key: issued.key },
    ])
}

/// A warning where the two hierarchies are one: they are told apart by their keys, since a CA may have several
/// certificates.
fn shared_ca(cas: &[MadeCa]) -> Option<Finding> {
    let of = |hierarchy: Hierarchy| {
        cas.iter().filter(move |ca| ca.name.hierarchy() == hierarchy).flat_map(|ca| &ca.certificates)
    };
    let shared =
        of(Hierarchy::Server).find(|ca| of(Hierarchy::Devices).any(|other| other.spki_der() == ca.spki_der()))?;
    let finding = Code::SharedCa
        .warning(format!("servers and devices are both below {}", shared.label()))
        .because("whoever may issue devices can pose as the broker")
        .fix("bring your CA for the devices and let init make the servers', or the other way round");
    Some(finding)
}

/// An issuing CA that was brought, with its root, whose key stays where it is.
fn taken_over(root_name: CaName, issuing_name: CaName, mut ca: BroughtCa) -> Result<[MadeCa; 2]> {
    let root = ca.above.pop().ok_or_else(|| Code::Internal.error("an issuing CA without a root"))?;
    let mut certificates = vec![ca.certificate];
    certificates.extend(ca.above);
    Ok([
        MadeCa { name: root_name, certificates: vec![root], key: None },
        MadeCa { name: issuing_name, certificates, key: Some(ca.key) },
    ])
}

fn ca_contents(
    config: &Config,
    name: CaName,
    days: u32,
    issuer: Option<Validity>,
    now: OffsetDateTime,
    findings: &mut Vec<Finding>,
) -> Result<Contents> {
    let (validity, note) = Validity::starting(now, Lifetime { days, explicit: false }, issuer.as_ref())?;
    findings.extend(note.map(|note| note.item(name.name())));
    let common_name = format!("{} {}", config.ca.name.value.as_str(), name.title());
    let permitted_dns: Vec<String> = match name {
        CaName::ServerIssuing => {
            config.name_constraints.permitted_dns.iter().map(|domain| domain.as_str().to_owned()).collect()
        }
        _ => Vec::new(),
    };
    if !permitted_dns.is_empty() {
        findings.push(
            Code::FirmwareLimit
                .warning("our firmware refuses chains with name constraints, which are critical")
                .item(name.name()),
        );
    }
    Ok(Contents {
        profile: if name.is_root() { Profile::Root } else { Profile::IssuingCa },
        serial: Serial::random()?,
        validity,
        subject: config.subject()?.with_common_name(&common_name)?,
        sans: Vec::new(),
        permitted_dns,
    })
}

/// Everything that `init` writes, so that it appears together. The configuration comes last: while it is not there,
/// nothing has been begun.
fn file_set(request: &InitRequest, store: &Path, cas: &[MadeCa]) -> Result<FileSet> {
    let config_path = request.config_path.as_path();
    let (mut set, prefix) = match &request.config_text {
        Some(_) => (FileSet::new(directory_of(config_path)), format!("{}/", beside(config_path, store)?.display())),
        None => (FileSet::new(store), String::new()),
    };
    for ca in cas {
        if let Some(key) = &ca.key {
            let pem = encode_key(key, request.passphrase.as_ref())?;
            set.add(format!("{prefix}ca/{}/key.pem", ca.name), into_bytes(pem), Mode::Private)?;
        }
        let pem = pem_of(&ca.certificates).into_bytes();
        set.add(format!("{prefix}ca/{}/cert.pem", ca.name), pem, Mode::Public)?;
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
fn beside<'a>(config: &Path, store: &'a Path) -> Result<&'a Path> {
    let from = config.parent().unwrap_or(Path::new(""));
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
