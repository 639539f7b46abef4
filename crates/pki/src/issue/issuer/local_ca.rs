//! A CA whose private key is at hand: in this process, or in a token that signs for it.

use std::sync::{Arc, Mutex, PoisonError};

use base::{Code, Error, Result};

use super::{Issued, Issuer, Order, sign_tbs};
use crate::algorithm::Algorithm;
use crate::issue::chain_period::ChainPeriod;
use crate::issue::lint;
use crate::issue::profile::Profile;
use crate::issue::serial::Serial;
use crate::issue::tbs::{self, Contents, IssuedBy, Pieces};
use crate::key::{PrivateKey, PublicKey, SigningKey};
use crate::names::san::San;
use crate::names::subject::Subject;
use crate::read::certificate::constraints::{bound_names, forbidden};
use crate::read::certificate::{Certificate, GeneralName, KeyUsage};

/// A CA with its certificate, those above it as far as they are known, and its key.
#[derive(Debug)]
pub struct LocalCa<K = PrivateKey> {
    certificate: Certificate,
    public: PublicKey,
    above: Vec<Certificate>,
    /// Those that go along with a leaf: without the root, which peers that trust it have, and others ignore.
    sent: Vec<Certificate>,
    key: K,
    period: ChainPeriod,
    /// The kinds of leaves that it has issued, each with the common part of such leaves from the second one on.
    known: Mutex<Vec<(LeafKind, Option<Arc<Pieces>>)>>,
}

/// The values on which the common part of leaves depends.
#[derive(Debug, PartialEq, Eq)]
struct LeafKind {
    profile: Profile,
    key: Algorithm,
    crl_url: Option<String>,
}

impl<K: SigningKey> LocalCa<K> {
    /// A CA from its chain (its own certificate first) and its private key.
    ///
    /// # Errors
    /// [`Code::NotACa`] unless the first certificate may sign others, [`Code::KeyMismatch`] unless the key is
    /// its own, [`Code::BadSignature`] or [`Code::ChainGap`] unless each certificate is signed by the next,
    /// [`Code::CaUseless`] if one of them has an empty subject.
    pub fn new(chain: Vec<Certificate>, key: K) -> Result<Self> {
        let period = ChainPeriod::of(&chain)?;
        let mut chain = chain.into_iter();
        let certificate =
            chain.next().ok_or_else(|| Code::CertificateUnreadable.error("a CA needs its certificate"))?;
        let above: Vec<Certificate> = chain.collect();
        check_may_sign(&certificate)?;
        key.check_belongs_to(certificate.spki_der()).map_err(|error| error.item(certificate.subject()))?;
        // The whole chain is checked once, so that no certificate is issued below one that no verifier accepts.
        let links = std::iter::once(&certificate).chain(&above).zip(&above);
        for (issued, issuer) in links {
            check_may_sign(issuer)?;
            issued.verify_signed_by(issuer)?;
        }
        let sent = std::iter::once(&certificate).chain(&above).filter(|ca| !ca.is_root()).cloned().collect();
        let public = key.public().clone();
        Ok(Self { public, certificate, above, sent, key, period, known: Mutex::default() })
    }

    /// The CA's own certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The certificates above it, nearest first, as far as they are known.
    pub fn above(&self) -> &[Certificate] {
        &self.above
    }

    /// The certificate and the key, to be written to their places.
    pub fn into_parts(self) -> (Certificate, K) {
        (self.certificate, self.key)
    }
}

impl<K: SigningKey> Issuer for LocalCa<K> {
    fn period(&self) -> Option<&ChainPeriod> {
        Some(&self.period)
    }

    fn issue(&self, order: Order) -> Result<Issued> {
        let contents = &order.contents;
        // All checks come before the key is made, which for RSA can take seconds.
        self.check_period_and_place(contents)?;
        self.check_names(contents.profile, &contents.subject, &contents.sans)?;
        let (key, public) = order.key.resolve()?;
        let tbs = self.write(&order.contents, &public)?;
        let leaf = sign_tbs(&tbs, &order.contents, &public, &self.issued_by(), &self.key)?;
        let mut chain = vec![leaf];
        chain.extend_from_slice(&self.sent);
        Ok(Issued { key, chain })
    }
}

impl<K: SigningKey> LocalCa<K> {
    /// The key that signs.
    pub(crate) fn key(&self) -> &K {
        &self.key
    }

    /// Writes a TBSCertificate. What leaves have in common is encoded once, for the second one of a kind: it takes longer than
    /// all that differs, and longer than a whole leaf of which there is no other.
    pub(super) fn write(&self, contents: &Contents, key: &PublicKey) -> Result<Vec<u8>> {
        let whole = || tbs::write(contents, key, &self.issued_by());
        if contents.profile.is_ca() || !contents.permitted_dns.is_empty() {
            return whole();
        }
        let Some(pieces) = self.pieces_known(contents, key)? else { return whole() };
        contents.sans.iter().try_for_each(tbs::check_san)?;
        lint::check_varying(contents.profile, &contents.serial, &contents.subject, &contents.sans)?;
        let period = tbs::period(&contents.validity)?;
        Ok(pieces.write(&contents.serial, &period, contents.subject.to_der(), &contents.sans, key))
    }

    /// The common part of leaves as this one; `None` for the first one.
    fn pieces_known(&self, contents: &Contents, key: &PublicKey) -> Result<Option<Arc<Pieces>>> {
        let kind = LeafKind { profile: contents.profile, key: key.algorithm(), crl_url: contents.crl_url.clone() };
        // A lock that a panic has poisoned protects whole values only.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((_, pieces)) = known.iter_mut().find(|(one, _)| *one == kind) else {
            known.push((kind, None));
            return Ok(None);
        };
        if pieces.is_none() {
            *pieces = Some(Arc::new(self.pieces_of_sample(contents, key)?));
        }
        Ok(pieces.clone())
    }

    /// The common part of the leaves that differ from `contents` in serial number, validity, subject, alternative names and
    /// key only, of which a certificate for `key` is a sample.
    ///
    /// # Errors
    /// [`Code::LintFailed`].
    pub(super) fn pieces_of_sample(&self, contents: &Contents, key: &PublicKey) -> Result<Pieces> {
        let sample = Contents {
            // A sample with every varying part, each of which is found again in the bytes.
            serial: Serial::random()?,
            subject: Subject::default().with_common_name("sample")?,
            // No server can have a name below `.invalid` (RFC 2606).
            sans: vec![San::dns("sample.invalid")?],
            ..contents.clone()
        };
        let tbs = tbs::write(&sample, key, &self.issued_by())?;
        lint::check(&tbs, sample.profile)?;
        let pieces = Pieces::of(&tbs).ok_or_else(|| Code::Internal.error("a certificate cannot be a template"))?;
        let period = tbs::period(&sample.validity)?;
        // The proof that the cuts are right: with the sample's own values the bytes must be the same.
        if pieces.write(&sample.serial, &period, sample.subject.to_der(), &sample.sans, key) == tbs {
            Ok(pieces)
        } else {
            Err(Code::Internal.error("a template makes another certificate than the one that it was made of"))
        }
    }

    /// The values that its certificates take over from it.
    pub(crate) fn issued_by(&self) -> IssuedBy<'_> {
        // The identifier in the CA's certificate wins: a foreign CA may have computed it in another way.
        let key_id = self.certificate.subject_key_id().map_or_else(|| self.public.key_id(), <[u8]>::to_vec);
        IssuedBy { name_der: self.certificate.subject_der(), key_id, key: &self.public }
    }

    /// Fails for a certificate that would outlive this CA or one above it, and for a CA that may not stand below it.
    pub(super) fn check_period_and_place(&self, contents: &Contents) -> Result<()> {
        if contents.validity.not_after() > self.period.not_after() {
            return Err(Code::OutlivesIssuer
                .error(format!("the certificate would outlive {}", self.period.ends_with()))
                .fix("name fewer days, or renew that CA first"));
        }
        if contents.profile.is_ca() { self.check_may_have_cas() } else { Ok(()) }
    }

    /// Fails with [`Code::PathLength`] if this CA or one above it allows no further CA.
    pub fn check_may_have_cas(&self) -> Result<()> {
        // The certificates above allow one CA more for each step; the root first.
        let mut steps = std::iter::once(&self.certificate).chain(&self.above).filter(|ca| !ca.is_self_issued()).count();
        for ca in self.above.iter().rev().chain(std::iter::once(&self.certificate)) {
            steps = steps.saturating_sub(usize::from(!ca.is_self_issued()));
            if ca.path_len().is_some_and(|limit| usize::try_from(limit).is_ok_and(|limit| limit <= steps)) {
                return Err(Code::PathLength
                    .error(format!("{} may not have CAs below it", self.certificate.subject()))
                    .because(format!(
                        "{} limits the path length to {}",
                        ca.subject(),
                        ca.path_len().unwrap_or_default()
                    ))
                    .fix("bring a root without this limit, or an issuing CA with its key and its root"));
            }
        }
        Ok(())
    }

    /// Fails where a verifier would refuse a name, because this CA or one above it may not vouch for it.
    pub(super) fn check_names(&self, profile: Profile, subject: &Subject, sans: &[San]) -> Result<()> {
        let mut constrained = std::iter::once(&self.certificate)
            .chain(&self.above)
            .filter_map(|ca| Some((ca, ca.name_constraints()?)))
            .peekable();
        if constrained.peek().is_none() {
            // Most CAs have no constraints, and a fleet asks for every device.
            return Ok(());
        }
        let names = bound_names(subject, sans.iter().map(GeneralName::of_san).collect(), !profile.is_ca());
        for (ca, constraints) in constrained {
            if let Some(why) = forbidden(&names, constraints) {
                return Err(Code::NameConstraint
                    .error(format!("a name is outside the constraints of {}", ca.subject()))
                    .because(why)
                    .fix("leave the name out, or make CAs with other constraints"));
            }
        }
        Ok(())
    }
}

/// A Name without attributes, in DER.
const EMPTY_NAME: &[u8] = &[0x30, 0x00];

fn check_may_sign(certificate: &Certificate) -> Result<()> {
    // RFC 5280, section 4.1.2.6: its subject is the issuer of what it signs, which must not be empty.
    if certificate.subject_der() == EMPTY_NAME {
        return Err(Code::CaUseless
            .error(format!("the CA certificate with {} has an empty subject", certificate.label()))
            .because("the certificates that it signs would name no issuer, and OpenSSL, Java and Go refuse them")
            .fix("bring a CA certificate with a subject, such as a common name"));
    }
    let usage_allows = certificate.key_usage().is_none_or(KeyUsage::key_cert_sign);
    if certificate.is_ca() && usage_allows { Ok(()) } else { Err(not_a_ca(certificate)) }
}

fn not_a_ca(certificate: &Certificate) -> Error {
    Code::NotACa
        .error(format!("{} may not sign certificates", certificate.subject()))
        .fix("bring a certificate with CA:TRUE and the key usage keyCertSign")
}
