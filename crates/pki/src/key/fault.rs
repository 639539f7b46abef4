//! The error that readers of keys share.

use base::{Code, Error};

/// The error for bytes that are no key of ours.
pub(super) fn unreadable(what: impl Into<String>) -> Error {
    Code::KeyUnreadable
        .error(what)
        .fix("private keys are read as PKCS#8, SEC 1, PKCS#1 or encrypted PKCS#8, in PEM or DER")
}
