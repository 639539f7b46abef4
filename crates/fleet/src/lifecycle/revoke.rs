//! Revoking identities: the ledger first, then the platform and the revocation lists, and what is still open.
//!
//! The ledger is the truth: as soon as it has the revocation, no verb uses the identity any more. The platform and the
//! lists follow; neither waits for the other, and a step that fails stays open until `tbpki revoke --open` does it.

mod ca;
mod elsewhere;
mod handover;
mod other_stores;
mod parts;
mod report;
mod steps;
mod target;
mod tokens;
mod withdrawal;

use std::collections::HashMap;
use std::path::Path;

use base::text::{counted, quote};
use base::{Code, Finding, Result};
use identity::lifecycle::renew::is_of_others;
use identity::lifecycle::revocation_lists;
use ledger::{Entry, Key, Kind, Ledger, OpenStep, PlatformId, Role, View};
use pki::revocation_list::Reason;
use store::ca::Ca;
use store::{SELF, Workspace, holds_token};
use time::OffsetDateTime;

use crate::mass::{ProgressCounter, Status};
use crate::platform::new_platform;
use parts::Parts;
pub use report::{
    HandOverReport, OpenPlatform, OpenReport, OpenToken, RevokeCounts, RevokeOutcome, RevokeReport, RevokedReport,
};
use steps::{Platform, devices_of};
pub use target::{CaTarget, Targets, listed, serials};
use target::{WITHOUT_STATION, accepted_since, can_be_revoked};
pub(crate) use withdrawal::{withdraw, withdraw_revoked};

/// A request to revoke identities, and the reason.
#[derive(Debug, Clone)]
pub struct RevokeRequest {
    /// The identities.
    pub targets: Targets,
    /// The reason for the lists (RFC 5280, section 5.3.1).
    pub reason: Reason,
    /// Say what would happen, and change nothing.
    pub dry_run: bool,
}

/// Revokes identities, and makes the revocation known. `tell` is told how many devices the platform has done.
///
/// # Errors
/// [`UnknownIdentity`](base::Code::UnknownIdentity) if the ledger does not have one of them: nothing is revoked then. Errors of the platform
/// and of the lists are in the report, as open steps.
pub fn revoke(
    workspace: &mut Workspace<'_>,
    request: &RevokeRequest,
    tell: &mut dyn FnMut(&Status),
) -> Result<RevokeReport> {
    store::check_exists(workspace.store_dir())?;
    let mut report = RevokeReport::new(request.dry_run);
    let targets = &request.targets;
    if let Targets::Ca(target) = targets {
        ca::revoke(workspace, target, request, &mut report)?;
        return Ok(report);
    }
    let accepted = accepted_since(workspace.config, workspace.now);
    if request.dry_run {
        let view = workspace.view()?;
        report.without_enrolment = targets.with_open_enrolment(&view)?;
        report.without_token = tokens::without_certificate(workspace.store_dir(), &view, targets)?;
        if let Some((serials, issuer)) = targets.not_in_ledger() {
            other_stores::planned(workspace, &view, serials, issuer)?.into_iter().for_each(|one| report.plan(one));
            report.findings.extend(other_stores::out_of_service(workspace, &view, issuer)?);
        }
        report.findings.extend(new_platform(workspace, &view)?);
        let certless = [&report.without_enrolment[..], &report.without_token[..]].concat();
        let parts = targets.parts(&view, accepted, &certless, &mut report.findings)?;
        let mut walk = parts.walk();
        while let Some(part) = walk.next(&view)? {
            for entry in part.entries(&view)? {
                let is_valid = can_be_revoked(&entry, accepted);
                let done = if is_valid { RevokeOutcome::Planned } else { done_before(&entry) };
                report.add(&entry, done, parts.are_listed());
            }
        }
        of_unknown_stations(workspace, &view, targets, &mut report)?;
        return Ok(report);
    }
    // Without the lock of the store: another verb may have it for hours, and a stolen device must be out at once.
    let mut ledger = workspace.open_restored_ledger()?;
    report.findings.extend(new_platform(workspace, &ledger)?);
    if let Some((serials, issuer)) = targets.not_in_ledger() {
        other_stores::record(workspace, &mut ledger, serials, issuer)?;
        report.findings.extend(other_stores::out_of_service(workspace, &ledger, issuer)?);
    }
    let enrolling = targets.with_open_enrolment(&ledger)?;
    let with_token = tokens::without_certificate(workspace.store_dir(), &ledger, targets)?;
    let certless = [&enrolling[..], &with_token[..]].concat();
    if !enrolling.is_empty() {
        // All or nothing: an unknown name ends the command before a password of another one is gone.
        targets.parts(&ledger, accepted, &certless, &mut report.findings)?;
        report.without_enrolment = end_enrolments(&mut ledger, &enrolling)?;
    }
    // Only now, because a password could have led to another generation until here.
    let parts = targets.parts(&ledger, accepted, &certless, &mut report.findings)?;
    // Not for whole jobs and stations: it is a request for each device.
    let is_asked_again = matches!(targets, Targets::Devices(_)) && workspace.config.platform.url.value.is_some();
    let mut of_others = Vec::new();
    let mut walk = parts.walk();
    while let Some(part) = walk.next(&ledger)? {
        let entries = part.entries(&ledger)?;
        record(workspace, &mut ledger, &entries, request.reason, is_asked_again)?;
        for entry in &entries {
            if is_of_others(entry) {
                of_others.push(entry.key.name.clone());
            }
            let is_new = can_be_revoked(entry, accepted);
            let done = if is_new { RevokeOutcome::Revoked } else { done_before(entry) };
            report.add(entry, done, parts.are_listed());
        }
    }
    report.findings.extend(not_listed(&of_others));
    tokens::withdraw(workspace, &mut ledger, &with_token, &mut report)?;
    of_unknown_stations(workspace, &ledger, targets, &mut report)?;
    finish(workspace, &mut ledger, &parts, &mut report, tell)?;
    Ok(report)
}

/// Reports certificates that can be of the revoked station: a lost ledger had their stations, and the files do not show
/// them.
fn of_unknown_stations(
    workspace: &Workspace<'_>,
    view: &View,
    targets: &Targets,
    report: &mut RevokeReport,
) -> Result<()> {
    let Targets::Station(station) = targets else { return Ok(()) };
    report.without_station = view.of_unknown_stations(workspace.now)?;
    if report.without_station > 0 {
        report.findings.push(without_station(station, report.without_station));
    }
    Ok(())
}

fn without_station(station: &str, count: u64) -> Finding {
    Code::UnknownIdentity
        .warning(format!(
            "{} can be of the station {} too, and {} not revoked",
            counted(count, "certificate", "certificates"),
            quote(station),
            if count == 1 { "is" } else { "are" }
        ))
        .because(WITHOUT_STATION)
        .fix("revoke those of the station with `tbpki revoke --job N`, or by their names")
}

/// Ends the one-time passwords and requests of devices. Returns the devices that had one.
fn end_enrolments(ledger: &mut Ledger, devices: &[String]) -> Result<Vec<String>> {
    ledger.transaction(|transaction| {
        let mut ended = Vec::new();
        for device in devices {
            if transaction.end_enrolment(device)? {
                ended.push(device.clone());
            }
        }
        Ok(ended)
    })
}

/// Takes the open steps of revocations that are recorded, and reports those that stay open.
fn finish(
    workspace: &mut Workspace<'_>,
    ledger: &mut Ledger,
    parts: &Parts,
    report: &mut RevokeReport,
    tell: &mut dyn FnMut(&Status),
) -> Result<()> {
    let mut total = 0;
    let mut walk = parts.walk();
    while let Some(part) = walk.next(ledger)? {
        total += u64::try_from(devices_of(&part.open(ledger)?).len()).unwrap_or_default();
    }
    let mut progress = ProgressCounter::new("taking from the platform", 0, total, tell);
    let mut platform = Platform::default();
    // The lists of a whole job do not wait until the platform has answered for each of its devices.
    if !parts.are_listed() && has_open_lists(ledger, parts)? {
        steps::lists(workspace, ledger, report)?;
    }
    let mut walk = parts.walk();
    while let Some(part) = walk.next(ledger)? {
        let open = part.open(ledger)?;
        let devices = devices_of(&open).len();
        platform.take_from(workspace, ledger, &open, &mut progress)?;
        if devices > 0 {
            let left = devices_of(&part.open(ledger)?).len();
            report.withdrawn += u64::try_from(devices.saturating_sub(left)).unwrap_or_default();
        }
        platform.distrust_cas(workspace, ledger, &open, report)?;
    }
    report.findings.extend(platform.take_finding());
    // A station has no timer of its own for lists: what renewals have replaced is handed over here.
    let is_upkeep = matches!(parts, Parts::Open) && !revocation_lists::is_written_here(workspace.config);
    if parts.are_listed() && (is_upkeep || has_open_lists(ledger, parts)?) {
        steps::lists(workspace, ledger, report)?;
    } else if parts.has_ca() && revocation_lists::is_written_here(workspace.config) {
        // No list waits, and the file must lose the list of the CA itself.
        let mut lists = steps::write_lists(workspace)?;
        revocation_lists::run_hook(workspace, &mut lists);
        report.findings.append(&mut lists.findings);
        report.lists = Some(lists);
    }
    // Lists that were written before, after which the program of `[crl] after` failed.
    if report.lists.is_none()
        && let Some(mut hook) = revocation_lists::run_open_hook(workspace)?
    {
        report.findings.append(&mut hook.findings);
        report.lists = Some(hook);
    }
    let mut walk = parts.walk();
    while let Some(part) = walk.next(ledger)? {
        let open = part.open(ledger)?;
        steps::profile_cas(ledger, &open)?;
        for open in part.open(ledger)? {
            let Some(entry) = ledger.entry(&open.key)? else { continue };
            report.add_open(&open, &entry);
        }
    }
    Ok(())
}

fn has_open_lists(view: &View, parts: &Parts) -> Result<bool> {
    let mut walk = parts.walk();
    while let Some(part) = walk.next(view)? {
        if part.open(view)?.iter().any(|open| open.step == OpenStep::List) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Records the revocations of a part, all in one transaction. `is_asked_again`: the platform is asked again about devices that
/// were revoked before.
fn record(
    workspace: &Workspace<'_>,
    ledger: &mut Ledger,
    entries: &[Entry],
    reason: Reason,
    is_asked_again: bool,
) -> Result<()> {
    let (now, store) = (workspace.now, workspace.store_dir());
    let accepted = accepted_since(workspace.config, now);
    // RFC 5280, section 5.3.1: an entry without a reason is preferred to one with `unspecified`.
    let reason = (reason != Reason::Unspecified).then(|| reason.as_str());
    let (again, entries): (Vec<&Entry>, Vec<&Entry>) = entries
        .iter()
        .filter(|entry| can_be_revoked(entry, accepted) || entry.role == Role::Revoked)
        .partition(|entry| entry.role == Role::Revoked);
    ledger.transaction(|transaction| {
        // A process that registers devices at the moment may have recorded its platform since the ledger was opened.
        transaction.look_at_platforms()?;
        let has_tokens = transaction.has_device_tokens()?;
        for entry in again.iter().filter(|entry| entry.key.kind == Kind::Device) {
            // A platform that was restored from a backup, or another one, can have the certificate.
            if is_asked_again {
                transaction.open_step(&entry.key, OpenStep::Platform)?;
            }
            // What a renewal has superseded and a list has revoked is still the credential where the renewal is not
            // registered.
            if transaction.has_other_platforms() {
                let focus = transaction.platform_in_focus();
                let there = transaction.platforms_of(&entry.key)?.into_iter();
                there
                    .filter(|platform| Some(*platform) != focus)
                    .try_for_each(|platform| transaction.open_step_at(&entry.key, platform))?;
            }
            if has_tokens {
                let tokens = transaction.device_tokens_of(&entry.key.name)?;
                tokens.iter().try_for_each(|token| transaction.open_step_at(&entry.key, token.platform))?;
            }
        }
        // Read in the transaction: a renewal that begins its swap later reads the revocation before it changes the
        // platform.
        let mut known = KnownPlatforms::of(transaction, &entries)?;
        for entry in &entries {
            let (steps, platforms) = steps_of(transaction, entry, &mut known, (now, store))?;
            transaction.revoke(&entry.key, reason, &steps)?;
            platforms.into_iter().try_for_each(|platform| transaction.open_step_at(&entry.key, platform))?;
        }
        Ok(())
    })
}

/// The platforms that may have a certificate although it is not recorded as registered there.
struct KnownPlatforms {
    /// The platforms that may have the certificate of a renewal, by its row.
    swaps: HashMap<Key, Vec<PlatformId>>,
    /// All platforms of the ledger.
    all: Vec<PlatformId>,
    /// The platforms that have the CA of a profile, by the name of the CA.
    of_cas: HashMap<String, Vec<PlatformId>>,
    /// Whether a token of any device is recorded.
    has_tokens: bool,
}

impl KnownPlatforms {
    /// The platforms of these identities, which are a part of those that are revoked.
    fn of(view: &View, entries: &[&Entry]) -> Result<Self> {
        let devices = entries.iter().filter(|entry| entry.key.kind == Kind::Device);
        let names: Vec<&str> = devices.map(|entry| entry.key.name.as_str()).collect();
        let mut swaps: HashMap<Key, Vec<PlatformId>> = HashMap::new();
        // Not of all devices: the renewals of a fleet would be read again for each part.
        for open in view.open_renewals_of(Kind::Device, &names)?.into_iter().filter(|open| open.step.is_of_platform()) {
            swaps.entry(open.key).or_default().push(open.platform);
        }
        Ok(Self {
            swaps,
            all: view.platforms()?.into_iter().map(|platform| platform.id).collect(),
            of_cas: HashMap::new(),
            has_tokens: view.has_device_tokens()?,
        })
    }

    /// The platforms that have a generation of the CA of a profile.
    fn of_ca(&mut self, view: &View, ca: &str) -> Result<&[PlatformId]> {
        if !self.of_cas.contains_key(ca) {
            let mut platforms = Vec::new();
            for generation in view.history(Kind::Ca, ca)? {
                platforms.extend(view.platforms_of(&generation.key)?);
            }
            self.of_cas.insert(ca.to_owned(), platforms);
        }
        Ok(self.of_cas.get(ca).map(Vec::as_slice).unwrap_or_default())
    }
}

/// The open steps of a revocation that the ledger has recorded, and the platforms that may have the certificate in addition
/// to those at which it is registered.
fn steps_of(
    view: &View,
    entry: &Entry,
    known: &mut KnownPlatforms,
    (now, store): (OffsetDateTime, &Path),
) -> Result<(Vec<OpenStep>, Vec<PlatformId>)> {
    let is_device = entry.key.kind == Kind::Device;
    let of_profile = is_device && Ca::profile_of(&entry.issuer).is_some();
    let (mut steps, mut platforms) = (Vec::new(), Vec::new());
    platforms.extend(known.swaps.get(&entry.key).into_iter().flatten());
    if of_profile {
        platforms.extend_from_slice(known.of_ca(view, &entry.issuer)?);
    }
    // Another process may be about to register it, or to put its certificate in the place of an earlier one: at a platform
    // that it records with the outcome.
    let is_sure = entry.is_registered() || of_profile || !platforms.is_empty();
    let is_leased =
        is_device && (!is_sure || view.has_other_platforms()) && view.is_leased(Kind::Device, &entry.key.name)?;
    if is_leased {
        platforms.extend_from_slice(&known.all);
    }
    // A token that tbpki has set may have taken the place of the certificate.
    let mut has_unplaced_token = false;
    if is_device {
        let tokens = if known.has_tokens { view.device_tokens_of(&entry.key.name)? } else { Vec::new() };
        platforms.extend(tokens.iter().map(|token| token.platform));
        // An earlier version has not recorded which platform has it.
        has_unplaced_token = tokens.is_empty() && holds_token(store, &entry.key.name);
        if has_unplaced_token && view.has_other_platforms() {
            platforms.extend_from_slice(&known.all);
        }
    }
    // Without a platform that is known to have it, the one in focus is asked.
    let is_asked = match platforms.is_empty() {
        true => of_profile || is_leased || has_unplaced_token,
        false => (is_leased || has_unplaced_token) && view.platform_in_focus().is_none(),
    };
    if is_device && (entry.is_registered() || is_asked) {
        steps.push(OpenStep::Platform);
    }
    // A self-signed certificate has no CA that could list it, and the CA of others has its own lists. Lists leave out what
    // has expired (RFC 5280, section 3.3).
    if entry.issuer != SELF && !is_of_others(entry) && entry.not_after > now {
        steps.push(OpenStep::List);
    }
    if of_profile {
        // The platform accepts whatever a key below the profile's CA has signed. A stolen key can act for other devices
        // of the profile until that CA is replaced.
        steps.push(OpenStep::ProfileCa);
    }
    Ok((steps, platforms))
}

/// A warning about certificates that no revocation list of this store has.
fn not_listed(names: &[String]) -> Option<Finding> {
    let first = names.first()?;
    let more = if names.len() > 1 { format!(" and {} more", names.len() - 1) } else { String::new() };
    Some(
        Code::NotOnOurLists
            .warning(format!("no revocation list of this store has the certificate of {first}{more}"))
            .because("it was imported, and its CA is not in this store")
            .fix("revoke it at its own CA as well, or take that CA out of the trust files of brokers"),
    )
}

fn done_before(entry: &Entry) -> RevokeOutcome {
    if entry.role == Role::Revoked { RevokeOutcome::Unchanged } else { RevokeOutcome::Expired }
}
