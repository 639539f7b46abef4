//! Espressif's esp_secure_cert partition, from which esp_secure_cert_mgr reads an identity: entries of type, length, value
//! and checksum.
//!
//! Written by hand because no crate writes this format; the tests read it back with Espressif's own tool.

use base::{Code, Error, Result};
use zeroize::Zeroizing;

/// The first bytes of every entry.
const MAGIC: [u8; 4] = 0xBA5E_BA11_u32.to_le_bytes();

/// True if an entry, and so an esp_secure_cert partition, begins with these bytes.
pub fn is_partition(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// The alignment of values in bytes, which encrypted flash requires.
const ALIGNMENT: usize = 16;

/// The number of bytes that Espressif's tools read, independent of the partition's size.
const LARGEST: usize = 0x2000;

/// The type of an entry (`esp_secure_cert_tlv_type_t`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TlvType {
    CaCertificate = 0,
    DeviceCertificate = 1,
    PrivateKey = 2,
}

/// An identity in esp_secure_cert: three PEM texts.
pub struct SecureCert<'a> {
    /// The chain, leaf first, without the root.
    pub chain: &'a str,
    /// The trust anchors.
    pub anchors: &'a str,
    /// The private key, unencrypted.
    pub key: &'a str,
}

impl SecureCert<'_> {
    /// The partition, `size` bytes long.
    ///
    /// # Errors
    /// [`Code::RecordTooLarge`] with the sizes if the identity does not fit.
    pub fn to_partition(&self, size: usize) -> Result<Zeroizing<Vec<u8>>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(size));
        for (kind, text) in self.entries() {
            entry(kind, text, &mut bytes)?;
        }
        let room = size.min(LARGEST);
        if bytes.len() > room {
            return Err(Code::RecordTooLarge
                .error(format!(
                    "the identity needs {} bytes of esp_secure_cert, but only {room} are available",
                    bytes.len()
                ))
                .because(format!("Espressif's tools read at most {LARGEST} bytes"))
                .fix("use ec-p256 instead of RSA, or a shorter chain"));
        }
        // Erased flash, as Espressif's tool leaves it.
        bytes.resize(size, 0xFF);
        Ok(bytes)
    }

    /// Checks that a partition contains this identity and nothing else.
    ///
    /// # Errors
    /// [`Code::ReadBack`] if the partition is damaged or differs.
    pub fn check(&self, partition: &[u8]) -> Result<()> {
        let mut rest = partition;
        for (kind, text) in self.entries() {
            let (found, value, after) = parse(rest).ok_or_else(|| differs("an entry is damaged"))?;
            if found != kind as u8 || value.strip_suffix(&[0]) != Some(text.as_bytes()) {
                return Err(differs(&format!("the entry {kind:?} differs from what was written")));
            }
            rest = after;
        }
        if rest.iter().any(|byte| *byte != 0xFF) {
            return Err(differs("there is data after the last entry"));
        }
        Ok(())
    }

    /// The entries in the order of Espressif's tool.
    fn entries(&self) -> [(TlvType, &str); 3] {
        [
            (TlvType::DeviceCertificate, self.chain),
            (TlvType::CaCertificate, self.anchors),
            (TlvType::PrivateKey, self.key),
        ]
    }
}

/// Appends an entry: header, value, padding and checksum. PEM ends in a NUL, as Mbed TLS requires.
fn entry(kind: TlvType, text: &str, bytes: &mut Vec<u8>) -> Result<()> {
    let start = bytes.len();
    // With the terminating NUL, which esp_secure_cert_mgr counts.
    let length = u16::try_from(text.len() + 1)
        .map_err(|_| Code::RecordTooLarge.error(format!("esp_secure_cert cannot store {} bytes", text.len())))?;
    bytes.extend(MAGIC);
    // Flags, three reserved bytes, the type, and the index among entries of that type.
    bytes.extend([0, 0, 0, 0, kind as u8, 0]);
    bytes.extend(length.to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes.push(0);
    // The next entry is found by its magic word at a multiple of 16.
    bytes.resize(bytes.len() + padding(usize::from(length)), 0);
    let sum = crc(bytes.get(start..).unwrap_or_default());
    bytes.extend(sum.to_le_bytes());
    Ok(())
}

/// The type and value of the first entry, and the remaining bytes.
fn parse(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (header, rest) = bytes.split_at_checked(12)?;
    let length = u16::from_le_bytes([*header.get(10)?, *header.get(11)?]);
    let whole = usize::from(length) + padding(usize::from(length));
    let (filled, rest) = rest.split_at_checked(whole)?;
    let (sum, rest) = rest.split_at_checked(4)?;
    let is_whole = header.starts_with(&MAGIC) && crc(bytes.get(..12 + whole)?).to_le_bytes() == sum;
    is_whole.then_some((*header.get(8)?, filled.get(..usize::from(length))?, rest))
}

fn padding(length: usize) -> usize {
    length.next_multiple_of(ALIGNMENT) - length
}

fn crc(bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(u32::MAX);
    hasher.update(bytes);
    hasher.finalize()
}

fn differs(why: &str) -> Error {
    Code::ReadBack.error("the esp_secure_cert partition does not read back as it was written").because(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDENTITY: SecureCert<'_> =
        SecureCert { chain: "leaf and issuing CA", anchors: "root", key: "key of 15 bytes" };

    #[test]
    fn it_reads_back_unless_a_bit_is_flipped() {
        let partition = IDENTITY.to_partition(0x2000).unwrap();
        IDENTITY.check(&partition).unwrap();
        // The three entries; erased flash follows.
        for bit in 0..8 * 160 {
            let mut flipped = partition.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(IDENTITY.check(&flipped).is_err(), "{bit}");
        }
    }

    #[test]
    fn the_error_of_a_large_identity_has_the_sizes() {
        let long = "x".repeat(9000);
        let large = SecureCert { chain: &long, ..IDENTITY };
        let error = large.to_partition(0x4000).unwrap_err();
        assert_eq!(error.code(), Code::RecordTooLarge);
        assert!(error.to_string().contains("9088 bytes of esp_secure_cert, but only 8192 are available"), "{error}");
        assert!(IDENTITY.to_partition(64).is_err());
    }
}
