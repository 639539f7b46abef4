//! End to end: the built binary against real brokers, runtimes and tools.

pub mod kill;
