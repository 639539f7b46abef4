//! Identifiers: time-based UUIDs (RFC 9562, version 1), as in ThingsBoard, and random texts.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};

/// A UUID.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Uuid(u128);

/// From the beginning of the Gregorian calendar to that of Unix time, in units of 100 ns.
const GREGORIAN_TO_UNIX: u64 = 0x01b2_1dd2_1381_4000;

impl Uuid {
    /// ThingsBoard's "none": `13814000-1dd2-11b2-8080-808080808080`.
    pub(crate) const NULL: Self = Self(0x1381_4000_1dd2_11b2_8080_8080_8080_8080);

    /// A new UUID of the present time, different from all before.
    pub(crate) fn new() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = u64::try_from(now.as_nanos() / 100).unwrap_or_default() + GREGORIAN_TO_UNIX;
        let last =
            // Two identifiers of one tick, or a clock that goes back, must not give the same one twice.
            LAST.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |last| Some(now.max(last + 1))).unwrap_or_default();
        let time = u128::from(now.max(last + 1));
        // Version 1 puts the low bits of the time in front: identifiers in order of their text are not in order of
        // time.
        let (low, mid, high) = (time & 0xffff_ffff, (time >> 32) & 0xffff, (time >> 48) & 0x0fff);
        let mut node = [0_u8; 8];
        fill(&mut node);
        // The variant in the two highest bits of the clock sequence, the multicast bit in a node that is no real one.
        let rest = (u64::from_be_bytes(node) & 0x3fff_ffff_ffff_ffff) | 0x8000_0100_0000_0000;
        Self((low << 96) | (mid << 80) | ((0x1000 | high) << 64) | u128::from(rest))
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.0;
        write!(
            f,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            n >> 96,
            (n >> 80) & 0xffff,
            (n >> 64) & 0xffff,
            (n >> 48) & 0xffff,
            n & 0xffff_ffff_ffff
        )
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Uuid {
    type Err = String;

    /// Reads as `UUID.fromString` of Java 17 does, with its error texts. Groups may have fewer digits, or more: then
    /// their highest bits are lost.
    fn from_str(text: &str) -> Result<Self, String> {
        if text.encode_utf16().count() > 36 {
            return Err("UUID string too large".to_owned());
        }
        let groups: Vec<&str> = text.split('-').collect();
        let &[low, mid, high, sequence, node] = groups.as_slice() else {
            return Err(format!("Invalid UUID string: {text}"));
        };
        let mut bits = 0;
        for (group, width) in [(low, 32), (mid, 16), (high, 16), (sequence, 16), (node, 48)] {
            bits = (bits << width) | (hexadecimal(group)? & ((1 << width) - 1));
        }
        Ok(Self(bits))
    }
}

/// `Long.parseLong` of a group. Its errors count characters from 0.
fn hexadecimal(group: &str) -> Result<u128, String> {
    // Java's Long.parseLong takes a plus.
    let digits = group.strip_prefix('+').unwrap_or(group);
    let at = |index: usize| format!("Error at index {index} in: \"{group}\"");
    let signs = group.len() - digits.len();
    if digits.is_empty() {
        return Err(if group.is_empty() { String::new() } else { at(0) });
    }
    let mut value = 0_u128;
    for (index, c) in digits.chars().enumerate() {
        let digit = c.to_digit(16).ok_or_else(|| at(index + signs))?;
        value = value * 16 + u128::from(digit);
        if value > i64::MAX.unsigned_abs().into() {
            return Err(at(index + signs));
        }
    }
    Ok(value)
}

impl Serialize for Uuid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Random letters and digits.
pub(crate) fn alphanumeric(length: usize) -> String {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut text = String::with_capacity(length);
    while text.len() < length {
        let mut bytes = [0_u8; 32];
        fill(&mut bytes);
        // 248 is the highest multiple of 62 in a byte: beyond it some letters would come more often.
        let letters = bytes.iter().filter(|byte| **byte < 248).map(|byte| usize::from(*byte) % ALPHABET.len());
        let missing = length - text.len();
        text.extend(letters.filter_map(|index| ALPHABET.get(index)).take(missing).map(|byte| char::from(*byte)));
    }
    text
}

/// Random lower-case hexadecimal digits.
pub(crate) fn hex_digits(length: usize) -> String {
    let mut bytes = vec![0_u8; length.div_ceil(2)];
    fill(&mut bytes);
    let mut text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    text.truncate(length);
    text
}

/// Fills with random bytes. The system's generator has no way to fail that a process could outlive.
#[allow(clippy::expect_used, reason = "aws-lc aborts rather than fail; there is no sensible way on without randomness")]
pub(crate) fn fill(bytes: &mut [u8]) {
    aws_lc_rs::rand::fill(bytes).expect("the system has random numbers");
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn new_ones_are_time_based_and_different() {
        let all: HashSet<String> = (0..1000).map(|_| Uuid::new().to_string()).collect();
        assert_eq!(all.len(), 1000);
        for text in all {
            assert_eq!(&text[14..15], "1", "{text}");
            assert!("89ab".contains(&text[19..20]), "{text}");
            assert_eq!(text.parse::<Uuid>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn the_null_one_is_that_of_thingsboard() {
        assert_eq!(Uuid::NULL.to_string(), "13814000-1dd2-11b2-8080-808080808080");
    }

    #[test]
    fn ids_are_read_like_those_of_java() {
        let read = |text: &str| text.parse::<Uuid>();
        for (text, error) in [
            ("", "Invalid UUID string: "),
            (" ", "Invalid UUID string:  "),
            ("devices", "Invalid UUID string: devices"),
            ("13814000-1dd2-11b2-8080-80808080808g", "Error at index 11 in: \"80808080808g\""),
            ("13814000-1dd2-11b2-8080-8080808080800", "UUID string too large"),
            ("----", ""),
        ] {
            assert_eq!(read(text).unwrap_err(), error, "{text}");
        }
        assert_eq!(read("1-1-1-1-1").unwrap().to_string(), "00000001-0001-0001-0001-000000000001");
    }

    #[test]
    fn random_texts_have_their_length_and_alphabet() {
        assert_eq!(alphanumeric(20).len(), 20);
        assert!(alphanumeric(500).bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_eq!(hex_digits(27).len(), 27);
    }
}
