//! The CRC of NVS: CRC-32 (ISO-HDLC), started at all ones a second time, as ESP-IDF's `esp_rom_crc32_le(0xffffffff, ..)`.

/// A CRC over several pieces.
pub(super) struct Crc(u32);

impl Crc {
    pub(super) fn new() -> Self {
        Self(0)
    }

    pub(super) fn update(mut self, bytes: &[u8]) -> Self {
        for &byte in bytes {
            self.0 ^= u32::from(byte);
            // Bit by bit: a table would be faster and take 1 KiB of flash, and the record is read once.
            for _ in 0..8 {
                let carry = self.0 & 1;
                self.0 = self.0 >> 1 ^ (0xedb8_8320 & carry.wrapping_neg());
            }
        }
        self
    }

    pub(super) fn finish(self) -> u32 {
        !self.0
    }
}

/// The CRC of one piece.
pub(super) fn crc(bytes: &[u8]) -> u32 {
    Crc::new().update(bytes).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `zlib.crc32(b"123456789", 0xffffffff)` of Python, and the same in pieces.
    #[test]
    fn it_matches_zlib() {
        assert_eq!(crc(b"123456789"), 0xd202_d277);
        assert_eq!(Crc::new().update(b"12345").update(b"6789").finish(), crc(b"123456789"));
    }
}
