//! A certificate revocation list as people read it.

use base::Code;
use time::OffsetDateTime;

use super::item::{Content, InspectedItem};
use super::view::{RevocationListView, RevokedView};
use crate::read::certificate::serial_text;
use crate::read::crl::{Crl, Revoked};

pub(super) fn item(crl: &Crl, now: OffsetDateTime) -> InspectedItem {
    let mut findings = Vec::new();
    if crl.this_update() > now {
        findings.push(Code::NotYetValid.fault("the list was made later than now"));
    }
    if crl.next_update().is_some_and(|next| next < now) {
        findings.push(Code::Expired.fault("the list is out of date").fix("write the next list: `tbpki crl`"));
    }
    if crl.signature_algorithm().is_weak() {
        findings.push(Code::WeakSignature.fault(format!("it is signed with {}", crl.signature_algorithm())));
    }
    findings.extend(crl.format_faults().iter().map(|fault| Code::BadFormat.fault(fault.clone())));
    let view = RevocationListView {
        issuer: crl.issuer(),
        number: crl.number().map(str::to_owned),
        this_update: crl.this_update(),
        next_update: crl.next_update(),
        signature_algorithm: crl.signature_algorithm().to_string(),
        revoked: crl.revoked().iter().map(RevokedView::new).collect(),
    };
    InspectedItem { findings, ..InspectedItem::new(Content::RevocationList(view)) }
}

impl RevokedView {
    fn new(entry: &Revoked) -> Self {
        Self { serial: serial_text(&entry.serial), since: entry.since, reason: entry.reason.map(str::to_owned) }
    }
}
