//! Making a station: keygen.toml, the store, and the CAs in it.

use std::path::{Path, PathBuf};

use pki::config::{self, Config};
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
use crate::output_file::{into_bytes, pem_of};
use crate::report::{CertificateReport, FileReport};
use crate::store::{FILE_LIMIT, Store};

/// What a station is made from.
#[derive(Debug)]
pub struct InitRequest {
    /// Where keygen.toml goes; the store goes beside it.
    pub config_path: PathBuf,
    /// The text of keygen.toml.
    pub config_text: String,
    /// Passwords that a converted configuration names, for the store.
    pub secrets: Vec<SecretFile>,
    /// What encrypts the CA keys; none leaves them open to whoever copies the store.
    pub passphrase: Option<Secret>,
    /// CAs for servers and for devices that somebody brings.
    pub brought: [(Hierarchy, Option<BroughtCa>); 2],
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

/// Makes configuration, store and CAs, all at once or not at all.
///
/// # Errors
/// [`Code::StoreExists`] where there is a configuration or a store already, and what names, dates, brought CAs and
/// the disk can be wrong about.
pub fn init(request: InitRequest, now: OffsetDateTime) -> Result<InitReport> {
    let (config, mut findings) = config::parse(&request.config_text)?;
    let base = request.config_path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let store_name = config.general.store.written().to_owned();
    let store = base.join(&store_name);
    file::recover(base)?;
    check_absent(&request.config_path, &store)?;
    let mut cas = Vec::new();
    for (hierarchy, brought) in request.brought {
        cas.extend(make_hierarchy(&config, hierarchy, brought, now, &mut findings)?);
    }
    let set = file_set(
        base,
        &store_name,
        &request.config_path,
        &request.config_text,
        &request.secrets,
        &cas,
        request.passphrase.as_ref(),
    )?;
    let mut report = InitReport {
        config: request.config_path.clone(),
        store: store.clone(),
        cas: Vec::new(),
        files: Vec::new(),
        encrypted: request.passphrase.is_some(),
        findings,
    };
    if request.dry_run {
        report.files = set.check()?.into_iter().map(|written| FileReport::planned(written.path)).collect();
        return Ok(report);
    }
    report.files = set.commit()?.into_iter().map(FileReport::from).collect();
    // Opening records the CAs in the ledger.
    drop(Store::open(&store, "init")?);
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
pub fn move_roots_out(store: &Path, dir: &Path) -> Result<Vec<FileReport>> {
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

/// Whether an interrupted `init --root-out` left keys of roots in the store.
pub fn holds_root_keys(store: &Path) -> bool {
    CaName::ALL.into_iter().any(|name| name.is_root() && name.key_path(store).exists())
}

fn key_file_name(name: CaName) -> String {
    format!("{}.key.pem", name.name())
}

fn key_location(store: &Path, name: CaName, root_out: Option<&Path>) -> PathBuf {
    match root_out.filter(|_| name.is_root()) {
        Some(dir) => dir.join(key_file_name(name)),
        None => name.key_path(store),
    }
}

fn check_absent(config: &Path, store: &Path) -> Result<()> {
    let taken = [config, store].into_iter().find(|path| path.exists());
    taken.map_or(Ok(()), |path| {
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
fn file_set(
    base: &Path,
    store: &Path,
    config_path: &Path,
    config_text: &str,
    secrets: &[SecretFile],
    cas: &[MadeCa],
    passphrase: Option<&Secret>,
) -> Result<FileSet> {
    let in_store = |path: String| format!("{}/{path}", store.display());
    let mut set = FileSet::new(base);
    for ca in cas {
        if let Some(key) = &ca.key {
            let pem = encode_key(key, passphrase)?;
            set.add(in_store(format!("ca/{}/key.pem", ca.name)), into_bytes(pem), Mode::Private)?;
        }
        let pem = pem_of(&ca.certificates).into_bytes();
        set.add(in_store(format!("ca/{}/cert.pem", ca.name)), pem, Mode::Public)?;
    }
    for secret in secrets {
        let text = Zeroizing::new(format!("{}\n", secret.secret.reveal()));
        set.add(in_store(format!("secrets/{}", secret.name)), into_bytes(text), Mode::Private)?;
    }
    let name = config_path.file_name().and_then(|name| name.to_str()).unwrap_or("keygen.toml");
    set.add(name, config_text.as_bytes().to_vec(), Mode::Public)?;
    Ok(set)
}

fn encode_key(key: &PrivateKey, passphrase: Option<&Secret>) -> Result<Zeroizing<String>> {
    match passphrase {
        Some(passphrase) => key.to_encrypted_pem(passphrase, PBKDF2_ROUNDS),
        None => key.to_pem(KeyFormat::Pkcs8),
    }
}
