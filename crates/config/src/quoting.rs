//! Writing TOML.

use std::fmt::Write as _;

/// A basic string of TOML, always on one line.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // TOML allows other control characters in escaped form only.
            c if c.is_control() => {
                // Writing to a String does not fail.
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use toml::de::DeTable;

    use super::*;

    proptest! {
        #[test]
        fn any_text_reads_back(text in any::<String>()) {
            let line = format!("x = {}", quoted(&text));
            prop_assert!(!line.contains('\n'));
            let table = DeTable::parse(&line).unwrap().into_inner();
            prop_assert_eq!(table.get("x").unwrap().get_ref().as_str().unwrap(), text);
        }
    }
}
