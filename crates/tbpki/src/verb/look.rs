//! The verbs that only read: files, the store, servers.

pub(crate) mod check;
pub(crate) mod inspect;
mod keystore_password;
pub(crate) mod list;
pub(crate) mod report;
pub(crate) mod trust;
pub(crate) mod verify;
