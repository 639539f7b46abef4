//! Renewing an identity, the passwords of first certificates, the lists of those that are revoked, replacing a CA, and the
//! passphrases of CA keys.

pub mod ca_passphrase;
pub mod enrol;
pub mod hook;
pub mod last_lists;
pub mod list_hook;
pub mod lost_cas;
pub mod lost_list;
pub mod metrics;
pub(crate) mod missing_copies;
pub mod one_time_password;
pub mod published_lists;
pub mod renew;
pub mod revocation_lists;
pub mod rollover;
