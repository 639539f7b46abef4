//! The published revocation lists: the number and the dates of each, and which of them are due.
//!
//! An expired list is worse than none: brokers that read it refuse every device. A warning therefore comes when half of a
//! list's life has passed.

mod missing;

use std::path::{Path, PathBuf};

use base::text::counted;
use base::timestamp::rfc3339;
use base::{Code, Finding, Result};
use config::Config;
use ledger::View;
use pki::crl::Crl;
use schemars::JsonSchema;
use serde::Serialize;
use store::ca::generation_number::signing_number;
use store::ca::generations::CaGeneration;
use store::ca::{Ca, Hierarchy, KeyLocation};
use store::file_names::SERVERS_LISTS;
use time::{Duration, OffsetDateTime};

use super::revocation_lists::due::lacks;
use super::revocation_lists::list_file::lists_in;
use super::revocation_lists::{devices_file, is_written_here};
use crate::profile_ca;

pub use missing::MissingList;
use missing::is_wanted;

/// How far ahead of the clock a list can be dated: two lists of one second have different times.
const AHEAD: Duration = Duration::seconds(5);

/// The published list of a generation of a CA.
#[derive(Debug, Clone)]
pub struct PublishedList {
    /// The CA that signed the list, for example devices-issuing.
    pub ca: String,
    /// The generation of the CA, from 1.
    pub generation: u32,
    /// The CRL number, in upper-case hexadecimal digits; `None` if the list has none.
    pub number: Option<String>,
    /// The time at which it was made.
    pub this_update: OffsetDateTime,
    /// The latest time at which the next one is made.
    pub next_update: OffsetDateTime,
    /// The number of revoked certificates in the list.
    pub revoked: usize,
    /// The number of revocations that the ledger has and the list does not, although a later list was made.
    pub lacking: usize,
    /// Where the next list is made.
    pub next: NextList,
}

/// The published lists of CAs, and those that are missing.
#[derive(Debug, Clone, Default)]
pub struct Published {
    /// The lists: one for each key of a generation that is trusted.
    pub lists: Vec<PublishedList>,
    /// The generations without a list, although brokers or clients read lists.
    pub missing: Vec<MissingList>,
}

impl Published {
    /// The warnings about the lists.
    pub fn warnings(&self, now: OffsetDateTime) -> Vec<Finding> {
        let of_lists = self.lists.iter().flat_map(|list| list.warning(now).into_iter().chain(list.lacking_warning()));
        of_lists.chain(self.missing.iter().map(MissingList::warning)).collect()
    }
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
#[serde(rename_all = "kebab-case")]
pub enum ListUrgency {
    /// It was made in the future: programs that read it refuse what the CA has issued until then.
    NotYetValid,
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
        if self.this_update > now + AHEAD {
            ListUrgency::NotYetValid
        } else if now > self.next_update {
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
            ListUrgency::NotYetValid => return Some(self.not_yet_valid()),
            ListUrgency::Due => format!(
                "the revocation list of {ca} was made on {}, and half of its {} days have passed",
                self.this_update.date(),
                (self.next_update - self.this_update).whole_days()
            ),
            ListUrgency::Expired => format!("the revocation list of {ca} has expired on {}", self.next_update.date()),
        };
        let why = format!("a broker that reads it refuses what {ca} has issued once it has expired");
        Some(Code::ListDue.warning(what).because(why).fix(self.next.fix()))
    }

    fn not_yet_valid(&self) -> Finding {
        let (ca, at) = (&self.ca, rfc3339(self.this_update));
        let fix = match self.next {
            NextList::Here => {
                "check the clock of this machine; if it is right, run `tbpki crl --accept-clock` and restart the brokers"
            }
            NextList::WithKey => {
                "check the clock of this machine; if it is right, run `tbpki crl --accept-clock` with the key of this CA in \
                 the store, and restart the brokers"
            }
            NextList::OtherStore => {
                "check the clock of this machine; if it is right, run `tbpki crl --accept-clock` in the store that exported \
                 this station bundle, copy the file here, and restart the brokers"
            }
        };
        Code::ClockBehind
            .warning(format!("the revocation list of {ca} is from the future: it was made at {at}"))
            .because(format!("a broker that reads it refuses what {ca} has issued until then"))
            .fix(fix)
    }

    /// The warning that the list lacks revocations of the ledger; `None` if it has them all.
    pub fn lacking_warning(&self) -> Option<Finding> {
        if self.lacking == 0 {
            return None;
        }
        let lacking = counted(self.lacking, "revocation", "revocations");
        Some(
            Code::ListBehind
                .warning(format!("the published list of {} lacks {lacking} of the ledger", self.ca))
                .because("a later list was written to another file, for example by another store with this ledger")
                .fix(self.next.fix()),
        )
    }
}

impl NextList {
    /// Where the next list of a generation of a CA is made.
    fn of(config: &Config, ca: &Ca, generation: &CaGeneration) -> Result<Self> {
        Ok(match generation.key_place()? {
            _ if ca.hierarchy() == Hierarchy::Devices && !is_written_here(config) => Self::OtherStore,
            KeyLocation::Elsewhere => Self::WithKey,
            KeyLocation::File(_) | KeyLocation::Token(_) => Self::Here,
        })
    }

    /// What to do for the next list.
    const fn fix(self) -> &'static str {
        match self {
            Self::Here => "run `tbpki crl`, and make the brokers read the file",
            Self::WithKey => "run `tbpki crl` with the key of this CA in the store, and make the brokers read the file",
            Self::OtherStore => {
                "run `tbpki crl` in the store that exported this station bundle, copy the file here, and make the \
                 brokers read it"
            }
        }
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

/// The published lists of CAs.
///
/// # Errors
/// Those of the ledger and of reading the files.
pub fn published(config: &Config, store: &Path, view: &View, cas: &[Ca], now: OffsetDateTime) -> Result<Published> {
    let lists = read(config, store)?;
    let mut published = Published::default();
    for ca in cas.iter().filter(|ca| ca.cert_path(store).exists()) {
        let is_wanted = is_wanted(config, store, view, ca, &lists)?;
        // Most stores publish none, and the certificates of their CAs need not be read.
        if lists.is_empty() && !is_wanted {
            continue;
        }
        let signing = signing_number(&ca.dir(store))?;
        let generations = ca.trusted_by_number(store)?;
        for (index, generation) in generations.iter().enumerate() {
            let certificate = generation.certificate()?;
            // Several certificates of one key, as an imported CA can have them, have one list.
            let is_same = |other: &CaGeneration| {
                other.certificate().is_ok_and(|other| other.spki_der() == certificate.spki_der())
            };
            if generations.iter().take(index).any(is_same) {
                continue;
            }
            let next = NextList::of(config, ca, generation)?;
            // By signature too: generations of a CA can have the same name.
            let Some((_, list)) = lists.iter().find(|(_, list)| list.is_issued_by(certificate)) else {
                // A generation that is prepared has issued nothing, and does not begin to sign before it has a list.
                if is_wanted && generation.number <= signing && certificate.not_after() > now {
                    published.missing.push(MissingList::new(config, store, (ca, generation.number), next));
                }
                continue;
            };
            let Some(next_update) = list.next_update() else { continue };
            published.lists.push(PublishedList {
                ca: ca.name(),
                generation: generation.number,
                number: list.number().map(str::to_owned),
                this_update: list.this_update(),
                next_update,
                revoked: list.revoked().len(),
                lacking: lacks(view, (ca, generation), list, now)?,
                next,
            });
        }
    }
    Ok(published)
}

/// Of each CA the list that ends first.
pub fn first_to_end(lists: Vec<PublishedList>) -> Vec<PublishedList> {
    let mut first: Vec<PublishedList> = Vec::new();
    for list in lists {
        match first.iter_mut().find(|known| known.ca == list.ca) {
            Some(known) if list.next_update < known.next_update => *known = list,
            Some(_) => {}
            None => first.push(list),
        }
    }
    first
}

/// The lists of all CAs of a store.
///
/// # Errors
/// Those of the ledger and of reading the files.
pub fn of_store(config: &Config, store: &Path, view: &View, now: OffsetDateTime) -> Result<Published> {
    published(config, store, view, &profile_ca::all_cas(view)?, now)
}

/// The end of the list of a hierarchy that ends first, in Unix seconds; 0 if one is missing, and `None` if there is none and
/// none is wanted.
///
/// # Errors
/// Those of the ledger and of reading the files.
pub fn first_end(
    config: &Config,
    store: &Path,
    view: &View,
    hierarchy: Hierarchy,
    now: OffsetDateTime,
) -> Result<Option<i64>> {
    let mut cas = profile_ca::all_cas(view)?;
    cas.retain(|ca| ca.hierarchy() == hierarchy && !ca.is_root());
    let Published { lists, missing } = published(config, store, view, &cas, now)?;
    Ok(match missing.is_empty() {
        false => Some(0),
        true => lists.iter().map(|list| list.next_update.unix_timestamp()).min(),
    })
}

/// The warnings about the lists of a store. A file that cannot be read is a warning too: a verb that shows the store
/// goes on without it.
pub fn warnings(config: &Config, store: &Path, view: &View, now: OffsetDateTime) -> Vec<Finding> {
    match of_store(config, store, view, now) {
        Ok(published) => published.warnings(now),
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
    /// The CRL number, in upper-case hexadecimal digits.
    pub number: Option<String>,
    /// When it was made (RFC 3339, UTC).
    pub this_update: String,
    /// The latest time at which the next one is made (RFC 3339, UTC).
    pub next_update: String,
    /// The number of revoked certificates in the list.
    pub revoked: usize,
    /// `current`; `due` if half of its life has passed; `expired`; `not-yet-valid` if it was made in the future.
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
            lacking: 0,
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

    #[test]
    fn a_list_from_the_future_and_one_without_revocations_are_reported() {
        let early = MADE - Duration::days(7);
        let future = list(NextList::Here);
        assert_eq!(future.urgency(MADE - AHEAD), ListUrgency::Current);
        assert_eq!(future.urgency(early), ListUrgency::NotYetValid);
        let warning = future.warning(early).unwrap();
        assert_eq!(warning.code, Code::ClockBehind);
        assert!(warning.what.contains("it was made at 2026-11-01T12:00:00Z"), "{}", warning.what);
        assert!(warning.fix.unwrap().contains("`tbpki crl --accept-clock`"));
        assert!(future.lacking_warning().is_none());
        let behind = PublishedList { lacking: 2, ..list(NextList::WithKey) };
        let all = Published { lists: vec![behind], missing: Vec::new() }.warnings(MADE);
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].code, Code::ListBehind);
        assert_eq!(all[0].what, "the published list of devices-issuing lacks 2 revocations of the ledger");
    }
}
