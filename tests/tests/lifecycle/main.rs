//! Renewal and revocation: the verbs, and what other programs make of their results.

mod broker;
mod crl;
mod lists;
mod renew;
mod revoke;
mod rollover;
mod scene;
