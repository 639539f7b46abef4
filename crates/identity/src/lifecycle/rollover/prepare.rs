//! The next generation of a CA: made, and trusted together with the present one.

use base::file::{FileSet, Mode};
use base::{Code, Error, Finding, Result, Secret};
use ledger::{Entry, Generation, Key, Kind, NewIdentity, Parameters};
use pki::Certificate;
use pki::issuer::{Issued, Issuer, KeySource, LocalCa, Order, SelfSigned};
use pki::serial::Serial;
use pki::tbs::Contents;
use pki::trial::Trial;
use pki::validity::{Lifetime, Validity};
use pki::verify::Purpose;
use store::ca::generations::{CaGeneration, generation_dir};
use store::ca::key::KEY_FILE;
use store::ca::key_files::keys_of;
use store::ca::{Ca, Hierarchy, KeyLocation, OpenCa};
use store::file_names::CERT;
use store::{Store, Workspace};

use super::report::{RolloverDone, RolloverReport};
use super::{cross, import, in_store, peers, record_pending, settle, trust};
use crate::files::output::{into_bytes, pem_of};
use crate::init::encode_key;
use crate::init::hierarchy::ca_contents;
use crate::init::imported_ca::ImportedCa;
use crate::lifecycle::{lost_cas, lost_list};
use crate::report::{CertificateReport, FileReport};

/// Fails if the next generation of a CA could not be made, without writing.
///
/// # Errors
/// As [`prepare`], as far as it can be told without the keys.
pub fn check_dry_run(workspace: &Workspace<'_>, ca: &Ca) -> Result<RolloverReport> {
    let dir = workspace.store_dir();
    let mut report = RolloverReport::new(ca.name(), RolloverDone::Planned);
    if let Some(pending) = workspace.view()?.pending(Kind::Ca, &ca.name())? {
        report.done = RolloverDone::Unchanged;
        report.generation = Some(pending.generation().number());
        return Ok(report);
    }
    check_not_in_token(dir, ca)?;
    if !ca.is_root() {
        ca.root().check_usable(dir, workspace.now).map_err(|error| unless_imported(error, ca))?;
    }
    Ok(report)
}

/// Makes the next generation of a CA with a new key and a subject of its own, and writes the files again from which peers
/// take what they trust: both generations are in them. A generation that is prepared already is the one.
///
/// # Errors
/// [`Code::CaUnavailable`] if the key of the root is not in the store, and errors of keys, secrets, dates and the disk.
/// Identities whose files could not be written are in the report.
pub fn prepare(workspace: &mut Workspace<'_>, ca: &Ca) -> Result<RolloverReport> {
    let mut store = workspace.open_store("ca prepare")?;
    settle(&mut store, ca)?;
    let mut report = RolloverReport::new(ca.name(), RolloverDone::Unchanged);
    let pending = match store.ledger.pending(Kind::Ca, &ca.name())? {
        Some(pending) => pending,
        None => {
            report.done = RolloverDone::Prepared;
            make(workspace, &mut store, ca, &mut report)?
        }
    };
    spread(workspace, &mut store, ca, &pending, report)
}

/// As [`prepare`], with the certificate that the owner of an imported CA has issued for it. A dry run makes all checks.
///
/// # Errors
/// [`Code::CaNotImportable`], and the reason for which what the CA issues would be refused; those of [`prepare`].
pub fn prepare_imported(
    workspace: &mut Workspace<'_>,
    ca: &Ca,
    imported: ImportedCa,
    dry_run: bool,
) -> Result<RolloverReport> {
    let mut store = workspace.open_store("ca prepare")?;
    settle(&mut store, ca)?;
    let mut report = RolloverReport::new(ca.name(), RolloverDone::Unchanged);
    if let Some(pending) = store.ledger.pending(Kind::Ca, &ca.name())? {
        // The same files again: an interrupted run is finished.
        let is_it = imported.chains.iter().flatten().any(|one| pending.fingerprint == Some(one.fingerprint()));
        if !is_it {
            return Err(Code::CaNotImportable
                .error(format!("generation {} of {ca} is prepared already", pending.generation()))
                .fix(format!(
                    "run `tbpki ca activate {0}` first, and `tbpki ca prepare` with these files after it; if that \
                     generation must not be used, `tbpki revoke --ca {0} --generation {1}` takes it away",
                    ca.word(),
                    pending.generation()
                )));
        }
        return if dry_run { Ok(report) } else { spread(workspace, &mut store, ca, &pending, report) };
    }
    let next = import::check(workspace, &store, ca, imported, &mut report.findings)?;
    if dry_run {
        report.done = RolloverDone::Planned;
        report.certificate = Some(next.report()?);
        return Ok(report);
    }
    report.done = RolloverDone::Prepared;
    let pending = import::write(&mut store, ca, &next, &mut report)?;
    spread(workspace, &mut store, ca, &pending, report)
}

/// Writes the files again from which peers take what they trust.
fn spread(
    workspace: &mut Workspace<'_>,
    store: &mut Store,
    ca: &Ca,
    pending: &Entry,
    mut report: RolloverReport,
) -> Result<RolloverReport> {
    let number = pending.generation().number();
    report.generation = Some(number);
    report.has_current = store.ledger.current(Kind::Ca, &ca.name())?.is_some();
    if let Some(generation) = in_store(store, ca, number)? {
        report.certificate = Some(CertificateReport::of(generation.certificate()?));
    }
    if ca.profile().is_none() {
        report.files.extend(cross::certify(workspace, store, ca.hierarchy())?);
    }
    peers::record_tokens(workspace, store, ca)?;
    trust::spread(workspace, store, ca, &mut report)?;
    Ok(report)
}

/// The number of the next generation: those that were given up count.
fn next_number(store: &Store, ca: &Ca) -> Result<u32> {
    let last = store.ledger.history(Kind::Ca, &ca.name())?.last().map_or(0, |last| last.generation().number());
    after(last)
}

fn after(number: u32) -> Result<u32> {
    number.checked_add(1).ok_or_else(|| Code::Internal.error("the CA has used up its generations"))
}

/// The first number that no key of this CA has had: neither in the ledger, nor in the files of the store, nor in published
/// lists and trust files, which can name a generation that a restored store has lost. A second key of the same name would
/// make verifiers take the list of the other one (RFC 5280, section 6.3.3).
fn unused_number(workspace: &Workspace<'_>, store: &Store, ca: &Ca) -> Result<u32> {
    let mut last = lost_cas::highest_published(workspace.config, store.dir(), &store.ledger, ca)?;
    for key in keys_of(store.dir(), ca)? {
        last = last.max(key.generation);
    }
    Ok(next_number(store, ca)?.max(after(last)?))
}

/// Records the numbers before `number` as used, and warns of them: the ledger gives the next generation the next number.
fn skip_to(store: &mut Store, ca: &Ca, number: u32, identity: &NewIdentity, findings: &mut Vec<Finding>) -> Result<()> {
    let name = &identity.name;
    let mut is_skipped = false;
    while next_number(store, ca)? < number {
        let skipped =
            NewIdentity { serial: ledger::SerialNumber::new(Serial::random()?.octets())?, ..identity.clone() };
        let generation = store.ledger.intend_by(&skipped, None)?;
        let key = Key { kind: Kind::Ca, name: name.clone(), generation };
        store.ledger.void(&key, "published files name a generation with this number, which the store has lost")?;
        is_skipped = true;
    }
    if is_skipped {
        findings.push(
            Code::CaLost
                .warning(format!("published files name an earlier generation of {name} that this store has lost"))
                .because(lost_list::WHY)
                .fix(format!(
                    "{}; the next generation is G{number}, because the names before it are used",
                    lost_list::REMEDY
                )),
        );
    }
    Ok(())
}

/// Makes it: recorded, signed, tried, written.
fn make(workspace: &mut Workspace<'_>, store: &mut Store, ca: &Ca, report: &mut RolloverReport) -> Result<Entry> {
    let dir = store.dir().to_owned();
    check_not_in_token(&dir, ca)?;
    let (signer, passphrase) = signer_and_passphrase(workspace, &dir, ca)?;
    let number = unused_number(workspace, store, ca)?;
    let contents = contents(workspace, ca, number, signer.as_ref(), &mut report.findings)?;
    let algorithm = workspace.config.ca.alg.value;
    let identity = NewIdentity {
        kind: Kind::Ca,
        name: ca.name(),
        serial: ledger::SerialNumber::new(contents.serial.octets())?,
        profile: contents.profile.name().to_owned(),
        algorithm: algorithm.name().to_owned(),
        parameters: Parameters::of(&contents.subject.to_string())?,
        issuer: ca.root().name(),
        not_before: contents.validity.not_before(),
        not_after: contents.validity.not_after(),
    };
    skip_to(store, ca, number, &identity, &mut report.findings)?;
    let generation = match &signer {
        // The ledger records the generation of the issuer. A root that signs itself has none above it.
        Some(_) => store.ledger.intend(&identity)?,
        None => store.ledger.intend_by(&identity, None)?,
    };
    let key = Key { kind: Kind::Ca, name: ca.name(), generation };
    let order = Order { contents, key: KeySource::Generate(algorithm) };
    // From here on the serial number is used: whatever fails is recorded as void.
    let made = sign(workspace, ca, signer.as_ref(), order);
    let delivered = made.and_then(|made| deliver(&dir, ca, generation, made, passphrase.as_ref()));
    record_pending(store, &key, delivered, report)
}

/// The key of the root of an imported CA is with the owner, who issues the next certificate.
fn unless_imported(error: Error, ca: &Ca) -> Error {
    if error.code() != Code::CaUnavailable {
        return error;
    }
    error.fix(format!(
        "bring the key of the root back from where it is kept, to this path; if the CA was imported, ask its owner for a new \
         certificate, and run `tbpki ca prepare {} --import FILE..`",
        ca.word()
    ))
}

/// tbpki does not move a key from a token to a file unasked.
fn check_not_in_token(store: &std::path::Path, ca: &Ca) -> Result<()> {
    let KeyLocation::Token(_) = ca.key_place(store)? else { return Ok(()) };
    Err(Code::KeyInToken
        .error(format!("the key of {} is in a token, and the next one would be in a file", ca.name()))
        .at(ca.uri_path(store))
        .fix("make the next hierarchy with `tbpki init` and --devices-key, in a store of its own"))
}

/// The root that signs, and what encrypts the new key: the passphrase of the present key of the CA. The keys that the next
/// verbs need together are opened before anything is written, because a verb has one passphrase for all of them.
fn signer_and_passphrase(
    workspace: &mut Workspace<'_>,
    store: &std::path::Path,
    ca: &Ca,
) -> Result<(Option<OpenCa>, Option<Secret>)> {
    if !ca.is_root() {
        let root = ca.root();
        let opened = workspace.open_ca_with_passphrase(&root);
        let (signer, mut passphrase) = opened.map_err(|error| unless_imported(error, ca))?;
        signer.check_may_have_cas()?;
        // Each root that is trusted certifies the new key.
        for other in root.trusted(store)?.iter().skip(1) {
            if matches!(other.key_place()?, KeyLocation::File(_)) {
                workspace.open_generation_for_lists(&root, other).map_err(other_passphrase)?;
            }
        }
        // The passphrase of the root can be an earlier one: its key is kept elsewhere in between.
        if matches!(ca.key_place(store)?, KeyLocation::File(_)) {
            passphrase = workspace.open_key_with_passphrase(ca).map_err(other_passphrase)?.passphrase;
        }
        return Ok((Some(signer), passphrase));
    }
    // A root signs itself. Its passphrase is that of the CA below it, which stays in the store, or of the present root.
    let mut passphrase = None;
    for present in [ca.root(), ca.hierarchy().issuing()] {
        if matches!(present.key_place(store)?, KeyLocation::File(_)) {
            let opened = workspace.open_key_with_passphrase(&present).map_err(other_passphrase)?;
            passphrase = opened.passphrase.or(passphrase);
        }
    }
    Ok((None, passphrase))
}

/// The error for a key with another passphrase than the keys before it.
fn other_passphrase(error: Error) -> Error {
    if error.code() != Code::WrongPassphrase {
        return error;
    }
    error.because("another key of the same hierarchy has this passphrase, and the new key would have only one of them").fix(
        "give all keys one passphrase first: `tbpki ca passphrase --all --ca-passphrase-file OLD --new-passphrase-file NEW`",
    )
}

fn contents(
    workspace: &Workspace<'_>,
    ca: &Ca,
    number: u32,
    signer: Option<&OpenCa>,
    findings: &mut Vec<Finding>,
) -> Result<Contents> {
    let config = workspace.config;
    let days = if ca.is_root() { config.ca.root_days.value.number() } else { config.ca.issuing_days.value.number() };
    let bounds = signer.and_then(Issuer::period);
    let (validity, note) = Validity::starting(workspace.now, Lifetime { days, explicit: false }, bounds)?;
    findings.extend(note.map(|note| note.item(ca.name())));
    // A name of its own for each key: verifiers find revocation lists by the issuer's name (RFC 5280, section 6.3.3),
    // and with one name for two keys they would take the wrong one.
    let common_name = match ca {
        Ca::Profile(profile) => format!("{profile} issuing CA G{number}"),
        _ => format!("{} {} G{number}", config.ca.name.value.as_str(), ca.title()),
    };
    ca_contents(config, ca, validity, &common_name)
}

/// Signs it, and tries it before anything is written.
fn sign(workspace: &Workspace<'_>, ca: &Ca, signer: Option<&OpenCa>, order: Order) -> Result<Issued> {
    let made = match signer {
        Some(root) => root.issue(order)?,
        None => SelfSigned.issue(order)?,
    };
    let Some(key) = &made.key else { return Err(Code::Internal.error("a CA without a key")) };
    let Some(root) = signer else {
        LocalCa::new(made.chain.clone(), key)?.check_may_have_cas()?;
        return Ok(made);
    };
    let above = std::iter::once(root.certificate()).chain(root.above());
    let chain: Vec<Certificate> = made.chain.iter().take(1).chain(above).cloned().collect();
    let is_server = ca.hierarchy() == Hierarchy::Server;
    let config = workspace.config;
    let names: Vec<_> = match is_server {
        true => config.server.name.value.iter().map(config::HostName::san).collect(),
        false => Vec::new(),
    };
    let purpose = if is_server { Purpose::Server } else { Purpose::Device };
    // A leaf below it is made and verified in memory. A CA that verifiers refuse must be found before peers trust it.
    Trial { chain: &chain, key, purpose, subject: &config.subject()?, names: &names }.run(workspace.now)?;
    Ok(made)
}

fn deliver(
    store: &std::path::Path,
    ca: &Ca,
    generation: Generation,
    made: Issued,
    passphrase: Option<&Secret>,
) -> Result<(Certificate, Vec<FileReport>)> {
    let key = made.key.ok_or_else(|| Code::Internal.error("a CA without a key"))?;
    let dir = generation_dir(generation.number());
    let mut set = FileSet::new(ca.dir(store));
    set.add(format!("{dir}/{KEY_FILE}"), into_bytes(encode_key(&key, passphrase)?), Mode::Private)?;
    set.add(format!("{dir}/{CERT}"), pem_of(&made.chain).into_bytes(), Mode::Public)?;
    let written = set.commit()?;
    let certificate = made.chain.into_iter().next();
    let certificate = certificate.ok_or_else(|| Code::Internal.error("a CA without a certificate"))?;
    Ok((certificate, written.into_iter().map(FileReport::from).collect()))
}

/// Whether a generation has what it needs to sign.
pub(super) fn check_ready(generation: &CaGeneration, ca: &Ca) -> Result<()> {
    match generation.key_place()? {
        // A root signs only CAs and lists, so that its key may stay offline. An issuing CA could issue nothing.
        KeyLocation::Elsewhere if !ca.is_root() => Err(store::ca::unavailable(&generation.dir.join(KEY_FILE), ca)),
        _ => Ok(()),
    }
}
