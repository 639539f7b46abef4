//! Enrolment: devices and hosts fetch and renew their certificates over the network.
//!
//! [`est`] contains the protocol (RFC 7030, RFC 8951) as functions of bytes: no network, no files and no ledger. [`serve`]
//! is the service, [`audit_line`] what it records of a request, [`password`] makes the one-time passwords that first requests
//! carry, and [`approval`] decides about requests that wait. [`client`] is the other end, for hosts without a store.

pub mod approval;
pub mod audit_line;
pub mod client;
pub mod est;
pub mod password;
pub mod serve;
