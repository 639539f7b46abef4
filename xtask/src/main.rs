//! Every chore of this workspace: `cargo xtask <verb>`.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a chore prints for the developer, and its files need neither modes nor atomic writes"
)]

mod bench;
mod demo;
mod dist;
mod error;
mod firmware;
mod fuzz;
mod generate;
mod interop;
mod metrics;
mod prose;
mod run;
mod setup;
mod source;
mod test;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Every chore of this workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Setup(setup::Setup),
    SetupXtensa(firmware::SetupXtensa),
    SetupDist(dist::SetupDist),
    Test(test::Test),
    Demo(demo::Demo),
    Interop(interop::Interop),
    Bench(bench::Bench),
    Firmware(firmware::Firmware),
    Dist(dist::Dist),
    TryDist(dist::TryDist),
    Fuzz(fuzz::Fuzz),
    Gen(generate::Gen),
    Metrics(metrics::Metrics),
    MinimalVersions(test::versions::MinimalVersions),
    Msrv(test::versions::Msrv),
    Pictures(demo::pictures::Pictures),
    Prose(prose::Prose),
}

fn main() -> ExitCode {
    let verb = Cli::parse().verb;
    // First of all, before any child is there that could be left behind.
    let done = run::interrupt::end_children_on_signal().and_then(|()| run(verb));
    // Before the error: what a killed child left behind is no message for a user who pressed Ctrl-C.
    run::interrupt::stop_here_if_interrupted();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(verb: Verb) -> error::Result<()> {
    match verb {
        Verb::Setup(verb) => verb.run(),
        Verb::SetupXtensa(verb) => verb.run(),
        Verb::SetupDist(verb) => verb.run(),
        Verb::Test(verb) => verb.run(),
        Verb::Demo(verb) => verb.run(),
        Verb::Interop(verb) => verb.run(),
        Verb::Bench(verb) => verb.run(),
        Verb::Firmware(verb) => verb.run(),
        Verb::Dist(verb) => verb.run(),
        Verb::TryDist(verb) => verb.run(),
        Verb::Fuzz(verb) => verb.run(),
        Verb::Gen(verb) => verb.run(),
        Verb::Metrics(verb) => verb.run(),
        Verb::MinimalVersions(verb) => verb.run(),
        Verb::Msrv(verb) => verb.run(),
        Verb::Pictures(verb) => verb.run(),
        Verb::Prose(verb) => verb.run(),
    }
}
