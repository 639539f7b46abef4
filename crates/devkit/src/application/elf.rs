//! ELF files: whether one is a program for a chip.

use base::{Code, Error, Result};
use espflash::image_format::Metadata;
use object::elf::{EM_RISCV, EM_XTENSA, PT_LOAD, SHT_INIT_ARRAY, SHT_PROGBITS};
use object::read::elf::{ElfFile32, FileHeader as _, ProgramHeader as _, SectionHeader as _};
use object::{LittleEndian, Object as _, ObjectSection as _};

use super::app_image::{DESCRIPTION, DESCRIPTION_MAGIC};
use crate::chip::{Architecture, Chip, ForeignChip};

/// The section with ESP-IDF's description of the application (`esp_app_desc_t`).
const DESCRIPTION_SECTION: &str = ".flash.appdesc";

/// The most of RAM and flash that one section can have: more than any chip.
const LARGEST_SECTION: u64 = 64 << 20;

/// Checks that an ELF file is a program for `chip`: by what its metadata say, else by its architecture and by where it
/// is to be loaded.
pub(super) fn check(bytes: &[u8], chip: Chip) -> Result<()> {
    let elf: ElfFile32<'_, LittleEndian> =
        ElfFile32::parse(bytes).map_err(|error| unreadable("this ELF file cannot be read").caused_by(error))?;
    // What is built with esp-hal names its chip.
    if let Some(name) = Metadata::from_bytes(Some(bytes)).chip_name()
        && name != chip.name()
    {
        let foreign = ForeignChip::with_name(name);
        let other = || wrong_chip(chip, format!("its metadata name the {name}"));
        return Err(foreign.map_or_else(other, ForeignChip::unsupported));
    }
    let machine = elf.elf_header().e_machine(LittleEndian);
    let architecture = match machine {
        EM_XTENSA => Architecture::Xtensa,
        EM_RISCV => Architecture::RiscV,
        _ => return Err(wrong_chip(chip, format!("it is for the machine {machine:?} of the ELF registry"))),
    };
    if architecture != chip.facts().architecture {
        let what = format!("it is for {}, and the chip is {}", architecture.name(), chip.facts().architecture.name());
        return Err(wrong_chip(chip, what));
    }
    let loaded = loaded(&elf)?;
    if let Some((name, start, _)) = loaded.iter().find(|(_, start, end)| !is_mapped(chip, *start, *end)) {
        let others: Vec<String> = Chip::ALL
            .into_iter()
            .filter(|other| other.facts().architecture == architecture)
            .filter(|other| loaded.iter().all(|(_, start, end)| is_mapped(*other, *start, *end)))
            .map(|other| other.to_string())
            .collect();
        let mut why = format!("its section {name} is loaded at {start:#x}, where this chip has no memory");
        if !others.is_empty() {
            why.push_str(&format!("; it fits the {}", others.join(" or the ")));
        }
        return Err(wrong_chip(chip, why));
    }
    check_overlaps(loaded)?;
    check_description(&elf)
}

/// An ELF file for `chip` without a program in it.
pub(super) fn empty(chip: Chip) -> Vec<u8> {
    let machine: u16 = match chip.facts().architecture {
        Architecture::Xtensa => 94,
        Architecture::RiscV => 243,
    };
    let mut bytes = Vec::with_capacity(52);
    bytes.extend(b"\x7FELF\x01\x01\x01");
    bytes.extend([0; 9]);
    // An executable, the machine, version 1; then entry, both tables and the flags: nothing of it is there.
    [2, machine].iter().for_each(|half| bytes.extend(half.to_le_bytes()));
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend([0; 16]);
    [52_u16, 32, 0, 40, 0, 0].iter().for_each(|half| bytes.extend(half.to_le_bytes()));
    bytes
}

/// The sections that become part of the image, each with the addresses from which and up to which it is loaded.
fn loaded(elf: &ElfFile32<'_, LittleEndian>) -> Result<Vec<(String, u64, u64)>> {
    let overflows = |header: &object::elf::ProgramHeader32<LittleEndian>| {
        let end = |start: u32| start.checked_add(header.p_memsz(LittleEndian));
        end(header.p_vaddr(LittleEndian)).is_none() || end(header.p_paddr(LittleEndian)).is_none()
    };
    let headers = elf.elf_program_headers();
    if headers.iter().any(|header| header.p_type(LittleEndian) == PT_LOAD && overflows(header)) {
        return Err(unreadable("a segment of this ELF file reaches over the end of the address space"));
    }
    let mut loaded = Vec::new();
    for section in elf.sections() {
        let header = section.elf_section_header();
        let kind = header.sh_type(LittleEndian);
        // The tests of espflash: only what it puts into the image counts.
        let is_loaded = header.sh_flags(LittleEndian).0 != 0 && (kind == SHT_PROGBITS || kind == SHT_INIT_ARRAY);
        if !is_loaded || section.size() == 0 || section.address() == 0 {
            continue;
        }
        let name = section.name().unwrap_or("without a name").to_owned();
        let data = section.data().map_err(|error| unreadable("a section cannot be read").caused_by(error))?;
        if section.size() > LARGEST_SECTION || data.len() as u64 != section.size() {
            return Err(unreadable(format!("the section {name} does not have its {} bytes", section.size())));
        }
        loaded.push((name, section.address(), section.address() + section.size()));
    }
    if loaded.is_empty() {
        return Err(unreadable("this ELF file holds no program")
            .fix("name what the linker wrote last, not an object file or a file of debug information"));
    }
    Ok(loaded)
}

fn check_overlaps(mut loaded: Vec<(String, u64, u64)>) -> Result<()> {
    loaded.sort_by_key(|(_, start, _)| *start);
    for ((low, _, end), (high, start, _)) in loaded.iter().zip(loaded.iter().skip(1)) {
        if start < end {
            return Err(unreadable(format!("the sections {low} and {high} are loaded to the same place")));
        }
    }
    Ok(())
}

/// Without a description the bootloaders that come with it do not start an application.
fn check_description(elf: &ElfFile32<'_, LittleEndian>) -> Result<()> {
    let section = elf.section_by_name(DESCRIPTION_SECTION).or_else(|| elf.section_by_name(".rodata_desc"));
    match section.map(|section| (section.size(), section.data().unwrap_or_default().starts_with(&DESCRIPTION_MAGIC))) {
        Some((size, true)) if size >= DESCRIPTION as u64 => Ok(()),
        Some(_) => Err(unreadable("the description of the application is damaged")),
        None => Err(unreadable("the application has no description for the bootloader")
            .because(format!("a section {DESCRIPTION_SECTION} was expected"))
            .fix("in esp-hal, add esp_bootloader_esp_idf::esp_app_desc!(); ESP-IDF's build has it by itself")),
    }
}

fn is_mapped(chip: Chip, start: u64, end: u64) -> bool {
    let facts = chip.facts();
    facts
        .flash_map
        .iter()
        .chain(&facts.ram_map)
        .any(|range| u64::from(range.start) <= start && end <= u64::from(range.end))
}

fn wrong_chip(chip: Chip, why: String) -> Error {
    Code::WrongChip
        .error(format!("this application is not for the {chip}"))
        .because(why)
        .fix("name the chip that it was built for with --chip, or build it for this one")
}

fn unreadable(what: impl Into<String>) -> Error {
    Code::ApplicationUnreadable.error(what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::application::Sample;

    #[test]
    fn a_program_is_for_its_own_chip() {
        for chip in Chip::ALL {
            check(&Sample::new(chip.name()).elf(), chip).unwrap();
        }
    }

    #[test]
    fn another_architecture_or_another_map_is_named() {
        let c3 = Sample::new(Chip::Esp32C3.name()).elf();
        for (chip, words) in [
            (Chip::Esp32S3, "it is for RISC-V, and the chip is Xtensa"),
            (Chip::Esp32C6, "where this chip has no memory; it fits the ESP32-C3"),
            (Chip::Esp32C2, "where this chip has no memory; it fits the ESP32-C3"),
        ] {
            let error = check(&c3, chip).unwrap_err();
            assert_eq!(error.code(), Code::WrongChip);
            assert!(error.to_string().contains(words), "{error}");
        }
        let mut foreign = c3.clone();
        // e_machine of x86-64: a program for a computer.
        foreign[18] = 62;
        assert_eq!(check(&foreign, Chip::Esp32C3).unwrap_err().code(), Code::WrongChip);
    }

    #[test]
    fn what_would_not_start_is_refused() {
        let mut sample = Sample::new(Chip::Esp32C3.name());
        sample.has_description = false;
        let error = check(&sample.elf(), Chip::Esp32C3).unwrap_err();
        assert!(error.to_string().contains("no description"), "{error}");
        assert_eq!(check(&empty(Chip::Esp32C3), Chip::Esp32C3).unwrap_err().code(), Code::ApplicationUnreadable);
    }

    #[test]
    fn a_damaged_file_is_an_error_and_never_a_panic() {
        let whole = Sample::new(Chip::Esp32C3.name()).elf();
        for at in 0..whole.len() {
            for value in [0, 0x7F, 0xFF] {
                let mut damaged = whole.clone();
                damaged[at] = value;
                // Either verdict is fine; what passes has to get through espflash as well.
                if check(&damaged, Chip::Esp32C3).is_ok() && at < 0x40 {
                    crate::image::tests::composed(damaged, Chip::Esp32C3);
                }
            }
            drop(check(&whole[..at], Chip::Esp32C3));
        }
    }
}
