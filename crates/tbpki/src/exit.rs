//! The exit status: one documented type, and one function that maps errors to it.

use base::code::Class;

/// The exit status of every verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, or everything was done already.
    Done = 0,
    /// The input or the environment is wrong; nothing was changed.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// A check found a fault.
    FaultFound = 3,
    /// Some of it is done; the same command does the rest.
    Partly = 4,
    /// A mistake in tbpki.
    Bug = 70,
}

impl From<&base::Error> for Exit {
    fn from(error: &base::Error) -> Self {
        let is_of_flag = error.finding().location.item.as_deref().is_some_and(|item| item.starts_with("--"));
        match error.code().class() {
            Class::Usage => Exit::Usage,
            // The value of a flag is part of the command line, whatever is wrong with it.
            Class::User if is_of_flag => Exit::Usage,
            Class::User => Exit::Failed,
            Class::Bug => Exit::Bug,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        std::process::ExitCode::from(exit as u8)
    }
}
