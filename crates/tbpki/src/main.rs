//! The command line of tbpki: arguments in, results out. Everything else is in the libraries.

use std::process::ExitCode;

fn main() -> ExitCode {
    tbpki::run().into()
}
