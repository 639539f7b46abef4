//! Outcomes of devices of the store: recorded in the ledger, and passed on.

use std::time::{Duration, Instant};

use base::{Error, Finding, Result};
use ledger::{Key, Ledger, RenewalStep, Role, Transaction, View};

use super::candidate::Candidate;
use super::engine::Recorder;
use super::report::DeviceRegistration;
use super::request::TellDevice;
use super::source::revoked;
use crate::lifecycle::lease::{LeasedBatch, LostLeases, leased};
use crate::lifecycle::revoke::withdraw_revoked;
use crate::platform::Connection;

/// Registrations that are committed together: a commit waits for the disk. What a killed run did not record is found
/// registered by the next one.
const BATCH: usize = 64;
/// The greatest age of a registration that is not committed.
const AGE: Duration = Duration::from_millis(250);

/// The place where outcomes are recorded.
pub(crate) enum Records<'a> {
    /// None.
    DryRun(&'a View),
    /// The ledger.
    Ledger(&'a mut Ledger),
}

/// What a recorded outcome means in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// The platform has the certificate.
    Certificate,
    /// The platform has the renewal, which takes the place of the present certificate.
    Renewal,
    /// The renewal takes the place of the present certificate, and no platform has either.
    RenewalWithoutPlatform,
}

/// The counts of a run.
pub(crate) struct RunCounts {
    pub(super) registered: u64,
    pub(super) failed: u64,
    /// Devices that were revoked while they were registered.
    pub(super) revoked_meanwhile: u64,
    /// The failure of the only device.
    pub(super) only_failure: Option<Finding>,
}

/// Records outcomes, counts them, and passes them on.
pub(crate) struct StoreRecorder<'a> {
    records: Records<'a>,
    pending: Vec<Key>,
    since: Instant,
    /// True if one device was named: its failure is the error of the run.
    is_single: bool,
    taken: Taken,
    tell: TellDevice<'a>,
    /// The leases on the devices of the batch.
    leases: Option<LeasedBatch>,
    /// Devices that were revoked while they were registered.
    revoked: Vec<Key>,
    counts: RunCounts,
    /// True if an error that is not a device's has ended the run.
    pub(crate) is_ended: bool,
}

impl<'a> StoreRecorder<'a> {
    pub(crate) fn new(records: Records<'a>, is_single: bool, taken: Taken, tell: TellDevice<'a>) -> Self {
        Self {
            records,
            pending: Vec::new(),
            since: Instant::now(),
            is_single,
            taken,
            tell,
            leases: None,
            revoked: Vec::new(),
            counts: RunCounts { registered: 0, failed: 0, revoked_meanwhile: 0, only_failure: None },
            is_ended: false,
        }
    }

    pub(crate) fn has_registered(&self) -> bool {
        self.counts.registered > 0
    }

    pub(crate) fn into_counts(self) -> RunCounts {
        self.counts
    }

    /// A device that the ledger does not have in use, or whose certificate cannot be read.
    pub(crate) fn reject(&mut self, name: String, error: Error) -> Result<()> {
        self.tell_failure(DeviceRegistration::failed(name, error))
    }

    /// Commits the registrations that are not committed, and extends the leases. A device that was revoked meanwhile is
    /// kept for [`Self::withdraw`].
    pub(crate) fn flush(&mut self) -> Result<()> {
        self.since = Instant::now();
        let keys = std::mem::take(&mut self.pending);
        let Records::Ledger(ledger) = &mut self.records else { return Ok(()) };
        let taken = self.taken;
        if !keys.is_empty() {
            let revoked = ledger.transaction(|transaction| {
                let mut revoked = Vec::new();
                for key in &keys {
                    let is_in_use = match taken {
                        Taken::RenewalWithoutPlatform => put_into_use(transaction, key)?,
                        Taken::Certificate | Taken::Renewal => transaction.registered_unless_revoked(key)?,
                    };
                    if !is_in_use {
                        revoked.push(key.clone());
                    } else if taken == Taken::Renewal {
                        promote(transaction, key)?;
                    }
                }
                Ok(revoked)
            })?;
            self.revoked.extend(revoked);
        }
        self.leases.as_mut().map_or(Ok(()), |leases| leases.extend(ledger))
    }

    /// Takes the leases on the devices of a batch. Returns those that are neither revoked nor leased by another process;
    /// the latter fail.
    pub(crate) fn lease(&mut self, batch: Vec<Candidate>) -> Result<Vec<Candidate>> {
        let free = self.lease_free(batch);
        if free.is_err() {
            self.release().unwrap_or_else(|error| tracing::warn!(%error, "leases on devices were not ended"));
        }
        free
    }

    /// The leases of the batch that other processes have taken since.
    pub(crate) fn lost_leases(&self) -> LostLeases {
        self.leases.as_ref().map(LeasedBatch::lost).unwrap_or_default()
    }

    fn lease_free(&mut self, batch: Vec<Candidate>) -> Result<Vec<Candidate>> {
        let Records::Ledger(ledger) = &mut self.records else { return Ok(batch) };
        let leases = match &mut self.leases {
            Some(leases) => leases,
            none => none.insert(LeasedBatch::of_locked_store(ledger)?),
        };
        let others = leases.take(ledger, batch.iter().map(|candidate| candidate.key.name.clone()).collect())?;
        let mut free = Vec::with_capacity(batch.len());
        for candidate in batch {
            let name = candidate.key.name.clone();
            // Read again under the lease: the page of the ledger that the batch comes from can be older than a
            // revocation.
            let role = self.view().entry(&candidate.key)?.map(|entry| entry.role);
            if role == Some(Role::Revoked) {
                self.reject(name.clone(), revoked(&name))?;
            } else if others.contains(&name) {
                self.reject(name.clone(), leased(&name))?;
            } else {
                free.push(candidate);
            }
        }
        Ok(free)
    }

    /// Takes the certificates of devices from the platform again that were revoked while they were registered, and ends
    /// the leases of the batch. Without a platform, there is nothing to take.
    pub(crate) fn withdraw(&mut self, connection: Option<&Connection>) -> Result<()> {
        let withdrawn = self.flush().and_then(|()| self.take_back(connection));
        // Whatever has failed: other processes must not wait until the leases end.
        let released = self.release();
        withdrawn.and(released)
    }

    fn release(&mut self) -> Result<()> {
        let Records::Ledger(ledger) = &mut self.records else { return Ok(()) };
        self.leases.as_mut().map_or(Ok(()), |leases| leases.release(ledger))
    }

    fn take_back(&mut self, connection: Option<&Connection>) -> Result<()> {
        let Records::Ledger(ledger) = &mut self.records else { return Ok(()) };
        for key in std::mem::take(&mut self.revoked) {
            self.counts.registered = self.counts.registered.saturating_sub(1);
            self.counts.revoked_meanwhile += 1;
            connection.map_or(Ok(()), |connection| withdraw_revoked(connection, ledger, &key))?;
        }
        Ok(())
    }

    fn record_failure(&mut self, key: &Key, error: &Error) -> Result<()> {
        match &mut self.records {
            Records::DryRun(_) => Ok(()),
            // Failures are committed one by one, because each has a text of its own, and they are few.
            Records::Ledger(ledger) => ledger.failed(key, &error.to_string()),
        }
    }

    fn tell_failure(&mut self, failed: DeviceRegistration) -> Result<()> {
        self.counts.failed += 1;
        // The error of a single device becomes the error of the command, with its exit status.
        if self.is_single {
            self.counts.only_failure = failed.error;
            return Ok(());
        }
        (self.tell)(failed, Vec::new())
    }
}

impl Recorder for StoreRecorder<'_> {
    fn view(&self) -> &View {
        match &self.records {
            Records::DryRun(ledger) => ledger,
            Records::Ledger(ledger) => ledger,
        }
    }

    fn registered(&mut self, key: Key, registration: DeviceRegistration, findings: Vec<Finding>) -> Result<()> {
        self.counts.registered += 1;
        self.pending.push(key);
        if self.pending.len() >= BATCH || self.since.elapsed() > AGE {
            self.flush()?;
        }
        // Told after the commit, mostly: a name that is printed as registered should be in the ledger.
        (self.tell)(registration, findings)
    }

    fn failed(&mut self, key: Key, error: &Error, registration: DeviceRegistration) -> Result<()> {
        self.record_failure(&key, error)?;
        self.tell_failure(registration)
    }

    /// The device is listed among those that failed, because it shows the cause. A run that registered nothing has its
    /// error instead.
    fn ended(&mut self, key: Key, error: &Error) -> Result<()> {
        self.is_ended = true;
        if !self.has_registered() {
            // A mistyped address or password: no device was tried, so that none has failed.
            self.counts.failed += 1;
            return Ok(());
        }
        self.record_failure(&key, error)?;
        self.tell_failure(DeviceRegistration::failed(key.name, Error::new(error.finding().clone())))
    }

    fn tick(&mut self) -> Result<()> {
        // A slow platform fills no batch, so the age decides.
        if self.since.elapsed() > AGE { self.flush() } else { Ok(()) }
    }
}

/// Makes a renewal that the platform has the current generation. Its files are still to be installed.
fn promote(transaction: &Transaction<'_>, key: &Key) -> Result<()> {
    if !transaction.taken_by_platform(key)? {
        return Ok(());
    }
    begin_install(transaction, key)
}

/// Makes a renewal that no platform has to know the current generation. Returns false if it was revoked meanwhile.
fn put_into_use(transaction: &Transaction<'_>, key: &Key) -> Result<bool> {
    match transaction.entry(key)?.map(|entry| entry.role) {
        Some(Role::Revoked) => return Ok(false),
        Some(Role::Pending) => {
            transaction.promote(key)?;
            begin_install(transaction, key)?;
        }
        // It is in use already: the command is repeated.
        _ => {}
    }
    Ok(true)
}

/// Records that the files of a renewal must be brought to their places. Those of a renewal by a job stay in its shard.
fn begin_install(transaction: &Transaction<'_>, key: &Key) -> Result<()> {
    let is_of_job = transaction.entry(key)?.is_some_and(|entry| entry.job.is_some());
    if is_of_job { Ok(()) } else { transaction.begin_step(key, RenewalStep::Install) }
}
