//! A certificate signing request as people read it.

use base::{Code, Error, Result, hex};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::FromDer as _;

use super::item::{Content, InspectedItem};
use super::view::RequestView;
use crate::read::certificate::{GeneralName, PublicKeyKind, SignatureAlgorithm, name, parser_text, sha256, trailing};
use crate::read::csr::Csr;

/// A request in DER. What `tbpki client --csr` would refuse it for is a finding.
pub(super) fn item(der: &[u8]) -> Result<InspectedItem> {
    let unreadable = |why: String| Code::CsrUnreadable.error("this is not a request").because(why);
    let (rest, parsed) = X509CertificationRequest::from_der(der).map_err(|error| unreadable(parser_text(error)))?;
    if !rest.is_empty() {
        return Err(unreadable(trailing(rest)));
    }
    let info = &parsed.certification_request_info;
    let mut view = RequestView {
        subject: name::text(info.subject.as_raw()),
        algorithm: PublicKeyKind::of_spki(info.subject_pki.raw).name(),
        signature_algorithm: SignatureAlgorithm::from_parsed(&parsed.signature_algorithm).to_string(),
        names: Vec::new(),
        asks_for_ca: false,
        public_key_sha256: hex::lower(&sha256(info.subject_pki.raw)),
        belongs_to: None,
    };
    for extension in parsed.requested_extensions().into_iter().flatten() {
        match extension {
            ParsedExtension::SubjectAlternativeName(names) => {
                view.names =
                    names.general_names.iter().map(|name| GeneralName::from_parsed(name).to_string()).collect();
            }
            ParsedExtension::BasicConstraints(constraints) => view.asks_for_ca = constraints.ca,
            _ => {}
        }
    }
    let findings = Csr::from_der(der).err().map(Error::into_finding);
    Ok(InspectedItem { findings: findings.into_iter().collect(), ..InspectedItem::new(Content::Request(view)) })
}
