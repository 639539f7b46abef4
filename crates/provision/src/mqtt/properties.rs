//! The properties of MQTT 5.0 (section 2.2.2), as far as they have to be stepped over, and the one that people read.

use super::answer::Malformed;

/// What is taken out of a list of properties.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Properties {
    /// The broker's own words (section 3.2.2.3.9 and others).
    pub(super) reason: Option<String>,
}

/// The identifier of the Reason String.
const REASON_STRING: u32 = 0x1F;

/// Octets that are taken from the front.
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn octet(&mut self) -> Result<u8, Malformed> {
        let (first, rest) = self.0.split_first().ok_or(Malformed::Short)?;
        self.0 = rest;
        Ok(*first)
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed::Short)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn number(&mut self) -> Result<u16, Malformed> {
        Ok(u16::from(self.octet()?) << 8 | u16::from(self.octet()?))
    }

    /// A Variable Byte Integer (section 1.5.5): at most four octets, and no more than needed.
    pub(super) fn varint(&mut self) -> Result<u32, Malformed> {
        let mut value = 0;
        for place in 0..4 {
            let digit = self.octet()?;
            value |= u32::from(digit & 0x7F) << (7 * place);
            if digit & 0x80 == 0 {
                return if digit == 0 && place > 0 { Err(Malformed::Length) } else { Ok(value) };
            }
        }
        Err(Malformed::Length)
    }

    fn text(&mut self) -> Result<&'a str, Malformed> {
        let length = self.number()?;
        std::str::from_utf8(self.take(usize::from(length))?).map_err(|_| Malformed::Text)
    }

    /// The list of properties with its length in front.
    pub(super) fn properties(&mut self) -> Result<Properties, Malformed> {
        let length = usize::try_from(self.varint()?).map_err(|_| Malformed::Length)?;
        let mut list = Cursor(self.take(length)?);
        let mut properties = Properties::default();
        while !list.is_empty() {
            let identifier = list.varint()?;
            if identifier == REASON_STRING {
                if properties.reason.is_some() {
                    return Err(Malformed::Property(identifier));
                }
                properties.reason = Some(list.text()?.to_owned());
            } else {
                list.step_over(identifier)?;
            }
        }
        Ok(properties)
    }

    /// The types of section 2.2.2.2.
    fn step_over(&mut self, identifier: u32) -> Result<(), Malformed> {
        match identifier {
            0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28 | 0x29 | 0x2A => self.take(1).map(drop),
            0x13 | 0x21 | 0x22 | 0x23 => self.take(2).map(drop),
            0x02 | 0x11 | 0x18 | 0x27 => self.take(4).map(drop),
            0x0B => self.varint().map(drop),
            0x03 | 0x08 | 0x12 | 0x15 | 0x1A | 0x1C => self.text().map(drop),
            0x09 | 0x16 => {
                let length = self.number()?;
                self.take(usize::from(length)).map(drop)
            }
            0x26 => self.text().and_then(|_| self.text()).map(drop),
            unknown => Err(Malformed::Property(unknown)),
        }
    }
}
