//! The verbs. Each module turns arguments into a call of a library, and its result into a report.

pub(crate) mod actorcloud;
pub(crate) mod bundle_firmware;
pub(crate) mod ca;
pub(crate) mod check;
pub(crate) mod client;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod explain;
pub(crate) mod flash;
pub(crate) mod fleet;
mod identity_report;
pub(crate) mod init;
pub(crate) mod inspect;
pub(crate) mod list;
mod passphrase;
mod platform;
pub(crate) mod profile;
pub(crate) mod register;
pub(crate) mod report;
pub(crate) mod server;
pub(crate) mod token;
pub(crate) mod trust;
pub(crate) mod unregister;
pub(crate) mod verify;
