//! From the leaf to a trust anchor, where several certificates may claim to be the issuer.

use base::{Code, Finding, Severity};

use crate::read::certificate::{Certificate, SignatureFailure, signature_error};

use super::request::{VerifyRequest, about};
use super::walk;

/// The most signatures that are checked for one report, so that a file of many CAs of one name costs seconds and not
/// hours. Real chains need three.
const MAX_SIGNATURES: usize = 400;

/// The most certificates in a path.
const MAX_LENGTH: usize = 20;

/// The most paths to an anchor that are judged.
const MAX_PATHS: usize = 40;

/// The number of lists that may be needed to believe the signer of a list.
const MAX_DEPTH: usize = 3;

/// The best path that was found.
#[derive(Debug)]
pub(super) struct Path<'a> {
    /// The leaf first.
    pub(super) certificates: Vec<&'a Certificate>,
    pub(super) end: PathEnd,
    /// The findings, one list for each certificate.
    pub(super) findings: Vec<Vec<Finding>>,
}

/// The end of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PathEnd {
    /// At a trust anchor.
    Anchor,
    /// At a certificate that is its own issuer and not trusted.
    SelfIssued,
    /// At a certificate whose issuer is not there.
    IssuerMissing,
    /// At a certificate behind which the search was given up, and why.
    Limit(String),
    /// At a certificate whose signature none of its namesake issuers made; the first of them, and why.
    Forged(String, SignatureFailure),
}

impl Path<'_> {
    /// True if it leads to an anchor and has no fault.
    fn is_good(&self) -> bool {
        self.end == PathEnd::Anchor && self.faults() == 0
    }

    fn faults(&self) -> usize {
        self.findings.iter().flatten().filter(|finding| finding.severity == Severity::Fault).count()
    }

    /// True if this path explains more than the other: trusted ones with few faults first, then long ones.
    fn is_better_than(&self, other: &Path<'_>) -> bool {
        // A path to an anchor explains more than any other, even with faults. Without an anchor the longest path tells
        // most.
        let rank = |path: &Path<'_>| {
            let reach = match path.end {
                PathEnd::Anchor => 1,
                PathEnd::SelfIssued | PathEnd::IssuerMissing | PathEnd::Limit(_) | PathEnd::Forged(..) => 0,
            };
            (reach, std::cmp::Reverse(if reach == 1 { path.faults() } else { 0 }), path.certificates.len())
        };
        rank(self) > rank(other)
    }
}

/// The best path for `leaf`: the first without faults, else the one that explains most.
pub(super) fn find<'a>(request: &VerifyRequest<'a>, leaf: &'a Certificate) -> Path<'a> {
    find_at_depth(request, leaf, 0)
}

/// The same for a certificate that signed a revocation list, which itself may have been revoked.
fn find_at_depth<'a>(request: &VerifyRequest<'a>, leaf: &'a Certificate, depth: usize) -> Path<'a> {
    let mut search = Search { request, depth, signatures: MAX_SIGNATURES, paths: MAX_PATHS, best: None };
    search.extend(&mut vec![leaf]);
    search.best.unwrap_or_else(|| Path { certificates: vec![leaf], end: PathEnd::IssuerMissing, findings: Vec::new() })
}

struct Search<'r, 'a> {
    request: &'r VerifyRequest<'a>,
    depth: usize,
    signatures: usize,
    paths: usize,
    best: Option<Path<'a>>,
}

impl<'a> Search<'_, 'a> {
    fn is_over(&self) -> bool {
        // One good path is enough, as for TLS libraries.
        self.paths == 0 || self.best.as_ref().is_some_and(Path::is_good)
    }

    fn extend(&mut self, path: &mut Vec<&'a Certificate>) {
        let Some(last) = path.last().copied() else { return };
        // An anchor ends the path, even if it has an issuer of its own among the certificates.
        if self.request.anchors.contains(last) {
            return self.judge(path, PathEnd::Anchor);
        }
        let mut end = if last.is_self_issued() { PathEnd::SelfIssued } else { PathEnd::IssuerMissing };
        let mut went_on = false;
        for candidate in self.candidates(last, path) {
            // Bounds on signatures and lengths: a hostile chain of cross-signed CAs could otherwise take exponential
            // time.
            if self.is_over() {
                break;
            }
            if path.len() == MAX_LENGTH {
                end = PathEnd::Limit(format!("tbpki follows at most {MAX_LENGTH} certificates"));
                break;
            }
            if self.signatures == 0 {
                end = PathEnd::Limit(format!("tbpki checks at most {MAX_SIGNATURES} signatures for a path"));
                break;
            }
            self.signatures -= 1;
            match last.signed_by(candidate) {
                Ok(()) => {
                    went_on = true;
                    path.push(candidate);
                    self.extend(path);
                    path.pop();
                }
                // A self-issued certificate has itself as namesake; a namesake that did not sign it is no evidence.
                // A forged signature is reported only if no other certificate of that name fits.
                Err(failure) if end == PathEnd::IssuerMissing => end = PathEnd::Forged(candidate.label(), failure),
                Err(_) => {}
            }
        }
        if !went_on {
            self.judge(path, end);
        }
    }

    /// Who may have issued `last`, the likeliest first: those whose key identifier fits, and anchors before others.
    fn candidates(&self, last: &Certificate, path: &[&Certificate]) -> Vec<&'a Certificate> {
        let request = self.request;
        let mut candidates: Vec<&'a Certificate> = Vec::new();
        for candidate in request.anchors.iter().chain(request.chain).chain(request.extra) {
            // An anchor ends the path, so that it may have key and name of a certificate that was walked through.
            let is_anchor = request.anchors.contains(candidate);
            let walked = |one: &&Certificate| {
                *one == candidate
                    || !is_anchor
                        && one.spki_der() == candidate.spki_der()
                        && one.subject_der() == candidate.subject_der()
            };
            if last.names_as_issuer(candidate) && !path.iter().any(walked) && !candidates.contains(&candidate) {
                candidates.push(candidate);
            }
        }
        // Certificates with the wanted key id come first; the others still follow, because old CAs have wrong ids.
        let wanted = last.authority_key_id();
        candidates.sort_by_key(|candidate| wanted.is_some() && candidate.subject_key_id() != wanted);
        candidates
    }

    fn judge(&mut self, path: &[&'a Certificate], end: PathEnd) {
        self.paths = self.paths.saturating_sub(1);
        let (request, depth) = (self.request, self.depth);
        let is_trusted =
            |signer: &'a Certificate| depth < MAX_DEPTH && find_at_depth(request, signer, depth + 1).is_good();
        let mut findings = walk::check(request, path, end == PathEnd::Anchor, depth, &is_trusted);
        // An end without an anchor concerns the last certificate of the path.
        if let Some(last) = path.last() {
            let finding = end_finding(self.request, path.len(), last, &end).map(|finding| about(finding, last));
            // In front: the other findings about this certificate matter less.
            findings.last_mut().map(|list| finding.map(|finding| list.insert(0, finding)));
        }
        let judged = Path { certificates: path.to_vec(), end, findings };
        if self.best.as_ref().is_none_or(|best| judged.is_better_than(best)) {
            self.best = Some(judged);
        }
    }
}

fn end_finding(request: &VerifyRequest<'_>, length: usize, last: &Certificate, end: &PathEnd) -> Option<Finding> {
    let label = last.label();
    let finding = match end {
        PathEnd::Anchor => return None,
        PathEnd::Forged(namesake, failure) => signature_error(&label, namesake, failure).into_finding(),
        _ if request.anchors.is_empty() => {
            Code::Untrusted.fault("nothing is trusted").because("no trust anchors were given")
        }
        PathEnd::Limit(why) => Code::Untrusted
            .fault(format!("the search for a trust anchor ended at {label}"))
            .because(why.clone())
            .fix("give the certificates of one chain alone, or use a CA that is nearer to its root"),
        PathEnd::SelfIssued => Code::Untrusted
            .fault(format!("{label} is not among the trust anchors"))
            .because("it is its own issuer, so that no other certificate can verify it"),
        PathEnd::IssuerMissing if length == 1 => Code::ChainGap
            .fault(format!("the issuer of {label} is missing"))
            .because(format!("{} is neither sent nor trusted", last.issuer()))
            .fix("put the issuing CA behind the leaf, or trust the anchor that belongs to it"),
        PathEnd::IssuerMissing => Code::Untrusted
            .fault(format!("the chain ends with {label}"))
            .because(format!("its issuer {} is not among the trust anchors", last.issuer())),
    };
    Some(finding)
}
