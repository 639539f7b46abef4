//! The errors that both formats share.

use base::{Code, Error};

/// The error for a password that does not fit.
pub(super) fn wrong_password() -> Error {
    Code::KeystorePassword.error("the password does not open the keystore")
}

/// The error for a file that is damaged or no keystore.
pub(super) fn unreadable(what: impl Into<String>) -> Error {
    Code::KeystoreUnreadable.error(what)
}
