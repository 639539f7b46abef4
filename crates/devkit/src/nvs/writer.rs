//! The writer of entries and pages, with the layout of Espressif's generator.

use base::{Code, Error, Result};

use super::encryption::Keys;
use super::layout::{
    ACTIVE, ENTRIES, ENTRY_SIZE, FIRST_ENTRY, FULL, MIN_SIZE, NO_CHUNK, PAGE_SIZE, STATES, VERSION_2, crc,
};
use super::{NvsValue, kind};

/// The length limit of a text with its NUL, in bytes: it must fit into one page, whose last entry the generator leaves free.
const MAX_TEXT: usize = (ENTRIES - 2) * ENTRY_SIZE;

/// The limit of chunks of a blob: the highest bit of a chunk number distinguishes old chunks from new ones.
const MAX_CHUNKS: usize = 127;

/// A writer of a partition into a slice.
///
/// It allocates nothing and overwrites the whole slice, so that the previous contents do not leak.
pub struct Writer<'a> {
    bytes: &'a mut [u8],
    keys: Option<&'a Keys>,
    /// The current page, and its next free entry.
    page: usize,
    entry: usize,
    /// The current namespace; 0 before the first.
    namespace: u8,
}

impl<'a> Writer<'a> {
    /// Starts a partition of the size of `bytes`, encrypted if keys are given.
    ///
    /// # Errors
    /// [`Code::PartitionTable`] for a size that is not a multiple of a page or below three pages.
    pub fn new(bytes: &'a mut [u8], keys: Option<&'a Keys>) -> Result<Self> {
        if bytes.len() < MIN_SIZE || !bytes.len().is_multiple_of(PAGE_SIZE) {
            return Err(Code::PartitionTable
                .error(format!("invalid NVS partition size: {} bytes", bytes.len()))
                .because("the size must be a multiple of 4096 bytes, at least 12288"));
        }
        // Erased flash has all bits set, and writing clears them.
        bytes.fill(0xFF);
        let mut writer = Self { bytes, keys, page: 0, entry: 0, namespace: 0 };
        writer.begin_page()?;
        Ok(writer)
    }

    /// Begins a namespace, to which all following keys belong.
    ///
    /// # Errors
    /// [`Code::NvsValue`] for an invalid name, [`Code::RecordTooLarge`] if the partition is full.
    pub fn namespace(&mut self, name: &str) -> Result<()> {
        let name = key_bytes(name)?;
        // 255 means "any namespace", and namespace 0 holds the names of the others.
        if self.namespace == 254 {
            return Err(Code::NvsValue.error("an NVS partition has at most 254 namespaces"));
        }
        let number = self.namespace + 1;
        // A namespace is an entry in namespace 0 whose value is its number.
        self.number(0, &name, kind::U8, u64::from(number))?;
        self.namespace = number;
        Ok(())
    }

    /// Writes a key and its value into the current namespace.
    ///
    /// # Errors
    /// [`Code::NvsValue`] for an invalid key or value, [`Code::RecordTooLarge`] if the partition is full.
    pub fn write(&mut self, key: &str, value: NvsValue<'_>) -> Result<()> {
        let name = key_bytes(key)?;
        if self.namespace == 0 {
            return Err(Code::NvsValue.error(format!("the key {key:?} has no namespace")));
        }
        let namespace = self.namespace;
        match value {
            NvsValue::U8(number) => self.number(namespace, &name, kind::U8, number.into()),
            NvsValue::U16(number) => self.number(namespace, &name, kind::U16, number.into()),
            NvsValue::U32(number) => self.number(namespace, &name, kind::U32, number.into()),
            NvsValue::U64(number) => self.number(namespace, &name, kind::U64, number),
            NvsValue::I8(number) => self.number(namespace, &name, kind::I8, u64::from(number.cast_unsigned())),
            NvsValue::I16(number) => self.number(namespace, &name, kind::I16, u64::from(number.cast_unsigned())),
            NvsValue::I32(number) => self.number(namespace, &name, kind::I32, u64::from(number.cast_unsigned())),
            NvsValue::I64(number) => self.number(namespace, &name, kind::I64, number.cast_unsigned()),
            NvsValue::Text(text) => self.text(namespace, &name, text).map_err(|error| error.item(key.to_owned())),
            NvsValue::Blob(bytes) => self.blob(namespace, &name, bytes).map_err(|error| error.item(key.to_owned())),
        }
    }

    /// The number of pages with entries.
    pub fn pages_used(&self) -> usize {
        self.page + 1
    }

    /// Finishes the partition.
    ///
    /// # Errors
    /// [`Code::Internal`] if the cipher rejects the keys.
    pub fn finish(mut self) -> Result<()> {
        self.encrypt_page()
    }

    fn number(&mut self, namespace: u8, key: &[u8; 16], kind: u8, number: u64) -> Result<()> {
        if self.entry >= ENTRIES {
            self.next_page()?;
        }
        // The low digit of the type is the size in bytes. The rest of the field stays erased (0xFF).
        let size = usize::from(kind & 0x0F);
        let mut data = [0xFF; 8];
        for (to, from) in data.iter_mut().zip(number.to_le_bytes()).take(size) {
            *to = from;
        }
        // A number needs one entry only, so its data is in the header.
        self.put(&header(namespace, kind, 1, NO_CHUNK, key, data), &[&[]])
    }

    fn text(&mut self, namespace: u8, key: &[u8; 16], text: &str) -> Result<()> {
        // The NUL at the end is part of the value.
        let size = text.len() + 1;
        if size > MAX_TEXT || text.contains('\0') {
            return Err(Code::NvsValue.error(format!(
                "NVS cannot store a text of {} bytes: the limit is {} without NUL",
                text.len(),
                MAX_TEXT - 1
            )));
        }
        let span = 1 + size.div_ceil(ENTRY_SIZE);
        // `>=` and not `>`: Espressif's generator leaves the last entry of a page free here, and our images must equal
        // its images.
        if self.entry + span >= ENTRIES {
            self.next_page()?;
        }
        let parts: [&[u8]; 2] = [text.as_bytes(), &[0]];
        self.put(&data_header(namespace, kind::TEXT, span, NO_CHUNK, key, &parts), &parts)
    }

    fn blob(&mut self, namespace: u8, key: &[u8; 16], bytes: &[u8]) -> Result<()> {
        if self.entry >= ENTRIES {
            self.next_page()?;
        }
        let mut rest = bytes;
        let mut chunks: u8 = 0;
        loop {
            if usize::from(chunks) >= MAX_CHUNKS {
                return Err(Code::NvsValue.error(format!("NVS cannot store a blob of {} bytes", bytes.len())));
            }
            // A chunk fills the rest of the page.
            let room = (ENTRIES - self.entry - 1) * ENTRY_SIZE;
            let (chunk, after) = rest.split_at(room.min(rest.len()));
            let span = 1 + chunk.len().div_ceil(ENTRY_SIZE);
            self.put(&data_header(namespace, kind::BLOB_DATA, span, chunks, key, &[chunk]), &[chunk])?;
            chunks += 1;
            // The index needs an entry of its own, so the page is changed if none is left.
            if !after.is_empty() || room - chunk.len() < ENTRY_SIZE {
                self.next_page()?;
            }
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        let mut data = [0xFF; 8];
        let size = u32::try_from(bytes.len()).map_err(|_| Code::NvsValue.error("a blob is too large for NVS"))?;
        // The total size, the number of chunks, and the version from which chunks are numbered.
        let [a, b, c, d, count, first, ..] = &mut data;
        [*a, *b, *c, *d] = size.to_le_bytes();
        (*count, *first) = (chunks, 0);
        self.put(&header(namespace, kind::BLOB_INDEX, 1, NO_CHUNK, key, data), &[&[]])
    }

    /// Writes an entry and the data behind it, which has to fit into the page.
    fn put(&mut self, header: &[u8; ENTRY_SIZE], data: &[&[u8]]) -> Result<()> {
        let at = self.page * PAGE_SIZE + FIRST_ENTRY + self.entry * ENTRY_SIZE;
        let size: usize = data.iter().map(|part| part.len()).sum();
        let entries = 1 + size.div_ceil(ENTRY_SIZE);
        let mut target = self.bytes.get_mut(at..at + ENTRY_SIZE + size).ok_or_else(overflow)?;
        for part in [header.as_slice()].iter().chain(data) {
            let (now, later) = target.split_at_mut(part.len());
            now.copy_from_slice(part);
            target = later;
        }
        self.mark_written(entries)
    }

    /// Sets the states of the next entries from "empty" (11) to "written" (10), the low bit first.
    fn mark_written(&mut self, entries: usize) -> Result<()> {
        let start = self.page * PAGE_SIZE + STATES;
        let states = self.bytes.get_mut(start..start + STATES).ok_or_else(overflow)?;
        for entry in self.entry..self.entry + entries {
            let byte = states.get_mut(entry / 4).ok_or_else(overflow)?;
            // Two bits for each entry, 11 for empty and 10 for written: clearing the low bit marks it.
            *byte &= !(1 << (entry % 4 * 2));
        }
        self.entry += entries;
        Ok(())
    }

    fn begin_page(&mut self) -> Result<()> {
        let number = u32::try_from(self.page).map_err(|_| overflow())?;
        let mut header = [0xFF; 32];
        for (at, word) in [(0, ACTIVE), (4, number)] {
            set_word(&mut header, at, word);
        }
        if let Some(version) = header.get_mut(8) {
            *version = VERSION_2;
        }
        // The first word is the state of the page, which changes later, so the sum does not cover it.
        let sum = crc(&[header.get(4..28).unwrap_or_default()]);
        set_word(&mut header, 28, sum);
        let at = self.page * PAGE_SIZE;
        self.bytes.get_mut(at..at + header.len()).ok_or_else(overflow)?.copy_from_slice(&header);
        Ok(())
    }

    /// Closes the page and begins the next one. The last page of the partition stays free.
    fn next_page(&mut self) -> Result<()> {
        // One page must stay free, because the chip needs it for garbage collection.
        if (self.page + 2) * PAGE_SIZE >= self.bytes.len() {
            return Err(Code::RecordTooLarge.error("the data does not fit into the NVS partition"));
        }
        set_word(self.bytes, self.page * PAGE_SIZE, FULL);
        self.encrypt_page()?;
        self.page += 1;
        self.entry = 0;
        self.begin_page()
    }

    fn encrypt_page(&mut self) -> Result<()> {
        let Some(keys) = self.keys else { return Ok(()) };
        // The header of the page stays readable, because the chip needs it before it has the keys.
        let at = self.page * PAGE_SIZE + FIRST_ENTRY;
        let written = self.bytes.get_mut(at..at + self.entry * ENTRY_SIZE).ok_or_else(overflow)?;
        keys.encrypt(written, at)
    }
}

/// The name of a key or namespace as entries hold it: padded with NUL, the last byte always NUL.
fn key_bytes(key: &str) -> Result<[u8; 16]> {
    let mut bytes = [0; 16];
    if key.is_empty() || key.len() > 15 || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Code::NvsValue.error(format!("{key:?} is no key of NVS: 1 to 15 letters without blanks")));
    }
    for (to, from) in bytes.iter_mut().zip(key.bytes()) {
        *to = from;
    }
    Ok(bytes)
}

/// An entry: namespace, type, how many entries it takes, its chunk, a check sum, the key and eight bytes of data.
fn header(namespace: u8, kind: u8, span: u8, chunk: u8, key: &[u8; 16], data: [u8; 8]) -> [u8; ENTRY_SIZE] {
    let start = [namespace, kind, span, chunk];
    let sum = crc(&[&start, key, &data]);
    let mut header = [0; ENTRY_SIZE];
    let parts: [&[u8]; 4] = [&start, &sum.to_le_bytes(), key, &data];
    for (to, from) in header.iter_mut().zip(parts.into_iter().flatten()) {
        *to = *from;
    }
    header
}

/// The entry before data of some length: its eight bytes say how long the data is and what its check sum is.
fn data_header(namespace: u8, kind: u8, span: usize, chunk: u8, key: &[u8; 16], data: &[&[u8]]) -> [u8; ENTRY_SIZE] {
    let size: usize = data.iter().map(|part| part.len()).sum();
    let mut about = [0xFF; 8];
    // A page has less than 4,096 bytes and 126 entries, so both numbers fit.
    #[allow(clippy::cast_possible_truncation, reason = "what is written stays in one page")]
    let (size, span) = (size as u16, span as u8);
    for (to, from) in about.iter_mut().zip(size.to_le_bytes()) {
        *to = from;
    }
    set_word(&mut about, 4, crc(data));
    header(namespace, kind, span, chunk, key, about)
}

fn set_word(bytes: &mut [u8], at: usize, word: u32) {
    for (to, from) in bytes.iter_mut().skip(at).zip(word.to_le_bytes()) {
        *to = from;
    }
}

fn overflow() -> Error {
    Code::Internal.error("an NVS page was written over its end")
}
