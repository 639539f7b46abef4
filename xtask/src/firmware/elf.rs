//! The RAM that a program uses from its start, from the sections of its ELF file.

use crate::error::{Error, Result};

/// `SHF_ALLOC`: the section is there when the program runs.
const ALLOC: u32 = 2;

/// The addresses of flash, and of all else that is not RAM, on the chips: data, and instructions.
const NOT_RAM: &[std::ops::Range<u32>] = &[
    // ESP32.
    0x3f40_0000..0x3f80_0000,
    0x400d_0000..0x4040_0000,
    // All others.
    0x3c00_0000..0x3e00_0000,
    0x4200_0000..0x4400_0000,
];

/// The bytes of all sections in RAM.
///
/// # Errors
/// If the file is no ELF file of 32 bits, little-endian.
pub(super) fn static_ram(elf: &[u8]) -> Result<u64> {
    sum(elf).ok_or_else(|| Error::new("the build is no complete ELF file of 32 bits"))
}

fn sum(elf: &[u8]) -> Option<u64> {
    // Class 1 is 32 bits and data 1 little-endian: all chips are both, and the offsets below are those of Elf32.
    if elf.get(..6)? != b"\x7fELF\x01\x01" {
        return None;
    }
    let (table, size) = (number(elf, 0x20)?, half(elf, 0x2e)?);
    let (count, names) = (half(elf, 0x30)?, half(elf, 0x32)?);
    let section = |index: usize| elf.get(table as usize + index * size..);
    let names = number(section(names)?, 0x10)? as usize;
    let mut bytes = 0;
    for index in 0..count {
        let section = section(index)?;
        let (name, flags) = (number(section, 0)? as usize, number(section, 8)?);
        let (address, length) = (number(section, 0xc)?, number(section, 0x14)?);
        let name = elf.get(names + name..)?.split(|byte| *byte == 0).next()?;
        // The main stack is all RAM that is left, and its use is unknown. The dummies reserve RAM that another bus
        // has at another address.
        let left_over = name == b".stack" || name.ends_with(b"_dummy");
        if flags & ALLOC != 0 && !left_over && !NOT_RAM.iter().any(|range| range.contains(&address)) {
            bytes += u64::from(length);
        }
    }
    Some(bytes)
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_le_bytes)
}

fn half(bytes: &[u8], at: usize) -> Option<usize> {
    bytes.get(at..)?.first_chunk().copied().map(|half| usize::from(u16::from_le_bytes(half)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with nothing but a header, four sections and their names.
    fn sample() -> Vec<u8> {
        let names = b"\0.bss\0.text\0.stack\0.rwdata_dummy\0";
        let sections: [(u32, u32, u32, u32); 5] = [
            (0, 0, 0, 0),
            (1, 3, 0x3fc8_0000, 1_000),
            (6, 6, 0x4200_0020, 500_000),
            (12, 2, 0x3fca_0000, 70_000),
            (19, 2, 0x3fc8_0000, 40_000),
        ];
        let mut elf = vec![0; 0x34];
        elf[..6].copy_from_slice(b"\x7fELF\x01\x01");
        elf[0x20] = 0x34;
        elf[0x2e] = 40;
        elf[0x30] = 6;
        elf[0x32] = 5;
        for (name, flags, address, length) in sections {
            for word in [name, 1, flags, address, 0, length, 0, 0, 0, 0] {
                elf.extend(word.to_le_bytes());
            }
        }
        // The sixth holds the names, which follow it.
        let names_at = 0x34 + 6 * 40;
        for word in [0, 3, 0, 0, names_at, names.len() as u32, 0, 0, 0, 0] {
            elf.extend(word.to_le_bytes());
        }
        elf.extend(names);
        elf
    }

    #[test]
    fn only_what_is_taken_from_ram_counts() {
        assert_eq!(sum(&sample()), Some(1_000));
    }

    #[test]
    fn a_torn_file_is_none() {
        let sample = sample();
        assert!((0..sample.len() - 14).all(|length| sum(&sample[..length]).is_none()));
        assert_eq!(sum(b"#!/bin/sh"), None);
    }
}
