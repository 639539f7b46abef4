//! DER (ITU-T X.690), as far as a request, a certificate and a certs-only message need it.
//!
//! Written by hand because few kinds of values are needed, and they are read without copies.

use alloc::vec::Vec;

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const UTF8_STRING: u8 = 0x0C;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;
/// The context tag 0 of a constructed value.
pub(super) const CONTEXT_0: u8 = 0xA0;
/// The context tag 3 of a constructed value.
pub(super) const CONTEXT_3: u8 = 0xA3;

/// One value: its tag, its contents, and all of its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Value<'a> {
    pub(super) tag: u8,
    pub(super) contents: &'a [u8],
    pub(super) whole: &'a [u8],
}

/// Values that follow each other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Values<'a>(&'a [u8]);

impl<'a> Values<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The values in the only value of these bytes, which has this tag.
    pub(super) fn only(bytes: &'a [u8], tag: u8) -> Option<Self> {
        let mut outer = Self(bytes);
        let value = outer.expect(tag)?;
        outer.0.is_empty().then_some(Self(value.contents))
    }

    /// The next value, which has this tag.
    pub(super) fn expect(&mut self, tag: u8) -> Option<Value<'a>> {
        self.next().filter(|value| value.tag == tag)
    }

    /// All of them, `None` if something else follows.
    pub(super) fn all(self) -> Option<Vec<Value<'a>>> {
        let values: Vec<_> = self.collect();
        let length: usize = values.iter().map(|value| value.whole.len()).sum();
        (length == self.0.len()).then_some(values)
    }

    /// The tag of the next value.
    pub(super) fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = Value<'a>;

    /// The next value. `None` at the end, and for what is no DER; the values then end.
    fn next(&mut self) -> Option<Value<'a>> {
        // Taken first, so that nothing is left after bytes that are no DER, and the iteration ends there.
        let bytes = core::mem::take(&mut self.0);
        let (&[tag, first], rest) = bytes.split_first_chunk::<2>()?;
        // Tags above 30 take further bytes and occur in none of these structures.
        if tag & 0x1F == 0x1F {
            return None;
        }
        let (length, rest) = match first {
            0..=0x7F => (usize::from(first), rest),
            // Lengths of up to 64 KiB. An indefinite length (0x80) is BER.
            0x81 => {
                let (length, rest) = rest.split_first()?;
                (usize::from(*length), rest)
            }
            0x82 => {
                let (length, rest) = rest.split_first_chunk::<2>()?;
                (usize::from(u16::from_be_bytes(*length)), rest)
            }
            _ => return None,
        };
        let (contents, after) = rest.split_at_checked(length)?;
        self.0 = after;
        let whole = bytes.get(..bytes.len() - after.len())?;
        Some(Value { tag, contents, whole })
    }
}

/// A value of these contents. They have at most 64 KiB.
pub(super) fn value(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut value = Vec::with_capacity(4 + length);
    value.push(tag);
    match length {
        0..=0x7F => value.push(length as u8),
        0x80..=0xFF => value.extend([0x81, length as u8]),
        _ => {
            value.push(0x82);
            value.extend((length as u16).to_be_bytes());
        }
    }
    parts.iter().for_each(|part| value.extend_from_slice(part));
    value
}

/// The seconds since 1970 of a `UTCTime` or `GeneralizedTime` in the form of RFC 5280, section 4.1.2.5.
pub(super) fn seconds(time: Value<'_>) -> Option<u64> {
    let text = time.contents.strip_suffix(b"Z")?;
    let (year, rest) = match time.tag {
        UTC_TIME => {
            let (year, rest) = number(text, 2)?;
            // Two digits: from 50 on they are of the last century (RFC 5280, section 4.1.2.5.1).
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => number(text, 4)?,
        _ => return None,
    };
    let (month, rest) = number(rest, 2)?;
    let (day, rest) = number(rest, 2)?;
    let (hour, rest) = number(rest, 2)?;
    let (minute, rest) = number(rest, 2)?;
    let (second, rest) = number(rest, 2)?;
    let is_date = rest.is_empty() && (1..=12).contains(&month) && (1..=31).contains(&day) && year >= 1970;
    if !is_date || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // Days from civil, H. Hinnant: years begin in March, so that the leap day is the last day of a year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

fn number(text: &[u8], digits: usize) -> Option<(u64, &[u8])> {
    let (number, rest) = text.split_at_checked(digits)?;
    let digit = |sum: u64, byte: &u8| byte.is_ascii_digit().then(|| sum * 10 + u64::from(byte - b'0'));
    Some((number.iter().try_fold(0, digit)?, rest))
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn values_are_read_as_they_were_written() {
        // On both sides of each border between forms of the length.
        for length in [0, 1, 0x7F, 0x80, 0xFF, 0x100, 0xFFFF] {
            let contents = vec![7; length];
            let bytes = value(SEQUENCE, &[&contents]);
            let mut values = Values::new(&bytes);
            let read = values.next().unwrap();
            assert_eq!((read.tag, read.contents, read.whole), (SEQUENCE, &contents[..], &bytes[..]), "{length}");
            assert_eq!(values.next(), None);
            for cut in 0..bytes.len().min(300) {
                assert_eq!(Values::new(bytes.get(..cut).unwrap()).next(), None, "{length} {cut}");
            }
        }
    }

    #[test]
    fn what_is_no_der_ends_the_values() {
        for bytes in [&[][..], &[0x30], &[0x30, 0x80, 0, 0], &[0x1F, 1, 0], &[0x30, 0x83, 0, 0, 0], &[0x30, 0x81]] {
            assert_eq!(Values::new(bytes).next(), None, "{bytes:?}");
        }
        assert!(Values::only(&[0x30, 0, 0], SEQUENCE).is_none(), "something follows");
        assert!(Values::only(&[0x31, 0], SEQUENCE).is_none());
    }

    #[test]
    fn times_are_seconds() {
        for (tag, text, expected) in [
            (UTC_TIME, "700101000000Z", Some(0)),
            (UTC_TIME, "261125035959Z", Some(1_795_579_199)),
            // 49 is 2049 (RFC 5280, section 4.1.2.5.1), the last year of this form.
            (UTC_TIME, "491231235959Z", Some(2_524_607_999)),
            (GENERALIZED_TIME, "20000229000000Z", Some(951_782_400)),
            // 2100 is no leap year.
            (GENERALIZED_TIME, "21000301000000Z", Some(4_107_542_400)),
            (GENERALIZED_TIME, "99991231235959Z", Some(253_402_300_799)),
            // 1969, before the time that is counted.
            (UTC_TIME, "691231235959Z", None),
            (UTC_TIME, "261325035959Z", None),
            (UTC_TIME, "261125245959Z", None),
            (UTC_TIME, "2611250359Z", None),
            (UTC_TIME, "261125035959", None),
            (UTC_TIME, "261125035959+0000", None),
            (GENERALIZED_TIME, "261125035959Z", None),
            (SEQUENCE, "261125035959Z", None),
        ] {
            let value = Value { tag, contents: text.as_bytes(), whole: &[] };
            assert_eq!(seconds(value), expected, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_stop_the_reader(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..100)) {
            let whole: usize = Values::new(&bytes).map(|value| value.whole.len()).sum();
            proptest::prop_assert!(whole <= bytes.len());
        }
    }
}
