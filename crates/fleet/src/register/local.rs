//! Pending renewals of devices that no platform knows: their brokers verify chains, so no request is needed.

use base::{Code, Error, Result};
use config::PlatformKind;
use ledger::{Entry, Key, Role, View};
use store::Workspace;

use super::candidate::Candidate;
use super::engine::Recorder as _;
use super::recorder::{Records, StoreRecorder, Taken};
use super::renewals;
use super::report::{DeviceRegistration, PlatformOutcome, RegisterReport};
use super::request::{RegisterRequest, TellDevice};
use super::source::DeviceSource;
use crate::platform::{is_known_to_platform, reach};
use crate::stop::Stop;

/// Whether a request is about renewals, and no platform is configured that could know the devices.
pub(super) fn is_meant(workspace: &Workspace<'_>, request: &RegisterRequest) -> bool {
    let platform = &workspace.config.platform;
    request.pending && platform.kind.value == PlatformKind::ThingsBoard && platform.url.value.is_none()
}

/// Puts pending renewals into use until `stop` is asked. Devices that a platform knows fail.
///
/// # Errors
/// The failure of a device that was named alone; those of the ledger and of `tell`.
pub(super) fn put_into_use(
    workspace: &mut Workspace<'_>,
    request: &RegisterRequest,
    stop: &Stop<'_>,
    tell: TellDevice<'_>,
) -> Result<RegisterReport> {
    let (mut store, mut view) = (None, None);
    let records = match request.dry_run {
        true => Records::DryRun(view.insert(workspace.view()?)),
        false => {
            let store = store.insert(workspace.open_store("register")?);
            // What an interrupted run has made current is found by its files.
            renewals::install(store, request)?;
            Records::Ledger(&mut store.ledger)
        }
    };
    let mut source = DeviceSource::new(workspace.store_dir(), request);
    let mut recorder = StoreRecorder::new(records, source.is_single(), Taken::RenewalWithoutPlatform, tell);
    while !stop.is_asked() {
        let Some(batch) = source.next(&mut recorder)? else { break };
        for candidate in recorder.lease(batch)? {
            match outcome(workspace, recorder.view(), &candidate, request.dry_run) {
                Ok(done) => recorder.registered(candidate.key, done, Vec::new())?,
                Err(error) => recorder.reject(candidate.key.name, error)?,
            }
        }
        recorder.withdraw(None)?;
    }
    source.count_rest(recorder.view())?;
    let counts = recorder.into_counts();
    let (open, findings) = match store.as_mut() {
        Some(store) => renewals::install(store, request)?,
        None => (Vec::new(), Vec::new()),
    };
    let report = source.report(counts, String::new(), None)?;
    Ok(RegisterReport { open, findings, ..report })
}

/// What becomes of a device.
///
/// # Errors
/// [`Code::PlatformUnset`] if a platform knows the device: it would refuse the renewal.
fn outcome(workspace: &Workspace<'_>, view: &View, candidate: &Candidate, dry_run: bool) -> Result<DeviceRegistration> {
    let Key { kind, name, .. } = &candidate.key;
    if view.current(*kind, name)?.as_ref().is_some_and(is_known_to_platform) {
        let unset = reach(&workspace.config.platform).err();
        let unset = unset.unwrap_or_else(|| Code::Internal.error("a platform is configured"));
        return Err(needs_platform(unset, name));
    }
    let is_pending = view.entry(&candidate.key)?.as_ref().map(|entry: &Entry| entry.role) == Some(Role::Pending);
    Ok(DeviceRegistration {
        name: name.clone(),
        done: if is_pending { PlatformOutcome::Replaced } else { PlatformOutcome::Unchanged },
        dry_run,
        device_id: None,
        credentials_id: Some(candidate.certificate.credentials_id()),
        error: None,
    })
}

fn needs_platform(unset: Error, name: &str) -> Error {
    unset.item(name).because("the present certificate of the device is registered with a platform")
}
