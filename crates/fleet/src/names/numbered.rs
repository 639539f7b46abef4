//! Names that are counted out.

use std::fmt;
use std::str::FromStr;

use base::text::quote;
use base::{Code, Error, Result};
use ledger::StagedName;
use pki::device_name::DeviceName;

use super::scan::ListLimits;

/// A device name with a place for a number: `sensor-{:06}`.
///
/// The place is `{}`, or `{:WIDTHx}` with parts as in Rust and Python: `0` and a width to fill up with zeros, then `d`
/// (as nothing), `x` or `X`. Braces that are meant as such are doubled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberPattern {
    before: String,
    after: String,
    base: Base,
    /// The least number of digits.
    width: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Base {
    Decimal,
    Lower,
    Upper,
}

impl NumberPattern {
    /// The name with this number.
    fn name(&self, number: u64) -> String {
        let Self { before, after, width, .. } = self;
        match self.base {
            Base::Decimal => format!("{before}{number:0width$}{after}"),
            Base::Lower => format!("{before}{number:0width$x}{after}"),
            Base::Upper => format!("{before}{number:0width$X}{after}"),
        }
    }
}

impl FromStr for NumberPattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut halves = vec![String::new()];
        let mut place = None;
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            // Doubled braces are plain characters, as in Rust and Python.
            let doubled = matches!(c, '{' | '}') && rest.next_if_eq(&c).is_some();
            match c {
                '{' if !doubled => {
                    let inside = up_to_brace(&mut rest).ok_or_else(|| bad(text, "a brace is not closed"))?;
                    if place.replace(inside).is_some() {
                        return Err(bad(text, "it has more than one place for the number"));
                    }
                    halves.push(String::new());
                }
                '}' if !doubled => return Err(bad(text, "a brace is closed that was not opened")),
                c => halves.last_mut().into_iter().for_each(|half| half.push(c)),
            }
        }
        let (Some(place), [before, after]) = (place, halves.as_slice()) else {
            return Err(bad(text, "it has no place for the number"));
        };
        let (base, width) = format_of(&place).map_err(|why| bad(text, why))?;
        Ok(Self { before: before.clone(), after: after.clone(), base, width })
    }
}

/// The text before the next closing brace, which is taken as well.
fn up_to_brace(rest: &mut impl Iterator<Item = char>) -> Option<String> {
    let mut inside = String::new();
    loop {
        match rest.next()? {
            '}' => return Some(inside),
            c => inside.push(c),
        }
    }
}

/// Base and least number of digits of the text between the braces.
fn format_of(place: &str) -> Result<(Base, usize), &'static str> {
    let Some(format) = place.strip_prefix(':') else {
        return if place.is_empty() {
            Ok((Base::Decimal, 0))
        } else {
            Err("the braces hold something else than a format")
        };
    };
    let (format, base) = match format.char_indices().next_back() {
        Some((at, 'x')) => (format.get(..at).unwrap_or_default(), Base::Lower),
        Some((at, 'X')) => (format.get(..at).unwrap_or_default(), Base::Upper),
        Some((at, 'd')) => (format.get(..at).unwrap_or_default(), Base::Decimal),
        _ => (format, Base::Decimal),
    };
    if format.is_empty() {
        return Ok((base, 0));
    }
    // A width without a zero would pad with spaces.
    let digits = format.strip_prefix('0').ok_or("a width begins with 0, as in {:06}: there are no spaces in names")?;
    // An upper bound: a width of a billion would be as many zeros, before the name is found to be too long.
    let width = digits.parse().ok().filter(|width| (1..=DeviceName::MAX_CHARS).contains(width));
    width.map(|width| (base, width)).ok_or("the width is none that a name can have")
}

fn bad(text: &str, why: &str) -> Error {
    Code::NumberPattern
        .error(format!("the pattern {} cannot be used", quote(text)))
        .because(why)
        .fix("write a name with a place for the number, such as sensor-{:06} or gateway-{:x}")
}

/// The names of a range of numbers.
pub(super) struct NumberedNames {
    pattern: NumberPattern,
    start: u64,
    count: u64,
    given: u64,
}

impl NumberedNames {
    /// # Errors
    /// [`Code::NoNames`] where there are none, [`Code::NamesTooMany`] where a list of as many rows is too long,
    /// [`Code::NumberPattern`] where one of them is no device name.
    pub(super) fn new(pattern: &NumberPattern, start: u64, count: u64) -> Result<Self> {
        let Some(further) = count.checked_sub(1) else {
            return Err(Code::NoNames.error("no names were asked for").fix("count at least 1"));
        };
        // Before anything is staged: with a digit too many, the disk would be full before the job begins.
        let limit = ListLimits::DEFAULT.rows;
        if count > limit {
            return Err(Code::NamesTooMany
                .error(format!("{count} names were asked for, and a job has at most {limit}"))
                .fix("make several jobs, each with its own `--start`"));
        }
        // Computed in advance, so that no addition can overflow while names are made.
        let last = start.checked_add(further).ok_or_else(|| {
            Code::NumberPattern
                .error("the numbers of the names end beyond the largest number")
                .because(format!("they begin with {start} and are {count}"))
                .fix("begin with a smaller number")
        })?;
        // The last name is the longest, and in nothing else do they differ that matters.
        for number in [start, last] {
            pattern.name(number).parse::<DeviceName>().map_err(|error| {
                Code::NumberPattern
                    .error(format!("the pattern makes names that no device can have: {error}"))
                    .fix("choose another pattern")
            })?;
        }
        Ok(Self { pattern: pattern.clone(), start, count, given: 0 })
    }
}

impl Iterator for NumberedNames {
    type Item = StagedName;

    fn next(&mut self) -> Option<StagedName> {
        if self.given == self.count {
            return None;
        }
        let name = self.pattern.name(self.start + self.given);
        self.given += 1;
        // The number among the names, which takes the part of a line in messages.
        Some(StagedName { line: self.given, name, ..StagedName::default() })
    }
}

impl fmt::Display for NumberPattern {
    /// As it can be read again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let doubled = |text: &str| text.replace('{', "{{").replace('}', "}}");
        let base = match self.base {
            Base::Decimal => "",
            Base::Lower => "x",
            Base::Upper => "X",
        };
        let format = match (self.width, base) {
            (0, "") => String::new(),
            (0, base) => format!(":{base}"),
            (width, base) => format!(":0{width}{base}"),
        };
        write!(f, "{}{{{format}}}{}", doubled(&self.before), doubled(&self.after))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(pattern: &str, start: u64, count: u64) -> Vec<String> {
        NumberedNames::new(&pattern.parse().unwrap(), start, count).unwrap().map(|name| name.name).collect()
    }

    #[test]
    fn a_pattern_counts() {
        assert_eq!(names("sensor-{:06}", 1, 2), ["sensor-000001", "sensor-000002"]);
        assert_eq!(names("{}", 9, 3), ["9", "10", "11"]);
        assert_eq!(names("a{:x}b", 254, 2), ["afeb", "affb"]);
        assert_eq!(names("{:04X}", 0xbeef, 1), ["BEEF"]);
        assert_eq!(names("{:03d}", 999, 2), ["999", "1000"]);
        assert_eq!(names("{{{}}}", 7, 1), ["{7}"]);
        assert_eq!(names("{{}}{}", 7, 1), ["{}7"]);
        assert_eq!(names("温度-{:02}", u64::MAX, 1), ["温度-18446744073709551615"]);
        let lines: Vec<u64> =
            NumberedNames::new(&"p{}".parse().unwrap(), 50, 3).unwrap().map(|name| name.line).collect();
        assert_eq!(lines, [1, 2, 3]);
    }

    #[test]
    fn a_job_has_no_more_names_than_a_list_has_rows() {
        let limit = ListLimits::DEFAULT.rows;
        let pattern: NumberPattern = "p-{}".parse().unwrap();
        assert_eq!(NumberedNames::new(&pattern, 1, limit).unwrap().count, limit);
        for count in [limit + 1, u64::MAX] {
            assert_eq!(NumberedNames::new(&pattern, 0, count).err().unwrap().code(), Code::NamesTooMany);
        }
    }

    #[test]
    fn a_pattern_reads_back() {
        for text in ["sensor-{:06}", "{}", "a{:x}b", "{:04X}", "{{{}}}", "}}{:x}{{"] {
            assert_eq!(text.parse::<NumberPattern>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for text in [
            "",
            "sensor",
            "sensor-{",
            "sensor-{:06",
            "sensor-}",
            "{{}}{",
            "{}{}",
            "{:6}",
            "{:00}",
            "{:0}",
            "{:099}",
            "{:b}",
            "{0}",
            "{name}",
            "{:>6}",
            "{:+06}",
            "{{}}",
            "{:06}}",
            "{:06x",
            "%06d",
            "{:0 6}",
        ] {
            let error = text.parse::<NumberPattern>().unwrap_err();
            assert_eq!(error.code(), Code::NumberPattern, "{text}");
        }
    }

    #[test]
    fn a_range_that_makes_no_names_is_refused() {
        let code = |pattern: &str, start, count| {
            NumberedNames::new(&pattern.parse().unwrap(), start, count).err().unwrap().code()
        };
        assert_eq!(code("p{}", 1, 0), Code::NoNames);
        assert_eq!(code("p{}", u64::MAX, 2), Code::NumberPattern);
        assert_eq!(code("a/{}", 1, 1), Code::NumberPattern);
        assert_eq!(code(&format!("{}{{}}", "n".repeat(62)), 99, 2), Code::NumberPattern);
        assert_eq!(code(" {}", 1, 1), Code::NumberPattern);
    }
}
