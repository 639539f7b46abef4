//! Keys that a token keeps to itself, reached through PKCS#11 (version 2.40 and later).
//!
//! A [`TokenUri`] (RFC 7512) names the module, the token and the key. From it a key is made
//! ([`TokenKey::generate`]) or opened ([`TokenKey::open`]), and signs like any other [`SigningKey`](crate::key::SigningKey).
//! The private half never leaves the token, and the PIN goes nowhere but into `C_Login`.
//!
//! Every call into a module is made through the crate `cryptoki`, whose interface is safe; what a module does inside of
//! this process is the affair of its maker, which is why none is loaded that was not named.

mod encoding;
mod fault;
mod generate;
mod key;
mod mechanism;
mod module;
mod object;
mod pool;
mod pss;
mod reference;
mod replace;
mod token;
mod uri;

pub use key::TokenKey;
pub use module::LOADS_MODULES;
pub use pss::PssMethod;
pub use reference::KeyReference;
pub(crate) use reference::LABEL as REFERENCE_LABEL;
pub use uri::TokenUri;
