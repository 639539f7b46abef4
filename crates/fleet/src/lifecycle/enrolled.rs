//! Bringing certificates that devices have fetched over the network to the platform, once they have confirmed them.
//!
//! Each device has the order of `renew --register`, without its login: the device itself has proven the certificate. The
//! lease is taken, the ledger read, the certificate replaced that the ledger expects, and the ledger read again. Until the
//! platform has the certificate, the generation before it stays current, and the device logs in with that one.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use base::{Code, Result};
use config::PlatformKind;
use ledger::{Entry, Key, Kind, Ledger, Role, State};
use pki::Certificate;
use provision::platform::{DesiredDevice, DeviceCredential, NewDevice, Replace};
use store::{StoreLocation, Workspace};

use crate::lifecycle::lease::Leases;
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
    /// The devices that have failed, with the time of their next attempt and the time waited for it.
    failed: HashMap<Key, (Instant, Duration)>,
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
        Ok(Some(Self {
            connection: Connection::of(workspace)?,
            location: workspace.location.clone(),
            create: NewDevice { profile, ..NewDevice::default() },
            leases: Leases::without_lock()?,
            failed: HashMap::new(),
        }))
    }

    /// Brings the certificates that wait to the platform, until `stop` is true. What fails stays open: it is logged, in the
    /// ledger, and tried again by a later call. A platform that is away ends the call.
    ///
    /// # Errors
    /// Those of the ledger.
    pub fn finish(&mut self, stop: &AtomicBool) -> Result<()> {
        let open = self.location.ledger_read_only()?.open_swaps()?;
        self.failed.retain(|key, _| open.iter().any(|entry| entry.key == *key));
        if open.is_empty() {
            return Ok(());
        }
        let mut ledger = self.location.ledger()?;
        for Entry { key, .. } in open {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            if self.failed.get(&key).is_some_and(|(next, _)| Instant::now() < *next) {
                continue;
            }
            match self.one(&mut ledger, &key) {
                Ok(()) => drop(self.failed.remove(&key)),
                Err(error) => {
                    tracing::warn!(device = key.name, %error, "the platform does not have the certificate yet");
                    let is_away = error.code() == Code::Unreachable;
                    let wait = self.failed.get(&key).map_or(FIRST_WAIT, |(_, wait)| (*wait * 2).min(LONGEST_WAIT));
                    self.failed.insert(key, (Instant::now() + wait, wait));
                    if is_away {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// Brings one certificate to the platform, unless another process works on the device.
    fn one(&self, ledger: &mut Ledger, key: &Key) -> Result<()> {
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
        if !ledger.take_up(key)? {
            // A later generation is in use, or it was revoked: then the revocation takes it from the platform.
            return ledger.swap_ended(key);
        }
        let wanted = self.wanted(ledger, key, Certificate::from_der(&sent.certificate)?)?;
        if let Err(error) = self.connection.runtime.wait(self.connection.board.register(&wanted)) {
            ledger.swap_failed(key, &error.to_string())?;
            return Err(error);
        }
        if !ledger.swap_done(key)? && ledger.entry(key)?.is_some_and(|entry| entry.role == Role::Revoked) {
            withdraw_revoked(&self.connection, ledger, key)?;
        }
        Ok(())
    }

    /// The device as it must be. The platform may have any earlier certificate of it that is not revoked: a later one may
    /// have been confirmed before an earlier one was brought to the platform.
    fn wanted(&self, ledger: &Ledger, key: &Key, certificate: Certificate) -> Result<DesiredDevice> {
        let mut expected = Vec::new();
        let mut is_known = false;
        for other in ledger.history(Kind::Device, &key.name)? {
            if other.key == *key || matches!(other.role, Role::Revoked | Role::Intended | Role::Void) {
                continue;
            }
            is_known |= other.reached(State::Registered).is_some();
            expected.extend(other.credentials_id);
        }
        Ok(DesiredDevice {
            name: key.name.clone(),
            credential: DeviceCredential::X509(Box::new(certificate)),
            replace: if expected.is_empty() { Replace::Nothing } else { Replace::OneOf(expected) },
            create: (!is_known).then(|| self.create.clone()),
        })
    }
}
