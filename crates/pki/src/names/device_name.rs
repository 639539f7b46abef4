//! The names of devices.

use std::fmt;
use std::str::FromStr;

use base::text::{is_deceptive, is_invisible, printable, quote};
use base::{Code, Error, Result};
use serde::{Deserialize, Serialize};

/// The name of a device: a directory of the store, the common name of its certificate and its name in the
/// platform, the same text in all three.
///
/// It has 1 to 64 characters (RFC 5280, ub-common-name) and at most 192 bytes of UTF-8, so that a file
/// name made from it with our longest suffix stays below the 255 bytes that file systems allow. None of
/// its characters is a slash, a backslash, a control character or invisible (Default_Ignorable_Code_Point); it does not
/// begin with a dot, and neither begins nor ends with white space. It is compared exactly, as ThingsBoard does.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DeviceName(String);

impl DeviceName {
    /// The most characters that a name has: the upper bound of a common name.
    pub const MAX_CHARS: usize = 64;

    /// The most bytes of UTF-8 that a name has.
    pub const MAX_BYTES: usize = 192;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for DeviceName {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        let what = if text.is_empty() {
            "a device name is empty".to_owned()
        } else if text.chars().count() > Self::MAX_CHARS {
            let count = text.chars().count();
            format!("the device name {} has {count} characters, {} more than it may", quote(&text), count - 64)
        } else if text.len() > Self::MAX_BYTES {
            format!("the device name {} takes {} bytes, more than {}", quote(&text), text.len(), Self::MAX_BYTES)
            // The backslash separates directories on Windows.
        } else if let Some(c) = text.chars().find(|c| matches!(c, '/' | '\\') || is_deceptive(*c) || is_invisible(*c)) {
            let shown = if is_invisible(c) {
                format!("invisible character U+{:04X}", u32::from(c))
            } else {
                format!("character '{}'", printable(c.encode_utf8(&mut [0; 4])))
            };
            format!("the device name {} contains the {shown}", quote(&text))
            // `.` and `..` are directories already, and listings hide other names that begin with a dot.
        } else if text.starts_with('.') {
            format!("the device name {} begins with a dot", quote(&text))
            // Windows drops a space at the end of a file name, and people do not see it.
        } else if text.trim() != text {
            format!("the device name {} begins or ends with a space", quote(&text))
        } else {
            return Ok(Self(text));
        };
        Err(Code::DeviceName.error(what).fix("use letters, digits, `-` and `_`, such as the serial number on the case"))
    }
}

impl FromStr for DeviceName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        text.to_owned().try_into()
    }
}

impl From<DeviceName> for String {
    fn from(name: DeviceName) -> Self {
        name.0
    }
}

impl AsRef<str> for DeviceName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Component, Path};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn messages_show_names_as_they_were_typed() {
        for (name, shown) in [
            ("a\\b", "\"a\\b\" contains the character '\\'"),
            ("u\u{308}/1", "\"u\u{308}/1\" contains the character '/'"),
            ("a\n", "\"a\\n\" contains the character '\\n'"),
        ] {
            let error = name.parse::<DeviceName>().unwrap_err().to_string();
            assert!(error.contains(shown), "{error}");
        }
    }

    #[test]
    fn what_people_call_devices_is_accepted() {
        for name in ["sensor-00001", "a", "A1:B2:C3:D4:E5:F6", "Pumpe 7 (Süd)", "x.y", "温度计", &"n".repeat(64)] {
            assert_eq!(name.parse::<DeviceName>().unwrap().as_str(), name);
        }
    }

    #[test]
    fn what_would_leave_the_store_or_the_certificate_is_refused() {
        let long = "n".repeat(300);
        // 64 characters, but 256 octets.
        let wide = "🦀".repeat(64);
        for name in
            ["", " ", "a/b", "..", ".", ".hidden", "a\\b", "a\0b", "a\nb", " a", "a ", "a\u{202e}b", &long, &wide]
        {
            let error = name.parse::<DeviceName>().unwrap_err();
            assert_eq!(error.code(), Code::DeviceName, "{name:?}");
        }
    }

    #[test]
    fn what_cannot_be_seen_is_refused_and_shown() {
        for c in "\u{ad}\u{61c}\u{200b}\u{200c}\u{200d}\u{2060}\u{3164}\u{fe0f}\u{feff}\u{e0041}\u{e0100}".chars() {
            let error = format!("a-1{c}").parse::<DeviceName>().unwrap_err();
            assert_eq!(error.code(), Code::DeviceName, "{c:?}");
            let shown =
                format!("\"a-1\\u{{{:x}}}\" contains the invisible character U+{:04X}", u32::from(c), u32::from(c));
            assert!(error.to_string().contains(&shown), "{error}");
        }
    }

    proptest! {
        #[test]
        fn an_accepted_name_is_one_component_of_a_path(text in any::<String>()) {
            if let Ok(name) = text.parse::<DeviceName>() {
                let components: Vec<_> = Path::new(name.as_str()).components().collect();
                prop_assert_eq!(components, vec![Component::Normal(text.as_ref())]);
            }
        }
    }
}
