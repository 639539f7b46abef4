//! Renewing, revoking and unregistering identities, and replacing the CA of a profile.

pub(crate) mod device_tokens;
pub mod enrolled;
pub(crate) mod expiry;
pub(crate) mod lease;
pub(crate) mod open_renewal;
pub mod outdated;
pub mod renew;
pub mod revoke;
pub mod rollover;
pub mod unregister;
mod unseen;
pub mod upkeep;
pub(crate) mod withdrawal;
