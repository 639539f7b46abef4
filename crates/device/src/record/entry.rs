//! The record as NVS entries: names, types, order, and hash.

use alloc::vec;
use alloc::vec::Vec;

use sha2::{Digest, Sha256};

use super::{Login, NAMESPACE, Record, SKIP_HOST_NAME_CHECK, key};

/// A type of NVS with its number in `nvs_type_t` of ESP-IDF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum NvsType {
    /// An unsigned byte.
    U8 = 0x01,
    /// An unsigned number of two bytes, little-endian.
    U16 = 0x02,
    /// A text with a final NUL.
    Str = 0x21,
    /// Bytes.
    Blob = 0x42,
}

/// A value of the record.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum RecordValue<'a> {
    /// An unsigned byte.
    U8(u8),
    /// An unsigned number of two bytes.
    U16(u16),
    /// A text, without the final NUL that it has in flash.
    Str(&'a str),
    /// Bytes; PEM texts include their NUL.
    Blob(&'a [u8]),
}

impl RecordValue<'_> {
    /// The type of the value.
    pub fn nvs_type(&self) -> NvsType {
        match self {
            Self::U8(_) => NvsType::U8,
            Self::U16(_) => NvsType::U16,
            Self::Str(_) => NvsType::Str,
            Self::Blob(_) => NvsType::Blob,
        }
    }
}

/// One entry of the namespace. It does not implement `Debug`, because some values are secrets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RecordEntry<'a> {
    /// The name, one of [`key`].
    pub key: &'static str,
    /// What the entry holds.
    pub value: RecordValue<'a>,
}

/// All entries of a record in their order, the hash last.
pub struct RecordEntries<'a> {
    entries: Vec<RecordEntry<'a>>,
    hash: [u8; 32],
}

impl Record {
    /// The record as NVS entries.
    pub fn entries(&self) -> RecordEntries<'_> {
        let (chain, private_key, token) = match self.login() {
            Login::Certificate { chain, key } => (chain.as_str(), key.expose(), ""),
            // An empty text is one NUL as a blob, because NVS cannot store a blob of no bytes.
            Login::Token(token) => ("\0", "\0", token.expose()),
            Login::Pending => ("\0", "\0", ""),
        };
        let flags = if self.skips_host_name_check() { SKIP_HOST_NAME_CHECK } else { 0 };
        let mut entries = vec![
            RecordEntry { key: key::SCHEMA, value: RecordValue::U8(self.schema()) },
            RecordEntry { key: key::DEVICE, value: RecordValue::Str(self.device_name()) },
            RecordEntry { key: key::WIFI_SSID, value: RecordValue::Str(self.wifi_ssid()) },
            RecordEntry { key: key::WIFI_PASSWORD, value: RecordValue::Str(self.wifi_password().expose()) },
            RecordEntry { key: key::HOST, value: RecordValue::Str(self.host()) },
            RecordEntry { key: key::PORT, value: RecordValue::U16(self.port()) },
            RecordEntry { key: key::CA_CHAIN, value: RecordValue::Blob(self.ca_chain().as_bytes()) },
            RecordEntry { key: key::CLIENT_CHAIN, value: RecordValue::Blob(chain.as_bytes()) },
            RecordEntry { key: key::CLIENT_KEY, value: RecordValue::Blob(private_key.as_bytes()) },
            RecordEntry { key: key::TOKEN, value: RecordValue::Str(token) },
            RecordEntry { key: key::FLAGS, value: RecordValue::U8(flags) },
            RecordEntry { key: key::NTP_SERVER, value: RecordValue::Str(self.ntp_server()) },
        ];
        if let Some(enrolment) = self.enrolment() {
            entries.extend([
                RecordEntry { key: key::ENROLL_HOST, value: RecordValue::Str(&enrolment.host) },
                RecordEntry { key: key::ENROLL_PORT, value: RecordValue::U16(enrolment.port) },
                RecordEntry { key: key::ENROLL_LABEL, value: RecordValue::Str(&enrolment.label) },
                RecordEntry { key: key::ENROLL_ANCHORS, value: RecordValue::Blob(enrolment.anchors.as_bytes()) },
                RecordEntry { key: key::ENROLL_PASSWORD, value: RecordValue::Str(enrolment.password.expose()) },
                RecordEntry { key: key::RENEW_DAYS, value: RecordValue::U16(enrolment.renew_days) },
                RecordEntry { key: key::SALT, value: RecordValue::Blob(&enrolment.salt) },
            ]);
        }
        let hash = hash(&entries);
        RecordEntries { entries, hash }
    }

    /// The SHA-256 over the entries.
    pub fn hash(&self) -> [u8; 32] {
        self.entries().hash
    }
}

impl RecordEntries<'_> {
    /// The entries in their order, the hash last.
    pub fn iter(&self) -> impl Iterator<Item = RecordEntry<'_>> {
        let hash = RecordEntry { key: key::HASH, value: RecordValue::Blob(&self.hash) };
        self.entries.iter().copied().chain([hash])
    }
}

/// SHA-256 over the namespace's name and a NUL, then for each entry: its name, a NUL, its type (one byte), the length of
/// its value as it lies in flash (u32, little-endian) and that value (numbers little-endian, texts with their NUL).
fn hash(entries: &[RecordEntry<'_>]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(NAMESPACE.as_bytes());
    hash.update([0]);
    for entry in entries {
        hash.update(entry.key.as_bytes());
        // The type is a part of it: an entry whose type has changed
        // would otherwise have the same bytes under the hash.
        hash.update([0, entry.value.nvs_type() as u8]);
        match entry.value {
            RecordValue::U8(number) => part(&mut hash, &[&[number]]),
            RecordValue::U16(number) => part(&mut hash, &[&number.to_le_bytes()]),
            RecordValue::Str(text) => part(&mut hash, &[text.as_bytes(), &[0]]),
            RecordValue::Blob(bytes) => part(&mut hash, &[bytes]),
        }
    }
    hash.finalize().into()
}

/// Hashes the length of a value and its pieces. The limits of the parts keep the length far below 4 GiB.
fn part(hash: &mut Sha256, pieces: &[&[u8]]) {
    let length: usize = pieces.iter().map(|piece| piece.len()).sum();
    hash.update((length as u32).to_le_bytes());
    for piece in pieces {
        hash.update(piece);
    }
}
