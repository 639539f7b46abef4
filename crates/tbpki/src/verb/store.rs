//! The verbs about a store and its ledger.

pub(crate) mod backup;
pub(crate) mod check;
pub(crate) mod ledger_move;
pub(crate) mod ledger_platform;
pub(crate) mod repair;
pub(crate) mod restore;

use std::io::{self, Write};

use base::text::printable;
use fleet::lifecycle::upkeep::check::Problem;

/// Prints differences, a line each.
fn write_problems(out: &mut dyn Write, problems: &[Problem]) -> io::Result<()> {
    for problem in problems {
        let who = match (&problem.kind, &problem.name) {
            (Some(kind), Some(name)) => format!("{kind} {}: ", printable(name)),
            _ => String::new(),
        };
        let path = problem.path.as_ref().map(|path| format!(" ({})", printable(path))).unwrap_or_default();
        writeln!(out, "{:<10} {who}{}{path}", problem.problem.as_str(), printable(&problem.what))?;
    }
    Ok(())
}
