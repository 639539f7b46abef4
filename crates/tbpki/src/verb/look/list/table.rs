//! The list as a table.

use std::io::{self, Write};

use base::Result;
use base::text::printable;
use fleet::lifecycle::renew::Urgency;
use ledger::Role;

use super::row::ListedIdentity;
use crate::output::StreamResult;
use crate::output::terminal::Mood;

const COLUMNS: usize = 9;

/// The columns whose cells can have a color.
const STATE: usize = 3;
const DAYS: usize = 6;

/// The column of the date from which on what a CA issues ends earlier than configured.
const SHORTENS: usize = 8;

/// The number of rows that determine the width of the columns. In later rows, a wider cell moves the rest of its line.
const MEASURED: usize = 1000;

/// A table with the width of its columns in characters.
pub(super) struct ListTable {
    widths: [usize; COLUMNS],
}

impl ListTable {
    /// Prints all rows below a heading.
    pub(super) fn print(mut rows: impl Iterator<Item = Result<ListedIdentity>>, out: &mut dyn Write) -> StreamResult {
        let head = ["KIND", "NAME", "GEN", "STATE", "KEY", "ENDS", "DAYS", "ISSUER", ""].map(str::to_owned);
        let mut first = vec![head];
        // The rows before an error of the ledger are printed too.
        let mut broken = None;
        for row in rows.by_ref().take(MEASURED) {
            match row {
                Ok(row) => first.push(cells(&row)),
                Err(error) => {
                    broken = Some(error);
                    break;
                }
            }
        }
        // CAs come first, so that a list without them needs no such column.
        if let Some([head, rows @ ..]) = first.get_mut(..)
            && rows.iter().any(|row| !row[SHORTENS].is_empty())
        {
            head[SHORTENS] = "SHORTENS".to_owned();
        }
        let table = Self::fitting(&first);
        first.iter().try_for_each(|row| table.line(row, out))?;
        if let Some(error) = broken {
            return Err(error.into());
        }
        rows.try_for_each(|row| Ok(table.line(&cells(&row?), out)?))
    }

    fn fitting(rows: &[[String; COLUMNS]]) -> Self {
        let mut widths = [0; COLUMNS];
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        Self { widths }
    }

    fn line(&self, row: &[String; COLUMNS], out: &mut dyn Write) -> io::Result<()> {
        let last = row.iter().rposition(|cell| !cell.is_empty());
        for (index, (cell, width)) in row.iter().zip(&self.widths).enumerate() {
            let style = mood(index, cell).style();
            // No spaces at the end of a line.
            let space = if Some(index) >= last { 0 } else { width.saturating_sub(cell.chars().count()) + 2 };
            write!(out, "{style}{cell}{style:#}{:space$}", "")?;
        }
        writeln!(out)
    }
}

/// The states and the days that need attention.
fn mood(column: usize, cell: &str) -> Mood {
    match (column, cell) {
        (STATE, "registered" | "registered, bundled") => Mood::Good,
        (STATE, "revoked") | (DAYS, "EXPIRED") => Mood::Bad,
        (DAYS, cell) if cell.ends_with("renew now") => Mood::Warning,
        _ => Mood::Neutral,
    }
}

fn cells(identity: &ListedIdentity) -> [String; COLUMNS] {
    // A device without a certificate logs in with a token.
    let algorithm = identity.algorithm.as_deref().unwrap_or("access token");
    let not_after = identity.not_after.as_deref().unwrap_or_default();
    let days_left = identity.days_left.map(|days| days.to_string()).unwrap_or_default();
    [
        identity.kind.to_owned(),
        printable(&identity.name).to_string(),
        identity.generation.map(|generation| generation.to_string()).unwrap_or_default(),
        state(identity),
        match identity.key {
            // Most keys are files of the store, so that only other locations are shown.
            None | Some("file") => algorithm.to_owned(),
            Some(place) => format!("{algorithm} ({place})"),
        },
        not_after.get(..10).unwrap_or(not_after).to_owned(),
        match identity.renewal {
            Some(Urgency::Expired) => "EXPIRED".to_owned(),
            Some(Urgency::Pending) => format!("{days_left} pending"),
            Some(Urgency::Due) => format!("{days_left} renew now"),
            None => days_left,
        },
        identity.issuer.clone().unwrap_or_default(),
        identity.shortens_from.as_deref().and_then(|time| time.get(..10)).unwrap_or_default().to_owned(),
    ]
}

/// The state, with the role among the generations of the name unless it is the current one, and the steps that are open.
fn state(identity: &ListedIdentity) -> String {
    let state = if identity.is_registered_and_bundled() { "registered, bundled" } else { identity.state };
    let state = match identity.role {
        // Of these, the state is the role.
        role if role == Role::Current.as_str() || role == identity.state => state.to_owned(),
        role => format!("{state}, {role}"),
    };
    match identity.open.as_slice() {
        [] => state,
        open if identity.open_platforms.is_empty() => format!("{state} ({} open)", open.join(", ")),
        open => format!("{state} ({} open at {})", open.join(", "), identity.open_platforms.join(", ")),
    }
}
