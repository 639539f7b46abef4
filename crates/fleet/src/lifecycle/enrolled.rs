//! Bringing certificates that devices have fetched over the network to the platform, once they have confirmed them.
//!
//! Each device has the order of `renew --register`, without its login: the device itself has proven the certificate. The
//! lease is taken, the ledger read, the certificate replaced that the ledger expects, and the ledger read again. Until the
//! platform has the certificate, the generation before it stays current, and the device logs in with that one.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use base::code::FailureScope;
use base::text::{device_words, quote};
use base::{Code, Error, Result};
use config::PlatformKind;
use ledger::{Entry, Key, Kind, Ledger, Role, State, View};
use pki::Certificate;
use provision::platform::{DesiredDevice, DeviceCredential, NewDevice, Replace};
use store::{StoreLocation, Workspace};

use crate::lifecycle::lease::Leases;
use crate::lifecycle::outdated::OutdatedPlatform;
use crate::lifecycle::revoke::withdraw_revoked;
use crate::platform::Connection;

/// The time to wait after the first failure of a device. It doubles with every further one.
const FIRST_WAIT: Duration = Duration::from_secs(5);
/// The longest time to wait after a failure.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// Brings confirmed certificates to the platform.
pub struct EnrolledSwaps {
    connection: Connection,
    location: StoreLocation,
    /// The properties of devices that the platform does not know yet.
    create: NewDevice,
    leases: Leases,
    failures: Failures<Key>,
}

/// The certificates that the platform did not take, and the times of their next attempts.
struct Failures<K>(HashMap<K, Failure>);

/// A failed attempt.
struct Failure {
    /// The time of the next attempt.
    next: Instant,
    /// The time between the two.
    wait: Duration,
    /// Whether others can succeed all the same.
    is_of_device: bool,
}

impl EnrolledSwaps {
    /// The swaps with the platform of the configuration; `None` if it has no ThingsBoard, or no login to it. Nothing is sent
    /// yet.
    ///
    /// # Errors
    /// Those of [`Connection::of`].
    pub fn of(workspace: &mut Workspace<'_>) -> Result<Option<Self>> {
        let platform = &workspace.config.platform;
        let has_login = platform.user.value.is_some() || platform.api_key.is_some();
        if platform.url.value.is_none() || !has_login || platform.kind.value == PlatformKind::ActorCloud {
            return Ok(None);
        }
        let profile = platform.profile.value.as_ref().map(|name| name.as_str().to_owned());
        let mut location = workspace.location.clone();
        location.for_service();
        Ok(Some(Self {
            connection: Connection::of(workspace)?,
            location,
            create: NewDevice { profile, ..NewDevice::default() },
            leases: Leases::without_lock()?,
            failures: Failures(HashMap::new()),
        }))
    }

    /// Brings the certificates that wait to the platform, until `stop` is true. What fails stays open: it is logged, in the
    /// ledger, and tried again by a later call. A platform that is away, or rejects the login, ends the call.
    ///
    /// # Errors
    /// Those of the ledger.
    pub fn finish(&mut self, stop: &AtomicBool) -> Result<()> {
        // Opened for reading first: this runs every few seconds, and most of the time nothing is open.
        let view = self.location.ledger_read_only()?;
        // The devices of another ledger that takes the place of this one are not brought to the platform.
        self.location.stay_with(view.status()?.uid);
        let open = view.open_swaps()?;
        drop(view);
        // Another instance may have finished it, or a revocation may have closed it.
        self.failures.retain_open(open.iter().map(|entry| &entry.key));
        if open.is_empty() {
            return Ok(());
        }
        let mut ledger = self.location.ledger()?;
        for Entry { key, .. } in open {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            if self.failures.waits(&key, Instant::now()) {
                continue;
            }
            if let Err(error) = self.one(&mut ledger, &key) {
                let help = error.finding().fix.clone();
                tracing::warn!(device = key.name, %error, help, "the platform does not have the certificate yet");
                let is_of_device = error.code().reach() == FailureScope::One;
                self.failures.add(key, is_of_device, Instant::now());
                if !is_of_device {
                    break;
                }
            } else {
                self.failures.end(&key);
            }
        }
        Ok(())
    }

    /// Brings one certificate to the platform, unless another process works on the device.
    fn one(&self, ledger: &mut Ledger, key: &Key) -> Result<()> {
        // Another process changes this device. Its certificate stays open, and the next call finds it.
        if !self.leases.take_all(ledger, &[&key.name])?.is_empty() {
            return Ok(());
        }
        let done = self.swap(ledger, key);
        self.leases.end(ledger, &key.name);
        done
    }

    /// Brings one certificate to the platform. The lease is held.
    fn swap(&self, ledger: &mut Ledger, key: &Key) -> Result<()> {
        let Some(sent) = ledger.enrolled(key)?.filter(|sent| sent.is_swap_open) else { return Ok(()) };
        // Not only by the missing certificate: a device that was deleted there would be created again.
        if ledger.entry(key)?.is_some_and(|entry| entry.unregistered_at.is_some()) {
            return ledger.used_without_platform(key);
        }
        if !ledger.take_up(key)? {
            // A later generation is in use, or it was revoked: then the revocation takes it from the platform.
            return ledger.swap_ended(key);
        }
        let wanted = match self.wanted(ledger, key, Certificate::from_der(&sent.certificate)?) {
            Err(error) if error.code() == Code::RegisteredElsewhere => {
                ledger.swap_failed(key, &error.to_string())?;
                return Err(error);
            }
            wanted => wanted?,
        };
        if let Err(error) = self.connection.runtime.wait(self.connection.board.register(&wanted)) {
            ledger.swap_failed(key, &error.to_string())?;
            return Err(error);
        }
        let is_in_use = ledger.swap_done(key)?;
        for outdated in OutdatedPlatform::of(ledger, &key.name)? {
            // The platforms of others are not this service's: an operator runs the command, which the report has too.
            let OutdatedPlatform { platform, command, .. } = outdated;
            tracing::warn!(device = key.name, platform, help = command, "another platform has an earlier certificate");
        }
        if !is_in_use && ledger.entry(key)?.is_some_and(|entry| entry.role == Role::Revoked) {
            withdraw_revoked(&self.connection, ledger, key)?;
        }
        Ok(())
    }

    /// The device as it must be. The platform may have any earlier certificate of it that is not revoked: a later one may
    /// have been confirmed before an earlier one was brought to the platform.
    fn wanted(&self, ledger: &Ledger, key: &Key, certificate: Certificate) -> Result<DesiredDevice> {
        let mut expected = Vec::new();
        let mut is_known = false;
        let mut is_elsewhere = false;
        let mut is_taken_away = false;
        for other in ledger.history(Kind::Device, &key.name)? {
            // A revocation that has reached the platform has left a random token there.
            is_taken_away |= other.role == Role::Revoked && other.unregistered_at.is_some();
            // Not revoked ones: if the platform still has such a certificate, its revocation is open, and puts a token
            // there.
            if other.key == *key || matches!(other.role, Role::Revoked | Role::Intended | Role::Void) {
                continue;
            }
            is_known |= other.reached(State::Registered).is_some();
            is_elsewhere |= other.is_registered_elsewhere();
            expected.extend(other.credentials_id);
        }
        if is_elsewhere && !is_known {
            // The URL of the service was changed while the certificate waited. The device must not appear at a platform
            // where no operator has registered it.
            return Err(registered_elsewhere(ledger, &key.name)?);
        }
        Ok(DesiredDevice {
            name: key.name.clone(),
            credential: DeviceCredential::X509(Box::new(certificate)),
            replace: match expected.is_empty() {
                // After its revocation, a device has this certificate because an operator has made a new one-time password
                // for it. A device of which another certificate is registered has no token.
                _ if is_taken_away && !is_known => Replace::OneOfOrWithdrawn(expected),
                true => Replace::Nothing,
                false => Replace::OneOf(expected),
            },
            create: (!is_known).then(|| self.create.clone()),
        })
    }
}

/// The error for a device that is registered at other platforms only.
fn registered_elsewhere(view: &View, name: &str) -> Result<Error> {
    let there = view.registrations_of(Kind::Device, name)?.into_iter();
    let urls: Vec<String> = there.map(|one| one.platform.url.to_string()).collect();
    Ok(Code::RegisteredElsewhere
        .error(format!("the device {} is not registered at this platform", quote(name)))
        .item(name)
        .because(format!("it is registered at {}", urls.join(" and ")))
        .fix(format!(
            "register it here with `tbpki register {}`, or set `[platform] url` of the service back",
            device_words(name)
        )))
}

impl<K: Eq + Hash> Failures<K> {
    /// Whether a certificate has to wait at this time.
    fn waits(&self, key: &K, now: Instant) -> bool {
        self.0.get(key).is_some_and(|failure| now < failure.next)
    }

    /// Records a failed attempt. Each one doubles the time to wait.
    fn add(&mut self, key: K, is_of_device: bool, now: Instant) {
        let wait = self.0.get(&key).map_or(FIRST_WAIT, |failure| (failure.wait * 2).min(LONGEST_WAIT));
        self.0.insert(key, Failure { next: now + wait, wait, is_of_device });
    }

    /// Forgets the failures of certificates that are not `open` any more.
    fn retain_open<'k>(&mut self, open: impl IntoIterator<Item = &'k K>)
    where
        K: 'k,
    {
        // A platform can reject each of many devices: they are compared every few seconds.
        let open: HashSet<&K> = open.into_iter().collect();
        self.0.retain(|key, _| open.contains(key));
    }

    /// Records that the platform has a certificate. It works again, so that those it has failed need not wait.
    fn end(&mut self, key: &K) {
        self.0.remove(key);
        self.0.retain(|_, failure| failure.is_of_device);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_doubles_the_time_to_wait_up_to_the_longest() {
        let (mut failures, now) = (Failures(HashMap::new()), Instant::now());
        let mut waited = Vec::new();
        for _ in 0..9 {
            failures.add("a", true, now);
            waited.push(failures.0["a"].wait.as_secs());
        }
        assert_eq!(waited, [5, 10, 20, 40, 80, 160, 320, 600, 600]);
        assert!(failures.waits(&"a", now + Duration::from_secs(599)));
        assert!(!failures.waits(&"a", now + Duration::from_secs(600)));
        assert!(!failures.waits(&"b", now));
    }

    #[test]
    fn failures_of_certificates_that_are_not_open_any_more_are_forgotten() {
        let (mut failures, now) = (Failures(HashMap::new()), Instant::now());
        ["a", "b", "c"].into_iter().for_each(|name| failures.add(name, true, now));
        failures.retain_open(&["c", "a", "d"]);
        assert!(failures.waits(&"a", now) && failures.waits(&"c", now));
        assert!(!failures.waits(&"b", now) && !failures.waits(&"d", now));
        failures.retain_open([]);
        assert!(failures.0.is_empty());
    }

    #[test]
    fn a_platform_that_works_again_is_tried_at_once_for_all_that_it_has_failed() {
        let (mut failures, now) = (Failures(HashMap::new()), Instant::now());
        failures.add("away", false, now);
        failures.add("other credential", true, now);
        failures.add("done", false, now);
        failures.end(&"done");
        assert!(!failures.waits(&"away", now) && !failures.waits(&"done", now));
        assert!(failures.waits(&"other credential", now));
    }
}
