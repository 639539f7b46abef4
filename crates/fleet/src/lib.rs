//! The walk from a configuration to identities in their places: config, issuer, identity, sinks.
//!
//! One device is a fleet of one. What is common to servers and devices is in `make` and `walk`; what they are
//! asked for in [`server`] and [`device`]; what they write in `server_files` and `device_files`.

pub mod brought_ca;
pub mod bundle;
pub mod ca;
pub mod device;
mod device_files;
pub mod host;
mod identity_files;
pub mod init;
mod keystore_file;
mod make;
mod output_file;
pub mod report;
pub mod request;
pub mod secrets;
pub mod server;
mod server_files;
pub mod station;
pub mod store;
pub mod thingsboard;
mod walk;
