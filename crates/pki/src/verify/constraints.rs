//! The names of a certificate, compared with the name constraints of the CAs above it.

use crate::read::certificate::constraints::{bound_names, forbidden};
use crate::read::certificate::{Certificate, NameConstraints};

/// The first name of the certificate that the constraints forbid, with the reason.
pub(super) fn violation(certificate: &Certificate, constraints: &NameConstraints, is_leaf: bool) -> Option<String> {
    let alternative = certificate.general_names().to_vec();
    let names = match certificate.subject_name() {
        Some(subject) => bound_names(&subject, alternative, is_leaf),
        None => alternative,
    };
    forbidden(&names, constraints)
}
