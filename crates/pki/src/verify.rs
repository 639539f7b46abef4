//! Whether a chain would be accepted, and if not, which link fails.
//!
//! Two verifiers look at each chain. Our own walk (RFC 5280, section 6) goes on after the first mistake, so that the
//! report names every link that fails and why. rustls-webpki, which decides for many TLS clients and servers, is the
//! second opinion: what it refuses although the walk found no fault is reported as [`Code::SecondOpinion`].
//!
//! Certificate policies are not processed: a user who asks for none accepts each. Only a path without the policy that one of
//! its CAs demands is refused.

use base::{Code, Finding, Severity};
use schemars::JsonSchema;
use serde::Serialize;
use time::OffsetDateTime;

use crate::key::is_same_key;
use crate::read::certificate::Certificate;
use crate::read::chain::Chain;

mod constraints;
mod host;
mod path;
mod policies;
mod request;
mod revocation;
mod second_opinion;
mod walk;
mod x509_strict;

pub use host::names_host;
pub use request::{Host, Purpose, VerifyRequest};

use path::PathEnd;
use request::{about, allows};

/// The outcome of [`verify`].
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Verification {
    /// The path from the leaf upwards, as far as it goes.
    pub links: Vec<Link>,
    /// True if the path ends at a trust anchor.
    pub trusted: bool,
    /// All that was found: about the order of the chain, then about each link, the leaf's first. `place.item` names the
    /// certificate.
    pub findings: Vec<Finding>,
}

/// One certificate of the path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Link {
    /// The subject, or the serial number where that is empty. Safe to print.
    pub name: String,
    /// The issuer. Safe to print.
    pub issuer: String,
    /// The serial number in hexadecimal.
    pub serial: String,
    /// The last moment at which it is valid.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub not_after: OffsetDateTime,
    /// The SHA-256 of the certificate.
    pub fingerprint: String,
    /// The source of the certificate.
    pub source: CertificateSource,
    /// True if no fault was found with it or with its signature.
    pub ok: bool,
    /// The codes of what was found.
    pub codes: Vec<Code>,
}

/// The source of a certificate of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CertificateSource {
    /// The peer sends it; its place in the chain, counted from 1, is known.
    Sent(usize),
    /// It was given in addition to the chain.
    Extra,
    /// It is a trust anchor.
    Anchor,
}

impl Verification {
    /// True if no finding is a fault.
    pub fn is_ok(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity < Severity::Fault)
    }
}

/// Verifies a chain.
pub fn verify(request: &VerifyRequest<'_>) -> Verification {
    let Some(leaf) = choose_leaf(request) else {
        let finding = Code::CertificateUnreadable.fault("there is no certificate to verify");
        return Verification { links: Vec::new(), trusted: false, findings: vec![finding] };
    };
    let mut path = path::find(request, leaf);
    if let Some(of_leaf) = path.findings.first_mut() {
        of_leaf.extend(leaf_findings(request, leaf));
    }
    let is_good = || path.findings.iter().flatten().all(|finding| finding.severity < Severity::Fault);
    let sent = Chain::new(request.chain.to_vec());
    // The second opinion is asked only about chains that look good: about others it could only repeat the fault in
    // other words.
    let opinion = if sent.is_ok() && is_good() { second_opinion::ask(request, &path.certificates) } else { None };
    let links = path.certificates.iter().zip(&path.findings);
    let links = links.map(|(certificate, findings)| link(request, certificate, findings)).collect();
    let mut findings: Vec<Finding> = path.findings.into_iter().flatten().chain(opinion).collect();
    if let Err(error) = sent {
        // A gap or a false signature is found by both; the walk explains it better.
        let known = |finding: &Finding| finding.code == error.code() && error.code() != Code::ChainOrder;
        if !findings.iter().any(known) {
            findings.insert(0, error.into_finding());
        }
    }
    Verification { links, trusted: path.end == PathEnd::Anchor, findings }
}

/// The certificate that is in question: the key's, else the first that is sent, unless that issued others which are
/// sent and one of them issued none.
fn choose_leaf<'a>(request: &VerifyRequest<'a>) -> Option<&'a Certificate> {
    let first = request.chain.first()?;
    // The key decides best: it belongs to one certificate of the file, whatever their order.
    if let Some(key) = request.key
        && let Some(owned) = request.chain.iter().find(|one| is_same_key(one.spki_der(), key.spki_der()))
    {
        return Some(owned);
    }
    let issued_any = |one: &Certificate| request.chain.iter().any(|other| other != one && other.names_as_issuer(one));
    // Some files begin with the root. The leaf is the one that issued no other.
    if issued_any(first) { request.chain.iter().find(|one| !issued_any(one)).or(Some(first)) } else { Some(first) }
}

/// The findings about the leaf that do not depend on its issuers.
fn leaf_findings(request: &VerifyRequest<'_>, leaf: &Certificate) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(key) = request.key
        && let Err(error) = key.check_belongs_to(leaf.spki_der())
    {
        findings.push(error.into_finding());
    }
    // Only with a purpose, because a CA's certificate may be looked at for itself.
    if let Some(purpose) = request.purpose {
        findings.extend(purpose_finding(leaf, purpose));
        if leaf.is_ca() {
            findings.push(
                Code::CaAsLeaf.warning("the certificate is a CA certificate").because("rustls rejects such a leaf"),
            );
        }
    }
    if request.purpose == Some(Purpose::Server) || request.host.is_some() {
        findings.extend(host::check(leaf, request.host));
    }
    findings.into_iter().map(|finding| about(finding, leaf)).collect()
}

/// The faults of a leaf by itself, independent of its issuer: dates, strength, form, and purpose.
pub fn leaf_alone(leaf: &Certificate, purpose: Purpose, time: OffsetDateTime) -> Vec<Finding> {
    let mut findings = walk::alone(leaf, time, true, false);
    findings.extend(purpose_finding(leaf, purpose));
    findings.extend(policies::PolicyState::default().descend(leaf, true));
    // One that is its own issuer is verified alone.
    findings.extend(x509_strict::check(leaf, false).filter(|_| !leaf.is_self_issued()));
    findings.into_iter().map(|finding| about(finding, leaf)).collect()
}

fn purpose_finding(leaf: &Certificate, purpose: Purpose) -> Option<Finding> {
    // Without the extension all uses are allowed (RFC 5280, 4.2.1.12).
    if let Some(usages) = leaf.extended_key_usages()
        && !allows(usages, purpose)
    {
        let usages = usages.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        return Some(
            Code::WrongPurpose
                .fault(format!("the certificate is not for a {purpose}"))
                .because(format!("its extended key usage is {usages}")),
        );
    }
    if let Some(usage) = leaf.netscape_usage()
        && !match purpose {
            Purpose::Server => usage.server(),
            Purpose::Device => usage.client(),
        }
    {
        return Some(
            Code::WrongPurpose
                .fault(format!("the certificate is not for a {purpose}"))
                .because(format!("its Netscape certificate type (nsCertType) is {usage}, which OpenSSL applies")),
        );
    }
    let usage = leaf.key_usage()?;
    // RSA key exchange and static ECDH of TLS 1.2 need no signature.
    if !usage.digital_signature() && !usage.key_encipherment() && !usage.key_agreement() {
        return Some(
            Code::WrongPurpose
                .fault("the key may not be used for TLS")
                .because(format!("its key usage is {usage}; digitalSignature is missing")),
        );
    }
    if usage.digital_signature() {
        return None;
    }
    // A client proves its key by a signature in every version; only a server can decrypt or agree instead.
    if purpose == Purpose::Device {
        return Some(Code::WrongPurpose.fault("the key may not be used by a TLS client").because(format!(
            "its key usage is {usage}; digitalSignature is missing, and OpenSSL and Java refuse it"
        )));
    }
    Some(
        Code::WrongPurpose
            .warning("the key may not be used for TLS 1.3")
            .because(format!("its key usage is {usage}; digitalSignature is missing")),
    )
}

fn link(request: &VerifyRequest<'_>, certificate: &Certificate, findings: &[Finding]) -> Link {
    let sent = request.chain.iter().position(|one| one == certificate);
    let source = match sent {
        // An anchor may have been sent too; trust does not come from being sent.
        _ if request.anchors.contains(certificate) => CertificateSource::Anchor,
        Some(place) => CertificateSource::Sent(place + 1),
        None => CertificateSource::Extra,
    };
    Link {
        name: certificate.label(),
        issuer: certificate.issuer(),
        serial: certificate.serial_hex(),
        not_after: certificate.not_after(),
        fingerprint: certificate.fingerprint_hex(),
        source,
        ok: findings.iter().all(|finding| finding.severity < Severity::Fault),
        codes: findings.iter().map(|finding| finding.code).collect(),
    }
}

#[cfg(test)]
mod tests;
