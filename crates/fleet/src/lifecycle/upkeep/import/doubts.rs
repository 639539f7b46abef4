//! The reasons for which peers refuse an imported certificate, or by which its renewal differs from it.
//!
//! They do not stop the import: the certificate is in use already, and its renewal is without them.

use std::collections::HashMap;

use base::text::{counted, quote, shell_word};
use base::{Code, Finding, Severity};
use ledger::Kind;
use pki::verify::{Purpose, leaf_alone};
use time::OffsetDateTime;

use super::candidate::Candidate;
use crate::lifecycle::upkeep::repair::issuers::Issuers;

/// How many devices a warning names.
const NAMED: usize = 5;

/// The warnings about certificates that are new to the ledger. The same one about several is one.
pub(super) fn doubts<'a>(candidates: impl Iterator<Item = &'a Candidate>, now: OffsetDateTime) -> Vec<Finding> {
    let mut groups: Vec<(Finding, Vec<&Candidate>)> = Vec::new();
    let mut known: HashMap<(Code, String, Option<String>), usize> = HashMap::new();
    for candidate in candidates {
        for finding in of_leaf(candidate, now) {
            let key = (finding.code, finding.what.clone(), finding.why.clone());
            match known.get(&key).and_then(|place| groups.get_mut(*place)) {
                Some((_, owners)) => owners.push(candidate),
                None => {
                    known.insert(key, groups.len());
                    groups.push((finding, vec![candidate]));
                }
            }
        }
    }
    groups.into_iter().map(|(finding, owners)| about(finding, &owners)).collect()
}

/// The faults of a leaf by itself, as warnings. That it has expired is a warning of its own.
fn of_leaf(candidate: &Candidate, now: OffsetDateTime) -> impl Iterator<Item = Finding> {
    let purpose = if candidate.kind == Kind::Server { Purpose::Server } else { Purpose::Device };
    let faults = leaf_alone(&candidate.leaf, purpose, now).into_iter();
    let faults = faults.filter(|finding| finding.severity == Severity::Fault && finding.code != Code::Expired);
    faults.map(|finding| Finding { severity: Severity::Warning, ..finding })
}

/// The finding, with the names of those that it is about.
fn about(finding: Finding, owners: &[&Candidate]) -> Finding {
    let mut names: Vec<String> = owners.iter().take(NAMED).map(|owner| owner.name.clone()).collect();
    if owners.len() > NAMED {
        names.push(format!("{} more", owners.len() - NAMED));
    }
    let finding = finding.item(names.join(", "));
    match owners {
        [only] => finding.at(&only.path),
        _ => finding,
    }
}

/// A warning about a certificate that names a CA of this store as its issuer, which no key of that CA has signed.
pub(super) fn false_signature(candidate: &Candidate, issuers: &Issuers) -> Option<Finding> {
    if candidate.issuer.is_some() || candidate.leaf.is_self_issued() {
        return None;
    }
    let ca = issuers.named_by(&candidate.leaf)?;
    let (kind, name) = (candidate.kind, &candidate.name);
    Some(
        Code::BadSignature
            .warning(format!(
                "no key of the CA {ca} made the signature, although the certificate names it as its issuer"
            ))
            .because("another CA of the same name issued it, or it is forged")
            .at(&candidate.path)
            .item(name)
            .fix(format!(
                "if you do not know that CA, replace the certificate: `tbpki renew --{kind} {}`",
                shell_word(name)
            )),
    )
}

/// A warning about a subject that a renewal does not have.
pub(super) fn other_subject(candidate: &Candidate) -> Option<Finding> {
    let subject = candidate.leaf.subject_name()?;
    let fault = subject.common_name_fault()?;
    let what = format!("a renewal of {} has another subject", candidate.name);
    let finding = Code::NamesNotRenewed.warning(what).at(&candidate.path).item(&candidate.name);
    Some(finding.because(format!("{fault}; programs differ in the name that they take from it")))
}

/// A warning about certificates that have expired.
pub(super) fn expired(candidates: &[Candidate], now: OffsetDateTime) -> Option<Finding> {
    let expired: Vec<&Candidate> = candidates.iter().filter(|one| one.leaf.not_after() < now).collect();
    let shown = expired.iter().take(NAMED).map(|one| quote(&one.name).to_string()).collect::<Vec<_>>().join(", ");
    let (what, fix) = match expired.as_slice() {
        [] => return None,
        [only] => (
            format!("the certificate of {shown} has expired"),
            format!("renew it: `tbpki renew --{} {}`", only.kind, shell_word(&only.name)),
        ),
        several => {
            let count = counted(several.len(), "certificate has", "certificates have");
            let more = if several.len() > NAMED { " and others" } else { "" };
            (format!("{count} expired: {shown}{more}"), "renew all that is due: `tbpki renew --all --due`".to_owned())
        }
    };
    Some(Code::RenewalDue.warning(what).fix(fix))
}
