//! The text of a finding.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use base::text::printable;
use base::{Finding, Severity};

use super::terminal;

/// The column of the help below a finding in a table.
const HELP_COLUMN: usize = 10;

/// The layout of a finding.
#[derive(Debug, Clone, Copy)]
pub(crate) enum FindingLayout {
    /// Lines of its own: severity, code and fault; then where, why and help, each with its label.
    Block,
    /// A cell of a table, which begins at the present position of the line: code, where, fault and why in one text; then
    /// the help.
    Cell {
        /// The column in which the cell begins.
        column: usize,
        /// The columns of the terminal; `None` if lines are not wrapped.
        width: Option<usize>,
    },
}

/// Writes a finding. Its texts come from certificates, files and servers, which can contain control sequences for the
/// terminal: control characters are escaped.
pub(crate) fn write_finding(out: &mut dyn Write, finding: &Finding, layout: FindingLayout) -> io::Result<()> {
    match layout {
        FindingLayout::Block => write_block(out, finding),
        FindingLayout::Cell { column, width } => write_cell(out, finding, column, width),
    }
}

fn write_block(out: &mut dyn Write, finding: &Finding) -> io::Result<()> {
    let (word, color) = match finding.severity {
        Severity::Note => ("note", AnsiColor::Cyan),
        Severity::Warning => ("warning", AnsiColor::Yellow),
        Severity::Fault => ("error", AnsiColor::Red),
    };
    let style = Style::new().bold().fg_color(Some(color.into()));
    writeln!(out, "{style}{word}[{}]{style:#}: {}", finding.code, printable(&finding.what))?;
    let mut line = |label: &str, text: &str| {
        // A text of several lines keeps them; control characters in each line are escaped.
        text.lines().enumerate().try_for_each(|(index, text)| {
            let label = if index == 0 { label } else { "" };
            writeln!(out, "  {label:<6} {}", printable(text))
        })
    };
    if !finding.location.is_empty() {
        line("where:", &finding.location.to_string())?;
    }
    if let Some(why) = &finding.why {
        line("why:", why)?;
    }
    if let Some(fix) = &finding.fix {
        line("help:", fix)?;
    }
    Ok(())
}

fn write_cell(out: &mut dyn Write, finding: &Finding, column: usize, width: Option<usize>) -> io::Result<()> {
    let text = format!("{}: {}", finding.code, printable(&finding.to_string()));
    terminal::write_wrapped(out, &text, column, HELP_COLUMN, width)?;
    let Some(fix) = &finding.fix else { return Ok(()) };
    let label = "help: ";
    write!(out, "{:HELP_COLUMN$}{label}", "")?;
    let column = HELP_COLUMN + label.len();
    terminal::write_wrapped(out, &printable(fix).to_string(), column, column, width)
}
