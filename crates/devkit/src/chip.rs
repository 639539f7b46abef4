//! What is known about each chip, once: code, messages and documentation follow from this table.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use base::{Code, Error, Result};
use pki::config::FlashSize;

/// A chip of Espressif's that our firmware is built for.
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

/// Which compiler builds for a chip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Toolchain {
    /// Stable Rust with the target added.
    Stable,
    /// Espressif's fork, `cargo +esp`, or the upstream way that `cargo xtask setup-xtensa` sets up.
    Esp,
}

/// A crystal that boards have beside the chip. Chips with two of them need two bootloaders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Crystal {
    /// 26 MHz.
    Mhz26,
    /// 32 MHz.
    Mhz32,
    /// 40 MHz.
    Mhz40,
}

/// The facts about one chip.
#[derive(Debug)]
pub struct Facts {
    /// The name in directories, JSON and Espressif's tools: `esp32s3`.
    pub name: &'static str,
    /// The name on the label: `ESP32-S3`.
    pub label: &'static str,
    /// Other names that people use.
    pub aliases: &'static [&'static str],
    /// The instruction set.
    pub architecture: Architecture,
    /// The target triple of its Rust firmware.
    pub target: &'static str,
    /// Which compiler builds it.
    pub toolchain: Toolchain,
    /// Where the ROM looks for the second-stage bootloader, in bytes from the beginning of the flash.
    pub bootloader_offset: u32,
    /// The crystals that boards have, the usual one first.
    pub crystals: &'static [Crystal],
    /// The sizes of flash that modules are sold with, in MiB.
    pub flash_sizes_mib: &'static [u32],
    /// Whether it speaks Wi-Fi.
    pub has_wifi: bool,
    /// Its number in image headers (`esp_chip_id_t`).
    pub image_id: u16,
    /// How fast the bootloader reads the flash, in the words of esptool. What every board can do.
    pub flash_frequency: &'static str,
    /// How the bootloader reads the flash, in the words of esptool. What every board can do.
    pub flash_mode: &'static str,
    /// Where flash is mapped into the address space: instructions, then data.
    pub flash_map: [Range<u32>; 2],
    /// Where the internal memory that programs are loaded into is: instructions, then data, then that of the
    /// real-time clock.
    pub ram_map: [Range<u32>; 3],
}

/// Where Espressif's bootloaders look for the partition table, in bytes.
pub const PARTITION_TABLE_OFFSET: u32 = 0x8000;

static FACTS: [(Chip, Facts); 6] = [
    (
        Chip::Esp32,
        Facts {
            name: "esp32",
            label: "ESP32",
            aliases: &["esp-32", "esp32-wroom", "esp32-wrover"],
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
            ram_map: [0x4007_0000..0x400C_2000, 0x3FFA_E000..0x4000_0000, 0x5000_0000..0x5000_2000],
        },
    ),
    (
        Chip::Esp32S3,
        Facts {
            name: "esp32s3",
            label: "ESP32-S3",
            aliases: &["esp32-s3", "s3"],
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
            ram_map: [0x4037_0000..0x403E_0000, 0x3FC8_8000..0x3FD0_0000, 0x5000_0000..0x5000_2000],
        },
    ),
    (
        Chip::Esp32C2,
        Facts {
            name: "esp32c2",
            label: "ESP32-C2",
            aliases: &["esp32-c2", "c2", "esp8684"],
            architecture: Architecture::RiscV,
            target: "riscv32imc-unknown-none-elf",
            toolchain: Toolchain::Stable,
            bootloader_offset: 0,
            crystals: &[Crystal::Mhz40, Crystal::Mhz26],
            flash_sizes_mib: &[1, 2, 4, 8, 16],
            has_wifi: true,
            image_id: 12,
            flash_frequency: "30m",
            flash_mode: "dio",
            flash_map: [0x4200_0000..0x4240_0000, 0x3C00_0000..0x3C40_0000],
            ram_map: [0x4037_C000..0x403C_0000, 0x3FCA_0000..0x3FCE_0000, 0..0],
        },
    ),
    (
        Chip::Esp32C3,
        Facts {
            name: "esp32c3",
            label: "ESP32-C3",
            aliases: &["esp32-c3", "c3", "esp8685"],
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
            ram_map: [0x4037_C000..0x403E_0000, 0x3FC8_0000..0x3FCE_0000, 0x5000_0000..0x5000_2000],
        },
    ),
    (
        Chip::Esp32C6,
        Facts {
            name: "esp32c6",
            label: "ESP32-C6",
            aliases: &["esp32-c6", "c6"],
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
            flash_map: [0x4200_0000..0x4300_0000, 0x4200_0000..0x4300_0000],
            ram_map: [0x4080_0000..0x4088_0000, 0x4080_0000..0x4088_0000, 0x5000_0000..0x5000_4000],
        },
    ),
    (
        Chip::Esp32H2,
        Facts {
            name: "esp32h2",
            label: "ESP32-H2",
            aliases: &["esp32-h2", "h2"],
            architecture: Architecture::RiscV,
            target: "riscv32imac-unknown-none-elf",
            toolchain: Toolchain::Stable,
            bootloader_offset: 0,
            crystals: &[Crystal::Mhz32],
            flash_sizes_mib: &[2, 4, 8, 16],
            has_wifi: false,
            image_id: 16,
            flash_frequency: "24m",
            flash_mode: "dio",
            flash_map: [0x4200_0000..0x4300_0000, 0x4200_0000..0x4300_0000],
            ram_map: [0x4080_0000..0x4085_0000, 0x4080_0000..0x4085_0000, 0x5000_0000..0x5000_1000],
        },
    ),
];

impl Chip {
    /// Every chip.
    pub const ALL: [Self; 6] = [Self::Esp32, Self::Esp32S3, Self::Esp32C2, Self::Esp32C3, Self::Esp32C6, Self::Esp32H2];

    /// What is known about it.
    pub fn facts(self) -> &'static Facts {
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

    /// The name in directories, JSON and Espressif's tools.
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// The chip with this number in image headers.
    pub fn with_image_id(id: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|chip| chip.facts().image_id == id)
    }

    /// Checks that modules of this chip have flash of this size.
    ///
    /// # Errors
    /// [`Code::ChipOption`] with the sizes that there are.
    pub fn check_flash_size(self, size: &FlashSize) -> Result<()> {
        let sizes = self.facts().flash_sizes_mib;
        if sizes.iter().any(|mib| mib << 20 == size.bytes()) {
            return Ok(());
        }
        let words: Vec<String> = sizes.iter().map(|mib| format!("{mib}MB")).collect();
        Err(Code::ChipOption
            .error(format!("the {self} has no flash of {size}"))
            .fix(format!("use one of {} (--flash-size)", words.join(", "))))
    }

    /// The crystal that is meant: the one that was asked for, else the usual one.
    ///
    /// # Errors
    /// [`Code::ChipOption`] where boards with this chip have no such crystal.
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
                    .error(format!("boards with the {self} have no crystal of {crystal}"))
                    .item("--crystal")
                    .fix(format!("leave --crystal out: it is {}", words.join(" or "))))
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

    /// Reads a name or an alias, in any case.
    fn from_str(text: &str) -> Result<Self> {
        let folded = text.trim().to_ascii_lowercase().replace('_', "-");
        Self::ALL
            .into_iter()
            .find(|chip| chip.name() == folded || chip.facts().aliases.contains(&folded.as_str()))
            .ok_or_else(|| {
                let names: Vec<&str> = Self::ALL.into_iter().map(Self::name).collect();
                Code::UnknownChip
                    .error(format!("there is no chip {text:?} here"))
                    .fix(format!("use one of {}", names.join(", ")))
            })
    }
}

impl Crystal {
    /// How often it swings, in MHz.
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

    /// Reads the number of MHz.
    fn from_str(text: &str) -> Result<Self> {
        [Self::Mhz26, Self::Mhz32, Self::Mhz40]
            .into_iter()
            .find(|crystal| crystal.mhz().to_string() == text.trim())
            .ok_or_else(|| Code::ChipOption.error(format!("there is no crystal of {text:?} MHz")).fix("use 26 or 40"))
    }
}

impl Architecture {
    /// The word for it.
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
        for chip in Chip::ALL {
            let facts = chip.facts();
            for name in facts.aliases.iter().chain([&facts.name, &facts.label]) {
                assert_eq!(name.parse::<Chip>().unwrap(), chip, "{name}");
                assert_eq!(name.to_uppercase().parse::<Chip>().unwrap(), chip, "{name}");
            }
        }
        let error = "esp8266".parse::<Chip>().unwrap_err();
        assert_eq!(error.code(), Code::UnknownChip);
        assert!(error.finding().fix.as_ref().unwrap().contains("esp32c3"), "{error:?}");
    }

    #[test]
    fn the_configuration_takes_every_name_and_size() {
        for chip in Chip::ALL {
            let facts = chip.facts();
            for name in facts.aliases.iter().chain([&facts.name, &facts.label]) {
                let read: pki::config::Chip = name.parse().unwrap();
                assert_eq!(read.as_str().parse::<Chip>().unwrap(), chip);
            }
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
