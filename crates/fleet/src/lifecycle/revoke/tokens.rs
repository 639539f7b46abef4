//! Devices that have only an access token: the ledger has no certificate of them, and so no open steps.

use std::path::Path;

use base::Result;
use ledger::{Kind, Ledger, Role, View};
use store::{Workspace, holds_token, retire_token};

use super::report::RevokeReport;
use super::withdrawal::withdraw_all;
use crate::lifecycle::lease::Leases;
use crate::platform::Connection;

/// The devices among these that have a token in the store and never had a certificate.
///
/// # Errors
/// Those of the database.
pub(super) fn without_certificate(store: &Path, view: &View, names: &[&str]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for name in names.iter().filter(|name| holds_token(store, name)) {
        let history = view.history(Kind::Device, name)?;
        if !history.iter().any(|entry| entry.fingerprint.is_some() && entry.role != Role::Void) {
            found.push((*name).to_owned());
        }
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// Puts a random token in the place of the token of each of these devices. A token that fails is a finding of the report:
/// the same command tries it again.
///
/// # Errors
/// Those of the ledger.
pub(super) fn withdraw(
    workspace: &mut Workspace<'_>,
    ledger: &mut Ledger,
    names: Vec<String>,
    report: &mut RevokeReport,
) -> Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let store = workspace.store_dir().to_owned();
    let connection = match Connection::of(workspace) {
        Ok(connection) => connection,
        Err(error) => {
            report.with_token.extend(names);
            report.findings.push(error.into_finding());
            return Ok(());
        }
    };
    let leases = Leases::without_lock()?;
    for name in names {
        let withdrawn = leases
            .holding(ledger, &name, |ledger| withdraw_all(&connection, &store, ledger, &name))
            .and_then(|()| retire_token(&store, &name));
        match withdrawn {
            Ok(()) => report.without_token.push(name),
            Err(error) => {
                report.with_token.push(name);
                report.findings.push(error.into_finding());
            }
        }
    }
    Ok(())
}
