//! Platforms, and the check over the wire.

pub mod probe;
pub mod target;

pub use probe::Probe;
pub use target::Target;
