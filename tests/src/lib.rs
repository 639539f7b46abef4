//! What the end-to-end tests share: the built binary in a sandbox, a real broker, other people's programs that read
//! what tbpki writes, and clients that log in with it.
//!
//! Nothing here is skipped when a program is missing. A test that needs `certtool` fails without it, and reports that
//! `cargo xtask setup` brings it.

pub mod binary;
pub mod browser;
pub mod certificates;
pub mod clients;
pub mod console;
pub mod disk;
pub mod exceptions;
pub mod foreign;
pub mod forge;
pub mod kill;
pub mod leftovers;
pub mod mosquitto;
pub mod mqtt;
pub mod oracle;
pub mod own_ca;
pub mod pkilint;
pub mod platform;
pub mod sandbox;
pub mod snapshot;
pub mod softhsm;
pub mod thingsboard;
pub mod tool;
pub mod wire;

pub use disk::Disk;
pub use mosquitto::{Listener, Mosquitto};
pub use sandbox::Sandbox;
pub use snapshot::Snapshot;
pub use softhsm::SoftHsm;
pub use tool::{Outcome, Tool};
