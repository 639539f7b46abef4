//! Telemetry and attributes of devices, from JSON.

use serde_json::{Map, Value};

use crate::clock;
use crate::thingsboard::model::telemetry::Telemetry;

/// Reads `{"k": v}`, `{"ts": ms, "values": {…}}`, or an array of both. `None` for everything else.
pub(crate) fn telemetry(payload: &[u8]) -> Option<Vec<Telemetry>> {
    let payload: Value = serde_json::from_slice(payload).ok()?;
    let mut samples = Vec::new();
    match &payload {
        Value::Object(object) => push(object, &mut samples)?,
        Value::Array(items) => {
            for item in items {
                push(item.as_object()?, &mut samples)?;
            }
        }
        _ => return None,
    }
    Some(samples)
}

/// True for JSON of any kind.
pub(crate) fn is_json(payload: &[u8]) -> bool {
    serde_json::from_slice::<Value>(payload).is_ok()
}

/// True for telemetry without a single value in it, which the real server never answers.
pub(crate) fn is_empty_array(payload: &[u8]) -> bool {
    matches!(serde_json::from_slice(payload), Ok(Value::Array(items)) if items.is_empty())
}

/// True for values with a time that is no number.
pub(crate) fn has_unreadable_time(payload: &[u8]) -> bool {
    match serde_json::from_slice(payload) {
        Ok(Value::Object(object)) => {
            object.contains_key("values") && object.get("ts").is_some_and(|ts| !ts.is_number())
        }
        _ => false,
    }
}

/// An object of values.
pub(crate) fn attributes(payload: &[u8]) -> Option<Map<String, Value>> {
    match serde_json::from_slice(payload).ok()? {
        Value::Object(object) => Some(stored_values(&object)),
        _ => None,
    }
}

fn push(object: &Map<String, Value>, samples: &mut Vec<Telemetry>) -> Option<()> {
    let (ts, given) = match (object.get("ts"), object.get("values")) {
        (Some(ts), Some(given)) => (ts.as_i64()?, given.as_object()?),
        // Only both fields together are the form with a time; `ts` alone is a value of that name.
        _ => (clock::milliseconds(), object),
    };
    samples.extend(stored_values(given).into_iter().map(|(key, value)| Telemetry { ts, key, value }));
    Some(())
}

/// Values as the server stores them: nulls are left out, and texts that parse as numbers become numbers.
pub(crate) fn stored_values(object: &Map<String, Value>) -> Map<String, Value> {
    let stored = object.iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| {
        let stored = match value {
            Value::String(text) => number(text).unwrap_or_else(|| value.clone()),
            Value::Number(number) => stored_number(&number.to_string()).unwrap_or_else(|| value.clone()),
            value => value.clone(),
        };
        (key.clone(), stored)
    });
    stored.collect()
}

/// The number that a text is cast to (`JSON_TYPE_CAST_ENABLED`, by default on).
///
/// The rule is that of Java's `NumberUtils.isParsable`: digits with at most one point, which is not last, after an
/// optional minus sign. The digits may be those of any script. There is no plus sign, space, exponent or hexadecimal
/// form.
fn number(text: &str) -> Option<Value> {
    let text: String = text.chars().map(digit).collect();
    let text = text.as_str();
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_parsable = digits.bytes().any(|byte| byte.is_ascii_digit())
        && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && digits.bytes().filter(|byte| *byte == b'.').count() <= 1
        && !digits.ends_with('.');
    if is_parsable { stored_number(text) } else { None }
}

/// The ASCII digit for a digit of another script.
fn digit(c: char) -> char {
    let value = DIGIT_ZEROS.iter().filter_map(|zero| u32::from(c).checked_sub(*zero)).find(|value| *value < 10);
    value.and_then(|value| char::from_digit(value, 10)).unwrap_or(c)
}

/// The zeros of scripts with digits of their own: Arabic, Persian, those of India, Thai, Lao, Tibetan, full width.
const DIGIT_ZEROS: &[u32] = &[
    0x0660, 0x06f0, 0x0966, 0x09e6, 0x0a66, 0x0ae6, 0x0b66, 0x0be6, 0x0c66, 0x0ce6, 0x0d66, 0x0e50, 0x0ed0, 0x0f20,
    0xff10,
];

/// A number as the server keeps it: 64 bits for integers, a double with at most 16 decimals. Others become texts,
/// without leading zeros.
fn stored_number(text: &str) -> Option<Value> {
    if text.contains(['e', 'E']) {
        return None;
    }
    let Some((_, decimals)) = text.split_once('.') else {
        // Beyond 64 bits a number becomes a text again, and has lost its zeros on the way.
        return text.parse::<i64>().map(Value::from).ok().or_else(|| plain(text));
    };
    // BigDecimal has no negative zero.
    if decimals.len() > 16 { plain(text) } else { text.parse::<f64>().ok().map(|value| Value::from(value + 0.0)) }
}

/// `BigDecimal.toPlainString`.
fn plain(text: &str) -> Option<Value> {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let significant = digits.trim_start_matches('0');
    let zero = if significant.is_empty() || significant.starts_with('.') { "0" } else { "" };
    Some(Value::from(format!("{sign}{zero}{significant}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_three_forms_of_telemetry_are_read() {
        let read = |text: &str| telemetry(text.as_bytes());
        assert_eq!(read(r#"{"a":1}"#).map(|samples| samples[0].value.clone()), Some(json!(1)));
        let samples = read(r#"[{"ts":5,"values":{"a":"2.5"}},{"b":"x"}]"#).unwrap();
        assert_eq!((samples[0].ts, &samples[0].value), (5, &json!(2.5)));
        assert_eq!(samples[1].value, json!("x"));
        assert_eq!(read(r#"{"a":null}"#), Some(Vec::new()), "a null is accepted and stored nowhere");
        for bad in ["", "{", "1", "null", "[1]", r#"{"ts":"x","values":{}}"#, "junk"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn attributes_are_an_object() {
        assert_eq!(attributes(br#"{"a":"7","b":true}"#), json!({ "a": 7, "b": true }).as_object().cloned());
        assert_eq!(attributes(b"[]"), None);
    }

    #[test]
    fn texts_are_cast_as_the_real_server_casts_them() {
        for (text, stored) in [
            ("00012345", json!(12345)),
            ("1.50", json!(1.5)),
            ("0.10", json!(0.1)),
            ("-0.0", json!(0.0)),
            ("１２", json!(12)),
            ("٣.٥", json!(3.5)),
            ("-1", json!(-1)),
            (".5", json!(0.5)),
            ("1.0", json!(1.0)),
            ("9223372036854775808", json!("9223372036854775808")),
            ("000009223372036854775808", json!("9223372036854775808")),
            ("0.12345678901234567", json!("0.12345678901234567")),
        ] {
            assert_eq!(number(text), Some(stored), "{text}");
        }
        for text in ["1e3", "0x10", "NaN", "+49123", "true", "1.", "-", "", ".", "1.2.3", "{}", " 12", "12 ", "½"] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
