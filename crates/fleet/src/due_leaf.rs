//! Certificates in files that must be renewed, according to the ledger: with the name and the command that renews them.

use base::Result;
use base::text::device_option;
use identity::lifecycle::renew::due_warning;
use ledger::{Entry, Filter, Key, Kind, SerialNumber, View};
use pki::Certificate;
use provision::check::DueLeaf;
use store::{Workspace, identity_dir};

use crate::lifecycle::expiry::renewal;

/// That of a device, if it has one in use that has expired or must be renewed.
///
/// # Errors
/// Those of the ledger.
pub fn of_device(workspace: &Workspace<'_>, name: &str) -> Result<Option<DueLeaf>> {
    let view = workspace.view()?;
    view.current(Kind::Device, name)?.map_or(Ok(None), |entry| of_entry(workspace, &view, &entry))
}

/// Those of all servers.
///
/// # Errors
/// Those of the ledger.
pub fn of_servers(workspace: &Workspace<'_>) -> Result<Vec<DueLeaf>> {
    let view = workspace.view()?;
    let servers = Filter { kind: Some(Kind::Server), current_only: true, ..Filter::default() };
    let due = view.list(&servers).map(|entry| of_entry(workspace, &view, &entry?));
    due.filter_map(Result::transpose).collect()
}

/// That of a certificate of a file. Of one that the ledger does not have in use, nothing is known.
///
/// # Errors
/// Those of the ledger.
pub fn of_certificate(workspace: &Workspace<'_>, leaf: &Certificate) -> Result<Option<DueLeaf>> {
    let view = workspace.view()?;
    let Ok(serial) = SerialNumber::new(leaf.serial()) else { return Ok(None) };
    let fingerprint = Some(leaf.fingerprint());
    let entry = view.by_serial(&serial)?.into_iter().find(|entry| entry.fingerprint == fingerprint);
    entry.map_or(Ok(None), |entry| of_entry(workspace, &view, &entry))
}

fn of_entry(workspace: &Workspace<'_>, view: &View, entry: &Entry) -> Result<Option<DueLeaf>> {
    let Key { kind, name, .. } = &entry.key;
    let Some(fingerprint) = entry.fingerprint.filter(|_| entry.is_current() && *kind != Kind::Ca) else {
        return Ok(None);
    };
    let Some(mut warning) = due_warning(workspace, view, entry)? else { return Ok(None) };
    let is_in_shard = entry.job.is_some() && !identity_dir(workspace.store_dir(), *kind, name).is_dir();
    if let Some(pending) = view.pending(*kind, name)?.filter(|_| *kind == Kind::Device) {
        // It is renewed already: another renewal would take the place of that one, which the device may have by now.
        warning = warning
            .because(format!("its renewal, generation {}, is pending", pending.generation()))
            .fix(format!("once the device has the renewal, run `tbpki register --pending {}`", device_option(name)));
    } else if is_in_shard {
        warning = warning.fix(format!("run `{}`", renewal(view, name)?));
    }
    Ok(Some(DueLeaf { fingerprint, warning }))
}
