//! Making the platform forget a device's certificate, or the device.

use base::text::{device_option, quote};
use base::{Code, Error, Result};
use ledger::{Kind, OpenStep, View};
use pki::device_name::DeviceName;
use provision::platform::PlatformChange;

use crate::lifecycle::device_tokens::{may_have_token, record_gone};
use crate::lifecycle::lease::Leases;
use crate::lifecycle::withdrawal::{Withdrawal, with_command};
use crate::platform::{Connection, with_url};
use crate::register::{DeviceRegistration, PlatformOutcome};
use store::Workspace;

/// A request to unregister devices.
#[derive(Debug, Clone)]
pub struct UnregisterRequest {
    /// Delete the device with its history instead of its credential alone.
    pub delete_device: bool,
    /// Also take away a certificate that this store has never issued, and a token that it does not have.
    pub replace: bool,
    /// Say what would happen and change nothing.
    pub dry_run: bool,
}

/// A device that was taken from the platform.
#[derive(Debug, Clone)]
pub struct Unregistered {
    /// The result in the platform.
    pub registration: DeviceRegistration,
    /// The command that registers its certificate again. `None` if nothing was taken away, and if the ledger has no
    /// certificate of it that could come back.
    pub undo: Option<String>,
}

/// Takes a device's certificate away in the platform, or the whole device. The files in the store stay. From the
/// beginning on, bulk verbs skip the device, also if the platform fails; the same request finishes it.
///
/// # Errors
/// [`Code::OtherCredential`] for a certificate or token that is none of ours, and those of every call.
pub fn unregister(
    workspace: &mut Workspace<'_>,
    connection: &Connection,
    device: &DeviceName,
    request: &UnregisterRequest,
) -> Result<Unregistered> {
    store::check_exists(workspace.store_dir())?;
    let name = device.as_str();
    if request.dry_run {
        let registration = examine(workspace, connection, name, request)?;
        return Ok(Unregistered { registration, undo: None });
    }
    let mut store = workspace.open_restored_store("unregister")?;
    let leases = Leases::of_locked_store(&mut store.ledger)?;
    // Recorded first: a bulk verb after an interruption would register the device again.
    let entry = store.ledger.latest(Kind::Device, name)?;
    if let Some(entry) = &entry {
        store.ledger.unregistering(&entry.key)?;
    }
    let dir = store.dir().to_owned();
    let has_token = may_have_token(&dir, &store.ledger, name)?;
    let outcome = leases.holding(&mut store.ledger, name, |ledger| {
        connection.runtime.wait(async {
            let withdrawal = Withdrawal::of_all(&dir, ledger, name, request.replace)?;
            match request.delete_device {
                true => withdrawal.delete(&connection.board).await,
                false => withdrawal.carry_out(&connection.board).await,
            }
        })
    });
    match outcome {
        Ok(PlatformChange::Absent) if entry.is_none() && !has_token => Err(unknown(name)),
        Ok(done) => {
            record_gone(&dir, &mut store.ledger, name)?;
            let undo = undo(connection, &store.ledger, name, done)?;
            if let Some(entry) = entry {
                store.ledger.transaction(|transaction| {
                    transaction.unregistered(&entry.key)?;
                    // A revocation that waits for the platform is done there by this.
                    for row in transaction.history(Kind::Device, name)? {
                        transaction.step_done(&row.key, OpenStep::Platform)?;
                    }
                    transaction.end_swaps(&entry.key)
                })?;
            }
            Ok(Unregistered { registration: report(name, done.into()), undo })
        }
        Err(error) => {
            if let Some(entry) = entry {
                // After other errors, for example a lost answer, the platform may have done it.
                let is_refused =
                    matches!(error.code(), Code::OtherCredential | Code::DeviceReturns | Code::CertificateTaken);
                if is_refused && entry.unregistered_at.is_none() {
                    store.ledger.not_unregistered(&entry.key)?;
                }
                store.ledger.failed(&entry.key, &error.to_string())?;
            }
            Err(with_command(error, name, connection.url_for_commands(&store.ledger)))
        }
    }
}

/// The command that registers the certificate of a device again, if its credential was replaced.
fn undo(connection: &Connection, view: &View, name: &str, done: PlatformChange) -> Result<Option<String>> {
    let is_replaced = matches!(done, PlatformChange::Replaced | PlatformChange::Created);
    // A revocation is final, and a token that is taken away does not come back.
    if !is_replaced || view.current(Kind::Device, name)?.is_none() {
        return Ok(None);
    }
    let command = format!("tbpki register {} --again --replace", device_option(name));
    Ok(Some(with_url(command, connection.url_for_commands(view))))
}

/// The result that [`unregister`] would have. Nothing is changed.
fn examine(
    workspace: &Workspace<'_>,
    connection: &Connection,
    name: &str,
    request: &UnregisterRequest,
) -> Result<DeviceRegistration> {
    let (view, dir) = (workspace.view()?, workspace.store_dir());
    let is_unknown =
        || Ok::<_, Error>(view.latest(Kind::Device, name)?.is_none() && !may_have_token(dir, &view, name)?);
    let withdrawal = Withdrawal::of_all(dir, &view, name, request.replace)?;
    let change = connection.runtime.wait(async {
        match request.delete_device {
            true => withdrawal.examine_deletion(&connection.board).await,
            false => withdrawal.examine(&connection.board).await,
        }
    });
    let change = change.map_err(|error| with_command(error, name, connection.url_for_commands(&view)))?;
    let done = match change {
        PlatformChange::Absent if is_unknown()? => return Err(unknown(name)),
        PlatformChange::Absent | PlatformChange::Unchanged => change.into(),
        _ => PlatformOutcome::Planned,
    };
    Ok(DeviceRegistration { dry_run: true, ..report(name, done) })
}

fn unknown(name: &str) -> Error {
    Code::PlatformNotFound
        .error(format!("neither the platform nor the store knows a device {}", quote(name)))
        .item(name)
        .fix("compare the name, capitals included")
}

fn report(name: &str, done: PlatformOutcome) -> DeviceRegistration {
    DeviceRegistration {
        name: name.to_owned(),
        done,
        dry_run: false,
        device_id: None,
        credentials_id: None,
        error: None,
    }
}
