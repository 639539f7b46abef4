//! Certificates that have expired or are due for renewal, among those that a job registers or bundles.

use base::text::counted;
use base::{Code, Finding, Result};
use identity::lifecycle::renew::RenewalRule;
use ledger::{Filter, Job, Kind, View};
use store::Workspace;
use time::Duration;

use crate::job_order::JobOrder;

/// Names that the finding lists.
const LISTED: usize = 3;

/// The finding about devices of a job whose certificates have expired or are due; none if there are none. They are
/// registered and bundled all the same, because the user may know why.
///
/// # Errors
/// Those of the ledger.
pub(crate) fn finding(workspace: &Workspace<'_>, view: &View, job: &Job) -> Result<Option<Finding>> {
    let order = JobOrder::kept(&job.parameters)?;
    let rule = RenewalRule::of(workspace.config);
    // No certificate that is due ends later, so that a job of fresh ones reads no row.
    let horizon = match rule {
        RenewalRule::LastThird => Duration::days(i64::from(order.days)) / 3,
        RenewalRule::Within(time) => time,
    };
    let filter = Filter {
        kind: Some(Kind::Device),
        job: Some(job.id),
        in_use_only: true,
        skip_unregistered: true,
        expiring_before: workspace.now.checked_add(horizon),
        ..Filter::default()
    };
    let revoked = view.revoked_cas()?;
    let (mut expired, mut due, mut names) = (0u64, 0u64, Vec::new());
    for entry in view.list(&filter) {
        let entry = entry?;
        if entry.not_after <= workspace.now {
            expired += 1;
        } else if rule.includes(&entry, &revoked, workspace.now) {
            due += 1;
        } else {
            continue;
        }
        if names.len() < LISTED {
            names.push(entry.key.name);
        }
    }
    if expired + due == 0 {
        return Ok(None);
    }
    let first = if expired + due > names.len() as u64 { "the first are " } else { "" };
    let what = match (expired, due) {
        (expired, 0) => format!("{} expired", counted(expired, "certificate has", "certificates have")),
        (0, due) => format!("{} due for renewal", counted(due, "certificate is", "certificates are")),
        (expired, due) => format!(
            "{} expired, and {due} more {} due for renewal",
            counted(expired, "certificate has", "certificates have"),
            if due == 1 { "is" } else { "are" }
        ),
    };
    let code = if expired > 0 { Code::Expired } else { Code::RenewalDue };
    let of = order.renews.unwrap_or(job.id.number());
    let found = if expired > 0 { code.warning(what) } else { code.note(what) };
    Ok(Some(
        found
            .item(format!("{first}{}", names.join(", ")))
            .fix(format!("`tbpki fleet renew --job {of} --due --out DIR` issues their next generation")),
    ))
}
