//! The issuing CA of a device profile in the store.

pub mod name_pattern;

use std::path::Path;

use base::file::{FileSet, Mode};
use base::text::quote;
use base::{Code, Finding, Result, Secret, file};
use ledger::{Key, Kind, NewIdentity, Parameters, SerialNumber};
use pki::device_name::DeviceName;
use pki::issuer::{Issued, Issuer, KeySource, Order};
use pki::profile::Profile;
use pki::serial::Serial;
use pki::tbs::Contents;
use pki::trial::Trial;
use pki::validity::{Lifetime, Validity};
use pki::verify::Purpose;
use pki::{Certificate, Subject};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::files::output::{into_bytes, pem_of};
use crate::init::encode_key;
use crate::report::FileReport;
use crate::request::crl_url;
use name_pattern::NamePattern;
use store::Workspace;
use store::ca::{Ca, OpenCa};
use store::{FILE_LIMIT, Store, issued_record};

/// The file with the expression that finds its devices, kept with the CA.
pub const SETTINGS: &str = "profile.json";

/// The way in which a profile finds its devices.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProvisioningRule {
    /// The expression for their names.
    pub pattern: String,
    /// True if it makes devices that are not there.
    pub creates_devices: bool,
}

/// The profile's settings in the store; none where there is no such CA.
pub fn kept(store: &Path, profile: &DeviceName) -> Result<Option<ProvisioningRule>> {
    let path = Ca::Profile(profile.clone()).dir(store).join(SETTINGS);
    let Some(bytes) = file::read_optional(&path, FILE_LIMIT)? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| {
        Code::FileUnreadable
            .error("the settings of the profile cannot be read")
            .at(&path)
            .caused_by(error)
            .fix("restore the file from a backup, or run `tbpki profile create` with --pattern again")
    })
}

/// The expression of a profile that has a CA in the store.
pub fn pattern(store: &Path, profile: &DeviceName) -> Result<NamePattern> {
    let kept = kept(store, profile)?.ok_or_else(|| unknown(profile))?;
    kept.pattern.parse()
}

/// The error for a profile without a CA in the store.
pub fn unknown(profile: &DeviceName) -> base::Error {
    Code::UnknownProfile
        .error(format!("the store has no issuing CA for the profile {}", quote(profile.as_str())))
        .item(profile.as_str())
        .fix("make one with `tbpki profile create NAME`")
}

/// The profiles that have a CA in the store, by name.
pub fn names(ledger: &ledger::View) -> Result<Vec<DeviceName>> {
    let cas = ledger::Filter { kind: Some(Kind::Ca), current_only: true, ..ledger::Filter::default() };
    let mut names = Vec::new();
    for entry in ledger.list(&cas) {
        let entry = entry?;
        if let Some(name) = Ca::profile_of(&entry.key.name) {
            names.push(name.parse()?);
        }
    }
    Ok(names)
}

/// As [`names`], with those whose CA is revoked: their next generation is trusted before it signs.
///
/// # Errors
/// Those of the ledger.
pub fn names_with_revoked(ledger: &ledger::View) -> Result<Vec<DeviceName>> {
    let mut names = names(ledger)?;
    for entry in ledger.list(&ledger::Filter { kind: Some(Kind::Ca), ..ledger::Filter::default() }) {
        let entry = entry?;
        if entry.role != ledger::Role::Revoked {
            continue;
        }
        if let Some(name) = Ca::profile_of(&entry.key.name) {
            names.push(name.parse()?);
        }
    }
    names.sort();
    names.dedup();
    Ok(names)
}

/// Every CA that the store has or has had: those of `init`, then those of profiles by name, revoked ones included.
///
/// # Errors
/// Those of the ledger.
pub fn all_cas(ledger: &ledger::View) -> Result<Vec<Ca>> {
    let profiles = names_with_revoked(ledger)?.into_iter().map(Ca::Profile);
    Ok(Ca::OF_INIT.iter().cloned().chain(profiles).collect())
}

/// Keeps the settings of a profile whose CA is there.
pub fn keep(store: &Path, profile: &DeviceName, kept: &ProvisioningRule) -> Result<Vec<FileReport>> {
    let mut set = FileSet::new(Ca::Profile(profile.clone()).dir(store)).replacing("old");
    set.add(SETTINGS, settings(kept)?, Mode::Public)?;
    Ok(set.commit()?.into_iter().map(FileReport::from).collect())
}

/// Makes the CA of a profile below the devices' root: recorded, signed, written together with its settings.
///
/// # Errors
/// [`Code::CaUnavailable`] where the key of the devices' root is kept elsewhere, and what names, dates and the disk can be
/// wrong about.
pub fn make(
    workspace: &mut Workspace<'_>,
    store: &mut Store,
    profile: &DeviceName,
    kept: &ProvisioningRule,
) -> Result<(Vec<FileReport>, Option<Finding>)> {
    let ca = Ca::Profile(profile.clone());
    // First, because a name whose last attempt is open cannot be intended again.
    settle(store, &ca)?;
    let (root, passphrase) = workspace.open_ca_with_passphrase(&Ca::DevicesRoot)?;
    root.check_may_have_cas()?;
    let days = workspace.config.ca.issuing_days.value.number();
    let lifetime = Lifetime { days, explicit: false };
    let (validity, note) = Validity::starting(workspace.now, lifetime, root.period())?;
    let contents = Contents {
        profile: Profile::IssuingCa,
        serial: Serial::random()?,
        validity,
        subject: workspace.config.subject()?.with_common_name(&format!("{profile} issuing CA"))?,
        sans: Vec::new(),
        permitted_dns: Vec::new(),
        crl_url: crl_url(workspace.config, &Ca::DevicesRoot),
    };
    // Recorded before anything is signed, so that a signed CA is never unknown to the ledger.
    let generation = store.ledger.intend(&NewIdentity {
        kind: Kind::Ca,
        name: ca.name(),
        serial: SerialNumber::new(contents.serial.octets())?,
        profile: Profile::IssuingCa.name().to_owned(),
        algorithm: workspace.config.ca.alg.value.name().to_owned(),
        parameters: Parameters::of(&contents.subject.to_string())?,
        issuer: Ca::DevicesRoot.name(),
        not_before: validity.not_before(),
        not_after: validity.not_after(),
    })?;
    let key = Key { kind: Kind::Ca, name: ca.name(), generation };
    let order = Order { contents, key: KeySource::Generate(workspace.config.ca.alg.value) };
    let subject = workspace.config.subject()?;
    let (dir, now) = (store.dir(), workspace.now);
    let delivered =
        sign(&root, order, &subject, now).and_then(|issued| deliver(dir, &ca, issued, passphrase.as_ref(), kept));
    match delivered {
        Ok((certificate, files)) => {
            store.ledger.issued(&key, &issued_record(&certificate))?;
            Ok((files, note))
        }
        Err(error) => {
            store.ledger.void(&key, &error.to_string())?;
            Err(error)
        }
    }
}

/// Signs the CA, and tries it before anything is written.
fn sign(root: &OpenCa, order: Order, subject: &Subject, now: OffsetDateTime) -> Result<Issued> {
    let issued = root.issue(order)?;
    let above = std::iter::once(root.certificate()).chain(root.above());
    let chain: Vec<Certificate> = issued.chain.iter().take(1).chain(above).cloned().collect();
    if let Some(key) = &issued.key {
        // A chain that a verifier refuses is found before the CA reaches the store.
        Trial { chain: &chain, key, purpose: Purpose::Device, subject, names: &[] }.run(now)?;
    }
    Ok(issued)
}

fn deliver(
    store: &Path,
    ca: &Ca,
    issued: Issued,
    passphrase: Option<&Secret>,
    kept: &ProvisioningRule,
) -> Result<(Certificate, Vec<FileReport>)> {
    let key = issued.key.ok_or_else(|| Code::Internal.error("a CA without a key"))?;
    let pem = encode_key(&key, passphrase)?;
    let mut set = FileSet::new(ca.dir(store));
    set.add("key.pem", into_bytes(pem), Mode::Private)?;
    set.add("cert.pem", pem_of(&issued.chain).into_bytes(), Mode::Public)?;
    set.add(SETTINGS, settings(kept)?, Mode::Public)?;
    let written = set.commit()?;
    let certificate =
        issued.chain.into_iter().next().ok_or_else(|| Code::Internal.error("a CA without a certificate"))?;
    Ok((certificate, written.into_iter().map(FileReport::from).collect()))
}

/// Settles what an interrupted run has left: a CA that reached the store counts as issued, another is void.
pub fn settle(store: &mut Store, ca: &Ca) -> Result<()> {
    let Some(entry) = store.ledger.unfinished_of(Kind::Ca, &ca.name())? else { return Ok(()) };
    let there = if ca.dir(store.dir()).exists() { ca.certificates(store.dir())?.into_iter().next() } else { None };
    // The files of an earlier generation may be there too; only the serial number shows which one they are.
    let is_it = |certificate: &Certificate| SerialNumber::new(certificate.serial()).is_ok_and(|it| it == entry.serial);
    match there.filter(is_it) {
        Some(certificate) => store.ledger.issued(&entry.key, &issued_record(&certificate)),
        None => store.ledger.void(&entry.key, "interrupted before it was delivered"),
    }
}

fn settings(kept: &ProvisioningRule) -> Result<Vec<u8>> {
    serde_json::to_vec_pretty(kept)
        .map_err(|error| Code::Internal.error("settings cannot be written as JSON").caused_by(error))
}
