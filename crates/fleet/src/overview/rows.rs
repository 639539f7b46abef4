//! The devices that are shown one by one: those that need attention first, and no more than fit.

use std::collections::BinaryHeap;

use ledger::{Entry, State};
use time::OffsetDateTime;

use super::cause::{CauseId, without_name};
use crate::lifecycle::renew::Urgency;
use crate::selection::has_failed;

/// The first so many devices in the order of attention.
#[derive(Debug)]
pub(super) struct TopRows {
    limit: usize,
    /// The last of them on top, which is the next to go.
    kept: BinaryHeap<DeviceRow>,
}

/// One device.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DeviceRow {
    attention: Attention,
    /// The name of the device.
    pub(super) name: String,
    /// Which issue of it.
    pub(super) generation: u32,
    /// The last step that was taken.
    pub(super) state: State,
    /// True if it is the generation that the device uses.
    pub(super) is_current: bool,
    /// The urgency of its renewal; nothing without a certificate in use.
    pub(super) urgency: Option<Urgency>,
    /// The algorithm of its key.
    pub(super) algorithm: String,
    /// The serial number of its certificate.
    pub(super) serial: String,
    /// When its certificate ends.
    pub(super) not_after: OffsetDateTime,
    /// When the platform was told of it.
    pub(super) registered: Option<OffsetDateTime>,
    /// When it came into a flash image.
    pub(super) bundled: Option<OffsetDateTime>,
    /// The last failure, or the reason of the withdrawal.
    pub(super) error: Option<String>,
    /// The cause of the failure; the outer `None` without a failure.
    pub(super) cause: Option<CauseId>,
}

/// Why a device comes before others. Failures first, then what has expired or must be renewed, the soonest end first; the rest
/// is by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Attention {
    Failed,
    Expires(OffsetDateTime),
    None,
}

impl Attention {
    fn of(entry: &Entry, urgency: Option<Urgency>) -> Self {
        if has_failed(entry) {
            Self::Failed
        } else if matches!(urgency, Some(Urgency::Expired | Urgency::Due)) {
            Self::Expires(entry.not_after)
        } else {
            Self::None
        }
    }
}

impl TopRows {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, kept: BinaryHeap::new() }
    }

    /// Keeps the device if it is among the first.
    pub(super) fn offer(&mut self, entry: &Entry, cause: Option<CauseId>, urgency: Option<Urgency>) {
        let attention = Attention::of(entry, urgency);
        let is_full = self.kept.len() >= self.limit;
        // Compared with borrowed values: of a million devices only few are among the first, and the others need no
        // copy.
        let before = |last: &DeviceRow| (attention, entry.key.name.as_str()) < (last.attention, last.name.as_str());
        // With a limit of 0, the heap is full without a last row: no device is kept.
        if is_full && !self.kept.peek().is_some_and(before) {
            return;
        }
        if is_full {
            self.kept.pop();
        }
        self.kept.push(DeviceRow {
            attention,
            name: entry.key.name.clone(),
            generation: entry.generation().number(),
            state: entry.state,
            is_current: entry.is_current(),
            urgency,
            algorithm: entry.algorithm.clone(),
            serial: entry.serial.to_string(),
            not_after: entry.not_after,
            registered: entry.reached(State::Registered),
            bundled: entry.reached(State::Bundled),
            error: entry.last_error.as_deref().map(|error| without_name(&entry.key.name, error).to_owned()),
            cause,
        });
    }

    /// The number of rows.
    pub(super) fn len(&self) -> usize {
        self.kept.len()
    }

    /// The devices, the one that needs attention most first.
    pub(super) fn sorted(&self) -> Vec<&DeviceRow> {
        let mut rows: Vec<&DeviceRow> = self.kept.iter().collect();
        rows.sort();
        rows
    }
}
