//! The steps that make a revocation known to others.

use std::collections::BTreeMap;

use base::text::shell_word;
use base::{Code, Finding, Result};
use identity::lifecycle::revocation_lists::{self, RevocationListsReport, UnmadeList};
use identity::lifecycle::rollover::drop_revoked;
use ledger::{Entry, Key, Kind, Ledger, OpenRevocation, OpenStep, Role, View};
use pki::Certificate;
use store::Workspace;
use store::ca::Ca;
use store::ca::generations::retired_certificates;

use super::elsewhere::is_at_other_platform;
use super::handover::hand_over;
use super::withdrawal;
use crate::lifecycle::revoke::report::RevokeReport;
use crate::lifecycle::upkeep::repair::listed_revocations::take_over_listed;
use crate::mass::ProgressCounter;
use crate::platform::{Connection, with_url};

/// The platform, connected to when the first step needs it.
#[derive(Default)]
pub(super) struct Platform {
    connection: Option<Connection>,
    /// Why there is none. It is not tried again for each device.
    fault: Option<String>,
    /// The same with what to do about it, for the report.
    finding: Option<Finding>,
}

impl Platform {
    fn connection(&mut self, workspace: &mut Workspace<'_>) -> std::result::Result<&Connection, String> {
        if let (None, None) = (&self.connection, &self.fault) {
            match Connection::of_fleet(workspace, None) {
                Ok(connection) => self.connection = Some(connection),
                Err(error) => {
                    self.fault = Some(error.to_string());
                    self.finding = Some(error.into_finding());
                }
            }
        }
        self.connection.as_ref().filter(|_| self.fault.is_none()).ok_or_else(|| self.fault.clone().unwrap_or_default())
    }

    /// Why there is no connection, once.
    pub(super) fn take_finding(&mut self) -> Option<Finding> {
        self.finding.take()
    }

    /// Takes the certificates of devices from the platform, several at once. What fails is recorded and stays open. A failure
    /// that concerns all devices ends the attempts.
    ///
    /// # Errors
    /// Those of the ledger.
    pub(super) fn take_from(
        &mut self,
        workspace: &mut Workspace<'_>,
        ledger: &mut Ledger,
        open: &[OpenRevocation],
        progress: &mut ProgressCounter<'_>,
    ) -> Result<()> {
        let devices = devices_of(open);
        if devices.is_empty() {
            return Ok(());
        }
        let store = workspace.store_dir().to_owned();
        let connection = match self.connection(workspace) {
            Ok(connection) => connection,
            Err(why) => {
                let keys: Vec<&Key> = devices.into_values().flatten().collect();
                return failed(ledger, &keys, OpenStep::Platform, &why);
            }
        };
        let fault = withdrawal::all(connection, &store, ledger, &devices, progress)?;
        self.fault = fault;
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
        let mut cas: BTreeMap<&str, Vec<&OpenRevocation>> = BTreeMap::new();
        let is_of_ca = |open: &&OpenRevocation| open.step == OpenStep::Platform && open.key.kind == Kind::Ca;
        for open in open.iter().filter(is_of_ca).filter(|open| !is_at_other_platform(open)) {
            cas.entry(&open.key.name).or_default().push(open);
        }
        for (name, steps) in cas {
            let Some(ca) = Ca::named(name) else { continue };
            let outcome = self.distrust(workspace, &ca, report);
            ledger.transaction(|transaction| {
                steps.iter().try_for_each(|open| match &outcome {
                    Ok(()) => transaction.step_done_at(&open.key, open.platform),
                    Err(error) => transaction.step_failed_at(&open.key, open.platform, &error.to_string()),
                })
            })?;
            report.findings.extend(outcome.err().map(base::Error::into_finding));
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

/// The devices whose certificates are to be taken from the platform in focus, by name: the platform has one credential for each
/// device, however many generations are revoked.
pub(super) fn devices_of(open: &[OpenRevocation]) -> BTreeMap<&str, Vec<&Key>> {
    let mut devices: BTreeMap<&str, Vec<&Key>> = BTreeMap::new();
    let is_meant =
        |open: &&OpenRevocation| open.step == OpenStep::Platform && open.key.kind == Kind::Device && !open.is_elsewhere;
    for open in open.iter().filter(is_meant) {
        devices.entry(&open.key.name).or_default().push(&open.key);
    }
    devices
}

/// Writes the revocation lists, or reports what the store that writes them has to revoke. The ledger then has no open step
/// for a certificate that is on one; the others stay open.
/// A store that another verb has locked is no reason to wait with the revocation: then the lists follow later.
pub(super) fn lists(workspace: &mut Workspace<'_>, ledger: &mut Ledger, report: &mut RevokeReport) -> Result<()> {
    let is_written_here = revocation_lists::is_written_here(workspace.config);
    if !is_written_here {
        hand_over(workspace, ledger, report)?;
        if !revocation_lists::writes_servers(workspace)? {
            return Ok(());
        }
    }
    match write_lists(workspace) {
        Ok(mut lists) => {
            revocation_lists::run_hook(workspace, &mut lists);
            report.findings.append(&mut lists.findings);
            let has_replaced = !lists.keeps_replaced;
            let unmade = std::mem::take(&mut lists.unmade);
            report.lists = Some(lists);
            if !is_written_here {
                return Ok(());
            }
            if has_replaced {
                cas_of_others_done(ledger)?;
            }
            explain_awaited(ledger, &unmade)
        }
        Err(error) => {
            let text = error.to_string();
            report.findings.push(error.into_finding());
            ledger.lists_failed(&text)
        }
    }
}

/// Records for each list that revocations still wait for why it was not made.
fn explain_awaited(ledger: &mut Ledger, unmade: &[UnmadeList]) -> Result<()> {
    for (issuer, generation) in ledger.awaited_lists()? {
        let is_it = |one: &&UnmadeList| {
            one.ca == issuer && generation.is_none_or(|generation| generation.number() == one.generation)
        };
        let why = match (unmade.iter().find(is_it), generation) {
            (Some(unmade), _) => unmade.why.clone(),
            (None, Some(generation)) => format!("the key of generation {generation} of {issuer} is not in this store"),
            (None, None) => format!("the key of {issuer} is not in this store"),
        };
        ledger.list_not_made(&issuer, generation, &why)?;
    }
    Ok(())
}

/// Writes the revocation lists.
///
/// # Errors
/// Those of [`revocation_lists::write`], and of a store that another verb has locked.
pub(super) fn write_lists(workspace: &mut Workspace<'_>) -> Result<RevocationListsReport> {
    let mut store = workspace.open_restored_store("revoke")?;
    take_over_listed(workspace, &mut store)?;
    revocation_lists::write(workspace, &mut store, false)
}

/// Ends the step of revoked CAs that a CA of others has issued: no list of this store can have them, and their own lists are
/// out of the file.
fn cas_of_others_done(ledger: &mut Ledger) -> Result<()> {
    for open in ledger.open_revocations_of_kind(Kind::Ca)?.iter().filter(|open| open.step == OpenStep::List) {
        if ledger.entry(&open.key)?.is_some_and(|entry| Ca::named(&entry.issuer).is_none()) {
            ledger.step_done(&open.key, OpenStep::List)?;
        }
    }
    Ok(())
}

/// The CA of a profile counts as replaced once the ledger has a later generation of it that signs, or if it is revoked and
/// the platform does not have it any more.
pub(super) fn profile_cas(ledger: &mut Ledger, open: &[OpenRevocation]) -> Result<()> {
    for open in open.iter().filter(|open| open.step == OpenStep::ProfileCa) {
        let entry = ledger.entry(&open.key)?;
        let Some(entry) = entry else { continue };
        let now = ledger.current(Kind::Ca, &entry.issuer)?.map(|ca| ca.generation());
        let is_replaced = now.is_some() && entry.issuer_generation.is_some() && now != entry.issuer_generation;
        if (is_replaced && !is_ca_elsewhere(ledger, &entry)?) || is_closed(ledger, &entry)? {
            ledger.step_done(&open.key, OpenStep::ProfileCa)?;
        } else {
            let commands = commands_to_replace(ledger, &entry, is_replaced)?;
            let why = format!(
                "a device of this profile that has such a key can log in under other names, because the platform accepts \
                 what it signs: replace the CA of the profile with {commands}, then run `tbpki revoke --open`"
            );
            failed(ledger, &[&open.key], OpenStep::ProfileCa, &why)?;
        }
    }
    Ok(())
}

/// The commands that replace the CA of a profile at each platform that has it.
fn commands_to_replace(view: &View, entry: &Entry, is_replaced: bool) -> Result<String> {
    let word = shell_word(&entry.issuer);
    let activate = format!("tbpki ca activate {word}");
    // With several platforms each command has a URL: the configuration may mean another one than the one in focus.
    let mut there = Vec::new();
    if view.has_other_platforms() {
        let registered = view.registrations_of(Kind::Ca, &entry.issuer)?.into_iter();
        let registered = registered.filter(|one| Some(one.generation) == entry.issuer_generation);
        there.extend(registered.map(|one| with_url(activate.clone(), Some(one.platform.url.as_str()))));
    }
    let mut commands = Vec::new();
    if !is_replaced {
        commands.push(format!("tbpki ca prepare {word}"));
        if there.is_empty() {
            commands.push(activate);
        }
    }
    commands.append(&mut there);
    let commands: Vec<String> = commands.iter().map(|command| format!("`{command}`")).collect();
    Ok(commands.join(", "))
}

/// Whether a platform that is not in focus still has the generation of the CA that issued a certificate.
fn is_ca_elsewhere(view: &View, entry: &Entry) -> Result<bool> {
    if !view.has_other_platforms() {
        return Ok(false);
    }
    let there = view.registrations_of(Kind::Ca, &entry.issuer)?;
    Ok(there.iter().any(|one| Some(one.generation) == entry.issuer_generation))
}

/// Whether the generation of the CA that issued a certificate is revoked, and taken from the platform.
fn is_closed(view: &View, entry: &Entry) -> Result<bool> {
    let history = view.history(Kind::Ca, &entry.issuer)?;
    let issuer = history.into_iter().find(|ca| Some(ca.generation()) == entry.issuer_generation);
    let Some(issuer) = issuer.filter(|issuer| issuer.role == Role::Revoked) else { return Ok(false) };
    let open = view.open_revocations_of(Kind::Ca, &issuer.key.name)?;
    Ok(!open.iter().any(|open| open.key == issuer.key && open.step == OpenStep::Platform))
}

pub(super) fn failed(ledger: &mut Ledger, keys: &[&Key], step: OpenStep, why: &str) -> Result<()> {
    if keys.is_empty() {
        return Ok(());
    }
    ledger.transaction(|transaction| keys.iter().try_for_each(|key| transaction.step_failed(key, step, why)))
}
