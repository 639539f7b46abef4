//! What the end-to-end tests share: the built binary in a sandbox, a real broker, other people's programs that read
//! what tbpki writes, and clients that log in with it.
//!
//! Nothing here is skipped when a program is missing. A test that needs `certtool` fails without it, and says that
//! `cargo xtask setup` brings it.

pub mod binary;
pub mod clients;
pub mod disk;
