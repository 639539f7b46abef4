//! The binary `tbpki`.

use std::process::ExitCode;

fn main() -> ExitCode {
    tbpki::run().into()
}
