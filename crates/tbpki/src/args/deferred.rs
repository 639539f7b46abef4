//! The arguments of a verb, which are defined only when the verb is used.
//!
//! All verbs together have some 400 arguments, and each call needs those of one verb: to define all of them takes longer
//! than to issue a certificate.

use std::ops::Deref;

use clap::builder::Resettable;
use clap::error::Result;
use clap::{ArgMatches, Args, Command, FromArgMatches, Id, Subcommand};

/// The arguments of a verb, or the verbs below it. [`Command::build`] defines those of every verb.
#[derive(Debug)]
pub struct Deferred<T>(Box<T>);

impl<T> Deferred<T> {
    /// What was parsed.
    pub fn into_inner(self) -> T {
        *self.0
    }
}

impl<T> Deref for Deferred<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

// clap's attribute `defer` is not used, because then the verb's texts are replaced by those of the type of its arguments.
impl<T: Args> Args for Deferred<T> {
    fn augment_args(command: Command) -> Command {
        command.defer(|verb| define_as(verb, T::augment_args))
    }

    fn augment_args_for_update(command: Command) -> Command {
        command.defer(|verb| define_as(verb, T::augment_args_for_update))
    }
}

impl<T: Subcommand> Subcommand for Deferred<T> {
    fn augment_subcommands(command: Command) -> Command {
        command.defer(|verb| define_as(verb, T::augment_subcommands))
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        command.defer(|verb| define_as(verb, T::augment_subcommands_for_update))
    }

    fn has_subcommand(name: &str) -> bool {
        T::has_subcommand(name)
    }
}

/// Defines the rest of a verb, and keeps its texts.
fn define_as(verb: Command, define: fn(Command) -> Command) -> Command {
    let (about, long_about) = (verb.get_about().cloned(), verb.get_long_about().cloned());
    // clap has already given the verb the global options. Changing an option puts it behind all others, and the help
    // shows the headings in that order.
    let global: Vec<Id> = verb.get_arguments().map(|arg| arg.get_id().clone()).collect();
    let verb = define(verb).about(Resettable::from(about)).long_about(Resettable::from(long_about));
    global.into_iter().fold(verb, |verb, id| verb.mut_arg(id, |arg| arg))
}

impl<T: FromArgMatches> FromArgMatches for Deferred<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self> {
        T::from_arg_matches(matches).map(|parsed| Self(Box::new(parsed)))
    }

    fn from_arg_matches_mut(matches: &mut ArgMatches) -> Result<Self> {
        T::from_arg_matches_mut(matches).map(|parsed| Self(Box::new(parsed)))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<()> {
        self.0.update_from_arg_matches(matches)
    }
}
