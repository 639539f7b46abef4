//! The findings for a server's chain, each assigned to a layer of the check.

use base::{Code, Finding};

use super::layer::Layer;
use crate::tls::TrustPolicy;

/// Verifies a chain as a server sent it (DER, leaf first).
pub(super) fn judge<D: AsRef<[u8]>>(policy: &TrustPolicy, sent: &[D]) -> Vec<(Layer, Finding)> {
    match policy.findings(sent) {
        Ok(findings) => findings.into_iter().map(|finding| (layer_of(finding.code), finding)).collect(),
        Err(error) => vec![(Layer::ServerCertificate, error.into_finding())],
    }
}

fn layer_of(code: Code) -> Layer {
    match code {
        Code::WrongName | Code::LegacyName => Layer::Name,
        Code::Expired | Code::NotYetValid => Layer::ServerCertificate,
        code if concerns_leaf(code) => Layer::ServerCertificate,
        _ => Layer::Trust,
    }
}

/// True if a code is about the certificate itself, independent of its issuer and of the time.
pub(super) fn concerns_leaf(code: Code) -> bool {
    matches!(
        code,
        Code::WrongPurpose
            | Code::VersionOne
            | Code::WeakKey
            | Code::WeakSignature
            | Code::CaAsLeaf
            | Code::BadFormat
            | Code::CriticalExtension
            | Code::FirmwareLimit
    )
}
