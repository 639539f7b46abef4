//! Serial numbers.

use std::fmt;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base::{Code, Result, hex};

/// A certificate's serial number: 16 octets, random but for the first two bits, which make it positive and
/// keep its length the same for all (RFC 5280, section 4.1.2.2: positive, at most 20 octets).
///
/// It never derives from the key, so that a renewal on the same key has a serial number of its own.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Serial([u8; 16]);

impl Serial {
    /// A new one, unique for all practical purposes: 126 random bits.
    ///
    /// # Errors
    /// Only where the system cannot give random numbers.
    pub fn random() -> Result<Self> {
        let mut octets = [0; 16];
        SystemRandom::new()
            .fill(&mut octets)
            .map_err(|_| Code::Internal.error("the system gave no random numbers for a serial number"))?;
        let [first, ..] = &mut octets;
        // Without the sign bit the number is positive. With the next
        // bit the first octet is never 0, so that all have 16 octets.
        *first = *first & 0x7f | 0x40;
        Ok(Self(octets))
    }

    /// The serial number with these octets, big endian.
    pub fn from_octets(octets: [u8; 16]) -> Self {
        Self(octets)
    }

    /// The octets, big endian.
    pub fn octets(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for Serial {
    /// Upper-case hexadecimal, as `openssl x509 -serial` prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::upper(&self.0))
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Serial({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_are_positive_of_one_length_and_differ() {
        let (a, b) = (Serial::random().unwrap(), Serial::random().unwrap());
        assert_ne!(a, b);
        for serial in [a, b] {
            assert_eq!(serial.octets()[0] & 0xc0, 0x40);
            assert_eq!(serial.to_string().len(), 32);
        }
    }
}
