//! Encrypted NVS partitions: XTS-AES-256 (IEEE 1619) over each entry, as in ESP-IDF.
//!
//! XTS is written by hand because aws-lc-rs exposes AES only as a block cipher.

use aws_lc_rs::cipher::{AES_256, DecryptingKey, DecryptionContext, EncryptingKey, UnboundCipherKey};
use aws_lc_rs::error::Unspecified;
use base::{Code, Error, Result};
use zeroize::Zeroizing;

use super::layout::{ENTRY_SIZE, PAGE_SIZE, crc};

/// The size of the partition that holds the keys, in bytes: one page.
pub const KEYS_PARTITION_SIZE: usize = PAGE_SIZE;

const BLOCK: usize = 16;

/// The two keys of an encrypted partition: one for the data, one for the tweak.
pub struct Keys {
    bytes: Zeroizing<[u8; 64]>,
}

impl Keys {
    /// New random keys.
    ///
    /// # Errors
    /// [`Code::Internal`] if the system has no random numbers.
    pub fn generate() -> Result<Self> {
        let mut bytes = Zeroizing::new([0; 64]);
        aws_lc_rs::rand::fill(&mut *bytes)
            .map_err(|_| Code::Internal.error("the system has no random numbers for the NVS keys"))?;
        Ok(Self { bytes })
    }

    /// The keys of a partition of type `nvs_keys`, of which the first 68 bytes are read.
    ///
    /// # Errors
    /// [`Code::NvsValue`] if it is too short or its checksum does not match.
    pub fn from_partition(partition: &[u8]) -> Result<Self> {
        let damaged = || {
            Code::NvsValue
                .error("invalid NVS encryption keys")
                .because("64 bytes of keys and their CRC-32 are expected")
        };
        let mut bytes = Zeroizing::new([0; 64]);
        let (keys, sum) = partition.split_at_checked(64).ok_or_else(damaged)?;
        bytes.copy_from_slice(keys);
        // The CRC detects a partition of another kind, not an attack.
        if sum.get(..4) != Some(&crc(&[keys]).to_le_bytes()) {
            return Err(damaged());
        }
        Ok(Self { bytes })
    }

    /// The partition of type `nvs_keys` with these keys.
    pub fn to_partition(&self) -> Zeroizing<Vec<u8>> {
        // Erased flash after the keys, as ESP-IDF's own generator writes it.
        let mut partition = Zeroizing::new(vec![0xFF; KEYS_PARTITION_SIZE]);
        let sum = crc(&[&*self.bytes]).to_le_bytes();
        for (to, from) in partition.iter_mut().zip(self.bytes.iter().chain(&sum)) {
            *to = *from;
        }
        partition
    }

    /// Encrypts whole entries at `offset` bytes from the start of the partition.
    pub(super) fn encrypt(&self, entries: &mut [u8], offset: usize) -> Result<()> {
        let (data_key, _) = self.halves();
        // XTS is built from ECB here, because aws-lc-rs offers no XTS with tweaks of this form.
        let key = EncryptingKey::ecb(cipher_key(data_key)?).map_err(unusable)?;
        self.through_tweaks(entries, offset, |bytes| key.encrypt(bytes).map(drop).map_err(unusable))
    }

    /// Decrypts whole entries at `offset` bytes from the start of the partition.
    fn decrypt(&self, entries: &mut [u8], offset: usize) -> Result<()> {
        let (data_key, _) = self.halves();
        let key = DecryptingKey::ecb(cipher_key(data_key)?).map_err(unusable)?;
        self.through_tweaks(entries, offset, |bytes| {
            key.decrypt(bytes, DecryptionContext::None).map(drop).map_err(unusable)
        })
    }

    /// Decrypts a whole partition. Erased entries are left as they are.
    ///
    /// # Errors
    /// [`Code::Internal`] if the cipher rejects the keys.
    pub fn decrypt_partition(&self, partition: &mut [u8]) -> Result<()> {
        for (number, page) in partition.chunks_mut(PAGE_SIZE).enumerate() {
            // The first two entries are the header and the states of a page, which stay in plain text.
            for (entry, bytes) in page.chunks_mut(ENTRY_SIZE).enumerate().skip(2) {
                // An erased entry was never written, and decrypting it would produce noise.
                if bytes.iter().any(|byte| *byte != 0xFF) {
                    self.decrypt(bytes, number * PAGE_SIZE + entry * ENTRY_SIZE)?;
                }
            }
        }
        Ok(())
    }

    /// The steps of both directions: tweak, block cipher, tweak. Each entry is a data unit whose number is its offset in the
    /// partition.
    fn through_tweaks(
        &self,
        entries: &mut [u8],
        offset: usize,
        cipher: impl FnOnce(&mut [u8]) -> Result<()>,
    ) -> Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let (_, tweak_key) = self.halves();
        let mut units = Zeroizing::new(vec![0; entries.len() / ENTRY_SIZE * BLOCK]);
        for (index, unit) in units.chunks_exact_mut(BLOCK).enumerate() {
            // ESP-IDF uses the byte offset of the entry as the number of the data unit, which IEEE 1619 would count in
            // units.
            let number = (offset + index * ENTRY_SIZE) as u64;
            unit.iter_mut().zip(number.to_le_bytes()).for_each(|(to, from)| *to = from);
        }
        EncryptingKey::ecb(cipher_key(tweak_key)?).and_then(|key| key.encrypt(&mut units)).map_err(unusable)?;
        let mut tweaks = Zeroizing::new(Vec::with_capacity(entries.len()));
        for unit in units.chunks_exact(BLOCK) {
            let tweak = u128::from_le_bytes(unit.try_into().map_err(|_| unusable(Unspecified))?);
            tweaks.extend(tweak.to_le_bytes());
            // An entry has two blocks of the cipher. The tweak of the second one is the first times alpha.
            tweaks.extend(doubled(tweak).to_le_bytes());
        }
        let apply = |bytes: &mut [u8]| bytes.iter_mut().zip(tweaks.iter()).for_each(|(byte, tweak)| *byte ^= tweak);
        apply(entries);
        cipher(entries)?;
        apply(entries);
        Ok(())
    }

    fn halves(&self) -> (&[u8], &[u8]) {
        self.bytes.split_at(32)
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(..)")
    }
}

/// Multiplication by the primitive element of GF(2^128) (IEEE 1619, section 5.2).
const fn doubled(tweak: u128) -> u128 {
    (tweak << 1) ^ if tweak >> 127 == 1 { 0x87 } else { 0 }
}

fn cipher_key(bytes: &[u8]) -> Result<UnboundCipherKey> {
    UnboundCipherKey::new(&AES_256, bytes).map_err(unusable)
}

fn unusable(_: Unspecified) -> Error {
    Code::Internal.error("the cipher rejects the NVS encryption keys")
}

#[cfg(test)]
mod tests {
    use super::super::{NvsNamespace, NvsValue, partition};
    use super::*;

    #[test]
    fn encryption_hides_the_values_and_is_reversible() {
        let keys = Keys::generate().unwrap();
        // More than two pages, so that the blob is in pieces; 0x41 is
        // an `A`, which the search below finds if a page is plain.
        let chain = [0x41; 9000];
        let entries =
            [("name", NvsValue::Text("pump-1")), ("chain", NvsValue::Blob(&chain)), ("port", NvsValue::U16(8883))];
        let namespaces = [NvsNamespace { name: "tbpki", entries: &entries }];
        let plain = partition(&namespaces, 0x6000, None).unwrap();
        let mut encrypted = partition(&namespaces, 0x6000, Some(&keys)).unwrap();
        assert!(!encrypted.windows(4).any(|bytes| bytes == b"AAAA" || bytes == b"pump"));
        keys.decrypt_partition(&mut encrypted).unwrap();
        assert!(*encrypted == *plain);
    }

    #[test]
    fn keys_are_read_back_unless_the_partition_is_damaged() {
        let keys = Keys::generate().unwrap();
        let mut bytes = keys.to_partition();
        assert_eq!(Keys::from_partition(&bytes).unwrap().bytes, keys.bytes);
        bytes[3] ^= 1;
        assert_eq!(Keys::from_partition(&bytes).unwrap_err().code(), Code::NvsValue);
        assert_eq!(Keys::from_partition(&bytes[..40]).unwrap_err().code(), Code::NvsValue);
        assert_eq!(format!("{keys:?}"), "Keys(..)");
    }
}
