//! Server-side attributes, and what ThingsBoard makes of texts that look like numbers.
//!
//! ThingsBoard stores a text that parses as a number as that number (`JSON_TYPE_CAST_ENABLED`, on by default): `00012345`
//! becomes 12345, `1.50` becomes 1.5. No endpoint keeps such a text: the bulk import and the interface of devices use the
//! same conversion.

use std::collections::BTreeMap;

use base::text::quote;
use base::{Code, Result};
use serde::Deserialize;
use serde_json::Value;

use super::ThingsBoard;
use crate::http::{ApiRequest, Repeat};

/// The limit of attempts to read attributes back.
const MAX_READS: u32 = 3;

/// The most decimals of a number. ThingsBoard stores a number with more of them as a text.
const MAX_DECIMALS: usize = 16;

/// An attribute as it is stored.
#[derive(Debug, Deserialize)]
struct Attribute {
    key: String,
    value: Value,
}

impl ThingsBoard {
    /// Sets server-side attributes of a device, which only users of the platform can read and change, and reads them back.
    /// Other attributes are kept.
    pub(super) async fn describe_device(&self, device: &str, attributes: &BTreeMap<String, String>) -> Result<()> {
        let path = format!("/api/plugins/telemetry/DEVICE/{device}/attributes/SERVER_SCOPE");
        // Setting the same values again has no effect, so that a repeated run is safe.
        let answer = self.call(ApiRequest::post(path, attributes, Repeat::Safe)?).await?;
        if !answer.is_success() {
            return Err(self.refused(&answer));
        }
        let mut reads = 0;
        loop {
            let path = format!("/api/plugins/telemetry/DEVICE/{device}/values/attributes/SERVER_SCOPE");
            let stored: Vec<Attribute> = self.ask(ApiRequest::get(path)).await?;
            reads += 1;
            // ThingsBoard stores attributes asynchronously: a read directly after the answer may still show the old
            // value.
            match check(&stored, attributes) {
                Err(error) if reads < MAX_READS => {
                    tracing::info!(%error, "reading the attributes again");
                    tokio::time::sleep(self.pause * reads).await;
                }
                result => return result,
            }
        }
    }
}

/// Checks that the platform has stored the attributes.
fn check(stored: &[Attribute], wanted: &BTreeMap<String, String>) -> Result<()> {
    for (key, text) in wanted {
        let value = stored.iter().find(|attribute| attribute.key == *key).map(|attribute| &attribute.value);
        if !value.is_some_and(|value| is_stored_as(text, value)) {
            let there = value.map_or("nothing".to_owned(), |value| quote(&value.to_string()).to_string());
            return Err(Code::AttributeDiffers
                .error(format!("the platform has stored another value of the attribute {}", quote(key)))
                .because(format!("it was given {}, and returns {there}", quote(text)))
                .fix("run the same command again; another client may have set the attribute at the same time"));
        }
    }
    Ok(())
}

/// True if `value` is what ThingsBoard stores for `text`: the text, or the number that it parses as.
fn is_stored_as(text: &str, value: &Value) -> bool {
    match value {
        // Some versions return numbers as texts.
        Value::String(stored) => stored == text || stored_otherwise(text).is_some_and(|changed| changed == *stored),
        Value::Number(number) => match text.parse::<i64>() {
            Ok(whole) if number.as_i64().is_some() => number.as_i64() == Some(whole),
            // Digits of other scripts parse in Java, and not here.
            _ => is_number(text) && text.parse::<f64>().map_or(true, |wanted| number.as_f64() == Some(wanted)),
        },
        // Other JSON values are no attribute that was set from a text.
        _ => false,
    }
}

/// The value that ThingsBoard stores for an attribute's text, written as text, if it is not that text.
///
/// A whole number such as `42` is stored as a number that is written in the same way, and is no difference.
pub fn stored_otherwise(text: &str) -> Option<String> {
    if !is_number(text) {
        return None;
    }
    let stored = written(text).unwrap_or_else(|| "another number".to_owned());
    // A number that ThingsBoard writes exactly as it was given is stored without a change.
    (stored != text).then_some(stored)
}

/// Whether Java's `NumberUtils.isParsable` accepts a text: digits of any script with at most one point, which is not the
/// last character, after an optional minus sign, and nothing else.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits.contains(char::is_numeric)
        && digits.chars().all(|c| c.is_numeric() || c == '.')
        && digits.matches('.').count() <= 1
        // Java's check for numbers accepts ".5" and rejects "5.".
        && !digits.ends_with('.')
}

/// A number as ThingsBoard writes it; `None` for digits of other scripts, and for numbers beyond a double.
fn written(text: &str) -> Option<String> {
    if !text.is_ascii() {
        return None;
    }
    let Some((_, decimals)) = text.split_once('.') else {
        return Some(text.parse::<i64>().map_or_else(|_| without_zeros(text), |whole| whole.to_string()));
    };
    // Longer decimals become BigDecimal in ThingsBoard, which keeps all digits.
    if decimals.len() > MAX_DECIMALS {
        return Some(without_zeros(text));
    }
    let value = text.parse::<f64>().ok().filter(|value| value.is_finite())?;
    // BigDecimal has no negative zero.
    let shortest = if value == 0.0 { "0".to_owned() } else { value.to_string() };
    // Java writes a whole double with ".0".
    Some(if shortest.contains('.') { shortest } else { format!("{shortest}.0") })
}

/// The digits of a number without leading zeros, which is how a number that is too long is stored as a text.
fn without_zeros(text: &str) -> String {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let significant = digits.trim_start_matches('0');
    let zero = if significant.is_empty() || significant.starts_with('.') { "0" } else { "" };
    format!("{sign}{zero}{significant}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_that_would_change_are_found_with_their_new_form() {
        for (text, stored) in [
            ("00012345", "12345"),
            ("1.50", "1.5"),
            ("0.10", "0.1"),
            ("-0", "0"),
            ("-0.0", "0.0"),
            (".5", "0.5"),
            ("007", "7"),
            // Java keeps it as a double, which has about 17 significant digits.
            ("12345678901234567890.5", "12345678901234567000.0"),
            // 2^63, one more than a long holds.
            ("000009223372036854775808", "9223372036854775808"),
            // Digits of another script, which Java reads as digits too.
            ("００１２", "another number"),
        ] {
            assert_eq!(stored_otherwise(text).as_deref(), Some(stored), "{text}");
        }
    }

    #[test]
    fn other_texts_and_numbers_that_look_the_same_are_kept() {
        for text in [
            "42",
            "-1",
            "0",
            "1.5",
            "1.0",
            "-2.25",
            "1e3",
            "0x10",
            "NaN",
            // A plus sign is no part of a number in ThingsBoard, so that the text is kept.
            "+49123",
            "true",
            "",
            ".",
            "-",
            "1.",
            "1.2.3",
            "192.0.2.7",
            "SN00012345",
            "{\"a\":1}",
            "9223372036854775808",
            "123456789012345678901234",
            "0.12345678901234567",
            "1 2",
            " 12",
            "12\t",
            "1,50",
            "--1",
        ] {
            assert_eq!(stored_otherwise(text), None, "{text}");
        }
    }

    #[test]
    fn a_stored_value_is_the_text_or_its_number() {
        for (text, value) in [
            ("00012345", json!(12345)),
            ("00012345", json!("00012345")),
            ("1.50", json!(1.5)),
            ("1.0", json!(1.0)),
            ("12", json!(12)),
            ("000009223372036854775808", json!("9223372036854775808")),
            ("Bremen", json!("Bremen")),
            ("{\"a\":1}", json!("{\"a\":1}")),
        ] {
            assert!(is_stored_as(text, &value), "{text} {value}");
        }
        for (text, value) in [
            ("00012345", json!(12346)),
            ("1.50", json!(1.51)),
            ("Bremen", json!("Kiel")),
            ("Bremen", json!(1)),
            ("true", json!(true)),
            // 2^53 + 1, which a double cannot hold: equal as doubles, and different as numbers.
            ("9007199254740993", json!(9_007_199_254_740_992_i64)),
            ("12", json!(null)),
            // White space keeps a text.
            (" 12", json!(12)),
        ] {
            assert!(!is_stored_as(text, &value), "{text} {value}");
        }
    }
}
