//! What only a terminal gets: color for states, and lines that break between words.

use std::io::{self, IsTerminal as _, Write};

use anstyle::{AnsiColor, Style};

/// The narrowest terminal whose lines are broken. In a narrower one nothing can be read anyway.
const NARROWEST: usize = 40;

/// How good a state is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// As it should be.
    Good,
    /// Soon or partly a fault.
    Warning,
    /// A fault.
    Bad,
    /// Neither good nor bad.
    Neutral,
}

impl Mood {
    /// The style of a text in this state. Output that is no terminal loses it again (see `AutoStream`).
    pub(crate) fn style(self) -> Style {
        let color = match self {
            Mood::Good => AnsiColor::Green,
            Mood::Warning => AnsiColor::Yellow,
            Mood::Bad => AnsiColor::Red,
            Mood::Neutral => return Style::new(),
        };
        Style::new().fg_color(Some(color.into()))
    }
}

/// The number of columns of standard output; `None` if it is no terminal.
pub(crate) fn width() -> Option<usize> {
    if !io::stdout().is_terminal() {
        return None;
    }
    let (_, columns) = console::Term::stdout().size_checked()?;
    Some(usize::from(columns)).filter(|columns| *columns >= NARROWEST)
}

/// Writes a line that begins at column `at`. If it does not fit into `width` columns, it is broken between words, and the
/// further lines begin at column `indent`. A word that is too long for a line, for example a path, stays whole.
pub(crate) fn write_wrapped(
    out: &mut dyn Write,
    text: &str,
    at: usize,
    indent: usize,
    width: Option<usize>,
) -> io::Result<()> {
    let Some(width) = width else { return writeln!(out, "{text}") };
    let mut column = at;
    for (index, word) in text.split(' ').enumerate() {
        // In columns and not in characters: East Asian letters take two, and sequences of colors none.
        let length = console::measure_text_width(word);
        if index > 0 && column + 1 + length > width {
            write!(out, "\n{:indent$}", "")?;
            column = indent;
        } else if index > 0 {
            write!(out, " ")?;
            column += 1;
        }
        write!(out, "{word}")?;
        column += length;
    }
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(text: &str, at: usize, indent: usize, width: Option<usize>) -> String {
        let mut out = Vec::new();
        write_wrapped(&mut out, text, at, indent, width).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_breaks_between_words_and_a_long_word_stays_whole() {
        assert_eq!(wrapped("one two three", 4, 2, Some(12)), "one two\n  three\n");
        assert_eq!(wrapped("one /a/very/long/path", 0, 4, Some(10)), "one\n    /a/very/long/path\n");
        assert_eq!(wrapped("one two", 0, 4, Some(7)), "one two\n");
        assert_eq!(wrapped("one two three", 4, 2, None), "one two three\n");
    }
}
