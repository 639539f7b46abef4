//! The table of log lines on the page about the firmware, compared with the texts in the code.

use std::fs;

use tbpki_tests::binary::workspace;

/// The files with texts for the log. The reasons for which a record cannot be read are one line of the table.
const SOURCES: &[&str] = &[
    "crates/device/src/enrolment/failure.rs",
    "crates/device/src/enrolment/fetch.rs",
    "crates/device/src/enrolment/signer.rs",
    "crates/device/src/life/error.rs",
    "crates/device/src/life/keeper.rs",
    "crates/device/src/life/keeper/show.rs",
    "crates/device/src/life/keeper/visit.rs",
    "crates/device/src/session/date_keeper.rs",
    "crates/device/src/session/failure.rs",
    "crates/device/src/session/run.rs",
    "crates/device/src/session/sender.rs",
    "crates/device/src/session/sntp.rs",
    "crates/firmware/src/main.rs",
    "crates/firmware/src/network.rs",
    "crates/firmware/src/record.rs",
    "crates/firmware/src/session.rs",
    "crates/firmware/src/stamp.rs",
    "crates/firmware/src/wifi.rs",
];

const PAGE: &str = "docs/src/topics/firmware.md";

#[test]
fn every_line_of_the_log_is_in_the_table_and_every_row_is_in_the_code() {
    let texts: Vec<(&str, String)> = SOURCES.iter().flat_map(|file| texts(file)).collect();
    assert!(texts.len() > 60, "only {} texts were found", texts.len());
    let rows = rows();
    let is_documented = |text: &str| !has_words(text) || rows.iter().any(|row| row.contains(text));
    let undocumented: Vec<_> = texts.iter().filter(|(_, text)| !is_documented(text)).collect();
    assert!(undocumented.is_empty(), "not in the table of {PAGE}: {undocumented:#?}");
    // The rest of a row is the step before the text.
    let outdated: Vec<_> = rows
        .iter()
        .filter(|row| !texts.iter().any(|(_, text)| row.contains(text.as_str()) && text.len() * 2 >= row.len()))
        .collect();
    assert!(outdated.is_empty(), "no longer in the code: {outdated:#?}");
}

/// The lines of the table, with `<>` for words that differ.
fn rows() -> Vec<String> {
    let page = fs::read_to_string(workspace().join(PAGE)).unwrap();
    let table = page.split("| Line | Meaning").nth(1).unwrap().lines().skip(2).take_while(|line| line.starts_with('|'));
    table.map(|row| replaced(row.split('`').nth(1).unwrap(), '<', '>')).collect()
}

/// The texts of a file, with `<>` for values.
fn texts(file: &'static str) -> Vec<(&'static str, String)> {
    let source = fs::read_to_string(workspace().join(file)).unwrap();
    let source = source.split("#[cfg(test)]").next().unwrap();
    let literals = literals(source).into_iter().map(|literal| {
        let text = replaced(&literal, '{', '}');
        text.strip_prefix("<>").map_or(text.clone(), str::to_owned)
    });
    literals.map(|text| (file, text)).collect()
}

/// True if a text has words of its own, unlike a step with its reason (`network: {failure}`) or a joint between reasons.
fn has_words(text: &str) -> bool {
    let rest = text.replace("<>", "");
    rest.trim().contains(' ') && rest.trim() != ", and"
}

/// The contents of string literals, without those of attributes and byte strings.
fn literals(source: &str) -> Vec<String> {
    let code = source.lines().filter(|line| !line.trim_start().starts_with("//") && !line.contains("reason = \""));
    let code = code.collect::<Vec<_>>().join("\n");
    let mut literals = Vec::new();
    let mut rest = code.as_str();
    while let Some(start) = rest.find('"') {
        let is_bytes = rest[..start].ends_with('b');
        let (mut literal, mut escaped, mut end) = (String::new(), false, rest.len());
        for (at, c) in rest[start + 1..].char_indices() {
            match (escaped, c) {
                (true, '\n') => literal.push(' '),
                (true, c) => literal.push(c),
                (false, '\\') => {}
                (false, '"') => {
                    end = start + 1 + at + 1;
                    break;
                }
                (false, c) => literal.push(c),
            }
            escaped = !escaped && c == '\\';
        }
        if !is_bytes {
            // A line that goes on begins without its indentation.
            literals.push(literal.split_whitespace().collect::<Vec<_>>().join(" "));
        }
        rest = &rest[end..];
    }
    literals
}

/// The text with `<>` for everything between two brackets.
fn replaced(text: &str, open: char, close: char) -> String {
    let mut parts = text.split(open);
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |text, part| text + "<>" + part.split_once(close).map_or("", |(_, rest)| rest))
}
