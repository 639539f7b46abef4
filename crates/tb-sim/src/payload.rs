//! What devices send: telemetry and attributes, as JSON.

use serde_json::{Map, Value};

use crate::clock;
use crate::state::Telemetry;

/// `{"k": v}`, `{"ts": ms, "values": {…}}`, or an array of both. `None` for everything else.
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

/// An object of values.
pub(crate) fn attributes(payload: &[u8]) -> Option<Map<String, Value>> {
    match serde_json::from_slice(payload).ok()? {
        Value::Object(object) => values(&object),
        _ => None,
    }
}

fn push(object: &Map<String, Value>, samples: &mut Vec<Telemetry>) -> Option<()> {
    let (ts, given) = match (object.get("ts"), object.get("values")) {
        (Some(ts), Some(given)) => (ts.as_i64()?, given.as_object()?),
        _ => (clock::milliseconds(), object),
    };
    samples.extend(values(given)?.into_iter().map(|(key, value)| Telemetry { ts, key, value }));
    Some(())
}

/// Values as they are stored: a text that reads as a number is one. There is no null.
fn values(object: &Map<String, Value>) -> Option<Map<String, Value>> {
    let stored = object.iter().map(|(key, value)| match value {
        Value::Null => None,
        Value::String(text) => Some((key.clone(), number(text).unwrap_or_else(|| value.clone()))),
        value => Some((key.clone(), value.clone())),
    });
    stored.collect()
}

fn number(text: &str) -> Option<Value> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && digits.bytes().filter(|byte| *byte == b'.').count() <= 1
        && !digits.ends_with('.')
        && !digits.starts_with('.');
    if !plain {
        return None;
    }
    text.parse::<i64>().ok().map(Value::from).or_else(|| text.parse::<f64>().ok().map(Value::from))
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
        for bad in ["", "{", "1", "null", "[1]", r#"{"a":null}"#, r#"{"ts":"x","values":{}}"#, "junk"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn attributes_are_an_object() {
        assert_eq!(attributes(br#"{"a":"7","b":true}"#), json!({ "a": 7, "b": true }).as_object().cloned());
        assert_eq!(attributes(b"[]"), None);
    }
}
