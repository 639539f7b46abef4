//! The key of an identity: its kind, its name and its generation.

use std::fmt;
use std::str::FromStr;

use base::{Code, Error, Result, hex};
use serde::Serialize;

/// The kind of an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A root or an issuing CA.
    Ca,
    /// A device: what connects.
    Device,
    /// A server: what clients connect to.
    Server,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Ca, Self::Device, Self::Server];

    /// The word that is stored and printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ca => "ca",
            Self::Device => "device",
            Self::Server => "server",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `pad` and not `write_str`, so that a width in the format of a table counts.
        f.pad(self.as_str())
    }
}

/// Which issue of an identity: 1 for the first, one more for each that follows under the same kind and name.
///
/// Voided attempts count too, so that a generation is never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Generation(pub(crate) u32);

impl Generation {
    /// The number, from 1.
    pub const fn number(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The key of a row.
///
/// Ordered by kind (as the stored words sort), then by name (by code point), then by generation: the order of lists.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The kind of the identity.
    pub kind: Kind,
    /// The name, unique within its kind.
    pub name: String,
    /// Which issue of it.
    pub generation: Generation,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}, generation {}", self.kind, self.name, self.generation)
    }
}

/// The serial number of a certificate as a number: without leading zeros, at most 20 octets (RFC 5280, section 4.1.2.2).
///
/// tbpki's own are 16 random octets; those of CAs that were imported are what they are.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SerialNumber(Vec<u8>);

impl SerialNumber {
    /// A serial from its octets, most significant first, as they stand in a certificate.
    ///
    /// # Errors
    /// [`Code::CertificateUnreadable`] when there are none, or more than 20 that count.
    pub fn new(octets: &[u8]) -> Result<Self> {
        // DER puts a zero octet before a number whose first bit is set (X.690, section 8.3). It
        // is not part of the number, and with it the same serial number would have two forms.
        let leading = octets.iter().take_while(|octet| **octet == 0).count();
        // Zero itself keeps one octet.
        let number = octets.get(leading.min(octets.len().saturating_sub(1))..).unwrap_or_default();
        if number.is_empty() || number.len() > 20 {
            return Err(Code::CertificateUnreadable.error(format!("a serial number has {} octets", number.len())));
        }
        Ok(Self(number.to_vec()))
    }

    /// The octets, most significant first, without leading zeros.
    pub fn octets(&self) -> &[u8] {
        &self.0
    }
}

impl TryFrom<&[u8]> for SerialNumber {
    type Error = Error;

    fn try_from(octets: &[u8]) -> Result<Self> {
        Self::new(octets)
    }
}

impl FromStr for SerialNumber {
    type Err = Error;

    /// Reads hexadecimal digits in any case, with or without colons between the octets, also the line `serial=..` of
    /// `openssl x509 -serial`.
    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            Code::BadValue
                .error(format!("{text:?} is not a serial number"))
                .fix("write it in hexadecimal, as `tbpki list --json` and `openssl x509 -serial` show it")
        };
        let text_of_openssl =
            text.trim().split_once('=').filter(|(label, _)| label.trim().eq_ignore_ascii_case("serial"));
        let digits: Vec<u8> = text_of_openssl
            .map_or(text, |(_, number)| number)
            .trim()
            .chars()
            // `openssl x509 -text` separates the octets of long serial numbers by colons.
            .filter(|c| *c != ':')
            .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()).ok_or_else(wrong))
            .collect::<Result<_>>()?;
        // An odd number of digits has lost a leading zero.
        let (first, rest) = digits.split_at(digits.len() % 2);
        let octets = first
            .iter()
            .copied()
            .chain(rest.chunks_exact(2).map(|pair| pair.iter().fold(0, |value, digit| value << 4 | digit)));
        Self::new(&octets.collect::<Vec<u8>>()).map_err(|_| wrong())
    }
}

impl fmt::Display for SerialNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::upper(&self.0))
    }
}

impl fmt::Debug for SerialNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Serial({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_is_a_number_however_it_was_padded() {
        assert_eq!(SerialNumber::new(&[0, 0xAB, 1]).unwrap(), SerialNumber::new(&[0xAB, 1]).unwrap());
        assert_eq!(SerialNumber::new(&[0x0A, 0xFF]).unwrap().to_string(), "0AFF");
        assert_eq!(SerialNumber::new(&[0, 0]).unwrap().octets(), [0]);
        assert_eq!(SerialNumber::new(&[&[0][..], &[0xFF; 20]].concat()).unwrap().octets(), [0xFF; 20]);
    }

    #[test]
    fn a_serial_is_read_as_it_is_shown() {
        let serial = SerialNumber::new(&[0x0A, 0xFF, 1]).unwrap();
        for text in ["0AFF01", "aff01", "0a:ff:01", " 00000AFF01 ", "serial=0AFF01\n", "Serial = 0AFF01"] {
            assert_eq!(text.parse::<SerialNumber>().unwrap(), serial, "{text}");
        }
        // 42 digits are 21 octets, one more than a serial number has.
        let long = "1".repeat(42);
        for text in ["", ":", "0x0A", "12 34", "serial=", "number=0A", "G", "ü", long.as_str()] {
            assert_eq!(text.parse::<SerialNumber>().unwrap_err().code(), Code::BadValue, "{text}");
        }
    }

    #[test]
    fn a_serial_has_one_to_twenty_octets() {
        assert_eq!(SerialNumber::new(&[]).unwrap_err().code(), Code::CertificateUnreadable);
        assert_eq!(SerialNumber::new(&[1; 21]).unwrap_err().code(), Code::CertificateUnreadable);
    }

    #[test]
    fn kinds_sort_as_their_words_do() {
        assert!(Kind::ALL.is_sorted());
        assert!(Kind::ALL.map(Kind::as_str).is_sorted());
    }
}
