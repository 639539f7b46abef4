//! The steps that make a revocation known to others.

use std::collections::BTreeMap;

use base::{Code, Result};
use identity::lifecycle::revocation_lists;
use identity::lifecycle::rollover::drop_revoked;
use ledger::{Entry, Key, Kind, Ledger, OpenRevocation, OpenStep, Role, View};
use pki::Certificate;
use pki::keystore::password;
use provision::platform::{DesiredDevice, DeviceCredential, IssuedCertificates, NewDevice, PlatformChange, Replace};
use store::Workspace;
use store::ca::Ca;
use store::ca::generations::retired_certificates;

use crate::lifecycle::lease::Leases;
use crate::lifecycle::revoke::report::RevokeReport;
use crate::platform::Connection;

/// The platform, connected to when the first step needs it.
#[derive(Default)]
pub(super) struct Platform {
    connection: Option<Connection>,
    /// Why there is none. It is not tried again for each device.
    fault: Option<String>,
}

impl Platform {
    fn connection(&mut self, workspace: &mut Workspace<'_>) -> std::result::Result<&Connection, String> {
        if let (None, None) = (&self.connection, &self.fault) {
            match Connection::of(workspace) {
                Ok(connection) => self.connection = Some(connection),
                Err(error) => self.fault = Some(error.to_string()),
            }
        }
        self.connection.as_ref().ok_or_else(|| self.fault.clone().unwrap_or_default())
    }

    /// Takes the certificates of devices from the platform. What fails is recorded and stays open.
    ///
    /// # Errors
    /// Those of the ledger.
    pub(super) fn take_from(
        &mut self,
        workspace: &mut Workspace<'_>,
        ledger: &mut Ledger,
        open: &[OpenRevocation],
    ) -> Result<()> {
        // By name: the platform has one credential for each device, however many generations are revoked.
        let mut devices: BTreeMap<&str, Vec<&Key>> = BTreeMap::new();
        for open in open.iter().filter(|open| open.step == OpenStep::Platform && open.key.kind == Kind::Device) {
            devices.entry(&open.key.name).or_default().push(&open.key);
        }
        if devices.is_empty() {
            return Ok(());
        }
        let connection = match self.connection(workspace) {
            Ok(connection) => connection,
            Err(why) => {
                let keys: Vec<&Key> = devices.into_values().flatten().collect();
                return failed(ledger, &keys, OpenStep::Platform, &why);
            }
        };
        let leases = Leases::without_lock()?;
        for (name, keys) in devices {
            // A process that registers the device at the moment has the lease, and reads the ledger again before it ends.
            let withdrawn = leases.holding(ledger, name, |ledger| withdraw(connection, ledger, name));
            record_withdrawal(ledger, &keys, withdrawn)?;
        }
        Ok(())
    }

    /// Takes revoked CAs out of the files of servers, and the CA of a profile from the platform. What fails is recorded
    /// and stays open.
    ///
    /// # Errors
    /// Those of the ledger.
    pub(super) fn distrust_cas(
        &mut self,
        workspace: &mut Workspace<'_>,
        ledger: &mut Ledger,
        open: &[OpenRevocation],
        report: &mut RevokeReport,
    ) -> Result<()> {
        let mut cas: BTreeMap<&str, Vec<&Key>> = BTreeMap::new();
        for open in open.iter().filter(|open| open.step == OpenStep::Platform && open.key.kind == Kind::Ca) {
            cas.entry(&open.key.name).or_default().push(&open.key);
        }
        for (name, keys) in cas {
            let Some(ca) = Ca::named(name) else { continue };
            match self.distrust(workspace, &ca, report) {
                Ok(()) => ledger.transaction(|transaction| {
                    keys.iter().try_for_each(|key| transaction.step_done(key, OpenStep::Platform))
                })?,
                Err(error) => {
                    failed(ledger, &keys, OpenStep::Platform, &error.to_string())?;
                    report.findings.push(error.into_finding());
                }
            }
        }
        Ok(())
    }

    fn distrust(&mut self, workspace: &mut Workspace<'_>, ca: &Ca, report: &mut RevokeReport) -> Result<()> {
        let spread = drop_revoked(workspace, ca)?;
        report.restart.extend(spread.restart);
        let count = spread.left.len();
        report.findings.extend(spread.left.into_iter().map(|left| left.why));
        if count > 0 {
            let error = Code::FileUnwritable.error(format!("files of {count} identities still have {}", ca.name()));
            return Err(error.fix("`tbpki revoke --open` writes them again"));
        }
        let Ca::Profile(profile) = ca else { return Ok(()) };
        let store = workspace.store_dir().to_owned();
        let revoked = retired_certificates(&store, &ca.name())?;
        let ids: Vec<String> = revoked.iter().map(Certificate::credentials_id).collect();
        let connection = self.connection(workspace).map_err(|why| Code::PlatformUnset.error(why))?;
        connection.runtime.wait(connection.board.close_profile(profile.as_str(), &ids)).map(drop)
    }
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
            // The token is kept nowhere, so nothing can log in with it.
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
pub(super) fn lists(workspace: &mut Workspace<'_>, ledger: &mut Ledger, report: &mut RevokeReport) -> Result<()> {
    let written =
        workspace.open_store("revoke").and_then(|mut store| revocation_lists::write(workspace, &mut store, false));
    match written {
        Ok(mut lists) => {
            report.findings.append(&mut lists.findings);
            report.lists = Some(lists);
            // A step that is done has no row any more, so this changes only those that are left.
            ledger.lists_failed("the key of the CA is not in this store")
        }
        Err(error) => {
            let text = error.to_string();
            report.findings.push(error.into_finding());
            ledger.lists_failed(&text)
        }
    }
}

/// The CA of a profile counts as replaced once the ledger has a later generation of it that signs, or if it is revoked and
/// the platform does not have it any more.
pub(super) fn profile_cas(ledger: &mut Ledger, open: &[OpenRevocation]) -> Result<()> {
    for open in open.iter().filter(|open| open.step == OpenStep::ProfileCa) {
        let entry = ledger.entry(&open.key)?;
        let Some(entry) = entry else { continue };
        let now = ledger.current(Kind::Ca, &entry.issuer)?.map(|ca| ca.generation());
        let is_replaced = now.is_some() && entry.issuer_generation.is_some() && now != entry.issuer_generation;
        if is_replaced || is_closed(ledger, &entry)? {
            ledger.step_done(&open.key, OpenStep::ProfileCa)?;
        } else {
            let why = "a device of this profile that has such a key can log in under other names, because the platform \
                accepts what it signs: replace the CA of the profile";
            failed(ledger, &[&open.key], OpenStep::ProfileCa, why)?;
        }
    }
    Ok(())
}

/// Whether the generation of the CA that issued a certificate is revoked, and taken from the platform.
fn is_closed(view: &View, entry: &Entry) -> Result<bool> {
    let history = view.history(Kind::Ca, &entry.issuer)?;
    let issuer = history.into_iter().find(|ca| Some(ca.generation()) == entry.issuer_generation);
    let Some(issuer) = issuer.filter(|issuer| issuer.role == Role::Revoked) else { return Ok(false) };
    let open = view.open_revocations_of(Kind::Ca, &issuer.key.name)?;
    Ok(!open.iter().any(|open| open.key == issuer.key && open.step == OpenStep::Platform))
}

fn failed(ledger: &mut Ledger, keys: &[&Key], step: OpenStep, why: &str) -> Result<()> {
    if keys.is_empty() {
        return Ok(());
    }
    ledger.transaction(|transaction| keys.iter().try_for_each(|key| transaction.step_failed(key, step, why)))
}
