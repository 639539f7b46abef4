//! The trust anchors that devices get for their broker and their enrolment service.

use std::path::Path;

use base::timestamp::rfc3339;
use base::{Code, Finding, Result};
use pki::Certificate;
use time::{Duration, OffsetDateTime};

use super::firmware_limit::check_can;

/// The time before the end of an anchor in which it is marked. A device in the field gets another one only by a renewal.
const NEAR: Duration = Duration::days(365);

/// Fails if a device could not verify its broker with these.
///
/// # Errors
/// [`Code::AnchorsMissing`] if there is none, [`Code::FirmwareLimit`], [`Code::NotACa`] for the certificate of a server,
/// [`Code::Expired`] if all have expired.
pub(super) fn check(anchors: &[Certificate], path: &Path, now: OffsetDateTime) -> Result<()> {
    if anchors.is_empty() {
        return Err(Code::AnchorsMissing
            .error("the device has no trust anchor for its broker")
            .at(path)
            .because("chips have no roots of their own, and server.anchors names none")
            .fix("fetch the broker's anchor with `tbpki trust HOST --out FILE`, and name it as server.anchors"));
    }
    for anchor in anchors {
        check_can(anchor, path)?;
        // A certificate that a server has signed itself is its own anchor, with or without the CA flag.
        if !anchor.is_ca() && !anchor.is_self_issued() {
            return Err(Code::NotACa
                .error(format!("the certificate {} is not that of a CA", anchor.label()))
                .at(path)
                .because("devices verify a server's chain up to a trust anchor, which must be a CA")
                .fix("name the root of the server's certificate"));
        }
    }
    match anchors.iter().max_by_key(|anchor| anchor.not_after()) {
        Some(last) if last.not_after() <= now => Err(Code::Expired
            .error(format!("the trust anchor {} expired on {}", last.label(), rfc3339(last.not_after())))
            .at(path)
            .because("devices that check dates would refuse every server")
            .fix("name the present root of the server's certificate")),
        _ => Ok(()),
    }
}

/// The anchors of `server` that have expired, although others have not, or end soon.
pub(super) fn findings(anchors: &[Certificate], server: &str, now: OffsetDateTime) -> Vec<Finding> {
    let of = |anchor: &Certificate| {
        let (label, end) = (anchor.label(), rfc3339(anchor.not_after()));
        let fix = "add the next root before devices are made with this one alone";
        if anchor.not_after() <= now {
            return Some(
                Code::Expired.warning(format!("the trust anchor {label} for {server} expired on {end}")).fix(fix),
            );
        }
        let is_near = anchor.not_after() - now < NEAR;
        is_near.then(|| Code::RenewalDue.note(format!("the trust anchor {label} for {server} ends on {end}")).fix(fix))
    };
    anchors.iter().filter_map(of).collect()
}
