//! Standard input, which one option of a command can read.

use std::ffi::OsStr;

use base::{Code, Result};
use clap::ArgMatches;
use clap::parser::ValueSource;

/// Arguments besides those that end with `_file` whose value `-` is standard input.
const READERS: [&str; 3] = ["from", "file", "files"];

/// The options of a command line that read standard input.
pub(crate) struct StdinOptions(Vec<String>);

impl StdinOptions {
    /// Those of a command line that clap has parsed.
    pub(crate) fn of(matches: &ArgMatches) -> Self {
        let mut matches = matches;
        let mut found = Vec::new();
        loop {
            for id in matches.ids().map(clap::Id::as_str) {
                let is_typed = matches.value_source(id) == Some(ValueSource::CommandLine);
                if is_typed && (id.ends_with("_file") || READERS.contains(&id)) {
                    found.extend(typed(matches, id).map(|()| format!("--{}", id.replace('_', "-"))));
                }
            }
            match matches.subcommand() {
                Some((_, verb)) => matches = verb,
                None => return Self(found),
            }
        }
    }

    /// Fails if more than one option reads standard input: the first would get what belongs to the others, and print a
    /// passphrase as a line that it does not understand.
    ///
    /// # Errors
    /// [`Code::Usage`].
    pub(crate) fn check(&self) -> Result<()> {
        let [first, second, ..] = self.0.as_slice() else { return Ok(()) };
        // The positional files of `inspect` have no dashes, and may be given twice.
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
