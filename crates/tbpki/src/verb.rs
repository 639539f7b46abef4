//! The verbs. Each module turns arguments into a call of a library, and its result into a report.

pub(crate) mod about;
pub(crate) mod bundle_firmware;
pub(crate) mod ca;
pub(crate) mod config;
pub(crate) mod each_device;
pub(crate) mod flash;
pub(crate) mod fleet;
pub(crate) mod identity;
mod imported_secrets;
pub(crate) mod init;
pub(crate) mod lifecycle;
pub(crate) mod look;
mod passphrase;
pub(crate) mod platform;
pub(crate) mod store;
