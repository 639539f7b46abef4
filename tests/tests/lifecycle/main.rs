//! Renewal and revocation: the verbs, and what other programs make of their results.

mod broker;
mod ca_passphrase;
mod clock;
mod crl;
mod crl_settings;
mod fleet;
mod hook;
mod import;
mod import_servers;
mod large_lists;
mod late_copies;
mod lists;
mod metrics;
mod profile_ca;
mod reflashed;
mod renew;
mod revoke;
mod rollover;
mod scene;
mod seen;
mod stolen_station;
mod swap;
mod units;
mod unregistered;
mod verifiers;
mod years;
