//! When certificates end: by month for a year, by year from then on.

use std::collections::BTreeMap;

use time::{Month, OffsetDateTime};

/// The number of separate months, the current one included.
const MONTHS: i32 = 12;

/// The number of separate years, the current one included.
const YEARS: i32 = 20;

/// The numbers of certificates by the time of their end.
#[derive(Debug)]
pub(super) struct Expiry {
    now: OffsetDateTime,
    /// The number of expired certificates.
    past: u64,
    /// By the month's number since the year 0, for the months that are told apart.
    months: BTreeMap<i32, u64>,
    /// By year; the last one includes all later years.
    years: BTreeMap<i32, u64>,
    /// The first that will end.
    pub(super) next: Option<OffsetDateTime>,
}

/// A bar of a chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bar {
    /// The label below the bar.
    pub(super) short: String,
    /// The label in a table.
    pub(super) label: String,
    /// The number of certificates that end then.
    pub(super) count: u64,
    /// True if they have ended.
    pub(super) is_past: bool,
}

impl Expiry {
    pub(super) fn new(now: OffsetDateTime) -> Self {
        Self { now, past: 0, months: BTreeMap::new(), years: BTreeMap::new(), next: None }
    }

    /// Counts a certificate that ends at `end`.
    pub(super) fn add(&mut self, end: OffsetDateTime) {
        if end < self.now {
            self.past += 1;
            return;
        }
        self.next = Some(self.next.map_or(end, |next| next.min(end)));
        let month = month_number(end);
        if month < month_number(self.now) + MONTHS {
            *self.months.entry(month).or_default() += 1;
        }
        // Certificates without an end have the year 9999 (RFC 5280, section 4.1.2.5), which would be a chart of 8,000
        // bars.
        *self.years.entry(end.year().min(self.last_year())).or_default() += 1;
    }

    /// The expired ones, then this month and the next ones.
    pub(super) fn months(&self) -> Vec<Bar> {
        let first = month_number(self.now);
        let past = Bar { short: "past".to_owned(), label: "Expired".to_owned(), count: self.past, is_past: true };
        let months = (first..first + MONTHS).map(|number| {
            let (year, month) = (number.div_euclid(12), month_of(number));
            let name = month.to_string();
            let short = name.get(..3).unwrap_or(&name).to_owned();
            let count = self.months.get(&number).copied().unwrap_or_default();
            Bar { short, label: format!("{name} {year}"), count, is_past: false }
        });
        std::iter::once(past).chain(months).collect()
    }

    /// This year and the next ones, up to the last in which something ends.
    pub(super) fn years(&self) -> Vec<Bar> {
        let Some(last) = self.years.keys().next_back().copied() else { return Vec::new() };
        let bar = |year: i32| {
            let is_open = year == self.last_year();
            Bar {
                short: if is_open { format!("{year}+") } else { year.to_string() },
                label: if is_open { format!("{year} or later") } else { year.to_string() },
                count: self.years.get(&year).copied().unwrap_or_default(),
                is_past: false,
            }
        };
        (self.now.year()..=last).map(bar).collect()
    }

    fn last_year(&self) -> i32 {
        self.now.year() + YEARS - 1
    }
}

fn month_number(at: OffsetDateTime) -> i32 {
    at.year() * 12 + i32::from(u8::from(at.month())) - 1
}

fn month_of(number: i32) -> Month {
    Month::January.nth_next(u8::try_from(number.rem_euclid(12)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn counted(ends: &[OffsetDateTime]) -> Expiry {
        let mut expiry = Expiry::new(datetime!(2026-11-25 12:00 UTC));
        ends.iter().for_each(|end| expiry.add(*end));
        expiry
    }

    #[test]
    fn a_year_is_shown_by_month_and_what_has_ended_apart() {
        let expiry = counted(&[
            datetime!(2026-11-25 11:59 UTC),
            datetime!(2026-11-25 12:00 UTC),
            datetime!(2027-01-01 0:00 UTC),
            datetime!(2027-10-31 23:59 UTC),
            datetime!(2027-11-01 0:00 UTC),
        ]);
        let bars = expiry.months();
        assert_eq!(bars.len(), 13);
        let text = |bar: &Bar| format!("{} {} {}", bar.short, bar.label, bar.count);
        assert_eq!(text(&bars[0]), "past Expired 1");
        assert_eq!(text(&bars[1]), "Nov November 2026 1");
        assert_eq!(text(&bars[3]), "Jan January 2027 1");
        assert_eq!(text(&bars[12]), "Oct October 2027 1");
        assert_eq!(expiry.next, Some(datetime!(2026-11-25 12:00 UTC)));
    }

    #[test]
    fn everything_that_will_end_is_in_a_year() {
        let expiry = counted(&[
            datetime!(2026-12-31 0:00 UTC),
            datetime!(2028-01-01 0:00 UTC),
            datetime!(9999-12-31 0:00 UTC),
            datetime!(1999-12-31 0:00 UTC),
        ]);
        let bars = expiry.years();
        assert_eq!((bars[0].short.as_str(), bars[0].count), ("2026", 1));
        assert_eq!((bars[1].short.as_str(), bars[1].count), ("2027", 0));
        assert_eq!(bars.last().map(|bar| (bar.label.as_str(), bar.count)), Some(("2045 or later", 1)));
        assert_eq!(bars.iter().map(|bar| bar.count).sum::<u64>(), 3);
        assert_eq!(counted(&[]).years(), []);
    }
}
