//! Leases on devices: held while their credentials are changed on the platform.
//!
//! Every change has the same order: take the lease, read the ledger, change the platform, read the ledger again. A device
//! that was revoked meanwhile gets a random token in the place of its certificate before the lease ends.

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use base::host::host_name;
use base::text::quote;
use base::{Code, Error, Result};
use ledger::{Kind, Ledger};

use crate::stop::TICK;

/// The time after which a lease ends that is not extended. Its holder extends it three times in that time.
const LEASE: Duration = Duration::from_secs(30);
/// The time to wait for a lease: longer than that of a killed process.
const PATIENCE: Duration = Duration::from_secs(35);
/// Holders with this prefix have the lock of the store. In a ledger that is a file there is one at a time.
const LOCKED: &str = "locked:";
/// Holders with this prefix work without the lock of the store.
const FREE: &str = "free:";

/// The leases of this process.
#[derive(Debug)]
pub(crate) struct Leases {
    holder: String,
}

impl Leases {
    /// The leases of a verb that has the lock of the store. Leases of killed verbs end.
    ///
    /// # Errors
    /// Those of the ledger; [`Code::Internal`] without random numbers for the name of this process.
    pub(crate) fn of_locked_store(ledger: &mut Ledger) -> Result<Self> {
        // On a server other stations have such leases too, and their verbs may be at work: those have to run out.
        if !ledger.is_shared() {
            ledger.release_all(LOCKED)?;
        }
        Ok(Self { holder: format!("{LOCKED}{}", station_name()?) })
    }

    /// The leases of a verb without the lock.
    ///
    /// # Errors
    /// [`Code::Internal`] without random numbers for the name of this process.
    pub(crate) fn without_lock() -> Result<Self> {
        Ok(Self { holder: format!("{FREE}{}", station_name()?) })
    }

    /// Takes or extends the leases on devices. Returns those that another process has.
    ///
    /// # Errors
    /// Those of the ledger, here and below.
    pub(crate) fn take_all(&self, ledger: &mut Ledger, names: &[&str]) -> Result<Vec<String>> {
        ledger.lease(&self.holder, Kind::Device, names, LEASE)
    }

    /// Takes or extends the lease on a device. Waits until another process has ended or lost it.
    ///
    /// # Errors
    /// [`Code::IdentityLeased`] if another process keeps it.
    pub(crate) fn take(&self, ledger: &mut Ledger, name: &str) -> Result<()> {
        let begun = Instant::now();
        // A ledger cannot tell when a lease ends, so it is asked again and again.
        while !self.take_all(ledger, &[name])?.is_empty() {
            if begun.elapsed() > PATIENCE {
                return Err(leased(name));
            }
            thread::sleep(TICK);
        }
        Ok(())
    }

    /// Ends the leases on devices.
    pub(crate) fn release(&self, ledger: &mut Ledger, names: &[&str]) -> Result<()> {
        ledger.release(&self.holder, Kind::Device, names)
    }

    /// Does something with the lease on a device.
    pub(crate) fn holding<T>(
        &self,
        ledger: &mut Ledger,
        name: &str,
        work: impl FnOnce(&mut Ledger) -> Result<T>,
    ) -> Result<T> {
        self.take(ledger, name)?;
        // The lease ends whatever became of the work: a failure must not hold the next verb up for its rest.
        let done = work(ledger);
        self.end(ledger, name);
        done
    }

    /// Ends the lease on a device. A failure is only logged, because a lease that stays ends by itself.
    pub(crate) fn end(&self, ledger: &mut Ledger, name: &str) {
        if let Err(error) = self.release(ledger, &[name]) {
            tracing::warn!(name, %error, "the lease on a device was not ended");
        }
    }
}

/// The leases on the devices of a batch, or of a shard.
#[derive(Debug)]
pub(crate) struct LeasedBatch {
    leases: Leases,
    /// The devices whose leases this process has.
    names: Vec<String>,
    lost: LostLeases,
    extended: Instant,
}

/// The devices of a batch whose leases another process has taken since they were taken here, because they ended before they
/// were extended. Nothing may be begun for them: the other process works on them.
#[derive(Debug, Clone, Default)]
pub(crate) struct LostLeases(Rc<RefCell<HashSet<String>>>);

impl LostLeases {
    /// Whether the lease on a device was lost.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.borrow().contains(name)
    }

    /// The names of all of them, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.0.borrow().iter().cloned().collect();
        names.sort_unstable();
        names
    }
}

impl LeasedBatch {
    /// No leases yet, for a verb that has the lock of the store.
    ///
    /// # Errors
    /// Those of [`Leases::of_locked_store`].
    pub(crate) fn of_locked_store(ledger: &mut Ledger) -> Result<Self> {
        Ok(Self::of(Leases::of_locked_store(ledger)?))
    }

    /// No leases yet, for a verb without the lock.
    ///
    /// # Errors
    /// Those of [`Leases::without_lock`].
    pub(crate) fn without_lock() -> Result<Self> {
        Ok(Self::of(Leases::without_lock()?))
    }

    fn of(leases: Leases) -> Self {
        Self { leases, names: Vec::new(), lost: LostLeases::default(), extended: Instant::now() }
    }

    /// The leases of the batch that are lost, also those that are lost later.
    pub(crate) fn lost(&self) -> LostLeases {
        self.lost.clone()
    }

    /// Takes the leases on these devices. Returns the names of those that another process has. A single device is waited
    /// for.
    ///
    /// # Errors
    /// Those of [`Leases::take`].
    pub(crate) fn take(&mut self, ledger: &mut Ledger, names: Vec<String>) -> Result<Vec<String>> {
        let others = match names.as_slice() {
            // A user waits for one device. Of many, those of another process are left to that process.
            [name] => self.leases.take(ledger, name).map(|()| Vec::new())?,
            names => self.leases.take_all(ledger, &texts(names))?,
        };
        self.names = names;
        // Those of another process must not be taken when these are extended: nothing is done for them here.
        self.names.retain(|name| !others.contains(name));
        self.lost = LostLeases::default();
        self.extended = Instant::now();
        Ok(others)
    }

    /// Extends the leases, if it is time. Those that another process has taken are in [`lost`](Self::lost) from then on.
    ///
    /// # Errors
    /// Those of the ledger.
    pub(crate) fn extend(&mut self, ledger: &mut Ledger) -> Result<()> {
        // Two more attempts fit in before the lease ends, and most calls cost no transaction.
        if self.extended.elapsed() > LEASE / 3 && !self.names.is_empty() { self.extend_now(ledger) } else { Ok(()) }
    }

    fn extend_now(&mut self, ledger: &mut Ledger) -> Result<()> {
        let lost: HashSet<String> = self.leases.take_all(ledger, &texts(&self.names))?.into_iter().collect();
        self.extended = Instant::now();
        if !lost.is_empty() {
            tracing::warn!(count = lost.len(), "leases on devices have ended, and another tbpki has them");
            self.names.retain(|name| !lost.contains(name));
            self.lost.0.borrow_mut().extend(lost);
        }
        Ok(())
    }

    /// Ends the leases.
    ///
    /// # Errors
    /// Those of the ledger.
    pub(crate) fn release(&mut self, ledger: &mut Ledger) -> Result<()> {
        let names = std::mem::take(&mut self.names);
        if names.is_empty() { Ok(()) } else { self.leases.release(ledger, &texts(&names)) }
    }
}

fn texts(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

/// The error for a device whose lease another process has.
pub(crate) fn leased(name: &str) -> Error {
    Code::IdentityLeased
        .error(format!("another tbpki changes the device {} at the moment", quote(name)))
        .item(name)
        .fix("run the same command again when the other one has ended")
}

/// The name of this process among all that work on the ledger: `HOST-PROCESS-RANDOM`, of which [`View::shards_of_station`](ledger::View::shards_of_station)
/// takes the host.
///
/// # Errors
/// [`Code::Internal`] without random numbers.
pub(crate) fn station_name() -> Result<String> {
    // Host and process number repeat: in containers of one name, every first process is number 1.
    let random = pki::serial::Serial::random()?.to_string();
    let random = random.get(..8).unwrap_or(&random);
    Ok(format!("{}-{}-{random}", host_name(), std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// The names among these on which another process can take a lease.
    fn free(ledger: &mut Ledger, names: &[&str]) -> Vec<String> {
        let others = ledger.lease("another", Kind::Device, names, LEASE).unwrap();
        let free: Vec<&str> = names.iter().copied().filter(|name| !others.iter().any(|other| other == name)).collect();
        ledger.release("another", Kind::Device, &free).unwrap();
        free.into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn only_leases_that_this_process_has_are_extended() {
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(dir.path().join("ledger.db")).unwrap();
        ledger.lease("another", Kind::Device, &["b"], LEASE).unwrap();
        let mut batch = LeasedBatch::without_lock().unwrap();
        assert_eq!(batch.take(&mut ledger, names(&["a", "b", "c"])).unwrap(), ["b"]);
        // The other process is done with it. It is free for all, and not for a process that leaves it out.
        ledger.release("another", Kind::Device, &["b"]).unwrap();
        batch.extend_now(&mut ledger).unwrap();
        assert_eq!(free(&mut ledger, &["a", "b", "c"]), ["b"]);
        batch.release(&mut ledger).unwrap();
        assert_eq!(free(&mut ledger, &["a", "b", "c"]), ["a", "b", "c"]);
    }

    #[test]
    fn a_lease_that_another_process_has_taken_is_lost_and_stays_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(dir.path().join("ledger.db")).unwrap();
        let mut batch = LeasedBatch::without_lock().unwrap();
        batch.take(&mut ledger, names(&["a", "b"])).unwrap();
        let lost = batch.lost();
        batch.extend_now(&mut ledger).unwrap();
        assert_eq!(lost.names(), [""; 0]);
        // As if the lease had ended, for example while this machine was asleep.
        batch.leases.release(&mut ledger, &["a"]).unwrap();
        ledger.lease("another", Kind::Device, &["a"], LEASE).unwrap();
        batch.extend_now(&mut ledger).unwrap();
        assert!(lost.has("a") && !lost.has("b"));
        // The other process is done, and this one does not take it back.
        ledger.release("another", Kind::Device, &["a"]).unwrap();
        batch.extend_now(&mut ledger).unwrap();
        assert!(lost.has("a"));
        assert_eq!(free(&mut ledger, &["a", "b"]), ["a"]);
        // The next batch begins without losses.
        batch.take(&mut ledger, names(&["a", "b"])).unwrap();
        assert!(!batch.lost().has("a"));
    }
}
