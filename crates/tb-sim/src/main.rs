//! `tbpki-tb-sim`: a ThingsBoard to try things with.

use std::process::ExitCode;

mod cli;

fn main() -> ExitCode {
    match cli::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("tbpki-tb-sim: {error}");
            ExitCode::FAILURE
        }
    }
}
