//! The `tbpki` binary as a library, so that documentation and completions are generated from the same definition of
//! the command line.

pub mod args;
pub mod completion;
mod context;
pub mod environment;
pub mod exit;
mod hardening;
mod log;
pub mod output;
mod panic;
mod progress;
mod prompt;
pub mod schema;
mod signals;
mod usage;
mod verb;

use std::ffi::OsString;

use base::{Code, Result};
use clap::FromArgMatches;

use args::{
    ActorCloudVerb, CaVerb, Cli, ConfigVerb, EnrollVerb, FleetJobsArgs, FleetVerb, LedgerVerb, ProfileVerb, StoreVerb,
    Verb,
};
use context::Context;
use exit::Exit;
use usage::stdin::StdinOptions;
use usage::utf8::Utf8Check;

/// Runs the command line of this process.
pub fn run() -> Exit {
    let exit = panic::caught(run_command);
    // systemd takes every status from 1 to 254 of a condition as "not needed", and only 255 as a failure.
    // From the raw arguments, because a usage error has no verb, and systemd must not take it for "not needed".
    let is_condition = std::env::args_os().any(|arg| arg == "needs-renewal");
    if is_condition { exit.of_condition() } else { exit }
}

fn run_command() -> Exit {
    // Before any secret is read.
    hardening::start();
    let args: Vec<OsString> = std::env::args_os().collect();
    // The shell's completer calls the program at every Tab, with words that need not parse.
    match completion::respond(<Cli as clap::CommandFactory>::command, &args) {
        Ok(true) => return Exit::Done,
        Ok(false) => {}
        Err(error) => {
            output::print_error(&error);
            return Exit::from(&error);
        }
    }
    let (cli, stdin, utf8) = match parse(&args) {
        Ok(parsed) => parsed,
        Err(error) => return usage::reject(&error, &args),
    };
    log::start(&cli.global, matches!(cli.verb, Verb::Serve(_)));
    let mut context = Context::new(cli.global, cli.verb.name());
    // Asked now, because the verb consumes its arguments.
    let changes = cli.verb.changes();
    match utf8.check().and_then(|()| stdin.check()).and_then(|()| dispatch(cli.verb, &mut context)) {
        Ok(exit) => exit,
        Err(error) => {
            let exit = match error.code() {
                // The result is printed last: by then the verb has done its work.
                Code::OutputUnwritable if changes => Exit::Partly,
                _ => Exit::from(&error),
            };
            context.output.error(error);
            exit
        }
    }
}

/// Parses the command line as `Cli::try_parse_from` does, with the help in groups.
fn parse(args: &[OsString]) -> clap::error::Result<(Cli, StdinOptions, Utf8Check)> {
    let mut matches = args::manual::help::command().try_get_matches_from(args)?;
    // Before the values are taken out of it.
    let (stdin, utf8) = (StdinOptions::of(&matches), Utf8Check::of(&matches));
    let cli =
        Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut args::manual::help::command()))?;
    Ok((cli, stdin, utf8))
}

fn dispatch(verb: Verb, context: &mut Context) -> Result<Exit> {
    match verb {
        Verb::Init(args) => verb::init::run(&args, context),
        Verb::Server(args) => verb::identity::server::run(&args, context),
        Verb::Client(args) => verb::identity::client::run(&args, context),
        Verb::Register(args) => verb::platform::register::run(&args, context),
        Verb::Unregister(args) => verb::platform::unregister::run(&args, context),
        Verb::Renew(args) => verb::lifecycle::renew::run(&args, context),
        Verb::NeedsRenewal(args) => verb::lifecycle::needs_renewal::run(&args, context),
        Verb::Revoke(args) => verb::lifecycle::revoke::run(&args, context),
        Verb::Crl(args) => verb::lifecycle::crl::run(&args, context),
        Verb::Serve(args) => verb::lifecycle::serve::run(&args, context),
        Verb::Enroll(verb) => match verb.into_inner() {
            EnrollVerb::Password(args) => verb::lifecycle::enroll_password::run(&args, context),
            EnrollVerb::List(args) => verb::lifecycle::enroll_requests::list(&args, context),
            EnrollVerb::Approve(args) => verb::lifecycle::enroll_requests::approve(&args, context),
            EnrollVerb::Deny(args) => verb::lifecycle::enroll_requests::deny(&args, context),
            EnrollVerb::Fetch(args) => verb::lifecycle::host::fetch(&args, context),
        },
        Verb::Forget(args) => verb::lifecycle::forget::run(&args, context),
        Verb::Import(args) => verb::lifecycle::import::run(&args, context),
        Verb::Ledger(verb) => match verb.into_inner() {
            LedgerVerb::Move(args) => verb::store::ledger_move::run(&args, context),
            LedgerVerb::Platform(args) => verb::store::ledger_platform::run(&args, context),
        },
        Verb::Store(verb) => match verb.into_inner() {
            StoreVerb::Check(args) => verb::store::check::run(&args, context),
            StoreVerb::Backup(args) => verb::store::backup::run(&args, context),
            StoreVerb::Restore(args) => verb::store::restore::run(&args, context),
            StoreVerb::Repair(args) => verb::store::repair::run(&args, context),
        },
        Verb::Token(args) => verb::platform::token::run(&args, context),
        Verb::Profile(verb) => match verb.into_inner() {
            ProfileVerb::Create(args) => verb::platform::profile::create(&args, context),
            ProfileVerb::Show(args) => verb::platform::profile::show(&args, context),
        },
        Verb::Ca(verb) => match verb.into_inner() {
            CaVerb::Export(args) => verb::ca::export(&args, context),
            CaVerb::List => verb::ca::rollover::list(context),
            CaVerb::Prepare(args) => verb::ca::rollover::prepare_ca(&args, context),
            CaVerb::Confirm(args) => verb::ca::rollover::confirm_ca(args, context),
            CaVerb::Activate(args) => verb::ca::rollover::activate_ca(&args, context),
            CaVerb::Retire(args) => verb::ca::rollover::retire_ca(&args, context),
            CaVerb::Passphrase(args) => verb::ca::passphrase::run(&args, context),
        },
        Verb::ActorCloud(verb) => match verb.into_inner() {
            ActorCloudVerb::Cert(verb) => verb::platform::actorcloud::run(&verb, context),
        },
        Verb::BundleFirmware(args) => verb::bundle_firmware::run(&args, context),
        Verb::Flash(args) => verb::flash::run(&args, context),
        Verb::Fleet(verb) => match verb.into_inner() {
            FleetVerb::Issue(args) => verb::fleet::issue::run(&args, context),
            FleetVerb::Register(args) => verb::fleet::register::run(&args, context),
            FleetVerb::Bundle(args) => verb::fleet::bundle::run(&args, context),
            FleetVerb::Run(args) => verb::fleet::run::run(&args, context),
            FleetVerb::Renew(args) => verb::fleet::renew::run(&args, context),
            FleetVerb::Jobs(FleetJobsArgs {}) => verb::fleet::jobs::list(context),
            FleetVerb::Cancel(args) => verb::fleet::jobs::cancel(&args, context),
            FleetVerb::Adopt(args) => verb::fleet::adopt::run(&args, context),
        },
        Verb::Trust(args) => verb::look::trust::run(&args, context),
        Verb::Inspect(args) => verb::look::inspect::run(&args, context),
        Verb::Verify(args) => verb::look::verify::run(&args, context),
        Verb::Check(args) => verb::look::check::run(&args, context),
        Verb::List(args) => verb::look::list::run(&args, context),
        Verb::Report(args) => verb::look::report::run(&args, context),
        Verb::Config(verb) => match *verb {
            ConfigVerb::Show { origin } => verb::config::show(origin, context),
        },
        Verb::Explain(args) => verb::about::explain::run(&args, context),
        Verb::Completions(args) => verb::about::completions::run(&args, context),
        Verb::Man(args) => verb::about::man::run(&args, context),
    }
}
