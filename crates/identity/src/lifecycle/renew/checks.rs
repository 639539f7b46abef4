//! Checks before a renewal replaces the present certificate, and the warning that a renewal is due.

use crate::request::issuing_command::renewing_command;
use base::text::shell_word;
use base::{Code, Error, Finding, Result, Severity};
use ledger::{Entry, Kind, View};
use pki::identity::Identity;
use pki::verify::{self, Purpose};
use pki::{Certificate, PrivateKey};
use store::Workspace;
use time::OffsetDateTime;

use crate::lifecycle::renew::rule::RenewalRule;

/// A warning if the certificate of an identity has expired or must be renewed.
///
/// # Errors
/// Those of the ledger.
pub fn due_warning(workspace: &Workspace<'_>, view: &View, entry: &Entry) -> Result<Option<Finding>> {
    let revoked = view.revoked_cas()?;
    if !RenewalRule::of(workspace.config).includes(entry, &revoked, workspace.now) {
        return Ok(None);
    }
    let (kind, name) = (entry.key.kind, &entry.key.name);
    let days = (entry.not_after - workspace.now).whole_days();
    let what = if entry.not_after < workspace.now {
        format!("the certificate of the {kind} {name:?} has expired on {}", entry.not_after.date())
    } else if revoked.have_issued(entry) {
        format!("the certificate of the {kind} {name:?} is of a revoked generation of {}", entry.issuer)
    } else {
        format!("the certificate of the {kind} {name:?} expires in {days} days, on {}", entry.not_after.date())
    };
    let finding = Code::RenewalDue.warning(what).item(name);
    Ok(Some(finding.fix(format!("run `{}`", renewing_command(kind, name)))))
}

/// Fails unless the next generation lives at least a quarter of its lifetime longer than the present one. `ends_with`
/// is its CA, if that is why it does not.
pub(crate) fn check_lasts(
    days: u32,
    present_end: OffsetDateTime,
    next_end: OffsetDateTime,
    ends_with: Option<&str>,
) -> Result<()> {
    let gained = next_end - present_end;
    if gained * 4 >= time::Duration::days(i64::from(days)) {
        return Ok(());
    }
    Err(Code::RenewalTooShort
        .error(format!(
            "a renewal would end on {}, and the present certificate ends on {}",
            next_end.date(),
            present_end.date()
        ))
        .because(format!("a renewal must extend it by at least a quarter of its lifetime of {days} days"))
        .fix(match ends_with {
            Some(ca) => {
                format!("it would end with its CA; replace the CA first: `tbpki ca prepare {}`", shell_word(ca))
            }
            None => {
                // On this day the next one lives a quarter of its lifetime longer.
                let from: OffsetDateTime = present_end - time::Duration::days(i64::from(days)) * 3 / 4;
                format!("renew it from {} on; to renew only what is due, use --due", from.date())
            }
        }))
}

/// Fails unless the new identity would be accepted by its peers: checked before it takes the place of the present one.
pub(crate) fn prove(identity: &Identity, kind: Kind, now: OffsetDateTime) -> Result<()> {
    let x509 = &identity.x509;
    let chain: Vec<Certificate> = std::iter::once(&x509.leaf).chain(&x509.intermediates).cloned().collect();
    let report = verify::verify(&verify::VerifyRequest {
        chain: &chain,
        extra: &[],
        anchors: &identity.anchors,
        key: x509.key.as_ref().map(PrivateKey::public),
        host: None,
        purpose: Some(if kind == Kind::Server { Purpose::Server } else { Purpose::Device }),
        time: now,
        crls: &[],
    });
    let fault = report.findings.into_iter().find(|finding: &Finding| finding.severity >= Severity::Fault);
    match fault {
        // A device's anchors are those of the server that it connects to, not its own.
        Some(finding) if kind == Kind::Server || finding.code != Code::Untrusted => Err(Error::new(finding)),
        _ => Ok(()),
    }
}
