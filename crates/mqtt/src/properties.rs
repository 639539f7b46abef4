//! The properties of MQTT 5.0 (section 2.2.2): the reason string is kept, the others are skipped.

use alloc::borrow::ToOwned;
use alloc::string::String;

use super::packet::Malformed;

/// The properties that clients show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct PacketProperties {
    /// The reason string (section 3.2.2.3.9 and others).
    pub(super) reason: Option<String>,
}

/// The identifier of the Reason String.
const REASON_STRING: u32 = 0x1F;

/// The bytes of a packet that are not read yet.
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
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
        Ok(u16::from(self.byte()?) << 8 | u16::from(self.byte()?))
    }

    /// A Variable Byte Integer (section 1.5.5): at most four bytes, and no more than needed.
    pub(super) fn varint(&mut self) -> Result<u32, Malformed> {
        let mut value = 0;
        for place in 0..4 {
            let digit = self.byte()?;
            value |= u32::from(digit & 0x7F) << (7 * place);
            if digit & 0x80 == 0 {
                // The shortest form is demanded (1.5.5), so that one packet has one encoding.
                return if digit == 0 && place > 0 { Err(Malformed::Length) } else { Ok(value) };
            }
        }
        Err(Malformed::Length)
    }

    fn text(&mut self) -> Result<&'a str, Malformed> {
        let length = self.number()?;
        core::str::from_utf8(self.take(usize::from(length))?).map_err(|_| Malformed::Text)
    }

    /// A list of properties, which begins with its length.
    pub(super) fn properties(&mut self) -> Result<PacketProperties, Malformed> {
        let length = usize::try_from(self.varint()?).map_err(|_| Malformed::Length)?;
        let mut list = Cursor(self.take(length)?);
        let mut properties = PacketProperties::default();
        while !list.is_empty() {
            let identifier = list.varint()?;
            if identifier == REASON_STRING {
                // A reason may appear once (3.2.2.2).
                if properties.reason.is_some() {
                    return Err(Malformed::Property(identifier));
                }
                properties.reason = Some(list.text()?.to_owned());
            } else {
                list.skip(identifier)?;
            }
        }
        Ok(properties)
    }

    /// Skips the value of a property; its length follows from the type (section 2.2.2.2).
    fn skip(&mut self, identifier: u32) -> Result<(), Malformed> {
        match identifier {
            0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28 | 0x29 | 0x2A => self.take(1).map(drop),
            // Types by identifier: table 2-4 in section 2.2.2.2.
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
