//! A ledger rebuilt from the files, the revocation lists and the platform.
//!
//! The certificates show names, serial numbers, dates, algorithms and CAs; the shards and archives show jobs; the platform
//! shows registrations. What nothing shows is marked: such rows have the origin `repaired`.

mod candidate;
mod doubt;
mod dry_run;
pub(super) mod issuers;
mod jobs;
pub mod listed_revocations;
mod of_name;
mod own_files;
mod report;

use std::path::Path;

use base::Result;
use base::file::BulkDir;
use base::host::host_name;
use identity::lifecycle::renew::remove_outdated;
use ledger::{Filter, Kind, OpenStep, Role, SerialNumber, State, View};
use provision::thingsboard::StoredCredential;
use store::file_names::PENDING;
use store::{Store, Workspace, kind_dir, rollback};

use super::check::lists::without_list;
use super::check::{PlatformCompared, platform};
use super::copies;
use super::parts::{Known, Problem, ProblemKind, look_up};
use super::scan::{FilesOf, Places, Seen, scan};
pub(super) use candidate::Candidate;
use issuers::Issuers;
pub(super) use jobs::Jobs;
use of_name::OfName;
pub(super) use report::LOST_LINES;
pub use report::RepairReport;

/// What is to be repaired, and how.
#[derive(Debug, Clone, Default)]
pub struct RepairRequest {
    /// The serial numbers of the certificates that are in use, for names with two of them.
    pub in_use: Vec<SerialNumber>,
    /// Do not ask the platform.
    pub offline: bool,
    /// Say what would be taken over, and write nothing.
    pub dry_run: bool,
}

/// Takes over into the ledger what the files, the published lists and the platform show. Nothing of the ledger is removed,
/// and no file is changed, except that those of renewals that are not pending any more are removed. May be repeated.
///
/// # Errors
/// Those of the ledger, of the disk and of the platform. What cannot be settled is in the report.
pub fn repair(workspace: &mut Workspace<'_>, request: &RepairRequest) -> Result<RepairReport> {
    if request.dry_run {
        return dry_run::plan(workspace, request);
    }
    let mut store = Store::open_to_repair(&workspace.location, "store repair")?;
    let mut report = RepairReport::default();
    let issuers = Issuers::record(workspace, &mut store)?;
    // Before the files: a certificate that a list revokes is then never taken for the one in use.
    report.revocations = listed_revocations::take_over(workspace, &mut store)?;
    let places = Places::of(store.dir(), &store.ledger)?;
    let (candidates, jobs) = gather(workspace, store.dir(), &store.ledger, &places, &issuers, &mut report)?;
    let without_line = record(&mut store, &candidates, &jobs, &mut report)?;
    // The ledger names them by now, and verbs find the files of their devices by what the store remembers.
    places.remember(store.dir())?;
    if workspace.config.platform.url.value.is_none() {
        report.platform = PlatformCompared::NotConfigured;
    } else if !request.offline {
        registrations(workspace, &mut store, &mut report)?;
        report.platform = PlatformCompared::Compared;
    }
    doubt::settle(&mut store, &request.in_use, &mut report)?;
    remove_outdated_renewals(&store)?;
    // The ledger knows by now what the files know, so that it is no longer behind the notes.
    let uid = store.ledger.status()?.uid;
    if let Some((changes, _)) = rollback::highest_note(store.dir(), uid) {
        store.ledger.raise_changes(changes.saturating_add(1))?;
    }
    rollback::note_repaired(store.dir(), &store.ledger)?;
    report.describe_unknown(&without_list(workspace, &store.ledger)?, without_line);
    Ok(report)
}

/// The certificates that the ledger does not have, and the jobs of those in shards.
fn gather(
    workspace: &Workspace<'_>,
    dir: &Path,
    view: &View,
    places: &Places,
    issuers: &Issuers,
    report: &mut RepairReport,
) -> Result<(Vec<Candidate>, Jobs)> {
    // All of it is in this store or in a place that this store remembers.
    let mut jobs = Jobs::new(workspace, places, Some(host_name()))?;
    let mut candidates = Vec::new();
    scan(dir, places, &mut |seen| {
        let found = match seen {
            Seen::Identity(found) => found,
            Seen::Unreadable { kind, name, path, error } => {
                report.open.push(Problem::of_error(ProblemKind::Unreadable, &error).of(kind, &name).at(path));
                return Ok(());
            }
            Seen::WrongKey { .. } | Seen::Loose(_) | Seen::ShardGone { .. } => return Ok(()),
        };
        jobs.count(&found);
        if !matches!(look_up(view, &found)?, Known::Foreign) {
            return Ok(());
        }
        let candidate = match issuers.of(&found.leaf)? {
            Some(issuer) => Candidate::of(&found, issuer, &mut jobs)?,
            None => {
                let what = "no CA of this store has issued this certificate";
                let problem = Problem::new(ProblemKind::Foreign, what).of(found.kind, &found.name);
                report.open.push(problem.serial(&found.leaf).at(&found.path));
                return Ok(());
            }
        };
        candidates.push(candidate);
        Ok(())
    })?;
    copies::foreign(dir, view, &mut |found, issuer| {
        candidates.push(Candidate::of(&found, issuer, &mut jobs)?);
        Ok(())
    })?;
    Candidate::sort(&mut candidates);
    Ok((candidates, jobs))
}

/// Records everything in one transaction: killed at any time, the ledger is as it was or complete. Returns the number of
/// names of jobs whose lines are lost.
fn record(store: &mut Store, candidates: &[Candidate], jobs: &Jobs, report: &mut RepairReport) -> Result<u64> {
    report.keys_elsewhere = keys_elsewhere(candidates);
    if candidates.is_empty() {
        return Ok(0);
    }
    let (recorded, ids) = record_names(store, candidates, jobs, ledger::Origin::Repaired)?;
    (report.identities, report.jobs) = (recorded, ids.new);
    for job in ids.renewing() {
        let pending = Filter { job: Some(job), pending_only: true, ..Filter::default() };
        let count = store.ledger.count(&pending)?;
        if count > 0 {
            report.pending.push((job, count));
        }
    }
    Ok(ids.without_line)
}

/// How many certificates in use have no private key next to them.
fn keys_elsewhere(candidates: &[Candidate]) -> u64 {
    let is_meant = |candidate: &&Candidate| candidate.is_key_elsewhere && candidate.files_of == FilesOf::Present;
    candidates.iter().filter(is_meant).count().try_into().unwrap_or(u64::MAX)
}

/// Records candidates, which are in order, and their jobs.
///
/// # Errors
/// Those of the ledger: nothing is recorded then.
pub(super) fn record_names(
    store: &mut Store,
    candidates: &[Candidate],
    jobs: &Jobs,
    origin: ledger::Origin,
) -> Result<(u64, jobs::JobIds)> {
    store.ledger.transaction(|transaction| {
        let ids = jobs.record(transaction, candidates)?;
        let revoked = transaction.unseen()?;
        let mut recorded = 0;
        for of_name in candidates.chunk_by(Candidate::is_of_same_name) {
            // A revoked certificate gives its name to the row that has its revocation, and is in use nowhere.
            let (revoked, usable): (Vec<&Candidate>, Vec<&Candidate>) =
                of_name.iter().partition(|candidate| candidate.is_among(&revoked));
            for candidate in revoked {
                transaction.record_known(&candidate.known(Role::Superseded, &ids, origin))?;
                recorded += 1;
            }
            recorded += OfName { transaction, jobs, ids: &ids, origin }.record(&usable)?;
        }
        Ok((recorded, ids))
    })
}

/// Removes the files of renewals that were revoked or replaced before they were used.
fn remove_outdated_renewals(store: &Store) -> Result<()> {
    let dir = kind_dir(store.dir(), Kind::Device);
    for name in BulkDir::open(&dir)?.names()?.iter().filter(|name| dir.join(name).join(PENDING).is_dir()) {
        if remove_outdated(store.dir(), &store.ledger, name)? {
            tracing::info!(name, "removed the files of a renewal that is not pending any more");
        }
    }
    Ok(())
}

/// Corrects registrations as the platform shows them.
fn registrations(workspace: &mut Workspace<'_>, store: &mut Store, report: &mut RepairReport) -> Result<()> {
    let mut differences = Vec::new();
    platform::compare(workspace, &store.ledger, &mut |difference| {
        differences.push(difference);
        Ok(())
    })?;
    let doubtful = store.ledger.in_doubt()?;
    let mut corrected = 0;
    let open = &mut report.open;
    let settled = &mut report.settled;
    store.ledger.transaction(|transaction| {
        for difference in &differences {
            let entry = &difference.entry;
            match (&difference.there, &difference.generation) {
                // A person decides when it is taken away: `tbpki revoke --open` goes on with the open step.
                (StoredCredential::Certificate(_), Some(key)) if difference.is_revoked => {
                    transaction.open_step(key, OpenStep::Platform)?;
                    open.push(difference.problem());
                }
                (StoredCredential::Certificate(_), Some(key)) if *key == entry.key => {
                    transaction.registered(key)?;
                    corrected += 1;
                }
                (StoredCredential::Certificate(_), Some(key))
                    // The swap was done and the ledger restored to a time before it. The device logs in with what the
                    // platform has.
                    if transaction.pending(key.kind, &key.name)?.is_some_and(|pending| pending.key == *key) =>
                {
                    transaction.promote(key)?;
                    transaction.registered(key)?;
                    corrected += 1;
                }
                (StoredCredential::Certificate(_), Some(key))
                    if doubtful.iter().any(|doubtful| doubtful.key.name == key.name) =>
                {
                    transaction.settle_doubt(key)?;
                    transaction.registered(key)?;
                    *settled += 1;
                }
                (StoredCredential::Absent | StoredCredential::Withdrawn | StoredCredential::Other, _) => {
                    // For the name: a renewal that waits must not bring it back either.
                    transaction.unregistering(&entry.key)?;
                    transaction.unregistered(&entry.key)?;
                    corrected += 1;
                }
                (StoredCredential::Certificate(_), _) => open.push(difference.problem()),
            }
        }
        // The platform has the later certificate of these names: it is the one in use.
        for entry in &doubtful {
            let current = transaction.current(entry.key.kind, &entry.key.name)?;
            if let Some(current) = current.filter(|current| current.reached(State::Registered).is_some())
                && transaction.in_doubt()?.iter().any(|doubtful| doubtful.key == entry.key)
            {
                transaction.settle_doubt(&current.key)?;
                *settled += 1;
            }
        }
        Ok(())
    })?;
    report.registrations = corrected;
    Ok(())
}
