//! The time in which the holder of a certificate may renew with it, although a later one has been used.

use time::OffsetDateTime;

/// Which superseded certificates the enrolment service still renews (`[serve] grace`): a client that never confirms can
/// connect with its next certificate before it has stored it. The default is none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RenewalGrace {
    /// The earliest time of the first use of a later certificate at which the time is not over; `None` for no such time.
    pub since: Option<OffsetDateTime>,
    /// The CAs, by their names in the ledger, whose certificates are an exception of `others`.
    pub except: Vec<String>,
    /// Whether the certificates of the other CAs have such a time.
    pub others: bool,
}

impl RenewalGrace {
    /// The condition, over identity, that the time of a superseded generation is not over.
    pub(crate) fn condition(&self) -> Option<String> {
        let since = self.since?.unix_timestamp();
        let names = self.except.iter().map(|name| format!("'{}'", name.replace('\'', "''")));
        let names = names.collect::<Vec<_>>().join(", ");
        let is_meant = match (self.others, names.is_empty()) {
            (true, true) => "TRUE".to_owned(),
            (true, false) => format!("identity.issuer NOT IN ({names})"),
            (false, false) => format!("identity.issuer IN ({names})"),
            (false, true) => return None,
        };
        // A generation without a later one that was used has no such time: the comparison is with nothing then.
        Some(format!(
            "({is_meant} AND coalesce((SELECT min(later_sent.used_at) FROM identity AS later JOIN enrolled AS later_sent \
             ON later_sent.identity = later.id WHERE later.kind = identity.kind AND later.name = identity.name \
             AND later.generation > identity.generation) >= {since}, FALSE))"
        ))
    }
}
