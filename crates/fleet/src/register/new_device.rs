//! Making the identity of a device, and registering it in one step.

use std::sync::atomic::AtomicBool;

use base::text::quote;
use base::{Code, Error, Finding, Result};
use identity::device::{IssuedDevice, make_device, make_device_in};
use identity::report::{IdentityOutcome, IdentityReport};
use identity::request::IdentityRequest;
use ledger::{Entry, Kind, View};
use pki::Certificate;
use pki::device_name::DeviceName;
use provision::platform::{NewDevice, PlatformChange};
use schemars::JsonSchema;
use serde::Serialize;

use super::candidate::{Candidate, RegisterOptions};
use super::engine::RegisterEngine;
use super::recorder::{Records, StoreRecorder, Taken};
use super::report::DeviceRegistration;
use super::source::{Lines, certificate, check_not_unregistered, issued_entry, revoked};
use crate::platform::Connection;
use crate::stop::Stop;
use store::Workspace;
use store::shard::IdentityFinder;

/// The registration of a device whose identity is made.
#[derive(Debug, Clone)]
pub struct NewRegistration {
    /// The properties of the new device in the platform.
    pub create: NewDevice,
    /// Replace the credential that it has there.
    pub replace: bool,
    /// Register it although it was unregistered.
    pub again: bool,
}

/// The identity of a device, and its registration.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct DeviceReport {
    /// The identity of the device in the store.
    #[serde(flatten)]
    pub identity: IdentityReport,
    /// The result in the platform, if the device was to be registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration: Option<DeviceRegistration>,
}

impl From<IdentityReport> for DeviceReport {
    fn from(identity: IdentityReport) -> Self {
        Self { identity, registration: None }
    }
}

/// Makes the identity of the device `name`, or completes it, and registers it with the platform. A failure of the
/// registration is in the report: the identity is made, and the next run continues from it.
///
/// # Errors
/// Those of [`make_device`]; [`Code::DeviceUnregistered`] if another generation of an unregistered device is asked for.
pub fn make_and_register(
    workspace: &mut Workspace<'_>,
    connection: &Connection,
    name: &DeviceName,
    request: &IdentityRequest,
    registration: &NewRegistration,
) -> Result<DeviceReport> {
    if request.dry_run {
        return plan(workspace, connection, name, request, registration);
    }
    store::check_exists(workspace.store_dir())?;
    // One lock for both steps, so that no other verb comes between them.
    let mut store = workspace.open_store("client")?;
    // Another generation stays unregistered, too, so that its key would be replaced for nothing.
    if request.force
        && let Some(entry) = store.ledger.current(Kind::Device, name.as_str())?
    {
        check_not_unregistered(&entry, registration.again)?;
    }
    // Only with `--force`: otherwise the certificate that is registered stays the same.
    if request.force && !registration.replace {
        check_would_be_taken(workspace, connection, &store.ledger, name, registration)?;
    }
    let IssuedDevice { report, entry, leaf } = make_device_in(workspace, &mut store, name, request)?;
    let candidate = candidate(&store.ledger, entry, leaf, registration);
    Ok(register_one(connection, Records::Ledger(&mut store.ledger), candidate, report, registration))
}

/// Fails if the platform would refuse another certificate of the device, before its key is replaced.
fn check_would_be_taken(
    workspace: &Workspace<'_>,
    connection: &Connection,
    view: &View,
    name: &DeviceName,
    registration: &NewRegistration,
) -> Result<()> {
    let Some(entry) = view.current(Kind::Device, name.as_str())? else {
        return Ok(());
    };
    let leaf = certificate(&mut IdentityFinder::new(workspace.store_dir()), view, &entry)?;
    let create = registration.create.clone();
    let present = Candidate { key: entry.key, certificate: leaf, create, expected: Vec::new(), is_renewal: false };
    // The present certificate is examined, because the platform would refuse the new one for the same reason.
    let (_, wanted) = present.wanted(RegisterOptions { replace: false, dry_run: true, wait: None });
    // A device that the platform does not have yet is created with whatever certificate comes first.
    match connection.runtime.wait(connection.board.examine(&wanted))?.done {
        PlatformChange::Created => Ok(()),
        _ => Err(Code::OtherCredential
            .error(format!(
                "the device {} logs in with the certificate that `--force` would replace",
                quote(name.as_str())
            ))
            .because("nothing was changed, in the store and on the platform")
            .item(name.as_str())
            .fix("use --replace if the platform may replace it, too")),
    }
}

/// Reports what [`make_and_register`] would do.
fn plan(
    workspace: &mut Workspace<'_>,
    connection: &Connection,
    name: &DeviceName,
    request: &IdentityRequest,
    registration: &NewRegistration,
) -> Result<DeviceReport> {
    if request.force
        && let Some(entry) = workspace.view()?.current(Kind::Device, name.as_str())?
    {
        check_not_unregistered(&entry, registration.again)?;
    }
    let report = make_device(workspace, name, request)?;
    // The identity does not exist yet, so there is no certificate that the platform could be asked about.
    if report.done == IdentityOutcome::Planned {
        let registration = Some(DeviceRegistration::planned(name.as_str()));
        return Ok(DeviceReport { identity: report, registration });
    }
    let view = workspace.view()?;
    let existing = issued_entry(&view, name.as_str())
        .and_then(|entry| Ok((certificate(&mut IdentityFinder::new(workspace.store_dir()), &view, &entry)?, entry)));
    let candidate = existing.and_then(|(leaf, entry)| candidate(&view, entry, leaf, registration));
    Ok(register_one(connection, Records::DryRun(&view), candidate, report, registration))
}

/// The device as it goes to the platform.
fn candidate(view: &View, entry: Entry, leaf: Certificate, registration: &NewRegistration) -> Result<Candidate> {
    check_not_unregistered(&entry, registration.again)?;
    let create = Lines::default().settings(view, &entry, &registration.create)?;
    let expected = view.replaceable_here(&entry.key)?;
    Ok(Candidate { key: entry.key, certificate: leaf, create, expected, is_renewal: false })
}

/// Registers a device, and adds the result to its report.
fn register_one(
    connection: &Connection,
    records: Records<'_>,
    candidate: Result<Candidate>,
    mut identity: IdentityReport,
    registration: &NewRegistration,
) -> DeviceReport {
    let mut told = None;
    let mut tell = |device, mut findings: Vec<Finding>| {
        identity.findings.append(&mut findings);
        told = Some(device);
        Ok(())
    };
    let options =
        RegisterOptions { replace: registration.replace, dry_run: matches!(records, Records::DryRun(_)), wait: None };
    // One device takes seconds, and the verb ends itself on a signal.
    let never = AtomicBool::new(false);
    let stop = Stop::on(&never);
    let mut engine = RegisterEngine::new(connection, options, &stop, false);
    let registered = candidate.and_then(|candidate| {
        let mut recorder = StoreRecorder::new(records, true, Taken::Certificate, &mut tell);
        // The commit of the success comes before its report.
        let batch = recorder.lease(vec![candidate])?;
        let registered = engine.register(batch.len(), |index| batch.get(index).cloned().map(Ok), &mut recorder);
        registered.and(recorder.withdraw(Some(connection)))?;
        let counts = recorder.into_counts();
        if counts.revoked_meanwhile > 0 {
            return Err(revoked(&identity.name));
        }
        counts.only_failure.map_or(Ok(()), |failure| Err(Error::new(failure)))
    });
    let registration = match (registered, told) {
        (Ok(()), Some(device)) => device,
        (Ok(()), None) => {
            let error = Code::Internal.error("a device was registered and not reported");
            DeviceRegistration::failed(identity.name.clone(), error)
        }
        (Err(error), _) => DeviceRegistration::failed(identity.name.clone(), error),
    };
    DeviceReport { identity, registration: Some(registration) }
}
