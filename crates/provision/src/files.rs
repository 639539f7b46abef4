//! The files of a login and of a ThingsBoard server, as the programs that use them read them.

pub mod login;
mod login_key;
mod shell;
pub mod thingsboard;
mod token_signer;

pub use login::LoginFiles;
pub use login_key::LoginKey;
pub use token_signer::TokenSigner;
