//! The list as people read it.

use std::io::{self, Write};

use base::Result;
use base::text::printable;

use super::row::ListedIdentity;
use crate::output::StreamResult;

const COLUMNS: usize = 8;

/// How many rows decide how wide the columns are. Those behind them are printed as they come: one that needs more
/// room moves the rest of its line.
const MEASURED: usize = 1000;

/// Rows of text in columns.
pub(super) struct Table {
    widths: [usize; COLUMNS],
}

impl Table {
    /// Prints all rows below a heading.
    pub(super) fn print(mut rows: impl Iterator<Item = Result<ListedIdentity>>, out: &mut dyn Write) -> StreamResult {
        let head = ["KIND", "NAME", "ISSUE", "STATE", "KEY", "ENDS", "DAYS", "ISSUER"].map(str::to_owned);
        let mut first = vec![head];
        // What is there when the ledger breaks off is shown all the same.
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
        identity.state.to_owned(),
        match identity.key {
            // A file of the store is where keys are expected.
            None | Some("file") => identity.algorithm.clone(),
            Some(place) => format!("{} ({place})", identity.algorithm),
        },
        identity.not_after.get(..10).unwrap_or(&identity.not_after).to_owned(),
        identity.days_left.to_string(),
        identity.issuer.clone(),
    ]
}
