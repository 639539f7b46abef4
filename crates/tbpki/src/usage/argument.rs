//! An argument that clap has parsed, and its name in messages.

use clap::ArgMatches;

use crate::args::manual::help;

/// An argument of a verb.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Argument {
    /// The verbs that lead to it, without the name of the program.
    verbs: Vec<String>,
    /// The identifier that clap knows it by.
    pub(super) id: String,
}

impl Argument {
    /// The arguments of a command line, with the matches in which their values are.
    pub(super) fn all(matches: &ArgMatches) -> Vec<(Self, &ArgMatches)> {
        let (mut matches, mut verbs, mut found) = (matches, Vec::new(), Vec::new());
        loop {
            let ids = matches.ids().map(clap::Id::as_str);
            found.extend(ids.map(|id| (Self { verbs: verbs.clone(), id: id.to_owned() }, matches)));
            let Some((verb, inner)) = matches.subcommand() else { return found };
            verbs.push(verb.to_owned());
            matches = inner;
        }
    }

    /// Its name for a user: `--out`, or `<FILE>` for one without a flag.
    pub(super) fn name(&self) -> String {
        let mut command = help::command();
        command.build();
        let inner = self.verbs.iter().try_fold(&command, |command, verb| command.find_subcommand(verb));
        let argument = inner.unwrap_or(&command).get_arguments().find(|argument| argument.get_id() == self.id.as_str());
        let Some(argument) = argument else { return self.id.clone() };
        match argument.get_long() {
            Some(long) => format!("--{long}"),
            None => {
                let values = argument.get_value_names().into_iter().flatten().next();
                format!("<{}>", values.map_or(self.id.as_str(), |name| name.as_str()))
            }
        }
    }
}
