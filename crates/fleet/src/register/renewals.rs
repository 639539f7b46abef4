//! The pending renewals of devices that were reflashed: which certificate is registered, and which one it replaces.

use base::text::{device_option, quote};
use base::{Code, Error, Finding, Result};
use identity::lifecycle::renew::{is_fetched, prune};
use ledger::{Entry, JobId, Kind, RenewalStep, Role, View};
use store::Store;

use super::request::{DeviceSelection, RegisterRequest};
use super::source::{check_not_unregistered, issued_entry};
use crate::lifecycle::open_renewal::{OpenRenewalReport, finish_install};

/// How many sets of files of earlier generations are kept.
const KEEP: usize = 1;

/// A renewal that takes the place of the present certificate.
pub(super) struct WaitingRenewal {
    /// The renewal; the present generation, if it is in use already.
    pub(super) entry: Entry,
    /// The credentials ids that the platform may have until then; empty if the present generation was revoked, so that the
    /// platform has none of the device.
    pub(super) expected: Vec<String>,
}

/// The renewal of a device that was named.
///
/// # Errors
/// [`Code::NothingPending`] if the device was not renewed, [`Code::NotRenewable`] if the device itself has fetched the
/// renewal, [`Code::Revoked`], [`Code::DeviceUnregistered`], [`Code::UnknownIdentity`].
pub(super) fn of_name(view: &View, name: &str, again: bool) -> Result<WaitingRenewal> {
    if let Some(renewal) = of_job(view, name, again)? {
        return Ok(renewal);
    }
    let present = issued_entry(view, name)?;
    let is_renewed = view.history(Kind::Device, name)?.iter().any(|entry| entry.role == Role::Superseded);
    match (present.credentials_id.clone(), is_renewed) {
        // The command was interrupted after it was done, or is repeated: the platform is asked whether it has it.
        (Some(expected), true) => {
            check_not_unregistered(&present, again)?;
            let mut expected = vec![expected];
            expected.extend(view.replaceable_here(&present.key)?);
            Ok(WaitingRenewal { entry: present, expected })
        }
        _ => Err(nothing_pending(name)),
    }
}

/// The renewal of a device that a job has issued: one that is pending, or one that another platform has taken and this one
/// has not; `None` if there is neither.
///
/// # Errors
/// As [`of_name`].
pub(super) fn of_job(view: &View, name: &str, again: bool) -> Result<Option<WaitingRenewal>> {
    let pending = view.pending(Kind::Device, name)?;
    let present = match (issued_entry(view, name), &pending) {
        (Ok(present), _) => Some(present),
        // The present one was revoked by its serial number. Its renewal is in use all the same.
        (Err(error), Some(_)) if error.code() == Code::Revoked => None,
        (Err(error), _) => return Err(error),
    };
    let mut expected = Vec::new();
    if let Some(present) = &present {
        let none = || Code::Internal.error("a device is in use and has no certificate").item(name);
        expected.push(present.credentials_id.clone().ok_or_else(none)?);
        expected.extend(view.replaceable_here(&present.key)?);
    }
    match (present, pending) {
        (present, Some(pending)) => {
            check_not_unregistered(present.as_ref().unwrap_or(&pending), again)?;
            check_not_fetched(view, &pending)?;
            Ok(Some(WaitingRenewal { entry: pending, expected }))
        }
        (Some(present), None) if expected.len() > 1 => {
            check_not_unregistered(&present, again)?;
            Ok(Some(WaitingRenewal { entry: present, expected }))
        }
        _ => Ok(None),
    }
}

/// Fails for a renewal that the device itself has fetched: its key is with the device.
///
/// # Errors
/// [`Code::NotRenewable`].
pub(crate) fn check_not_fetched(view: &View, pending: &Entry) -> Result<()> {
    let name = &pending.key.name;
    if !is_fetched(view, pending)? {
        return Ok(());
    }
    let error = Code::NotRenewable
        .error(format!("the device {} has fetched its renewal over the network", quote(name)))
        .item(name);
    // The service tries again and again, and its log may be on another machine.
    Err(match view.enrolled(&pending.key)?.and_then(|sent| sent.error) {
        Some(why) => error
            .because(format!("the device has confirmed it, and the platform did not take it: {why}"))
            .fix("correct that on the platform; `tbpki serve` tries again by itself"),
        None => error
            .because("such a renewal comes into use when the device confirms it")
            .fix("leave it to the device and to `tbpki serve`"),
    })
}

/// The error for a device without a pending renewal.
pub(crate) fn nothing_pending(name: &str) -> Error {
    Code::NothingPending
        .error(format!("no renewal of the device {} is pending", quote(name)))
        .item(name)
        .fix(format!("`tbpki list --pending` lists those that are; `tbpki renew {}` makes one", device_option(name)))
}

/// Installs the files of renewals that are in use, also those of interrupted runs. Returns what is still open of the
/// devices of the request, and why.
///
/// # Errors
/// Those of the ledger.
pub(super) fn install(store: &mut Store, request: &RegisterRequest) -> Result<(Vec<OpenRenewalReport>, Vec<Finding>)> {
    let mut findings = Vec::new();
    for open in store.ledger.open_renewals()?.into_iter().filter(|open| open.step == RenewalStep::Install) {
        let Some(entry) = store.ledger.entry(&open.key)? else { continue };
        if !is_meant(&store.ledger, request, &entry)? {
            continue;
        }
        match finish_install(store, &entry) {
            Ok(_) => {
                let current = store.ledger.entry(&entry.key)?.unwrap_or(entry);
                prune(store.dir(), &store.ledger, &current, KEEP)?;
            }
            Err(error) => findings.push(error.into_finding()),
        }
    }
    let mut open = Vec::new();
    for step in store.ledger.open_renewals()? {
        let entry = store.ledger.entry(&step.key)?;
        if entry.is_some_and(|entry| is_meant(&store.ledger, request, &entry).unwrap_or(true)) {
            open.push(OpenRenewalReport::from(step));
        }
    }
    Ok((open, findings))
}

/// Whether a request names the device of a generation.
fn is_meant(view: &View, request: &RegisterRequest, entry: &Entry) -> Result<bool> {
    let Entry { key, .. } = entry;
    if key.kind != Kind::Device {
        return Ok(false);
    }
    match &request.names {
        DeviceSelection::All => Ok(true),
        DeviceSelection::These(names) => Ok(names.iter().any(|name| name.as_str() == key.name)),
        DeviceSelection::OfJob(job) => is_of_job(view, &key.name, *job),
    }
}

/// Whether a job has issued a generation of a device.
fn is_of_job(view: &View, name: &str, job: JobId) -> Result<bool> {
    let history = view.history(Kind::Device, name)?;
    Ok(history.iter().any(|entry| entry.job.is_some_and(|(of, _)| of == job)))
}
