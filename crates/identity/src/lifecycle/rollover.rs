//! Replacing a CA: its next generation is prepared, signs, and in the end is the only one.
//!
//! Peers trust both generations between `prepare` and `retire`. Each step is recorded in the ledger before its files
//! change, and the same command finishes what was interrupted.

mod activate;
pub mod confirm;
pub mod cross;
mod dependents;
pub mod gates;
mod import;
mod open_jobs;
mod overview;
mod peers;
mod prepare;
mod report;
mod retire;
mod revoked;
mod shared_name;
mod trust;

use base::text::quote;
use base::{Code, Result};
use ledger::{Entry, Key, Kind, SerialNumber, View};
use pki::Certificate;
use store::ca::Ca;
use store::ca::generations::CaGeneration;
use store::{Store, issued_record};

use crate::report::FileReport;

pub use activate::{Activation, activate};
pub use dependents::renewal_commands;
pub use gates::leave_devices_behind;
pub use import::read as read_import;
pub use overview::{BelowRow, CaRow, CasReport, PeersRow, overview, shortens_from};
pub use peers::next_of;
pub use prepare::{check_dry_run, prepare, prepare_imported};
pub use report::{NotRefreshed, RolloverDone, RolloverReport};
pub use retire::{CaBelow, cas_below, retire};
pub use revoked::{cross_generations, drop_revoked};

/// The CA of this name.
///
/// # Errors
/// [`Code::UnknownIdentity`] if the ledger has no such CA.
pub fn named(view: &View, name: &str) -> Result<Ca> {
    let unknown = || {
        Code::UnknownIdentity
            .error(format!("the store has no CA {}", quote(name)))
            .item(name)
            .fix("`tbpki ca list` shows the CAs of the store")
    };
    let ca = Ca::named(name).ok_or_else(unknown)?;
    if view.latest(Kind::Ca, name)?.is_some() { Ok(ca) } else { Err(unknown()) }
}

/// The generation with this number in the store.
fn in_store(store: &Store, ca: &Ca, number: u32) -> Result<Option<CaGeneration>> {
    Ok(ca.trusted(store.dir())?.into_iter().find(|generation| generation.number == number))
}

/// Settles what an interrupted `prepare` has left: a generation that reached the store is pending, another is void.
fn settle(store: &mut Store, ca: &Ca) -> Result<()> {
    let Some(entry) = store.ledger.unfinished_of(Kind::Ca, &ca.name())? else { return Ok(()) };
    let found = in_store(store, ca, entry.generation().number())?;
    match found.as_ref().map(CaGeneration::certificate).transpose()?.filter(|found| is_of(found, &entry)) {
        Some(certificate) => store.ledger.issued_pending(&entry.key, &issued_record(certificate)),
        None => store.ledger.void(&entry.key, "interrupted before it was delivered"),
    }
}

fn is_of(certificate: &Certificate, entry: &Entry) -> bool {
    SerialNumber::new(certificate.serial()).is_ok_and(|serial| serial == entry.serial)
}

/// Records a next generation that was delivered, with its files, as the pending one. Its number is void if that has failed.
///
/// # Errors
/// That of the delivery, and those of the ledger.
fn record_pending(
    store: &mut Store,
    key: &Key,
    delivered: Result<(Certificate, Vec<FileReport>)>,
    report: &mut RolloverReport,
) -> Result<Entry> {
    match delivered {
        Ok((certificate, files)) => {
            store.ledger.issued_pending(key, &issued_record(&certificate))?;
            report.files.extend(files);
        }
        Err(error) => {
            store.ledger.void(key, &error.to_string())?;
            return Err(error);
        }
    }
    let entry = store.ledger.entry(key)?;
    entry.ok_or_else(|| Code::Internal.error("a CA was recorded, and the ledger does not have it"))
}
