//! A generation of a CA that was revoked: nothing trusts it any more.

use base::Result;
use ledger::{CrossParameters, Entry, Generation, Kind, View, cross_name};
use store::Workspace;
use store::ca::Ca;

use super::report::{RolloverDone, RolloverReport};
use super::trust;

/// Takes the revoked generations of a CA out of every file that peers trust.
///
/// # Errors
/// Those of the store and of the ledger. Identities whose files could not be written are in the report.
pub fn drop_revoked(workspace: &mut Workspace<'_>, ca: &Ca) -> Result<RolloverReport> {
    // The store puts the files of revoked generations away when it is opened.
    let mut store = workspace.open_restored_store("revoke")?;
    let mut report = RolloverReport::new(ca.name(), RolloverDone::Retired);
    trust::spread(workspace, &mut store, ca, &mut report)?;
    Ok(report)
}

/// The certificates of the key of a generation that other generations of its root have issued.
///
/// # Errors
/// Those of the ledger.
pub fn cross_generations(view: &View, ca: &Ca, generation: Generation) -> Result<Vec<Entry>> {
    let mut found = Vec::new();
    for entry in view.history(Kind::Ca, &cross_name(&ca.name()))? {
        let parameters = CrossParameters::of_row(&entry)?;
        let is_of_key = parameters.is_some_and(|parameters| parameters.generation() == generation);
        if is_of_key && entry.role.can_be_revoked() {
            found.push(entry);
        }
    }
    Ok(found)
}
