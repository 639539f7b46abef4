//! Taking revoked certificates from the platform: a random token takes the place of each.

use std::collections::BTreeMap;
use std::path::Path;

use base::{Code, Error, Result};
use ledger::{Key, Ledger, OpenStep, View};
use provision::platform::PlatformChange;

use super::steps::failed;
use crate::lifecycle::device_tokens;
use crate::lifecycle::lease::{LeasedBatch, Leases, leased};
use crate::lifecycle::withdrawal::{Withdrawal, with_command};
use crate::mass::ProgressCounter;
use crate::platform::Connection;
use crate::stop::TICK;

/// Puts a random token in the place of a revoked certificate. A certificate of the device that is not revoked stays.
///
/// # Errors
/// Those of the platform, and [`OtherCredential`](base::Code::OtherCredential) for a certificate that this store has not issued.
pub(crate) fn withdraw(connection: &Connection, view: &View, name: &str) -> Result<()> {
    connection.runtime.wait(Withdrawal::of_revoked(None, view, name)?.carry_out(&connection.board)).map(drop)
}

/// Takes the certificate of a device from the platform again that was revoked while it was registered. What fails is
/// recorded and stays open.
///
/// # Errors
/// Those of the ledger.
pub(crate) fn withdraw_revoked(connection: &Connection, ledger: &mut Ledger, key: &Key) -> Result<()> {
    let withdrawn = withdraw(connection, ledger, &key.name).map_err(|error| {
        let url = connection.url_for_commands(ledger);
        with_command(error, &key.name, url)
    });
    conclude(ledger, &[key], withdrawn)
}

/// Takes the certificates of devices from the platform, several at once, and records what became of each. Returns the failure
/// that concerns all devices, if there was one: the others are not tried, and stay open with it.
///
/// # Errors
/// Those of the ledger.
pub(super) fn all(
    connection: &Connection,
    store: &Path,
    ledger: &mut Ledger,
    devices: &BTreeMap<&str, Vec<&Key>>,
    progress: &mut ProgressCounter<'_>,
) -> Result<Option<String>> {
    let mut leases = LeasedBatch::without_lock()?;
    // A process that registers a device at the moment has its lease, and reads the ledger again before it ends.
    let (mut others, has_waited): (Vec<String>, bool) =
        match leases.take(ledger, devices.keys().map(|name| (*name).to_owned()).collect()) {
            // A single device was waited for.
            Err(error) if error.code() == Code::IdentityLeased => {
                (devices.keys().map(|name| (*name).to_owned()).collect(), true)
            }
            others => (others?, false),
        };
    let is_free = |name: &&&str| !others.iter().any(|other| other == **name);
    let withdrawals: Vec<Withdrawal> = devices
        .keys()
        .filter(is_free)
        .map(|name| Withdrawal::of_revoked(Some(store), ledger, name))
        .collect::<Result<_>>()?;
    let mut left: BTreeMap<String, &Vec<&Key>> = withdrawals
        .iter()
        .filter_map(|one| devices.get(one.name.as_str()).map(|keys| (one.name.clone(), keys)))
        .collect();
    let mut fault = None;
    let work = |withdrawal: Withdrawal| {
        let board = connection.board.clone();
        async move {
            // The limit adapts to the answers of the platform.
            let _turn = board.pace().permit().await;
            let name = withdrawal.name.clone();
            (name, withdrawal.carry_out(&board).await.map(drop))
        }
    };
    let lost = leases.lost();
    // Asked for each in its turn: a lease can be lost during the work on the others.
    let begun = withdrawals.into_iter().filter(|withdrawal| !lost.has(&withdrawal.name));
    let worked = connection.runtime.for_each_watched(connection.concurrency, TICK, begun, work, |done| {
        let Some((name, outcome)) = done else {
            progress.tick();
            return leases.extend(ledger);
        };
        let Some(keys) = left.remove(&name) else { return Ok(()) };
        // A platform that went away in between is not waited for: `tbpki revoke --open` finishes the rest.
        let is_of_all = outcome.as_ref().is_err_and(|error| error.code().reach().concerns_all(false));
        if is_of_all {
            fault = outcome.as_ref().err().map(ToString::to_string);
        }
        let url = connection.url_for_commands(ledger);
        record(store, ledger, keys, outcome.map_err(|error| with_command(error, &name, url)))?;
        progress.advance(1);
        // The requests that are under way are canceled; their devices stay open.
        if is_of_all {
            Err(Code::StoppedEarly.error("the platform refuses all devices"))
        } else {
            leases.extend(ledger)
        }
    });
    let released = leases.release(ledger);
    if let Some(why) = &fault {
        let keys: Vec<&Key> = left.into_values().flatten().copied().collect();
        failed(ledger, &keys, OpenStep::Platform, why)?;
        return released.map(|()| fault);
    }
    worked.and(released)?;
    // What was not begun waits for the process that has the lease now.
    others.extend(lost.names().into_iter().filter(|name| left.contains_key(name)));
    after_others(connection, store, ledger, devices, &others, has_waited, progress).map(|()| None)
}

/// Takes the certificates of devices from the platform whose leases other processes had. Each is waited for, until one has
/// been waited for in vain.
fn after_others(
    connection: &Connection,
    store: &Path,
    ledger: &mut Ledger,
    devices: &BTreeMap<&str, Vec<&Key>>,
    others: &[String],
    has_waited: bool,
    progress: &mut ProgressCounter<'_>,
) -> Result<()> {
    let leases = Leases::without_lock()?;
    let mut is_over = has_waited;
    for name in others {
        let Some(keys) = devices.get(name.as_str()) else { continue };
        let withdrawn = match is_over {
            true => Err(leased(name)),
            false => leases.holding(ledger, name, |ledger| withdraw_all(connection, store, ledger, name)).map(drop),
        };
        is_over |= withdrawn.as_ref().is_err_and(|error| error.code() == Code::IdentityLeased);
        record(store, ledger, keys, withdrawn)?;
        progress.advance(1);
    }
    Ok(())
}

/// As [`withdraw`], also if a token of the store has taken the place of the certificate. Returns the change.
pub(super) fn withdraw_all(connection: &Connection, store: &Path, view: &View, name: &str) -> Result<PlatformChange> {
    let withdrawal = Withdrawal::of_revoked(Some(store), view, name)?;
    let url = connection.url_for_commands(view);
    connection.runtime.wait(withdrawal.carry_out(&connection.board)).map_err(|error| with_command(error, name, url))
}

/// Records what became of taking the certificates of a device from the platform, which has no token of it either then.
fn record(store: &Path, ledger: &mut Ledger, keys: &[&Key], withdrawn: Result<()>) -> Result<()> {
    // A device with a valid certificate keeps the token, which the platform may have.
    if let (Ok(()), Some(key)) = (&withdrawn, keys.first())
        && !ledger.history(key.kind, &key.name)?.iter().any(|entry| entry.role.is_in_use())
    {
        device_tokens::record_gone(store, ledger, &key.name)?;
    }
    conclude(ledger, keys, withdrawn)
}

fn conclude(ledger: &mut Ledger, keys: &[&Key], withdrawn: Result<()>) -> Result<()> {
    match withdrawn {
        Ok(()) => ledger.transaction(|transaction| {
            keys.iter().try_for_each(|key| {
                transaction.unregistered(key)?;
                transaction.step_done(key, OpenStep::Platform)
            })
        }),
        Err(error) => failed(ledger, keys, OpenStep::Platform, &with_fix(&error)),
    }
}

/// The text of an error for an open step. An operator decides about a credential of another party, and about a device that
/// was renamed on the platform, so that it tells how.
fn with_fix(error: &Error) -> String {
    let needs_operator = matches!(error.code(), Code::OtherCredential | Code::CertificateTaken);
    match error.finding().fix.as_deref().filter(|_| needs_operator) {
        Some(fix) => format!("{error}: {fix}"),
        None => error.to_string(),
    }
}
