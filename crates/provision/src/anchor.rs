//! The trust anchor for a server whose certificate another organization issued.
//!
//! Clients need the root of the server's chain, which a server usually does not send. Either the system trusts it already,
//! or the user gives its fingerprint, which must come from another source than this connection.

use base::{Code, Error, Finding, Result};
use pki::Certificate;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use time::OffsetDateTime;
use webpki::{EndEntityCert, KeyUsage};

use crate::fingerprint::Fingerprint;
use crate::probe::Probe;
use crate::roots::Roots;

mod fault;
use fault::{ChainFault, fault};

/// The trust anchor for clients of a server.
#[derive(Debug, Clone)]
pub struct Anchor {
    /// The root that the chain leads to.
    pub certificate: Certificate,
    /// The reason why it is trusted.
    pub vouched: TrustBasis,
    /// The problems that clients may still have.
    pub findings: Vec<Finding>,
}

/// The reason why an [`Anchor`] is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrustBasis {
    /// It is one of the system's roots, and the server's chain and name verify with it.
    BySystem,
    /// It has the given fingerprint and this role in the server's chain.
    ByFingerprint(ChainRole),
}

/// The role of a certificate in a server's chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChainRole {
    /// A self-signed certificate that is not the leaf.
    Root,
    /// A CA that another CA issued.
    IssuingCa,
    /// The server's own certificate.
    Leaf,
}

/// Finds the trust anchor of the probed server with the name `name`.
///
/// Without a fingerprint, the chain must verify with one of `roots` for this name at the time `now`. With a fingerprint,
/// the anchor is the certificate that has it: one that the server sent, or one of `roots` with which the chain verifies.
///
/// # Errors
/// [`Code::ServerUnverified`] if the chain does not verify and no fingerprint was given, [`Code::FingerprintMismatch`] if no
/// certificate has the fingerprint. Both list the certificates that the server sent.
pub fn find(
    probe: &Probe,
    name: &ServerName<'_>,
    fingerprint: Option<&Fingerprint>,
    roots: &Roots,
    now: OffsetDateTime,
) -> Result<Anchor> {
    let sent = ServerChain::new(probe, name, now);
    match fingerprint {
        // Without a fingerprint nothing but the roots of the system can vouch for the server.
        None => by_system(&sent, roots).map_err(|(code, why)| sent.unverified(code, &why)),
        Some(fingerprint) => match sent.by_fingerprint(fingerprint) {
            Some(anchor) => Ok(anchor),
            // Servers seldom send the root, but the system may have it.
            None => by_system(&sent, &roots.only(fingerprint)).map_err(|_| sent.mismatch(fingerprint)),
        },
    }
}

fn by_system(sent: &ServerChain<'_>, roots: &Roots) -> Result<Anchor, ChainFault> {
    let anchors = roots.anchors();
    let anchor = sent.verify(&anchors)?;
    sent.verify_name()?;
    // webpki accepts some certificates that x509-parser cannot read.
    let certificate = roots
        .certificate_of(&anchor, sent.now)
        .ok_or_else(|| (Code::CertificateUnreadable, "the root that anchors it cannot be read".to_owned()))?;
    let mut findings = sent.common_findings(&certificate);
    if !certificate.self_signature().is_possible() {
        findings.push(not_self_signed("the certificate that this system trusts is issued by another CA"));
    }
    Ok(Anchor { certificate, vouched: TrustBasis::BySystem, findings })
}

/// The number of certificates that messages list. Valid chains are shorter.
const MAX_LISTED: usize = 10;

/// The chain that a server sent, with the name and time to verify it for.
struct ServerChain<'a> {
    probe: &'a Probe,
    name: &'a ServerName<'a>,
    now: OffsetDateTime,
    raw: Vec<CertificateDer<'a>>,
}

impl<'a> ServerChain<'a> {
    fn new(probe: &'a Probe, name: &'a ServerName<'a>, now: OffsetDateTime) -> Self {
        let raw = probe.chain.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
        Self { probe, name, now, raw }
    }

    /// Verifies the chain, and returns the anchor of its path.
    fn verify<'b>(&self, anchors: &[TrustAnchor<'b>]) -> Result<TrustAnchor<'b>, ChainFault> {
        let leaf = self.leaf()?;
        let seconds = u64::try_from(self.now.unix_timestamp()).unwrap_or(0);
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        let rest = self.raw.get(1..).unwrap_or_default();
        let path = leaf
            .verify_for_usage(algorithms(), anchors, rest, now, KeyUsage::server_auth(), None, None)
            .map_err(|error| fault(&error))?;
        let found = anchors.iter().find(|anchor| *anchor == path.anchor());
        found.cloned().ok_or_else(|| (Code::Internal, "the anchor of a path is none of the anchors".to_owned()))
    }

    fn verify_name(&self) -> Result<(), ChainFault> {
        let Err(error) = self.leaf()?.verify_is_valid_for_subject_name(self.name) else { return Ok(()) };
        let leaf = self.probe.chain.first().and_then(|der| Certificate::from_der(der).ok());
        let (code, why) = fault(&error);
        // webpki has the names in the form of Rust's source code.
        match leaf.filter(|_| code == Code::WrongName).map(|leaf| leaf.sans()) {
            None => Err((code, why)),
            Some(names) if names.is_empty() => Err((code, "the certificate is for no name".to_owned())),
            Some(names) => {
                let names: Vec<String> = names.iter().map(ToString::to_string).collect();
                Err((code, format!("the certificate is for {}", names.join(", "))))
            }
        }
    }

    fn leaf(&self) -> Result<EndEntityCert<'_>, ChainFault> {
        let none = || (Code::CertificateUnreadable, "the server sent no certificate".to_owned());
        EndEntityCert::try_from(self.raw.first().ok_or_else(none)?).map_err(|error| fault(&error))
    }

    fn by_fingerprint(&self, fingerprint: &Fingerprint) -> Option<Anchor> {
        let parsed = |der: &Vec<u8>| Certificate::from_der(der).ok();
        let (place, certificate) = self
            .probe
            .chain
            .iter()
            .enumerate()
            .filter_map(|(place, der)| Some((place, parsed(der)?)))
            .find(|(_, certificate)| Fingerprint::of(certificate) == *fingerprint)?;
        let mut findings = self.common_findings(&certificate);
        let self_signed = certificate.self_signature().is_possible();
        let role = match (place, self_signed) {
            // A server with one self-signed certificate sends it first: it is its own root.
            (0, _) => ChainRole::Leaf,
            (_, true) => ChainRole::Root,
            (_, false) => ChainRole::IssuingCa,
        };
        match (role, self_signed) {
            (ChainRole::Leaf, false) => findings.push(not_self_signed("this is the server's own certificate")),
            (ChainRole::IssuingCa, _) => findings.push(not_self_signed("this is a CA that another CA issued")),
            _ => {}
        }
        // Warnings and no errors: the operator has named this very certificate.
        let faults = [self.verify_with(&certificate, role, self_signed).err(), self.verify_name().err()];
        findings.extend(faults.into_iter().flatten().map(|(code, why)| {
            code.warning("clients that trust this certificate may still reject the server").because(why)
        }));
        Some(Anchor { certificate, vouched: TrustBasis::ByFingerprint(role), findings })
    }

    /// Verifies that the chain leads to the certificate with the given fingerprint.
    fn verify_with(&self, certificate: &Certificate, role: ChainRole, self_signed: bool) -> Result<(), ChainFault> {
        if role == ChainRole::Leaf && !self_signed {
            // A pinned leaf has no path to verify; a finding already warns about it.
            return Ok(());
        }
        let der = CertificateDer::from(certificate.der());
        let anchor = webpki::anchor_from_trusted_cert(&der).map_err(|error| fault(&error))?;
        self.verify(&[anchor]).map(drop)
    }

    /// The findings that do not depend on the reason of trust.
    fn common_findings(&self, certificate: &Certificate) -> Vec<Finding> {
        let mut findings = Vec::new();
        if let Some(why) = &self.probe.unproven {
            findings.push(
                Code::ServerUnverified
                    .warning("the server did not show that it has the key of its certificate")
                    .because(why),
            );
        }
        if certificate.not_after() < self.now {
            findings.push(
                Code::Expired
                    .warning("the certificate to trust has expired")
                    .item(certificate.label())
                    .fix("have it replaced by the operator of the server, then run the command again"),
            );
        } else if self.now < certificate.not_before() {
            findings.push(Code::NotYetValid.warning("the certificate to trust is not valid yet"));
        }
        findings.extend(certificate.unchecked_self_signature().map(|finding| finding.item(certificate.label())));
        findings
    }

    fn unverified(&self, code: Code, why: &str) -> Error {
        let title = code.title();
        Code::ServerUnverified
            .error("the server cannot be verified with the roots of this system")
            .because(format!("{title} ({why}). {}", self.list()))
            .fix("compare a fingerprint with the one from the server's operator, and pass it as `--sha256`")
    }

    fn mismatch(&self, fingerprint: &Fingerprint) -> Error {
        let error = Code::FingerprintMismatch
            .error(format!("no certificate that the server sent has the SHA-256 {fingerprint}"));
        let sent = self.probe.chain.iter().filter_map(|der| Certificate::from_der(der).ok());
        if sent.into_iter().any(|certificate| certificate.self_signature().is_possible()) {
            return error
                .because(self.list())
                .fix("check whether the server has a new certificate, or whether this is another server");
        }
        // The usual case for a private CA, and no sign of another server.
        error
            .because(format!("the server sent no root, as most servers, and this system has none that fits. {}", self.list()))
            .fix(
                "if it is the fingerprint of the root, get the root from the server's operator as a file, compare its \
                 fingerprint with `tbpki inspect FILE`, and name the file in `[server] anchors` of keygen.toml; if it is \
                 another one, check whether the server has a new certificate, or whether this is another server",
            )
    }

    /// The certificates that the server sent, one per line.
    fn list(&self) -> String {
        let mut text = "The server sent:".to_owned();
        for (place, der) in self.probe.chain.iter().enumerate() {
            if place == MAX_LISTED {
                text.push_str(&format!("\n  and {} more", self.probe.chain.len() - place));
                break;
            }
            let line = match Certificate::from_der(der) {
                Ok(certificate) => format!("{}, SHA-256 {}", certificate.label(), Fingerprint::of(&certificate)),
                Err(_) => format!("{} octets that are not a certificate", der.len()),
            };
            text.push_str(&format!("\n  {}. {line}", place + 1));
        }
        text
    }
}

fn not_self_signed(what: &str) -> Finding {
    Code::NotSelfSigned
        .warning(what)
        .because("OpenSSL and Python trust a file only if it leads to a self-signed certificate")
        .fix("get the root from the server's operator, or give its fingerprint if the system has it")
}

fn algorithms() -> &'static [&'static dyn SignatureVerificationAlgorithm] {
    aws_lc_rs::default_provider().signature_verification_algorithms.all
}
