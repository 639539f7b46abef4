//! Arguments that are not UTF-8.
//!
//! Names of files can be any bytes, but those in keygen.toml, in records of the store and in JSON are UTF-8. A path that is
//! written with other characters would be another path.

use std::path::Path;

use base::text::shell_path;
use base::{Code, Result};
use clap::ArgMatches;

use super::argument::Argument;
use crate::environment;

/// The first argument of a command line, or variable of clap's, that is not UTF-8, with its value as a word of a shell.
pub(crate) struct Utf8Check(Option<(Named, String)>);

/// The thing that has the value.
enum Named {
    Argument(Argument),
    Variable(&'static str),
}

impl Utf8Check {
    /// Looks through a command line that clap has parsed, and through the variables that it has read.
    pub(crate) fn of(matches: &ArgMatches) -> Self {
        let first = Argument::all(matches).into_iter().find_map(|(argument, matches)| {
            let values = matches.try_get_raw(&argument.id).ok().flatten();
            let other = values.into_iter().flatten().find(|value| value.to_str().is_none())?;
            Some((Named::Argument(argument), shell_path(Path::new(other))))
        });
        let variable = || {
            let path = environment::config().filter(|path| path.to_str().is_none())?;
            Some((Named::Variable(environment::CONFIG_VARIABLE), shell_path(&path)))
        };
        Self(first.or_else(variable))
    }

    /// Fails for a value that is not UTF-8.
    ///
    /// # Errors
    /// [`Code::Usage`].
    pub(crate) fn check(&self) -> Result<()> {
        let Some((named, value)) = &self.0 else { return Ok(()) };
        let name = match named {
            Named::Argument(argument) => argument.name(),
            Named::Variable(name) => (*name).to_owned(),
        };
        Err(Code::Usage
            .error(format!("{value} is not UTF-8"))
            .argument(name)
            .because("tbpki records and prints paths as UTF-8 text")
            .fix("rename the file or directory, or name a link to it whose path is UTF-8"))
    }
}
