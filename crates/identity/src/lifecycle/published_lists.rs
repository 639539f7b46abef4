//! The published revocation lists: the number and the dates of each, and which of them are due.
//!
//! An expired list is worse than none: brokers that read it refuse every device. A warning therefore comes when half of a
//! list's life has passed.

use std::path::{Path, PathBuf};

use base::timestamp::rfc3339;
use base::{Code, Finding, Result};
use config::Config;
use ledger::View;
use pki::crl::Crl;
use schemars::JsonSchema;
use serde::Serialize;
use store::ca::{Ca, Hierarchy, KeyLocation};
use store::file_names::SERVERS_LISTS;
use time::OffsetDateTime;

use super::revocation_lists::{devices_file, is_written_here, lists_in};
use crate::profile_ca;

/// The published list of a generation of a CA.
#[derive(Debug, Clone)]
pub struct PublishedList {
    /// The CA that signed the list, for example devices-issuing.
    pub ca: String,
    /// The generation of the CA, from 1.
    pub generation: u32,
    /// The CRL number, in decimal digits; `None` if the list has none.
    pub number: Option<String>,
    /// The time at which it was made.
    pub this_update: OffsetDateTime,
    /// The latest time at which the next one is made.
    pub next_update: OffsetDateTime,
    /// The number of revoked certificates in the list.
    pub revoked: usize,
    /// Where the next list is made.
    pub next: NextList,
}

/// Where the next list of a CA is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextList {
    /// In this store.
    Here,
    /// In this store, when the key of the CA is there.
    WithKey,
    /// In the store that exported this station bundle.
    OtherStore,
}

/// How urgent the next list is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ListUrgency {
    /// Less than half of its life has passed.
    Current,
    /// Half of its life has passed.
    Due,
    /// It has expired: programs that read it refuse what the CA has issued.
    Expired,
}

/// The time from which the list after one with these dates is due: half of its life has passed.
pub fn due_from(this_update: OffsetDateTime, next_update: OffsetDateTime) -> OffsetDateTime {
    this_update + (next_update - this_update) / 2
}

impl PublishedList {
    /// The time from which the next list is due: half of the life of this one has passed.
    pub fn due_from(&self) -> OffsetDateTime {
        due_from(self.this_update, self.next_update)
    }

    /// How urgent the next list is.
    pub fn urgency(&self, now: OffsetDateTime) -> ListUrgency {
        if now > self.next_update {
            ListUrgency::Expired
        } else if now >= self.due_from() {
            ListUrgency::Due
        } else {
            ListUrgency::Current
        }
    }

    /// The warning about the list; `None` if the next one is not due.
    pub fn warning(&self, now: OffsetDateTime) -> Option<Finding> {
        let ca = &self.ca;
        let what = match self.urgency(now) {
            ListUrgency::Current => return None,
            ListUrgency::Due => format!(
                "the revocation list of {ca} was made on {}, and half of its {} days have passed",
                self.this_update.date(),
                (self.next_update - self.this_update).whole_days()
            ),
            ListUrgency::Expired => format!("the revocation list of {ca} has expired on {}", self.next_update.date()),
        };
        let fix = match self.next {
            NextList::Here => "run `tbpki crl`, and make the brokers read the file",
            NextList::WithKey => {
                "run `tbpki crl` with the key of this CA in the store, and make the brokers read the file"
            }
            NextList::OtherStore => {
                "run `tbpki crl` in the store that exported this station bundle, copy the file here, and make the \
                 brokers read it"
            }
        };
        let why = format!("a broker that reads it refuses what {ca} has issued once it has expired");
        Some(Code::ListDue.warning(what).because(why).fix(fix))
    }
}

/// The lists in the published files of a store, each with its file. A file has the lists of several CAs.
///
/// # Errors
/// Those of reading the files.
pub fn read(config: &Config, store: &Path) -> Result<Vec<(PathBuf, Crl)>> {
    let mut lists = Vec::new();
    for path in [devices_file(config, store), store.join(SERVERS_LISTS)] {
        lists.extend(lists_in(&path)?.into_iter().map(|list| (path.clone(), list)));
    }
    Ok(lists)
}

/// The published lists of CAs: one for each generation that is trusted.
///
/// # Errors
/// Those of reading the files.
pub fn published(config: &Config, store: &Path, cas: &[Ca]) -> Result<Vec<PublishedList>> {
    let lists = read(config, store)?;
    let mut published = Vec::new();
    // Most stores publish none, and the certificates of their CAs need not be read.
    for ca in cas.iter().filter(|ca| !lists.is_empty() && ca.cert_path(store).exists()) {
        for generation in ca.trusted_by_number(store)? {
            let certificate = generation.certificate()?;
            // By signature too: generations of a CA can have the same name.
            let of_it = lists.iter().find(|(_, list)| list.is_issued_by(certificate));
            let Some((_, list)) = of_it else { continue };
            let Some(next_update) = list.next_update() else { continue };
            published.push(PublishedList {
                ca: ca.name(),
                generation: generation.number,
                number: list.number().map(str::to_owned),
                this_update: list.this_update(),
                next_update,
                revoked: list.revoked().len(),
                next: match generation.key_place()? {
                    _ if ca.hierarchy() == Hierarchy::Devices && !is_written_here(config) => NextList::OtherStore,
                    KeyLocation::Elsewhere => NextList::WithKey,
                    KeyLocation::File(_) | KeyLocation::Token(_) => NextList::Here,
                },
            });
        }
    }
    Ok(published)
}

/// As [`published`], of each CA only the list that ends first.
///
/// # Errors
/// Those of reading the files.
pub fn first_to_end(config: &Config, store: &Path, cas: &[Ca]) -> Result<Vec<PublishedList>> {
    let mut first: Vec<PublishedList> = Vec::new();
    for list in published(config, store, cas)? {
        match first.iter_mut().find(|known| known.ca == list.ca) {
            Some(known) if list.next_update < known.next_update => *known = list,
            Some(_) => {}
            None => first.push(list),
        }
    }
    Ok(first)
}

/// The lists of all CAs of a store.
///
/// # Errors
/// Those of the ledger and of reading the files.
pub fn of_store(config: &Config, store: &Path, view: &View) -> Result<Vec<PublishedList>> {
    published(config, store, &profile_ca::all_cas(view)?)
}

/// The warnings about the lists of a store. A file that cannot be read is a warning too: a verb that shows the store
/// goes on without it.
pub fn warnings(config: &Config, store: &Path, view: &View, now: OffsetDateTime) -> Vec<Finding> {
    match of_store(config, store, view) {
        Ok(lists) => lists.iter().filter_map(|list| list.warning(now)).collect(),
        Err(error) => vec![error.into_warning()],
    }
}

/// A published list, as reports show it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PublishedListReport {
    /// The CA, by its name in the ledger.
    pub ca: String,
    /// The generation of the CA, from 1.
    pub generation: u32,
    /// The CRL number, in decimal digits.
    pub number: Option<String>,
    /// When it was made (RFC 3339, UTC).
    pub this_update: String,
    /// The latest time at which the next one is made (RFC 3339, UTC).
    pub next_update: String,
    /// The number of revoked certificates in the list.
    pub revoked: usize,
    /// `current`; `due` if half of its life has passed; `expired`.
    pub urgency: ListUrgency,
}

impl PublishedListReport {
    /// The list, seen at `now`.
    pub fn of(list: &PublishedList, now: OffsetDateTime) -> Self {
        Self {
            ca: list.ca.clone(),
            generation: list.generation,
            number: list.number.clone(),
            this_update: rfc3339(list.this_update),
            next_update: rfc3339(list.next_update),
            revoked: list.revoked,
            urgency: list.urgency(now),
        }
    }
}

#[cfg(test)]
mod tests {
    use time::Duration;
    use time::macros::datetime;

    use super::*;

    const MADE: OffsetDateTime = datetime!(2026-11-01 12:00 UTC);

    fn list(next: NextList) -> PublishedList {
        PublishedList {
            ca: "devices-issuing".to_owned(),
            generation: 1,
            number: Some("7".to_owned()),
            this_update: MADE,
            next_update: MADE + Duration::days(30),
            revoked: 0,
            next,
        }
    }

    #[test]
    fn a_list_is_due_from_half_of_its_life_on() {
        let warning = |now| list(NextList::Here).warning(now).map(|finding| finding.what);
        let half = MADE + Duration::days(15);
        assert_eq!(warning(half - Duration::SECOND), None);
        let due = "the revocation list of devices-issuing was made on 2026-11-01, and half of its 30 days have passed";
        assert_eq!(warning(half).as_deref(), Some(due));
        assert_eq!(warning(MADE + Duration::days(30)).as_deref(), Some(due));
        let expired = "the revocation list of devices-issuing has expired on 2026-12-01";
        assert_eq!(warning(MADE + Duration::days(30) + Duration::SECOND).as_deref(), Some(expired));
        assert_eq!(list(NextList::Here).urgency(half), ListUrgency::Due);
    }

    #[test]
    fn the_remedy_depends_on_the_place_of_the_key() {
        let fix = |next| list(next).warning(MADE + Duration::days(20)).and_then(|finding| finding.fix).unwrap();
        assert_eq!(fix(NextList::Here), "run `tbpki crl`, and make the brokers read the file");
        assert_eq!(
            fix(NextList::WithKey),
            "run `tbpki crl` with the key of this CA in the store, and make the brokers read the file"
        );
        assert_eq!(
            fix(NextList::OtherStore),
            "run `tbpki crl` in the store that exported this station bundle, copy the file here, and make the brokers \
             read it"
        );
    }
}
