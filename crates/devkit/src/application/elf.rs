//! ELF files: whether one is a program for a chip.

use base::{Code, Error, Result};
use espflash::image_format::Metadata;
use object::elf::{
    EM_386, EM_AARCH64, EM_ARM, EM_AVR, EM_LOONGARCH, EM_MIPS, EM_NONE, EM_PPC, EM_PPC64, EM_RISCV, EM_S390, EM_X86_64,
    EM_XTENSA, Machine, PT_LOAD, SHT_INIT_ARRAY, SHT_PROGBITS,
};
use object::read::elf::{ElfFile32, FileHeader as _, ProgramHeader as _, SectionHeader as _};
use object::{LittleEndian, Object as _, ObjectSection as _};

use super::esp_image::{DESCRIPTION, DESCRIPTION_MAGIC};
use crate::chip::{Architecture, Chip, ForeignChip};

/// The section with ESP-IDF's description of the application (`esp_app_desc_t`).
const DESCRIPTION_SECTION: &str = ".flash.appdesc";

/// The most of RAM and flash that one section can have: more than any chip.
const LARGEST_SECTION: u64 = 64 << 20;

/// Checks that an ELF file is a program for `chip`: by what its metadata say, else by its architecture and by where it
/// is to be loaded.
pub(super) fn check(bytes: &[u8], chip: Chip) -> Result<()> {
    check_header(bytes, chip)?;
    let elf: ElfFile32<'_, LittleEndian> = ElfFile32::parse(bytes).map_err(|error| {
        unreadable("this ELF file cannot be read").fix("copy it again from where it was built").caused_by(error)
    })?;
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
        EM_NONE => return Err(other_machine(chip, "it is for no machine".to_owned())),
        _ => return Err(other_machine(chip, format!("it is for {}", machine_name(machine)))),
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

/// Checks that the file is for a machine of 32 bits with the byte order of the chips, and that it has the tables that its
/// header announces. The parser names neither the other machine nor the missing part.
fn check_header(bytes: &[u8], chip: Chip) -> Result<()> {
    let incomplete =
        |why: &str| unreadable("this ELF file is incomplete").because(why).fix("copy it again from where it was built");
    let (Some(class), Some(order), Some(machine)) = (bytes.get(4), bytes.get(5), bytes.get(18..20)) else {
        return Err(incomplete("it ends within its header"));
    };
    let machine: [u8; 2] = machine.try_into().unwrap_or_default();
    let is_big_endian = *order == 2;
    let machine = Machine(if is_big_endian { u16::from_be_bytes(machine) } else { u16::from_le_bytes(machine) });
    if *class == 2 || is_big_endian {
        let form = match (*class == 2, is_big_endian) {
            (true, false) => "64 bits",
            (true, true) => "64 bits in big-endian order",
            (false, _) => "32 bits in big-endian order",
        };
        return Err(other_machine(chip, format!("it is for {}, with {form}", machine_name(machine))));
    }
    let half = |at: usize| bytes.get(at..at + 2).and_then(|it| it.try_into().ok()).map(u16::from_le_bytes);
    let word = |at: usize| bytes.get(at..at + 4).and_then(|it| it.try_into().ok()).map(u32::from_le_bytes);
    // Offset, size of an entry and number of entries of the program headers and of the section headers.
    for (offset, size, count, what) in [(28, 42, 44, "program headers"), (32, 46, 48, "section headers")] {
        let (Some(offset), Some(size), Some(count)) = (word(offset), half(size), half(count)) else {
            return Err(incomplete("it ends within its header"));
        };
        let end = u64::from(offset) + u64::from(size) * u64::from(count);
        if count > 0 && end > bytes.len() as u64 {
            let has = bytes.len();
            return Err(incomplete(&format!("its {what} end at {end} bytes, and the file has {has}")));
        }
    }
    Ok(())
}

/// The name of a machine. The registry of ELF has hundreds of them.
fn machine_name(machine: Machine) -> String {
    let name = match machine {
        EM_386 => "x86",
        EM_X86_64 => "x86-64",
        EM_ARM => "Arm",
        EM_AARCH64 => "AArch64",
        EM_RISCV => "RISC-V",
        EM_XTENSA => "Xtensa",
        EM_MIPS => "MIPS",
        EM_PPC | EM_PPC64 => "PowerPC",
        EM_S390 => "S/390",
        EM_LOONGARCH => "LoongArch",
        EM_AVR => "AVR",
        other => return format!("the machine {} of the ELF registry", other.0),
    };
    name.to_owned()
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
        return Err(unreadable("a segment of this ELF file reaches over the end of the address space")
            .fix("copy it again from where it was built"));
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
        let data = section.data().map_err(|error| {
            unreadable(format!("the section {name} is not in the file"))
                .fix("copy the file again from where it was built: a part of it is missing")
                .caused_by(error)
        })?;
        if section.size() > LARGEST_SECTION || data.len() as u64 != section.size() {
            return Err(unreadable(format!("the section {name} does not have its {} bytes", section.size()))
                .fix("copy it again from where it was built"));
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
            return Err(unreadable(format!("the sections {low} and {high} are loaded to the same place"))
                .fix("repair the linker script of the program, or copy the file again"));
        }
    }
    Ok(())
}

/// Without a description the bootloaders that come with it do not start an application.
fn check_description(elf: &ElfFile32<'_, LittleEndian>) -> Result<()> {
    let section = elf.section_by_name(DESCRIPTION_SECTION).or_else(|| elf.section_by_name(".rodata_desc"));
    match section.map(|section| (section.size(), section.data().unwrap_or_default().starts_with(&DESCRIPTION_MAGIC))) {
        Some((size, true)) if size >= DESCRIPTION as u64 => Ok(()),
        Some(_) => {
            Err(unreadable("the description of the application is damaged")
                .fix("copy it again from where it was built"))
        }
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

/// The error of a program for a machine that no chip has.
fn other_machine(chip: Chip, why: String) -> Error {
    wrong_chip(chip, why).fix(format!("name the ELF file or the image that was built for the {chip}"))
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
        let error = check(&foreign, Chip::Esp32C3).unwrap_err();
        assert_eq!(error.code(), Code::WrongChip);
        assert!(error.to_string().contains("it is for x86-64"), "{error}");
    }

    /// Headers as `/bin/true` has them.
    #[test]
    fn a_program_for_a_computer_is_named() {
        let header = |class: u8, order: u8, machine: [u8; 2]| {
            let mut bytes = [&b"\x7FELF"[..], &[class, order, 1], &[0; 57]].concat();
            bytes[18..20].copy_from_slice(&machine);
            bytes
        };
        for (bytes, words) in [
            (header(2, 1, [62, 0]), "it is for x86-64, with 64 bits"),
            (header(2, 1, [183, 0]), "it is for AArch64"),
            (header(2, 1, [243, 0]), "it is for RISC-V, with 64 bits"),
            (header(2, 2, [0, 22]), "it is for S/390, with 64 bits in big-endian order"),
            (header(1, 1, [40, 0]), "it is for Arm"),
            (header(1, 1, [3, 0]), "it is for x86"),
            (header(1, 2, [0, 8]), "it is for MIPS, with 32 bits in big-endian order"),
            (header(1, 1, [0xFF, 0xFE]), "the machine 65279 of the ELF registry"),
        ] {
            let error = check(&bytes, Chip::Esp32C6).unwrap_err();
            assert_eq!(error.code(), Code::WrongChip, "{error}");
            assert!(error.to_string().contains("is not for the ESP32-C6"), "{error}");
            assert!(error.to_string().contains(words), "{error}");
            assert!(error.finding().fix.is_some(), "{error:?}");
        }
    }

    #[test]
    fn a_part_of_a_file_is_called_incomplete() {
        let whole = Sample::new(Chip::Esp32C3.name()).elf();
        for length in [4, 6, 19, 20, 51, 52, 60, whole.len() / 2, whole.len() - 1] {
            let error = check(&whole[..length], Chip::Esp32C3).unwrap_err();
            assert_eq!(error.code(), Code::ApplicationUnreadable, "{length}");
            assert!(error.to_string().contains("is incomplete"), "{length}: {error}");
            assert!(error.finding().fix.is_some(), "{error:?}");
        }
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
