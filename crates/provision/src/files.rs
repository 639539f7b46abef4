//! The files of a login and of a ThingsBoard server, as the programs that use them read them.

pub mod login;
mod shell;
pub mod thingsboard;

pub use login::LoginFiles;
