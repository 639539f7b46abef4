//! Standard input, which one option of a command can read.

use std::ffi::OsStr;

use base::{Code, Result};
use clap::ArgMatches;
use clap::parser::ValueSource;

use super::argument::Argument;

/// Arguments besides those that end with `_file` whose value `-` is standard input.
const READERS: [&str; 3] = ["from", "file", "files"];

/// The options of a command line that read standard input.
pub(crate) struct StdinOptions(Vec<Argument>);

impl StdinOptions {
    /// Those of a command line that clap has parsed.
    pub(crate) fn of(matches: &ArgMatches) -> Self {
        let mut found = Vec::new();
        for (argument, matches) in Argument::all(matches) {
            let id = argument.id.as_str();
            let is_typed = matches.value_source(id) == Some(ValueSource::CommandLine);
            if is_typed && (id.ends_with("_file") || READERS.contains(&id)) {
                found.extend(typed(matches, id).map(|()| argument.clone()));
            }
        }
        Self(found)
    }

    /// Fails if more than one option reads standard input: the first would get what belongs to the others, and print a
    /// passphrase as a line that it does not understand.
    ///
    /// # Errors
    /// [`Code::Usage`].
    pub(crate) fn check(&self) -> Result<()> {
        let [first, second, ..] = self.0.as_slice() else { return Ok(()) };
        let (first, second) = (first.name(), second.name());
        // The positional files of `inspect` may be given twice.
        let what = if first == second {
            "standard input can be read once".to_owned()
        } else {
            format!("standard input can be read by one option, not by {first} and {second}")
        };
        Err(Code::Usage.error(what).argument(second).fix("name a file for all but one of them"))
    }
}

/// An item for each value of an argument that is `-`.
fn typed<'a>(matches: &'a ArgMatches, id: &str) -> impl Iterator<Item = ()> + use<'a> {
    let values = matches.try_get_raw(id).ok().flatten();
    values.into_iter().flatten().filter(|value| *value == OsStr::new("-")).map(drop)
}
