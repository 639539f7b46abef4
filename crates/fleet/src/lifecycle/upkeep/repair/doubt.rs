//! Names with two certificates in use.

use base::{Code, Result};
use ledger::SerialNumber;
use store::Store;

use super::RepairReport;
use crate::lifecycle::upkeep::parts::{Problem, ProblemKind};

/// Settles names with two certificates by the serial numbers that a person gave, and reports those that are left.
///
/// # Errors
/// [`Code::UnknownIdentity`] for a serial number that no such name has.
pub(super) fn settle(store: &mut Store, in_use: &[SerialNumber], report: &mut RepairReport) -> Result<()> {
    for serial in in_use {
        let doubtful = store.ledger.in_doubt()?;
        let rows = store.ledger.by_serial(serial)?;
        let row = rows.iter().find(|row| doubtful.iter().any(|doubtful| doubtful.key.name == row.key.name));
        let row = row.ok_or_else(|| {
            Code::UnknownIdentity
                .error(format!("no name with two certificates has one with the serial number {serial}"))
                .fix("`tbpki store check` lists the names with two certificates")
        })?;
        let key = row.key.clone();
        store.ledger.transaction(|transaction| transaction.settle_doubt(&key))?;
        report.settled += 1;
    }
    for entry in store.ledger.in_doubt()? {
        let other = store.ledger.current(entry.key.kind, &entry.key.name)?;
        let other = other.map(|other| format!(" or {}", other.serial)).unwrap_or_default();
        let what = format!("two certificates can be in use: name the right one with `--use {}`{other}", entry.serial);
        report.open.push(Problem::new(ProblemKind::Twice, what).entry(&entry));
    }
    Ok(())
}
