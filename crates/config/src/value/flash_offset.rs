//! Offsets in the flash of a chip.

use std::fmt;
use std::str::FromStr;

use base::text::quote;
use base::{Code, Error, Result};
use toml::Spanned;
use toml::de::DeValue;

use super::kind::{ValueKind, wrong_type};
use crate::document::Document;

/// The unit in which flash is erased, in bytes.
const SECTOR: u32 = 0x1000;

/// An offset in the flash in bytes, at the beginning of a sector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlashOffset(u32);

impl FlashOffset {
    /// The number of bytes.
    pub const fn bytes(self) -> u32 {
        self.0
    }
}

impl FromStr for FlashOffset {
    type Err = Error;

    /// Parses a decimal number, or a hexadecimal one with the prefix 0x.
    fn from_str(text: &str) -> Result<Self> {
        parse(text).map_err(|error| error.because(format!("it takes {}", <Self as ValueKind>::takes())))
    }
}

fn parse(text: &str) -> Result<FlashOffset> {
    let folded = text.trim().to_ascii_lowercase();
    // The two parsers below also take a sign in front, which no offset has.
    let is_plain = folded.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let number = match folded.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => folded.parse(),
    };
    let number = number.ok().filter(|_| is_plain);
    number.and_then(sector).ok_or_else(|| bad(&quote(text).to_string()))
}

/// The offset, if it is the beginning of a sector. The first sector is part of every bootloader.
fn sector(number: u32) -> Option<FlashOffset> {
    (number > 0 && number.is_multiple_of(SECTOR)).then_some(FlashOffset(number))
}

fn bad(text: &str) -> Error {
    Code::BadValue.error(format!("{text} is not an offset in a flash"))
}

impl fmt::Display for FlashOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl ValueKind for FlashOffset {
    fn takes() -> String {
        "a multiple of 0x1000, such as 0xD000".to_owned()
    }

    fn from_toml(value: &Spanned<DeValue<'_>>, _document: &Document<'_>) -> Result<Self> {
        match value.get_ref() {
            DeValue::String(text) => parse(text),
            DeValue::Integer(integer) => {
                let number = u32::from_str_radix(integer.as_str(), integer.radix());
                number.ok().and_then(sector).ok_or_else(|| bad(&integer.to_string()))
            }
            other => Err(wrong_type(other)),
        }
    }

    fn from_texts(texts: &[&str]) -> Result<Self> {
        parse(texts.last().copied().unwrap_or_default())
    }

    fn shown(&self) -> Option<String> {
        Some(self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_a_multiple_of_a_sector() {
        for text in ["0xD000", "0xd000", "53248", " 0xD000 "] {
            let offset: FlashOffset = text.parse().unwrap();
            assert_eq!((offset.bytes(), offset.to_string().as_str()), (0xD000, "0xd000"));
        }
        for text in ["", "0", "0xD100", "d000", "-0x1000", "0x", "0x1_0000", "0x100000000", "+4096"] {
            assert_eq!(text.parse::<FlashOffset>().unwrap_err().code(), Code::BadValue, "{text}");
        }
    }
}
