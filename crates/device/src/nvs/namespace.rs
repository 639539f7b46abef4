//! The entries of one namespace.

use alloc::string::String;
use alloc::vec::Vec;

use super::crc::crc;
use super::error::NvsError;
use super::flash::Flash;
use super::item::{NvsEntry, kind};
use super::page::Pages;

/// The possible numbers of a blob's first chunk. Writers alternate between them, so that old and new chunks differ.
const FIRST_CHUNKS: [u8; 2] = [0x00, 0x80];

/// A namespace of a partition.
pub struct Namespace<F> {
    pages: Pages<F>,
    /// The entries of the namespace, oldest first.
    items: Vec<NvsEntry>,
}

impl<F: Flash> Namespace<F> {
    /// Opens a namespace by name.
    ///
    /// # Errors
    /// [`NvsError`] if the partition cannot be read, is not NVS, or does not contain the namespace.
    pub fn open(flash: F, name: &str) -> Result<Self, NvsError> {
        let mut pages = Pages::open(flash)?;
        // The names of namespaces are entries of namespace 0.
        let mut number = None;
        pages.for_each(|item| {
            if item.namespace == 0 && item.kind == kind::U8 && item.is_named(name) {
                // The last one wins, as for all entries.
                number = Some(first(&item.data));
            }
        })?;
        // 0 and 255 are reserved numbers.
        let Some(number @ 1..=254) = number else { return Err(NvsError::NoNamespace { damage: pages.damage() }) };
        let mut items = Vec::new();
        pages.for_each(|item| {
            if item.namespace == number {
                items.push(item);
            }
        })?;
        Ok(Self { pages, items })
    }

    /// The value of a `u8` key.
    ///
    /// # Errors
    /// [`NvsError`] if the key is missing or has another type.
    pub fn u8(&mut self, key: &'static str) -> Result<u8, NvsError> {
        Ok(first(&self.find(key, &[kind::U8])?.data))
    }

    /// The value of a `u16` key.
    ///
    /// # Errors
    /// [`NvsError`] if the key is missing or has another type.
    pub fn u16(&mut self, key: &'static str) -> Result<u16, NvsError> {
        let [low, high, ..] = self.find(key, &[kind::U16])?.data;
        Ok(u16::from_le_bytes([low, high]))
    }

    /// The value of a string key, without its final NUL. It lies in one page and has at most 3,999 bytes.
    ///
    /// # Errors
    /// [`NvsError`] if the key is missing, has another type, or is damaged.
    pub fn text(&mut self, key: &'static str) -> Result<String, NvsError> {
        let item = self.find(key, &[kind::STR])?;
        let mut bytes = Vec::new();
        self.data(key, &item, &mut bytes)?;
        let text = String::from_utf8(bytes).map_err(|_| NvsError::Value { key, what: "it is not UTF-8" })?;
        match text.split_once('\0') {
            Some((text, "")) => Ok(text.into()),
            _ => Err(NvsError::Value { key, what: "its final NUL is missing" }),
        }
    }

    /// A blob.
    ///
    /// # Errors
    /// Where it is missing, of another type, damaged, or longer than the limit.
    pub fn blob(&mut self, key: &'static str, limit: usize) -> Result<Vec<u8>, NvsError> {
        let item = self.find(key, &[kind::BLOB_INDEX, kind::BLOB_V1])?;
        // ESP-IDF wrote this type before version 3.
        if item.kind == kind::BLOB_V1 {
            let mut bytes = room(key, item.length_and_crc().0, limit)?;
            self.data(key, &item, &mut bytes)?;
            return Ok(bytes);
        }
        let (length, count, start) = item.blob();
        let mut bytes = room(key, length, limit)?;
        // Two series of chunk numbers alternate, so that a new blob can be written before the old one is removed.
        if !FIRST_CHUNKS.contains(&start) || count > 0x80 {
            return Err(NvsError::Value { key, what: "its chunk numbers are invalid" });
        }
        for chunk in 0..count {
            // From the newest entry back: an interrupted update can leave chunks of both versions.
            let chunk_item = self.newest(|item| {
                item.kind == kind::BLOB_DATA && Some(item.chunk) == start.checked_add(chunk) && item.is_named(key)
            });
            let chunk_item = chunk_item.ok_or(NvsError::Value { key, what: "one of its chunks is missing" })?;
            self.data(key, &chunk_item, &mut bytes)?;
            // The chunks of a damaged blob may be longer than its length states.
            if bytes.len() > limit {
                break;
            }
        }
        if usize::try_from(length) == Ok(bytes.len()) {
            Ok(bytes)
        } else {
            Err(NvsError::Value { key, what: "its chunks do not add up to its length" })
        }
    }

    /// The newest entry of a key, which must have one of these types.
    fn find(&self, key: &'static str, kinds: &[u8]) -> Result<NvsEntry, NvsError> {
        let item = self.newest(|item| item.kind != kind::BLOB_DATA && item.is_named(key));
        let item = item.ok_or(NvsError::Missing { key, damage: self.pages.damage() })?;
        if kinds.contains(&item.kind) { Ok(item) } else { Err(NvsError::WrongType { key, found: item.kind }) }
    }

    fn newest(&self, is: impl Fn(&NvsEntry) -> bool) -> Option<NvsEntry> {
        self.items.iter().rev().find(|item| is(item)).copied()
    }

    /// Appends the data of an entry and verifies their CRC.
    fn data(&mut self, key: &'static str, item: &NvsEntry, bytes: &mut Vec<u8>) -> Result<(), NvsError> {
        let (length, sum) = item.length_and_crc();
        if length > item.room() {
            return Err(NvsError::Value { key, what: "it is longer than its entries" });
        }
        let before = bytes.len();
        // Flash is read in whole words. The capacity check above limits the length to a page.
        let words = length.next_multiple_of(4);
        bytes.resize(before + words as usize, 0);
        let new = bytes.get_mut(before..).unwrap_or_default();
        self.pages.flash().read(item.data_at, new)?;
        bytes.truncate(before + length as usize);
        if crc(bytes.get(before..).unwrap_or_default()) == sum {
            Ok(())
        } else {
            Err(NvsError::Value { key, what: "its checksum does not match" })
        }
    }
}

/// A buffer for a value within its limit. It is allocated once: a buffer that grows would leave copies of a private key.
fn room(key: &'static str, length: u32, limit: usize) -> Result<Vec<u8>, NvsError> {
    match usize::try_from(length) {
        Ok(room) if room <= limit => Ok(Vec::with_capacity(room.next_multiple_of(4))),
        _ => Err(NvsError::TooLong { key, length, limit }),
    }
}

/// The value of a `u8` entry.
fn first(data: &[u8; 8]) -> u8 {
    let [first, ..] = *data;
    first
}
