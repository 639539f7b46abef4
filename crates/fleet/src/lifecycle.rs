//! Renewing, revoking and unregistering identities.

pub mod enrolled;
pub(crate) mod lease;
pub mod renew;
pub mod revoke;
pub mod unregister;
