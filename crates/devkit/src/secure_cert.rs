//! Espressif's esp_secure_cert partition, where esp_secure_cert_mgr finds an identity: type, length and value, each with
//! a check sum.

use base::{Code, Error, Result};
use zeroize::Zeroizing;

/// What begins every entry.
const MAGIC: [u8; 4] = 0xBA5E_BA11_u32.to_le_bytes();

/// Values are filled up to multiples of this, as encrypted flash wants it.
const ALIGNMENT: usize = 16;

/// The most bytes that Espressif's tools read, whatever the partition has.
const LARGEST: usize = 0x2000;

/// What an entry holds (`esp_secure_cert_tlv_type_t`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    CaCertificate = 0,
    DeviceCertificate = 1,
    PrivateKey = 2,
}

/// An identity as esp_secure_cert holds it: three texts in PEM.
pub struct SecureCert<'a> {
    /// The leaf and the CAs that are sent with it.
    pub chain: &'a str,
    /// What the device trusts.
    pub anchors: &'a str,
    /// The private key, not encrypted.
    pub key: &'a str,
}

impl SecureCert<'_> {
    /// The partition, `size` bytes long.
    ///
    /// # Errors
    /// [`Code::RecordTooLarge`] with the numbers where it does not fit.
    pub fn to_partition(&self, size: usize) -> Result<Zeroizing<Vec<u8>>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(size));
        for (kind, text) in self.entries() {
            entry(kind, text, &mut bytes)?;
        }
        let room = size.min(LARGEST);
        if bytes.len() > room {
            return Err(Code::RecordTooLarge
                .error(format!("the identity needs {} bytes of esp_secure_cert, and {room} are there", bytes.len()))
                .because(format!("Espressif's tools read at most {LARGEST} bytes"))
                .fix("use ec-p256 in place of RSA, or a shorter chain"));
        }
        bytes.resize(size, 0xFF);
        Ok(bytes)
    }

    /// Compares with what a partition holds.
    ///
    /// # Errors
    /// [`Code::ReadBack`] where it is damaged or holds something else.
    pub fn check(&self, partition: &[u8]) -> Result<()> {
        let mut rest = partition;
        for (kind, text) in self.entries() {
            let (found, value, after) = parse(rest).ok_or_else(|| differs("an entry is damaged"))?;
            if found != kind as u8 || value.strip_suffix(&[0]) != Some(text.as_bytes()) {
                return Err(differs(&format!("the entry {kind:?} is not what was written")));
            }
            rest = after;
        }
        if rest.iter().any(|byte| *byte != 0xFF) {
            return Err(differs("something follows the last entry"));
        }
        Ok(())
    }

    /// In the order in which Espressif's tool writes them.
    fn entries(&self) -> [(Kind, &str); 3] {
        [(Kind::DeviceCertificate, self.chain), (Kind::CaCertificate, self.anchors), (Kind::PrivateKey, self.key)]
    }
}

/// Appends an entry: header, value, filling and check sum. PEM ends in NUL there, as Mbed TLS wants it.
fn entry(kind: Kind, text: &str, bytes: &mut Vec<u8>) -> Result<()> {
    let start = bytes.len();
    let length = u16::try_from(text.len() + 1)
        .map_err(|_| Code::RecordTooLarge.error(format!("esp_secure_cert cannot hold {} bytes", text.len())))?;
    bytes.extend(MAGIC);
    // Flags, three reserved bytes, the type, and which of several entries of that type it is.
    bytes.extend([0, 0, 0, 0, kind as u8, 0]);
    bytes.extend(length.to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes.push(0);
    bytes.resize(bytes.len() + filling(usize::from(length)), 0);
    let sum = crc(bytes.get(start..).unwrap_or_default());
    bytes.extend(sum.to_le_bytes());
    Ok(())
}

/// The type and the value of the first entry, and what follows it.
fn parse(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (header, rest) = bytes.split_at_checked(12)?;
    let length = u16::from_le_bytes([*header.get(10)?, *header.get(11)?]);
    let whole = usize::from(length) + filling(usize::from(length));
    let (filled, rest) = rest.split_at_checked(whole)?;
    let (sum, rest) = rest.split_at_checked(4)?;
    let is_whole = header.starts_with(&MAGIC) && crc(bytes.get(..12 + whole)?).to_le_bytes() == sum;
    is_whole.then_some((*header.get(8)?, filled.get(..usize::from(length))?, rest))
}

fn filling(length: usize) -> usize {
    length.next_multiple_of(ALIGNMENT) - length
}

fn crc(bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(u32::MAX);
    hasher.update(bytes);
    hasher.finalize()
}

fn differs(why: &str) -> Error {
    Code::ReadBack.error("esp_secure_cert does not read back as it was written").because(why)
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
        for bit in 0..8 * 160 {
            let mut flipped = partition.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(IDENTITY.check(&flipped).is_err(), "{bit}");
        }
    }

    #[test]
    fn what_does_not_fit_is_told_with_the_numbers() {
        let long = "x".repeat(9000);
        let large = SecureCert { chain: &long, ..IDENTITY };
        let error = large.to_partition(0x4000).unwrap_err();
        assert_eq!(error.code(), Code::RecordTooLarge);
        assert!(error.to_string().contains("9088 bytes of esp_secure_cert, and 8192 are there"), "{error}");
        assert!(IDENTITY.to_partition(64).is_err());
    }
}
