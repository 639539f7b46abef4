//! Elements of DER, read one after the other.

/// An element as it was read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Element<'a> {
    /// Class, form and number, in one octet.
    pub(crate) tag: u8,
    pub(crate) content: &'a [u8],
    /// The element with its tag and length.
    pub(crate) whole: &'a [u8],
}

/// The elements in a stretch of octets.
#[derive(Debug, Clone)]
pub(crate) struct DerReader<'a> {
    rest: &'a [u8],
}

impl Element<'_> {
    pub(crate) fn is_constructed(&self) -> bool {
        self.tag & 0x20 != 0
    }

    pub(crate) fn is_universal(&self) -> bool {
        self.tag & 0xc0 == 0
    }

    /// The number of the tag within its class.
    pub(crate) fn number(&self) -> u8 {
        self.tag & 0x1f
    }
}

impl<'a> DerReader<'a> {
    pub(crate) fn new(octets: &'a [u8]) -> Self {
        Self { rest: octets }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next element, or the rule of DER that its tag or length breaks (X.690, sections 8.1 and 10.1).
    pub(crate) fn next(&mut self) -> Result<Element<'a>, &'static str> {
        const SHORT: &str = "an element ends too early";
        let (tag, rest) = self.rest.split_first().ok_or(SHORT)?;
        if tag & 0x1f == 0x1f {
            return Err("a tag has the long form, which no certificate needs");
        }
        let (first, rest) = rest.split_first().ok_or(SHORT)?;
        let (length, rest) = match first {
            0..0x80 => (usize::from(*first), rest),
            0x80 => return Err("a length is indefinite"),
            _ => {
                let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f)).ok_or(SHORT)?;
                // DER allows the shortest form only (X.690, section 10.1): no
                // zeros in front, and one octet for lengths below 128.
                if digits.first() == Some(&0) || matches!(digits, [0..0x80]) {
                    return Err("a length is longer than it must be");
                }
                let length = digits.iter().try_fold(0_usize, |length, digit| {
                    length.checked_mul(256).and_then(|length| length.checked_add(usize::from(*digit)))
                });
                (length.ok_or(SHORT)?, rest)
            }
        };
        let (content, rest) = rest.split_at_checked(length).ok_or(SHORT)?;
        let whole = self.rest.get(..self.rest.len() - rest.len()).ok_or(SHORT)?;
        self.rest = rest;
        Ok(Element { tag: *tag, content, whole })
    }

    /// The next element if it has this tag.
    pub(crate) fn optional(&mut self, tag: u8) -> Option<Element<'a>> {
        let mut ahead = self.clone();
        let element = ahead.next().ok().filter(|element| element.tag == tag)?;
        *self = ahead;
        Some(element)
    }
}
