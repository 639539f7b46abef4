//! Certificates that a store with another ledger has issued below a CA of this one.

use std::collections::BTreeSet;

use base::{Code, Finding, Result};
use identity::lifecycle::revocation_lists::{is_written_here, not_written_here};
use identity::lifecycle::rollover::named;
use ledger::{Entry, Kind, Ledger, Role, SerialNumber, View};
use store::Workspace;
use store::ca::generations::listed;
use store::ca::{Ca, Hierarchy};

use super::report::RevokedReport;
use crate::lifecycle::unseen::{name_of, unseen};

/// The serial numbers that the ledger does not have.
///
/// # Errors
/// Those of the ledger.
pub(super) fn missing(view: &View, serials: &[SerialNumber], issuer: &str) -> Result<BTreeSet<SerialNumber>> {
    let mut missing = BTreeSet::new();
    for serial in serials {
        if !view.by_serial(serial)?.iter().any(|entry| entry.issuer == issuer) {
            missing.insert(serial.clone());
        }
    }
    Ok(missing)
}

/// Records certificates of which the ledger has nothing, so that they can be revoked like all others. If the command is
/// interrupted between this and the revocation, the same command finds them by their serial numbers.
///
/// # Errors
/// [`Code::UnknownIdentity`] for an unknown CA, [`Code::Usage`] for one that stations do not issue with,
/// [`Code::ListsElsewhere`] if this store does not write the lists of the CA; those of the ledger.
pub(super) fn record(
    workspace: &Workspace<'_>,
    ledger: &mut Ledger,
    serials: &[SerialNumber],
    issuer: &str,
) -> Result<()> {
    let ca = issuing_ca(workspace, ledger, issuer)?;
    let missing = missing(ledger, serials, issuer)?;
    if missing.is_empty() {
        return Ok(());
    }
    let mut ca_ends = workspace.now;
    for generation in ca.trusted(workspace.store_dir())? {
        ca_ends = ca_ends.max(generation.certificate()?.not_after());
    }
    ledger.transaction(|transaction| {
        missing
            .iter()
            .try_for_each(|serial| transaction.record_known(&unseen(serial, issuer, workspace.now, ca_ends)?).map(drop))
    })
}

/// A note about generations of the CA that are out of service: no list is made of their keys.
///
/// # Errors
/// Those of the ledger.
pub(super) fn out_of_service(workspace: &Workspace<'_>, view: &View, issuer: &str) -> Result<Option<Finding>> {
    let listed = listed(workspace.store_dir(), view, &view.cas()?, &[])?;
    let is_out = |ca: &&Entry| matches!(ca.role, Role::Retired | Role::Revoked) && !listed.contains(&ca.key);
    let out: Vec<String> = view.history(Kind::Ca, issuer)?.iter().filter(|ca| is_out(ca)).map(number).collect();
    let are = if out.len() == 1 { "generation is" } else { "generations are" };
    Ok((!out.is_empty()).then(|| {
        Code::RevocationUnknown
            .note(format!("no list has what a generation of {issuer} out of service has issued"))
            .because(format!(
                "these {are} out of service: {}; brokers that read the lists refuse what is below",
                out.join(", ")
            ))
            .fix("give stations that still issue with such a generation a new bundle: `tbpki ca export devices`")
    }))
}

fn number(ca: &Entry) -> String {
    ca.generation().to_string()
}

/// The report of what [`record`] would record for a revocation.
///
/// # Errors
/// As [`record`].
pub(super) fn planned(
    workspace: &Workspace<'_>,
    view: &View,
    serials: &[SerialNumber],
    issuer: &str,
) -> Result<Vec<RevokedReport>> {
    issuing_ca(workspace, view, issuer)?;
    let missing = missing(view, serials, issuer)?;
    Ok(missing.iter().map(|serial| RevokedReport::unseen(name_of(serial), serial, issuer)).collect())
}

/// The CA, if stations can issue with it and this store writes its lists.
fn issuing_ca(workspace: &Workspace<'_>, view: &View, issuer: &str) -> Result<Ca> {
    let ca = named(view, issuer)?;
    if ca.hierarchy() != Hierarchy::Devices || ca.is_root() {
        return Err(Code::Usage
            .error(format!("{issuer} does not issue devices"))
            .argument("--not-in-ledger")
            .fix("name the CA of the station bundle: --issuer devices-issuing"));
    }
    if is_written_here(workspace.config) {
        return Ok(ca);
    }
    Err(not_written_here().fix("run the command in the store that exported this station bundle"))
}
