//! The parser of ESP-IDF's partition CSV.
//!
//! Written by hand because the format is not CSV in the sense of RFC 4180: it has comments, padding and no quotes.

use base::{Code, Error, Result};

use super::{APP_ALIGNMENT, FIRST, Flags, Partition, PartitionType, SECTOR, Subtype, Table};

impl Table {
    /// Parses a table in ESP-IDF's CSV: name, type, subtype, offset, size and flags. An empty offset is the next aligned
    /// one, sizes may end in K or M, and `#` begins a comment.
    ///
    /// # Errors
    /// [`Code::PartitionTable`] with the line, and those of [`Table::new`].
    pub fn from_csv(text: &str) -> Result<Self> {
        let mut partitions = Vec::new();
        let mut next = u64::from(FIRST);
        for (index, line) in text.strip_prefix('\u{FEFF}').unwrap_or(text).lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            let partition = row(line, next).map_err(|error| error.position(index + 1, 1))?;
            next = partition.end();
            partitions.push(partition);
        }
        if partitions.is_empty() {
            return Err(Code::PartitionTable.error("the partition table is empty"));
        }
        Self::new(partitions)
    }
}

fn row(line: &str, next: u64) -> Result<Partition> {
    let mut fields = line.split(',').map(str::trim);
    let mut field = || fields.next().unwrap_or_default();
    let (name, kind, subtype, offset, size, flags) = (field(), field(), field(), field(), field(), field());
    if fields.any(|field| !field.is_empty()) {
        return Err(wrong("the line has more than six fields".to_owned()));
    }
    let kind = self::kind(kind)?;
    Ok(Partition {
        name: name.to_owned(),
        kind,
        subtype: self::subtype(kind, subtype)?,
        offset: self::offset(kind, offset, next)?,
        size: match size {
            "" => return Err(wrong("the size is missing".to_owned())),
            size => number(size).ok_or_else(|| {
                wrong(format!("{size:?} is no size")).fix("write bytes, or K or M, such as 0x6000 or 24K")
            })?,
        },
        flags: self::flags(flags)?,
    })
}

fn kind(word: &str) -> Result<PartitionType> {
    let folded = word.to_ascii_lowercase();
    let listed = PartitionType::WORDS.iter().find(|(name, _)| *name == folded).map(|(_, number)| *number);
    listed.or_else(|| byte(&folded)).map(PartitionType).ok_or_else(|| {
        wrong(format!("there is no partition type {word:?}")).fix("use app, data, or a number up to 254")
    })
}

fn subtype(kind: PartitionType, word: &str) -> Result<Subtype> {
    let folded = word.to_ascii_lowercase();
    match folded.as_str() {
        "" if kind != PartitionType::APP => Ok(Subtype::UNDEFINED),
        folded => Subtype::with_word(kind, folded).or_else(|| byte(folded).map(Subtype)).ok_or_else(|| {
            wrong(format!("there is no subtype {word:?} of {kind}")).fix(format!("use {}", Subtype::words(kind)))
        }),
    }
}

fn offset(kind: PartitionType, text: &str, next: u64) -> Result<u32> {
    if text.is_empty() {
        let alignment = if kind == PartitionType::APP { APP_ALIGNMENT } else { SECTOR };
        return u32::try_from(next.next_multiple_of(alignment.into()))
            .map_err(|_| wrong("the partition would begin behind 4 GiB".to_owned()));
    }
    number(text).ok_or_else(|| wrong(format!("{text:?} is no offset")).fix("write bytes, such as 0x9000, or nothing"))
}

fn flags(text: &str) -> Result<Flags> {
    text.split(':').map(str::trim).filter(|word| !word.is_empty()).try_fold(Flags::NONE, |flags, word| {
        Flags::with_word(&word.to_ascii_lowercase()).map(|flag| flags.with(flag)).ok_or_else(|| {
            wrong(format!("there is no flag {word:?}")).fix("use encrypted, readonly or both with a colon")
        })
    })
}

/// A number in bytes, decimal or hexadecimal with the prefix 0x, or with the suffix K or M.
fn number(text: &str) -> Option<u32> {
    let folded = text.to_ascii_lowercase();
    let (digits, unit) = match (folded.strip_suffix('k'), folded.strip_suffix('m')) {
        (Some(digits), _) => (digits, 1 << 10),
        (None, Some(digits)) => (digits, 1 << 20),
        (None, None) => (folded.as_str(), 1),
    };
    plain(digits)?.checked_mul(unit)
}

fn byte(text: &str) -> Option<u8> {
    plain(text).and_then(|number| u8::try_from(number).ok()).filter(|number| *number < 0xFF)
}

fn plain(digits: &str) -> Option<u32> {
    // `from_str_radix` also accepts a sign, which the format does not allow.
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match digits.strip_prefix("0x") {
        Some(hex) if is_plain => u32::from_str_radix(hex, 16).ok(),
        None if is_plain => digits.parse().ok(),
        _ => None,
    }
}

fn wrong(what: String) -> Error {
    Code::PartitionTable.error(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_filled_in_and_units_multiplied() {
        let table = Table::from_csv(
            "\u{FEFF}# Name, Type, SubType, Offset, Size, Flags\r\n\
             nvs,      data, nvs,     ,        24K,\r\n\
             otadata,  data, ota,     ,        0x2000, # which one runs\r\n\
             keys,     data, nvs_keys,,        4k, encrypted\r\n\
             ota_0,    app,  ota_0,   ,        1M,\r\n\
             ota_15,   app,  ota_15,  ,        0x100000\r\n\
             mine,     0x40, 7,       ,        4096, encrypted:readonly\r\n",
        )
        .unwrap();
        let seen: Vec<_> =
            table.partitions().iter().map(|p| (p.offset, p.size, p.kind.0, p.subtype.0, p.flags.0)).collect();
        assert_eq!(
            seen,
            [
                (0x9000, 0x6000, 1, 2, 0),
                (0xF000, 0x2000, 1, 0, 0),
                (0x11000, 0x1000, 1, 4, 1),
                (0x20000, 0x10_0000, 0, 0x10, 0),
                (0x12_0000, 0x10_0000, 0, 0x1F, 0),
                (0x22_0000, 0x1000, 0x40, 7, 3),
            ]
        );
    }

    #[test]
    fn what_is_not_understood_is_told_with_its_line() {
        for (row, words) in [
            ("a,dat,nvs,,4K", "no partition type \"dat\""),
            ("a,255,0,,4K", "no partition type \"255\""),
            ("a,data,nvs2,,4K", "no subtype \"nvs2\" of data"),
            ("a,app,,,1M", "no subtype \"\" of app"),
            ("a,app,ota_16,,1M", "no subtype \"ota_16\""),
            ("a,data,nvs,9z,4K", "\"9z\" is no offset"),
            ("a,data,nvs,,", "the size is missing"),
            ("a,data,nvs,,-4K", "\"-4k\" is no size"),
            ("a,data,nvs,,8192M", "is no size"),
            ("a,data,nvs,,24K,secret", "no flag \"secret\""),
            ("a,data,nvs,,24K,,,x", "more than six fields"),
        ] {
            let error = Table::from_csv(&format!("# first line\n{row}\n")).unwrap_err();
            assert_eq!(error.code(), Code::PartitionTable);
            assert_eq!(error.finding().location.line, Some(2), "{row}");
            assert!(error.finding().what.to_ascii_lowercase().contains(words), "{error}");
        }
        assert_eq!(Table::from_csv("# nothing\n").unwrap_err().code(), Code::PartitionTable);
    }
}
