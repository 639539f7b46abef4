//! The names of a certificate, compared with the name constraints of the CAs above it.

use crate::read::certificate::constraints::forbidden;
use crate::read::certificate::{Certificate, GeneralName, NameConstraints};

/// The first name of the certificate that the constraints forbid, with the reason.
pub(super) fn violation(certificate: &Certificate, constraints: &NameConstraints) -> Option<String> {
    forbidden(&names(certificate), constraints)
}

/// Every name that constraints bind: the alternative names, the subject, and e-mail addresses in the subject where no
/// alternative name is one.
fn names(certificate: &Certificate) -> Vec<GeneralName> {
    let mut names = certificate.general_names().to_vec();
    let Some(subject) = certificate.subject_name() else { return names };
    if !names.iter().any(|name| matches!(name, GeneralName::Email(_))) {
        names.extend(subject.email_addresses().map(|address| GeneralName::Email(address.to_owned())));
    }
    if !subject.is_empty() {
        names.push(GeneralName::Directory(certificate.subject_der().to_vec()));
    }
    names
}
