//! One line of a CSV: the fields of a name, each checked.

use std::fmt::Display;

use base::text::{is_deceptive, is_invisible, printable, quote};
use base::{Code, Error, Result};
use ledger::StagedName;
use pki::San;
use pki::device_name::DeviceName;

use super::columns::{Column, title};

/// The most characters of a label, a profile and the name of an attribute, as ThingsBoard takes them.
const MAX_TEXT: usize = 255;

/// The most alternative names of one certificate, as public CAs limit them: a handshake sends all of them.
const MAX_SANS: usize = 100;

/// Puts a field into its place.
///
/// # Errors
/// [`Code::DeviceName`], [`Code::NamesField`], [`Code::BadSan`], [`Code::NamesRow`].
pub(super) fn put(name: &mut StagedName, column: &Column, field: &str) -> Result<()> {
    let field = field.trim();
    match column {
        Column::Name => name.name = field.parse::<DeviceName>()?.into(),
        // An empty field is an absent value: spreadsheets cannot tell the two apart.
        _ if field.is_empty() => {}
        Column::Label => name.label = Some(check_text("label", field)?),
        Column::Profile => name.profile = Some(check_key("profile", field)?),
        Column::San => name.sans = sans(field)?,
        Column::Attribute(key) => {
            // Line breaks and tabs are legal in attributes, whose values are free text.
            let is_bad = |c: &char| c.is_control() && !matches!(c, '\n' | '\t');
            if let Some(c) = field.chars().find(is_bad) {
                return Err(bad(&title(column), field, has_character(c)));
            }
            name.attributes.insert(key.clone(), field.to_owned());
        }
        Column::Nameless => {
            return Err(Code::NamesRow
                .error(format!("{} is in a column without a name", quote(field)))
                .fix("name the column in the first line, or delete it"));
        }
        Column::Ignored => {}
    }
    Ok(())
}

/// A text of the platform in one line.
///
/// # Errors
/// [`Code::NamesField`].
pub(super) fn check_text(what: &str, text: &str) -> Result<String> {
    if let Some(c) = text.chars().find(|c| is_deceptive(*c)) {
        return Err(bad(what, text, has_character(c)));
    }
    match text.chars().count() {
        0..=MAX_TEXT => Ok(text.to_owned()),
        count => Err(bad(what, text, format!("it has {count} characters, more than {MAX_TEXT}"))),
    }
}

/// A text that is compared with others: two of them must not look the same.
///
/// # Errors
/// [`Code::NamesField`].
pub(super) fn check_key(what: &str, text: &str) -> Result<String> {
    match invisible_in(text) {
        Some(c) => Err(bad(what, text, format!("it contains the invisible character U+{:04X}", u32::from(c)))),
        None => check_text(what, text),
    }
}

/// The first character that cannot be seen, or that changes the order in which others are shown.
pub(super) fn invisible_in(text: &str) -> Option<char> {
    text.chars().find(|c| (is_deceptive(*c) && !c.is_control()) || is_invisible(*c))
}

/// The names between the semicolons, each as it is written with its kind.
fn sans(field: &str) -> Result<Vec<String>> {
    let mut sans = Vec::new();
    // Semicolons within a field, because a comma would separate columns.
    for text in field.split(';').filter(|text| !text.trim().is_empty()) {
        let san = text.parse::<San>()?.to_string();
        if !sans.contains(&san) {
            sans.push(san);
        }
        if sans.len() > MAX_SANS {
            return Err(Code::BadSan
                .error(format!("a device has more than {MAX_SANS} alternative names"))
                .fix("give it fewer names"));
        }
    }
    Ok(sans)
}

fn bad(what: &str, text: &str, why: impl Display) -> Error {
    Code::NamesField.error(format!("the {what} {} cannot be used", quote(text))).because(why).fix("shorten or clean it")
}

fn has_character(c: char) -> String {
    format!("it contains the character '{}'", printable(c.encode_utf8(&mut [0; 4])))
}
