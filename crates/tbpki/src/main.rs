//! The binary `tbpki`.

use std::process::ExitCode;

/// The allocator of static programs. That of musl has one lock for all threads, which fleets and `serve` would wait for.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tbpki::run().into()
}
