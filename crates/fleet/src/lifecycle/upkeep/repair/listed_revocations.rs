//! Revocations that published lists have and the ledger lacks.

use base::Result;
use ledger::{KnownIdentity, Revocation, Role, Transaction};
use store::{Store, Workspace};

use crate::lifecycle::unseen::unseen;
use crate::lifecycle::upkeep::check::lists::{Listed, listed};

/// Takes over revocations from published lists into a restored ledger that was not compared yet: a list that is written
/// from it would otherwise lack what was revoked after the backup.
///
/// # Errors
/// Those of the ledger and of the files.
pub fn take_over_listed(workspace: &Workspace<'_>, store: &mut Store) -> Result<()> {
    if store.ledger.status()?.restored_at.is_none() {
        return Ok(());
    }
    take_over(workspace, store).map(drop)
}

/// Takes over revocations from published lists, and returns their number.
pub(super) fn take_over(workspace: &Workspace<'_>, store: &mut Store) -> Result<u64> {
    let lost = listed(workspace, &store.ledger)?;
    store.ledger.transaction(|transaction| lost.iter().try_for_each(|listed| revocation(transaction, listed)))?;
    Ok(lost.len().try_into().unwrap_or(u64::MAX))
}

fn revocation(transaction: &Transaction<'_>, listed: &Listed) -> Result<()> {
    let revocation = Revocation { at: listed.since, reason: listed.reason.map(str::to_owned) };
    let rows = transaction.by_serial(&listed.serial)?;
    if rows.iter().any(|row| row.issuer == listed.issuer && row.role == Role::Revoked) {
        return Ok(());
    }
    let row = rows.iter().find(|row| row.issuer == listed.issuer && row.role.can_be_revoked());
    if let Some(row) = row {
        return transaction.revoke_as_listed(&row.key, &revocation);
    }
    // The certificate itself is gone.
    let mut unseen = unseen(&listed.serial, &listed.issuer, listed.since, listed.ca_ends)?;
    // An interrupted attempt took this number for a name, and the certificate was made all the same.
    if let Some(row) = rows.iter().find(|row| row.issuer == listed.issuer) {
        (unseen.identity.kind, unseen.identity.name) = (row.key.kind, row.key.name.clone());
    }
    let issuer_generation = listed.issuer_generation;
    let revoked = KnownIdentity { role: Role::Revoked, revocation: Some(revocation), issuer_generation, ..unseen };
    transaction.record_known(&revoked).map(drop)
}
