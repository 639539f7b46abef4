//! Revoking identities: the ledger first, then the platform and the revocation lists, and what is still open.
//!
//! The ledger is the truth: as soon as it has the revocation, no verb uses the identity any more. The platform and the
//! lists follow; neither waits for the other, and a step that fails stays open until `tbpki revoke --open` does it.

mod report;
mod steps;
mod target;

use std::collections::HashSet;

use base::Result;
use ledger::{Entry, Key, Kind, OpenStep, Role};
use pki::revocation_list::Reason;
use store::{SELF, Store, Workspace};
use time::OffsetDateTime;

pub use report::{OpenReport, RevokeOutcome, RevokeReport, RevokedReport};
use steps::PROFILE_CA;
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
    let mut store = workspace.open_store("revoke")?;
    let entries = request.targets.entries(&store.ledger, workspace.now)?;
    record(&mut store, &entries, request.reason, workspace.now, &mut report)?;
    let names: HashSet<(Kind, &str)> = entries.iter().map(|entry| (entry.key.kind, entry.key.name.as_str())).collect();
    let is_meant = |key: &Key| request.targets.is_open() || names.contains(&(key.kind, key.name.as_str()));
    let open: Vec<_> = store.ledger.open_revocations()?.into_iter().filter(|open| is_meant(&open.key)).collect();
    steps::platform(workspace, &mut store, &open)?;
    steps::lists(workspace, &mut store, &open, &mut report)?;
    steps::profile_cas(&mut store, &open)?;
    for open in store.ledger.open_revocations()?.into_iter().filter(|open| is_meant(&open.key)) {
        let Some(entry) = store.ledger.entry(&open.key)? else { continue };
        report.open.push(OpenReport::of(&open, &entry));
    }
    Ok(report)
}

/// Records the revocations, all in one transaction.
fn record(
    store: &mut Store,
    entries: &[Entry],
    reason: Reason,
    now: OffsetDateTime,
    report: &mut RevokeReport,
) -> Result<()> {
    let reason = (reason != Reason::Unspecified).then(|| reason.as_str());
    store.ledger.transaction(|transaction| {
        for entry in entries.iter().filter(|entry| can_be_revoked(entry, now)) {
            transaction.revoke(&entry.key, reason, &steps_of(entry))?;
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
fn steps_of(entry: &Entry) -> Vec<OpenStep> {
    let is_device = entry.key.kind == Kind::Device;
    let of_profile = is_device && entry.issuer.starts_with(PROFILE_CA);
    let mut steps = Vec::new();
    if is_device && (of_profile || entry.reached(ledger::State::Registered).is_some()) {
        steps.push(OpenStep::Platform);
    }
    // A self-signed certificate has no CA that could list it.
    if entry.issuer != SELF {
        steps.push(OpenStep::List);
    }
    if of_profile {
        steps.push(OpenStep::ProfileCa);
    }
    steps
}

fn done_before(entry: &Entry) -> RevokeOutcome {
    if entry.role == Role::Revoked { RevokeOutcome::Unchanged } else { RevokeOutcome::Expired }
}
