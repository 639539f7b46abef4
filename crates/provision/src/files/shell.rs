//! Files that a shell sources, such as thingsboard.conf: read line by line and never run.
//!
//! Written by hand because no shell may run: a value that only a shell could compute is reported as unknown.

use zeroize::Zeroizing;

/// The effect of one line.
#[derive(Debug)]
pub(crate) enum Line {
    /// It sets a variable.
    Assignment {
        /// The variable.
        name: String,
        /// The value; `None` where only a shell could say what it is.
        value: Option<Zeroizing<String>>,
    },
    /// It sources another file.
    Source(String),
}

/// Reads a line; nothing for comments, empty lines and every other command.
pub(crate) fn read(line: &str) -> Option<Line> {
    let line = line.trim();
    let command = line.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t'])).unwrap_or(line).trim_start();
    for word in [". ", "source "] {
        if let Some(file) = command.strip_prefix(word) {
            return word_of(file.trim_start()).map(|file| Line::Source(file.to_string()));
        }
    }
    let (name, value) = command.split_once('=')?;
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_name.then(|| Line::Assignment { name: name.to_owned(), value: word_of(value) })
}

/// The first word as a shell (POSIX, section 2.2) takes it; `None` where it would expand something.
fn word_of(text: &str) -> Option<Zeroizing<String>> {
    let mut word = Zeroizing::new(String::with_capacity(text.len()));
    let mut chars = text.chars();
    let mut quote = None;
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some('\''), '\'') | (Some('"'), '"') => quote = None,
            (Some('\''), c) => word.push(c),
            (_, '$' | '`') => return None,
            (None, '\'' | '"') => quote = Some(c),
            (None, c) if c.is_whitespace() || matches!(c, ';' | '&' | '|') => return Some(word),
            // A backslash at the end would join the next line.
            (None, '\\') => word.push(chars.next()?),
            (Some(_), '\\') => match chars.next()? {
                escaped @ ('"' | '\\' | '$' | '`') => word.push(escaped),
                other => word.extend(['\\', other]),
            },
            (_, c) => word.push(c),
        }
    }
    // A quote that stays open goes on in the next line.
    quote.is_none().then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(line: &str) -> Option<String> {
        match read(line) {
            Some(Line::Assignment { name, value }) if name == "A" => value.map(|value| value.to_string()),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn values_are_what_a_shell_makes_of_them() {
        for (line, expected) in [
            ("A=b", "b"),
            ("  export A=b # comment", "b"),
            ("export\tA='b c'", "b c"),
            ("A=\"b \\\"c\\\" \\d\"", "b \"c\" \\d"),
            ("A='it'\\''s $x'", "it's $x"),
            ("A=b\\ c;", "b c"),
            ("A=", ""),
            ("A=/etc/x.p12", "/etc/x.p12"),
        ] {
            assert_eq!(value(line).as_deref(), Some(expected), "{line}");
        }
    }

    #[test]
    fn what_only_a_shell_knows_is_not_guessed() {
        // The last two go on in the next line.
        for line in ["A=$HOME/x", "A=\"$(pwd)\"", "A=`pwd`", "A='open", "A=b\\"] {
            assert_eq!(value(line), None, "{line}");
        }
    }

    #[test]
    fn other_lines_set_nothing() {
        for line in ["", "# A=b", "if [ x = y ]; then", "exporting A=b", "1A=b", "echo A=b"] {
            assert!(read(line).is_none(), "{line}");
        }
        assert!(matches!(read(". '/etc/x y.env'"), Some(Line::Source(file)) if file == "/etc/x y.env"));
        assert!(matches!(read("source thingsboard.env"), Some(Line::Source(file)) if file == "thingsboard.env"));
    }
}
