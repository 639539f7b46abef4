//! Jobs that are to issue below the generation of a CA that signs.

use base::{Code, Result};
use pki::Certificate;
use serde_json::Value;
use store::Store;
use store::ca::Ca;

/// Fails if open jobs issue below the present generation: their orders name its certificate, and they could not be
/// resumed below another one.
///
/// # Errors
/// [`Code::JobsBelowCa`] with the count; those of the ledger and of the files.
pub(super) fn check_no_open_jobs(store: &Store, ca: &Ca) -> Result<()> {
    // A new root gives the CA below it another certificate, with the same key.
    let issuing = ca.cross_certified().unwrap_or_else(|| ca.clone());
    if !issuing.cert_path(store.dir()).exists() {
        return Ok(());
    }
    let certificates = issuing.certificates(store.dir())?;
    let Some(fingerprint) = certificates.first().map(Certificate::fingerprint_hex) else { return Ok(()) };
    let mut open = Vec::new();
    for job in store.ledger.jobs()?.into_iter().filter(|job| !job.done) {
        let order: Value = serde_json::from_str(job.parameters.as_str()).map_err(|error| {
            let error = Code::LedgerUnreadable.error("the order of a job cannot be read").caused_by(error);
            error.item(job.id.to_string())
        })?;
        let is_below = order.get("issuer").and_then(Value::as_str) == Some(fingerprint.as_str());
        // Each line of a job can name a profile of its own, so these are not in the job's order.
        let names_it = match issuing.profile() {
            Some(profile) => store.ledger.profiles(job.id)?.iter().any(|name| name == profile.as_str()),
            None => false,
        };
        let renewed_by = order.get("renewed_by").and_then(Value::as_array);
        let renews = renewed_by.is_some_and(|cas| cas.iter().any(|name| name.as_str() == Some(&issuing.name())));
        if is_below || names_it || renews {
            open.push(job.id.to_string());
        }
    }
    let Some(first) = open.first() else { return Ok(()) };
    Err(Code::JobsBelowCa
        .error(format!(
            "{} below the present generation of {}: {}",
            if open.len() == 1 { "1 open job issues".to_owned() } else { format!("{} open jobs issue", open.len()) },
            issuing.name(),
            open.join(", ")
        ))
        .item(ca.name())
        .because("they could not be finished below the next one")
        .fix(format!(
            "finish each with `tbpki fleet issue --resume {first}`, or cancel it with `tbpki fleet cancel {first}`"
        )))
}
