//! The separator of a list: a comma, or what Excel writes where the comma is the decimal sign.

use std::ops::Range;

/// The separator that the first lines name or show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Separator {
    pub(super) delimiter: u8,
    /// The line `sep=;`, which Excel reads and writes, without its end.
    pub(super) directive: Range<usize>,
}

/// The prefix of the line that names a separator.
const DIRECTIVE: &[u8] = b"sep=";

/// True if `head` holds the whole first line with columns: the separator can be found.
pub(super) fn has_first_line(head: &[u8]) -> bool {
    let is_end = |byte: u8| matches!(byte, b'\n' | b'\r');
    let mut lines = head.split_inclusive(|byte| is_end(*byte)).filter(|line| !line.iter().all(|byte| is_end(*byte)));
    let is_whole = |line: &[u8]| line.last().copied().is_some_and(is_end);
    match lines.next() {
        // Excel's directive names the separator, and the columns are on the next line.
        Some(first) if directive(first).is_some() => lines.next().is_some_and(is_whole),
        Some(first) => is_whole(first),
        None => false,
    }
}

/// The separator of the list that begins with `head`.
pub(super) fn find(head: &[u8]) -> Separator {
    let begin = head.iter().position(|byte| !matches!(byte, b'\n' | b'\r')).unwrap_or(head.len());
    let rest = head.get(begin..).unwrap_or_default();
    let first = rest.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    match directive(first) {
        Some(delimiter) => Separator { delimiter, directive: begin..begin + first.len() },
        None => Separator { delimiter: of_titles(first), directive: 0..0 },
    }
}

/// The separator that the line `sep=;` names.
fn directive(line: &[u8]) -> Option<u8> {
    let line = line.trim_ascii_end();
    match line.split_at_checked(DIRECTIVE.len()) {
        // Excel accepts any character. Others than these two would not be CSV any more.
        Some((sep, [delimiter @ (b',' | b';')])) if sep.eq_ignore_ascii_case(DIRECTIVE) => Some(*delimiter),
        _ => None,
    }
}

/// Semicolons separate the columns if the line that names them has some, and no comma.
fn of_titles(line: &[u8]) -> u8 {
    let mut is_quoted = false;
    let mut semicolons = false;
    for byte in line {
        match byte {
            b'"' => is_quoted = !is_quoted,
            // A comma decides at once: a title can contain a semicolon, but unquoted commas never occur in a semicolon
            // list.
            b',' if !is_quoted => return b',',
            b';' if !is_quoted => semicolons = true,
            _ => {}
        }
    }
    if semicolons { b';' } else { b',' }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_tells_what_separates_columns() {
        for (head, delimiter, directive) in [
            (&b"name,label\n"[..], b',', 0..0),
            (b"name;label\n", b';', 0..0),
            (b"\r\n\r\nname;label;\r\n", b';', 0..0),
            (b"name;x,label\n", b',', 0..0),
            (b"\"a;b\",c\n", b',', 0..0),
            (b"\"a,b\";c\n", b';', 0..0),
            (b"name\na;b\n", b',', 0..0),
            (b"", b',', 0..0),
            (b"sep=;\r\nname\r\n", b';', 0..5),
            (b"\nSEP=,\nname;x\n", b',', 1..6),
            (b"sep=;; \nname\n", b';', 0..0),
            (b"sep=\nname\n", b',', 0..0),
        ] {
            let expected = Separator { delimiter, directive };
            assert_eq!(find(head), expected, "{}", String::from_utf8_lossy(head));
        }
    }

    #[test]
    fn the_line_with_the_columns_must_be_whole() {
        for (head, is_there) in [
            (&b""[..], false),
            (b"\n\r\n", false),
            (b"name", false),
            (b"name\n", true),
            (b"\n\nname\r", true),
            (b"sep=;\n", false),
            (b"sep=;\n\nname", false),
            (b"sep=;\n\nname\n", true),
        ] {
            assert_eq!(has_first_line(head), is_there, "{}", String::from_utf8_lossy(head));
        }
    }
}
