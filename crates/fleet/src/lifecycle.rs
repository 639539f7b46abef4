//! Renewing, revoking and unregistering identities.

pub mod renew;
pub mod revoke;
pub mod unregister;
