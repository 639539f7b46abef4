//! The prepared generation of a CA begins to sign.

use base::text::counted;
use base::{Code, Error, Result};
use ledger::Kind;
use store::ca::{Ca, generations};
use store::{Store, Workspace};

use super::cross::{certify, is_certified_by};
use super::gates;
use super::open_jobs::check_no_open_jobs;
use super::prepare::check_ready;
use super::report::{RolloverDone, RolloverReport};
use super::{in_store, peers, settle, trust};
use crate::report::CertificateReport;

/// How a generation is activated.
#[derive(Debug, Clone, Copy, Default)]
pub struct Activation {
    /// Go on without the devices and brokers that are not confirmed to have it.
    pub leave_behind: bool,
    /// Say what would happen, and write nothing.
    pub dry_run: bool,
}

/// Lets the prepared generation sign. Servers send the path to the new root from then on. It is recorded first: a run
/// that is interrupted is finished by the next verb that opens the store, and the files of servers and devices by the
/// same command.
///
/// # Errors
/// [`Code::NotPrepared`] if none is prepared, [`Code::JobsBelowCa`] if open jobs issue below the present generation, [`Code::CaNotConfirmed`] and [`Code::ListMissing`] if a gate is closed;
/// nothing is changed then.
pub fn activate(workspace: &mut Workspace<'_>, ca: &Ca, how: Activation) -> Result<RolloverReport> {
    let mut store = workspace.open_store("ca activate")?;
    settle(&mut store, ca)?;
    let name = ca.name();
    let mut report = RolloverReport::new(name.clone(), RolloverDone::Unchanged);
    let Some(pending) = store.ledger.pending(Kind::Ca, &name)? else {
        // Nothing is pending. With two trusted generations the switch is done, and a run that was cut off may have left
        // files to write; with one, nothing was prepared.
        let trusted = store.ledger.trusted_generations(&name)?;
        let (Some(current), true) = (trusted.first().filter(|entry| entry.is_current()), trusted.len() > 1) else {
            return Err(not_prepared(ca));
        };
        report.generation = Some(current.generation().number());
        if !how.dry_run {
            trust::spread(workspace, &mut store, ca, &mut report)?;
        }
        return Ok(report);
    };
    let number = pending.generation().number();
    let next = in_store(&store, ca, number)?.ok_or_else(|| {
        Code::CaUnavailable
            .error(format!("generation {number} of {name} is not in this store"))
            .fix("activate it in the store where it was prepared")
    })?;
    check_ready(&next, ca)?;
    check_no_open_jobs(&store, ca)?;
    // No root certifies the CA of a profile again: the platform knows one certificate of it, by its hash.
    if ca.profile().is_none() {
        if ca.is_root() && !how.dry_run {
            // An interrupted `prepare` may have left one out.
            report.files.extend(certify(workspace, &mut store, ca.hierarchy())?);
        }
        check_certified(&store, ca, number)?;
    }
    if !how.dry_run {
        peers::record_tokens(workspace, &mut store, ca)?;
    }
    report.left_behind = gates::check(workspace, &store, ca, &pending, &next, how.leave_behind)?;
    report.generation = Some(number);
    report.certificate = Some(CertificateReport::of(next.certificate()?));
    if how.dry_run {
        report.done = RolloverDone::Planned;
        return Ok(report);
    }
    if let Some(kind) = peers::peers_of(workspace, ca) {
        report.files.extend(gates::leave_behind(&mut store, kind, &pending, &report.left_behind)?);
    }
    store.ledger.promote(&pending.key)?;
    generations::settle(store.dir(), &store.ledger, &store.ledger.cas()?)?;
    report.done = RolloverDone::Activated;
    trust::spread(workspace, &mut store, ca, &mut report)?;
    Ok(report)
}

pub(super) fn not_prepared(ca: &Ca) -> Error {
    Code::NotPrepared
        .error(format!("no next generation of {} is prepared", ca.name()))
        .fix(format!("run `tbpki ca prepare {}` first", ca.word()))
}

/// Fails unless the new root has certified the issuing CA, and the root that signs has certified the new issuing CA:
/// otherwise no path would lead from a leaf to the root.
fn check_certified(store: &Store, ca: &Ca, number: u32) -> Result<()> {
    let hierarchy = ca.hierarchy();
    let (roots, issuing) = (hierarchy.root().trusted(store.dir())?, hierarchy.issuing().trusted(store.dir())?);
    let (roots, issuing): (Vec<_>, Vec<_>) = if ca.is_root() {
        (roots.into_iter().filter(|root| root.number == number).collect(), issuing)
    } else {
        // The first of the trusted generations is the one that signs.
        (roots.into_iter().take(1).collect(), issuing.into_iter().filter(|one| one.number == number).collect())
    };
    let mut without = 0_usize;
    for root in &roots {
        for issuing in &issuing {
            without += usize::from(!is_certified_by(issuing, root)?);
        }
    }
    if without == 0 {
        return Ok(());
    }
    Err(Code::NotPrepared
        .error(format!(
            "the root has not certified {} of {}",
            counted(without, "generation", "generations"),
            hierarchy.issuing()
        ))
        .fix(format!("run `tbpki ca prepare {}` again, with the keys of the roots in the store", ca.word())))
}
