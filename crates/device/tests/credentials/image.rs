//! NVS images entry by entry, damaged ones included: what no tidy writer makes.

use device::record::{Login, NAMESPACE, Parts, Record, RecordEntry, RecordValue};

pub(crate) const ACTIVE: u32 = 0xffff_fffe;
pub(crate) const FULL: u32 = 0xffff_fffc;
pub(crate) const FREEING: u32 = 0xffff_fff8;

const ENTRIES: usize = 126;
const U8: u8 = 0x01;
const U16: u8 = 0x02;
const STR: u8 = 0x21;
const BLOB_DATA: u8 = 0x42;
const BLOB_INDEX: u8 = 0x48;

/// One page as it is being written.
pub(crate) struct Page {
    bytes: Vec<u8>,
    next: usize,
}

impl Page {
    pub(crate) fn new(state: u32, sequence: u32) -> Self {
        let mut bytes = vec![0xff; 4096];
        bytes[..4].copy_from_slice(&state.to_le_bytes());
        bytes[4..8].copy_from_slice(&sequence.to_le_bytes());
        // Version 2 of the format: versions count down from 0xff.
        bytes[8] = 0xfe;
        let sum = crc(&bytes[4..28]);
        bytes[28..32].copy_from_slice(&sum.to_le_bytes());
        Self { bytes, next: 0 }
    }

    /// A page of a number of this namespace, as the first of a partition is.
    pub(crate) fn with_namespace(state: u32, sequence: u32) -> Self {
        let mut page = Self::new(state, sequence);
        page.item(0, U8, 0xff, NAMESPACE, &[1], &[]);
        page
    }

    pub(crate) fn entry(&mut self, entry: &RecordEntry<'_>) -> &mut Self {
        match entry.value {
            RecordValue::U8(number) => self.item(1, U8, 0xff, entry.key, &[number], &[]),
            RecordValue::U16(number) => self.item(1, U16, 0xff, entry.key, &number.to_le_bytes(), &[]),
            RecordValue::Str(text) => {
                let data = [text.as_bytes(), &[0]].concat();
                self.item(1, STR, 0xff, entry.key, &described(&data), &data)
            }
            RecordValue::Blob(bytes) => self.chunk(entry.key, 0, bytes).index(entry.key, 0, 1, bytes.len()),
        }
    }

    /// A piece of a blob.
    pub(crate) fn chunk(&mut self, key: &str, chunk: u8, data: &[u8]) -> &mut Self {
        self.item(1, BLOB_DATA, chunk, key, &described(data), data)
    }

    /// The index of a blob.
    pub(crate) fn index(&mut self, key: &str, start: u8, count: u8, length: usize) -> &mut Self {
        let mut data = u32::try_from(length).unwrap().to_le_bytes().to_vec();
        data.extend([count, start]);
        self.item(1, BLOB_INDEX, 0xff, key, &data, &[])
    }

    pub(crate) fn item(
        &mut self,
        namespace: u8,
        kind: u8,
        chunk: u8,
        key: &str,
        short: &[u8],
        data: &[u8],
    ) -> &mut Self {
        let span = 1 + data.len().div_ceil(32);
        let mut slot = [0xff; 32];
        slot[..4].copy_from_slice(&[namespace, kind, u8::try_from(span).unwrap(), chunk]);
        // The key is filled up with NULs. All other unused bytes stay 0xff, as erased flash is.
        slot[8..24].fill(0);
        slot[8..8 + key.len()].copy_from_slice(key.as_bytes());
        slot[24..24 + short.len()].copy_from_slice(short);
        // Over the entry without the four octets of the checksum itself.
        let sum = crc(&[&slot[..4], &slot[8..]].concat());
        slot[4..8].copy_from_slice(&sum.to_le_bytes());
        assert!(self.next + span <= ENTRIES, "the page is full");
        let at = 64 + self.next * 32;
        self.bytes[at..at + 32].copy_from_slice(&slot);
        self.bytes[at + 32..at + 32 + data.len()].copy_from_slice(data);
        for entry in self.next..self.next + span {
            self.state(entry, 0b10);
        }
        self.next += span;
        self
    }

    /// Sets the two bits of an entry's state.
    pub(crate) fn state(&mut self, entry: usize, state: u8) -> &mut Self {
        // Two bits for each entry, so that four states share an octet.
        let shift = entry % 4 * 2;
        let byte = &mut self.bytes[32 + entry / 4];
        *byte = *byte & !(3 << shift) | state << shift;
        self
    }

    /// The number of the next entry.
    pub(crate) fn next(&self) -> usize {
        self.next
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.bytes.clone()
    }
}

/// A partition with one page for the record, and blank ones behind it.
pub(crate) fn image(record: &Record) -> Vec<u8> {
    let mut page = Page::with_namespace(ACTIVE, 0);
    for entry in record.entries().iter() {
        page.entry(&entry);
    }
    partition(&[page.bytes()])
}

/// These pages, and two blank ones.
pub(crate) fn partition(pages: &[Vec<u8>]) -> Vec<u8> {
    let mut image = pages.concat();
    image.resize(image.len() + 2 * 4096, 0xff);
    image
}

/// A small record with a token.
pub(crate) fn parts() -> Parts {
    Parts {
        device_name: "pump-1".to_owned(),
        wifi_ssid: "workshop".to_owned(),
        wifi_password: "correct horse".into(),
        host: "tb.example".to_owned(),
        port: 8883,
        ca_chain: pem("CERTIFICATE", 'A'),
        login: Login::Token("A1b2C3d4E5".into()),
        skip_host_name_check: false,
        ntp_server: "pool.ntp.org".to_owned(),
        enrolment: None,
    }
}

/// The same with a certificate.
pub(crate) fn parts_with_certificate() -> Parts {
    let login = Login::Certificate { chain: pem("CERTIFICATE", 'B'), key: pem("PRIVATE KEY", 'C').into() };
    Parts { login, ..parts() }
}

/// The frame of a PEM text, which is all that the record looks at.
pub(crate) fn pem(label: &str, fill: char) -> String {
    let body: String = std::iter::repeat_n(fill, 64).collect();
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

fn described(data: &[u8]) -> [u8; 8] {
    let mut short = [0xff; 8];
    short[..2].copy_from_slice(&u16::try_from(data.len()).unwrap().to_le_bytes());
    short[4..].copy_from_slice(&crc(data).to_le_bytes());
    short
}

/// By the definition, a bit at a time, apart from the reader's.
pub(crate) fn crc(bytes: &[u8]) -> u32 {
    let mut register = 0u32;
    for bit in bytes.iter().flat_map(|byte| (0..8).map(move |bit| u32::from(byte >> bit & 1))) {
        register = if (register ^ bit) & 1 == 1 { register >> 1 ^ 0xedb8_8320 } else { register >> 1 };
    }
    !register
}
