//! Command lines that clap refuses.

use std::ffi::{OsStr, OsString};

use base::{Code, Error};
use clap::error::ErrorKind;
use clap::{Command, CommandFactory};

use crate::args::Cli;
use crate::exit::Exit;
use crate::output;

/// Global options that take a value, which is no verb.
const WITH_VALUE: [&str; 2] = ["--config", "--color"];

/// Prints what clap has to say: to people as clap says it, and with `--json` to programs in the envelope of every
/// other error. Help and version are results.
pub(crate) fn refuse(error: &clap::Error, args: &[OsString]) -> Exit {
    // Nobody is left to tell when the terminal is gone.
    drop(error.print());
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return Exit::Done;
    }
    if options(args).any(|arg| arg == "--json") {
        output::print_usage_error(&verb(args), explained(error));
    }
    Exit::Usage
}

/// Everything that may be an option: what stands behind `--` is none.
fn options(args: &[OsString]) -> impl Iterator<Item = &OsStr> {
    args.iter().skip(1).map(OsString::as_os_str).take_while(|arg| *arg != "--")
}

/// The verb as far as there is one, else the program.
fn verb(args: &[OsString]) -> String {
    let mut is_value = false;
    let mut words = options(args).filter(|arg| {
        let is_word = !is_value && !arg.as_encoded_bytes().starts_with(b"-");
        is_value = WITH_VALUE.iter().any(|option| arg == option);
        is_word
    });
    let command = Cli::command();
    let found = words.next().and_then(|word| command.find_subcommand(word));
    let inner = found.and_then(|found| words.next().and_then(|word| found.find_subcommand(word)));
    let names: Vec<&str> = found.into_iter().chain(inner).map(Command::get_name).collect();
    if names.is_empty() { command.get_name().to_owned() } else { names.join(" ") }
}

/// clap's text, taken apart: what is wrong first, tips behind it, then usage.
fn explained(error: &clap::Error) -> Error {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return Code::Usage.error("a verb is missing").fix("`tbpki help` lists the verbs");
    }
    let text = error.render().to_string();
    let mut paragraphs = text.split("\n\n").map(|paragraph| {
        paragraph.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
    });
    let what = paragraphs.next().unwrap_or_default();
    let said = Code::Usage.error(what.strip_prefix("error: ").unwrap_or(&what));
    match paragraphs.find_map(|paragraph| paragraph.strip_prefix("tip: ").map(str::to_owned)) {
        Some(tip) => said.fix(tip),
        None => said.fix("`tbpki help VERB` lists what each verb takes"),
    }
}

#[cfg(test)]
mod tests {
    use clap::{Arg, Parser};

    use super::*;

    fn args(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn the_verb_is_found_among_options() {
        for (line, name) in [
            ("tbpki client --devise pump-1", "client"),
            ("tbpki --config client --color never server --san", "server"),
            ("tbpki -v config show --orign", "config show"),
            ("tbpki config", "config"),
            ("tbpki clint client", "tbpki"),
            ("tbpki -- client", "tbpki"),
            ("tbpki", "tbpki"),
        ] {
            assert_eq!(verb(&args(line)), name, "{line}");
        }
    }

    #[test]
    fn what_is_wrong_and_what_to_do_are_told_apart() {
        let error = Cli::try_parse_from(args("tbpki client --devise pump-1")).unwrap_err();
        let finding = explained(&error).into_finding();
        assert_eq!(finding.what, "unexpected argument '--devise' found");
        assert!(finding.fix.unwrap().contains("'--device'"));
        let error = Cli::try_parse_from(args("tbpki client")).unwrap_err();
        let finding = explained(&error).into_finding();
        assert_eq!(finding.what, "the following required arguments were not provided: --device <NAME>");
    }

    /// Every option of every verb that takes a value, with the verb in front of it.
    fn options_with_value(command: &Command, path: &[String]) -> Vec<(Vec<String>, String)> {
        let takes_value = |arg: &&Arg| arg.get_long().is_some() && arg.get_action().takes_values();
        let own = command.get_arguments().filter(takes_value).filter_map(Arg::get_long);
        let mut found: Vec<_> = own.map(|long| (path.to_vec(), format!("--{long}"))).collect();
        for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
            let path: Vec<String> = path.iter().cloned().chain([inner.get_name().to_owned()]).collect();
            found.extend(options_with_value(inner, &path));
        }
        found
    }

    #[test]
    fn an_empty_value_is_refused_by_every_option() {
        let mut command = Cli::command();
        command.build();
        let options = options_with_value(&command, &["tbpki".to_owned()]);
        assert!(options.len() > 50, "{options:?}");
        for (path, option) in options {
            let line = path.iter().chain([&option]).map(String::as_str).chain([""]);
            let said = Cli::try_parse_from(line).unwrap_err().to_string();
            assert!(said.contains(&option), "{path:?} {option}: {said}");
        }
    }
}
