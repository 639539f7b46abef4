//! The list as a table.

use std::io::{self, Write};

use base::Result;
use base::text::printable;

use super::row::{ListedIdentity, Urgency};
use crate::output::StreamResult;

const COLUMNS: usize = 8;

/// The number of rows that determine the width of the columns. In later rows, a wider cell moves the rest of its line.
const MEASURED: usize = 1000;

/// A table with the width of its columns in characters.
pub(super) struct ListTable {
    widths: [usize; COLUMNS],
}

impl ListTable {
    /// Prints all rows below a heading.
    pub(super) fn print(mut rows: impl Iterator<Item = Result<ListedIdentity>>, out: &mut dyn Write) -> StreamResult {
        let head = ["KIND", "NAME", "ISSUE", "STATE", "KEY", "ENDS", "DAYS", "ISSUER"].map(str::to_owned);
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
        let cells: Vec<String> = row.iter().zip(&self.widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        writeln!(out, "{}", cells.join("  ").trim_end())
    }
}

fn cells(identity: &ListedIdentity) -> [String; COLUMNS] {
    [
        identity.kind.to_owned(),
        printable(&identity.name).to_string(),
        identity.generation.to_string(),
        match identity.open.as_slice() {
            [] => identity.state.to_owned(),
            open => format!("{} ({} open)", identity.state, open.join(", ")),
        },
        match identity.key {
            // Most keys are files of the store, so that only other locations are shown.
            None | Some("file") => identity.algorithm.clone(),
            Some(place) => format!("{} ({place})", identity.algorithm),
        },
        identity.not_after.get(..10).unwrap_or(&identity.not_after).to_owned(),
        match identity.renewal {
            Some(Urgency::Expired) => "EXPIRED".to_owned(),
            Some(Urgency::Pending) => format!("{} pending", identity.days_left),
            Some(Urgency::Due) => format!("{} renew now", identity.days_left),
            None => identity.days_left.to_string(),
        },
        identity.issuer.clone(),
    ]
}
