//! Renewing an identity, and the lists of those that are revoked.

pub mod renew;
pub mod revocation_lists;
