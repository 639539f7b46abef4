//! Text from outside, on its way into names and messages.

use std::fmt;

/// Whether a character must not stand in a name: control characters, and those that are invisible and
/// make a terminal show something else than what is there (line separators, changes of direction, BOM).
pub fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Text from outside as a terminal shows it: what could deceive is escaped, everything else stays.
pub fn printable(text: &str) -> Printable<'_> {
    Printable(text)
}

/// See [`printable`].
#[derive(Debug, Clone, Copy)]
pub struct Printable<'a>(&'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            c if is_deceptive(c) => write!(f, "{}", c.escape_default()),
            c => write!(f, "{c}"),
        })
    }
}

/// Text from outside as a message shows it: in quotes, escaped, cut where it is long.
pub fn quote(text: &str) -> Quoted<'_> {
    Quoted(text)
}

/// See [`quote`].
#[derive(Debug, Clone, Copy)]
pub struct Quoted<'a>(&'a str);

/// How many characters of a text a message shows.
const SHOWN: usize = 80;

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(SHOWN) {
            Some((end, _)) => write!(f, "{:?}...", self.0.get(..end).unwrap_or_default()),
            None => write!(f, "{:?}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_are_told_nothing_but_text() {
        assert_eq!(printable("pump \u{1b}[2J ä").to_string(), "pump \\u{1b}[2J ä");
    }

    #[test]
    fn messages_show_what_cannot_be_seen_and_stay_short() {
        assert_eq!(quote("a\0b\u{202e}").to_string(), r#""a\0b\u{202e}""#);
        assert_eq!(quote(&"ä".repeat(300)).to_string(), format!("\"{}\"...", "ä".repeat(80)));
    }
}
