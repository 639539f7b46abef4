//! The limits of the devices' Mbed TLS.

use std::path::Path;

use base::{Code, Error, Result};
use pki::Certificate;

/// Fails where the device could not verify, or not use, a certificate.
pub(crate) fn check_can(certificate: &Certificate, path: &Path) -> Result<()> {
    let why = if certificate.algorithm_name() == "ed25519" {
        "its key is of Ed25519".to_owned()
    } else if certificate.signature_algorithm().to_string().to_ascii_lowercase().contains("ed25519") {
        "it is signed with Ed25519".to_owned()
    // A verifier must refuse what is critical and unknown to it (RFC 5280, section 4.2).
    } else if certificate.name_constraints().is_some_and(|constraints| constraints.critical) {
        "it has critical name constraints".to_owned()
    } else if let Some(extension) = certificate.unknown_critical_extensions().first() {
        format!("it has the critical extension {extension}")
    } else {
        return Ok(());
    };
    let error: Error = Code::FirmwareLimit
        .error(format!("devices cannot use the certificate {}", certificate.label()))
        .at(path)
        .because(format!("{why}, and the devices' Mbed TLS refuses that"))
        .fix("use ec-p256 or RSA, and no name constraints, where ESP32 devices connect");
    Err(error)
}
