//! The walk from a configuration to identities in their places: config, issuer, identity, sinks.
//!
//! One device is a fleet of one. What is common to servers and devices is in `make` and `walk`; what they are
//! asked for in [`server`] and [`device`]; what they write in `server_files` and `device_files`.

pub mod actorcloud;
pub mod brought_ca;
pub mod bundle;
pub mod csv;
mod delivery;
pub mod device;
mod device_files;
pub mod devices_key;
mod hierarchy;
pub mod host;
mod identity_files;
pub mod init;
mod keystore_file;
pub mod kit;
pub mod look;
mod make;
pub mod mass;
mod name_pattern;
pub mod names;
mod output_file;
pub mod overview;
pub mod platform;
pub mod profile;
mod profile_ca;
pub mod register;
pub mod report;
pub mod request;
mod root_out;
pub mod selection;
pub mod server;
mod server_files;
mod server_settings;
pub mod thingsboard;
pub mod token;
pub mod unfinished;
pub mod unregister;
mod walk;
