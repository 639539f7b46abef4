//! The generations that a CA no longer signs with go out of service.

use std::collections::BTreeSet;
use std::path::Path;

use base::text::counted;
use base::{Code, Error, Result};
use ledger::{Entry, Filter, Generation, Kind, Role, View};
use store::ca::{Ca, generations};
use store::{Store, Workspace};

use super::cross::is_certified_by;
use super::dependents::renewal_commands;
use super::report::{RolloverDone, RolloverReport};
use super::{peers, settle, trust};

/// Takes the replaced generations of a CA out of every file that peers trust. Their files are kept in `ca/retired`.
///
/// # Errors
/// [`Code::CaInUse`] with the count if certificates in use depend on one of them; [`Code::NotPrepared`] if the CA has no
/// generation that was replaced; [`Code::CopiesMissing`] if the program of a server may still read files with the path to the
/// earlier generation. Nothing is changed then. Peers that are not known to have the present generation are a warning.
pub fn retire(workspace: &mut Workspace<'_>, ca: &Ca, dry_run: bool) -> Result<RolloverReport> {
    let mut store = workspace.open_store("ca retire")?;
    settle(&mut store, ca)?;
    let name = ca.name();
    let mut report = RolloverReport::new(name.clone(), RolloverDone::Unchanged);
    let history = store.ledger.history(Kind::Ca, &name)?;
    let current = history.iter().find(|entry| entry.is_current());
    report.generation = current.map(|entry| entry.generation().number());
    let prepared = history.iter().find(|entry| entry.role == Role::Pending);
    report.prepared = prepared.map(|entry| entry.generation().number());
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
    trust::check_copies(&store, ca)?;
    if let Some(current) = current {
        report.findings.extend(peers::still_without(workspace, &store.ledger, ca, current)?);
    }
    if dry_run {
        report.done = RolloverDone::Planned;
        return Ok(report);
    }
    let leaving: Vec<_> = replaced.iter().map(|entry| entry.key.clone()).collect();
    let listed = generations::listed(store.dir(), &store.ledger, &store.ledger.cas()?, &leaving)?;
    store.ledger.set_listed(listed);
    // In one transaction: after a crash in between, the files would still trust some of them.
    store.ledger.transaction(|transaction| replaced.iter().try_for_each(|entry| transaction.retire(&entry.key)))?;
    generations::settle(store.dir(), &store.ledger, &store.ledger.cas()?)?;
    report.done = RolloverDone::Retired;
    trust::spread(workspace, &mut store, ca, &mut report)?;
    Ok(report)
}

fn nothing_replaced(ca: &Ca) -> Error {
    Code::NotPrepared
        .error(format!("{} has no generation that was replaced", ca.name()))
        .fix(format!("run `tbpki ca prepare {0}` and `tbpki ca activate {0}` first", ca.word()))
}

/// Fails if certificates in use depend on a generation.
fn check_unused(workspace: &Workspace<'_>, store: &Store, ca: &Ca, entry: &Entry) -> Result<()> {
    let (depending, fix) = if ca.is_root() {
        let below = cas_below(store.dir(), &store.ledger, ca, entry)?;
        let fix = "replace and retire the CAs below it first: `tbpki ca list` shows them".to_owned();
        let names = names_of(&below);
        // A CA with several generations below the root is one.
        let count = names.len();
        let depends = if count == 1 { "depends" } else { "depend" };
        let depending = || format!("{} ({}) {depends}", counted(count, "CA", "CAs"), names.join(", "));
        ((count > 0).then(depending), fix)
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

/// The names of CAs, each once.
fn names_of(below: &[CaBelow]) -> Vec<String> {
    let names: BTreeSet<String> = below.iter().map(|below| below.ca.name()).collect();
    names.into_iter().collect()
}

/// A generation of a CA that leads to one generation of its root alone.
#[derive(Debug, Clone)]
pub struct CaBelow {
    /// The CA.
    pub ca: Ca,
    /// The generation, as the ledger has it; `None` if it does not have it.
    pub generation: Option<Generation>,
}

/// The CAs that lead to this generation of a root alone.
///
/// # Errors
/// Those of the ledger and of reading the files.
pub fn cas_below(store: &Path, view: &View, ca: &Ca, root: &Entry) -> Result<Vec<CaBelow>> {
    let mut others = Vec::new();
    for generation in ca.trusted(store)? {
        if generation.row(view, &ca.name())?.is_none_or(|row| row.key != root.key) {
            others.push(generation);
        }
    }
    let mut below = Vec::new();
    let issuing = ca.hierarchy().issuing();
    for generation in issuing.trusted(store)? {
        let mut is_safe = false;
        for other in &others {
            is_safe |= is_certified_by(&generation, other)?;
        }
        if !is_safe {
            let row = generation.row(view, &issuing.name())?;
            below.push(CaBelow { ca: issuing.clone(), generation: row.map(|row| row.generation()) });
        }
    }
    // Devices of a profile send its CA's certificate by this root, which the platform knows by its hash.
    let filter = Filter { kind: Some(Kind::Ca), ..Filter::default() };
    for entry in view.list(&filter) {
        let entry = entry?;
        let Some(of_profile @ Ca::Profile(_)) = Ca::named(&entry.key.name) else { continue };
        let is_trusted = entry.role.is_in_use() || entry.role == Role::Superseded;
        if is_trusted && entry.issuer == ca.name() && entry.issuer_generation == Some(root.generation()) {
            below.push(CaBelow { ca: of_profile, generation: Some(entry.generation()) });
        }
    }
    Ok(below)
}
