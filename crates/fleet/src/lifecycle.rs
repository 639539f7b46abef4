//! Renewing, revoking and unregistering identities.

pub(crate) mod lease;
pub mod renew;
pub mod revoke;
pub mod unregister;
