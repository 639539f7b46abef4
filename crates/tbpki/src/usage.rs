//! Command lines that clap rejects.

mod argument;
pub(crate) mod stdin;
pub(crate) mod utf8;

use std::error::Error as _;
use std::ffi::{OsStr, OsString};
use std::io::Write;

use base::text::device_words;
use base::{Code, Error};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, CommandFactory};

use crate::args::Cli;
use crate::exit::Exit;
use crate::output;
use crate::schema::VERSION;
use crate::verb::about::version;

/// Global options that take a value; the word behind them is not a verb.
const WITH_VALUE: [&str; 2] = ["--config", "--color"];

/// Prints the error like those of the verbs, with the usage that clap has for it. Help and version are results.
pub(crate) fn reject(error: &clap::Error, args: &[OsString]) -> Exit {
    match error.kind() {
        ErrorKind::DisplayVersion if has_json(args) => return version(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => return displayed(error),
        _ => {}
    }
    // Only for errors: the advice in it defines the arguments of all verbs, which takes longer than to print the version.
    let finding = explained(error, args);
    match error.kind() {
        // The whole help, because a person who calls `tbpki` alone wants to know the verbs. The status is that of an
        // error.
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => drop(error.print()),
        _ => output::print_usage_error(&finding, &usage(error)),
    }
    if has_json(args) {
        output::print_error_envelope(&verb(args), finding);
    }
    Exit::Usage
}

/// Prints a help or the version. A reader that has closed the output wants no more of it; a full disk is an error.
fn displayed(error: &clap::Error) -> Exit {
    let printed = error.print().and_then(|()| std::io::stdout().flush());
    match printed.or_else(output::stdout_fault) {
        Ok(()) => Exit::Done,
        Err(error) => {
            output::print_error(&error);
            Exit::from(&error)
        }
    }
}

/// Prints the report about this program.
fn version() -> Exit {
    match output::print_report(VERSION, version::report()) {
        Ok(()) => Exit::Done,
        Err(error) => {
            output::print_error(&error);
            Exit::from(&error)
        }
    }
}

fn has_json(args: &[OsString]) -> bool {
    // clap's result does not exist where parsing failed, so the raw words decide.
    options(args).any(|arg| arg == "--json")
}

/// The arguments that can be options: those before `--`.
fn options(args: &[OsString]) -> impl Iterator<Item = &OsStr> {
    // Words behind `--` are values, whatever they look like.
    args.iter().skip(1).map(OsString::as_os_str).take_while(|arg| *arg != "--")
}

/// The verb, or the name of the program if the command line has none.
fn verb(args: &[OsString]) -> String {
    let mut is_value = false;
    let mut words = options(args).filter(|arg| {
        let is_word = !is_value && !arg.as_encoded_bytes().starts_with(b"-");
        // The value of a global option is not the verb, as in `tbpki --config other.toml list`.
        is_value = WITH_VALUE.iter().any(|option| arg == option);
        is_word
    });
    let mut command = Cli::command();
    // The verbs below a verb are not defined before.
    command.build();
    // `tbpki help fleet x` is about the verb behind `help`.
    let first = words.next().and_then(|word| if word == "help" { words.next() } else { Some(word) });
    let found = first.and_then(|word| command.find_subcommand(word));
    let inner = found.and_then(|found| words.next().and_then(|word| found.find_subcommand(word)));
    let names: Vec<&str> = found.into_iter().chain(inner).map(Command::get_name).collect();
    if names.is_empty() { command.get_name().to_owned() } else { names.join(" ") }
}

/// The line that follows the error.
fn usage(error: &clap::Error) -> String {
    match list(error, ContextKind::Usage).as_slice() {
        [] => "For more information, try '--help'.".to_owned(),
        usage => usage.join("\n"),
    }
}

/// The error of one of our own value parsers.
fn source(error: &clap::Error) -> Option<&Error> {
    error.source().and_then(|source| source.downcast_ref())
}

/// The error as a finding, from the context that clap keeps with it.
fn explained(error: &clap::Error, args: &[OsString]) -> Error {
    let argument = || list(error, ContextKind::InvalidArg).join(" ");
    let value = || list(error, ContextKind::InvalidValue).join(" ");
    // A value type of ours refused the text; its finding has a code and a hint, which clap's text lacks.
    if let Some(source) = source(error) {
        return Error::new(source.finding().clone()).argument(flag(&argument()));
    }
    if let Some(error) = renaming(error, args) {
        return error;
    }
    let what = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            return Code::Usage.error("no verb given").fix("`tbpki help` lists the verbs");
        }
        ErrorKind::InvalidSubcommand => {
            format!("unrecognized verb '{}'", list(error, ContextKind::InvalidSubcommand).join(" "))
        }
        ErrorKind::UnknownArgument => format!("unexpected argument '{}'", argument()),
        ErrorKind::MissingRequiredArgument => format!("missing required arguments: {}", argument()),
        ErrorKind::InvalidValue | ErrorKind::NoEquals if value().is_empty() => {
            format!("'{}' requires a value", argument())
        }
        ErrorKind::ValueValidation => {
            let reason = error.source().map(|source| format!(": {source}")).unwrap_or_default();
            format!("invalid value '{}' for '{}'{reason}", value(), argument())
        }
        ErrorKind::InvalidValue | ErrorKind::TooManyValues => {
            format!("invalid value '{}' for '{}'", value(), argument())
        }
        ErrorKind::ArgumentConflict => match list(error, ContextKind::PriorArg) {
            // clap reports a repeated option as a conflict of the option with itself.
            prior if prior == list(error, ContextKind::InvalidArg) => {
                format!("'{}' cannot be used more than once", argument())
            }
            prior => format!("'{}' cannot be used with {}", argument(), prior.join(", ")),
        },
        kind => format!("{} {}", kind.as_str().unwrap_or("invalid command line"), argument()).trim().to_owned(),
    };
    Code::Usage.error(what).fix(advice(error, args))
}

/// The error about an attempt to rename a device or server, for which there is no verb; `None` for another error.
fn renaming(error: &clap::Error, args: &[OsString]) -> Option<Error> {
    let is_verb = error.kind() == ErrorKind::InvalidSubcommand
        && list(error, ContextKind::InvalidSubcommand) == ["rename"]
        && verb(args) == "tbpki";
    let is_option = error.kind() == ErrorKind::UnknownArgument
        && list(error, ContextKind::InvalidArg).iter().any(|argument| flag(argument) == "--rename");
    if !is_verb && !is_option {
        return None;
    }
    // Two words behind the verb are the names; otherwise they can be anything.
    let words = args.iter().skip_while(|arg| *arg != "rename").skip(1).map(|word| word.to_str());
    let words: Vec<Option<&str>> = if is_verb { words.collect() } else { Vec::new() };
    let (old, new) = match words.as_slice() {
        [Some(old), Some(new)] if !old.starts_with('-') && !new.starts_with('-') => (*old, *new),
        _ => ("OLD", "NEW"),
    };
    let what = "the name of a device or server cannot be changed: it is in the certificate";
    Some(Code::Usage.error(what).fix(format!(
        "issue a certificate for the new name with `tbpki client {}`; once the device uses it, run `tbpki forget {}`",
        device_words(new),
        device_words(old)
    )))
}

/// The most specific advice that clap has.
fn advice(error: &clap::Error, args: &[OsString]) -> String {
    let nearest = [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg, ContextKind::SuggestedValue];
    // clap's lists end with the best match.
    let nearest: Vec<String> = nearest.into_iter().flat_map(|kind| list(error, kind).into_iter().rev()).collect();
    let valid = list(error, ContextKind::ValidValue);
    let mut advice = Vec::new();
    if !nearest.is_empty() {
        advice.push(format!("did you mean {}?", nearest.join(" or ")));
    }
    if !valid.is_empty() {
        advice.push(format!("use one of {}", valid.join(", ")));
    }
    // clap's other suggestion is to pass an unknown option as a value, which is never meant here.
    match advice.is_empty() {
        true => match verb(args).as_str() {
            "tbpki" => "`tbpki help` lists the verbs".to_owned(),
            verb => format!("`tbpki help {verb}` lists its arguments"),
        },
        false => advice.join(" "),
    }
}

/// The texts that the error keeps under a kind of context.
fn list(error: &clap::Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(texts)) => texts.clone(),
        Some(ContextValue::StyledStr(text)) => vec![text.to_string()],
        Some(ContextValue::StyledStrs(texts)) => texts.iter().map(ToString::to_string).collect(),
        Some(ContextValue::Number(number)) => vec![number.to_string()],
        _ => Vec::new(),
    }
}

/// The flag of an argument that clap shows with its value: `--days` of `--days <N>`.
fn flag(argument: &str) -> &str {
    argument.split_once(' ').map_or(argument, |(flag, _)| flag)
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
    fn errors_name_the_argument_and_the_way_out() {
        for (line, what, fix) in [
            ("tbpki clint", "unrecognized verb 'clint'", "did you mean client or "),
            ("tbpki client --devise pump-1", "unexpected argument '--devise'", "did you mean --device?"),
            (
                "tbpki rename pump-1 pump-2",
                "the name of a device or server cannot be changed: it is in the certificate",
                "issue a certificate for the new name with `tbpki client pump-2`; once the device uses it, run `tbpki forget \
                 pump-1`",
            ),
            (
                "tbpki client pump-1 --rename pump-2",
                "the name of a device or server cannot be changed: it is in the certificate",
                "issue a certificate for the new name with `tbpki client NEW`",
            ),
            ("tbpki fleet rename", "unrecognized verb 'rename'", "did you mean "),
            ("tbpki client", "missing required arguments: <NAME|--device <NAME>...>", "`tbpki help client` lists"),
            ("tbpki client a --out b --out c", "'--out <DIR>' cannot be used more than once", "`tbpki help client`"),
            ("tbpki check --port 18883", "unexpected argument '--port'", "`tbpki help check` lists"),
            (
                "tbpki client --device a --csr b --self-signed",
                "'--csr <FILE>' cannot be used with --self-signed",
                "`tbpki help client`",
            ),
            (
                "tbpki trust tb.example --timeout 0",
                "invalid value '0' for '--timeout <N>': 0 is not in 1..=600",
                "`tbpki help trust`",
            ),
            (
                "tbpki server --service mqqt",
                "invalid value 'mqqt' for '--service <SERVICE>'",
                "did you mean mqtt? use one of mqtt, http, coap, lwm2m, edge",
            ),
        ] {
            let args = args(line);
            let finding = explained(&Cli::try_parse_from(&args).unwrap_err(), &args).into_finding();
            assert_eq!(finding.what, what, "{line}");
            assert!(finding.fix.as_ref().unwrap().starts_with(fix), "{line}: {:?}", finding.fix);
        }
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
    fn every_option_rejects_an_empty_value() {
        let mut command = Cli::command();
        command.build();
        let options = options_with_value(&command, &["tbpki".to_owned()]);
        assert!(options.len() > 50, "{options:?}");
        for (path, option) in options {
            let line = path.iter().chain([&option]).map(String::as_str).chain([""]);
            let message = Cli::try_parse_from(line).unwrap_err().to_string();
            assert!(message.contains(&option), "{path:?} {option}: {message}");
        }
    }
}
