//! The checks of RFC 5280, section 6.1, for each certificate of a path, and those that TLS libraries add.

use base::timestamp::rfc3339;
use base::{Code, Finding};
use time::OffsetDateTime;

use super::policies::PolicyState;
use super::request::{Purpose, VerifyRequest, about, allows};
use super::{constraints, revocation, x509_strict};
use crate::read::certificate::{Certificate, NameConstraints, PublicKeyKind, SelfSignature, SignatureFailure};

/// The rules that the certificates above set for those below.
#[derive(Default)]
struct State<'a> {
    /// The number of further CAs that are not self-issued, and the CA that limits it.
    cas_left: Option<(u32, &'a Certificate)>,
    constraints: Vec<(&'a NameConstraints, &'a Certificate)>,
    policies: PolicyState<'a>,
}

/// Checks a path, the leaf first; `anchored` means that its last certificate is a trust anchor. What is found comes in
/// the order of the path, one list for each certificate.
///
/// `is_trusted` tells whether the signer of a revocation list can be relied upon, which takes a path of its own.
pub(super) fn check<'a>(
    request: &VerifyRequest<'a>,
    path: &[&Certificate],
    anchored: bool,
    depth: usize,
    is_trusted: &dyn Fn(&'a Certificate) -> bool,
) -> Vec<Vec<Finding>> {
    let mut state = State::default();
    let mut found: Vec<Vec<Finding>> = Vec::new();
    // From the anchor down: the constraints of a CA apply to the certificates below it.
    for (place, certificate) in path.iter().enumerate().rev() {
        let is_leaf = place == 0;
        let is_anchor = anchored && place + 1 == path.len();
        let mut findings = alone(certificate, request.time, is_leaf, is_anchor);
        // RFC 5280, section 6.1.3: self-issued CAs in the middle of a path are exempt from name constraints.
        if is_leaf || !certificate.is_self_issued() {
            findings.extend(state.constraints.iter().filter_map(|(constraints, ca)| {
                let violation = constraints::violation(certificate, constraints, is_leaf)?;
                let what = format!("{} cannot issue this certificate", ca.label());
                Some(Code::NameConstraint.fault(what).because(violation))
            }));
        }
        // OpenSSL looks for another issuer of an anchor whose identifier does not name the anchor itself.
        let own = (is_anchor && certificate.is_self_issued()).then_some(certificate);
        if let Some(issuer) = path.get(place + 1).or(own) {
            findings.extend(
                certificate.authority_contradiction(issuer).map(|fault| {
                    Code::KeyIdMismatch.fault(fault).because("OpenSSL and Java then do not find the issuer")
                }),
            );
        }
        if path.len() > place + 1 {
            findings.extend(namesake_of_openssl(certificate, path.get(place + 2..).unwrap_or_default(), anchored));
        }
        // The order matters: a CA's own limit applies below it, not to itself.
        if !is_leaf {
            findings.extend(ca(request, certificate, is_anchor));
            findings.extend(state.descend(certificate));
        }
        if !is_anchor {
            findings.extend(state.policies.descend(certificate, is_leaf));
        }
        if path.len() > 1 {
            findings.extend(x509_strict::check(certificate, place + 1 == path.len()));
        }
        if !is_anchor {
            findings.extend(revocation::check(request, path, place, depth, is_trusted));
        }
        found.push(findings.into_iter().map(|finding| about(finding, certificate)).collect());
    }
    found.reverse();
    found
}

impl<'a> State<'a> {
    /// Takes in what a CA lays down for those below it.
    fn descend(&mut self, ca: &'a Certificate) -> Option<Finding> {
        let mut finding = None;
        // Self-issued CAs do not count for the path length (RFC 5280, section 4.2.1.9).
        if !ca.is_self_issued()
            && let Some((left, limiter)) = &mut self.cas_left
        {
            match left.checked_sub(1) {
                Some(fewer) => *left = fewer,
                None => {
                    finding = Some(
                        Code::PathLength
                            .fault("there is one CA too many above the leaf")
                            .because(format!("{} allows no further CA here", limiter.label())),
                    );
                }
            }
        }
        // The smaller limit wins.
        if let Some(limit) = ca.path_len()
            && self.cas_left.is_none_or(|(left, _)| limit < left)
        {
            self.cas_left = Some((limit, ca));
        }
        self.constraints.extend(ca.name_constraints().map(|constraints| (constraints, ca)));
        finding
    }
}

/// The faults of a certificate by itself.
pub(super) fn alone(certificate: &Certificate, time: OffsetDateTime, is_leaf: bool, is_anchor: bool) -> Vec<Finding> {
    let mut findings: Vec<Finding> = dates(certificate, time).into_iter().collect();
    findings.extend(certificate.form_findings());
    if certificate.public_key().is_weak() {
        findings.push(Code::WeakKey.fault(format!("its key is {}", certificate.algorithm_name())));
    }
    // The signature of a trust anchor is not checked: trust does not depend on it.
    if certificate.signature_algorithm().is_weak() && !is_anchor {
        findings.push(Code::WeakSignature.fault(format!("it is signed with {}", certificate.signature_algorithm())));
    }
    if certificate.version() < 3 {
        let finding = Code::VersionOne.warning(format!("it is of version {}", certificate.version()));
        findings.push(finding.because(match (is_leaf, is_anchor) {
            (true, _) => "rustls refuses such leaves; OpenSSL, Java and Mbed TLS take them",
            (_, true) => "some TLS libraries refuse such anchors",
            _ => "no TLS library takes such CAs",
        }));
    }
    if is_anchor {
        findings.extend(anchor_signature(certificate));
    }
    findings.extend(firmware_finding(certificate));
    findings
}

/// Whether OpenSSL takes `issuer` for the issuer of a certificate, before it looks at the signature.
fn is_issuer_to_openssl(certificate: &Certificate, issuer: &Certificate) -> bool {
    let names = certificate.issuer_name().zip(issuer.subject_name());
    certificate.names_as_issuer(issuer)
        && certificate.authority_contradiction(issuer).is_none()
        && names.is_some_and(|(own, other)| own.is_same_name_in_ascii(&other))
        && certificate.signature_algorithm().is_of(issuer.public_key())
}

/// The fault of a certificate for which OpenSSL takes another issuer of the same name: the certificate itself, or the trust
/// anchor. It looks at the names, at the authority key identifier and at the kind of the key, and compares the signature
/// only after it has decided (`X509_self_signed`, `X509_check_issued`). Where one name has several keys, the identifier is
/// required (RFC 5280, section 4.2.1.1). `above` are the certificates above its issuer.
fn namesake_of_openssl(certificate: &Certificate, above: &[&Certificate], anchored: bool) -> Option<Finding> {
    let is_taken = |issuer: &Certificate| {
        is_issuer_to_openssl(certificate, issuer)
            && matches!(certificate.signed_by(issuer), Err(SignatureFailure::Mismatch))
    };
    let anchor = above.last().filter(|_| anchored);
    let what = if is_taken(certificate) {
        "OpenSSL takes it for self-signed: it has the name of its issuer".to_owned()
    } else {
        let anchor = anchor.filter(|anchor| is_taken(anchor))?;
        format!("OpenSSL takes {} for its issuer, which has the name of the right one", anchor.label())
    };
    let finding = Code::KeyIdMismatch
        .fault(what)
        .because("it has no authority key identifier that tells the two keys of this name apart")
        .fix("have it issued again with an authority key identifier, or by a CA with a name of its own");
    Some(finding)
}

/// The reason against using the certificate for devices with our firmware.
fn firmware_finding(certificate: &Certificate) -> Option<Finding> {
    let why = match certificate.public_key() {
        PublicKeyKind::Ed25519 => "its Mbed TLS has no Ed25519",
        _ if certificate.name_constraints().is_some_and(|constraints| constraints.critical) => {
            "its Mbed TLS refuses critical name constraints"
        }
        _ => return None,
    };
    Some(Code::FirmwareLimit.warning("our firmware cannot verify this certificate").because(why))
}

/// The finding about the signature of a trust anchor on itself.
fn anchor_signature(anchor: &Certificate) -> Option<Finding> {
    let what = match anchor.self_signature() {
        SelfSignature::Valid => return None,
        SelfSignature::Unchecked(_) => return anchor.unchecked_self_signature(),
        // The anchor is trusted as it is, and readers do not look at this signature.
        SelfSignature::False if is_issuer_to_openssl(anchor, anchor) => {
            let finding = Code::NotSelfSigned
                .warning("the signature of the trust anchor on itself is false")
                .because("it is damaged, or another key made it; TLS libraries trust an anchor without this signature")
                .fix("compare the fingerprint with that of the CA, or get the certificate from the CA again");
            return Some(finding);
        }
        SelfSignature::False => "the trust anchor names itself as its issuer, and another key signed it",
        SelfSignature::OtherIssuer => "the trust anchor is not self-signed",
    };
    let finding = Code::NotSelfSigned
        .warning(what)
        .because("OpenSSL and Python's ssl do not accept it without its root")
        .fix("put the root into the file with the anchors");
    Some(finding)
}

fn dates(certificate: &Certificate, time: OffsetDateTime) -> Option<Finding> {
    let (from, until) = (certificate.not_before(), certificate.not_after());
    if time < from {
        return Some(Code::NotYetValid.fault(format!("it is valid from {} on", rfc3339(from))));
    }
    (time > until).then(|| certificate.expired(format!("it expired on {}", rfc3339(until))))
}

/// The properties that a certificate lacks to be an issuer.
fn ca(request: &VerifyRequest<'_>, certificate: &Certificate, is_anchor: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    // Version 1 roots have no basicConstraints. As an anchor such a root is trusted by choice.
    if !(certificate.is_ca() || is_anchor && certificate.version() < 3) {
        findings.push(
            Code::NotACa
                .fault("it signs certificates and is not a CA")
                .because("its basicConstraints do not contain CA:TRUE"),
        );
    }
    if let Some(usage) = certificate.key_usage()
        && !usage.key_cert_sign()
    {
        findings.push(
            Code::NotACa
                .fault("its key may not sign certificates")
                .because(format!("its key usage is {usage}; keyCertSign is missing")),
        );
    }
    // An extended key usage in a CA restricts its leaves in OpenSSL, Go and Windows, although RFC 5280 does not require
    // it.
    if let (Some(purpose), Some(usages)) = (request.purpose, certificate.extended_key_usages())
        && !allows(usages, purpose)
    {
        findings.push(Code::WrongPurpose.fault(format!("it may not issue certificates for a {}", called(purpose))));
    }
    findings
}

fn called(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Server => "server",
        Purpose::Device => "device, which is a TLS client",
    }
}
