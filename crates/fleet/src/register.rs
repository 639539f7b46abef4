//! Registering identities that exist: devices log in to the platform with their certificates.

mod candidate;
mod engine;
mod local;
pub mod new_device;
mod recorder;
mod renewals;
mod report;
mod request;
mod retry;
mod source;
mod taken_certificate;

use std::sync::atomic::AtomicBool;

use base::{Code, Error, Result};

pub(crate) use candidate::{Candidate, MaybeCandidate, RegisterOptions, settings_of};
pub(crate) use engine::{Recorder, RegisterEngine};
pub use report::{DeviceRegistration, PlatformOutcome, RegisterReport};
pub use request::{DeviceSelection, RegisterRequest, TellDevice};

use crate::lifecycle::expiry::ExpiryCount;
use crate::lifecycle::lease::leased;
use crate::lifecycle::outdated::{OutdatedPlatform, findings_of_job};
use crate::platform::{Connection, new_platform};
use crate::stop::Stop;
use ledger::View;
use recorder::{Records, StoreRecorder, Taken};
pub(crate) use renewals::{check_not_fetched, nothing_pending};
use source::DeviceSource;
pub(crate) use source::{certificate, only_pending, revoked};
use store::Workspace;

/// Registers identities of the store until `stop` becomes true, and passes the outcome of each to `tell` as it comes.
///
/// # Errors
/// The failure of a device that was named alone, and the error that ended a run that registered nothing; these are not
/// passed to `tell`. Those of the configuration, the ledger and `tell`.
pub fn register(
    workspace: &mut Workspace<'_>,
    request: &RegisterRequest,
    stop: &AtomicBool,
    tell: TellDevice<'_>,
) -> Result<RegisterReport> {
    store::check_exists(workspace.store_dir())?;
    if let DeviceSelection::OfJob(job) = request.names
        && workspace.view()?.job(job)?.is_none()
    {
        return Err(Code::UnknownJob
            .error(format!("the ledger has no job {job}"))
            .fix("`tbpki fleet jobs` lists the jobs"));
    }
    let stop = Stop::on(stop);
    if local::is_meant(workspace, request) {
        return local::put_into_use(workspace, request, &stop, tell);
    }
    // Named devices are few: the many requests at once of a fleet are not worth their load on the platform.
    let connection = match request.names {
        DeviceSelection::All | DeviceSelection::OfJob(_) => Connection::of_fleet(workspace, None)?,
        DeviceSelection::These(_) => Connection::of(workspace)?,
    };
    let (mut store, mut view) = (None, None);
    let hint;
    let records = match request.dry_run {
        // A dry run only reads: it must not need the lock of the store, which a verb at work has.
        true => {
            let view = view.insert(workspace.view()?);
            hint = new_platform(workspace, view)?;
            Records::DryRun(view)
        }
        false => {
            let store = store.insert(workspace.open_store("register")?);
            hint = new_platform(workspace, &store.ledger)?;
            if request.pending {
                // What an interrupted run has made current is found by its files.
                renewals::install(store, request)?;
            }
            Records::Ledger(&mut store.ledger)
        }
    };
    let mut source = DeviceSource::new(workspace.store_dir(), request);
    let taken = if request.pending { Taken::Renewal } else { Taken::Certificate };
    let mut recorder = StoreRecorder::new(records, source.is_single(), taken, tell);
    let options = RegisterOptions { replace: request.replace, dry_run: request.dry_run, wait: None };
    let mut engine = RegisterEngine::new(&connection, options, &stop, false);
    let mut expiry = ExpiryCount::new(workspace.config, workspace.now);
    let mut ended = None;
    while ended.is_none() && !stop.is_asked() {
        let Some(batch) = source.next(&mut recorder)? else { break };
        for Candidate { key, certificate, .. } in &batch {
            expiry.add_of(recorder.view(), &key.name, certificate.not_before(), certificate.not_after())?;
        }
        // Leased before the platform hears of them: a verb that revokes one meanwhile waits for the lease, and
        // `withdraw` takes the certificate back.
        let batch = recorder.lease(batch)?;
        let worked = register_batch(&mut engine, &batch, &mut recorder);
        // Also for the batch that ended the run: what it registered must be committed, and its leases must end.
        let withdrawn = recorder.withdraw(Some(&connection));
        ended = worked?;
        withdrawn?;
    }
    source.count_rest(recorder.view())?;
    let elsewhere = elsewhere(recorder.view(), &request.names)?;
    let of_job = match request.names {
        DeviceSelection::OfJob(job) => findings_of_job(recorder.view(), job, "tbpki register")?,
        _ => Vec::new(),
    };
    let counts = recorder.into_counts();
    // The ledger has the renewals as current by now, and their files follow.
    let (open, mut findings) = match store.as_mut().filter(|_| request.pending) {
        Some(store) => renewals::install(store, request)?,
        None => (Vec::new(), Vec::new()),
    };
    findings.extend(expiry.findings(None));
    findings.extend(hint);
    findings.extend(elsewhere.iter().map(OutdatedPlatform::finding).chain(of_job));
    let platform = connection.board.url().to_owned();
    let report = source.report(counts, platform, ended)?;
    Ok(RegisterReport { open, elsewhere, findings, ..report })
}

/// The other platforms that have earlier certificates of devices that were named.
fn elsewhere(view: &View, names: &DeviceSelection) -> Result<Vec<OutdatedPlatform>> {
    let mut elsewhere = Vec::new();
    if let DeviceSelection::These(names) = names {
        for name in names {
            elsewhere.extend(OutdatedPlatform::of(view, name.as_str())?);
        }
    }
    Ok(elsewhere)
}

/// Registers a batch, and returns the error that ends the run, which the recorder knows.
fn register_batch(
    engine: &mut RegisterEngine<'_>,
    batch: &[Candidate],
    recorder: &mut StoreRecorder<'_>,
) -> Result<Option<Error>> {
    let lost = recorder.lost_leases();
    let candidate = |index: usize| -> Option<MaybeCandidate> {
        let candidate = batch.get(index)?;
        let name = &candidate.key.name;
        // Asked for each in its turn: a lease can be lost during the work on the others.
        Some(if lost.has(name) { Err((candidate.key.clone(), leased(name))) } else { Ok(candidate.clone()) })
    };
    let worked = engine.register(batch.len(), candidate, recorder);
    match worked {
        Err(error) if recorder.is_ended => Ok(Some(error)),
        other => other.map(|()| None),
    }
}
