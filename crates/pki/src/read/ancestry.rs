//! Chains from a CA up to its roots, among certificates in any order.
//!
//! A CA can have several generations with one key, and several issuers (cross-certification), so there can be more than one
//! chain. The order of the files does not decide which one is used.

use std::cmp::Reverse;

use base::{Code, Error, Result};
use time::OffsetDateTime;

use crate::key::is_same_key;
use crate::read::certificate::{Certificate, SelfSignature, SignatureFailure, name, signature_error};

/// The most signatures that are checked: real files need three or four.
const MAX_SIGNATURES: usize = 400;

/// The most certificates of a chain.
const MAX_LENGTH: usize = 20;

/// The most chains that are returned.
const MAX_CHAINS: usize = 40;

/// Each chain from a certificate with the key `spki` up to a root, the certificate first and the root last. Chains that are
/// valid at `now` come first, then those of a CA with an issuer, then those that end last.
///
/// # Errors
/// [`Code::KeyMismatch`] if no certificate belongs to the key, [`Code::NotACa`] if none of them is a CA's,
/// [`Code::SignatureUnsupported`] or [`Code::BadSignature`] if an issuer has the right name only, [`Code::ChainGap`] if it is
/// missing, [`Code::CaUseless`] if the search reaches a limit before it finds a root.
pub fn chains_of_key(spki: &[u8], certificates: &[Certificate], now: OffsetDateTime) -> Result<Vec<Vec<Certificate>>> {
    // One key may have several certificates: cross-signed ones, or an old and a renewed one.
    let owned: Vec<&Certificate> = certificates.iter().filter(|one| is_same_key(one.spki_der(), spki)).collect();
    let Some(first) = owned.first() else {
        return Err(Code::KeyMismatch
            .error("none of the certificates of the CA belongs to its private key")
            .fix("bring the certificate and the key that were made together"));
    };
    if !owned.iter().any(|certificate| certificate.is_ca()) {
        return Err(Code::NotACa.error(format!("{} may not sign certificates", first.label())));
    }
    let mut search = Search { certificates, signatures: MAX_SIGNATURES, chains: Vec::new(), failure: None };
    for certificate in owned.into_iter().filter(|certificate| certificate.is_ca()) {
        search.extend(&mut vec![certificate]);
    }
    let Search { mut chains, failure, .. } = search;
    if chains.is_empty() {
        return Err(failure.unwrap_or_else(|| Code::Internal.error("a search found neither a chain nor a reason")));
    }
    let is_valid = |one: &&Certificate| one.not_before() <= now && now <= one.not_after();
    // The fingerprints come last, so that the order is the same each time.
    chains.sort_by_key(|chain| {
        (
            !chain.iter().all(is_valid),
            chain.len() == 1,
            Reverse(chain.iter().map(|one| one.not_after()).min()),
            chain.len(),
            chain.iter().map(|one| one.fingerprint()).collect::<Vec<_>>(),
        )
    });
    Ok(chains.into_iter().map(|chain| chain.into_iter().cloned().collect()).collect())
}

struct Search<'a> {
    certificates: &'a [Certificate],
    signatures: usize,
    chains: Vec<Vec<&'a Certificate>>,
    /// Why the first incomplete chain ends.
    failure: Option<Error>,
}

impl<'a> Search<'a> {
    fn extend(&mut self, chain: &mut Vec<&'a Certificate>) {
        let Some(last) = chain.last().copied() else { return };
        if self.chains.len() == MAX_CHAINS {
            return;
        }
        if chain.len() > MAX_LENGTH {
            let ca = chain.first().map_or_else(String::new, |ca| ca.label());
            self.failure.get_or_insert_with(|| {
                Code::CaUseless
                    .error(format!("the chain from {ca} to its root is too long"))
                    .because(format!("it has more than {MAX_LENGTH} certificates; Java accepts five CAs by default"))
                    .fix("bring a CA that is nearer to its root")
            });
            return;
        }
        if last.self_signature().is_possible() {
            // A certificate that is there twice leads to one chain twice.
            if !self.chains.contains(chain) {
                self.chains.push(chain.clone());
            }
            return;
        }
        let mut failure = None;
        let mut below = None;
        let mut went_on = false;
        for issuer in self.certificates.iter().filter(|issuer| last.names_as_issuer(issuer)) {
            // Cross-certificates can form a circle; each key and name appears once in a chain.
            if chain.iter().any(|one| is_generation(one, issuer)) {
                below = below.or((!is_generation(last, issuer)).then_some(issuer));
                continue;
            }
            // Signatures cost most, and a file can be made so that the number of paths explodes.
            let Some(left) = self.signatures.checked_sub(1) else {
                self.failure.get_or_insert_with(|| {
                    Code::CaUseless
                        .error(format!("too many certificates could be the issuer of {}", last.label()))
                        .because(format!(
                            "{MAX_SIGNATURES} signatures were checked, which is the limit, and no root was found"
                        ))
                        .fix("bring the certificates of one CA alone, each up to its root, and leave out all others")
                });
                return;
            };
            self.signatures = left;
            match last.signed_by(issuer) {
                Ok(()) => {
                    went_on = true;
                    chain.push(issuer);
                    self.extend(chain);
                    chain.pop();
                }
                // An algorithm that is not supported explains more than a signature that does not fit.
                Err(why @ SignatureFailure::Unsupported(_)) => failure = Some((issuer, why)),
                Err(why) => failure = failure.or(Some((issuer, why))),
            }
        }
        if !went_on && self.failure.is_none() {
            self.failure = Some(match failure {
                Some((issuer, why)) => signature_error(&last.label(), &issuer.label(), &why),
                None => match below.filter(|below| last.signed_by(below).is_ok()) {
                    Some(below) => circle(last, below),
                    None => missing(last),
                },
            });
        }
    }
}

/// True if both are certificates of the same CA, which does not stand above itself.
fn is_generation(one: &Certificate, other: &Certificate) -> bool {
    one == other || is_same_key(one.spki_der(), other.spki_der()) && name::equal(one.subject_der(), other.subject_der())
}

/// The error for a certificate whose only issuer is below it.
fn circle(last: &Certificate, below: &Certificate) -> Error {
    Code::ChainGap
        .error(format!("{} and {} have signed each other", last.label(), below.label()))
        .because("neither of them leads to a root")
        .fix("bring a certificate of one of them that a root has signed, and the root")
}

fn missing(last: &Certificate) -> Error {
    if last.self_signature() == SelfSignature::False {
        return signature_error(&last.label(), &last.label(), &SignatureFailure::Mismatch);
    }
    Code::ChainGap
        .error(format!("the issuer of {} is missing", last.label()))
        .because(format!("{} has to be among the files", last.issuer()))
        .fix("bring every certificate up to the root: clients trust nothing less")
}

#[cfg(test)]
mod tests {
    use rcgen::KeyPair;
    use time::macros::datetime;

    use super::*;
    use crate::read::certificate::testing;

    const NOW: OffsetDateTime = datetime!(2026-01-01 0:00 UTC);

    fn orders<T: Clone>(items: &[T]) -> Vec<Vec<T>> {
        match items.split_first() {
            None => vec![Vec::new()],
            Some((first, rest)) => orders(rest)
                .into_iter()
                .flat_map(|order| {
                    (0..=order.len()).map(move |at| (at, order.clone())).map(|(at, mut order)| {
                        order.insert(at, first.clone());
                        order
                    })
                })
                .collect(),
        }
    }

    #[test]
    fn the_order_of_the_files_does_not_decide_between_generations() {
        let root = testing::root("Root");
        let key = KeyPair::generate().unwrap();
        let again = |key: &KeyPair| KeyPair::from_pem(&key.serialize_pem()).unwrap();
        let of_year = |year| {
            let mut params = testing::ca("Issuing", Some(0));
            params.not_before = datetime!(2015-01-01 0:00 UTC);
            params.not_after = params.not_before.replace_year(year).unwrap();
            root.issue_for(&params, again(&key)).certificate
        };
        // Three generations of one key; NOW lies behind the first.
        let (expired, short, long) = (of_year(2020), of_year(2027), of_year(2029));
        let spki = long.spki_der().to_vec();
        let all = [expired.clone(), short.clone(), long.clone(), root.certificate.clone()];
        for order in orders(&all) {
            let chains = chains_of_key(&spki, &order, NOW).unwrap();
            let firsts: Vec<&Certificate> = chains.iter().map(|chain| &chain[0]).collect();
            assert_eq!(firsts, [&long, &short, &expired]);
            assert!(chains.iter().all(|chain| chain.len() == 2 && chain[1] == root.certificate));
        }
    }

    #[test]
    fn a_cross_certified_ca_has_a_chain_to_each_root() {
        let [old, new] = ["Old", "New"].map(testing::root);
        let key = KeyPair::generate().unwrap();
        let pem = key.serialize_pem();
        let [below_old, below_new] =
            [&old, &new].map(|root| root.issue_for(&testing::ca("Issuing", None), KeyPair::from_pem(&pem).unwrap()));
        let files =
            [&below_old.certificate, &old.certificate, &below_new.certificate, &new.certificate].map(Clone::clone);
        let mut found: Vec<Vec<Vec<Certificate>>> = orders(&files)
            .into_iter()
            .map(|order| chains_of_key(below_old.certificate.spki_der(), &order, NOW).unwrap())
            .collect();
        found.dedup();
        assert_eq!(found.len(), 1, "one answer for all orders");
        assert_eq!(found[0].len(), 2);
    }

    #[test]
    fn a_ca_that_changes_its_key_has_its_new_certificate_in_the_chain() {
        let old = testing::root("Root");
        // The old key certifies the new one, under the same name (RFC 4210, section 4.4).
        let new = old.issue(&testing::ca("Root", None));
        let issuing = new.issue(&testing::ca("Issuing", None));
        let whole = [&issuing, &new, &old].map(|one| one.certificate.clone());
        for order in orders(&whole) {
            assert_eq!(chains_of_key(issuing.certificate.spki_der(), &order, NOW).unwrap(), [whole.to_vec()]);
        }
        assert!(old.certificate.is_root() && !new.certificate.is_root() && new.certificate.is_self_issued());
    }

    #[test]
    fn certificates_in_a_circle_are_not_called_missing() {
        let [a, b] = ["A", "B"].map(testing::root);
        let key = |ca: &testing::TestCa| KeyPair::from_pem(&ca.key_pem()).unwrap();
        let below_b = b.issue_for(&testing::ca("A", None), key(&a)).certificate;
        let below_a = a.issue_for(&testing::ca("B", None), key(&b)).certificate;
        let error = chains_of_key(below_b.spki_der(), &[below_b.clone(), below_a], NOW).unwrap_err();
        assert_eq!(error.code(), Code::ChainGap);
        assert!(error.finding().what.contains("have signed each other"), "{error}");
    }

    #[test]
    fn a_search_that_reaches_a_limit_names_it() {
        let mut cas = vec![testing::root("Root")];
        for number in 0..20 {
            let below = cas[number].issue(&testing::ca(&format!("CA {number}"), None));
            cas.push(below);
        }
        let files: Vec<Certificate> = cas.iter().map(|ca| ca.certificate.clone()).collect();
        // 20 certificates are followed, and the one above them is not.
        assert_eq!(chains_of_key(files[19].spki_der(), &files, NOW).unwrap()[0].len(), 20);
        let error = chains_of_key(files[20].spki_der(), &files, NOW).unwrap_err();
        assert_eq!(error.code(), Code::CaUseless);
        assert!(error.finding().why.as_deref().unwrap().contains("more than 20 certificates"), "{error:?}");
        assert!(error.finding().fix.is_some());

        let issuing = testing::root("Many").issue(&testing::ca("Issuing", None)).certificate;
        // Copies of one namesake: each costs a check of the signature.
        let namesake = testing::root("Many").certificate;
        let files: Vec<Certificate> =
            std::iter::once(issuing.clone()).chain(std::iter::repeat_n(namesake, MAX_SIGNATURES + 1)).collect();
        let error = chains_of_key(issuing.spki_der(), &files, NOW).unwrap_err();
        assert_eq!(error.code(), Code::CaUseless);
        assert!(error.finding().why.as_deref().unwrap().contains("400 signatures"), "{error:?}");
        assert!(error.finding().fix.is_some());
        // One fewer is still compared, and the reason is the signature.
        let error = chains_of_key(issuing.spki_der(), &files[..MAX_SIGNATURES], NOW).unwrap_err();
        assert_eq!(error.code(), Code::BadSignature);
    }

    #[test]
    fn what_is_missing_is_told_from_what_is_false() {
        let root = testing::root("Root");
        let issuing = root.issue(&testing::ca("Issuing", None)).certificate;
        let leaf = root.issue(&testing::leaf("x")).certificate;
        let code = |spki: &[u8], files: &[&Certificate]| {
            let files: Vec<Certificate> = files.iter().map(|one| (*one).clone()).collect();
            chains_of_key(spki, &files, NOW).unwrap_err().code()
        };
        assert_eq!(code(issuing.spki_der(), &[&issuing]), Code::ChainGap);
        assert_eq!(code(issuing.spki_der(), &[&issuing, &testing::root("Root").certificate]), Code::BadSignature);
        assert_eq!(code(leaf.spki_der(), &[&leaf, &root.certificate]), Code::NotACa);
        assert_eq!(code(leaf.spki_der(), &[&root.certificate]), Code::KeyMismatch);
        assert_eq!(code(leaf.spki_der(), &[]), Code::KeyMismatch);
    }
}
