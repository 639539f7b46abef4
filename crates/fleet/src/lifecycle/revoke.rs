//! Revoking identities: the ledger first, then the platform and the revocation lists, and what is still open.
//!
//! The ledger is the truth: as soon as it has the revocation, no verb uses the identity any more. The platform and the
//! lists follow; neither waits for the other, and a step that fails stays open until `tbpki revoke --open` does it.

mod report;
mod steps;
mod target;

use std::collections::HashSet;

use base::Result;
use ledger::{Entry, Key, Kind, Ledger, OpenStep, Role, View};
use pki::revocation_list::Reason;
use store::ca::Ca;
use store::{SELF, Workspace};
use time::OffsetDateTime;

pub use report::{OpenReport, RevokeOutcome, RevokeReport, RevokedReport};
pub(crate) use steps::{withdraw, withdraw_revoked};
pub use target::Targets;
use target::can_be_revoked;

/// A request to revoke identities, and the reason.
#[derive(Debug, Clone)]
pub struct RevokeRequest {
    /// The identities.
    pub targets: Targets,
    /// The reason.
    pub reason: Reason,
    /// Say what would happen, and change nothing.
    pub dry_run: bool,
}

/// Revokes identities, and makes the revocation known.
///
/// # Errors
/// [`UnknownIdentity`](base::Code::UnknownIdentity) if the ledger does not have one of them: nothing is revoked then. Errors of the platform
/// and of the lists are in the report, as open steps.
pub fn revoke(workspace: &mut Workspace<'_>, request: &RevokeRequest) -> Result<RevokeReport> {
    store::check_exists(workspace.store_dir())?;
    let mut report = RevokeReport::new(request.dry_run);
    if request.dry_run {
        let view = workspace.view()?;
        for entry in request.targets.entries(&view, workspace.now)? {
            let done = if can_be_revoked(&entry, workspace.now) { RevokeOutcome::Planned } else { done_before(&entry) };
            report.revoked.push(RevokedReport::of(&entry, done));
        }
        return Ok(report);
    }
    // Without the lock of the store: another verb may have it for hours, and a stolen device must be out at once.
    let mut ledger = workspace.open_ledger()?;
    let entries = request.targets.entries(&ledger, workspace.now)?;
    record(&mut ledger, &entries, request.reason, workspace.now, &mut report)?;
    let names: HashSet<(Kind, &str)> = entries.iter().map(|entry| (entry.key.kind, entry.key.name.as_str())).collect();
    let is_meant = |key: &Key| request.targets.is_open() || names.contains(&(key.kind, key.name.as_str()));
    let open: Vec<_> = ledger.open_revocations()?.into_iter().filter(|open| is_meant(&open.key)).collect();
    steps::platform(workspace, &mut ledger, &open)?;
    steps::lists(workspace, &mut ledger, &open, &mut report)?;
    steps::profile_cas(&mut ledger, &open)?;
    for open in ledger.open_revocations()?.into_iter().filter(|open| is_meant(&open.key)) {
        let Some(entry) = ledger.entry(&open.key)? else { continue };
        report.open.push(OpenReport::of(&open, &entry));
    }
    Ok(report)
}

/// Records the revocations, all in one transaction.
fn record(
    ledger: &mut Ledger,
    entries: &[Entry],
    reason: Reason,
    now: OffsetDateTime,
    report: &mut RevokeReport,
) -> Result<()> {
    let reason = (reason != Reason::Unspecified).then(|| reason.as_str());
    ledger.transaction(|transaction| {
        for entry in entries.iter().filter(|entry| can_be_revoked(entry, now)) {
            transaction.revoke(&entry.key, reason, &steps_of(transaction, entry)?)?;
        }
        Ok(())
    })?;
    for entry in entries {
        let done = if can_be_revoked(entry, now) { RevokeOutcome::Revoked } else { done_before(entry) };
        report.revoked.push(RevokedReport::of(entry, done));
    }
    Ok(())
}

/// The open steps of a revocation that the ledger has recorded.
fn steps_of(view: &View, entry: &Entry) -> Result<Vec<OpenStep>> {
    let is_device = entry.key.kind == Kind::Device;
    let of_profile = is_device && Ca::profile_of(&entry.issuer).is_some();
    let mut steps = Vec::new();
    let is_registered = entry.reached(ledger::State::Registered).is_some();
    // Another process may be about to register it, or to put its certificate in the place of an earlier one.
    let may_be_there = || view.is_leased(Kind::Device, &entry.key.name);
    let is_swapped = || {
        let open = view.open_renewals()?;
        Ok::<_, base::Error>(open.iter().any(|open| open.key == entry.key && open.step.is_of_platform()))
    };
    if is_device && (of_profile || is_registered || may_be_there()? || is_swapped()?) {
        steps.push(OpenStep::Platform);
    }
    // A self-signed certificate has no CA that could list it.
    if entry.issuer != SELF {
        steps.push(OpenStep::List);
    }
    if of_profile {
        steps.push(OpenStep::ProfileCa);
    }
    Ok(steps)
}

fn done_before(entry: &Entry) -> RevokeOutcome {
    if entry.role == Role::Revoked { RevokeOutcome::Unchanged } else { RevokeOutcome::Expired }
}
