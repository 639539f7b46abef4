//! The command line: completion, lists, messages, JSON output and the parts of an installation.

mod completion;
mod installed;
mod listing;
mod messages;
mod schemas;
mod verify;
