//! What the `tbpki` binary does, as a library, so that documentation and completions are made from the same
//! definition of the command line.

pub mod args;
mod ask;
mod context;
pub mod environment;
pub mod exit;
mod log;
pub mod output;
pub mod schema;
mod verb;

use clap::Parser;
use clap::error::ErrorKind;
use pki::Result;

use args::{Cli, ConfigVerb, Verb};
use context::Context;
use exit::Exit;

/// Runs the command line of this process.
pub fn run() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    log::start(&cli.global);
    let mut context = Context::new(cli.global, cli.verb.name());
    match dispatch(cli.verb, &mut context) {
        Ok(exit) => exit,
        Err(error) => {
            let exit = Exit::from(&error);
            context.output.error(error);
            exit
        }
    }
}

fn dispatch(verb: Verb, context: &mut Context) -> Result<Exit> {
    match verb {
        Verb::Init(args) => verb::init::run(&args, context),
        Verb::Server(args) => verb::server::run(&args, context),
        Verb::Client(args) => verb::client::run(&args, context),
        Verb::BundleFirmware(args) => verb::bundle_firmware::run(&args, context),
        Verb::Flash(args) => verb::flash::run(&args, context),
        Verb::Trust(args) => verb::trust::run(&args, context),
        Verb::Inspect(args) => verb::inspect::run(&args, context),
        Verb::Verify(args) => verb::verify::run(&args, context),
        Verb::List(args) => verb::list::run(&args, context),
        Verb::Config(ConfigVerb::Show { origin }) => verb::config::show(origin, context),
        Verb::Explain(args) => verb::explain::run(&args, context),
        Verb::Completions { shell } => verb::completions::run(shell, context),
    }
}

/// Help and version are results; everything else is a wrong command line.
fn usage(error: &clap::Error) -> Exit {
    // Nobody is left to tell when the terminal is gone.
    drop(error.print());
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Done,
        _ => Exit::Usage,
    }
}
