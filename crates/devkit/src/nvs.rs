//! NVS partitions of ESP-IDF, format version 2.
//!
//! The output is byte for byte that of Espressif's generator for the same keys and values in the same order. A partition
//! consists of pages of 4,096 bytes: a header, two bits of state for each of 126 entries, and the entries of 32 bytes.
//! Long values occupy several entries, and blobs several pages.
//!
//! Written by hand because Espressif's generator is a Python program that takes seconds for each partition, and a fleet
//! needs one for each device.

mod encryption;
mod kind;
mod layout;
mod writer;

pub use encryption::{KEYS_PARTITION_SIZE, Keys};
pub use layout::{MIN_SIZE, PAGE_SIZE};
pub use writer::Writer;

use base::{Code, Result};
use zeroize::Zeroizing;

/// A value of an NVS key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum NvsValue<'a> {
    /// An unsigned number of 8 bits.
    U8(u8),
    /// An unsigned number of 16 bits.
    U16(u16),
    /// An unsigned number of 32 bits.
    U32(u32),
    /// An unsigned number of 64 bits.
    U64(u64),
    /// A signed number of 8 bits.
    I8(i8),
    /// A signed number of 16 bits.
    I16(i16),
    /// A signed number of 32 bits.
    I32(i32),
    /// A signed number of 64 bits.
    I64(i64),
    /// A text without NUL. The partition stores a final NUL.
    Text(&'a str),
    /// Bytes, which may span several pages.
    Blob(&'a [u8]),
}

impl std::fmt::Debug for NvsValue<'_> {
    /// Shows only the type, because values may be keys and passwords.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => write!(f, "text of {} bytes", text.len()),
            Self::Blob(bytes) => write!(f, "blob of {} bytes", bytes.len()),
            _ => f.write_str("number"),
        }
    }
}

/// A namespace with its keys and values in writing order.
#[derive(Debug, Clone, Copy)]
pub struct NvsNamespace<'a> {
    /// The name, 1 to 15 bytes.
    pub name: &'a str,
    /// The keys, 1 to 15 bytes each, with their values.
    pub entries: &'a [(&'a str, NvsValue<'a>)],
}

/// A partition of `size` bytes, encrypted if keys are given.
///
/// # Errors
/// [`Code::RecordTooLarge`] with the sizes if the data do not fit, [`Code::NvsValue`] for a key or value that the format
/// cannot represent, [`Code::PartitionTable`] for an invalid partition size.
pub fn partition(namespaces: &[NvsNamespace<'_>], size: usize, keys: Option<&Keys>) -> Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(vec![0; size]);
    write_into(namespaces, &mut bytes, keys)?;
    Ok(bytes)
}

/// Writes a partition into `bytes`, which has the size of the partition.
///
/// # Errors
/// As [`partition`].
pub fn write_into(namespaces: &[NvsNamespace<'_>], bytes: &mut [u8], keys: Option<&Keys>) -> Result<()> {
    let size = bytes.len();
    match write_all(namespaces, Writer::new(bytes, keys)?) {
        Err(error) if error.code() == Code::RecordTooLarge => {
            let needed = needed(namespaces)?;
            Err(Code::RecordTooLarge
                .error(format!("the data needs an NVS partition of {needed} bytes, but this one has {size}"))
                .because("one page of 4096 bytes must stay free")
                .fix(format!(
                    "enlarge the partition to at least {needed:#x} bytes in the partition table (--partitions)"
                )))
        }
        result => result,
    }
}

/// The required partition size in bytes.
///
/// # Errors
/// [`Code::NvsValue`] for a key or value that the format cannot represent.
pub fn needed(namespaces: &[NvsNamespace<'_>]) -> Result<usize> {
    let mut size = MIN_SIZE;
    loop {
        let mut bytes = Zeroizing::new(vec![0; size]);
        let mut writer = Writer::new(&mut bytes, None)?;
        match write_namespaces(namespaces, &mut writer) {
            // One page more than is used: NVS moves entries into a free page before it erases one.
            Ok(()) => return Ok((writer.pages_used() * PAGE_SIZE + PAGE_SIZE).max(MIN_SIZE)),
            // By doubling: entries do not divide evenly into pages, so the size is found by writing.
            Err(error) if error.code() == Code::RecordTooLarge && size < layout::MAX_SIZE => size *= 2,
            Err(error) => return Err(error),
        }
    }
}

fn write_all(namespaces: &[NvsNamespace<'_>], mut writer: Writer<'_>) -> Result<()> {
    write_namespaces(namespaces, &mut writer)?;
    writer.finish()
}

fn write_namespaces(namespaces: &[NvsNamespace<'_>], writer: &mut Writer<'_>) -> Result<()> {
    for namespace in namespaces {
        writer.namespace(namespace.name)?;
        for (key, value) in namespace.entries {
            writer.write(key, *value)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sized(size: usize, entries: &[(&str, NvsValue<'_>)]) -> Result<Zeroizing<Vec<u8>>> {
        partition(&[NvsNamespace { name: "tbpki", entries }], size, None)
    }

    #[test]
    fn the_error_of_large_data_has_the_sizes() {
        let long = vec![7; 19_900];
        let error = sized(0x3000, &[("chain", NvsValue::Blob(&long))]).unwrap_err();
        assert_eq!(error.code(), Code::RecordTooLarge);
        // 622 entries of data, one header in each of five pages, the namespace and the index; and a free page.
        assert!(error.to_string().contains("needs an NVS partition of 24576 bytes, but this one has 12288"), "{error}");
        sized(24_576, &[("chain", NvsValue::Blob(&long))]).unwrap();
        assert_eq!(sized(20_480, &[("chain", NvsValue::Blob(&long))]).unwrap_err().code(), Code::RecordTooLarge);
    }

    #[test]
    fn invalid_keys_and_values_are_rejected() {
        // With its NUL a text must fit in 4,000 bytes.
        let long = "x".repeat(4000);
        for (key, value) in [
            ("", NvsValue::U8(1)),
            // A key has 15 characters at most, and a NUL.
            ("sixteen-letters-", NvsValue::U8(1)),
            ("ä", NvsValue::U8(1)),
            ("text", NvsValue::Text(&long)),
            ("text", NvsValue::Text("a\0b")),
        ] {
            assert_eq!(sized(0x6000, &[(key, value)]).unwrap_err().code(), Code::NvsValue, "{key}");
        }
    }

    #[test]
    fn sizes_are_whole_pages_and_three_of_them_at_least() {
        for size in [0, 4096, 8192, 12_289] {
            assert_eq!(sized(size, &[]).unwrap_err().code(), Code::PartitionTable, "{size}");
        }
    }

    #[test]
    fn debug_shows_no_value() {
        assert_eq!(format!("{:?}", NvsValue::Text("hunter2")), "text of 7 bytes");
    }
}
