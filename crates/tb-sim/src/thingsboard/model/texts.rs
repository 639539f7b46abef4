//! Texts of devices and profiles, as the validators of the real server want them.

use std::collections::BTreeSet;

use crate::thingsboard::refusal::{Refusal, Result};

/// The limit on a text, in UTF-16 units: a character beyond the basic plane counts twice.
const LONGEST: usize = 255;

/// A field and its text.
pub(crate) type Field<'a> = (&'a str, Option<&'a str>);

/// Checks texts for their length and for markup; those of `unlimited` for markup alone. All faults are in one message.
pub(crate) fn check_texts(limited: &[Field<'_>], unlimited: &[Field<'_>]) -> Result<()> {
    let too_long = limited.iter().filter(|(_, text)| text.is_some_and(|text| text.encode_utf16().count() > LONGEST));
    let malformed = limited.iter().chain(unlimited).filter(|(_, text)| text.is_some_and(is_malformed));
    let faults: BTreeSet<String> = too_long
        .map(|(field, _)| format!("{field} length must be equal or less than {LONGEST}"))
        .chain(malformed.map(|(field, _)| format!("{field} is malformed")))
        .collect();
    if faults.is_empty() {
        return Ok(());
    }
    let faults: Vec<String> = faults.into_iter().collect();
    Err(Refusal::bad(format!("Validation error: {}", faults.join(", "))))
}

/// A name that is there. It is neither trimmed nor changed.
pub(crate) fn required_name<'a>(name: Option<&'a str>, what: &str) -> Result<&'a str> {
    let name = name.filter(|name| !name.trim().is_empty());
    let name = name.ok_or_else(|| Refusal::bad(format!("{what} name should be specified!")))?;
    if name.contains('\0') {
        return Err(Refusal::bad(format!("{what} name should not contain 0x00 symbol!")));
    }
    Ok(name)
}

/// Text in which a browser or a template engine would see more than text.
fn is_malformed(text: &str) -> bool {
    let template = text.find("{{").is_some_and(|start| text.get(start..).is_some_and(|rest| rest.contains("}}")));
    let mut after_bracket = text.split('<').skip(1);
    let tag = after_bracket.any(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic() || "/!?".contains(c)));
    template || tag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_faults_are_in_one_message() {
        let long = "x".repeat(256);
        let faults = check_texts(&[("type", Some("<b>x</b>")), ("name", Some(&long))], &[("image", Some("{{x}}"))]);
        let message =
            "Validation error: image is malformed, name length must be equal or less than 255, type is malformed";
        assert_eq!(faults, Err(Refusal::bad(message)));
        assert_eq!(
            check_texts(&[("name", Some("x")), ("label", None)], &[("additionalInfo", Some("{\"a\":1}"))]),
            Ok(())
        );
    }

    #[test]
    fn a_character_beyond_the_basic_plane_counts_twice() {
        let text = "\u{1F600}".repeat(128);
        assert!(check_texts(&[("name", Some(&text))], &[]).is_err());
        assert!(check_texts(&[("name", text.get(4..))], &[]).is_ok());
    }
}
