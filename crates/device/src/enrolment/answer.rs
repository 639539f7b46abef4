//! The answer to a request: what was issued, checked and put in order.

use alloc::string::String;
use alloc::vec::Vec;

use base64ct::{Base64, Encoding};
use pem_rfc7468::LineEnding;

use super::certificate::Certificate;
use super::certs_only;
use super::failure::EnrolmentFailure;
use super::request::CertificateRequest;

/// The tolerance for a certificate that begins in the future, in seconds: clocks differ.
const EARLY: u64 = 24 * 3600;

/// The certificate that a service has issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedCertificate {
    leaf: Vec<u8>,
    /// The other certificates of the answer. RFC 7030, section 4.2.3 has none, and some services send the chain.
    others: Vec<Vec<u8>>,
    /// The first second in which it is valid, since 1970.
    pub not_before: u64,
    /// The last second in which it is valid, since 1970.
    pub not_after: u64,
}

/// The issuing hierarchy of a service (RFC 7030, section 4.1.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaCertificates(Vec<Vec<u8>>);

impl IssuedCertificate {
    /// Reads the body of an answer: a certs-only message in base64, with line breaks or without. `now` is in seconds since
    /// 1970.
    ///
    /// # Errors
    /// [`EnrolmentFailure::NotCertificates`], [`EnrolmentFailure::OtherKey`], [`EnrolmentFailure::OtherNames`] and
    /// [`EnrolmentFailure::Dates`].
    pub(super) fn read(body: &[u8], request: &CertificateRequest, now: u64) -> Result<Self, EnrolmentFailure> {
        let der = decoded(body).ok_or(EnrolmentFailure::NotCertificates)?;
        let certificates = read_all(&der)?;
        // By the key and not by the position: the certificates of a
        // message are a set, which has no order (RFC 5652, section 5.1).
        let leaf = certificates.iter().find(|certificate| request.has_key_of(certificate));
        let leaf = *leaf.ok_or(EnrolmentFailure::OtherKey)?;
        if !request.has_names_of(&leaf) {
            return Err(EnrolmentFailure::OtherNames);
        }
        let (not_before, not_after) = (leaf.not_before, leaf.not_after);
        if not_after <= now || not_before > now.saturating_add(EARLY) {
            return Err(EnrolmentFailure::Dates { not_before, not_after });
        }
        let others = certificates.iter().filter(|other| **other != leaf).map(|other| other.der.to_vec()).collect();
        Ok(Self { leaf: leaf.der.to_vec(), others, not_before, not_after })
    }

    /// The leaf and the certificates between it and the root, in PEM and a NUL, as Mbed TLS requires.
    ///
    /// # Errors
    /// [`EnrolmentFailure::NoIssuer`] if the issuer of the leaf is missing: a broker that trusts the root alone would refuse
    /// the device.
    pub(super) fn chain(&self, hierarchy: &CaCertificates) -> Result<String, EnrolmentFailure> {
        let issuers = self.others.iter().chain(&hierarchy.0).filter_map(|der| Certificate::read(der));
        // Each certificate is used once, so that a circle of issuers ends.
        let mut issuers: Vec<_> = issuers.collect();
        let leaf = Certificate::read(&self.leaf).ok_or(EnrolmentFailure::NotCertificates)?;
        if !issuers.iter().any(|issuer| issuer.subject == leaf.issuer) {
            return Err(EnrolmentFailure::NoIssuer);
        }
        let mut chain = String::new();
        let mut next = Some(leaf);
        while let Some(certificate) = next {
            chain.push_str(&pem(certificate.der)?);
            // Without the root: a peer that trusts it has it already (RFC 8446, section 4.4.2).
            let is_issuer = |other: &Certificate<'_>| other.subject == certificate.issuer && !other.is_self_issued();
            next = issuers.iter().position(is_issuer).map(|position| issuers.swap_remove(position));
        }
        chain.push('\0');
        Ok(chain)
    }
}

impl CaCertificates {
    /// Reads the body of an answer.
    ///
    /// # Errors
    /// [`EnrolmentFailure::NotCertificates`].
    pub(super) fn read(body: &[u8]) -> Result<Self, EnrolmentFailure> {
        let der = decoded(body).ok_or(EnrolmentFailure::NotCertificates)?;
        Ok(Self(read_all(&der)?.iter().map(|certificate| certificate.der.to_vec()).collect()))
    }
}

fn read_all(der: &[u8]) -> Result<Vec<Certificate<'_>>, EnrolmentFailure> {
    let certificates = certs_only::certificates(der).ok_or(EnrolmentFailure::NotCertificates)?;
    certificates.into_iter().map(Certificate::read).collect::<Option<_>>().ok_or(EnrolmentFailure::NotCertificates)
}

/// The trust anchors in a body: one or more certificates in PEM. Returns them with a NUL.
///
/// # Errors
/// [`EnrolmentFailure::NotCertificates`] if one cannot be read, and for a body without any.
pub(super) fn anchors(body: &[u8]) -> Result<String, EnrolmentFailure> {
    let text = core::str::from_utf8(body).map_err(|_| EnrolmentFailure::NotCertificates)?;
    let mut anchors = String::new();
    for block in text.split_inclusive("-----END CERTIFICATE-----") {
        let block = block.trim();
        if block.is_empty() {
            continue;
        }
        let (label, der) = pem_rfc7468::decode_vec(block.as_bytes()).map_err(|_| EnrolmentFailure::NotCertificates)?;
        if label != "CERTIFICATE" || Certificate::read(&der).is_none() {
            return Err(EnrolmentFailure::NotCertificates);
        }
        anchors.push_str(&pem(&der)?);
    }
    if anchors.is_empty() {
        return Err(EnrolmentFailure::NotCertificates);
    }
    anchors.push('\0');
    Ok(anchors)
}

fn decoded(body: &[u8]) -> Option<Vec<u8>> {
    // Some services break the base64 into lines and others do not; RFC 8951 demands neither.
    let line: Vec<u8> = body.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    Base64::decode_vec(core::str::from_utf8(&line).ok()?).ok()
}

fn pem(der: &[u8]) -> Result<String, EnrolmentFailure> {
    pem_rfc7468::encode_string("CERTIFICATE", LineEnding::LF, der).map_err(|_| EnrolmentFailure::NotCertificates)
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::super::request::RequestedNames;
    use super::super::samples::{self, message};
    use super::super::signer::{PUBLIC_KEY, SignError, Signer};
    use super::*;

    /// A certificate that OpenSSL has made: EC P-256, CN=anchor, from 2026-11-28 to 2046-11-23.
    const ANCHOR: &str = include_str!("testdata/anchor.pem");

    // 2026-11-25 03:59:59 UTC: four hours after the beginning of the leaf below, which is from 2026 to 2027.
    const NOW: u64 = 1_795_579_199;

    /// A certificate whose dates are the same day of two years.
    fn certificate(issuer: &str, subject: &str, point: u8, years: [&str; 2], name: Option<&[u8]>) -> Vec<u8> {
        let dates = years.map(|year| format!("{year}1125000000Z"));
        samples::certificate(issuer, subject, &request(point, None).public_key, dates, name)
    }

    /// A request of pump-1, whose key is a point of these bytes.
    fn request(point: u8, alternative: Option<&[u8]>) -> CertificateRequest {
        struct Fake(u8);
        impl Signer for Fake {
            fn public_key(&self) -> [u8; PUBLIC_KEY] {
                [self.0; PUBLIC_KEY]
            }
            fn sign(&mut self, _message: &[u8]) -> Result<Vec<u8>, SignError> {
                Ok(Vec::new())
            }
        }
        let mut names = RequestedNames::of_device("pump-1");
        names.alternative = alternative.map(<[u8]>::to_vec);
        CertificateRequest::new(names, &mut Fake(point)).unwrap()
    }

    fn issuing() -> Vec<u8> {
        certificate("root", "issuing", 9, ["20", "40"], None)
    }

    fn leaf() -> Vec<u8> {
        certificate("issuing", "pump-1", 4, ["26", "27"], None)
    }

    #[test]
    fn the_chain_is_in_order_and_ends_before_the_root() {
        let root = certificate("root", "root", 8, ["20", "40"], None);
        let stranger = certificate("root", "other", 7, ["20", "40"], None);
        // A circle of two issuers.
        let circle = certificate("issuing", "root", 6, ["20", "40"], None);
        let hierarchies: [&[&[u8]]; 4] =
            [&[&root, &issuing()], &[&issuing(), &stranger, &root], &[&issuing()], &[&issuing(), &issuing(), &root]];
        let expected = pem(&leaf()).unwrap() + &pem(&issuing()).unwrap() + "\0";
        for hierarchy in hierarchies {
            let hierarchy = CaCertificates::read(message(hierarchy).as_bytes()).unwrap();
            for others in [&[][..], &[&issuing()[..]], &[&stranger]] {
                let body = message(&[others, &[&leaf()]].concat());
                let issued = IssuedCertificate::read(body.as_bytes(), &request(4, None), NOW).unwrap();
                assert_eq!(issued.chain(&hierarchy).unwrap(), expected);
            }
        }
        let issued = IssuedCertificate::read(message(&[&leaf()]).as_bytes(), &request(4, None), NOW).unwrap();
        let hierarchy = CaCertificates::read(message(&[&circle, &issuing()]).as_bytes()).unwrap();
        assert_eq!(issued.chain(&hierarchy).unwrap().matches("BEGIN").count(), 3);
        let hierarchy = CaCertificates::read(message(&[&root, &stranger]).as_bytes()).unwrap();
        assert_eq!(issued.chain(&hierarchy).unwrap_err(), EnrolmentFailure::NoIssuer);
    }

    #[test]
    fn a_certificate_of_another_request_is_refused() {
        let name: &[u8] = b"\x30\x0A\x06\x03\x55\x1D\x11\x04\x03\x30\x01\x00";
        let read = |certificate: Vec<u8>, alternative: Option<&[u8]>, now: u64| {
            IssuedCertificate::read(message(&[&certificate]).as_bytes(), &request(4, alternative), now).map(drop)
        };
        assert_eq!(read(leaf(), None, NOW), Ok(()));
        let other_key = certificate("issuing", "pump-1", 5, ["26", "27"], None);
        assert_eq!(read(other_key, None, NOW), Err(EnrolmentFailure::OtherKey));
        let other_name = certificate("issuing", "pump-2", 4, ["26", "27"], None);
        assert_eq!(read(other_name, None, NOW), Err(EnrolmentFailure::OtherNames));
        assert_eq!(read(leaf(), Some(name), NOW), Err(EnrolmentFailure::OtherNames));
        let named = certificate("issuing", "pump-1", 4, ["26", "27"], Some(name));
        assert_eq!(read(named.clone(), Some(name), NOW), Ok(()));
        // A profile may add names to a first certificate.
        assert_eq!(read(named, None, NOW), Ok(()));
        let (from, to) = (1_795_564_800, 1_827_100_800);
        assert!(matches!(read(leaf(), None, from - EARLY - 1), Err(EnrolmentFailure::Dates { .. })));
        assert_eq!(read(leaf(), None, from - EARLY), Ok(()));
        assert_eq!(read(leaf(), None, to - 1), Ok(()));
        let late = EnrolmentFailure::Dates { not_before: from, not_after: to };
        assert_eq!(read(leaf(), None, to), Err(late));
    }

    #[test]
    fn a_body_without_certificates_is_refused() {
        let cut = message(&[leaf().split_last().unwrap().1]);
        // The content type is data instead of signed data.
        // In base64 the last octet of the object identifier, 2, becomes 1.
        let kind = message(&[&leaf()]).replacen("BwKg", "BwGg", 1);
        for body in ["", "!", "MIIB", &cut, &kind, &message(&[])[..20]] {
            let read = IssuedCertificate::read(body.as_bytes(), &request(4, None), NOW);
            assert_eq!(read.unwrap_err(), EnrolmentFailure::NotCertificates, "{body}");
        }
        let read = IssuedCertificate::read(message(&[]).as_bytes(), &request(4, None), NOW);
        assert_eq!(read.unwrap_err(), EnrolmentFailure::OtherKey);
    }

    #[test]
    fn anchors_are_one_or_more_certificates() {
        let one = anchors(ANCHOR.as_bytes()).unwrap();
        assert_eq!(one, format!("{ANCHOR}\0"));
        let two = anchors(format!("{ANCHOR}\r\n{ANCHOR}").as_bytes()).unwrap();
        assert_eq!(two, format!("{ANCHOR}{ANCHOR}\0"));
        let key = ANCHOR.replace("CERTIFICATE", "PUBLIC KEY");
        let cut = ANCHOR.replace("MII", "MIA");
        for wrong in ["", "\n", "anchors", &key, &cut, &format!("{ANCHOR}{key}"), &format!("{ANCHOR}rest")] {
            assert_eq!(anchors(wrong.as_bytes()).unwrap_err(), EnrolmentFailure::NotCertificates, "{wrong}");
        }
    }
}
