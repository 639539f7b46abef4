//! Certificates that have expired or are due for renewal, among those that are registered or written into images.

use base::text::{counted, device_option};
use base::{Code, Finding, Result};
use config::Config;
use identity::lifecycle::renew::RenewalRule;
use ledger::{Entry, Kind, View};
use time::OffsetDateTime;

use crate::job_order::JobOrder;

/// Names that the finding lists.
const LISTED: usize = 3;

/// The certificates that have expired or are due, counted one by one.
pub(crate) struct ExpiryCount {
    rule: RenewalRule,
    now: OffsetDateTime,
    expired: u64,
    due: u64,
    /// The first names.
    names: Vec<String>,
    /// The command that renews the first one.
    renewal: Option<String>,
    /// Expired certificates with a renewal that waits.
    waiting: u64,
    /// The first of those renewals.
    first_waiting: Option<Entry>,
}

impl ExpiryCount {
    /// None yet.
    pub(crate) fn new(config: &Config, now: OffsetDateTime) -> Self {
        Self {
            rule: RenewalRule::of(config),
            now,
            expired: 0,
            due: 0,
            names: Vec::new(),
            renewal: None,
            waiting: 0,
            first_waiting: None,
        }
    }

    /// The rule by which certificates are due.
    pub(crate) fn rule(&self) -> RenewalRule {
        self.rule
    }

    /// Counts the certificate of a device by its dates. If a renewal of it waits for its use, another one would take the
    /// place of that one, which the device may have by now; an expired certificate then needs that one.
    ///
    /// # Errors
    /// Those of the ledger.
    pub(crate) fn add_of(
        &mut self,
        view: &View,
        name: &str,
        not_before: OffsetDateTime,
        not_after: OffsetDateTime,
    ) -> Result<()> {
        let is_meant = not_after <= self.now || self.rule.is_due(not_before, not_after, self.now);
        if !is_meant {
            return Ok(());
        }
        if let Some(pending) = view.pending(Kind::Device, name)? {
            if not_after <= self.now {
                self.waiting += 1;
                self.first_waiting.get_or_insert(pending);
            }
            return Ok(());
        }
        if self.renewal.is_none() {
            self.renewal = Some(renewal(view, name)?);
        }
        self.add(name, not_before, not_after);
        Ok(())
    }

    /// Counts the certificate of a device by its dates.
    pub(crate) fn add(&mut self, name: &str, not_before: OffsetDateTime, not_after: OffsetDateTime) {
        if not_after <= self.now {
            self.expired += 1;
        } else if self.rule.is_due(not_before, not_after, self.now) {
            self.due += 1;
        } else {
            return;
        }
        if self.names.len() < LISTED {
            self.names.push(name.to_owned());
        }
    }

    /// The findings; none if all are fresh. The devices are registered and bundled all the same, because the user may know
    /// why. `renewal` is the command that renews them; without one, that of the first device.
    pub(crate) fn findings(mut self, renewal: Option<&str>) -> Vec<Finding> {
        let waiting = self.first_waiting.take().map(|first| waiting(self.waiting, &first));
        self.finding(renewal).into_iter().chain(waiting).collect()
    }

    fn finding(self, renewal: Option<&str>) -> Option<Finding> {
        let (expired, due) = (self.expired, self.due);
        let renewal = renewal.or(self.renewal.as_deref())?;
        if self.names.is_empty() {
            return None;
        }
        let fix = format!("`{renewal}` issues the next generation");
        let what = match (expired, due) {
            (expired, 0) => format!("{} expired", counted(expired, "certificate has", "certificates have")),
            (0, due) => format!("{} due for renewal", counted(due, "certificate is", "certificates are")),
            (expired, due) => format!(
                "{} expired, and {due} more {} due for renewal",
                counted(expired, "certificate has", "certificates have"),
                if due == 1 { "is" } else { "are" }
            ),
        };
        let found = if expired > 0 { Code::Expired.warning(what) } else { Code::RenewalDue.note(what) };
        let others = if expired + due > self.names.len() as u64 { " and others" } else { "" };
        Some(found.item(format!("{}{others}", self.names.join(", "))).fix(fix))
    }
}

/// The finding about expired certificates whose renewals wait.
fn waiting(count: u64, first: &Entry) -> Finding {
    let name = &first.key.name;
    let others = if count > 1 { " and others" } else { "" };
    let fix = match first.job {
        Some((job, _)) => format!(
            "write the renewals into images with `tbpki fleet bundle --pending --job {job}`, and run `tbpki fleet register \
             --pending --job {job}` when the devices were reflashed"
        ),
        None => format!(
            "write the renewal into an image with `tbpki bundle-firmware --pending {0}`, and run `tbpki register --pending {0}` \
             when the device was reflashed",
            device_option(name)
        ),
    };
    Code::Expired
        .warning(format!("{} expired, and renewals wait", counted(count, "certificate has", "certificates have")))
        .item(format!("{name}{others}"))
        .fix(fix)
}

/// The command that renews a device. The certificates of a job are renewed together.
pub(crate) fn renewal(view: &View, name: &str) -> Result<String> {
    let job = view.current(Kind::Device, name)?.and_then(|entry| entry.job);
    let job = job.map(|(job, _)| view.job(job)).transpose()?.flatten();
    Ok(match job {
        Some(job) => {
            let renewed = JobOrder::kept(&job.parameters)?.renews.unwrap_or(job.id.number());
            format!("tbpki fleet renew --job {renewed} --due --out DIR")
        }
        None => format!("tbpki renew {}", device_option(name)),
    })
}
