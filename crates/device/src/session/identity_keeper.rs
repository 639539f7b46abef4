//! The identity of the next connection: the part of a session that a device with an enrolment service replaces.
#![allow(async_fn_in_trait, reason = "a session runs on one thread, so that its futures need not be Send")]

use super::failure::Failure;
use super::platform::{Log, Network, Random, Time, Tls};
use super::settings::SessionSettings;

/// The machine and the date at the moment at which a session has no connection.
pub struct Surroundings<'a, N, T, C, R, L> {
    /// The network. A chip has memory for one connection, which is free now.
    pub network: &'a mut N,
    /// The TLS client of the next connection.
    pub tls: &'a mut T,
    /// The clock.
    pub time: &'a C,
    /// The source of random numbers.
    pub random: &'a mut R,
    /// Takes the log lines.
    pub log: &'a L,
    /// The intervals and time limits.
    pub settings: &'a SessionSettings,
    /// The date in seconds since 1970, if a time server has told it.
    pub date: Option<u64>,
}

/// The reason why a session cannot connect, and the time that it waits at least.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoIdentity {
    /// The reason.
    pub failure: Failure,
    /// The shortest pause in milliseconds.
    pub pause: u64,
}

/// Chooses the identity of each connection.
pub trait IdentityKeeper {
    /// Gives the TLS client the identity of the next connection. It can use the network before.
    ///
    /// # Errors
    /// [`NoIdentity`] if the device has none yet.
    async fn before_connection<N: Network, T: Tls, C: Time, R: Random, L: Log>(
        &mut self,
        surroundings: Surroundings<'_, N, T, C, R, L>,
    ) -> Result<(), NoIdentity>;

    /// Records that the broker has accepted the identity.
    fn logged_in(&mut self, log: &impl Log);

    /// Records that the connection has ended, at an uptime in milliseconds.
    fn failed(&mut self, failure: &Failure, uptime: u64, random: u32, log: &impl Log);

    /// True if the connection must end, because the keeper needs the network. `date` is in seconds since 1970, and `uptime`
    /// in milliseconds.
    fn needs_network(&self, date: Option<u64>, uptime: u64) -> bool;
}

/// The identity of the record, for ever.
#[derive(Debug, Clone, Copy, Default)]
pub struct FixedIdentity;

impl IdentityKeeper for FixedIdentity {
    async fn before_connection<N: Network, T: Tls, C: Time, R: Random, L: Log>(
        &mut self,
        _surroundings: Surroundings<'_, N, T, C, R, L>,
    ) -> Result<(), NoIdentity> {
        // The TLS client was made with the identity of the record.
        Ok(())
    }

    fn logged_in(&mut self, _log: &impl Log) {}

    fn failed(&mut self, _failure: &Failure, _uptime: u64, _random: u32, _log: &impl Log) {}

    fn needs_network(&self, _date: Option<u64>, _uptime: u64) -> bool {
        false
    }
}
