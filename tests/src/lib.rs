//! What the end-to-end tests share: the built binary in a sandbox, a real broker, other people's programs that read
//! what tbpki writes, and clients that log in with it.
//!
//! Nothing here is skipped when a program is missing. A test that needs `certtool` fails without it, and reports that
//! `cargo xtask setup` brings it.

pub mod binary;
pub mod browser;
pub mod clock;
pub mod console;
pub mod disk;
pub mod kill;
pub mod leftovers;
mod readers;
pub mod sandbox;
mod servers;
pub mod snapshot;
pub mod tool;

pub use clients::{crowd, est};
pub use clock::Clock;
pub use disk::Disk;
pub use readers::{certificates, clients, exceptions, foreign, forge, ledger_file, oracle, own_ca, pkilint};
pub use sandbox::Sandbox;
pub use servers::mosquitto::{Listener, Mosquitto};
pub use servers::scene::Scene;
pub use servers::softhsm::SoftHsm;
pub use servers::tpm::Tpm;
pub use servers::{mosquitto, mqtt, platform, softhsm, thingsboard, wire};
pub use snapshot::Snapshot;
pub use tool::{Outcome, Tool};
