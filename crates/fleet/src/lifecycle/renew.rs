//! Renewing identities: which ones, and what became of each.

mod login;
mod report;
mod status;
mod swap;

use std::collections::HashSet;
use std::path::PathBuf;

use base::text::{device_option, device_words, quote, shell_word};
use base::{Code, Error, Result};
use identity::lifecycle::hook::Hook;
use identity::lifecycle::renew::{
    Installed, PendingFiles, RenewRequest, RenewalRule, prune, renew, settle_interrupted,
};
use identity::report::{IdentityOutcome, IdentityReport};
use ledger::{Entry, Filter, Key, Kind, RenewalStep, RevokedCas, Role, State, View};
use pki::device_name::DeviceName;
use store::shard::IdentityFinder;
use store::{Workspace, logs_in_with_token};
use time::OffsetDateTime;

pub use crate::lifecycle::open_renewal::OpenRenewalReport;
pub use report::{NotRenewed, PendingReport, RenewReport};
pub use status::RenewalStatus;

use crate::lifecycle::open_renewal::finish_install;
use crate::platform::{Connection, new_platform};
use crate::register::{only_pending, revoked};
use login::Broker;
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

/// The identities that are renewed.
#[derive(Debug, Clone)]
pub enum RenewSelection {
    /// These devices.
    Devices(Vec<DeviceName>),
    /// This server; without a name, the only one of the store.
    Server(Option<String>),
    /// All servers and devices.
    All,
}

impl RenewSelection {
    /// Whether an identity is meant.
    fn includes(&self, key: &Key) -> bool {
        match self {
            RenewSelection::Devices(names) => {
                key.kind == Kind::Device && names.iter().any(|name| name.as_str() == key.name)
            }
            RenewSelection::Server(name) => {
                key.kind == Kind::Server && name.as_ref().is_none_or(|name| *name == key.name)
            }
            RenewSelection::All => key.kind != Kind::Ca,
        }
    }
}

/// Renews identities, each by itself: one that fails does not keep the others from it.
///
/// # Errors
/// [`Code::UnknownIdentity`], [`Code::Revoked`], [`Code::HookUnsafe`] and [`Code::Usage`] before anything is renewed. If a
/// single identity was named, the error that prevented its renewal; otherwise that is in the report. What fails after a
/// renewal was made is in the report as well, because the same command continues from there.
pub fn renew_many(workspace: &mut Workspace<'_>, wish: &RenewManyRequest) -> Result<RenewReport> {
    store::check_exists(workspace.store_dir())?;
    if let Some(after) = &wish.after {
        after.check()?;
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
    let (entries, skipped) = entries(&view, &wish.which)?;
    report.revoked = skipped;
    let swapper = match &wish.register {
        Some(register) if !dry_run => swapper(workspace, register, &entries)?,
        _ => None,
    };
    // One name is a question with one answer: its error ends the command with its own code.
    let is_single = entries.len() == 1 && !matches!(wish.which, RenewSelection::All);
    let mut single_error = None;
    for entry in entries {
        // The device logs in with the token, so that a new certificate would have no use.
        if matches!(wish.which, RenewSelection::All) && logs_in_with_token(workspace.store_dir(), &entry) {
            report.tokens += 1;
            continue;
        }
        match make(workspace, wish, &entry, &begun, &revoked, &mut report) {
            Ok(()) => {}
            Err(error) if is_single => {
                single_error = Some(error);
                continue;
            }
            // Nothing is left to do for one that is new, for example because the same command has just renewed it.
            Err(error) if error.code() == Code::RenewalTooShort && is_new(&entry, workspace.now) => report.not_due += 1,
            Err(error) => {
                report.left.push(NotRenewed::of(entry.key.kind, &entry.key.name, error));
                continue;
            }
        }
        if let Some(swapper) = swapper.as_ref().filter(|_| is_on_platform(&entry)) {
            put_into_use(workspace, swapper, &entry, wish, &mut report)?;
        } else if wish.register.is_some() && !matches!(wish.which, RenewSelection::All) {
            // A timer for all devices skips it, as all bulk verbs do.
            report.left.extend(stays_away(workspace, &entry, dry_run)?);
        }
    }
    // Also after the error of a single name: the program of an earlier renewal must not wait for the next one.
    if !dry_run {
        run_hook(workspace, wish, &mut report)?;
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

/// Makes the next generation of an identity, if it is due. That of a device on the platform is pending.
fn make(
    workspace: &mut Workspace<'_>,
    wish: &RenewManyRequest,
    entry: &Entry,
    begun: &Begun,
    revoked: &RevokedCas,
    report: &mut RenewReport,
) -> Result<()> {
    let (kind, name) = (entry.key.kind, entry.key.name.as_str());
    let is_due = |entry: &Entry| wish.due.is_none_or(|due| due.includes(entry, revoked, workspace.now));
    // Files that the platform does not know yet would lock the device out if they were in use at once.
    let waits_for_platform = waits_for_platform(entry);
    // Servers have none: a broker takes its files by itself, and no third party has to agree.
    let pending = if kind == Kind::Device { workspace.view()?.pending(kind, name)? } else { None };
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
            || keeps_key(workspace, wish, entry, pending)?;
        if is_begun || is_enough {
            return Ok(());
        }
    }
    let how =
        RenewRequest { pending: waits_for_platform, hook: wish.after.is_some() && !waits_for_platform, ..wish.how };
    let mut renewed = renew(workspace, entry, how)?;
    if !is_renewal(&renewed) {
        // What an interrupted command had issued is delivered by this, and nothing was issued. It is due all the same.
        report.copied.extend(entry.copies.as_ref().map(PathBuf::from));
        if wish.due.is_none() {
            return Ok(());
        }
        renewed = renew(workspace, entry, how)?;
    }
    if is_renewal(&renewed) {
        report.renewed.push(renewed);
    }
    if !waits_for_platform && !wish.how.dry_run {
        let view = workspace.view()?;
        if let Some(current) = view.current(kind, name)? {
            prune(workspace, &current, wish.keep)?;
        }
    }
    Ok(())
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
fn keeps_key(workspace: &Workspace<'_>, wish: &RenewManyRequest, present: &Entry, pending: &Entry) -> Result<bool> {
    if !wish.how.same_key {
        return Ok(false);
    }
    // Without its files, the pending one is of no use.
    let Ok(files) = PendingFiles::of(workspace.store_dir(), pending) else { return Ok(false) };
    let view = workspace.view()?;
    let old = IdentityFinder::new(workspace.store_dir()).locate(&view, present)?.leaf;
    Ok(files.leaf.spki_der() == old.spki_der())
}

/// Puts the pending generation of a device into use. What fails is in the report: the same command continues from there.
fn put_into_use(
    workspace: &Workspace<'_>,
    swapper: &Swapper,
    entry: &Entry,
    wish: &RenewManyRequest,
    report: &mut RenewReport,
) -> Result<()> {
    let (kind, name) = (entry.key.kind, entry.key.name.as_str());
    let mut store = workspace.open_store("renew")?;
    let Some(pending) = store.ledger.pending(kind, name)? else { return Ok(()) };
    match swapper.put_into_use(workspace, &mut store, entry, wish.after.is_some()) {
        Ok(()) => {
            report.registered.push(name.to_owned());
            let current = store.ledger.entry(&pending.key)?.unwrap_or(pending);
            drop(store);
            prune(workspace, &current, wish.keep)
        }
        Err(error) => {
            report.left.push(NotRenewed::of(kind, name, error));
            Ok(())
        }
    }
}

/// Why `--register` does nothing for a device: the device was taken from the platform and its renewal is pending, or no
/// platform knows the device.
fn stays_away(workspace: &Workspace<'_>, entry: &Entry, dry_run: bool) -> Result<Option<NotRenewed>> {
    let (kind, name) = (entry.key.kind, &entry.key.name);
    if kind != Kind::Device || dry_run {
        return Ok(None);
    }
    let view = workspace.view()?;
    let has_pending = view.pending(kind, name)?.is_some();
    if entry.is_registered_elsewhere() {
        return Ok(Some(NotRenewed::of(kind, name, registered_elsewhere(&view, name)?)));
    }
    if entry.unregistered_at.is_none() {
        return Ok(Some(NotRenewed::of(kind, name, not_registered(name, has_pending))));
    }
    if !has_pending {
        return Ok(None);
    }
    let error = Code::DeviceUnregistered
        .error(format!("the device {name:?} was unregistered, so its renewal stays pending"))
        .item(name)
        .fix(format!(
            "if it is to log in again, run `tbpki register {} --again --replace`, then the same command",
            device_option(name)
        ));
    Ok(Some(NotRenewed::of(kind, name, error)))
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

fn not_registered(name: &str, has_pending: bool) -> Error {
    let error = Code::NotRenewable
        .error(format!("--register did nothing for the device {}: it was never registered", quote(name)))
        .item(name);
    match has_pending {
        true => error
            .because("its renewal is pending, and no platform has a certificate of it")
            .fix(format!("once the device has the renewal, run `tbpki register --pending {}`", device_words(name))),
        false => error.fix(format!("leave --register out, or run `tbpki register {}`", device_words(name))),
    }
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
fn run_hook(workspace: &Workspace<'_>, wish: &RenewManyRequest, report: &mut RenewReport) -> Result<()> {
    let Some(hook) = &wish.after else { return Ok(()) };
    let view = workspace.view()?;
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
    drop(view);
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
    let mut unfinished = workspace.view()?.unfinished()?;
    unfinished.retain(|entry| wish.which.includes(&entry.key));
    let mut installs = workspace.view()?.open_renewals()?;
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
                report.left.push(NotRenewed::of(entry.key.kind, &entry.key.name, error));
                not_installed.push(open.key);
            }
        }
    }
    Ok(Begun { complete, delivered, not_installed, ..Begun::default() })
}

/// The identities that are meant, and how many are skipped because they were revoked.
fn entries(view: &View, which: &RenewSelection) -> Result<(Vec<Entry>, usize)> {
    match which {
        RenewSelection::Devices(names) => {
            let mut entries: Vec<Entry> = Vec::new();
            for name in names {
                if !entries.iter().any(|entry| entry.key.name == name.as_str()) {
                    entries.push(named(view, Kind::Device, name.as_str())?);
                }
            }
            Ok((entries, 0))
        }
        RenewSelection::Server(Some(name)) => Ok((vec![named(view, Kind::Server, name)?], 0)),
        RenewSelection::Server(None) => Ok((vec![only_server(view)?], 0)),
        RenewSelection::All => {
            let mut entries = Vec::new();
            // Collected before the first renewal: a row that is written while the list is read would appear in it.
            for kind in [Kind::Server, Kind::Device] {
                let current = Filter { kind: Some(kind), current_only: true, ..Filter::default() };
                for entry in view.list(&current) {
                    entries.push(entry?);
                }
            }
            let gone = Filter { latest_only: true, states: vec![State::Revoked], ..Filter::default() };
            Ok((entries, usize::try_from(view.count(&gone)?).unwrap_or(usize::MAX)))
        }
    }
}

/// The current generation of a name.
///
/// # Errors
/// [`Code::UnknownIdentity`]; [`Code::Revoked`] if the last one was revoked, and [`Code::EnrolmentUnconfirmed`] if its device has not
/// confirmed it yet.
pub fn named(view: &View, kind: Kind, name: &str) -> Result<Entry> {
    let unknown = || {
        Code::UnknownIdentity
            .error(format!("the store has no {kind} {} with a certificate", quote(name)))
            .item(name)
            .fix("`tbpki list` shows the identities of the store")
    };
    let entry = view.latest(kind, name)?.ok_or_else(unknown)?;
    match entry.role {
        Role::Current => Ok(entry),
        Role::Pending if kind == Kind::Device => Err(only_pending(view, &entry)?),
        Role::Revoked if kind == Kind::Device => Err(revoked(name)),
        Role::Revoked => Err(Code::Revoked
            .error(format!("the certificate of the {kind} {} was revoked", quote(name)))
            .item(name)
            .fix(format!("issue a new generation: `tbpki server --name {} --force`", shell_word(name)))),
        _ => Err(unknown()),
    }
}

/// The store's only server.
///
/// # Errors
/// [`Code::UnknownIdentity`] if there is none, [`Code::Usage`] if there are several.
pub fn only_server(view: &View) -> Result<Entry> {
    let servers = Filter { kind: Some(Kind::Server), current_only: true, ..Filter::default() };
    let mut servers = view.list(&servers);
    // Two rows are enough to know, however many servers there are.
    match (servers.next().transpose()?, servers.next().transpose()?) {
        (Some(server), None) => Ok(server),
        (None, _) => Err(Code::UnknownIdentity
            .error("the store has no server with a certificate")
            .fix("make one with `tbpki server`")),
        _ => Err(Code::Usage.error("the store has more than one server").fix("name one with --server NAME")),
    }
}
