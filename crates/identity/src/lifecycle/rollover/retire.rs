//! The generations that a CA no longer signs with go out of service.

use base::text::counted;
use base::{Code, Error, Result};
use ledger::{Entry, Filter, Kind, Role, View};
use store::ca::{Ca, generations};
use store::{Store, Workspace};

use super::cross::is_certified_by;
use super::dependents::renewal_commands;
use super::report::{RolloverDone, RolloverReport};
use super::{settle, trust};

/// Takes the replaced generations of a CA out of every file that peers trust. Their files are kept in `ca/retired`.
///
/// # Errors
/// [`Code::CaInUse`] with the count if certificates in use depend on one of them; [`Code::NotPrepared`] if the CA has no
/// generation that was replaced. Nothing is changed then.
pub fn retire(workspace: &mut Workspace<'_>, ca: &Ca, dry_run: bool) -> Result<RolloverReport> {
    let mut store = workspace.open_store("ca retire")?;
    settle(&mut store, ca)?;
    let name = ca.name();
    let mut report = RolloverReport::new(name.clone(), RolloverDone::Unchanged);
    let history = store.ledger.history(Kind::Ca, &name)?;
    let current = history.iter().find(|entry| entry.is_current());
    report.generation = current.map(|entry| entry.generation().number());
    let replaced: Vec<&Entry> = history.iter().filter(|entry| entry.role == Role::Superseded).collect();
    if replaced.is_empty() {
        // With a retired generation this is the repeat of a run that was cut off: the files are brought up to date
        // below.
        if !history.iter().any(|entry| matches!(entry.role, Role::Retired | Role::Revoked)) {
            return Err(nothing_replaced(ca));
        }
        if !dry_run {
            trust::spread(workspace, &mut store, ca, &mut report)?;
        }
        return Ok(report);
    }
    for entry in &replaced {
        check_unused(workspace, &store, ca, entry)?;
    }
    if dry_run {
        report.done = RolloverDone::Planned;
        return Ok(report);
    }
    // In one transaction: after a crash in between, the files would still trust some of them.
    store.ledger.transaction(|transaction| replaced.iter().try_for_each(|entry| transaction.retire(&entry.key)))?;
    generations::settle(store.dir(), &store.ledger)?;
    report.done = RolloverDone::Retired;
    trust::spread(workspace, &mut store, ca, &mut report)?;
    Ok(report)
}

fn nothing_replaced(ca: &Ca) -> Error {
    Code::NotPrepared
        .error(format!("{} has no generation that was replaced", ca.name()))
        .fix(format!("run `tbpki ca prepare {0}` and `tbpki ca activate {0}` first", ca.name()))
}

/// Fails if certificates in use depend on a generation.
fn check_unused(workspace: &Workspace<'_>, store: &Store, ca: &Ca, entry: &Entry) -> Result<()> {
    let (depending, fix) = if ca.is_root() {
        let count = cas_below(store, &store.ledger, ca, entry)?;
        let fix = "replace and retire the CAs below it first: `tbpki ca list` shows them".to_owned();
        ((count > 0).then(|| counted(count, "CA depends", "CAs depend")), fix)
    } else {
        let dependents = store.ledger.dependents_on(&ca.name(), entry.generation(), workspace.now)?;
        let fix = format!(
            "renew them first, or revoke those that are not used (`tbpki list` shows them): {}",
            renewal_commands(ca, &dependents)
        );
        let counted = || counted(dependents.count, "certificate in use depends", "certificates in use depend");
        ((dependents.count > 0).then(counted), fix)
    };
    let Some(depending) = depending else { return Ok(()) };
    Err(Code::CaInUse
        .error(format!("{depending} on generation {} of {}", entry.generation(), ca.name()))
        .because("peers would refuse them")
        .fix(fix))
}

/// How many CAs lead to this generation of a root alone.
fn cas_below(store: &Store, view: &View, ca: &Ca, root: &Entry) -> Result<u64> {
    let number = root.generation().number();
    let others: Vec<_> =
        ca.trusted(store.dir())?.into_iter().filter(|generation| generation.number != number).collect();
    let mut count = 0;
    for issuing in ca.hierarchy().issuing().trusted(store.dir())? {
        let mut is_safe = false;
        for other in &others {
            is_safe |= is_certified_by(&issuing, other)?;
        }
        count += u64::from(!is_safe);
    }
    // Devices of a profile send its CA's certificate by this root, which the platform knows by its hash.
    let filter = Filter { kind: Some(Kind::Ca), ..Filter::default() };
    for entry in view.list(&filter) {
        let entry = entry?;
        let is_of_profile = matches!(Ca::named(&entry.key.name), Some(Ca::Profile(_)));
        let is_trusted = entry.role.is_in_use() || entry.role == Role::Superseded;
        let is_below = entry.issuer == ca.name() && entry.issuer_generation == Some(root.generation());
        count += u64::from(is_of_profile && is_trusted && is_below);
    }
    Ok(count)
}
