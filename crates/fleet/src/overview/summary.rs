//! What the page says, in numbers.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::Overview;
use crate::report::rfc3339;

/// The fleet in numbers. Every device counts once, by its latest generation that is not void.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct OverviewSummary {
    /// When the ledger was looked through (RFC 3339, UTC).
    pub made_at: String,
    /// How many devices there are.
    pub devices: u64,
    /// How many of them are in each state; states of none are missing.
    pub states: BTreeMap<String, u64>,
    /// How many have a certificate that is in use or can be: `issued`, `registered` or `bundled`.
    pub usable: u64,
    /// How many of those the platform knows.
    pub registered: u64,
    /// How many of those are in a flash image.
    pub bundled: u64,
    /// How many devices have a failure as their last event.
    pub failed: u64,
    /// How many of the usable certificates have expired.
    pub expired: u64,
    /// How many more expire within 90 days.
    pub expiring_within_90_days: u64,
    /// Why devices failed, the most frequent cause first.
    pub causes: Vec<CauseSummary>,
    /// How many failed for causes that are not among these.
    pub other_causes: u64,
    /// How many devices the page shows one by one.
    pub rows: u64,
}

/// Why devices failed.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct CauseSummary {
    /// The message, without what differs from device to device.
    pub cause: String,
    /// How many failed so.
    pub devices: u64,
    /// One of them.
    pub example: String,
}

impl Overview {
    /// The fleet in numbers.
    pub fn summary(&self) -> OverviewSummary {
        let totals = &self.totals;
        let causes = self.causes.by_frequency().into_iter().map(|(_, cause)| CauseSummary {
            cause: cause.text.clone(),
            devices: cause.devices,
            example: cause.example.clone(),
        });
        OverviewSummary {
            made_at: rfc3339(self.now),
            devices: totals.devices,
            states: totals.states.iter().map(|(state, count)| (state.to_string(), *count)).collect(),
            usable: totals.usable,
            registered: totals.registered,
            bundled: totals.bundled,
            failed: totals.failed,
            expired: totals.expired,
            expiring_within_90_days: totals.expiring,
            causes: causes.collect(),
            other_causes: self.causes.others,
            rows: u64::try_from(self.rows.len()).unwrap_or(u64::MAX),
        }
    }
}
