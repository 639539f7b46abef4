//! One identity's life: the CAs that `init` makes, the identities of servers and devices, and the files that they get.
//!
//! [`server`] and [`device`] turn a [`request`] and a configuration into a plan; `make` and `walk` carry it out, alike for
//! both; `delivery` writes the [`files`]. [`kit`] exports what another station needs to issue devices.

pub mod broker;
mod delivery;
pub mod device;
pub mod files;
pub mod init;
pub mod kit;
pub mod life;
mod make;
pub mod parameters;
pub mod profile_ca;
pub mod report;
pub mod request;
pub mod server;
pub mod thingsboard;
mod walk;

pub use server::host;
