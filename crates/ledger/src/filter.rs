//! Which rows a list shows.

use time::OffsetDateTime;

use crate::job::JobId;
use crate::key::{Key, Kind};
use crate::platform::columns::PlatformColumns;
use crate::state::State;
use crate::value::SqlValue;

/// Which rows to list. The default is all of them; each field that is set leaves fewer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only this kind.
    pub kind: Option<Kind>,
    /// Only rows in one of these states; empty for all. A row that was registered and bundled is in both.
    pub states: Vec<State>,
    /// Only rows that never came to this state: `Registered` finds what is not registered, bundled or not.
    pub never: Option<State>,
    /// Only certificates that end before this time.
    pub expiring_before: Option<OffsetDateTime>,
    /// Only rows whose last event was a failure: what was to be done next with them went wrong. What was voided or
    /// revoked is not among them.
    pub failed_only: bool,
    /// Leave out what was unregistered: taken from the platform by a person.
    pub skip_unregistered: bool,
    /// Only what this job has issued.
    pub job: Option<JobId>,
    /// Only what was issued outside of jobs on the host of this name.
    pub station: Option<String>,
    /// Only these names.
    pub name: Option<NameFilter>,
    /// Only the generation of each name that is in use now ([`Role::Current`](crate::Role::Current)).
    pub current_only: bool,
    /// Only renewals that wait for their use ([`Role::Pending`](crate::Role::Pending)).
    pub pending_only: bool,
    /// Only generations that are in use, now or after a renewal ([`Role::is_in_use`](crate::Role::is_in_use)).
    pub in_use_only: bool,
    /// Leave out what is revoked, and names that were forgotten.
    pub skip_ended: bool,
    /// Only one generation of each name: the current one, or the latest one that is not void if none is current.
    pub latest_only: bool,
}

/// Which names a list shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameFilter {
    /// This name, capitals included.
    Exact(String),
    /// All names that begin so, capitals included.
    Prefix(String),
}

impl Filter {
    /// The condition for rows after `after`, with the values for its places ?1, ?2 and so on.
    ///
    /// `by_name` keeps the database from the index of jobs: for a large job it would sort all rows for every page.
    /// `columns` are those of the platform in focus.
    pub(crate) fn condition<'a>(
        &'a self,
        after: Option<&'a Key>,
        by_name: bool,
        columns: PlatformColumns,
    ) -> (String, Vec<SqlValue<'a>>) {
        let mut condition = Condition { sql: "TRUE".to_owned(), values: Vec::new() };
        if let Some(kind) = self.kind {
            condition.and("kind = ?", kind.as_str());
        }
        if !self.states.is_empty() {
            // A device that is registered and bundled is both, whichever came last.
            let (column, registered_at) = (columns.state(""), columns.registered_at(""));
            let one = |state: &State| match state {
                State::Registered => format!("({column} = ? OR {column} = 'bundled' AND {registered_at} IS NOT NULL)"),
                State::Bundled => format!("({column} = ? OR {column} = 'registered' AND bundled_at IS NOT NULL)"),
                _ => format!("{column} = ?"),
            };
            let any = self.states.iter().map(one).collect::<Vec<_>>().join(" OR ");
            condition.and_all(&format!("({any})"), self.states.iter().map(|state| state.as_str().into()));
        }
        if let Some(state) = self.never {
            // The time and not the state: a later step replaces the state, and the time stays.
            condition.and_all(&format!("{} IS NULL", columns.time(state, "")), []);
        }
        if let Some(time) = self.expiring_before {
            condition.and("not_after < ?", time.unix_timestamp());
        }
        if self.failed_only {
            // In these two states the column holds the reason, which is no failure.
            condition.and_all("last_error IS NOT NULL AND state NOT IN ('void', 'revoked')", []);
        }
        if self.skip_unregistered {
            condition.and_all(&format!("{} IS NULL", columns.unregistered_at("")), []);
        }
        if let Some(job) = self.job {
            // SQLite and PostgreSQL use no index for an expression.
            condition.and(if by_name { "+job = ?" } else { "job = ?" }, job.0);
        }
        if let Some(station) = &self.station {
            condition.and("job IS NULL AND station = ?", station);
        }
        match &self.name {
            Some(NameFilter::Exact(name)) => condition.and("name = ?", name),
            Some(NameFilter::Prefix(prefix)) => {
                // A range and not LIKE, which ignores the case of ASCII letters in
                // SQLite, takes `%` and `_` as patterns, and then uses no index.
                condition.and("name >= ?", prefix);
                if let Some(end) = successor(prefix) {
                    condition.and("name < ?", end);
                }
            }
            None => {}
        }
        if self.current_only {
            condition.and_all("role = 'current'", []);
        }
        if self.pending_only {
            condition.and_all("role = 'pending'", []);
        }
        if self.in_use_only {
            condition.and_all("role IN ('current', 'pending')", []);
        }
        if self.skip_ended {
            condition.and_all("role <> 'revoked' AND forgotten_at IS NULL", []);
        }
        if self.latest_only {
            condition.and_all(
                "(role = 'current' OR role <> 'void' AND NOT EXISTS (SELECT 1 FROM identity AS other WHERE \
                 other.kind = identity.kind AND other.name = identity.name AND (other.role = 'current' OR \
                 other.generation > identity.generation AND other.role <> 'void')))",
                [],
            );
        }
        if let Some(key) = after {
            // With the kind in the comparison, SQLite reads the kind from its beginning for every page.
            if self.kind == Some(key.kind) {
                condition.and_all("(name, generation) > (?, ?)", [(&key.name).into(), key.generation.0.into()]);
            } else {
                let values = [key.kind.as_str().into(), (&key.name).into(), key.generation.0.into()];
                condition.and_all("(kind, name, generation) > (?, ?, ?)", values);
            }
        }
        (condition.sql, condition.values)
    }
}

/// A condition that grows.
struct Condition<'a> {
    sql: String,
    values: Vec<SqlValue<'a>>,
}

impl<'a> Condition<'a> {
    fn and(&mut self, sql: &str, value: impl Into<SqlValue<'a>>) {
        self.and_all(sql, [value.into()]);
    }

    /// Gives the question marks of `sql` the numbers of their values.
    fn and_all(&mut self, sql: &str, values: impl IntoIterator<Item = SqlValue<'a>>) {
        self.sql.push_str(" AND ");
        let mut number = self.values.len();
        // A question mark inside of a literal would get a number too, so no condition may have one.
        for part in sql.split_inclusive('?') {
            self.sql.push_str(part);
            if part.ends_with('?') {
                number += 1;
                self.sql.push_str(&number.to_string());
            }
        }
        self.values.extend(values);
    }
}

/// The least text that is greater than every text that begins with `prefix`, by code points, as SQLite sorts UTF-8.
fn successor(prefix: &str) -> Option<String> {
    let mut rest = prefix.to_owned();
    while let Some(last) = rest.pop() {
        // The range steps over the surrogates, which no text holds.
        if let Some(next) = (last..=char::MAX).nth(1) {
            rest.push(next);
            return Some(rest);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_prefix_is_the_next_text_that_does_not_begin_with_it() {
        assert_eq!(successor("ab").as_deref(), Some("ac"));
        assert_eq!(successor("a\u{D7FF}").as_deref(), Some("a\u{E000}"));
        assert_eq!(successor("a\u{10FFFF}").as_deref(), Some("b"));
        assert_eq!(successor("\u{10FFFF}"), None);
        assert_eq!(successor(""), None);
    }
}
