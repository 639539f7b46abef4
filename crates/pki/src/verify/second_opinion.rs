//! The result of rustls-webpki for a path in which our own walk found no fault.

use std::time::Duration;

use base::{Code, Finding};
use rustls_pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use webpki::{
    ALL_VERIFICATION_ALGS, EndEntityCert, Error, ExtendedKeyUsageValidator, KeyPurposeIdIter, KeyUsage,
    anchor_from_trusted_cert,
};

use super::request::{Host, Purpose, VerifyRequest, about};
use crate::names::subject::Subject;
use crate::read::certificate::{Certificate, GeneralName, NameConstraints};

/// The fault that other verifiers see in the path, the leaf first and the anchor last.
pub(super) fn ask(request: &VerifyRequest<'_>, path: &[&Certificate]) -> Option<Finding> {
    let (leaf, above) = path.split_first()?;
    // First: another difference, which OpenSSL and Java pass over, must not hide one that they do not.
    if let Some(finding) = names_differ(path) {
        return Some(about(finding, leaf));
    }
    // webpki knows neither leaves of version 1 nor leaves that are CAs. Both are warned of already, and its word on the
    // rest of the chain cannot be had.
    if leaf.version() < 3 || leaf.is_ca() {
        return None;
    }
    let refusal = consult(request, leaf, above).err()?;
    let finding = match spelled_otherwise(path) {
        Some(certificate) if refusal == Error::UnknownIssuer => Code::SecondOpinion
            .warning("rustls and Go refuse the chain, OpenSSL and Java accept it")
            .because(format!(
                "the issuer of {} has another encoding than the subject of its CA; both are one name (RFC 5280, section 7.1)",
                certificate.label()
            ))
            .fix("have the CA certified again with one encoding of its name if rustls or Go must accept the chain"),
        _ => match directory_constraint(above).filter(|_| refusal == Error::NameConstraintViolation) {
            // The walk compared the names, and none of them is outside.
            Some((ca, constraints)) => Code::SecondOpinion
                .fault(match constraints.critical {
                    true => "rustls and Go refuse the chain",
                    false => "rustls refuses the chain",
                })
                .because(format!(
                    "{} has name constraints for directory names; rustls applies none of these and refuses all names{}",
                    ca.label(),
                    if constraints.critical { ", and Go refuses them because they are critical" } else { "" }
                ))
                .fix("have the CA certified again without constraints for directory names"),
            None => Code::SecondOpinion.fault("rustls refuses the chain").because(reason(&refusal)),
        },
    };
    Some(about(finding, leaf))
}

/// The fault of a path in which OpenSSL or Java does not find an issuer, because it compares names more strictly than RFC
/// 5280, section 7.1. rustls and Go compare the octets, so that they never find it either.
fn names_differ(path: &[&Certificate]) -> Option<Finding> {
    let refused = |who: &str, certificate: &Certificate, difference: &str| {
        Code::SecondOpinion
            .fault(format!("{who} refuse the chain"))
            .because(format!(
                "the issuer of {} differs from the subject of its CA in {difference}",
                certificate.label()
            ))
            .fix("have the CA certified again with one spelling and encoding of its name")
    };
    if let Some(certificate) = compared_otherwise(path, Subject::is_same_name_in_ascii) {
        let difference = "letters or white space outside of ASCII";
        return Some(refused("OpenSSL, rustls and Go", certificate, difference));
    }
    let certificate = compared_otherwise(path, Subject::is_same_name_in_java)?;
    let difference = "an attribute that Java compares octet by octet: its string type is not UTF8String or \
                      PrintableString, its kind is such as emailAddress or serialNumber, or its white space is not blanks";
    Some(refused("rustls, Go and Java", certificate, difference))
}

/// The first CA with a name constraint for directory names.
fn directory_constraint<'a>(cas: &[&'a Certificate]) -> Option<(&'a Certificate, &'a NameConstraints)> {
    cas.iter().find_map(|ca| {
        let constraints = ca.name_constraints()?;
        let mut bases = constraints.permitted.iter().chain(&constraints.excluded);
        bases.any(|base| matches!(base, GeneralName::Directory(_))).then_some((*ca, constraints))
    })
}

/// A sentence for a refusal of webpki. Refusals about revocation lists are not among them, because it gets none.
fn reason(refusal: &Error) -> &'static str {
    match refusal {
        Error::BadDer | Error::BadDerTime | Error::TrailingData(_) => {
            "a certificate of the chain is not encoded as DER requires"
        }
        Error::CaUsedAsEndEntity => "the leaf is a CA certificate",
        Error::EndEntityUsedAsCa => "a certificate that is not a CA's signed another one",
        Error::CertExpired { .. } => "a certificate of the chain has expired",
        Error::CertNotValidYet { .. } => "a certificate of the chain is not valid yet",
        Error::InvalidCertValidity => "a certificate of the chain ends before it begins",
        Error::CertNotValidForName(_) => "the certificate is for another name",
        Error::MalformedDnsIdentifier => "a DNS name in the request or in the certificate is malformed",
        Error::EmptyEkuExtension => "an extended key usage of the chain is empty",
        Error::RequiredEkuNotFoundContext(_) => "an extended key usage of the chain lacks the purpose",
        Error::ExtensionValueInvalid | Error::MalformedExtensions => "an extension of the chain is malformed",
        Error::UnsupportedCriticalExtension => "rustls does not know a critical extension of the chain",
        Error::InvalidNetworkMaskConstraint => "a name constraint has a network mask with gaps",
        Error::MalformedNameConstraint => "a name constraint of the chain is malformed",
        Error::NameConstraintViolation => {
            "rustls refuses a name by the name constraints of a CA, which it applies only to DNS names and IP addresses"
        }
        Error::UnsupportedNameType => "a name is of a kind that rustls does not compare",
        Error::InvalidSerialNumber => "a serial number is not a positive number of at most 20 octets",
        Error::InvalidSignatureForPublicKey => "a signature of the chain was not made by its issuer",
        Error::SignatureAlgorithmMismatch => "a certificate names two different signature algorithms",
        Error::UnsupportedSignatureAlgorithmContext(_) | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            "rustls does not verify the signature algorithm of a certificate, or not with the key of its issuer"
        }
        Error::PathLenConstraintViolated => "the chain is longer than one of its CAs allows",
        Error::MaximumPathDepthExceeded => "the chain has more CAs than rustls follows",
        Error::MaximumNameConstraintComparisonsExceeded
        | Error::MaximumPathBuildCallsExceeded
        | Error::MaximumSignatureChecksExceeded => "the chain takes more work than rustls spends on one",
        Error::UnsupportedCertVersion => "a certificate of the chain is not of version 3",
        Error::UnknownIssuer => "rustls does not find the issuer of a certificate of the chain",
        // The list of webpki grows, and names of its variants are not for people.
        _ => "rustls gives a reason that tbpki has no words for; `openssl verify` may show more",
    }
}

/// The first certificate whose issuer is the subject of the next one by its meaning and not by its octets. webpki compares
/// octets, and its word on the rest of such a chain cannot be had.
fn spelled_otherwise<'a>(path: &[&'a Certificate]) -> Option<&'a Certificate> {
    path.windows(2).find_map(|pair| match pair {
        [certificate, issuer] if certificate.issuer_der() != issuer.subject_der() => {
            certificate.names_as_issuer(issuer).then_some(*certificate)
        }
        _ => None,
    })
}

/// The first certificate whose issuer is not the subject of the next one if a library compares both.
fn compared_otherwise<'a>(
    path: &[&'a Certificate],
    is_same: fn(&Subject, &Subject) -> bool,
) -> Option<&'a Certificate> {
    path.windows(2).find_map(|pair| match pair {
        [certificate, issuer] if certificate.issuer_der() != issuer.subject_der() => {
            let (own, other) = (certificate.issuer_name()?, issuer.subject_name()?);
            (!is_same(&own, &other)).then_some(*certificate)
        }
        _ => None,
    })
}

fn consult(request: &VerifyRequest<'_>, leaf: &Certificate, above: &[&Certificate]) -> Result<(), Error> {
    let anchor_der = CertificateDer::from(above.last().copied().unwrap_or(leaf).der());
    let anchors: [TrustAnchor<'_>; 1] = [anchor_from_trusted_cert(&anchor_der)?];
    let intermediates: Vec<CertificateDer<'_>> =
        // webpki gets exactly this path, so that it cannot find another one.
        above.iter().rev().skip(1).map(|certificate| CertificateDer::from(certificate.der())).collect();
    let leaf_der = CertificateDer::from(leaf.der());
    let leaf = EndEntityCert::try_from(&leaf_der)?;
    // webpki has no time before 1970.
    let seconds = u64::try_from(request.time.unix_timestamp()).unwrap_or(0);
    leaf.verify_for_usage(
        ALL_VERIFICATION_ALGS,
        &anchors,
        &intermediates,
        UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
        Usage(request.purpose),
        None,
        None,
    )?;
    match request.host {
        Some(Host::Dns(name)) => {
            let name = ServerName::try_from(name.as_str()).map_err(|_| Error::MalformedDnsIdentifier)?;
            leaf.verify_is_valid_for_subject_name(&name)
        }
        Some(Host::Ip(ip)) => leaf.verify_is_valid_for_subject_name(&ServerName::IpAddress((*ip).into())),
        None => Ok(()),
    }
}

/// The extended key usage that a purpose asks for; any, when there is none.
struct Usage(Option<Purpose>);

impl ExtendedKeyUsageValidator for Usage {
    fn validate(&self, mut usages: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        match self.0 {
            Some(Purpose::Server) => KeyUsage::server_auth().validate(usages),
            Some(Purpose::Device) => KeyUsage::client_auth().validate(usages),
            None => usages.try_for_each(|usage| usage.map(|_| ())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_sentences_and_not_names_of_variants() {
        for (refusal, text) in [
            (Error::EmptyEkuExtension, "an extended key usage of the chain is empty"),
            (Error::UnknownIssuer, "rustls does not find the issuer of a certificate of the chain"),
            (Error::MaximumPathDepthExceeded, "the chain has more CAs than rustls follows"),
            (
                Error::RequiredEkuNotFoundContext(webpki::RequiredEkuNotFoundContext {
                    required: KeyUsage::client_auth(),
                    present: Vec::new(),
                }),
                "an extended key usage of the chain lacks the purpose",
            ),
            // One of revocation lists, which are not given to webpki.
            (
                Error::UnsupportedDeltaCrl,
                "rustls gives a reason that tbpki has no words for; `openssl verify` may show more",
            ),
        ] {
            assert_eq!(reason(&refusal), text);
        }
    }
}
