//! Certificates that OpenSSL refuses with `-x509_strict`, which is the default of Python since version 3.13.

use base::{Code, Finding};

use crate::read::certificate::{Certificate, KeyUsage};

/// A warning about a certificate of a path of several certificates. `is_last` is true for the one at its end, whose issuer
/// is not looked for. Breaches that all readers refuse are faults, and are found elsewhere.
pub(super) fn check(certificate: &Certificate, is_last: bool) -> Option<Finding> {
    let usage = certificate.key_usage();
    let signs = usage.is_some_and(KeyUsage::key_cert_sign);
    let (is_ca, is_v3) = (certificate.is_ca(), certificate.version() >= 3);
    let breaches: Vec<&str> = [
        (is_ca && usage.is_none(), "it is a CA without a key usage"),
        (is_ca && !certificate.has_critical_basic_constraints(), "its basic constraints are not critical"),
        (is_ca && is_v3 && certificate.subject_key_id().is_none(), "it is a CA without a subject key identifier"),
        (
            is_ca && usage.is_some() && !signs && certificate.path_len().is_some(),
            "it has a path length, and its key may not sign certificates",
        ),
        (!is_ca && signs, "it is no CA, and its key may sign certificates"),
        (
            is_v3 && !is_last && certificate.authority_key_id().is_none(),
            "it has no authority key identifier with the identifier of a key",
        ),
    ]
    .into_iter()
    .filter_map(|(holds, text)| holds.then_some(text))
    .collect();
    if breaches.is_empty() {
        return None;
    }
    let finding = Code::StrictOpenssl.warning("OpenSSL with -x509_strict and Python 3.13 refuse the certificate");
    Some(finding.because(breaches.join("; ")).fix(match is_ca {
        true => "have the CA certified again with these extensions if such programs must accept it",
        false => "issue the certificate again with these extensions if such programs must accept it",
    }))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyUsagePurpose};
    use testkit::der::{Node, element};

    use super::*;
    use crate::read::certificate::testing;

    fn found(certificate: &Certificate, is_last: bool) -> String {
        check(certificate, is_last).and_then(|finding| finding.why).unwrap_or_default()
    }

    fn issued(mut params: CertificateParams, change: impl Fn(&mut CertificateParams)) -> Certificate {
        change(&mut params);
        testing::root("Root").issue(&params).certificate
    }

    /// The certificate without the extension with this object identifier.
    fn without(certificate: &Certificate, id: &[u8]) -> Certificate {
        let node = Node::parse(certificate.der());
        let whole = element(6, id);
        let place = node.places().into_iter().find(|place| {
            place.len() == 4 && place[..3] == [0, 7, 0] && {
                let der = node.with(place, Vec::new());
                !der.windows(whole.len()).any(|window| window == whole)
            }
        });
        Certificate::from_der(&node.with(&place.unwrap(), Vec::new())).unwrap()
    }

    /// As `openssl verify -x509_strict` decides.
    #[test]
    fn what_strict_openssl_refuses_has_a_warning() {
        let ca = issued(testing::ca("Issuing", Some(0)), |_| {});
        let leaf = issued(testing::leaf("pump-1"), |_| {});
        assert_eq!((found(&ca, false), found(&leaf, false)), Default::default());
        let unsigned = |params: &mut CertificateParams| params.key_usages.clear();
        let encipher = |params: &mut CertificateParams| params.key_usages = vec![KeyUsagePurpose::KeyEncipherment];
        let signs = |params: &mut CertificateParams| params.key_usages.push(KeyUsagePurpose::KeyCertSign);
        let foreign = |params: &mut CertificateParams| params.use_authority_key_identifier_extension = false;
        for (certificate, reason) in [
            (issued(testing::ca("Issuing", Some(0)), unsigned), "without a key usage"),
            (issued(testing::ca("Issuing", Some(0)), encipher), "path length"),
            (issued(testing::ca("Issuing", None), foreign), "no authority key identifier"),
            (without(&ca, &[0x55, 0x1d, 0x0e]), "without a subject key identifier"),
            (issued(testing::leaf("pump-1"), signs), "it is no CA"),
            (issued(testing::leaf("pump-1"), foreign), "no authority key identifier"),
        ] {
            let found = found(&certificate, false);
            assert!(found.contains(reason) && !found.contains(';'), "{found:?} is not {reason:?}");
        }
        assert_eq!(found(&issued(testing::leaf("pump-1"), foreign), true), "");
        assert_eq!(found(&issued(testing::leaf("pump-1"), unsigned), false), "", "a leaf needs no key usage");
    }
}
