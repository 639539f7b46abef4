//! The expressions for the state of an identity at the platform in focus: the one place where the first platform differs
//! from the others.

use std::borrow::Cow;

use crate::platform::PlatformId;
use crate::state::State;

/// The columns of an identity that are about a platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PlatformColumns {
    pub(crate) platform: PlatformId,
    /// Whether the ledger has other platforms than this one.
    pub(crate) others: bool,
}

impl PlatformColumns {
    /// The time of the registration. `table` is the name or alias of `identity` in the statement; empty if no other table of
    /// it has this column.
    pub(crate) fn registered_at(self, table: &str) -> Cow<'static, str> {
        self.column("registered_at", table)
    }

    /// The time at which it was taken from the platform.
    pub(crate) fn unregistered_at(self, table: &str) -> Cow<'static, str> {
        self.column("unregistered_at", table)
    }

    /// The state.
    pub(crate) fn state(self, table: &str) -> Cow<'static, str> {
        if self.platform == PlatformId::FIRST {
            return of_table("state", table);
        }
        let (registered, table) = (self.registered_at(table), row_of(table));
        // Without the registration at the first platform, which the column has: issued, or bundled if it is in an image.
        format!(
            "CASE WHEN {table}.state NOT IN ('issued', 'registered', 'bundled') THEN {table}.state \
             WHEN {registered} >= COALESCE({table}.bundled_at, 0) THEN 'registered' \
             WHEN {table}.bundled_at IS NULL THEN 'issued' ELSE 'bundled' END"
        )
        .into()
    }

    /// The time at which it came to a state.
    pub(crate) fn time(self, state: State, table: &str) -> Cow<'static, str> {
        match state {
            State::Registered => self.registered_at(table),
            _ => of_table(state.time_column(), table),
        }
    }

    /// 1 if it is registered at a platform that is not in focus, else 0; `None` if the ledger has no other platform.
    pub(crate) fn is_elsewhere(self, table: &str) -> Option<String> {
        let table = row_of(table);
        let there = format!(
            "EXISTS (SELECT 1 FROM registration AS there WHERE there.identity = {table}.id \
             AND there.registered_at IS NOT NULL AND there.platform <> {})",
            self.platform.0
        );
        let here = match self.platform {
            PlatformId::FIRST => String::new(),
            _ => format!("{table}.registered_at IS NOT NULL OR "),
        };
        self.others.then(|| format!("CASE WHEN {here}{there} THEN 1 ELSE 0 END"))
    }

    fn column(self, column: &'static str, table: &str) -> Cow<'static, str> {
        if self.platform == PlatformId::FIRST {
            return of_table(column, table);
        }
        format!(
            "(SELECT there.{column} FROM registration AS there WHERE there.identity = {}.id AND there.platform = {})",
            row_of(table),
            self.platform.0
        )
        .into()
    }
}

fn of_table(column: &'static str, table: &str) -> Cow<'static, str> {
    if table.is_empty() { column.into() } else { format!("{table}.{column}").into() }
}

fn row_of(table: &str) -> &str {
    if table.is_empty() { "identity" } else { table }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_about_the_first_platform_name_the_columns_alone() {
        let columns = PlatformColumns { platform: PlatformId::FIRST, others: true };
        assert_eq!((&*columns.state(""), &*columns.registered_at("")), ("state", "registered_at"));
        assert_eq!(columns.unregistered_at("present"), "present.unregistered_at");
    }
}
