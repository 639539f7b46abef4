//! Secrets, file modes, and directories of other users.

mod foreign_owner;
mod secrets;
mod umask;
