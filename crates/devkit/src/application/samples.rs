//! Small programs for tests: ELF files with what every application has, and a little of everything else.

use crate::chip::{Architecture, Chip};

/// A program that does nothing, where a chip would load it.
pub(crate) struct Sample {
    chip: Chip,
    /// Whether it has ESP-IDF's description.
    pub(crate) has_description: bool,
    /// Its read-only data, behind the description.
    pub(crate) rodata: Vec<u8>,
    /// How many bytes of code it has in the flash.
    pub(crate) code: usize,
}

impl Sample {
    pub(crate) fn new(chip: Chip) -> Self {
        Self { chip, has_description: true, rodata: b"read-only".to_vec(), code: 3000 }
    }

    /// As a linker would write it.
    pub(crate) fn elf(&self) -> Vec<u8> {
        let facts = self.chip.facts();
        let [code_map, data_map] = &facts.flash_map;
        let [iram, dram, _] = &facts.ram_map;
        let mut description = vec![0; 256];
        description[..4].copy_from_slice(&0xABCD_5432_u32.to_le_bytes());
        description[16..22].copy_from_slice(b"v1.2.3");
        description[48..54].copy_from_slice(b"sample");
        // One window for both means that code follows behind the data.
        let code_at = code_map.start + if code_map == data_map { 0x10000 } else { 0 };
        let ram_at = iram.start + 0x4000;
        let mut sections: Vec<(&str, u32, u32, Vec<u8>)> = Vec::new();
        if self.has_description {
            sections.push((".flash.appdesc", 2, data_map.start + 0x20, description));
        }
        sections.push((".rodata", 2, data_map.start + 0x120, self.rodata.clone()));
        sections.push((".text", 6, code_at + 0x10020, vec![0x13; self.code]));
        sections.push((".rwtext", 6, ram_at, vec![0x37; 200]));
        sections.push((".data", 3, if iram == dram { ram_at + 0x1000 } else { dram.start }, b"initialised".to_vec()));
        write(self.chip, ram_at, &sections)
    }
}

fn write(chip: Chip, entry: u32, sections: &[(&str, u32, u32, Vec<u8>)]) -> Vec<u8> {
    let machine: u16 = match chip.facts().architecture {
        Architecture::Xtensa => 94,
        Architecture::RiscV => 243,
    };
    let mut names = vec![0];
    let mut table = vec![[0_u32; 10]];
    let mut bytes = vec![0; 52];
    let named = |names: &mut Vec<u8>, name: &str| {
        let at = names.len() as u32;
        names.extend(name.as_bytes());
        names.push(0);
        at
    };
    for (name, flags, address, data) in sections {
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        let name = named(&mut names, name);
        table.push([name, 1, *flags, *address, bytes.len() as u32, data.len() as u32, 0, 0, 4, 0]);
        bytes.extend(data);
    }
    let name = named(&mut names, ".shstrtab");
    table.push([name, 3, 0, 0, bytes.len() as u32, names.len() as u32, 0, 0, 1, 0]);
    bytes.extend(names);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    let at = bytes.len() as u32;
    bytes.extend(table.iter().flatten().flat_map(|word| word.to_le_bytes()));

    let mut header = b"\x7FELF\x01\x01\x01".to_vec();
    header.resize(16, 0);
    header.extend([2, machine].iter().flat_map(|half| half.to_le_bytes()));
    header.extend([1, entry, 0, at, 0].iter().flat_map(|word: &u32| word.to_le_bytes()));
    let count = table.len() as u16;
    header.extend([52, 32, 0, 40, count, count - 1].iter().flat_map(|half: &u16| half.to_le_bytes()));
    bytes[..52].copy_from_slice(&header);
    bytes
}
