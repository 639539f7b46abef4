//! Certificates that must be renewed, according to the ledger.

use base::{Code, Finding};
use pki::Certificate;

/// A certificate in use that has expired or must be renewed, according to the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueLeaf {
    /// SHA-256 over the certificate.
    pub fingerprint: [u8; 32],
    /// The warning, with the command that renews the certificate.
    pub warning: Finding,
}

/// Adds the warning about a leaf to the findings about its dates. A leaf that has expired has a fault already, which gets the
/// command with the name of the identity.
pub(super) fn mark(findings: &mut Vec<Finding>, leaf: &Certificate, due: &[DueLeaf]) {
    let fingerprint = leaf.fingerprint();
    let Some(due) = due.iter().find(|due| due.fingerprint == fingerprint) else { return };
    match findings.iter_mut().find(|finding| finding.code == Code::Expired) {
        Some(expired) => expired.fix.clone_from(&due.warning.fix),
        None => findings.push(due.warning.clone()),
    }
}
