//! Devices that have only an access token: the ledger has no certificate of them, and so no open steps.

use std::collections::BTreeSet;
use std::path::Path;

use base::Result;
use ledger::{Kind, Ledger, Role, View};
use provision::platform::PlatformChange;
use store::Workspace;

use super::report::RevokeReport;
use super::target::Targets;
use super::withdrawal::withdraw_all;
use crate::lifecycle::device_tokens::{may_have_token, record_gone, record_unplaced};
use crate::lifecycle::lease::Leases;
use crate::platform::Connection;

/// The devices among the targets that a platform may have a token of, and that never had a certificate; all whose tokens
/// are still to be taken away, if steps that are open are meant.
///
/// # Errors
/// Those of the database.
pub(super) fn without_certificate(store: &Path, view: &View, targets: &Targets) -> Result<Vec<String>> {
    let mut found = BTreeSet::new();
    if matches!(targets, Targets::Open) {
        found.extend(view.revoked_device_tokens()?.into_iter().map(|token| token.device));
    }
    for name in targets.devices() {
        if !may_have_token(store, view, name)? {
            continue;
        }
        let history = view.history(Kind::Device, name)?;
        if !history.iter().any(|entry| entry.fingerprint.is_some() && entry.role != Role::Void) {
            found.insert(name.to_owned());
        }
    }
    Ok(found.into_iter().collect())
}

/// Puts a random token in the place of the token of each of these devices. A token that fails stays recorded: the same
/// command tries it again, and so does `tbpki revoke --open`. The report has the tokens at other platforms as open.
///
/// # Errors
/// Those of the ledger.
pub(super) fn withdraw(
    workspace: &mut Workspace<'_>,
    ledger: &mut Ledger,
    names: &[String],
    report: &mut RevokeReport,
) -> Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let store = workspace.store_dir().to_owned();
    for name in names {
        record_unplaced(&store, ledger, name)?;
        // Before anything is asked: what an interrupted command leaves is finished by `tbpki revoke --open`.
        ledger.transaction(|transaction| transaction.revoke_device_tokens(name))?;
    }
    let mut here = Vec::new();
    for name in names {
        if ledger.device_tokens_of(name)?.iter().any(|token| !token.is_elsewhere) {
            here.push(name);
        }
    }
    if !here.is_empty() {
        match Connection::of(workspace) {
            Ok(connection) => withdraw_here(&connection, &store, ledger, &here, report)?,
            Err(error) => report.findings.push(error.into_finding()),
        }
    }
    for name in names {
        for token in ledger.device_tokens_of(name)? {
            report.add_open_token(&token);
        }
    }
    Ok(())
}

/// Takes the tokens of devices from the platform in focus.
fn withdraw_here(
    connection: &Connection,
    store: &Path,
    ledger: &mut Ledger,
    names: &[&String],
    report: &mut RevokeReport,
) -> Result<()> {
    let leases = Leases::without_lock()?;
    for name in names {
        let withdrawn = leases.holding(ledger, name, |ledger| withdraw_all(connection, store, ledger, name));
        match withdrawn {
            Ok(change) => {
                record_gone(store, ledger, name)?;
                match change {
                    PlatformChange::Replaced => report.without_token.push((*name).clone()),
                    _ => report.token_was_gone.push((*name).clone()),
                }
            }
            Err(error) => {
                ledger.transaction(|transaction| transaction.device_token_failed(name, &error.to_string()))?;
                report.findings.push(error.into_finding());
            }
        }
    }
    Ok(())
}
