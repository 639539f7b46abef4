//! Certificates that have expired or are due for renewal, among those that are registered or written into images.

use base::text::counted;
use base::{Code, Finding};
use config::Config;
use identity::lifecycle::renew::RenewalRule;
use time::OffsetDateTime;

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
}

impl ExpiryCount {
    /// None yet.
    pub(crate) fn new(config: &Config, now: OffsetDateTime) -> Self {
        Self { rule: RenewalRule::of(config), now, expired: 0, due: 0, names: Vec::new() }
    }

    /// The rule by which certificates are due.
    pub(crate) fn rule(&self) -> RenewalRule {
        self.rule
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

    /// The finding; none if all are fresh. The devices are registered and bundled all the same, because the user may know
    /// why. `renewal` is the command that renews them; without one, that of the first device.
    pub(crate) fn finding(self, renewal: Option<&str>) -> Option<Finding> {
        let (expired, due) = (self.expired, self.due);
        let first = self.names.first()?;
        let device = format!("tbpki renew --device {first}");
        let fix = format!("`{}` issues the next generation", renewal.unwrap_or(&device));
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
