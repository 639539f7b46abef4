//! One-time passwords, with which devices fetch their first certificates over the network.

use std::path::Path;

use base::{Code, Result, Secret, digest, hex, random};
use config::Config;
use pki::device_name::DeviceName;
use store::ca::Ca;
use time::{Duration, OffsetDateTime};

use crate::profile_ca;

/// The random bytes of a password: 128 bits.
const RANDOM: usize = 16;

/// The end of passwords that do not expire: the last second that RFC 3339 can express.
const NEVER: i64 = 253_402_300_799;

/// The time for which passwords can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PasswordLifetime {
    /// The `serve.password_days` of the configuration.
    #[default]
    Configured,
    /// This number of days.
    Days(u32),
    /// Until they are spent.
    Unlimited,
}

impl PasswordLifetime {
    /// The time from which on a password that is made now is refused.
    ///
    /// # Errors
    /// [`Code::Internal`] if there is no such time.
    pub fn end(self, config: &Config) -> Result<OffsetDateTime> {
        let days = match self {
            Self::Configured => config.serve.password_days.value.number(),
            Self::Days(days) => days,
            Self::Unlimited => return OffsetDateTime::from_unix_timestamp(NEVER).map_err(no_time),
        };
        // Whole seconds, which is what the ledger keeps: a report must not promise a part of one more.
        (OffsetDateTime::now_utc() + Duration::days(i64::from(days))).replace_nanosecond(0).map_err(no_time)
    }
}

fn no_time(error: time::error::ComponentRange) -> base::Error {
    Code::Internal.error("there is no such time").caused_by(error)
}

/// A new password of 128 random bits.
///
/// # Errors
/// [`Code::Internal`] if the system has no random numbers.
pub fn random() -> Result<Secret> {
    Ok(Secret::new(hex::lower(random::bytes::<RANDOM>()?.as_slice())))
}

/// The hash that the ledger keeps of a password: SHA-256, which is enough for 128 random bits.
pub fn hash(password: &Secret) -> [u8; 32] {
    digest::sha256(password.reveal().as_bytes())
}

/// Fails unless this store can issue the certificate of a device with this name below the CA of a profile.
///
/// # Errors
/// [`Code::UnknownProfile`], [`Code::ProfilePattern`], and those of a CA that cannot be used at `now`.
pub fn check_profile(store: &Path, profile: &DeviceName, device: &DeviceName, now: OffsetDateTime) -> Result<()> {
    profile_ca::pattern(store, profile)?.check_name(device.as_str())?;
    Ca::Profile(profile.clone()).check_usable(store, now).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_128_bits_and_differ() {
        let (one, other) = (random().unwrap(), random().unwrap());
        assert_ne!(one.reveal(), other.reveal());
        assert_eq!(one.reveal().len(), 2 * RANDOM);
        assert!(one.reveal().chars().all(|digit| digit.is_ascii_hexdigit()));
    }
}
