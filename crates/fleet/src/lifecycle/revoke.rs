//! Revoking identities: the ledger first, then the platform and the revocation lists, and what is still open.
//!
//! The ledger is the truth: as soon as it has the revocation, no verb uses the identity any more. The platform and the
//! lists follow; neither waits for the other, and a step that fails stays open until `tbpki revoke --open` does it.

mod ca;
mod parts;
mod report;
mod steps;
mod target;

use base::Result;
use ledger::{Entry, Key, Kind, Ledger, OpenStep, Role, View};
use pki::revocation_list::Reason;
use store::ca::Ca;
use store::{SELF, Workspace};
use time::OffsetDateTime;

use parts::Parts;
pub use report::{OpenReport, RevokeCounts, RevokeOutcome, RevokeReport, RevokedReport};
use steps::Platform;
pub(crate) use steps::{withdraw, withdraw_revoked};
use target::can_be_revoked;
pub use target::{CaTarget, Targets};

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
    if let Targets::Ca(target) = &request.targets {
        ca::revoke(workspace, target, request, &mut report)?;
        return Ok(report);
    }
    if request.dry_run {
        let view = workspace.view()?;
        let parts = request.targets.parts(&view, workspace.now, &mut report.findings)?;
        let mut walk = parts.walk();
        while let Some(part) = walk.next(&view)? {
            for entry in part.entries(&view)? {
                let is_valid = can_be_revoked(&entry, workspace.now);
                let done = if is_valid { RevokeOutcome::Planned } else { done_before(&entry) };
                report.add(&entry, done, parts.are_listed());
            }
        }
        return Ok(report);
    }
    // Without the lock of the store: another verb may have it for hours, and a stolen device must be out at once.
    let mut ledger = workspace.open_ledger()?;
    let parts = request.targets.parts(&ledger, workspace.now, &mut report.findings)?;
    let mut walk = parts.walk();
    while let Some(part) = walk.next(&ledger)? {
        let entries = part.entries(&ledger)?;
        record(&mut ledger, &entries, request.reason, workspace.now)?;
        for entry in &entries {
            let is_new = can_be_revoked(entry, workspace.now);
            let done = if is_new { RevokeOutcome::Revoked } else { done_before(entry) };
            report.add(entry, done, parts.are_listed());
        }
    }
    finish(workspace, &mut ledger, &parts, &mut report)?;
    Ok(report)
}

/// Takes the open steps of revocations that are recorded, and reports those that stay open.
fn finish(workspace: &mut Workspace<'_>, ledger: &mut Ledger, parts: &Parts, report: &mut RevokeReport) -> Result<()> {
    let mut platform = Platform::default();
    // The lists of a whole job do not wait until the platform has answered for each of its devices.
    if !parts.are_listed() && has_open_lists(ledger, parts)? {
        steps::lists(workspace, ledger, report)?;
    }
    let mut walk = parts.walk();
    while let Some(part) = walk.next(ledger)? {
        let open = part.open(ledger)?;
        platform.take_from(workspace, ledger, &open)?;
        platform.distrust_cas(workspace, ledger, &open, report)?;
    }
    if parts.are_listed() && has_open_lists(ledger, parts)? {
        steps::lists(workspace, ledger, report)?;
    }
    let mut walk = parts.walk();
    while let Some(part) = walk.next(ledger)? {
        let open = part.open(ledger)?;
        steps::profile_cas(ledger, &open)?;
        for open in part.open(ledger)? {
            let Some(entry) = ledger.entry(&open.key)? else { continue };
            report.add_open(&open, &entry);
        }
    }
    Ok(())
}

fn has_open_lists(view: &View, parts: &Parts) -> Result<bool> {
    let mut walk = parts.walk();
    while let Some(part) = walk.next(view)? {
        if part.open(view)?.iter().any(|open| open.step == OpenStep::List) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Records the revocations of a part, all in one transaction.
fn record(ledger: &mut Ledger, entries: &[Entry], reason: Reason, now: OffsetDateTime) -> Result<()> {
    // RFC 5280, section 5.3.1: an entry without a reason is preferred to one with `unspecified`.
    let reason = (reason != Reason::Unspecified).then(|| reason.as_str());
    let entries: Vec<&Entry> = entries.iter().filter(|entry| can_be_revoked(entry, now)).collect();
    if entries.is_empty() {
        return Ok(());
    }
    ledger.transaction(|transaction| {
        // Read in the transaction: a renewal that begins its swap later reads the revocation before it changes the
        // platform.
        let swaps: Vec<Key> = transaction
            .open_renewals()?
            .into_iter()
            .filter(|open| open.step.is_of_platform())
            .map(|open| open.key)
            .collect();
        for entry in &entries {
            transaction.revoke(&entry.key, reason, &steps_of(transaction, entry, &swaps)?)?;
        }
        Ok(())
    })
}

/// The open steps of a revocation that the ledger has recorded. `swaps` are renewals whose certificate may be on the
/// platform.
fn steps_of(view: &View, entry: &Entry, swaps: &[Key]) -> Result<Vec<OpenStep>> {
    let is_device = entry.key.kind == Kind::Device;
    let of_profile = is_device && Ca::profile_of(&entry.issuer).is_some();
    let mut steps = Vec::new();
    let is_registered = entry.reached(ledger::State::Registered).is_some();
    // Another process may be about to register it, or to put its certificate in the place of an earlier one.
    let may_be_there = || view.is_leased(Kind::Device, &entry.key.name);
    if is_device && (of_profile || is_registered || swaps.contains(&entry.key) || may_be_there()?) {
        steps.push(OpenStep::Platform);
    }
    // A self-signed certificate has no CA that could list it.
    if entry.issuer != SELF {
        steps.push(OpenStep::List);
    }
    if of_profile {
        // The platform accepts whatever a key below the profile's CA has signed. A stolen key can act for other devices
        // of the profile until that CA is replaced.
        steps.push(OpenStep::ProfileCa);
    }
    Ok(steps)
}

fn done_before(entry: &Entry) -> RevokeOutcome {
    if entry.role == Role::Revoked { RevokeOutcome::Unchanged } else { RevokeOutcome::Expired }
}
