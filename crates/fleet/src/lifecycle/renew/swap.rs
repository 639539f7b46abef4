//! The renewal of a device that the platform knows: its certificate takes the place of the present one there, is proven by a
//! login, and only then counts.
//!
//! ```text
//! pending ─ recorded: swap ─ platform ─ login ─┬─ accepted ─ current, recorded: install ─ files in place
//!                                              └─ refused ── recorded: back ─ platform ─ pending
//! ```
//!
//! Whatever interrupts it, the ledger has the step, and the platform tells which of the two certificates it has.

use base::text::{device_option, quote, shell_word};
use base::{Code, Error, Finding, Result};
use identity::lifecycle::renew::PendingFiles;
use ledger::{Entry, Kind, Ledger, RenewalStep, Role, State, View};
use pki::Certificate;
use provision::platform::{DesiredDevice, DeviceCredential, Replace};
use store::ca::Ca;
use store::shard::IdentityFinder;
use store::{Store, Workspace};

use super::login::{Broker, LoginResult};
use crate::lifecycle::lease::Leases;
use crate::lifecycle::open_renewal::finish_install;
use crate::lifecycle::revoke::withdraw;
use crate::platform::{Connection, is_known_to_platform};
use crate::register::check_not_fetched;

/// What swaps need.
pub(super) struct Swapper {
    /// The platform; `None` if only devices of chain profiles are renewed, which it takes by themselves.
    pub(super) connection: Option<Connection>,
    pub(super) broker: Broker,
}

/// A device that is swapped.
struct Swap<'a> {
    leases: &'a Leases,
    present: &'a Entry,
    pending: &'a Entry,
    old: Certificate,
    new: PendingFiles,
}

impl Swapper {
    /// Puts the pending generation of a device into use, and installs its files.
    ///
    /// # Errors
    /// [`Code::RenewalUnproven`] and [`Code::OtherCredential`] before anything is changed; [`Code::RenewalRefused`] if the
    /// earlier certificate is on the platform again; [`Code::Revoked`]; those of the platform, with the step open in the
    /// ledger.
    pub(super) fn put_into_use(
        &self,
        workspace: &Workspace<'_>,
        store: &mut Store,
        present: &Entry,
        hook: bool,
    ) -> Result<()> {
        let name = present.key.name.clone();
        // The lock keeps away verbs that take it. Others, and other stations, are kept away by the lease.
        let leases = Leases::of_locked_store(&mut store.ledger)?;
        leases.take(&mut store.ledger, &name)?;
        let done = self.swap(workspace, store, &leases, present, hook);
        leases.end(&mut store.ledger, &name);
        done
    }

    fn swap(
        &self,
        workspace: &Workspace<'_>,
        store: &mut Store,
        leases: &Leases,
        present: &Entry,
        hook: bool,
    ) -> Result<()> {
        let name = present.key.name.as_str();
        let Some(pending) = store.ledger.pending(Kind::Device, name)? else { return Ok(()) };
        // Read again under the lease: another command may have revoked or replaced one of them.
        check_in_use(&store.ledger, present, &pending)?;
        check_by_itself(&pending)?;
        check_not_fetched(&store.ledger, &pending)?;
        check_not_swapped_elsewhere(&store.ledger, &pending)?;
        let swap = Swap {
            leases,
            present,
            pending: &pending,
            old: IdentityFinder::new(workspace.store_dir()).locate(&store.ledger, present)?.leaf,
            new: PendingFiles::of(workspace.store_dir(), &pending)?,
        };
        // An earlier run did not finish taking the new certificate back: the platform may have either.
        if store.ledger.is_step_open(&pending.key, RenewalStep::Back)? {
            self.back(&mut store.ledger, &swap)?;
        }
        // Before the swap: with a broker that is down nothing can be proven, and the platform stays as it is.
        self.broker.check_reachable(&swap.new.dir)?;
        self.forth(&mut store.ledger, &swap)?;
        // Extended once more: a slow platform and a login that runs into its timeout can together outlast the lease.
        leases.take(&mut store.ledger, name)?;
        match self.broker.log_in(&swap.new.dir) {
            LoginResult::Accepted => promote(&mut store.ledger, present, &pending, hook)?,
            LoginResult::Refused(error) => return Err(self.refused(&mut store.ledger, &swap, error)),
        }
        finish_install(store, &pending).map(drop)
    }

    /// Gives the platform the new certificate. A device of a chain profile gets it by its login.
    fn forth(&self, ledger: &mut Ledger, swap: &Swap<'_>) -> Result<()> {
        let key = &swap.pending.key;
        // Recorded first: after a crash the next run knows that the platform may have the new certificate.
        ledger.begin_step(key, RenewalStep::Swap)?;
        if is_of_profile(swap.present) {
            return Ok(());
        }
        let outcome = self.replace(&key.name, &swap.new.leaf, &swap.old);
        if let Err(error) = &outcome {
            if is_unchanged(error) {
                ledger.end_step(key, RenewalStep::Swap)?;
            } else {
                ledger.fail_step(key, RenewalStep::Swap, &error.to_string())?;
            }
        }
        outcome?;
        // A revocation meanwhile wins: nothing that was revoked stays on the platform.
        if let Err(error) = check_in_use(ledger, swap.present, swap.pending) {
            let present = ledger.entry(&swap.present.key)?;
            // If only the pending one was revoked, the device goes on with its present certificate. Otherwise none may
            // stay.
            match present.filter(|entry| entry.role == Role::Current) {
                Some(_) => self.replace(&key.name, &swap.old, &swap.new.leaf)?,
                None => withdraw(self.platform()?, ledger, &key.name)?,
            }
            return Err(error);
        }
        Ok(())
    }

    /// Gives the platform the earlier certificate again. The step is recorded.
    fn back(&self, ledger: &mut Ledger, swap: &Swap<'_>) -> Result<()> {
        swap.leases.take(ledger, &swap.present.key.name)?;
        let key = &swap.pending.key;
        let outcome = self.replace(&key.name, &swap.old, &swap.new.leaf);
        if let Err(error) = &outcome {
            ledger.fail_step(key, RenewalStep::Back, &error.to_string())?;
        }
        outcome?;
        ledger.end_step(key, RenewalStep::Back)?;
        if let Err(error) = check_in_use(ledger, swap.present, swap.pending) {
            withdraw(self.platform()?, ledger, &key.name)?;
            return Err(error);
        }
        Ok(())
    }

    /// The error for a login that was refused, once the earlier certificate is on the platform again, or why it is not.
    fn refused(&self, ledger: &mut Ledger, swap: &Swap<'_>, refusal: Error) -> Error {
        let key = &swap.pending.key;
        let of_profile = is_of_profile(swap.present);
        let recorded = ledger.transaction(|transaction| {
            if !of_profile {
                // One transaction: at no moment is the platform changed and no step open.
                transaction.begin_step(key, RenewalStep::Back)?;
            }
            transaction.end_step(key, RenewalStep::Swap)?;
            transaction.failed(key, &refusal.to_string())
        });
        let name = &key.name;
        match recorded.and_then(|()| if of_profile { Ok(()) } else { self.back(ledger, swap) }) {
            Ok(()) => refusal
                .item(name)
                .fix("the earlier certificate is in use again; find the reason with `tbpki check`, then run the same command"),
            Err(error) => error.item(name).fix(format!(
                "the renewed certificate was refused, and the earlier one is not on the platform yet: run `tbpki renew \
                 {device} --register` again",
                device = device_option(name)
            )),
        }
    }

    /// Replaces the credential of a device if it is `before`; leaves it if it is `wanted`.
    fn replace(&self, name: &str, wanted: &Certificate, before: &Certificate) -> Result<()> {
        let connection = self.platform()?;
        let wanted = DesiredDevice {
            name: name.to_owned(),
            credential: DeviceCredential::X509(Box::new(wanted.clone())),
            // A credential that another client has set meanwhile is not ours to replace.
            replace: Replace::OneOf(vec![before.credentials_id()]),
            create: None,
        };
        connection.runtime.wait(connection.board.register(&wanted)).map(drop)
    }

    fn platform(&self) -> Result<&Connection> {
        self.connection.as_ref().ok_or_else(|| Code::Internal.error("a swap without a platform"))
    }
}

/// Makes the pending generation current. Its files are still to be installed.
fn promote(ledger: &mut Ledger, present: &Entry, pending: &Entry, hook: bool) -> Result<()> {
    ledger.transaction(|transaction| {
        check_in_use(transaction, present, pending)?;
        transaction.registered(&pending.key)?;
        transaction.promote(&pending.key)?;
        if hook {
            transaction.begin_step(&pending.key, RenewalStep::Hook)?;
        }
        // The ledger is ahead of the files for a moment, and the open step tells the next run.
        transaction.begin_step(&pending.key, RenewalStep::Install)
    })
}

/// Whether a platform knows the device: then a new certificate must be known there before it is used.
pub(super) fn waits_for_platform(entry: &Entry) -> bool {
    let is_away = entry.unregistered_at.is_some() && !entry.is_registered_elsewhere() && !is_of_profile(entry);
    is_known_to_platform(entry) && !is_away
}

/// Whether the platform in focus knows the device: then it can get the new certificate.
pub(super) fn is_on_platform(entry: &Entry) -> bool {
    let is_registered = entry.reached(State::Registered).is_some() && entry.unregistered_at.is_none();
    entry.key.kind == Kind::Device && (is_registered || is_of_profile(entry))
}

/// Whether the platform takes the device by the CA of its profile.
pub(super) fn is_of_profile(entry: &Entry) -> bool {
    Ca::profile_of(&entry.issuer).is_some()
}

/// Fails if a generation was revoked or replaced meanwhile.
fn check_in_use(view: &View, present: &Entry, pending: &Entry) -> Result<()> {
    let name = &present.key.name;
    let role = |entry: &Entry| Ok::<_, Error>(view.entry(&entry.key)?.map(|entry| entry.role));
    match (role(present)?, role(pending)?) {
        (Some(Role::Current), Some(Role::Pending)) => Ok(()),
        (Some(Role::Revoked), _) | (_, Some(Role::Revoked)) => Err(crate::register::revoked(name)),
        _ => Err(Code::RevokedMeanwhile
            .error(format!("another command has changed the generations of the device {}", quote(name)))
            .item(name)
            .fix("list them with `tbpki list --all`")),
    }
}

/// Fails if another platform may have either of the two certificates: what is open must be finished there first.
fn check_not_swapped_elsewhere(view: &View, pending: &Entry) -> Result<()> {
    if !view.has_other_platforms() {
        return Ok(());
    }
    let name = &pending.key.name;
    let open = view.open_renewals()?.into_iter().filter(|open| open.key == pending.key);
    let Some(url) = open.filter_map(|open| open.elsewhere).next() else { return Ok(()) };
    Err(Code::SwapElsewhere
        .error(format!("a renewal of the device {} is open at {url}", quote(name)))
        .item(name)
        .because("that platform may have the earlier certificate or the new one")
        .fix(format!(
            "run `tbpki renew {} --register --platform-url {}` first",
            device_option(name),
            shell_word(url.as_str())
        )))
}

/// Fails for a renewal of a job: its files are in a shard, for devices that are reflashed.
fn check_by_itself(pending: &Entry) -> Result<()> {
    let Some((job, _)) = pending.job else { return Ok(()) };
    let name = &pending.key.name;
    Err(Code::NotRenewable
        .error(format!("the renewal of {} is of job {job}, whose devices are reflashed", quote(name)))
        .item(name)
        .fix(format!("run `tbpki fleet register --pending --job {job}` once they are")))
}

/// Whether an error of a replacement means that the platform is as it was.
fn is_unchanged(error: &Error) -> bool {
    let finding: &Finding = error.finding();
    // The request did not leave, or was refused before it had an effect. After a lost answer the platform can have
    // either certificate.
    matches!(
        finding.code,
        Code::OtherCredential
            | Code::PlatformNotFound
            | Code::LoginRefused
            | Code::PlatformPermission
            | Code::Unreachable
            | Code::PlatformUnverified
    )
}
