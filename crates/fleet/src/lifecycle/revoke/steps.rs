//! The steps that make a revocation known to others.

use std::collections::BTreeMap;

use base::Result;
use identity::lifecycle::revocation_lists;
use ledger::{Key, Kind, Ledger, OpenRevocation, OpenStep, View};
use pki::keystore::password;
use provision::platform::{DesiredDevice, DeviceCredential, IssuedCertificates, NewDevice, PlatformChange, Replace};
use store::Workspace;
use store::ca::Ca;

use crate::lifecycle::lease::Leases;
use crate::lifecycle::revoke::report::RevokeReport;
use crate::platform::Connection;

/// Takes the certificates from the platform. What fails is recorded and stays open.
pub(super) fn platform(workspace: &mut Workspace<'_>, ledger: &mut Ledger, open: &[OpenRevocation]) -> Result<()> {
    let mut devices: BTreeMap<&str, Vec<&Key>> = BTreeMap::new();
    for open in open.iter().filter(|open| open.step == OpenStep::Platform) {
        devices.entry(&open.key.name).or_default().push(&open.key);
    }
    if devices.is_empty() {
        return Ok(());
    }
    let connection = match Connection::of(workspace) {
        Ok(connection) => connection,
        Err(error) => {
            let keys: Vec<&Key> = devices.into_values().flatten().collect();
            return failed(ledger, &keys, OpenStep::Platform, &error.to_string());
        }
    };
    let leases = Leases::without_lock()?;
    for (name, keys) in devices {
        // A process that registers the device at the moment has the lease, and reads the ledger again before it ends.
        let withdrawn = leases.holding(ledger, name, |ledger| withdraw(&connection, ledger, name));
        record_withdrawal(ledger, &keys, withdrawn)?;
    }
    Ok(())
}

/// Takes the certificate of a device from the platform again that was revoked while it was registered. What fails is
/// recorded and stays open.
///
/// # Errors
/// Those of the ledger.
pub(crate) fn withdraw_revoked(connection: &Connection, ledger: &mut Ledger, key: &Key) -> Result<()> {
    let withdrawn = withdraw(connection, ledger, &key.name);
    record_withdrawal(ledger, &[key], withdrawn)
}

/// Records what became of taking the certificates of a device from the platform.
fn record_withdrawal(ledger: &mut Ledger, keys: &[&Key], withdrawn: Result<()>) -> Result<()> {
    match withdrawn {
        Ok(()) => ledger.transaction(|transaction| {
            keys.iter().try_for_each(|key| {
                transaction.unregistered(key)?;
                transaction.step_done(key, OpenStep::Platform)
            })
        }),
        Err(error) => failed(ledger, keys, OpenStep::Platform, &error.to_string()),
    }
}

/// Puts a random token in the place of a revoked certificate. A certificate of the device that is not revoked stays.
///
/// # Errors
/// Those of the platform, and [`OtherCredential`](base::Code::OtherCredential) for a certificate that this store has not issued.
pub(crate) fn withdraw(connection: &Connection, view: &View, name: &str) -> Result<()> {
    let mut ours = IssuedCertificates::default();
    let mut profile = None;
    for entry in view.history(Kind::Device, name)? {
        let Some(id) = entry.credentials_id else { continue };
        let ids = if entry.role.is_in_use() { &mut ours.still_valid } else { &mut ours.credentials_ids };
        ids.push(id);
        profile = Ca::profile_of(&entry.issuer).map(str::to_owned).or(profile);
    }
    let change = connection.runtime.wait(connection.board.unregister(name, &ours))?;
    // In chain mode the next connection would create the device with the revoked certificate. A device with a token is
    // left alone.
    if change == PlatformChange::Absent && profile.is_some() && ours.still_valid.is_empty() {
        let wanted = DesiredDevice {
            name: name.to_owned(),
            credential: DeviceCredential::AccessToken(password::generate()?),
            replace: Replace::Nothing,
            create: Some(NewDevice { profile, ..NewDevice::default() }),
        };
        connection.runtime.wait(connection.board.register(&wanted))?;
    }
    Ok(())
}

/// Writes the revocation lists. The ledger then has no open step for a certificate that is on one; the others stay open.
/// A store that another verb has locked is no reason to wait with the revocation: then the lists follow later.
pub(super) fn lists(
    workspace: &mut Workspace<'_>,
    ledger: &mut Ledger,
    open: &[OpenRevocation],
    report: &mut RevokeReport,
) -> Result<()> {
    let keys: Vec<&Key> = open.iter().filter(|open| open.step == OpenStep::List).map(|open| &open.key).collect();
    if keys.is_empty() {
        return Ok(());
    }
    let written =
        workspace.open_store("revoke").and_then(|mut store| revocation_lists::write(workspace, &mut store, false));
    match written {
        Ok(mut lists) => {
            report.findings.append(&mut lists.findings);
            report.lists = Some(lists);
            // A step that is done has no row any more, so this changes only those that are left.
            failed(ledger, &keys, OpenStep::List, "the key of the CA is not in this store")
        }
        Err(error) => {
            let text = error.to_string();
            report.findings.push(error.into_finding());
            failed(ledger, &keys, OpenStep::List, &text)
        }
    }
}

/// The CA of a profile counts as replaced once the ledger has a later generation of it that signs.
pub(super) fn profile_cas(ledger: &mut Ledger, open: &[OpenRevocation]) -> Result<()> {
    for open in open.iter().filter(|open| open.step == OpenStep::ProfileCa) {
        let entry = ledger.entry(&open.key)?;
        let Some(entry) = entry else { continue };
        let now = ledger.current(Kind::Ca, &entry.issuer)?.map(|ca| ca.generation());
        if now.is_some() && entry.issuer_generation.is_some() && now != entry.issuer_generation {
            ledger.step_done(&open.key, OpenStep::ProfileCa)?;
        } else {
            let why = "a device of this profile that has such a key can log in under other names, because the platform \
                accepts what it signs: replace the CA of the profile";
            failed(ledger, &[&open.key], OpenStep::ProfileCa, why)?;
        }
    }
    Ok(())
}

fn failed(ledger: &mut Ledger, keys: &[&Key], step: OpenStep, why: &str) -> Result<()> {
    if keys.is_empty() {
        return Ok(());
    }
    ledger.transaction(|transaction| keys.iter().try_for_each(|key| transaction.step_failed(key, step, why)))
}
