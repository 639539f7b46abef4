//! The regular expression with which ThingsBoard finds a device's name in its certificate.
//!
//! The server stores whatever it is given and applies it with `java.util.regex` when a device connects. Here only that
//! part of the language is accepted which Java and our own engine understand alike, so that a trial is meaningful.

use std::fmt;
use std::str::FromStr;

use base::text::quote;
use base::{Code, Error, Result};
use regex_lite::Regex;

/// Characters that ThingsBoard escapes in the common name before it looks, so that the name it finds is another one.
const ESCAPED: &[char] = &[',', '+', '=', '"', '\\', '<', '>', ';', '#'];

/// Longer expressions are probably mistakes.
const LONGEST: usize = 255;

/// An expression that was tried.
#[derive(Debug, Clone)]
pub struct NamePattern {
    text: String,
    regex: Regex,
}

impl NamePattern {
    /// The expression for common names that are device names and begin with `prefix`.
    ///
    /// # Errors
    /// [`Code::ProfilePattern`] for a prefix that ThingsBoard would see otherwise.
    pub fn with_prefix(prefix: &str) -> Result<Self> {
        check_common_name(prefix)?;
        format!("^({}.+)$", regex_lite::escape(prefix)).parse()
    }

    /// The expression.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Fails unless ThingsBoard finds just this name in the certificate of the device with this name.
    ///
    /// # Errors
    /// [`Code::ProfilePattern`].
    pub fn check_name(&self, name: &str) -> Result<()> {
        check_common_name(name)?;
        match self.find(name) {
            Some(found) if found == name => Ok(()),
            Some(found) => Err(Code::ProfilePattern
                .error(format!("the profile's expression finds the name {found:?} in {name:?}"))
                .item(name)
                .fix("put the whole name into the first group of the expression")),
            None => Err(Code::ProfilePattern
                .error(format!("the profile's expression does not find a name in {}", quote(name)))
                .because(format!("it is {}", self.text))
                .item(name)
                .fix("give the device a name that matches, or give the profile another expression")),
        }
    }

    /// The content of the first group, as `find()` and `group(1)` return it in Java.
    fn find<'a>(&self, common_name: &'a str) -> Option<&'a str> {
        self.regex.captures(common_name).and_then(|found| found.get(1)).map(|group| group.as_str())
    }
}

fn check_common_name(name: &str) -> Result<()> {
    match name.chars().find(|c| ESCAPED.contains(c)) {
        None => Ok(()),
        Some(c) => Err(Code::ProfilePattern
            .error(format!("ThingsBoard would not find the name {} as it is", quote(name)))
            .because(format!("it writes a backslash before {} in common names", quote(c.encode_utf8(&mut [0; 4]))))
            .item(name)
            .fix("leave the character out of the name, or register the device by itself")),
    }
}

impl FromStr for NamePattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bad = |why: String| {
            Code::ProfilePattern
                .error("the profile's expression cannot be used")
                .because(why)
                .fix("use groups, classes, counts and alternatives only, such as ^(pump-[0-9]+)$")
        };
        if text.len() > LONGEST {
            return Err(bad(format!("it has more than {LONGEST} bytes")));
        }
        if let Some(what) = understood_otherwise_by_java(text) {
            return Err(bad(format!("{what} means something else in Java, or nothing")));
        }
        let regex = Regex::new(text).map_err(|error| bad(error.to_string()))?;
        match regex.captures_len() {
            0 | 1 => Err(bad("it has no group, and the name is taken from the first one".to_owned())),
            _ => Ok(Self { text: text.to_owned(), regex }),
        }
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The first thing in an expression that the two languages read differently.
fn understood_otherwise_by_java(text: &str) -> Option<String> {
    let mut class = false;
    let mut characters = text.chars().peekable();
    let mut before = None;
    while let Some(c) = characters.next() {
        let next = characters.peek().copied();
        match (c, next, class) {
            ('\\', Some(escaped), _) => {
                characters.next();
                // The classes and characters that both write so, and punctuation.
                if escaped.is_alphanumeric() && !"dDwWsStnrf".contains(escaped) {
                    return Some(format!("\\{escaped}"));
                }
            }
            // Sets within sets, and their intersections.
            ('[', _, true) => return Some("[ within [ ]".to_owned()),
            ('&', Some('&'), true) => return Some("&&".to_owned()),
            ('[', Some(']'), false) => return Some("[]".to_owned()),
            ('[', _, false) => class = true,
            (']', _, true) => class = false,
            ('(', Some('?'), false) => {
                let rest: String = characters.clone().take(2).collect();
                // Flags, named groups and look-around: the engines differ in them, or one does not have them.
                if rest != "?:" {
                    return Some(format!("({rest}"));
                }
            }
            // Possessive counts.
            ('+', _, false) if matches!(before, Some('+' | '*' | '?' | '}')) => {
                return Some("a doubled count".to_owned());
            }
            _ => {}
        }
        before = (!class).then_some(c);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_becomes_an_expression_that_finds_the_whole_name() {
        let pattern = NamePattern::with_prefix("pump-").unwrap();
        assert!(pattern.check_name("pump-7").is_ok());
        for name in ["pump-", "lamp-7", "a pump-7", "pump-7,b", "pump-a+b", "pump-\"x\""] {
            assert_eq!(pattern.check_name(name).unwrap_err().code(), Code::ProfilePattern, "{name}");
        }
        let any = NamePattern::with_prefix("").unwrap();
        assert_eq!(any.as_str(), "^(.+)$");
        assert!(any.check_name("Pumpe 7 (Süd)").is_ok());
        // What means something in an expression is taken as it is.
        let dotted = NamePattern::with_prefix("a.b*").unwrap();
        assert!(dotted.check_name("a.b*1").is_ok() && dotted.check_name("axbb1").is_err());
    }

    #[test]
    fn the_first_group_has_to_be_the_name() {
        let pattern: NamePattern = "^tb-(.+)$".parse().unwrap();
        assert!(pattern.check_name("tb-7").unwrap_err().to_string().contains("\"7\""));
        assert!("(?:x)(pump-[0-9]{3,5})|y".parse::<NamePattern>().unwrap().check_name("xpump-7").is_err());
    }

    #[test]
    fn what_java_reads_otherwise_is_refused() {
        for text in [
            "",
            "pump-.*",
            "(",
            "(a",
            "a++(b)",
            "(a*+)",
            "(a{2}+)",
            "(?<name>a)",
            "(?i)(a)",
            "(?=a)(b)",
            "(\\p{L}+)",
            "(\\Qa\\E)",
            "(a)\\1",
            "([a-z&&[b]])",
            "([[:alpha:]]+)",
            "(\\ba)",
            "(\\x41)",
            "([])",
            "(\\u0041)",
        ] {
            assert_eq!(text.parse::<NamePattern>().unwrap_err().code(), Code::ProfilePattern, "{text}");
        }
        for text in ["^(\\d+)$", "(\\w+-[^x\\]]?)", "(a+?)", "(a\\+b\\.c)", "(?:a|(b))", "([+&]+)"] {
            assert!(text.parse::<NamePattern>().is_ok(), "{text}");
        }
    }
}
