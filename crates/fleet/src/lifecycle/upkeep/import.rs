//! Certificates of devices and servers that were made elsewhere, taken into the ledger and the store.
//!
//! The ledger first, all of them in one transaction; then the files. The same command writes the files that an
//! interrupted one has left out.

mod candidate;
mod doubts;
mod files;
mod read;
mod report;

use std::path::{Path, PathBuf};

use base::text::quote;
use base::{Code, Error, Finding, Result};
use identity::key_in_use::owners;
use ledger::{Entry, Key, Kind, ReservedNames, Role, Transaction, UNSEEN, View};
use store::secrets::imported_keystore::{AskForImported, ImportedSecret};
use store::{SELF, Workspace, identity_dir};

use super::repair::issuers::Issuers;
use candidate::Candidate;
use doubts::{doubts, expired, false_signature, other_subject};
use files::{Held, complete, in_the_way, missing_files, recorded_prefix};
pub use report::{ImportOutcome, ImportReport, ImportedDevice, SkippedFile};

/// The certificates to be imported.
#[derive(Debug, Clone, Default)]
pub struct ImportRequest {
    /// True if they are those of servers.
    pub servers: bool,
    /// Files with a certificate each, and the CAs above it; or keystores with one key each.
    pub certs: Vec<PathBuf>,
    /// A directory with such files. What it holds besides is skipped, and listed.
    pub dir: Option<PathBuf>,
    /// Files with private keys of these certificates.
    pub keys: Vec<PathBuf>,
    /// The name of the device or server, instead of that of the only certificate.
    pub name: Option<String>,
    /// Say what would happen, and write nothing.
    pub dry_run: bool,
}

/// Takes certificates into the ledger, each as the current one of its device or server, and into their directories.
/// `ask` is asked for the passphrase of an encrypted key or keystore and for the password of a key in a keystore, and again
/// after a wrong one.
///
/// # Errors
/// [`Code::NotImportable`] for a file that is not a device's or server's certificate, [`Code::DuplicateNames`] for a name that is in use
/// or that two files have, [`Code::NameReserved`], [`Code::Revoked`], [`Code::KeyMismatch`], [`Code::TargetExists`], and
/// those of files and keys. Nothing is changed then.
pub fn import(
    workspace: &mut Workspace<'_>,
    request: &ImportRequest,
    ask: &mut AskForImported<'_>,
) -> Result<ImportReport> {
    store::check_exists(workspace.store_dir())?;
    let prefix = workspace.config.server.prefix.value.to_string();
    let (mut candidates, skipped) = read::candidates(request, &prefix, ask)?;
    candidate::take_keys(&mut candidates, &request.keys, &mut |again| ask(ImportedSecret::Passphrase, again))?;
    let mut report = ImportReport { dry_run: request.dry_run, skipped, ..ImportReport::default() };
    let view = workspace.view()?;
    let issuers = Issuers::of_store(workspace.store_dir(), &view)?;
    let reserved = view.reserved_among(candidates.iter().map(|candidate| candidate.name.as_str()))?;
    for candidate in &mut candidates {
        // Of self-signed certificates of others several can have one serial number, so their subject tells them apart.
        candidate.issuer = issuers.of(&candidate.leaf)?.filter(|issuer| issuer.name != SELF);
        prepare(candidate, &view, &reserved, workspace.store_dir())?;
    }
    drop(view);
    let candidates = without_blocked(candidates, request, workspace.store_dir(), &mut report.skipped)?;
    report.findings.extend(check_keys(&candidates, workspace.store_dir())?);
    report.findings.extend(expired(&candidates, workspace.now));
    // What is in the ledger already was told of when it was imported.
    let new = || candidates.iter().filter(|one| one.held == Held::Nowhere);
    report.findings.extend(new().filter_map(|one| false_signature(one, &issuers)));
    report.findings.extend(doubts(new(), workspace.now));
    report.findings.extend(new().filter_map(other_subject));
    report.findings.extend(candidates.iter().filter_map(Candidate::lost_names));
    if request.dry_run {
        let planned = |one: &Candidate| match one.held {
            Held::Nowhere => ImportOutcome::Planned,
            Held::InDirectory | Held::InShard => ImportOutcome::Unchanged,
        };
        report.imported = candidates.iter().map(|one| one.report(None, planned(one), workspace.now)).collect();
        return Ok(report);
    }
    let mut store = workspace.open_store("import")?;
    let now = workspace.now;
    let rows: Vec<(Key, bool)> = store.ledger.transaction(|transaction| {
        // Read again: a job may have been staged since.
        let reserved = transaction.reserved_among(candidates.iter().map(|candidate| candidate.name.as_str()))?;
        candidates.iter().map(|candidate| record(transaction, candidate, &reserved, now)).collect()
    })?;
    for (candidate, (key, is_new)) in candidates.iter().zip(rows) {
        // The ledger has it by now, so that the same command continues here.
        missing_files(candidate, store.dir())?.commit().map_err(|error| in_the_way(error, candidate))?;
        let done = if is_new { ImportOutcome::Imported } else { ImportOutcome::Unchanged };
        report.imported.push(candidate.report(Some(key.generation.number()), done, now));
    }
    Ok(report)
}

/// Finds what the ledger and the store have of a certificate, and the CAs above it.
fn prepare(candidate: &mut Candidate, view: &View, reserved: &ReservedNames, store: &Path) -> Result<()> {
    let entry = check(view, candidate, reserved)?;
    candidate.held = Held::of(store, entry.as_ref());
    // The server may have its files under a prefix that the configuration had earlier.
    if let Some(prefix) = entry.as_ref().filter(|_| candidate.kind == Kind::Server).and_then(recorded_prefix) {
        candidate.prefix = prefix;
    }
    complete(candidate, store)
}

/// The candidates whose files can be written. One from a directory that cannot is skipped and listed, so that it does not
/// stop the others.
fn without_blocked(
    candidates: Vec<Candidate>,
    request: &ImportRequest,
    store: &Path,
    skipped: &mut Vec<SkippedFile>,
) -> Result<Vec<Candidate>> {
    let mut free = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        match missing_files(&candidate, store)?.check() {
            Ok(_) => free.push(candidate),
            Err(error) if error.code() == Code::TargetExists && !request.certs.contains(&candidate.path) => {
                let dir = identity_dir(store, candidate.kind, &candidate.name);
                let why = format!("{} in {}", error.finding().what, dir.display());
                skipped.push(SkippedFile { file: candidate.path, why });
            }
            Err(error) => return Err(in_the_way(error, &candidate)),
        }
    }
    Ok(free)
}

/// Records a certificate, unless the ledger has it. Returns its key, and whether it is new.
fn record(
    transaction: &Transaction<'_>,
    candidate: &Candidate,
    reserved: &ReservedNames,
    now: time::OffsetDateTime,
) -> Result<(Key, bool)> {
    // Inside of the transaction: another station may have used the name since the first check.
    match check(transaction, candidate, reserved)? {
        Some(entry) => Ok((entry.key, false)),
        None => Ok((transaction.record_known(&candidate.known(now)?)?, true)),
    }
}

/// Fails if a certificate cannot become the current one of its device. Returns its row if the ledger has it already.
fn check(view: &View, candidate: &Candidate, reserved: &ReservedNames) -> Result<Option<Entry>> {
    let (kind, name, path) = (candidate.kind, candidate.name.as_str(), candidate.path.as_path());
    for entry in view.by_serial(&candidate.serial()?)? {
        let is_same = entry.fingerprint == Some(candidate.leaf.fingerprint());
        if entry.issuer != candidate.issuer_name() && !is_same {
            continue;
        }
        let is_of_name = entry.key.kind == kind && entry.key.name == name;
        match entry.role {
            Role::Current if is_same && is_of_name => return Ok(Some(entry)),
            Role::Revoked if is_same || entry.fingerprint == Some(UNSEEN) => {
                return Err(crate::register::revoked(&entry.key.name).at(path));
            }
            _ => return Err(known(&entry, is_same, path)),
        }
    }
    reserved.check(view, kind, name).map_err(|error| error.at(path))?;
    let holder = match view.current(kind, name)? {
        None => view.pending(kind, name)?,
        current => current,
    };
    let holder = match holder {
        None => view.unfinished_of(kind, name)?,
        holder => holder,
    };
    match holder {
        None => Ok(None),
        Some(holder) => Err(Code::DuplicateNames
            .error(format!("the name {} is in use in this store", quote(name)))
            .because(format!("its certificate has the serial number {}", holder.serial))
            .at(path)
            .item(name)
            .fix(match kind {
                Kind::Server => "import the certificate under another name with --name",
                _ => "import the certificate under another name with --name, or forget the device first with `tbpki forget`",
            })),
    }
}

/// The error for a certificate whose serial number the ledger has.
fn known(entry: &Entry, is_same: bool, path: &Path) -> Error {
    let what = match is_same {
        true => format!(
            "the ledger has this certificate as generation {} of {}, which is {}",
            entry.generation(),
            entry.key.name,
            entry.role
        ),
        false => format!("{} of the same issuer has the same serial number", entry.key.name),
    };
    Code::NotImportable.error(what).at(path).fix("see `tbpki list --all`")
}

/// Fails if a new certificate has the key of a CA or of another server, whose holder could then act as both. Returns
/// warnings about keys of other devices.
fn check_keys(candidates: &[Candidate], store: &Path) -> Result<Vec<Finding>> {
    let new: Vec<&Candidate> = candidates.iter().filter(|one| one.held == Held::Nowhere).collect();
    let identities: Vec<_> = new.iter().map(|one| (one.kind, one.name.as_str(), one.leaf.spki_der())).collect();
    let mut findings = Vec::new();
    for (candidate, owner) in new.iter().zip(owners(store, &identities)?) {
        let Some(owner) = owner else { continue };
        let what = format!("the key of the certificate is the key of the {} {}", owner.kind, owner.name);
        if owner.kind != Kind::Device {
            return Err(Code::KeyInUse
                .error(what)
                .at(&candidate.path)
                .fix("leave the file out; issue another certificate, for a key of its own"));
        }
        let finding = Code::KeyInUse.warning(what).at(&candidate.path).item(&candidate.name);
        findings.push(finding.fix("renew one of the two, which gives it a new key"));
    }
    Ok(findings)
}
