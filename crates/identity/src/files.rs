//! The files of identities: their names, contents and modes.

pub mod device;
pub mod identity;
pub mod keystore;
pub mod output;
pub(crate) mod server;
pub(crate) mod settings;
pub mod table;
