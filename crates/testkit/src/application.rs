//! Small programs for tests: ELF files with what every application has, and a little of everything else.

/// Where a chip loads a program: the ELF machine, then the first addresses of code and data in the flash and of
/// instructions and data in the RAM.
struct Layout {
    chip: &'static str,
    machine: u16,
    flash: [u32; 2],
    ram: [u32; 2],
}

/// ELF's number for Xtensa.
const XTENSA: u16 = 94;
/// ELF's number for RISC-V.
const RISC_V: u16 = 243;

const LAYOUTS: [Layout; 6] = [
    layout("esp32", XTENSA, [0x400D_0000, 0x3F40_0000], [0x4007_0000, 0x3FFA_E000]),
    layout("esp32s3", XTENSA, [0x4200_0000, 0x3C00_0000], [0x4037_0000, 0x3FC8_8000]),
    layout("esp32c2", RISC_V, [0x4200_0000, 0x3C00_0000], [0x4037_C000, 0x3FCA_0000]),
    layout("esp32c3", RISC_V, [0x4200_0000, 0x3C00_0000], [0x4037_C000, 0x3FC8_0000]),
    layout("esp32c6", RISC_V, [0x4200_0000, 0x4200_0000], [0x4080_0000, 0x4080_0000]),
    layout("esp32h2", RISC_V, [0x4200_0000, 0x4200_0000], [0x4080_0000, 0x4080_0000]),
];

const fn layout(chip: &'static str, machine: u16, flash: [u32; 2], ram: [u32; 2]) -> Layout {
    Layout { chip, machine, flash, ram }
}

/// A program that does nothing, where a chip would load it.
pub struct Sample {
    layout: &'static Layout,
    /// True if it has ESP-IDF's description.
    pub has_description: bool,
    /// The read-only data, after the description.
    pub rodata: Vec<u8>,
    /// The number of bytes of code in the flash.
    pub code: usize,
}

impl Sample {
    /// A program for a chip, by name: `esp32c3`.
    pub fn new(chip: &str) -> Self {
        let layout = LAYOUTS.iter().find(|layout| layout.chip == chip);
        let layout = layout.unwrap_or_else(|| panic!("there is no sample for {chip}"));
        Self { layout, has_description: true, rodata: b"read-only".to_vec(), code: 3000 }
    }

    /// As a linker would write it.
    pub fn elf(&self) -> Vec<u8> {
        let Layout { machine, flash: [code, data], ram: [iram, dram], .. } = *self.layout;
        let mut description = vec![0; 256];
        // The magic word and the offsets are those of `esp_app_desc_t` in ESP-IDF.
        description[..4].copy_from_slice(&0xABCD_5432_u32.to_le_bytes());
        description[16..22].copy_from_slice(b"v1.2.3");
        description[48..54].copy_from_slice(b"sample");
        // One window for both means that code follows behind the data.
        let code_at = code + if code == data { 0x10000 } else { 0 };
        // Some way into the memory, as behind the vectors and the cache.
        let ram_at = iram + 0x4000;
        let mut sections: Vec<(&str, u32, u32, Vec<u8>)> = Vec::new();
        if self.has_description {
            sections.push((".flash.appdesc", 2, data + 0x20, description));
        }
        // Flash addresses keep 0x20 for the image's headers, because flash is mapped in whole pages of 64 KiB.
        sections.push((".rodata", 2, data + 0x120, self.rodata.clone()));
        sections.push((".text", 6, code_at + 0x10020, vec![0x13; self.code]));
        sections.push((".rwtext", 6, ram_at, vec![0x37; 200]));
        sections.push((".data", 3, if iram == dram { ram_at + 0x1000 } else { dram }, b"initialised".to_vec()));
        write(machine, ram_at, &sections)
    }
}

fn write(machine: u16, entry: u32, sections: &[(&str, u32, u32, Vec<u8>)]) -> Vec<u8> {
    let mut names = vec![0];
    // The first entry of a section table is empty (ELF, SHN_UNDEF), and so is the first name.
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
    // The sizes of the ELF header, of program headers, of which there are none, and of section headers. The last
    // section has the names.
    header.extend([52, 32, 0, 40, count, count - 1].iter().flat_map(|half: &u16| half.to_le_bytes()));
    bytes[..52].copy_from_slice(&header);
    bytes
}

/// Another bootloader than this one, as another build makes it: a byte of its first segment differs, and checksum and hash fit.
/// `sha256` computes the hash.
pub fn other_bootloader(bootloader: &[u8], sha256: impl Fn(&[u8]) -> [u8; 32]) -> Vec<u8> {
    /// The first byte after the header of the image and that of the segment.
    const FIRST: usize = 24 + 8;
    let mut other = bootloader.to_vec();
    let end = other.len() - 32;
    other[FIRST] ^= 1;
    other[end - 1] ^= 1;
    let hash = sha256(&other[..end]);
    other[end..].copy_from_slice(&hash);
    other
}
