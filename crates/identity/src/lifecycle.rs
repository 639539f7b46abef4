//! Renewing an identity, the passwords of first certificates, the lists of those that are revoked, and replacing a CA.

pub mod enrol;
pub mod hook;
pub mod one_time_password;
pub mod renew;
pub mod revocation_lists;
pub mod rollover;
