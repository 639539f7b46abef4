//! The whole fleet at a glance: totals over every device, and the devices that need attention.
//!
//! The ledger is gone through once. What is kept of it does not grow with the fleet, except for the names with a renewal that
//! waits: sums, a count for each month, the most frequent causes of failures, and at most [`ROWS`] devices.

mod cause;
mod expiry;
mod jobs;
mod life;
mod page;
mod rows;
mod summary;

use std::collections::BTreeMap;

use base::{Finding, Result};
use identity::lifecycle::renew::RenewalRule;
use identity::lifecycle::rollover::shortens_from;
use ledger::{Entry, Filter, Kind, State};
use store::Workspace;
use store::ca::Ca;
use time::{Duration, OffsetDateTime};

use crate::lifecycle::renew::{RenewalStatus, Urgency};
use crate::selection::has_failed;
use cause::Causes;
use expiry::Expiry;
use jobs::Jobs;
use life::Life;
use rows::TopRows;

pub use life::RolloverSummary;
pub use summary::{CauseSummary, JobSummary, OpenSummary, OverviewSummary, PhaseSummary, RevokedSummary};

/// The highest number of devices on the page.
pub const ROWS: usize = 10_000;

/// The highest number of CAs and servers on the page.
const OTHERS: usize = 200;

/// The time of the count of certificates that end soon, whatever the rule for renewals is.
const SOON: Duration = Duration::days(90);

/// The fleet at a moment.
#[derive(Debug)]
pub struct Overview {
    now: OffsetDateTime,
    /// The rule by which renewals are due.
    rule: RenewalRule,
    totals: Totals,
    expiry: Expiry,
    causes: Causes,
    rows: TopRows,
    jobs: Jobs,
    life: Life,
    /// The devices with an access token, which the ledger does not have.
    tokens: Vec<String>,
    /// CAs and servers, as many as are shown.
    others: Vec<CaOrServer>,
    /// The number of CAs and servers.
    others_total: u64,
}

/// A CA or a server.
#[derive(Debug)]
struct CaOrServer {
    entry: Entry,
    /// That of its renewal. A CA in use is due when its leaves would end earlier than configured.
    urgency: Option<Urgency>,
    /// For a CA that signs: from when on its leaves end earlier than configured.
    shortens_from: Option<OffsetDateTime>,
}

/// Sums over all devices, each counted by its latest generation that is not void.
#[derive(Debug, Default)]
struct Totals {
    /// All of them.
    devices: u64,
    /// By the last step that was taken.
    states: BTreeMap<State, u64>,
    /// Those that hold a certificate which is neither void nor revoked.
    usable: u64,
    /// The usable ones that the platform knows.
    registered: u64,
    /// The usable ones that are in a flash image.
    bundled: u64,
    /// Those with a failure as their last event.
    failed: u64,
    /// The usable ones that have expired.
    expired: u64,
    /// The usable ones that end within [`SOON`].
    expiring: u64,
    /// The usable ones that must be renewed now.
    due: u64,
    /// CAs and servers in use that have expired.
    others_expired: u64,
    /// CAs and servers in use that end within [`SOON`].
    others_expiring: u64,
    /// CAs and servers in use that must be renewed or replaced now.
    others_due: u64,
    /// Renewals that wait for their use.
    pending: u64,
}

impl Overview {
    /// Looks through the ledger and at the published revocation lists.
    ///
    /// # Errors
    /// Those of the ledger and of the store.
    pub fn of(workspace: &Workspace<'_>) -> Result<Self> {
        let (view, now) = (&workspace.view()?, workspace.now);
        let status = RenewalStatus::of(view)?;
        let mut overview = Self {
            now,
            rule: RenewalRule::of(workspace.config),
            tokens: store::token_devices(&workspace.location, view)?,
            totals: Totals::default(),
            expiry: Expiry::new(now),
            causes: Causes::default(),
            rows: TopRows::new(ROWS),
            jobs: Jobs::of(view)?,
            life: Life::of(workspace, view)?,
            others: Vec::new(),
            others_total: 0,
        };
        overview.totals.pending = view.count(&Filter { pending_only: true, ..Filter::default() })?;
        // One pass, row by row: a list of a million devices does not have to fit in memory.
        for entry in view.list(&Filter { latest_only: true, ..Filter::default() }) {
            let entry = entry?;
            match entry.key.kind {
                Kind::Device => overview.add_device(&entry, &status),
                Kind::Ca | Kind::Server => overview.add_other(workspace, entry, &status),
            }
        }
        Ok(overview)
    }

    /// The revocation lists that are due, and the files that could not be read.
    pub fn findings(&self) -> &[Finding] {
        &self.life.findings
    }

    fn add_device(&mut self, entry: &Entry, status: &RenewalStatus) {
        let urgency = Urgency::of(entry, status, self.rule, self.now);
        let totals = &mut self.totals;
        totals.devices += 1;
        *totals.states.entry(entry.state).or_default() += 1;
        if entry.is_current() {
            totals.usable += 1;
            totals.registered += u64::from(entry.reached(State::Registered).is_some());
            totals.bundled += u64::from(entry.reached(State::Bundled).is_some());
            totals.expired += u64::from(urgency == Some(Urgency::Expired));
            totals.due += u64::from(urgency == Some(Urgency::Due));
            totals.expiring += u64::from(ends_soon(entry, self.now));
            self.expiry.add(entry.not_after);
        }
        // A void or revoked row keeps its last error as a reason, which is no failure any more.
        let cause = match &entry.last_error {
            Some(error) if has_failed(entry) => {
                totals.failed += 1;
                Some(self.causes.add(&entry.key.name, error))
            }
            _ => None,
        };
        self.rows.offer(entry, cause, urgency);
    }

    fn add_other(&mut self, workspace: &Workspace<'_>, entry: Entry, status: &RenewalStatus) {
        self.others_total += 1;
        let ca = Ca::named(&entry.key.name).filter(|_| entry.key.kind == Kind::Ca && entry.is_current());
        let shortens_from = ca.map(|ca| shortens_from(workspace.config, &ca, &entry));
        let is_short = shortens_from.is_some_and(|from| from <= self.now);
        let urgency = Urgency::of(&entry, status, self.rule, self.now).or(is_short.then_some(Urgency::Due));
        self.totals.others_expired += u64::from(urgency == Some(Urgency::Expired));
        self.totals.others_due += u64::from(urgency == Some(Urgency::Due));
        self.totals.others_expiring += u64::from(entry.is_current() && ends_soon(&entry, self.now));
        // In the order of the list: the rest is only counted.
        if self.others.len() < OTHERS {
            self.others.push(CaOrServer { entry, urgency, shortens_from });
        }
    }
}

/// Whether a certificate that has not expired ends within [`SOON`].
fn ends_soon(entry: &Entry, now: OffsetDateTime) -> bool {
    let left = entry.not_after - now;
    left >= Duration::ZERO && left < SOON
}
