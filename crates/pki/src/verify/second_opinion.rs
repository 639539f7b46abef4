//! The result of rustls-webpki for a path in which our own walk found no fault.

use std::time::Duration;

use base::{Code, Finding};
use rustls_pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use webpki::{
    ALL_VERIFICATION_ALGS, EndEntityCert, Error, ExtendedKeyUsageValidator, KeyPurposeIdIter, KeyUsage,
    anchor_from_trusted_cert,
};

use super::request::{Host, Purpose, VerifyRequest, about};
use crate::read::certificate::Certificate;

/// The fault that webpki sees in the path, the leaf first and the anchor last.
pub(super) fn ask(request: &VerifyRequest<'_>, path: &[&Certificate]) -> Option<Finding> {
    let (leaf, above) = path.split_first()?;
    // webpki knows neither leaves of version 1 nor leaves that are CAs. Both are warned of already, and its word on the
    // rest of the chain cannot be had.
    if leaf.version() < 3 || leaf.is_ca() {
        return None;
    }
    let refusal = consult(request, leaf, above).err()?;
    // First: another difference, which OpenSSL passes over, must not hide this one.
    if let Some(certificate) = folded_otherwise(path) {
        let finding = Code::SecondOpinion
            .fault("OpenSSL, rustls and Go refuse the chain")
            .because(format!(
                "the issuer of {} differs from the subject of its CA in letters or white space outside of ASCII",
                certificate.label()
            ))
            .fix("have the CA certified again with one spelling of its name");
        return Some(about(finding, leaf));
    }
    let finding = match spelled_otherwise(path) {
        Some(certificate) if refusal == Error::UnknownIssuer => Code::SecondOpinion
            .warning("rustls and Go refuse the chain, OpenSSL and Java accept it")
            .because(format!(
                "the issuer of {} has another encoding than the subject of its CA; both are one name (RFC 5280, section 7.1)",
                certificate.label()
            ))
            .fix("have the CA certified again with one encoding of its name if rustls or Go must accept the chain"),
        _ => Code::SecondOpinion.fault("rustls refuses the chain").because(reason(&refusal)),
    };
    Some(about(finding, leaf))
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
        Error::NameConstraintViolation => "a name is outside the name constraints of a CA",
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

/// The first certificate whose issuer is the subject of the next one only if letters outside of ASCII are folded.
fn folded_otherwise<'a>(path: &[&'a Certificate]) -> Option<&'a Certificate> {
    path.windows(2).find_map(|pair| match pair {
        [certificate, issuer] => {
            let (own, other) = (certificate.issuer_name()?, issuer.subject_name()?);
            (!own.is_same_name_in_ascii(&other)).then_some(*certificate)
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
