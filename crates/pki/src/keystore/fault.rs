//! The errors that both formats share.

use base::{Code, Error};

use crate::encryption::Unsupported;

/// The error for a password that does not fit.
pub(super) fn wrong_password() -> Error {
    Code::KeystorePassword.error("the password does not open the keystore")
}

/// The error for a file that is damaged or no keystore.
pub(super) fn unreadable(what: impl Into<String>) -> Error {
    Code::KeystoreUnreadable.error(what)
}

/// The error for an algorithm that is not read. `what` ends with "uses" or the like.
pub(super) fn unsupported(what: &str, algorithm: &Unsupported) -> Error {
    let option = algorithm.option();
    Code::UnsupportedEncryption
        .error(format!("{what} {}, which tbpki does not read", algorithm.name))
        .fix(format!("convert it: `openssl pkcs12 -in OLD.p12 -nodes{option} | openssl pkcs12 -export -out NEW.p12`"))
}
