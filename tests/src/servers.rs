//! Servers and tokens that tbpki talks to, and the wire between them.

pub mod mosquitto;
pub mod mqtt;
pub mod platform;
pub(crate) mod scene;
pub mod softhsm;
pub mod thingsboard;
pub(crate) mod tpm;
pub mod wire;
