//! Which rows a list shows.

use rusqlite::types::Value;
use time::OffsetDateTime;

use crate::key::{Key, Kind};
use crate::state::State;

/// Which rows to list. The default is all of them; each field that is set leaves fewer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only this kind.
    pub kind: Option<Kind>,
    /// Only rows whose last step was this one.
    pub state: Option<State>,
    /// Only rows that never came to this state: `Registered` finds what is not registered, bundled or not.
    pub never: Option<State>,
    /// Only certificates that end before this time.
    pub expiring_before: Option<OffsetDateTime>,
    /// Only these names.
    pub name: Option<NameFilter>,
    /// Only the latest generation of each name that is not void.
    pub current_only: bool,
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
    /// The condition for rows after `after`, with the values for its question marks.
    pub(crate) fn condition(&self, after: Option<&Key>) -> (String, Vec<Value>) {
        let mut condition = "TRUE".to_owned();
        let mut values = Vec::new();
        let mut and = |sql: &str, given: Vec<Value>| {
            condition.push_str(" AND ");
            condition.push_str(sql);
            values.extend(given);
        };
        if let Some(kind) = self.kind {
            and("kind = ?", vec![text(kind.as_str())]);
        }
        if let Some(state) = self.state {
            and("state = ?", vec![text(state.as_str())]);
        }
        if let Some(state) = self.never {
            and(&format!("{} IS NULL", state.time_column()), vec![]);
        }
        if let Some(time) = self.expiring_before {
            and("not_after < ?", vec![Value::Integer(time.unix_timestamp())]);
        }
        match &self.name {
            Some(NameFilter::Exact(name)) => and("name = ?", vec![text(name)]),
            Some(NameFilter::Prefix(prefix)) => {
                and("name >= ?", vec![text(prefix)]);
                if let Some(end) = successor(prefix) {
                    and("name < ?", vec![text(&end)]);
                }
            }
            None => {}
        }
        if self.current_only {
            and(
                "state <> 'void' AND NOT EXISTS (SELECT 1 FROM identity AS later WHERE later.kind = identity.kind \
                 AND later.name = identity.name AND later.generation > identity.generation AND later.state <> 'void')",
                vec![],
            );
        }
        if let Some(key) = after {
            and(
                "(kind, name, generation) > (?, ?, ?)",
                vec![text(key.kind.as_str()), text(&key.name), Value::Integer(key.generation.0.into())],
            );
        }
        (condition, values)
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
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
