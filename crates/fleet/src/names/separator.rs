//! The separator of a list: a comma, or what Excel writes where the comma is the decimal sign.

use std::ops::Range;

use super::columns::ColumnSelection;

/// The separator that the first lines name or show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Separator {
    pub(super) delimiter: u8,
    /// The line `sep=;`, which Excel reads and writes, without its end.
    pub(super) directive: Range<usize>,
    /// The reason for which the delimiter is none that the list shows.
    pub(super) fault: Option<SeparatorFault>,
}

/// A first line that does not tell the separator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SeparatorFault {
    /// It has commas and semicolons, and the column of the names is found with both or with none.
    Ambiguous,
    /// It is a line `sep=` with another character.
    Directive,
}

/// The prefix of the line that names a separator.
const DIRECTIVE: &[u8] = b"sep=";

/// True if `head` holds the whole first line with columns: the separator can be found.
pub(super) fn has_first_line(head: &[u8]) -> bool {
    let mut lines = head.split_inclusive(|byte| is_end(*byte)).filter(|line| !is_blank(line));
    let is_whole = |line: &[u8]| line.last().copied().is_some_and(is_end);
    match lines.next() {
        // Excel's directive names the separator, and the columns are on the next line.
        Some(first) if directive(first).is_some() => lines.next().is_some_and(is_whole),
        Some(first) => is_whole(first),
        None => false,
    }
}

/// The separator of the list that begins with `head`.
pub(super) fn find(head: &[u8], wish: &ColumnSelection) -> Separator {
    let mut begin = 0;
    let mut lines = head.split_inclusive(|byte| is_end(*byte));
    let first = lines.find(|line| {
        let is_first = !is_blank(line);
        begin += if is_first { 0 } else { line.len() };
        is_first
    });
    let first = first.unwrap_or_default();
    let first = first.strip_suffix(b"\n").or_else(|| first.strip_suffix(b"\r")).unwrap_or(first);
    match directive(first) {
        Some(Ok(delimiter)) => Separator { delimiter, directive: begin..begin + first.len(), fault: None },
        Some(Err(fault)) => Separator { delimiter: b',', directive: 0..0, fault: Some(fault) },
        None => {
            let (delimiter, fault) = match of_titles(first, wish) {
                Ok(delimiter) => (delimiter, None),
                Err(fault) => (b',', Some(fault)),
            };
            Separator { delimiter, directive: 0..0, fault }
        }
    }
}

fn is_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// Whether a line has no field with a text. Spreadsheets leave such lines behind, also in front of the columns.
pub(super) fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| byte.is_ascii_whitespace() || matches!(byte, b',' | b';'))
}

/// The separator that the line `sep=;` names; none for other lines.
fn directive(line: &[u8]) -> Option<Result<u8, SeparatorFault>> {
    let (sep, rest) = line.split_at_checked(DIRECTIVE.len())?;
    let is_title = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'"');
    if !sep.eq_ignore_ascii_case(DIRECTIVE) || rest.iter().any(is_title) {
        return None;
    }
    match rest.trim_ascii_end() {
        // Excel accepts any character. Others than these two would not be CSV any more.
        [delimiter @ (b',' | b';')] => Some(Ok(*delimiter)),
        _ => Some(Err(SeparatorFault::Directive)),
    }
}

/// Semicolons separate the columns if the line that names them has some, and no comma. With both, the column of the names
/// decides: titles can contain either of them.
fn of_titles(line: &[u8], wish: &ColumnSelection) -> Result<u8, SeparatorFault> {
    let [commas, semicolons] = [b',', b';'].map(|delimiter| titles(line, delimiter));
    match (commas.len() > 1, semicolons.len() > 1) {
        (true, true) => match [commas, semicolons].map(|titles| titles.iter().any(|title| wish.is_name(title))) {
            [true, false] => Ok(b','),
            [false, true] => Ok(b';'),
            _ => Err(SeparatorFault::Ambiguous),
        },
        (false, true) => Ok(b';'),
        _ => Ok(b','),
    }
}

/// The fields of a line, without the quotes around them.
fn titles(line: &[u8], delimiter: u8) -> Vec<String> {
    let mut is_quoted = false;
    let fields = line.split(|byte| {
        is_quoted ^= *byte == b'"';
        *byte == delimiter && !is_quoted
    });
    fields.map(|field| String::from_utf8_lossy(field).trim().trim_matches('"').trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(head: &[u8]) -> Separator {
        find(head, &ColumnSelection::default())
    }

    #[test]
    fn the_column_of_the_names_decides_between_two_separators() {
        let of = |head: &str, column: Option<&str>| {
            let wish = ColumnSelection { name: column.map(str::to_owned), attributes: Vec::new() };
            let Separator { delimiter, fault, .. } = find(head.as_bytes(), &wish);
            fault.map_or(Ok(delimiter), Err)
        };
        assert_eq!(of("name;site,floor\n", None), Ok(b';'));
        assert_eq!(of("Standort, Etage;\"Name\"\n", None), Ok(b';'));
        assert_eq!(of("x;y,name\n", None), Ok(b','));
        assert_eq!(of("Gerät;Standort, Etage;Label\n", Some("Gerät")), Ok(b';'));
        assert_eq!(of("Gerät;Standort, Etage;Label\n", None), Err(SeparatorFault::Ambiguous));
        assert_eq!(of("name;x,name\n", Some("id")), Err(SeparatorFault::Ambiguous));
        assert_eq!(of("name,x;name\n", None), Err(SeparatorFault::Ambiguous));
        assert_eq!(of("sep=;\nGerät;Standort, Etage\n", None), Ok(b';'));
        for other in ["sep=\t\nname\tlabel\n", "sep= ;\nname;label\n", "sep=|\nname|label\n", "sep=\nname\n"] {
            assert_eq!(of(other, None), Err(SeparatorFault::Directive), "{other:?}");
        }
        // A title of a column.
        assert_eq!(of("sep=x,name\n", None), Ok(b','));
    }

    #[test]
    fn the_first_line_tells_what_separates_columns() {
        for (head, delimiter, directive) in [
            (&b"name,label\n"[..], b',', 0..0),
            (b"name;label\n", b';', 0..0),
            (b"\r\n\r\nname;label;\r\n", b';', 0..0),
            (b" \n;;\n,,\nname;label\n", b';', 0..0),
            (b" \nsep=;\nname\n", b';', 2..7),
            (b"\"a;b\",c\n", b',', 0..0),
            (b"\"a,b\";c\n", b';', 0..0),
            (b"name\na;b\n", b',', 0..0),
            (b"", b',', 0..0),
            (b"sep=;\r\nname\r\n", b';', 0..5),
            (b"\nSEP=,\nname;x\n", b',', 1..6),
        ] {
            let expected = Separator { delimiter, directive, fault: None };
            assert_eq!(found(head), expected, "{}", String::from_utf8_lossy(head));
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
