//! A certificate revocation list as people read it.

use base::Code;
use schemars::JsonSchema;
use serde::Serialize;
use time::OffsetDateTime;

use super::item::{Content, Item};
use crate::certificate::serial_text;
use crate::crl::{Crl, Revoked};

/// What a revocation list says. All texts are safe to print.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RevocationListView {
    /// The issuer, as RFC 4514 writes it.
    pub issuer: String,
    /// Its number, in upper-case hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub this_update: OffsetDateTime,
    /// Until when it speaks; the next one comes before.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub next_update: Option<OffsetDateTime>,
    /// The algorithm that the issuer signed with, as OpenSSL calls it.
    pub signature_algorithm: String,
    /// What is revoked, in the order of the list.
    pub revoked: Vec<RevokedView>,
}

/// One certificate that has been revoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RevokedView {
    /// Its serial number, in upper-case hexadecimal.
    pub serial: String,
    /// Since when.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub since: OffsetDateTime,
    /// Why, as RFC 5280 calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

pub(super) fn item(crl: &Crl, now: OffsetDateTime) -> Item {
    let mut findings = Vec::new();
    if crl.this_update() > now {
        findings.push(Code::NotYetValid.fault("the list was made later than now"));
    }
    if crl.next_update().is_some_and(|next| next < now) {
        findings.push(Code::Expired.fault("the list is out of date"));
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
    Item { findings, ..Item::new(Content::RevocationList(view)) }
}

impl RevokedView {
    fn new(entry: &Revoked) -> Self {
        Self { serial: serial_text(&entry.serial), since: entry.since, reason: entry.reason.map(str::to_owned) }
    }
}
