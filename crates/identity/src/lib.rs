//! One identity's life: the CAs that `init` makes, the identities of servers and devices, and the files that they get.
//!
//! [`server`] and [`device`] turn a [`request`] and a configuration into a plan; `issue_request` and `issuance` carry it out, alike for
//! both; `delivery` writes the [`files`]. [`station_bundle`] exports what another station needs to issue devices.

pub mod broker;
mod delivery;
pub mod device;
pub mod files;
pub mod init;
mod issuance;
mod issue_request;
pub mod lifecycle;
pub mod parameters;
pub mod profile_ca;
pub mod report;
pub mod request;
pub mod server;
pub mod station_bundle;
pub mod thingsboard;

pub use issue_request::key_in_use;
pub use server::host;
