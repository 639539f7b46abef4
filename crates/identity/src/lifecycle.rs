//! Renewing an identity, the lists of those that are revoked, and replacing a CA.

pub mod enrol;
pub mod hook;
pub mod renew;
pub mod revocation_lists;
pub mod rollover;
