//! Rust's libraries for the RISC-V chips, which the stable compiler supports.

use std::path::Path;

use crate::error::Result;
use crate::run::run;

const TARGETS: &[&str] = &["riscv32imac-unknown-none-elf", "riscv32imc-unknown-none-elf"];

/// Installs those that are missing.
pub(crate) fn install() -> Result<()> {
    for triple in TARGETS {
        let libraries = run("rustc").args(["--print", "target-libdir", "--target", triple]).silent().read()?;
        if !Path::new(libraries.trim()).is_dir() {
            run("rustup").args(["target", "add", triple]).read()?;
        }
    }
    Ok(())
}
