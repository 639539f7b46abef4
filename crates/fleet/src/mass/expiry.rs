//! Certificates that have expired or are due for renewal, among those that a job registers or bundles.

use base::{Finding, Result};
use identity::lifecycle::renew::RenewalRule;
use ledger::{Filter, Job, Kind, Role, View};
use store::Workspace;
use time::Duration;

use crate::job_order::JobOrder;
use crate::lifecycle::expiry::ExpiryCount;

/// The findings about devices of a job whose certificates have expired or are due; none if there are none.
///
/// # Errors
/// Those of the ledger.
pub(crate) fn finding(workspace: &Workspace<'_>, view: &View, job: &Job) -> Result<Vec<Finding>> {
    let order = JobOrder::kept(&job.parameters)?;
    let mut found = ExpiryCount::new(workspace.config, workspace.now);
    // No certificate that is due ends later, so that a job of fresh ones reads no row.
    let horizon = match found.rule() {
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
    for entry in view.list(&filter) {
        let entry = entry?;
        match entry.role {
            // The renewals of this very job: nothing else waits for these devices.
            Role::Pending => found.add(&entry.key.name, entry.not_before, entry.not_after),
            _ => found.add_of(view, &entry.key.name, entry.not_before, entry.not_after)?,
        }
    }
    let of = order.renews.unwrap_or(job.id.number());
    Ok(found.findings(Some(&format!("tbpki fleet renew --job {of} --due --out DIR"))))
}
