//! Replacing the CA of a device profile: the platform has one certificate for each profile.
//!
//! Once the platform has the next CA, it finds no profile for chains of the earlier one. So each device must have its own
//! certificate as its credential before: it then logs in by that, whatever its chain leads to.

use base::code::FailureScope;
use base::text::{device_option, device_words, quote, shell_word};
use base::{Code, Error, Finding, Result};
use identity::lifecycle::rollover::{
    Activation, NotRefreshed, RolloverDone, RolloverReport, activate, leave_devices_behind,
};
use identity::profile_ca;
use ledger::{Entry, Filter, Key, Kind, Role, State, View};
use pki::device_name::DeviceName;
use provision::platform::{DesiredDevice, DeviceCredential, NewDevice, Replace};
use provision::thingsboard::ChainProfile;
use store::ca::Ca;
use store::shard::IdentityFinder;
use store::{Store, Workspace};

use super::lease::Leases;
use super::revoke::withdraw_revoked;
use crate::platform::Connection;
use crate::register::certificate;

/// How many devices are read from the ledger at once.
const PAGE: usize = 500;

/// Lets the next CA of a profile sign, and gives it to the platform.
///
/// First the current certificate of every device of the profile is set as its credential, and read back; then the platform
/// gets the next CA; then the ledger has it as the one that signs. An interrupted run is finished by the same command.
///
/// # Errors
/// [`Code::ProfileCaInUse`] with the count if devices have no such credential, unless they are left behind, and
/// [`Code::ProfileDiffers`] if the platform has a CA that is not one of this profile: the profile of the platform is not
/// changed then. Those of [`activate`] and of the platform.
pub fn activate_profile(
    workspace: &mut Workspace<'_>,
    profile: &DeviceName,
    how: Activation,
    creates: bool,
) -> Result<RolloverReport> {
    let ca = Ca::Profile(profile.clone());
    if let Some(current) = active_elsewhere(&workspace.view()?, &ca)? {
        return bring_here(workspace, profile, &ca, &current, how, creates);
    }
    // All that can be refused without the platform is found first.
    let planned = activate(workspace, &ca, Activation { dry_run: true, ..how })?;
    let Some(pending) = workspace.view()?.pending(Kind::Ca, &ca.name())? else { return Ok(planned) };
    let connection = Connection::of(workspace)?;
    check_profile(workspace, &connection, profile, &ca)?;
    let mut store = workspace.open_store("ca activate")?;
    let devices =
        ProfileDevices { workspace, connection: &connection, ca: &ca, profile, creates, dry_run: how.dry_run };
    let missing = devices.set(&mut store)?;
    if !missing.is_empty() && !how.leave_behind {
        return Err(not_set(&ca, &missing));
    }
    if how.dry_run {
        return Ok(with_missing(planned, missing));
    }
    let names: Vec<String> = missing.iter().map(|left| left.name.clone()).collect();
    let left_behind = leave_devices_behind(&mut store, &pending, &names)?;
    // `activate` takes the lock of the store itself.
    drop(store);
    // The platform before the ledger: a device that the next CA has signed would otherwise find no profile.
    connection.runtime.wait(connection.board.put_profile(&next(workspace, profile, &ca, &pending)?, true))?;
    let mut report = activate(workspace, &ca, how)?;
    let mut store = workspace.open_store("ca activate")?;
    store.ledger.registered(&pending.key)?;
    report.findings.extend(elsewhere(&store.ledger, &ca)?);
    report.files.extend(left_behind);
    Ok(with_missing(report, missing))
}

/// The CA of a profile that signs, if another platform has it and the one in focus has an earlier one.
fn active_elsewhere(view: &View, ca: &Ca) -> Result<Option<Entry>> {
    if !view.has_other_platforms() || view.pending(Kind::Ca, &ca.name())?.is_some() {
        return Ok(None);
    }
    let current = view.current(Kind::Ca, &ca.name())?;
    let Some(current) = current.filter(|current| current.reached(State::Registered).is_none()) else { return Ok(None) };
    let is_outdated = current.is_registered_elsewhere() && {
        let here = view.platform_in_focus();
        view.registrations_of(Kind::Ca, &ca.name())?.iter().any(|one| Some(one.platform.id) == here)
    };
    Ok(is_outdated.then_some(current))
}

/// Gives the CA of a profile that signs to a further platform, once each device has its certificate as its credential there.
fn bring_here(
    workspace: &mut Workspace<'_>,
    profile: &DeviceName,
    ca: &Ca,
    current: &Entry,
    how: Activation,
    creates: bool,
) -> Result<RolloverReport> {
    let connection = Connection::of(workspace)?;
    check_profile(workspace, &connection, profile, ca)?;
    let mut store = workspace.open_store("ca activate")?;
    let devices = ProfileDevices { workspace, connection: &connection, ca, profile, creates, dry_run: how.dry_run };
    let missing = devices.set(&mut store)?;
    drop(store);
    if !missing.is_empty() && !how.leave_behind {
        return Err(not_set(ca, &missing));
    }
    let mut report = activate(workspace, ca, how)?;
    if how.dry_run {
        report.done = RolloverDone::Planned;
        return Ok(with_missing(report, missing));
    }
    connection.runtime.wait(connection.board.put_profile(&next(workspace, profile, ca, current)?, true))?;
    let mut store = workspace.open_store("ca activate")?;
    store.ledger.registered(&current.key)?;
    report.done = RolloverDone::Activated;
    report.findings.extend(elsewhere(&store.ledger, ca)?);
    Ok(with_missing(report, missing))
}

/// The warnings about platforms that have an earlier CA of a profile.
fn elsewhere(view: &View, ca: &Ca) -> Result<Vec<Finding>> {
    let outdated = view.outdated_registrations(Kind::Ca, &ca.name())?.into_iter().map(|one| {
        Code::RegisteredElsewhere
            .warning(format!("{} still has generation {} of {}", one.url, one.generation, ca.name()))
            .because("devices whose certificates the next generation has issued cannot log in there")
            .fix(format!("run `tbpki ca activate {} --platform-url {}`", ca.word(), shell_word(one.url.as_str())))
    });
    Ok(outdated.collect())
}

fn with_missing(mut report: RolloverReport, missing: Vec<NotRefreshed>) -> RolloverReport {
    for left in missing {
        report.findings.push(left.why);
        report.left_behind.push(left.name);
    }
    report
}

/// The profile with the prepared CA.
fn next(workspace: &Workspace<'_>, profile: &DeviceName, ca: &Ca, pending: &Entry) -> Result<ChainProfile> {
    let dir = workspace.store_dir();
    let number = pending.generation().number();
    let generation = ca.trusted(dir)?.into_iter().find(|generation| generation.number == number);
    let generation = generation.ok_or_else(|| Code::CaUnavailable.error("the prepared CA is not in this store"))?;
    let rule = profile_ca::kept(dir, profile)?.ok_or_else(|| profile_ca::unknown(profile))?;
    Ok(ChainProfile {
        name: profile.as_str().to_owned(),
        certificate: generation.certificate()?.clone(),
        pattern: rule.pattern,
        creates_devices: rule.creates_devices,
    })
}

/// Fails if the platform has a certificate for the profile that is not one of its CA's generations.
fn check_profile(workspace: &Workspace<'_>, connection: &Connection, profile: &DeviceName, ca: &Ca) -> Result<()> {
    let Some(state) = connection.runtime.wait(connection.board.profile(profile.as_str()))? else { return Ok(()) };
    let Some(id) = state.certificate_id else { return Ok(()) };
    let mut ours = store::ca::generations::retired_certificates(workspace.store_dir(), &ca.name())?;
    for generation in ca.trusted(workspace.store_dir())? {
        ours.push(generation.certificate()?.clone());
    }
    if ours.iter().any(|certificate| certificate.credentials_id() == id) {
        return Ok(());
    }
    Err(Code::ProfileDiffers
        .error(format!("the platform has another CA for the profile {}", quote(profile.as_str())))
        .item(profile.as_str())
        .fix("see `tbpki profile show`; `tbpki profile create --replace` restores the profile"))
}

/// The devices of a profile.
struct ProfileDevices<'a, 'w> {
    workspace: &'a Workspace<'w>,
    connection: &'a Connection,
    ca: &'a Ca,
    profile: &'a DeviceName,
    /// Whether devices are created that the platform does not have.
    creates: bool,
    /// Look only.
    dry_run: bool,
}

impl ProfileDevices<'_, '_> {
    /// Sets the current certificate of every device as its credential, and reads it back. Returns those for which that was
    /// not possible.
    fn set(&self, store: &mut Store) -> Result<Vec<NotRefreshed>> {
        let mut finder = IdentityFinder::new(self.workspace.store_dir());
        let leases = Leases::of_locked_store(&mut store.ledger)?;
        // A device that has fetched its first certificate may log in with it before it confirms it.
        let filter = Filter { kind: Some(Kind::Device), in_use_only: true, ..Filter::default() };
        let (mut missing, mut last): (_, Option<Key>) = (Vec::new(), None);
        loop {
            let page: Vec<Entry> = store.ledger.list_after(&filter, last.take()).take(PAGE).collect::<Result<_>>()?;
            let Some(end) = page.last() else { return Ok(missing) };
            last = Some(end.key.clone());
            // An expired certificate cannot log in, whatever the platform has, so such a device keeps the CA from
            // nothing. What was taken from the platform stays away.
            let is_meant = |entry: &&Entry| {
                entry.issuer == self.ca.name()
                    && entry.not_after > self.workspace.now
                    && entry.unregistered_at.is_none()
            };
            for entry in page.iter().filter(is_meant) {
                let name = entry.key.name.as_str();
                if !entry.is_current() && self.is_counted_as_current(&store.ledger, name)? {
                    continue;
                }
                match self.set_one(store, &mut finder, &leases, entry) {
                    Ok(()) => {}
                    Err(error) if error.code().reach() == FailureScope::One => {
                        missing.push(NotRefreshed::of(Kind::Device, name, error));
                    }
                    Err(error) => return Err(error),
                }
            }
        }
    }

    /// Whether the current generation of a device counts in the place of its pending one: it is of this CA, too, and has not
    /// expired, or the device was taken from the platform.
    fn is_counted_as_current(&self, view: &View, name: &str) -> Result<bool> {
        Ok(view.current(Kind::Device, name)?.is_some_and(|current| {
            let is_of_ca = current.issuer == self.ca.name() && current.not_after > self.workspace.now;
            is_of_ca || current.unregistered_at.is_some()
        }))
    }

    /// Whether the device may not have received this certificate, and log in with another one.
    fn is_unproven(&self, view: &View, entry: &Entry) -> Result<bool> {
        if view.enrolled(&entry.key)?.is_none_or(|sent| sent.used_at.is_some()) {
            return Ok(false);
        }
        let history = view.history(Kind::Device, &entry.key.name)?;
        let is_usable = |other: &Entry| {
            matches!(other.role, Role::Current | Role::Superseded)
                && other.key != entry.key
                && other.not_after > self.workspace.now
        };
        Ok(history.iter().any(is_usable))
    }

    /// The way in which the pending renewal of a device comes into use.
    fn use_of_renewal(&self, view: &View, name: &str) -> Result<String> {
        let pending = view.pending(Kind::Device, name)?;
        let is_fetched = match &pending {
            Some(pending) => view.enrolled(&pending.key)?.is_some(),
            None => true,
        };
        if is_fetched {
            return Ok("let the device connect: it has fetched the renewal, and uses it by itself".to_owned());
        }
        let (option, word) = (device_option(name), device_words(name));
        Ok(match pending.and_then(|pending| pending.job) {
            Some((job, _)) => {
                format!("once the devices have their renewals, run `tbpki fleet register --pending --job {job}`")
            }
            None => format!(
                "run `tbpki renew {option} --pending --register`; if the device has the renewal, `tbpki register --pending {word}`"
            ),
        })
    }

    fn set_one(&self, store: &mut Store, finder: &mut IdentityFinder, leases: &Leases, entry: &Entry) -> Result<()> {
        let name = entry.key.name.as_str();
        let pending = store.ledger.pending(Kind::Device, name)?;
        let is_first = pending.as_ref().is_some_and(|pending| pending.key == entry.key);
        let is_fetched = store.ledger.enrolled(&entry.key)?.is_some();
        if is_first && (!is_fetched || self.is_unproven(&store.ledger, entry)?) {
            return Err(Code::RenewalUnproven
                .error(format!("the certificate of the device {} below this CA is not in use yet", quote(name)))
                .item(name)
                .fix(match is_fetched {
                    true => "wait until the device has confirmed it to `tbpki serve`".to_owned(),
                    false => format!(
                        "if the device has it, run `tbpki register --pending {} --replace`",
                        device_option(name)
                    ),
                }));
        }
        if !is_first && (pending.is_some() || self.is_unproven(&store.ledger, entry)?) {
            return Err(Code::RenewalUnproven
                .error(format!("a renewal of the device {} is not in use yet", quote(name)))
                .item(name)
                .fix(self.use_of_renewal(&store.ledger, name)?));
        }
        let leaf = certificate(finder, &store.ledger, entry)?;
        let earlier = store.ledger.history(Kind::Device, name)?.into_iter().filter_map(|entry| entry.credentials_id);
        let desired = DesiredDevice {
            name: name.to_owned(),
            credential: DeviceCredential::X509(Box::new(leaf)),
            // A token, or a certificate that this store has not issued, was set by another party.
            replace: Replace::OneOf(earlier.collect()),
            create: self
                .creates
                .then(|| NewDevice { profile: Some(self.profile.as_str().to_owned()), ..NewDevice::default() }),
        };
        let (board, runtime) = (&self.connection.board, &self.connection.runtime);
        if self.dry_run {
            return runtime.wait(board.examine(&desired)).map(drop);
        }
        leases.holding(&mut store.ledger, name, |ledger| {
            runtime.wait(board.register(&desired))?;
            if ledger.transaction(|transaction| transaction.registered_unless_revoked(&entry.key))? {
                return Ok(());
            }
            // It was revoked meanwhile.
            withdraw_revoked(self.connection, ledger, &entry.key)
        })
    }
}

fn not_set(ca: &Ca, missing: &[NotRefreshed]) -> Error {
    let first: Vec<String> = missing.iter().take(5).map(|left| format!("{}: {}", left.name, left.why.what)).collect();
    let more = if missing.len() > first.len() { "; .." } else { "" };
    Code::ProfileCaInUse
        .error(match missing.len() {
            1 => format!("1 device of {} does not have its certificate as its credential", ca.name()),
            count => format!("{count} devices of {} do not have their certificate as their credential", ca.name()),
        })
        .item(ca.name())
        .because(format!("{}{more}", first.join("; ")))
        .fix(format!("{}--leave-behind goes on without them", remedies(missing)))
}

/// What helps the devices, each remedy once. Without one, the devices have credentials that other parties have set.
fn remedies(missing: &[NotRefreshed]) -> String {
    let first = |code: Code| missing.iter().find(|left| left.why.code == code);
    let mut remedies = String::new();
    if first(Code::PlatformNotFound).is_some() {
        remedies.push_str("--create makes devices that are not there; ");
    }
    if let Some(fix) = first(Code::RenewalUnproven).and_then(|left| left.why.fix.as_ref()) {
        remedies.push_str(fix);
        remedies.push_str("; ");
    }
    remedies
}
