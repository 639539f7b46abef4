//! Requested properties, in a form that can be compared.

use std::collections::BTreeSet;
use std::fmt;

use base::{Code, Result};
use serde::Serialize;
use serde_json::Value;

/// What was asked for when an identity was made, as canonical JSON: object keys sorted, no spaces.
///
/// Two requests are the same if, and only if, these texts are. Secrets have no place in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Parameters(String);

impl Parameters {
    /// The parameters that `request` serializes to. Absent and `null` are two things: skip what was not asked for.
    ///
    /// # Errors
    /// [`Code::Internal`] when the request cannot be written as JSON, which is a matter of its type.
    pub fn of(request: &impl Serialize) -> Result<Self> {
        let value = serde_json::to_value(request)
            .map_err(|error| Code::Internal.error("parameters cannot be written as JSON").caused_by(error))?;
        let mut text = String::new();
        write_sorted(&value, &mut text);
        Ok(Self(text))
    }

    /// Text that the ledger holds: canonical when it was written.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The differences from `wanted`, key by key.
    pub fn differences(&self, wanted: &Self) -> Vec<Difference> {
        // Both texts are JSON; should one from the disk not be, it differs as a whole.
        let parse = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
        let mut found = Vec::new();
        if self != wanted {
            compare("", Some(&parse(&self.0)), Some(&parse(&wanted.0)), &mut found);
        }
        found
    }
}

/// One key in which two [`Parameters`] differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The key, with a dot before each nested one.
    pub key: String,
    /// The value in the ledger, as JSON; `None` if it was not requested.
    pub recorded: Option<String>,
    /// The value requested now, as JSON; `None` if it is not requested.
    pub wanted: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        let or_none = |side: &Option<String>| side.clone().unwrap_or_else(|| "nothing".to_owned());
        write!(f, "{} before, {} now", or_none(&self.recorded), or_none(&self.wanted))
    }
}

/// serde_json sorts or keeps the order of keys depending on a feature that any crate of a build may switch on.
fn write_sorted(value: &Value, text: &mut String) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            text.push('{');
            for (index, (key, value)) in entries.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                // Written as a JSON string, which escapes quotes and control characters in the key.
                push_plain(key, text);
                text.push(':');
                write_sorted(value, text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_sorted(item, text);
            }
            text.push(']');
        }
        plain => push_plain(plain, text),
    }
}

/// Appends a value that is neither an object nor a list. Not by its `Display`, which takes several times as long.
fn push_plain(value: &(impl Serialize + ?Sized), text: &mut String) {
    // Strings, numbers and the like can always be written.
    text.push_str(&serde_json::to_string(value).unwrap_or_default());
}

fn compare(key: &str, recorded: Option<&Value>, wanted: Option<&Value>, found: &mut Vec<Difference>) {
    if let (Some(Value::Object(recorded)), Some(Value::Object(wanted))) = (recorded, wanted) {
        let names: BTreeSet<_> = recorded.keys().chain(wanted.keys()).collect();
        for name in names {
            let nested = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
            compare(&nested, recorded.get(name), wanted.get(name), found);
        }
    } else if recorded != wanted {
        let text = |side: Option<&Value>| side.map(Value::to_string);
        found.push(Difference { key: key.to_owned(), recorded: text(recorded), wanted: text(wanted) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(value: &Value) -> Parameters {
        Parameters::of(value).unwrap()
    }

    #[test]
    fn the_order_of_keys_does_not_count_and_that_of_lists_does() {
        assert_eq!(of(&json!({"b": 1, "a": {"y": [], "x": null}})).as_str(), r#"{"a":{"x":null,"y":[]},"b":1}"#);
        assert_ne!(of(&json!({"san": ["a", "b"]})), of(&json!({"san": ["b", "a"]})));
    }

    #[test]
    fn the_differences_are_named() {
        let recorded = of(&json!({"alg": "ec-p256", "days": 365, "subject": {"O": "Acme"}}));
        let wanted = of(&json!({"alg": "rsa-2048", "days": 365, "subject": {"O": "Acme", "OU": "Lab"}}));
        let texts: Vec<String> = recorded.differences(&wanted).iter().map(ToString::to_string).collect();
        assert_eq!(texts, [r#"alg: "ec-p256" before, "rsa-2048" now"#, r#"subject.OU: nothing before, "Lab" now"#]);
        assert_eq!(recorded.differences(&recorded), []);
    }

    #[test]
    fn text_that_is_no_json_differs_as_a_whole() {
        let broken = Parameters::stored("{\"alg".to_owned());
        assert_eq!(broken.differences(&of(&json!({}))).len(), 1);
    }
}
