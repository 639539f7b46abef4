//! Chains: a leaf, each certificate followed by its issuer.

use std::collections::HashSet;

use base::{Code, Error, Result};

use crate::read::certificate::Certificate;

/// The most certificates that are put in order. Real chains have two or three; a file of thousands only wants to keep
/// us comparing.
const MAX: usize = 64;

/// A chain as it is sent (RFC 8446, section 4.4.2): leaf first, each certificate directly followed by the one that signed
/// it, none twice. Whether it leads to anything trusted, and dates and purposes, are [`verify`](crate::verify)'s matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain(Vec<Certificate>);

impl Chain {
    /// Takes certificates that are in order.
    ///
    /// # Errors
    /// [`Code::DuplicateInChain`], [`Code::ChainOrder`] if the issuer is elsewhere in the list, [`Code::ChainGap`] when
    /// it is not there, [`Code::BadSignature`] when it has the name but not the key.
    pub fn new(certificates: Vec<Certificate>) -> Result<Self> {
        check_count(&certificates)?;
        for (place, certificate) in certificates.iter().enumerate() {
            // Some verifiers fail on a certificate that is sent twice, and others ignore it.
            if let Some(copy) = certificates.iter().take(place).position(|other| other == certificate) {
                return Err(Code::DuplicateInChain
                    .error(format!("{} is in the chain twice", certificate.label()))
                    .because(format!("number {} and number {} are the same", copy + 1, place + 1)));
            }
        }
        for pair in certificates.windows(2) {
            let [certificate, next] = pair else { continue };
            // By name first: a misplaced certificate has a better explanation than a signature that does not fit.
            if !certificate.names_as_issuer(next) {
                return Err(misplaced(certificate, next, &certificates));
            }
            certificate.verify_signed_by(next)?;
        }
        Ok(Self(certificates))
    }

    /// Puts certificates in order, whatever order they come in. Copies are dropped.
    ///
    /// # Errors
    /// [`Code::ChainGap`] when they are not all of one chain, [`Code::BadSignature`] when some belong together by name only.
    pub fn sort(certificates: Vec<Certificate>) -> Result<Self> {
        check_count(&certificates)?;
        let mut seen = HashSet::new();
        let mut unsorted: Vec<Certificate> =
            certificates.into_iter().filter(|one| seen.insert(one.fingerprint())).collect();
        // The leaf is the one that issued none of the others.
        let issued_none = |one: &Certificate| {
            unsorted.iter().all(|other| other == one || !other.names_as_issuer(one) || other.signed_by(one).is_err())
        };
        let leaf = unsorted.iter().position(issued_none).ok_or_else(|| {
            Code::ChainOrder.error("none of the certificates is a leaf").because("they have all signed each other")
        })?;
        let mut sorted = vec![unsorted.remove(leaf)];
        while let Some(last) = sorted.last() {
            // Names alone do not decide: a renewed CA has the name of the old one.
            let issued = |other: &Certificate| last.names_as_issuer(other) && last.signed_by(other).is_ok();
            let Some(next) = unsorted.iter().position(issued) else { break };
            sorted.push(unsorted.remove(next));
        }
        match (sorted.last(), unsorted.first()) {
            (Some(last), Some(stray)) => Err(left_over(&sorted, &unsorted, last, stray)),
            _ => Ok(Self(sorted)),
        }
    }

    /// The first certificate: the one whose key its holder uses.
    pub fn leaf(&self) -> &Certificate {
        #[allow(clippy::indexing_slicing, reason = "both constructors refuse to make an empty chain")]
        &self.0[0]
    }

    /// All certificates, the leaf first.
    pub fn certificates(&self) -> &[Certificate] {
        &self.0
    }

    /// All certificates but the leaf, each followed by its issuer.
    pub fn issuers(&self) -> &[Certificate] {
        self.0.get(1..).unwrap_or_default()
    }

    /// The chain as PEM, the leaf first.
    pub fn to_pem(&self) -> String {
        self.0.iter().map(Certificate::to_pem).collect()
    }
}

fn check_count(certificates: &[Certificate]) -> Result<()> {
    if certificates.is_empty() {
        return Err(Code::CertificateUnreadable.error("there is no certificate for a chain"));
    }
    if certificates.len() > MAX {
        return Err(Code::ChainGap.error(format!("{} certificates are not one chain", certificates.len())));
    }
    Ok(())
}

/// The error for a certificate that is followed by `next`, which is not its issuer.
fn misplaced(certificate: &Certificate, next: &Certificate, all: &[Certificate]) -> Error {
    let what = format!("{} is followed by {}, not by its issuer", certificate.label(), next.label());
    if certificate.is_self_issued()
        && all.iter().any(|other| other != certificate && other.names_as_issuer(certificate))
    {
        return Code::ChainOrder
            .error(what)
            .because("it is the root of the others")
            .fix("put the leaf first and the root last, or leave the root out");
    }
    match all.iter().position(|other| other != certificate && certificate.names_as_issuer(other)) {
        Some(place) => Code::ChainOrder
            .error(what)
            .because(format!("its issuer is number {}", place + 1))
            .fix("put the leaf first and each certificate before its issuer"),
        None => Code::ChainGap
            .error(what)
            .because(format!("its issuer is {}", certificate.issuer()))
            .fix("put that certificate between the two, or leave out those that do not belong there"),
    }
}

/// The error for certificates of which only some make a chain.
fn left_over(sorted: &[Certificate], unsorted: &[Certificate], last: &Certificate, stray: &Certificate) -> Error {
    let all = || sorted.iter().chain(unsorted);
    for one in all() {
        // A wrong signature explains more than a gap, unless another certificate of the issuer's name made it.
        let namesakes: Vec<&Certificate> = all().filter(|other| *other != one && one.names_as_issuer(other)).collect();
        let failures: Vec<Error> = namesakes.iter().filter_map(|other| one.verify_signed_by(other).err()).collect();
        if failures.len() == namesakes.len()
            && let Some(failure) = failures.into_iter().next()
        {
            return failure;
        }
    }
    Code::ChainGap.error(format!("{} does not belong to the chain", stray.label())).because(format!(
        "the chain ends with {}, whose issuer is {}",
        last.label(),
        last.issuer()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::certificate::testing;

    /// Leaf, issuing CA, root.
    fn three() -> [Certificate; 3] {
        let root = testing::root("Root");
        let issuing = root.issue(&testing::ca("Issuing", Some(0)));
        let leaf = issuing.issue(&testing::leaf("device-1"));
        [leaf.certificate, issuing.certificate, root.certificate]
    }

    #[test]
    fn a_chain_in_order_is_taken_with_and_without_root() {
        let [leaf, issuing, root] = three();
        let chain = Chain::new(vec![leaf.clone(), issuing.clone(), root]).unwrap();
        assert_eq!(chain.leaf(), &leaf);
        assert_eq!(Chain::new(vec![leaf.clone(), issuing.clone()]).unwrap().issuers(), [issuing]);
        assert!(Chain::new(vec![leaf]).is_ok());
    }

    #[test]
    fn every_order_sorts_to_the_same_chain() {
        let [leaf, issuing, root] = three();
        let expected = Chain::new(vec![leaf.clone(), issuing.clone(), root.clone()]).unwrap();
        for order in [[&root, &issuing, &leaf], [&issuing, &leaf, &root], [&leaf, &root, &issuing]] {
            assert_eq!(Chain::sort(order.into_iter().cloned().collect()).unwrap(), expected);
        }
        assert_eq!(Chain::sort(vec![root.clone(), leaf, root, issuing]).unwrap(), expected);
    }

    #[test]
    fn mistakes_are_told_apart() {
        let [leaf, issuing, root] = three();
        let code = |certificates: &[&Certificate]| {
            Chain::new(certificates.iter().copied().cloned().collect()).unwrap_err().code()
        };
        assert_eq!(code(&[&root, &issuing, &leaf]), Code::ChainOrder);
        assert_eq!(code(&[&leaf, &root, &issuing]), Code::ChainOrder);
        assert_eq!(code(&[&leaf, &root]), Code::ChainGap);
        assert_eq!(code(&[&leaf, &issuing, &root, &root]), Code::DuplicateInChain);
        assert_eq!(code(&[]), Code::CertificateUnreadable);
        // Of another hierarchy with the same names.
        let [_, impostor, _] = three();
        assert_eq!(code(&[&leaf, &impostor]), Code::BadSignature);
        assert_eq!(Chain::sort(vec![impostor, leaf.clone()]).unwrap_err().code(), Code::BadSignature);
        assert_eq!(Chain::sort(vec![leaf, root]).unwrap_err().code(), Code::ChainGap);
    }

    #[test]
    fn a_chain_reads_back_from_its_pem() {
        let chain = Chain::new(three().to_vec()).unwrap();
        let bundle = crate::read::pem_bundle::PemBundle::parse(chain.to_pem().as_bytes()).unwrap();
        assert_eq!(Chain::new(bundle.certificates).unwrap(), chain);
    }
}
