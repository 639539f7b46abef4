//! The kinds of values that keys take, and how each is read and shown.

use std::fmt::{self, Display};
use std::path::Path;
use std::str::FromStr;

use base::text::quote;
use base::{Code, Error, Finding, Result};
use pki::algorithm::Algorithm;
use pki::san::San;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::document::Document;
use crate::quoting::quoted;

/// A kind of value.
pub(crate) trait ValueKind: Sized {
    /// True if the value must not be shown, and variables and flags name its place.
    const IS_SECRET: bool = false;

    /// The accepted values, as the end of a sentence that begins with "it takes".
    fn takes() -> String;

    /// Reads it from keygen.toml.
    fn from_toml(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Result<Self>;

    /// Reads it from the texts of a flag, in their order.
    fn from_texts(texts: &[&str]) -> Result<Self>;

    /// Reads it from an environment variable.
    fn from_variable(_name: &str, text: &str) -> Result<Self> {
        Self::from_texts(&[text])
    }

    /// The value if no layer sets the key and it has no default, if that is allowed.
    fn unset() -> Option<Self> {
        None
    }

    /// The value in TOML, unless there is none.
    fn shown(&self) -> Option<String>;

    /// The path to open, if the value is one.
    fn path(&self) -> Option<&Path> {
        None
    }

    /// A warning about a value that is accepted all the same.
    fn warning(&self) -> Option<Finding> {
        None
    }
}

/// A kind that is one word of text.
pub(crate) trait WordValue: FromStr<Err = Error> + Display {
    /// As [`ValueKind::takes`].
    fn takes() -> String;

    /// The reason why this value and an earlier one cannot be in the same list.
    fn contradicts(&self, _earlier: &Self) -> Option<String> {
        None
    }
}

impl WordValue for Algorithm {
    fn takes() -> String {
        list(Algorithm::ALL.iter().map(|algorithm| algorithm.name()))
    }
}

impl WordValue for San {
    fn takes() -> String {
        "a host name, an IP address, a URI or an e-mail address".to_owned()
    }
}

impl<T: WordValue> ValueKind for T {
    fn takes() -> String {
        <T as WordValue>::takes()
    }

    fn from_toml(value: &Spanned<DeValue<'_>>, _document: &Document<'_>) -> Result<Self> {
        match value.get_ref() {
            DeValue::String(text) => text.parse(),
            other => Err(wrong_type(other)),
        }
    }

    fn from_texts(texts: &[&str]) -> Result<Self> {
        // The last one counts, as for options of most programs: a script can append to a given command line.
        texts.last().copied().unwrap_or_default().parse()
    }

    fn shown(&self) -> Option<String> {
        Some(quoted(&self.to_string()))
    }
}

impl<K: ValueKind> ValueKind for Option<K> {
    const IS_SECRET: bool = K::IS_SECRET;

    fn takes() -> String {
        K::takes()
    }

    fn from_toml(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Result<Self> {
        K::from_toml(value, document).map(Some)
    }

    fn from_texts(texts: &[&str]) -> Result<Self> {
        K::from_texts(texts).map(Some)
    }

    fn from_variable(name: &str, text: &str) -> Result<Self> {
        K::from_variable(name, text).map(Some)
    }

    fn unset() -> Option<Self> {
        Some(None)
    }

    fn shown(&self) -> Option<String> {
        self.as_ref().and_then(K::shown)
    }

    fn path(&self) -> Option<&Path> {
        self.as_ref().and_then(K::path)
    }

    fn warning(&self) -> Option<Finding> {
        self.as_ref().and_then(K::warning)
    }
}

impl<T: WordValue + PartialEq> ValueKind for Vec<T> {
    fn takes() -> String {
        format!("a list, each entry {}", <T as WordValue>::takes())
    }

    fn from_toml(value: &Spanned<DeValue<'_>>, document: &Document<'_>) -> Result<Self> {
        let DeValue::Array(array) = value.get_ref() else {
            // A list of one is often written without its brackets.
            return T::from_toml(value, document).map(|entry| vec![entry]);
        };
        let mut entries = Vec::new();
        for entry in array.iter() {
            // The position of the entry and not of the key: a list can have many lines.
            T::from_toml(entry, document)
                .and_then(|value| push_new(&mut entries, value))
                .map_err(|error| document.place(error, entry.span().start))?;
        }
        Ok(entries)
    }

    fn from_texts(texts: &[&str]) -> Result<Self> {
        let mut entries = Vec::new();
        for text in texts.iter().flat_map(|text| text.split(',')).map(str::trim).filter(|text| !text.is_empty()) {
            push_new(&mut entries, text.parse()?)?;
        }
        Ok(entries)
    }

    fn shown(&self) -> Option<String> {
        let entries: Vec<String> = self.iter().map(|entry| quoted(&entry.to_string())).collect();
        Some(format!("[{}]", entries.join(", ")))
    }
}

/// Adds an entry unless it is there already. Fails for one that contradicts an earlier one.
fn push_new<T: WordValue + PartialEq>(entries: &mut Vec<T>, entry: T) -> Result<()> {
    // A script may add a flag that the command line already has, and a certificate needs each name only once.
    if entries.contains(&entry) {
        return Ok(());
    }
    if let Some(what) = entries.iter().find_map(|earlier| entry.contradicts(earlier)) {
        return Err(Code::BadValue.error(what).because("only one of them can be meant").fix("remove one of them"));
    }
    entries.push(entry);
    Ok(())
}

impl ValueKind for bool {
    fn takes() -> String {
        "true or false".to_owned()
    }

    fn from_toml(value: &Spanned<DeValue<'_>>, _document: &Document<'_>) -> Result<Self> {
        match value.get_ref() {
            DeValue::Boolean(value) => Ok(*value),
            other => Err(wrong_type(other)),
        }
    }

    fn from_texts(texts: &[&str]) -> Result<Self> {
        match texts.last().copied().unwrap_or_default() {
            // Environment variables: other tools write 1 or yes. keygen.toml takes only the booleans of TOML.
            "true" | "yes" | "1" => Ok(true),
            "false" | "no" | "0" => Ok(false),
            other => Err(Code::BadValue.error(format!("{} is neither true nor false", quote(other)))),
        }
    }

    fn shown(&self) -> Option<String> {
        Some(self.to_string())
    }
}

/// Declares kinds that are a whole number in a range.
macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident($inner:ty), $min:literal..=$max:literal, $takes:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name($inner);

        impl $name {
            /// The number.
            pub const fn number(self) -> $inner {
                self.0
            }

            /// The allowed value that is nearest to a number.
            pub fn nearest(number: $inner) -> Self {
                Self(number.clamp($min, $max))
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                Self::from_texts(&[text]).map_err(|error| error.because(format!("it takes {}", <Self as ValueKind>::takes())))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl ValueKind for $name {
            fn takes() -> String {
                format!("{} from {} to {}", $takes, $min, $max)
            }

            fn from_toml(value: &Spanned<DeValue<'_>>, _document: &Document<'_>) -> Result<Self> {
                // TOML allows hexadecimal, octal and binary numbers, which the radix tells.
                let DeValue::Integer(integer) = value.get_ref() else { return Err(wrong_type(value.get_ref())) };
                // Too many digits for an i64 are out of range as well.
                let number = i64::from_str_radix(integer.as_str(), integer.radix()).ok();
                number
                    .and_then(|number| <$inner>::try_from(number).ok())
                    .filter(|number| ($min..=$max).contains(number))
                    .map(Self)
                    .ok_or_else(|| Code::BadValue.error(format!("{integer} is out of range")))
            }

            fn from_texts(texts: &[&str]) -> Result<Self> {
                let text = texts.last().copied().unwrap_or_default().trim();
                text.parse::<$inner>()
                    .ok()
                    .filter(|number| ($min..=$max).contains(number))
                    .map(Self)
                    .ok_or_else(|| Code::BadValue.error(format!("{} is out of range or not a whole number", quote(text))))
            }

            fn shown(&self) -> Option<String> {
                Some(self.0.to_string())
            }
        }
    )*};
}

numbers! {
    /// A lifetime in days. A hundred years is the most: far less than where X.509 dates end (year 9999),
    /// and more than any user needs.
    Days(u32), 1..=36_500, "a whole number of days";
    /// A time to wait, in seconds.
    Seconds(u32), 1..=3_600, "a whole number of seconds";
    /// A number of things done at once.
    Concurrency(u16), 1..=256, "a whole number";
    /// A TCP port.
    Port(u16), 1..=65_535, "a port number";
    /// The layout of keygen.toml.
    Version(u32), 1..=1, "a number";
}

/// The only entry of a table.
pub(crate) fn one_entry<'t, 'i>(table: &'t DeTable<'i>) -> Option<(&'t str, &'t DeValue<'i>)> {
    let mut entries = table.iter();
    match (entries.next(), entries.next()) {
        // A second key would be ignored silently otherwise.
        (Some((name, value)), None) => Some((name.get_ref().as_ref(), value.get_ref())),
        _ => None,
    }
}

/// The error for a value of another TOML type.
pub(crate) fn wrong_type(value: &DeValue<'_>) -> Error {
    let found = match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    Code::BadValue.error(format!("{found} does not belong here"))
}

/// Names as "one of a, b, c".
pub(crate) fn list<'n>(names: impl Iterator<Item = &'n str>) -> String {
    format!("one of {}", names.collect::<Vec<_>>().join(", "))
}
