//! A certificate as people read it.

use base::{Code, Finding, Result, hex};
use sha1::{Digest as _, Sha1};
use time::OffsetDateTime;

use super::item::{Content, InspectedItem};
use super::view::CertificateView;
use crate::read::certificate::{Certificate, ExtendedKeyUsage, GeneralName, SelfSignature};

pub(super) fn item(certificate: &Certificate, now: OffsetDateTime) -> InspectedItem {
    let view = CertificateView::new(certificate, now);
    InspectedItem { findings: findings(certificate, now), ..InspectedItem::new(Content::Certificate(Box::new(view))) }
}

impl CertificateView {
    /// The view of a certificate at a moment, from which the days that are left are counted.
    pub fn new(certificate: &Certificate, now: OffsetDateTime) -> Self {
        let list = |names: &[GeneralName]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let constraints = certificate.name_constraints();
        let points = certificate.crl_distribution_points();
        Self {
            subject: certificate.subject(),
            issuer: certificate.issuer(),
            serial: certificate.serial_hex(),
            version: certificate.version(),
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
            days_left: (certificate.not_after() - now).whole_days(),
            algorithm: certificate.algorithm_name(),
            signature_algorithm: certificate.signature_algorithm().to_string(),
            self_signed: match certificate.self_signature() {
                SelfSignature::Valid => Some(true),
                SelfSignature::False | SelfSignature::OtherIssuer => Some(false),
                SelfSignature::Unchecked(_) => None,
            },
            ca: certificate.is_ca(),
            path_len: certificate.path_len(),
            names: list(certificate.general_names()),
            key_usage: certificate
                .key_usage()
                .map_or_else(Vec::new, |usage| usage.names().map(str::to_owned).collect()),
            extended_key_usage: certificate
                .extended_key_usages()
                .unwrap_or_default()
                .iter()
                .map(ToString::to_string)
                .collect(),
            permitted_names: constraints.map_or_else(Vec::new, |constraints| list(&constraints.permitted)),
            excluded_names: constraints.map_or_else(Vec::new, |constraints| list(&constraints.excluded)),
            revocation_lists: points.iter().flat_map(|point| list(&point.names)).collect(),
            subject_key_id: certificate.subject_key_id().map(hex::upper),
            authority_key_id: certificate.authority_key_id().map(hex::upper),
            sha256: certificate.fingerprint_hex(),
            sha1: hex::lower(&Sha1::digest(certificate.der())),
            public_key_sha256: certificate.public_key_id(),
            credentials_id: certificate.credentials_id(),
        }
    }
}

/// The faults of a certificate as such, whatever its use.
fn findings(certificate: &Certificate, now: OffsetDateTime) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut tell = |finding: Finding| findings.push(finding);
    if now < certificate.not_before() {
        tell(Code::NotYetValid.fault("the certificate is not valid yet"));
    }
    if now > certificate.not_after() {
        tell(certificate.expired("the certificate has expired"));
    }
    if !certificate.is_ca() {
        findings.extend(certificate.due_warning(now));
    }
    let mut tell = |finding: Finding| findings.push(finding);
    if certificate.public_key().is_weak() {
        tell(Code::WeakKey.fault(format!("its key is {}", certificate.algorithm_name())));
    }
    // Verifiers do not look at the signature of a root.
    if certificate.signature_algorithm().is_weak() && !certificate.is_root() {
        tell(Code::WeakSignature.fault(format!("it is signed with {}", certificate.signature_algorithm())));
    }
    if certificate.version() < 3 {
        tell(Code::VersionOne.warning(format!("it is of version {}", certificate.version())));
    }
    let is_server =
        certificate.extended_key_usages().is_some_and(|usages| usages.contains(&ExtendedKeyUsage::ServerAuth));
    if is_server && !certificate.is_ca() && certificate.general_names().is_empty() {
        tell(Code::LegacyName.warning("it is a server's and names no host"));
    }
    findings.extend(certificate.form_findings());
    findings.extend(certificate.unchecked_self_signature());
    findings
}

/// A certificate in DER.
pub(super) fn der_item(der: &[u8], now: OffsetDateTime) -> Result<InspectedItem> {
    Certificate::from_der(der).map(|certificate| item(&certificate, now))
}
