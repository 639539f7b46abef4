//! The urgency of a renewal, the same in lists and in the report.

use identity::lifecycle::renew::RenewalRule;
use ledger::{Entry, Kind};
use schemars::JsonSchema;
use serde::Serialize;
use time::OffsetDateTime;

use super::RenewalStatus;

/// The urgency of a renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Urgency {
    /// The certificate has expired.
    Expired,
    /// It is renewed, and the renewal waits for its use.
    Pending,
    /// It must be renewed.
    Due,
}

impl Urgency {
    /// That of an identity at `now`; `None` if nothing is to be done, or if it is not in use.
    pub fn of(entry: &Entry, status: &RenewalStatus, rule: RenewalRule, now: OffsetDateTime) -> Option<Self> {
        if !entry.is_current() {
            None
        } else if entry.not_after < now {
            Some(Self::Expired)
        // Before the rule: what is renewed already must not be marked as due again.
        } else if status.is_pending(entry) {
            Some(Self::Pending)
        } else {
            // A CA is not renewed like a leaf.
            (entry.key.kind != Kind::Ca && rule.includes(entry, status.revoked_cas(), now)).then_some(Self::Due)
        }
    }

    /// The word in JSON and CSV.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Pending => "pending",
            Self::Due => "due",
        }
    }
}
