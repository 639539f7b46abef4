//! Names with two certificates in use.

use base::{Code, Result};
use ledger::{Entry, Role, SerialNumber, View};
use store::Store;

use super::report::RepairReport;
use crate::lifecycle::upkeep::parts::{Problem, ProblemKind};
use crate::register::revoked;

/// Settles names with two certificates by the serial numbers that a person gave, and reports those that are left.
///
/// # Errors
/// [`Code::UnknownIdentity`] for a serial number that no such name has.
pub(super) fn settle(store: &mut Store, in_use: &[SerialNumber], report: &mut RepairReport) -> Result<()> {
    for serial in in_use {
        let key = of_serial(&store.ledger, serial)?.key;
        store.ledger.transaction(|transaction| transaction.settle_doubt(&key))?;
        report.settled += 1;
    }
    self::report(&store.ledger, &[], report)
}

/// The certificate with this serial number, of a name with two of them.
///
/// # Errors
/// [`Code::UnknownIdentity`].
pub(super) fn of_serial(view: &View, serial: &SerialNumber) -> Result<Entry> {
    let doubtful = view.in_doubt()?;
    let rows = view.by_serial(serial)?;
    let is_doubtful = |row: &Entry| doubtful.iter().any(|doubtful| doubtful.key.name == row.key.name);
    let row = rows.into_iter().find(is_doubtful).ok_or_else(|| {
        Code::UnknownIdentity
            .error(format!("no name with two certificates has one with the serial number {serial}"))
            .fix("`tbpki store check` lists the names with two certificates")
    })?;
    // A revocation is final, also if the device turns out to have this one.
    if row.role == Role::Revoked {
        return Err(revoked(&row.key.name));
    }
    Ok(row)
}

/// Reports the names with two certificates, except those that `settled` names.
///
/// # Errors
/// Those of the ledger.
pub(super) fn report(view: &View, settled: &[SerialNumber], report: &mut RepairReport) -> Result<()> {
    for entry in view.in_doubt()? {
        let other = view.current(entry.key.kind, &entry.key.name)?;
        let is_settled = |one: &Entry| settled.contains(&one.serial);
        if is_settled(&entry) || other.as_ref().is_some_and(is_settled) {
            continue;
        }
        let other = other.map(|other| format!(" or {}", other.serial)).unwrap_or_default();
        let what = format!("two certificates can be in use: name the right one with `--use {}`{other}", entry.serial);
        report.open.push(Problem::new(ProblemKind::Twice, what).entry(&entry));
    }
    Ok(())
}
