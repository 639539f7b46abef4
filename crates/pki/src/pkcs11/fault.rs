//! Errors for the answers of modules.

use base::{Code, Error};
use cryptoki::error::{Error as CryptokiError, RvError};

/// The module's answer in the words of the standard: `C_Login: CKR_PIN_INCORRECT`.
pub(super) fn words(error: &CryptokiError) -> String {
    match error {
        CryptokiError::Pkcs11(answer, function) => {
            format!("C_{function:?}: {}", constant(&format!("{answer:?}")))
        }
        other => other.to_string(),
    }
}

/// `PinIncorrect` as `CKR_PIN_INCORRECT`.
fn constant(name: &str) -> String {
    let mut text = String::from("CKR");
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            text.push('_');
        }
        text.push(c.to_ascii_uppercase());
    }
    text
}

/// True if the session, the login or the token itself went away, so that another attempt may succeed.
pub(super) fn is_gone(error: &CryptokiError) -> bool {
    matches!(
        error,
        CryptokiError::Pkcs11(
            RvError::SessionHandleInvalid
                | RvError::SessionClosed
                | RvError::UserNotLoggedIn
                | RvError::DeviceRemoved
                | RvError::DeviceError
                | RvError::TokenNotPresent
                | RvError::TokenNotRecognized
                | RvError::SlotIdInvalid
                | RvError::KeyHandleInvalid
                | RvError::ObjectHandleInvalid
                | RvError::CryptokiNotInitialized,
            _
        )
    )
}

/// The error for a token that was there.
pub(super) fn went_away(doing: &str, why: &str) -> Error {
    Code::Pkcs11TokenMissing
        .error(format!("the token went away while {doing}"))
        .because(why)
        .fix("put the token back and run the same command again")
}

/// The error for an answer while `doing` something with the token.
pub(super) fn failed(doing: &str, error: &CryptokiError) -> Error {
    if is_gone(error) {
        return went_away(doing, &words(error));
    }
    let failed = Code::Pkcs11Failed.error(format!("the token failed while {doing}")).because(words(error));
    match error {
        CryptokiError::Pkcs11(RvError::SessionCount, _) => {
            failed.fix("end the other programs that use the token: it has no session left")
        }
        CryptokiError::Pkcs11(RvError::TokenWriteProtected, _) => failed.fix("the token is write-protected"),
        CryptokiError::Pkcs11(
            RvError::MechanismInvalid
            | RvError::CurveNotSupported
            | RvError::KeySizeRange
            | RvError::MechanismParamInvalid,
            _,
        ) => failed.fix("use another algorithm that the token supports: ca.alg in keygen.toml, or --alg"),
        _ => failed.fix("look into the log of the module or the device"),
    }
}

#[cfg(test)]
mod tests {
    use cryptoki::context::Function;

    use super::*;

    #[test]
    fn answers_are_named_as_the_standard_names_them() {
        let error = CryptokiError::Pkcs11(RvError::SessionHandleInvalid, Function::SignInit);
        assert_eq!(words(&error), "C_SignInit: CKR_SESSION_HANDLE_INVALID");
        assert!(is_gone(&error));
        assert_eq!(failed("signing", &error).code(), Code::Pkcs11TokenMissing);
        let full = CryptokiError::Pkcs11(RvError::DeviceMemory, Function::GenerateKeyPair);
        assert!(!is_gone(&full));
        assert_eq!(failed("signing", &full).code(), Code::Pkcs11Failed);
    }
}
