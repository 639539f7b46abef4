//! The files of identities: their names, contents and modes.

pub mod device;
pub mod identity;
pub mod keystore;
pub(crate) mod kubernetes_secret;
pub mod output;
pub(crate) mod present_settings;
pub(crate) mod server;
pub(crate) mod settings;
pub mod table;
