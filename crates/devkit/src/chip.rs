//! The table of chips. Code, messages and documentation follow from it.

use std::fmt;
use std::ops::{Range, RangeInclusive};
use std::str::FromStr;

use base::{Code, Error, Result};
use config::FlashSize;

/// A chip of Espressif that the firmware supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Chip {
    /// ESP32: two Xtensa LX6 cores.
    Esp32,
    /// ESP32-S3: two Xtensa LX7 cores.
    Esp32S3,
    /// ESP32-C2 (ESP8684): one RISC-V core, little memory.
    Esp32C2,
    /// ESP32-C3: one RISC-V core.
    Esp32C3,
    /// ESP32-C6: one RISC-V core, Wi-Fi 6.
    Esp32C6,
    /// ESP32-H2: one RISC-V core, without Wi-Fi.
    Esp32H2,
}

/// The instruction set of a chip, as ELF headers name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Architecture {
    /// Xtensa with windowed registers (`EM_XTENSA`, 94).
    Xtensa,
    /// RISC-V, 32 bits (`EM_RISCV`, 243).
    RiscV,
}

/// The compiler for a chip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Toolchain {
    /// Stable Rust with the target added.
    Stable,
    /// Espressif's fork (`cargo +esp`), or the upstream compiler that `cargo xtask setup-xtensa` prepares.
    Esp,
}

/// The crystal of a board. Chips that support two need two bootloaders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Crystal {
    /// 26 MHz.
    Mhz26,
    /// 32 MHz.
    Mhz32,
    /// 40 MHz.
    Mhz40,
}

/// The properties of a chip.
#[derive(Debug)]
pub struct ChipFacts {
    /// The name in directories, JSON and Espressif's tools: `esp32s3`.
    pub name: &'static str,
    /// The name for people: `ESP32-S3`.
    pub label: &'static str,
    /// The instruction set.
    pub architecture: Architecture,
    /// The rustc target of the firmware.
    pub target: &'static str,
    /// The compiler of the firmware.
    pub toolchain: Toolchain,
    /// The flash offset in bytes at which the ROM expects the second-stage bootloader.
    pub bootloader_offset: u32,
    /// The supported crystals, the usual one first.
    pub crystals: &'static [Crystal],
    /// The flash sizes of the available modules, in MiB.
    pub flash_sizes_mib: &'static [u32],
    /// True if the chip has Wi-Fi.
    pub has_wifi: bool,
    /// The number in image headers (`esp_chip_id_t`).
    pub image_id: u16,
    /// The flash frequency that every board supports, in esptool's notation.
    pub flash_frequency: &'static str,
    /// The flash mode that every board supports, in esptool's notation.
    pub flash_mode: &'static str,
    /// The address ranges of the flash: instructions, then data.
    pub flash_map: [Range<u32>; 2],
    /// The sizes of the pages in which the flash is mapped, as binary logarithms of bytes; the last one is the usual one.
    pub page_bits: RangeInclusive<u8>,
    /// The address ranges of the RAM: instructions, data, RTC memory, and RTC memory at its other address.
    pub ram_map: [Range<u32>; 4],
}

/// A chip of Espressif that tbpki does not support, from the header or the metadata of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignChip {
    label: String,
}

/// The unsupported chips: the number in image headers (`esp_chip_id_t`), the name in Espressif's tools, and the name for
/// people.
const FOREIGN: [(u16, &str, &str); 7] = [
    (2, "esp32s2", "ESP32-S2"),
    (18, "esp32p4", "ESP32-P4"),
    (20, "esp32c61", "ESP32-C61"),
    (23, "esp32c5", "ESP32-C5"),
    (25, "esp32h21", "ESP32-H21"),
    (28, "esp32h4", "ESP32-H4"),
    (32, "esp32s31", "ESP32-S31"),
];

impl ForeignChip {
    /// The chip with this number in image headers.
    pub fn with_image_id(id: u16) -> Self {
        let known = FOREIGN.iter().find(|(number, _, _)| *number == id);
        Self {
            label: known.map_or_else(|| format!("the chip with the number {id}"), |(_, _, label)| (*label).to_owned()),
        }
    }

    /// The chip with this name in Espressif's tools; none for supported chips and unknown names.
    pub fn with_name(name: &str) -> Option<Self> {
        let known = FOREIGN.iter().find(|(_, other, _)| *other == name);
        known.map(|(_, _, label)| Self { label: (*label).to_owned() })
    }

    /// The error of a program or a board with this chip.
    pub fn unsupported(self) -> Error {
        let names: Vec<&str> = Chip::ALL.iter().map(|chip| chip.name()).collect();
        Code::ChipUnsupported
            .error(format!("tbpki has no support for {}", self.label))
            .fix(format!("use a board with one of {}", names.join(", ")))
    }
}

static FACTS: [(Chip, ChipFacts); 6] = [
    (
        Chip::Esp32,
        ChipFacts {
            name: "esp32",
            label: "ESP32",
            architecture: Architecture::Xtensa,
            target: "xtensa-esp32-none-elf",
            toolchain: Toolchain::Esp,
            bootloader_offset: 0x1000,
            crystals: &[Crystal::Mhz40, Crystal::Mhz26],
            flash_sizes_mib: &[1, 2, 4, 8, 16],
            has_wifi: true,
            image_id: 0,
            flash_frequency: "40m",
            flash_mode: "dio",
            flash_map: [0x400D_0000..0x4040_0000, 0x3F40_0000..0x3F80_0000],
            page_bits: 16..=16,
            ram_map: [
                0x4007_0000..0x400C_2000,
                0x3FFA_E000..0x4000_0000,
                0x5000_0000..0x5000_2000,
                0x3FF8_0000..0x3FF8_2000,
            ],
        },
    ),
    (
        Chip::Esp32S3,
        ChipFacts {
            name: "esp32s3",
            label: "ESP32-S3",
            architecture: Architecture::Xtensa,
            target: "xtensa-esp32s3-none-elf",
            toolchain: Toolchain::Esp,
            bootloader_offset: 0,
            crystals: &[Crystal::Mhz40],
            flash_sizes_mib: &[4, 8, 16, 32],
            has_wifi: true,
            image_id: 9,
            flash_frequency: "40m",
            flash_mode: "dio",
            flash_map: [0x4200_0000..0x4400_0000, 0x3C00_0000..0x3E00_0000],
            page_bits: 16..=16,
            ram_map: [
                0x4037_0000..0x403E_0000,
                0x3FC8_8000..0x3FD0_0000,
                0x5000_0000..0x5000_2000,
                0x600F_E000..0x6010_0000,
            ],
        },
    ),
    (
        Chip::Esp32C2,
        ChipFacts {
            name: "esp32c2",
            label: "ESP32-C2",
            architecture: Architecture::RiscV,
            target: "riscv32imc-unknown-none-elf",
            toolchain: Toolchain::Stable,
            bootloader_offset: 0,
            crystals: &[Crystal::Mhz40, Crystal::Mhz26],
            flash_sizes_mib: &[1, 2, 4, 8, 16],
            has_wifi: true,
            image_id: 12,
            // The C2 derives this clock from 60 MHz and has no 40 MHz.
            flash_frequency: "30m",
            flash_mode: "dio",
            flash_map: [0x4200_0000..0x4240_0000, 0x3C00_0000..0x3C40_0000],
            page_bits: 14..=16,
            // The C2 has no RTC memory.
            ram_map: [0x4037_C000..0x403C_0000, 0x3FCA_0000..0x3FCE_0000, 0..0, 0..0],
        },
    ),
    (
        Chip::Esp32C3,
        ChipFacts {
            name: "esp32c3",
            label: "ESP32-C3",
            architecture: Architecture::RiscV,
            target: "riscv32imc-unknown-none-elf",
            toolchain: Toolchain::Stable,
            bootloader_offset: 0,
            crystals: &[Crystal::Mhz40],
            flash_sizes_mib: &[2, 4, 8, 16],
            has_wifi: true,
            image_id: 5,
            flash_frequency: "40m",
            flash_mode: "dio",
            flash_map: [0x4200_0000..0x4280_0000, 0x3C00_0000..0x3C80_0000],
            page_bits: 16..=16,
            ram_map: [0x4037_C000..0x403E_0000, 0x3FC8_0000..0x3FCE_0000, 0x5000_0000..0x5000_2000, 0..0],
        },
    ),
    (
        Chip::Esp32C6,
        ChipFacts {
            name: "esp32c6",
            label: "ESP32-C6",
            architecture: Architecture::RiscV,
            target: "riscv32imac-unknown-none-elf",
            toolchain: Toolchain::Stable,
            bootloader_offset: 0,
            crystals: &[Crystal::Mhz40],
            flash_sizes_mib: &[2, 4, 8, 16],
            has_wifi: true,
            image_id: 13,
            flash_frequency: "40m",
            flash_mode: "dio",
            // The C6 and the H2 map instructions and data to the same addresses.
            flash_map: [0x4200_0000..0x4300_0000, 0x4200_0000..0x4300_0000],
            page_bits: 13..=16,
            ram_map: [0x4080_0000..0x4088_0000, 0x4080_0000..0x4088_0000, 0x5000_0000..0x5000_4000, 0..0],
        },
    ),
    (
        Chip::Esp32H2,
        ChipFacts {
            name: "esp32h2",
            label: "ESP32-H2",
            architecture: Architecture::RiscV,
            target: "riscv32imac-unknown-none-elf",
            toolchain: Toolchain::Stable,
            bootloader_offset: 0,
            crystals: &[Crystal::Mhz32],
            flash_sizes_mib: &[2, 4, 8, 16],
            has_wifi: false,
            image_id: 16,
            // The H2 has 48, 24, 16 and 12 MHz.
            flash_frequency: "24m",
            flash_mode: "dio",
            flash_map: [0x4200_0000..0x4300_0000, 0x4200_0000..0x4300_0000],
            page_bits: 13..=16,
            ram_map: [0x4080_0000..0x4085_0000, 0x4080_0000..0x4085_0000, 0x5000_0000..0x5000_1000, 0..0],
        },
    ),
];

impl Chip {
    /// Every chip.
    pub const ALL: [Self; 6] = [Self::Esp32, Self::Esp32S3, Self::Esp32C2, Self::Esp32C3, Self::Esp32C6, Self::Esp32H2];

    /// The properties of the chip.
    pub fn facts(self) -> &'static ChipFacts {
        // A list pattern and no index: the compiler counts the rows.
        let [esp32, s3, c2, c3, c6, h2] = &FACTS;
        &match self {
            Self::Esp32 => esp32,
            Self::Esp32S3 => s3,
            Self::Esp32C2 => c2,
            Self::Esp32C3 => c3,
            Self::Esp32C6 => c6,
            Self::Esp32H2 => h2,
        }
        .1
    }

    /// The name in directories, JSON and Espressif's tools, for example `esp32s3`.
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// The chip with this number in image headers.
    pub fn with_image_id(id: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|chip| chip.facts().image_id == id)
    }

    /// Checks that modules with this flash size exist.
    ///
    /// # Errors
    /// [`Code::ChipOption`], which lists the existing sizes.
    pub fn check_flash_size(self, size: &FlashSize) -> Result<()> {
        let sizes = self.facts().flash_sizes_mib;
        // MiB, as esptool counts; its words have MB.
        if sizes.iter().any(|mib| mib << 20 == size.bytes()) {
            return Ok(());
        }
        let words: Vec<String> = sizes.iter().map(|mib| format!("{mib}MB")).collect();
        Err(Code::ChipOption
            .error(format!("no {self} module has {size} of flash"))
            .fix(format!("use one of {} (--flash-size)", words.join(", "))))
    }

    /// The requested crystal, or the usual one.
    ///
    /// # Errors
    /// [`Code::ChipOption`] if boards with this chip have no such crystal.
    pub fn crystal(self, asked: Option<Crystal>) -> Result<Crystal> {
        let crystals = self.facts().crystals;
        match asked {
            None => crystals
                .first()
                .copied()
                .ok_or_else(|| Code::Internal.error(format!("the table of chips has no crystal for the {self}"))),
            Some(crystal) if crystals.contains(&crystal) => Ok(crystal),
            Some(crystal) => {
                let words: Vec<String> = crystals.iter().map(ToString::to_string).collect();
                Err(Code::ChipOption
                    .error(format!("boards with the {self} have no {crystal} crystal"))
                    .argument("--crystal")
                    .fix(format!("omit --crystal: the {self} uses {}", words.join(" or "))))
            }
        }
    }
}

impl fmt::Display for Chip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.facts().label)
    }
}

impl FromStr for Chip {
    type Err = Error;

    /// Reads a name of [`config::CHIPS`], in any case.
    fn from_str(text: &str) -> Result<Self> {
        let name: config::Chip = text.parse()?;
        let named = Self::ALL.into_iter().find(|chip| chip.name() == name.as_str());
        named.ok_or_else(|| Code::Internal.error(format!("the table of chips has no {name}")))
    }
}

/// The text for a chip revision that is 100 times the major and once the minor number, for example `v3.0`.
pub fn revision_text(revision: u16) -> String {
    format!("v{}.{}", revision / 100, revision % 100)
}

impl Crystal {
    /// The frequency in MHz.
    pub const fn mhz(self) -> u32 {
        match self {
            Self::Mhz26 => 26,
            Self::Mhz32 => 32,
            Self::Mhz40 => 40,
        }
    }
}

impl fmt::Display for Crystal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} MHz", self.mhz())
    }
}

impl FromStr for Crystal {
    type Err = Error;

    /// Parses a frequency in MHz.
    fn from_str(text: &str) -> Result<Self> {
        [Self::Mhz26, Self::Mhz32, Self::Mhz40]
            .into_iter()
            .find(|crystal| crystal.mhz().to_string() == text.trim())
            .ok_or_else(|| Code::ChipOption.error(format!("unknown crystal frequency {text:?}")).fix("use 26 or 40"))
    }
}

impl Architecture {
    /// The name for messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Xtensa => "Xtensa",
            Self::RiscV => "RISC-V",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_chips() {
        for (chip, (of, facts)) in Chip::ALL.into_iter().zip(&FACTS) {
            assert_eq!(chip, *of);
            assert_eq!(chip.facts().name, facts.name);
            assert_eq!(Chip::with_image_id(facts.image_id), Some(chip));
        }
    }

    #[test]
    fn every_name_is_read_in_any_case_and_names_one_chip() {
        for (chip, (name, others)) in Chip::ALL.into_iter().zip(config::CHIPS) {
            for name in others.iter().chain([&name, &chip.facts().label]) {
                assert_eq!(name.parse::<Chip>().unwrap(), chip, "{name}");
                assert_eq!(name.to_uppercase().parse::<Chip>().unwrap(), chip, "{name}");
            }
        }
        let error = "esp8266".parse::<Chip>().unwrap_err();
        assert_eq!(error.code(), Code::UnknownChip);
        assert!(error.finding().fix.as_ref().unwrap().contains("esp32c3"), "{error:?}");
    }

    #[test]
    fn the_configuration_takes_every_flash_size() {
        for chip in Chip::ALL {
            let facts = chip.facts();
            for mib in facts.flash_sizes_mib {
                let size: FlashSize = format!("{mib}MB").parse().unwrap();
                assert_eq!(size.bytes(), mib << 20);
                chip.check_flash_size(&size).unwrap();
            }
            let error = chip.check_flash_size(&"128MB".parse().unwrap()).unwrap_err();
            assert_eq!(error.code(), Code::ChipOption);
        }
    }

    #[test]
    fn a_crystal_that_no_board_has_is_refused() {
        assert_eq!(Chip::Esp32C2.crystal("26".parse().ok()).unwrap(), Crystal::Mhz26);
        assert_eq!(Chip::Esp32C2.crystal(None).unwrap(), Crystal::Mhz40);
        assert_eq!(Chip::Esp32C3.crystal(Some(Crystal::Mhz26)).unwrap_err().code(), Code::ChipOption);
        assert_eq!("20".parse::<Crystal>().unwrap_err().code(), Code::ChipOption);
    }
}
