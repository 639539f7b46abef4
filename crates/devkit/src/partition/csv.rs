//! The parser of ESP-IDF's partition CSV, with the rules of its `gen_esp32part`.
//!
//! Written by hand because the format is not CSV in the sense of RFC 4180: it has comments, padding and no quotes.

use base::text::quote;
use base::{Code, Error, Result};

use super::{Flags, FlashStart, Partition, PartitionTable, PartitionType, Subtype, TABLE_SIZE};

impl PartitionTable {
    /// Parses a table in ESP-IDF's CSV: name, type, subtype, offset, size and flags. An empty offset is the next aligned
    /// one, sizes may end in K or M, a negative size is the offset of the partition's end, and a line that begins with `#` is
    /// a comment.
    ///
    /// # Errors
    /// [`Code::PartitionTable`] with the line, and those of [`PartitionTable::new`].
    pub fn from_csv(text: &str, start: FlashStart) -> Result<Self> {
        let (mut partitions, mut lines) = (Vec::new(), Vec::new());
        let mut end = u64::from(start.first());
        // Editors on Windows add the mark at the beginning.
        let text = text.strip_prefix('\u{FEFF}').unwrap_or(text).replace("\r\n", "\n");
        // A carriage return alone ends a line too, as gen_esp32part reads it.
        for (index, line) in text.split(['\n', '\r']).enumerate() {
            let line = line.trim();
            // Only whole lines are comments: a name can contain `#`.
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let partition = row(line, end, start).map_err(|error| error.position(index + 1, 1))?;
            lines.push(index + 1);
            // The primary ones lie before the first partition.
            if !partition.is_primary() {
                end = partition.end();
            }
            partitions.push(partition);
        }
        if partitions.is_empty() {
            return Err(Code::PartitionTable
                .error("the partition table is empty")
                .fix("name a table with an application and an NVS partition"));
        }
        Self::checked(partitions, start).map_err(|fault| match lines.get(fault.index) {
            Some(line) => fault.error.position(*line, 1),
            None => fault.error,
        })
    }
}

/// The partition of a line, if the partition before it ends at `end`.
fn row(line: &str, end: u64, start: FlashStart) -> Result<Partition> {
    if let Some(variable) = variable(line) {
        return Err(wrong(format!("the line has the variable {}", quote(variable)))
            .because("gen_esp32part puts the value from the environment there, and tbpki reads no variables")
            .fix("write the value"));
    }
    // A value in place of a comment would be named as a wrong flag or size.
    if line.contains(" #") || line.contains("\t#") || line.contains(",#") {
        return Err(wrong("the line has a comment behind its fields".to_owned())
            .because("gen_esp32part takes it for a part of the last field")
            .fix("write the comment in a line of its own, which begins with #"));
    }
    let mut fields = line.split(',').map(str::trim);
    let mut field = || fields.next().unwrap_or_default();
    let (name, kind, subtype, offset, size, flags) = (field(), field(), field(), field(), field(), field());
    // A trailing comma is usual in ESP-IDF's own examples.
    if fields.any(|field| !field.is_empty()) {
        return Err(wrong("the line has more than six fields".to_owned())
            .fix("write name, type, subtype, offset, size and flags, with a colon between two flags"));
    }
    let kind = self::kind(kind)?;
    let subtype = self::subtype(kind, subtype)?;
    let flags = self::flags(flags)?;
    let offset = self::offset(name, kind, subtype, offset, end, start)?;
    let size = self::size(kind, size, offset, start)?;
    Ok(Partition { name: name.to_owned(), kind, subtype, offset, size, flags })
}

/// The first variable of a shell in a line, as Python's `os.path.expandvars` finds them.
fn variable(line: &str) -> Option<&str> {
    let (at, _) = line.match_indices('$').find(|(at, _)| {
        let rest = line.get(at + 1..).unwrap_or_default();
        rest.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '{'))
    })?;
    let rest = line.get(at..)?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '$' | '_' | '{' | '}');
    Some(rest.find(|c| !is_name(c)).map_or(rest, |end| rest.get(..end).unwrap_or(rest)))
}

fn kind(word: &str) -> Result<PartitionType> {
    let folded = word.to_ascii_lowercase();
    let listed = PartitionType::WORDS.iter().find(|(name, _)| *name == folded).map(|(_, number)| *number);
    listed.or_else(|| byte(&folded)).map(PartitionType).ok_or_else(|| {
        wrong(format!("there is no partition type {}", quote(word)))
            .fix("use app, data, bootloader, partition_table, or a number up to 254")
    })
}

fn subtype(kind: PartitionType, word: &str) -> Result<Subtype> {
    let folded = word.to_ascii_lowercase();
    match folded.as_str() {
        // ESP-IDF leaves the subtype of data partitions open, and never that of applications.
        "" if kind != PartitionType::APP => Ok(Subtype::UNDEFINED),
        folded => Subtype::with_word(kind, folded).or_else(|| byte(folded).map(Subtype)).ok_or_else(|| {
            wrong(format!("there is no subtype {} of {kind}", quote(word))).fix(format!("use {}", Subtype::words(kind)))
        }),
    }
}

/// The offset of a partition. The text of primary bootloaders and tables is ignored, because nothing can move them.
fn offset(name: &str, kind: PartitionType, subtype: Subtype, text: &str, end: u64, start: FlashStart) -> Result<u32> {
    // The table cannot choose these offsets: the ROM and the bootloader have them built in.
    match (kind, subtype) {
        (PartitionType::BOOTLOADER, Subtype::PRIMARY) => return Ok(start.bootloader()),
        (PartitionType::PARTITION_TABLE, Subtype::PRIMARY) => return Ok(start.table()),
        (PartitionType::BOOTLOADER, Subtype::RECOVERY) => {
            return Err(wrong("no chip that tbpki supports has a recovery bootloader".to_owned())
                .fix(format!("remove the partition {name}")));
        }
        _ => {}
    }
    if text.is_empty() {
        // The next free offset, rounded up to the alignment of the type.
        return u32::try_from(end.next_multiple_of(kind.alignment().into())).map_err(|_| {
            wrong("the partition would begin behind 4 GiB".to_owned()).fix("shorten the partitions before it")
        });
    }
    let offset = number(text)
        .ok_or_else(|| wrong(format!("{} is no offset", quote(text))).fix("write bytes, such as 0x9000, or nothing"))?;
    // gen_esp32part requires ascending offsets as well.
    if u64::from(offset) < end {
        let error = if end == u64::from(start.first()) {
            super::check::before_first(name, offset, start)
        } else {
            Code::PartitionsOverlap
                .error(format!("the partition {name} begins at {offset:#x}"))
                .because(format!("the partition in the line before it ends at {end:#x}"))
                .fix("order the partitions by offset, and leave the offset empty to take the next free one")
        };
        return Err(error);
    }
    Ok(offset)
}

/// The size of a partition. The text is ignored where the size follows from the type.
fn size(kind: PartitionType, text: &str, offset: u32, start: FlashStart) -> Result<u32> {
    match kind {
        PartitionType::BOOTLOADER => return Ok(start.bootloader_size()),
        PartitionType::PARTITION_TABLE => return Ok(TABLE_SIZE),
        _ => {}
    }
    let is_no_size =
        || wrong(format!("{} is no size", quote(text))).fix("write bytes, or K or M, such as 0x6000 or 24K");
    match text.strip_prefix('-') {
        _ if text.is_empty() => {
            Err(wrong("the size is missing".to_owned()).fix("write bytes, or K or M, such as 0x6000 or 24K"))
        }
        None => number(text).ok_or_else(is_no_size),
        // A negative size is an extension of gen_esp32part: the offset of the end.
        Some(end) => {
            let end = number(end).ok_or_else(is_no_size)?;
            end.checked_sub(offset).ok_or_else(|| {
                wrong(format!("the partition would end at {end:#x}, before it begins at {offset:#x}"))
                    .fix("a negative size is the offset of the partition's end")
            })
        }
    }
}

fn flags(text: &str) -> Result<Flags> {
    text.split(':').map(str::trim).filter(|word| !word.is_empty()).try_fold(Flags::NONE, |flags, word| {
        // In lower case alone, as gen_esp32part compares them.
        Flags::with_word(word).map(|flag| flags.with(flag)).ok_or_else(|| {
            wrong(format!("there is no flag {}", quote(word))).fix("use encrypted, readonly or both with a colon")
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

/// A number as Python's `int(text, 0)` reads it, by which gen_esp32part does: `0x`, `0o` or `0b` in front, a plus sign, and
/// single underscores between digits. A decimal number does not begin with zero.
fn plain(text: &str) -> Option<u32> {
    let folded = text.trim().to_ascii_lowercase();
    let digits = folded.strip_prefix('+').unwrap_or(&folded);
    let prefixes = [("0x", 16), ("0o", 8), ("0b", 2)];
    let found = prefixes.into_iter().find_map(|(prefix, radix)| Some((digits.strip_prefix(prefix)?, radix)));
    // An underscore can also be behind the prefix.
    let (digits, radix) = match found {
        Some((digits, radix)) => (digits.strip_prefix('_').unwrap_or(digits), radix),
        None => (digits, 10),
    };
    let is_zero = digits.bytes().all(|byte| matches!(byte, b'0' | b'_'));
    // `from_str_radix` also accepts a sign, which can only be in front of the whole.
    let is_plain =
        digits.split('_').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let may_begin = radix != 10 || is_zero || !digits.starts_with('0');
    (is_plain && may_begin).then(|| u32::from_str_radix(&digits.replace('_', ""), radix).ok()).flatten()
}

fn wrong(what: String) -> Error {
    Code::PartitionTable.error(what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chip::Chip;

    fn parse(csv: &str, start: FlashStart) -> Result<PartitionTable> {
        PartitionTable::from_csv(csv, start)
    }

    fn seen(table: &PartitionTable) -> Vec<(u32, u32, u8, u8, u32)> {
        table.partitions().iter().map(|p| (p.offset, p.size, p.kind.0, p.subtype.0, p.flags.0)).collect()
    }

    #[test]
    fn offsets_are_filled_in_and_units_multiplied() {
        let table = parse(
            // A byte order mark and CRLF, as Excel saves a CSV.
            "\u{FEFF}# Name, Type, SubType, Offset, Size, Flags\r\n\
             nvs,      data, nvs,     ,        24K,\r\n\
             # which one runs\r\n\
             otadata,  data, ota,     ,        0x2000,\r\n\
             keys,     data, nvs_keys,,        4k, encrypted\r\n\
             ota_0,    app,  ota_0,   ,        1M,\r\n\
             ota_15,   app,  ota_15,  ,        0x100000\r\n\
             mine,     0x40, 7,       ,        4096, encrypted:readonly\r\n",
            FlashStart::of(Chip::Esp32C3),
        )
        .unwrap();
        assert_eq!(
            seen(&table),
            [
                (0x9000, 0x6000, 1, 2, 0),
                (0xF000, 0x2000, 1, 0, 0),
                (0x11000, 0x1000, 1, 4, 1),
                // Applications begin at multiples of 64 KiB, which leaves a gap behind the keys.
                (0x20000, 0x10_0000, 0, 0x10, 0),
                (0x12_0000, 0x10_0000, 0, 0x1F, 0),
                (0x22_0000, 0x1000, 0x40, 7, 3),
            ]
        );
    }

    #[test]
    fn empty_offsets_begin_after_the_table_wherever_it_is() {
        let csv = "nvs,data,nvs,,0x4000\notadata,data,ota,,0x2000\nota_0,app,ota_0,,1M\n";
        let start = FlashStart::with_table(Chip::Esp32S3, 0xD000).unwrap();
        let table = parse(csv, start).unwrap();
        assert_eq!(
            seen(&table),
            [(0xE000, 0x4000, 1, 2, 0), (0x12000, 0x2000, 1, 0, 0), (0x2_0000, 0x10_0000, 0, 0x10, 0)]
        );
        assert_eq!(table.start(), start);
    }

    #[test]
    fn bootloader_and_table_are_where_the_chip_has_them() {
        let csv = "boot,bootloader,primary,N/A,N/A\ntable,partition_table,primary,N/A,N/A\nnvs,data,nvs,,0x6000\n\
                   factory,app,factory,,1M\nboot2,bootloader,ota,,N/A\ntable2,partition_table,ota,,N/A\n";
        assert_eq!(
            seen(&parse(csv, FlashStart::of(Chip::Esp32)).unwrap()),
            [
                // The bootloader of the ESP32 begins at 0x1000, and that of the ESP32-C3 below at 0.
                (0x1000, 0x7000, 2, 0, 0),
                (0x8000, 0x1000, 3, 0, 0),
                (0x9000, 0x6000, 1, 2, 0),
                (0x1_0000, 0x10_0000, 0, 0, 0),
                (0x11_0000, 0x7000, 2, 1, 0),
                (0x11_7000, 0x1000, 3, 1, 0),
            ]
        );
        let start = FlashStart::with_table(Chip::Esp32C3, 0x1_0000).unwrap();
        let moved = seen(&parse(csv, start).unwrap());
        assert_eq!(moved[..3], [(0, 0x1_0000, 2, 0, 0), (0x1_0000, 0x1000, 3, 0, 0), (0x1_1000, 0x6000, 1, 2, 0)]);
    }

    #[test]
    fn data_partitions_have_any_size_and_the_next_one_is_aligned() {
        let csv = "nvs,data,nvs,,24K\nfactory,app,factory,,1M\nzb_fct,data,fat,,1K\nodd,data,spiffs,,100\n\
                   rest,data,fat,,-0x200000\n";
        let table = parse(csv, FlashStart::of(Chip::Esp32C6)).unwrap();
        assert_eq!(
            seen(&table)[2..],
            [(0x11_0000, 0x400, 1, 0x81, 0), (0x11_1000, 100, 1, 0x82, 0), (0x11_2000, 0xE_E000, 1, 0x81, 0)]
        );
    }

    #[test]
    fn numbers_are_read_as_gen_esp32part_reads_them() {
        for (text, value) in [
            ("0x9000", Some(0x9000)),
            ("0X1_0000", Some(0x1_0000)),
            ("0x_9000", Some(0x9000)),
            ("+0x9000", Some(0x9000)),
            ("0o110", Some(0o110)),
            ("0b101", Some(5)),
            ("1_000", Some(1000)),
            ("1 M", Some(1 << 20)),
            ("00", Some(0)),
            ("01M", None),
            ("1__0", None),
            ("_1", None),
            ("1_", None),
            ("0x", None),
            ("0x+1", None),
            ("++1", None),
            ("9z", None),
            ("", None),
        ] {
            assert_eq!(number(text), value, "{text:?}");
        }
        let table = parse("# old Mac\rnvs,data,nvs,,24K\rfactory,app,factory,,1M\r", FlashStart::of(Chip::Esp32C3));
        assert_eq!(table.unwrap().partitions().len(), 2);
    }

    #[test]
    fn an_unreadable_field_is_named_with_its_line() {
        for (row, words) in [
            ("a,dat,nvs,,4K", "no partition type \"dat\""),
            ("a,255,0,,4K", "no partition type \"255\""),
            ("a,data,nvs2,,4K", "no subtype \"nvs2\" of data"),
            ("a,app,,,1M", "no subtype \"\" of app"),
            ("a,app,ota_16,,1M", "no subtype \"ota_16\""),
            ("a,bootloader,main,,", "no subtype \"main\" of bootloader"),
            ("a,bootloader,recovery,0x100000,", "no chip that tbpki supports has a recovery bootloader"),
            ("a,partition_table,recovery,,", "no subtype \"recovery\" of partition_table"),
            ("a,data,nvs,9z,4K", "\"9z\" is no offset"),
            ("a,data,nvs,,", "the size is missing"),
            ("a,data,nvs,,-4z", "\"-4z\" is no size"),
            // A negative size is the offset of the end, as in ESP-IDF.
            ("a,data,nvs,,-4K", "would end at 0x1000, before it begins at 0x9000"),
            // 8 GiB do not fit in 32 bits.
            ("a,data,nvs,,8192M", "is no size"),
            ("a,data,nvs,,24K,secret", "no flag \"secret\""),
            ("a,data,nvs,,24K,Encrypted", "no flag \"encrypted\""),
            ("a,app,ota_015,,1M", "no subtype \"ota_015\""),
            ("a,app,ota_+1,,1M", "no subtype \"ota_+1\""),
            ("a,data,nvs,,24K # comment", "comment behind its fields"),
            ("a,data,nvs,,24K,# comment", "comment behind its fields"),
            ("$HOME,data,nvs,,24K", "the variable \"$home\""),
            ("a,data,nvs,,${SIZE}", "the variable \"${size}\""),
            // What only the whole table shows has its line, too.
            ("a-name-of-17-byte,data,nvs,,24K", "is no name of a partition"),
            ("a,data,nvs,,0", "has 0 bytes"),
            ("a,data,ota,,0x1000", "has 0x1000 bytes"),
            ("a,app,factory,,1000", "has 0x3e8 bytes"),
            ("a,data,nvs,,24K,,,x", "more than six fields"),
            ("a,data,nvs,0x8000,24K", "the partition a begins at 0x8000"),
        ] {
            let error = parse(&format!("# first line\n{row}\n"), FlashStart::of(Chip::Esp32C3)).unwrap_err();
            assert_eq!(error.code(), Code::PartitionTable);
            assert_eq!(error.finding().location.line, Some(2), "{row}");
            assert!(error.finding().what.to_ascii_lowercase().contains(words), "{error}");
        }
        for (rows, line, words) in [
            ("a,data,fat,,4K\na,data,fat,,4K\n", 2, "two partitions are called"),
            ("a,data,ota,,8K\n\nb,data,ota,,8K\n", 3, "both have the type data, ota"),
        ] {
            let error = parse(rows, FlashStart::of(Chip::Esp32C3)).unwrap_err();
            assert!(error.finding().location.line == Some(line) && error.to_string().contains(words), "{error:?}");
        }
        let named = parse("a#b,data,nvs,,24K\nc$,data,fat,,4K\n", FlashStart::of(Chip::Esp32C3)).unwrap();
        assert_eq!(named.partitions()[0].name, "a#b");
        let empty = parse("# nothing\n", FlashStart::of(Chip::Esp32C3)).unwrap_err();
        assert_eq!(empty.code(), Code::PartitionTable);
    }

    #[test]
    fn lines_are_in_the_order_of_their_offsets() {
        let csv = "nvs,data,nvs,0x9000,24K\nlate,data,fat,0x200000,4K\nfactory,app,factory,0x10000,1M\n";
        let error = parse(csv, FlashStart::of(Chip::Esp32C3)).unwrap_err();
        assert_eq!((error.code(), error.finding().location.line), (Code::PartitionsOverlap, Some(3)));
        assert!(error.to_string().contains("ends at 0x201000"), "{error}");
    }
}
