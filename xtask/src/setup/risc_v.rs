//! Rust's libraries for the RISC-V chips, which the stable compiler supports.

use crate::error::Result;

use super::rust_target;

const TARGETS: &[&str] = &["riscv32imac-unknown-none-elf", "riscv32imc-unknown-none-elf"];

/// Installs those that are missing.
pub(crate) fn install() -> Result<()> {
    rust_target::install(TARGETS)
}

/// Those that are missing.
pub(crate) fn missing() -> Result<Vec<&'static str>> {
    rust_target::missing(TARGETS)
}
