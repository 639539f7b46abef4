//! Renewing identities: which ones, and what became of each.

mod login;
mod report;
mod selection;
mod shared_failure;
mod status;
mod swap;
mod urgency;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use base::text::{device_option, device_words, quote, shell_word};
use base::{Code, Error, Finding, Result};
use config::PlatformKind;
use identity::lifecycle::hook::Hook;
use identity::lifecycle::renew::{
    Installed, PendingFiles, RenewRequest, RenewalRule, prune, renew, settle_interrupted,
};
use identity::report::{IdentityOutcome, IdentityReport};
use ledger::{Entry, Key, Kind, RenewalStep, RevokedCas, View};
use store::shard::IdentityFinder;
use store::{Store, Workspace, logs_in_with_token};
use time::OffsetDateTime;

pub use crate::lifecycle::open_renewal::OpenRenewalReport;
pub use report::{NotRenewed, OpenPart, PendingReport, RenewReport};
pub use selection::{RenewSelection, named, only_server};
pub use status::RenewalStatus;
pub use urgency::Urgency;

use crate::lifecycle::open_renewal::finish_install;
use crate::platform::{Connection, foreign_keys, new_platform};
use login::Broker;
use selection::entries;
use shared_failure::SharedFailures;
use swap::{Swapper, is_of_profile, is_on_platform, waits_for_platform};

/// The identities that are renewed, and the way.
#[derive(Debug, Clone)]
pub struct RenewManyRequest {
    /// The identities.
    pub which: RenewSelection,
    /// Only those whose renewal is due by this rule.
    pub due: Option<RenewalRule>,
    /// The way in which each is renewed.
    pub how: RenewRequest,
    /// Put the renewals of devices that the platform knows into use: register them, prove them by a login, and install
    /// their files. `None` leaves them pending.
    pub register: Option<RegisterRenewals>,
    /// The program that runs once files of this host were replaced.
    pub after: Option<Hook>,
    /// How many earlier sets of files are kept.
    pub keep: usize,
}

/// How renewals are put into use.
#[derive(Debug, Clone, Default)]
pub struct RegisterRenewals {
    /// The broker that proves them (`HOST[:PORT]`); `None` for the one that devices connect to.
    pub broker: Option<String>,
    /// Make no renewals: use those that are pending.
    pub pending_only: bool,
}

/// Renews identities, each by itself: one that fails does not keep the others from it.
///
/// # Errors
/// [`Code::UnknownIdentity`], [`Code::Revoked`], [`Code::HookUnsafe`], [`Code::ForeignKeys`] and [`Code::Usage`] before
/// anything is renewed, and [`Code::NotRenewable`] for a device with an access token alone. If a single identity was named,
/// the error that prevented its renewal, and so is one that prevented all renewals, for example a wrong passphrase; others
/// are in the report. What fails after a renewal was made is in the report as well, because the same command continues from
/// there.
pub fn renew_many(workspace: &mut Workspace<'_>, wish: &RenewManyRequest) -> Result<RenewReport> {
    store::check_exists(workspace.store_dir())?;
    if let Some(after) = &wish.after {
        after.check()?;
    }
    // Before the first renewal, which no command could bring to such a platform.
    if wish.register.is_some() && workspace.config.platform.kind.value == PlatformKind::ActorCloud {
        return Err(foreign_keys());
    }
    let dry_run = wish.how.dry_run;
    if !dry_run {
        let view = workspace.view()?;
        workspace.check_clock(&view)?;
        // Recorded also if nothing is due, or the timer would be refused again by the same clock.
        if workspace.accept_clock {
            drop(workspace.open_ledger()?);
        }
    }
    let mut report = RenewReport { dry_run, ..RenewReport::default() };
    // First: what an interrupted command has signed is finished and not signed once more.
    let begun = if dry_run { Begun::default() } else { settle(workspace, wish, &mut report)? };
    // Open until the end: each further connection of this process finds the index of `ledger.db-wal` in memory, and does
    // not read the file.
    let view = workspace.view()?;
    let begun = begun.with_open(&view, wish)?;
    if wish.register.is_some() {
        report.findings.extend(new_platform(workspace, &view)?);
    }
    let revoked = view.revoked_cas()?;
    let (entries, skipped) = entries(workspace.store_dir(), &view, &wish.which)?;
    report.revoked = skipped;
    if matches!(wish.which, RenewSelection::All) {
        report.tokens = store::token_devices(&workspace.location, &view)?.len();
    }
    let swapper = match &wish.register {
        Some(register) if !dry_run => swapper(workspace, register, &entries)?,
        _ => None,
    };
    // One name is a question with one answer: its error ends the command with its own code.
    let is_single = entries.len() == 1 && !matches!(wish.which, RenewSelection::All);
    let mut single_error = None;
    let mut failures = SharedFailures::default();
    for entry in entries {
        // The device logs in with the token, so that a new certificate would have no use.
        if matches!(wish.which, RenewSelection::All) && logs_in_with_token(workspace.store_dir(), &entry) {
            report.tokens += 1;
            continue;
        }
        match make(
            workspace,
            &view,
            wish,
            &entry,
            &Known { begun: &begun, revoked: &revoked, failures: &failures },
            &mut report,
        ) {
            Ok(()) => {}
            Err(error) if is_single => {
                single_error = Some(error);
                continue;
            }
            // Nothing is left to do for one that is new, for example because the same command has just renewed it.
            Err(error) if error.code() == Code::RenewalTooShort && is_new(&entry, workspace.now) => report.not_due += 1,
            Err(error) => {
                failures.note_issuer(&entry.issuer, &error);
                report.left.push(NotRenewed::of(&entry.key, OpenPart::Renewal, error));
                continue;
            }
        }
        if let Some(swapper) = swapper.as_ref().filter(|_| is_on_platform(&entry)) {
            put_into_use(workspace, swapper, &entry, wish, &mut failures, &mut report)?;
        } else if wish.register.is_some() && !matches!(wish.which, RenewSelection::All) && !dry_run {
            // A timer for all devices skips it, as all bulk verbs do.
            stays_away(&view, &entry, &mut report)?;
        }
    }
    let single_error = single_error.or_else(|| report.take_error_of_all());
    // Also after the error of a single name: the program of an earlier renewal must not wait for the next one.
    if !dry_run {
        run_hook(workspace, &view, wish, &mut report)?;
    }
    if let Some(error) = single_error {
        return Err(error);
    }
    // Last, so that the report has what is still open after this run and not what it found.
    report.look(&view, &wish.which)?;
    if wish.register.is_some() {
        report.look_elsewhere(&view, &wish.which)?;
    }
    Ok(report)
}

/// The generations that earlier commands have begun.
#[derive(Default)]
struct Begun {
    /// Those that this run has settled.
    complete: Vec<Key>,
    /// Those whose files this run has brought to their places.
    delivered: Vec<Key>,
    /// Those whose files this run could not bring to their places.
    not_installed: Vec<Key>,
    /// Those with a step that is not done.
    open: HashSet<Key>,
    /// Those that were renewed, and whose program this run repeats.
    hooks: HashSet<Key>,
}

impl Begun {
    fn with_open(self, view: &View, wish: &RenewManyRequest) -> Result<Self> {
        let open = view.open_renewals()?;
        // With a rule, the dates decide: a program that fails for months must not keep a certificate from its renewal.
        let repeats = wish.after.is_some() && wish.due.is_none();
        let hooks = open.iter().filter(|open| repeats && open.step == RenewalStep::Hook);
        let hooks = hooks.map(|open| open.key.clone()).collect();
        Ok(Self { open: open.into_iter().map(|open| open.key).collect(), hooks, ..self })
    }
}

/// The facts that decide whether an identity is renewed.
struct Known<'a> {
    begun: &'a Begun,
    revoked: &'a RevokedCas,
    failures: &'a SharedFailures,
}

/// Makes the next generation of an identity, if it is due. That of a device on the platform is pending.
fn make(
    workspace: &mut Workspace<'_>,
    view: &View,
    wish: &RenewManyRequest,
    entry: &Entry,
    known: &Known<'_>,
    report: &mut RenewReport,
) -> Result<()> {
    let Known { begun, revoked, failures } = known;
    let (kind, name) = (entry.key.kind, entry.key.name.as_str());
    let is_due = |entry: &Entry| wish.due.is_none_or(|due| due.includes(entry, revoked, workspace.now));
    // Files that the platform does not know yet would lock the device out if they were in use at once.
    let waits_for_platform = waits_for_platform(entry);
    // Servers have none: a broker takes its files by itself, and no third party has to agree.
    let pending = if kind == Kind::Device { view.pending(kind, name)? } else { None };
    if wish.register.as_ref().is_some_and(|register| register.pending_only) {
        report.not_due += usize::from(pending.is_none());
        return Ok(());
    }
    // Another generation without a rule would not reach the missing directory either.
    let waits_for_files = wish.due.is_none() && begun.not_installed.contains(&entry.key);
    let waits_for_hook = begun.hooks.contains(&entry.key);
    // Files that were delivered late are those of a generation that can be due itself by now.
    let is_delivered = wish.due.is_none() && begun.delivered.contains(&entry.key);
    if begun.complete.contains(&entry.key) || is_delivered || waits_for_files || waits_for_hook || !is_due(entry) {
        report.not_due += 1;
        return Ok(());
    }
    if let Some(pending) = &pending {
        let is_begun = begun.complete.contains(&pending.key)
            || begun.delivered.contains(&pending.key)
            || begun.open.contains(&pending.key);
        // A timer that comes again before the device was reflashed makes no further generation, and `--register` uses the
        // one that is there. A renewal that keeps the key would be the same again.
        let is_enough = wish.register.is_some()
            || wish.due.is_some() && !is_due(pending)
            || keeps_key(workspace.store_dir(), view, wish, (entry, pending))?;
        if is_begun || is_enough {
            return Ok(());
        }
    }
    failures.check_issuer(&entry.issuer)?;
    let how =
        RenewRequest { pending: waits_for_platform, hook: wish.after.is_some() && !waits_for_platform, ..wish.how };
    let mut renewed = renew(workspace, view, entry, how)?;
    if !is_renewal(&renewed) {
        // What an interrupted command had issued is delivered by this, and nothing was issued. It is due all the same.
        report.copied.extend(entry.copies.as_ref().map(PathBuf::from));
        if wish.due.is_none() {
            return Ok(());
        }
        renewed = renew(workspace, view, entry, how)?;
    }
    if is_renewal(&renewed) {
        report.renewed.push(renewed);
    }
    match view.current(kind, name)?.filter(|_| !waits_for_platform && !wish.how.dry_run) {
        Some(current) => prune(workspace.store_dir(), view, &current, wish.keep),
        None => Ok(()),
    }
}

/// Whether less than a quarter of the lifetime has passed, before which a renewal gains nothing.
fn is_new(entry: &Entry, now: OffsetDateTime) -> bool {
    (now - entry.not_before) * 4 < entry.not_after - entry.not_before
}

/// Whether a certificate was issued, or would be in a dry run.
fn is_renewal(report: &IdentityReport) -> bool {
    matches!(report.done, IdentityOutcome::Issued | IdentityOutcome::Planned)
}

/// Whether a renewal with the same key would be the pending one again.
fn keeps_key(store: &Path, view: &View, wish: &RenewManyRequest, (present, pending): (&Entry, &Entry)) -> Result<bool> {
    if !wish.how.same_key {
        return Ok(false);
    }
    // Without its files, the pending one is of no use.
    let Ok(files) = PendingFiles::of(store, pending) else { return Ok(false) };
    let old = IdentityFinder::new(store).locate(view, present)?.leaf;
    Ok(files.leaf.spki_der() == old.spki_der())
}

/// Puts the pending generation of a device into use. What fails is in the report: the same command continues from there.
fn put_into_use(
    workspace: &Workspace<'_>,
    swapper: &Swapper,
    entry: &Entry,
    wish: &RenewManyRequest,
    failures: &mut SharedFailures,
    report: &mut RenewReport,
) -> Result<()> {
    let (kind, name) = (entry.key.kind, entry.key.name.as_str());
    let mut store = workspace.open_store("renew")?;
    let Some(pending) = store.ledger.pending(kind, name)? else { return Ok(()) };
    let put_into_use = |store: &mut Store| swapper.put_into_use(workspace, store, entry, wish.after.is_some());
    match failures.check_platform().and_then(|()| put_into_use(&mut store)) {
        Ok(()) => {
            report.registered.push(name.to_owned());
            let current = store.ledger.entry(&pending.key)?.unwrap_or(pending);
            prune(store.dir(), &store.ledger, &current, wish.keep)
        }
        Err(error) => {
            failures.note_platform(&error);
            report.left.push(NotRenewed::of(&entry.key, OpenPart::Registration, error));
            Ok(())
        }
    }
}

/// Reports why `--register` does nothing for a device: the device was taken from the platform and its renewal is pending, or
/// no platform knows the device.
fn stays_away(view: &View, entry: &Entry, report: &mut RenewReport) -> Result<()> {
    let (kind, name) = (entry.key.kind, &entry.key.name);
    if kind != Kind::Device {
        return Ok(());
    }
    let has_pending = view.pending(kind, name)?.is_some();
    if entry.is_registered_elsewhere() {
        let error = registered_elsewhere(view, name)?;
        report.left.push(NotRenewed::of(&entry.key, OpenPart::Registration, error));
        return Ok(());
    }
    if entry.unregistered_at.is_none() && has_pending {
        report.left.push(NotRenewed::of(&entry.key, OpenPart::Registration, never_registered(name)));
        return Ok(());
    }
    if entry.unregistered_at.is_none() {
        report.findings.push(nothing_to_register(name));
        return Ok(());
    }
    if !has_pending {
        return Ok(());
    }
    let error = Code::DeviceUnregistered
        .error(format!("the device {name:?} was unregistered, so its renewal stays pending"))
        .item(name)
        .fix(format!(
            "if it is to log in again, run `tbpki register {} --again --replace`, then the same command",
            device_option(name)
        ));
    report.left.push(NotRenewed::of(&entry.key, OpenPart::Registration, error));
    Ok(())
}

/// The error for a device that is registered at other platforms only.
fn registered_elsewhere(view: &View, name: &str) -> Result<Error> {
    let there = view.registrations_of(Kind::Device, name)?.into_iter();
    let urls: Vec<String> = there.map(|one| one.platform.url.to_string()).collect();
    let error = Code::NotRenewable
        .error(format!("--register did nothing for the device {}: it is not registered at this platform", quote(name)))
        .item(name)
        .because(format!("it is registered at {}", urls.join(" and ")));
    Ok(match urls.first() {
        Some(url) => error.fix(format!(
            "run `tbpki renew {} --register --platform-url {}`",
            device_option(name),
            shell_word(url)
        )),
        None => error,
    })
}

/// The error for a device whose renewal is pending, and of which no platform has a certificate.
fn never_registered(name: &str) -> Error {
    Code::NotRenewable
        .error(format!("--register did nothing for the device {}: it was never registered", quote(name)))
        .item(name)
        .because("its renewal is pending, and no platform has a certificate of it")
        .fix(format!("once the device has the renewal, run `tbpki register --pending {}`", device_words(name)))
}

/// The note about a device that is on no platform: its certificate in the store is the present one, so that nothing is open.
fn nothing_to_register(name: &str) -> Finding {
    Code::NotRenewable
        .note(format!("--register did nothing for the device {}: it was never registered", quote(name)))
        .item(name)
        .fix(format!("leave --register out, or run `tbpki register {}`", device_words(name)))
}

/// What puts renewals into use; `None` if none of the devices is known to the platform.
fn swapper(workspace: &mut Workspace<'_>, register: &RegisterRenewals, entries: &[Entry]) -> Result<Option<Swapper>> {
    let mut on_platform = entries.iter().filter(|entry| is_on_platform(entry)).peekable();
    if on_platform.peek().is_none() {
        return Ok(None);
    }
    // The platform stores the certificate of such a device at its next login: no request is needed.
    let connection = if on_platform.all(is_of_profile) { None } else { Some(Connection::of(workspace)?) };
    Ok(Some(Swapper { connection, broker: Broker::of(workspace, register.broker.as_deref())? }))
}

/// Runs the program for all identities whose files were replaced, in this run or in an earlier one in which it failed.
fn run_hook(workspace: &Workspace<'_>, view: &View, wish: &RenewManyRequest, report: &mut RenewReport) -> Result<()> {
    let Some(hook) = &wish.after else { return Ok(()) };
    let mut due = Vec::new();
    let open = view.open_renewals()?;
    // A service that loaded its files now would get the earlier ones again.
    let waits: HashSet<Key> =
        open.iter().filter(|open| open.step == RenewalStep::Install).map(|open| open.key.clone()).collect();
    for open in open.into_iter().filter(|open| open.step == RenewalStep::Hook && !waits.contains(&open.key)) {
        if wish.which.includes(&open.key) && view.entry(&open.key)?.is_some_and(|entry| entry.is_current()) {
            due.push(open.key);
        }
    }
    if due.is_empty() {
        return Ok(());
    }
    let names =
        |kind: Kind| -> Vec<&str> { due.iter().filter(|key| key.kind == kind).map(|key| key.name.as_str()).collect() };
    // The store is not locked while it runs: the program may call tbpki.
    let outcome = hook.run(&names(Kind::Server), &names(Kind::Device));
    let mut store = workspace.open_store("renew")?;
    store.ledger.transaction(|transaction| {
        due.iter().try_for_each(|key| match &outcome {
            Ok(()) => transaction.end_step(key, RenewalStep::Hook),
            Err(error) => transaction.fail_step(key, RenewalStep::Hook, &error.to_string()),
        })
    })?;
    if let Err(error) = outcome {
        report.findings.push(error.into_finding());
    }
    Ok(())
}

/// Settles what interrupted commands have left of the identities.
fn settle(workspace: &Workspace<'_>, wish: &RenewManyRequest, report: &mut RenewReport) -> Result<Begun> {
    let view = workspace.view()?;
    let mut unfinished = view.unfinished()?;
    unfinished.retain(|entry| wish.which.includes(&entry.key));
    let mut installs = view.open_renewals()?;
    installs.retain(|open| open.step == RenewalStep::Install && wish.which.includes(&open.key));
    if unfinished.is_empty() && installs.is_empty() {
        return Ok(Begun::default());
    }
    let mut store = workspace.open_store("renew")?;
    let mut not_installed = Vec::new();
    let mut delivered = Vec::new();
    let complete: Vec<Key> = unfinished
        .iter()
        .filter_map(|entry| settle_interrupted(&mut store, entry).transpose())
        .collect::<Result<_>>()?;
    for open in installs {
        let Some(entry) = store.ledger.entry(&open.key)? else { continue };
        match finish_install(&mut store, &entry) {
            Ok(installed) => {
                match installed {
                    Installed::Copies(dir) => report.copied.push(dir),
                    // A server is not registered: the copies of its files were all that was left to do.
                    Installed::Nothing if entry.key.kind == Kind::Server => {}
                    Installed::Renewal | Installed::Nothing => report.registered.push(entry.key.name.clone()),
                }
                delivered.push(open.key);
            }
            Err(error) => {
                report.left.push(NotRenewed::of(&entry.key, OpenPart::Installation, error));
                not_installed.push(open.key);
            }
        }
    }
    Ok(Begun { complete, delivered, not_installed, ..Begun::default() })
}
