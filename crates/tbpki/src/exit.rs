//! The exit status: one documented type, and one function that maps errors to it.

use base::code::Class;

/// The exit status of every verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, or nothing was left to do.
    Done = 0,
    /// The input or the environment is wrong.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// A check found a fault.
    FaultFound = 3,
    /// Partly done; the same command does the rest.
    Partly = 4,
    /// A bug in tbpki.
    Bug = 70,
    /// `needs-renewal`: no renewal is needed (status 1, as with step and thin-edge.io).
    NotNeeded = 101,
    /// `needs-renewal`: there is no such certificate (status 2).
    NoSuchCertificate = 102,
    /// `needs-renewal`: an error of any kind.
    ConditionFailed = 255,
}

impl Exit {
    /// The status of `needs-renewal`: every error is 255.
    pub(crate) const fn of_condition(self) -> Self {
        match self {
            Exit::Done | Exit::NotNeeded | Exit::NoSuchCertificate => self,
            _ => Exit::ConditionFailed,
        }
    }
}

impl From<&base::Error> for Exit {
    fn from(error: &base::Error) -> Self {
        match error.class() {
            Class::Usage => Exit::Usage,
            Class::User => Exit::Failed,
            Class::Bug => Exit::Bug,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        std::process::ExitCode::from(match exit {
            // The same statuses as of an error and of a usage error: only the type keeps them apart until here.
            Exit::NotNeeded => 1,
            Exit::NoSuchCertificate => 2,
            other => other as u8,
        })
    }
}
