//! The errors that both formats share.

use base::{Code, Error};

use crate::encryption::Unsupported;

/// The error for a password that does not fit.
pub(super) fn wrong_password() -> Error {
    Code::KeystorePassword
        .error("the password does not open the keystore")
        .fix("enter the password that the keystore was created with; `keytool -list -keystore FILE` checks it")
}

/// The error for a file that is damaged or no keystore.
pub(super) fn unreadable(what: impl Into<String>) -> Error {
    Code::KeystoreUnreadable.error(what).fix("copy the keystore again in binary mode, or export it again")
}

/// The error for an algorithm that is not read. `what` ends with "uses" or the like.
pub(super) fn unsupported(what: &str, algorithm: &Unsupported) -> Error {
    let option = algorithm.option();
    // Earlier versions do not verify it (RFC 9579).
    let version = if algorithm.name == "PBMAC1" { " with OpenSSL 3.4 or later" } else { "" };
    Code::UnsupportedEncryption.error(format!("{what} {}, which tbpki does not read", algorithm.name)).fix(format!(
        "convert it{version}: `openssl pkcs12 -in OLD.p12 -nodes{option} | openssl pkcs12 -export -out NEW.p12`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_without_a_reason_of_their_own_have_a_help() {
        for error in [wrong_password(), unreadable("the JKS keystore does not end where its entries do")] {
            assert!(error.finding().fix.is_some(), "{error:?}");
        }
    }
}
