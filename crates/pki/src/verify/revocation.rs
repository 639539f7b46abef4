//! Revocation of a certificate (RFC 5280, section 6.3). Delta lists and indirect lists are not used.

use base::{Code, Finding};

use super::request::VerifyRequest;
use crate::read::certificate::distribution::{ALL_REASONS, DistributionPoint, Scope};
use crate::read::certificate::{Certificate, ExtendedKeyUsage, GeneralName, KeyUsage, name};
use crate::read::crl::Crl;

/// What the lists say about the certificate at `place` of a path. Nothing, when no lists were given, or when its issuer
/// is not there.
pub(super) fn check<'a>(
    request: &VerifyRequest<'a>,
    path: &[&Certificate],
    place: usize,
    depth: usize,
    is_trusted: &dyn Fn(&'a Certificate) -> bool,
) -> Option<Finding> {
    // Without lists nothing was asked about revocation.
    if request.crls.is_empty() {
        return None;
    }
    let certificate = path.get(place)?;
    let issuer = path.get(place + 1)?;
    // Several lists may each cover some of the reasons (RFC 5280, section 6.3.3).
    let mut covered = 0;
    let mut objection = None;
    let mut warning = None;
    for crl in request.crls.iter().filter(|crl| name::equal(crl.issuer_der(), certificate.issuer_der())) {
        let reasons = covered_reasons(crl, certificate);
        if reasons == 0 {
            continue;
        }
        match usable(request, crl, issuer, is_trusted) {
            Ok(()) => {}
            Err(why) => {
                // One unusable list is no objection if another one covers the reasons.
                objection = Some(why);
                continue;
            }
        }
        covered |= reasons;
        if crl.version() < 2 {
            let what = format!("the list of {} is of version 1", crl.issuer());
            warning = Some(Code::VersionOne.warning(what).because("Go refuses such lists; OpenSSL and Java take them"));
        }
        if let Some(entry) = crl.entry(certificate.serial())
            // removeFromCRL occurs in delta lists alone, and means that the certificate is on hold no longer.
            && entry.reason != Some("removeFromCRL")
        {
            let reason = entry.reason.map_or(String::new(), |reason| format!(", because of {reason}"));
            let finding = Code::Revoked.fault(format!("it was revoked on {}{reason}", entry.since.date()));
            return Some(finding.fix(replacement(certificate)));
        }
    }
    if covered == ALL_REASONS {
        return warning;
    }
    let what = "no list shows whether it is revoked";
    let why = objection.unwrap_or_else(|| format!("none of the lists is {}'s for it", certificate.issuer()));
    // Only the leaf in question makes this a fault: many CAs publish lists for leaves and none for issuing CAs.
    let is_in_question = place == 0 && depth == 0;
    let finding =
        if is_in_question { Code::RevocationUnknown.fault(what) } else { Code::RevocationUnknown.warning(what) };
    Some(finding.because(why))
}

/// What takes the place of a revoked certificate.
fn replacement(certificate: &Certificate) -> &'static str {
    let is_for = |usage| certificate.extended_key_usages().is_some_and(|usages| usages.contains(&usage));
    if certificate.is_ca() {
        "replace the CA with `tbpki ca prepare` and `tbpki ca activate`, then renew what it has issued"
    } else if is_for(ExtendedKeyUsage::ServerAuth) && !is_for(ExtendedKeyUsage::ClientAuth) {
        "issue a new generation with `tbpki server --name NAME --force`"
    } else {
        "issue a new generation with `tbpki client --device NAME`"
    }
}

/// The reasons for revocation about which the list tells for this certificate; none, when it is outside of its scope.
fn covered_reasons(crl: &Crl, certificate: &Certificate) -> u16 {
    let scope = crl.scope();
    let excluded = scope.indirect
        || scope.only_attribute_certificates
        || scope.only_leaves && certificate.is_ca()
        || scope.only_cas && !certificate.is_ca();
    if excluded {
        return 0;
    }
    let points = certificate.crl_distribution_points();
    if points.is_empty() {
        // RFC 5280, section 6.3.3, lets the issuer's name take the place of a missing distribution point. OpenSSL does not,
        // and refuses a list whose scope has any name.
        return if scope.names.is_empty() { scope.reasons } else { 0 };
    }
    let fitting = |point: &&DistributionPoint| !point.indirect && names_meet(scope, &point.names);
    points.iter().filter(fitting).fold(0, |reasons, point| reasons | point.reasons & scope.reasons)
}

fn names_meet(scope: &Scope, names: &[GeneralName]) -> bool {
    scope.names.is_empty() || scope.names.iter().any(|one| names.iter().any(|other| same(one, other)))
}

fn same(one: &GeneralName, other: &GeneralName) -> bool {
    match (one, other) {
        (GeneralName::Directory(one), GeneralName::Directory(other)) => name::equal(one, other),
        _ => one == other,
    }
}

/// Checks that the list can be relied upon; the error is the reason against it.
fn usable<'a>(
    request: &VerifyRequest<'a>,
    crl: &Crl,
    issuer: &Certificate,
    is_trusted: &dyn Fn(&'a Certificate) -> bool,
) -> Result<(), String> {
    let list = format!("the list of {}", crl.issuer());
    if let Some(extension) = crl.unknown_critical_extensions().first() {
        return Err(format!("{list} has a critical extension {extension} that tbpki does not know"));
    }
    if let Some(fault) = crl.format_faults().first() {
        return Err(format!("{list} is malformed: {fault}"));
    }
    // A list from the future cannot describe the present.
    if crl.this_update() > request.time {
        return Err(format!("{list} was made later, on {}", crl.this_update().date()));
    }
    if let Some(next) = crl.next_update()
        && next < request.time
    {
        return Err(format!("{list} is out of date; the next was due on {}", next.date()));
    }
    let may_sign = |signer: &Certificate| signer.key_usage().is_none_or(KeyUsage::crl_sign);
    if crl.signed_by(issuer).is_ok() {
        return if crl.names_other_signer(issuer) {
            Err(format!("{list} has the authority key identifier of another certificate, and OpenSSL does not use it"))
        } else if may_sign(issuer) {
            Ok(())
        } else {
            Err(format!("the key of {} may not sign lists", issuer.label()))
        };
    }
    // A CA may have another key for its lists, certified under the same name.
    let everybody = request.anchors.iter().chain(request.chain).chain(request.extra);
    let signs = |one: &&Certificate| {
        name::equal(one.subject_der(), crl.issuer_der())
            && may_sign(one)
            && !crl.names_other_signer(one)
            && crl.signed_by(one).is_ok()
    };
    // The signer of a list may itself have been revoked, by a list with another signer: a depth ends this.
    if everybody.filter(signs).any(is_trusted) {
        return Ok(());
    }
    Err(format!("{list} was signed by none of the trusted keys of that name"))
}
