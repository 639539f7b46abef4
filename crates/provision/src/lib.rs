//! Platforms, and the check over the wire.

pub mod anchor;
pub mod check;
mod connect;
mod ending;
mod fingerprint;
pub mod mqtt;
pub mod probe;
mod roots;
mod target;

pub use anchor::Anchor;
pub use fingerprint::Fingerprint;
pub use probe::Probe;
pub use roots::Roots;
pub use target::Target;
