//! The errors that readers of keys share.

use base::{Code, Error};

use crate::encryption::Unsupported;

/// The error for bytes that are no key of ours.
pub(super) fn unreadable(what: impl Into<String>) -> Error {
    Code::KeyUnreadable
        .error(what)
        .fix("private keys are read as PKCS#8, SEC 1, PKCS#1 or encrypted PKCS#8, in PEM or DER")
}

/// The error for an elliptic curve key that spells out its curve (RFC 3279, section 2.3.5), which RFC 5480 forbids.
pub(super) fn explicit_curve() -> Error {
    Code::KeyUnreadable
        .error("the elliptic curve key spells out the parameters of its curve instead of naming it")
        .because("TLS libraries refuse explicit parameters (RFC 5480, section 2.1.1)")
        .fix("name the curve: `openssl ec -in OLD -param_enc named_curve -out NEW`")
}

/// The error for an encryption that is not read.
pub(super) fn unsupported_encryption(algorithm: &Unsupported) -> Error {
    let option = match algorithm.legacy {
        true => " -provider legacy -provider default",
        false => "",
    };
    Code::UnsupportedEncryption
        .error(format!("the private key is encrypted with {}, which tbpki does not read", algorithm.name))
        .fix(format!("convert it: `openssl pkcs8 -topk8 -v2 aes-256-cbc -in OLD -out NEW{option}`"))
}
