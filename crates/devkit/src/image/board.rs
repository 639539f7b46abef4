//! The board of a fleet: its chip, its flash, and the places in it.

use base::{Code, Error, Result};
use config::FlashSize;

use super::bootloader::{self, OwnBootloader};
use crate::chip::{Chip, Crystal};
use crate::nvs;
use crate::partition::{Flags, Partition, PartitionTable, PartitionType};

/// The end of the flash that the functions of the chips' ROM can write: their addresses have 24 bits.
const MAX_WRITABLE: u32 = 0x100_0000;

/// The board of a fleet.
#[derive(Debug, Clone)]
pub struct Board {
    /// The chip that the application was built for.
    pub chip: Chip,
    /// The frequency of the crystal of the board.
    pub crystal: Crystal,
    /// The size of the flash memory, which the header of an image states.
    pub flash_size: FlashSize,
    /// The partition table.
    pub table: PartitionTable,
    /// The bootloader of the project, instead of the one of espflash.
    pub bootloader: Option<OwnBootloader>,
    /// The name of the application's partition; `None` for the one that the bootloader starts.
    pub app_partition: Option<String>,
}

impl Board {
    /// The partition for the application.
    ///
    /// # Errors
    /// [`Code::PartitionTable`] if there is none, or none with the name that was asked for.
    pub fn app(&self) -> Result<&Partition> {
        match &self.app_partition {
            Some(name) => self.table.app_named(name),
            None => self.table.app().ok_or_else(|| {
                let error = no_place("an application", "app, factory");
                match self.table.app_names().as_slice() {
                    [] => error,
                    names => error
                        .because(format!(
                            "the bootloader starts none of its application partitions ({})",
                            names.join(", ")
                        ))
                        .fix(
                            "add a partition of the type app, factory or app, ota_0, or name one with --app-partition",
                        ),
                }
            }),
        }
    }

    /// Fails if only the bootloader of the project can start with the partition table.
    ///
    /// # Errors
    /// [`Code::Bootloader`].
    pub fn check_bootloader(&self) -> Result<()> {
        match &self.bootloader {
            Some(_) => Ok(()),
            None => bootloader::check_needed(self.table.start(), self.table.is_signed().then_some("partition table")),
        }
    }

    /// The partition for the identity slots.
    ///
    /// # Errors
    /// [`Code::PartitionTable`] if there is none, or if the ROM of the chips cannot write it.
    pub fn identity_slots(&self) -> Result<&Partition> {
        let size = device::slots::PARTITION;
        let place = self.table.identity_slots().ok_or_else(|| {
            Code::PartitionTable
                .error(format!("the partition table has no partition of {size} bytes for the identity slots"))
                .fix("add the line `identity, data, undefined, , 64K`, or leave --partitions out: the table of ours has it")
        })?;
        if place.end() > u64::from(MAX_WRITABLE) || place.flags != Flags::NONE {
            return Err(Code::PartitionTable
                .error(format!("the identity slots in the partition {} cannot be written by a device", place.name))
                .because("they must end within the first 16 MB of the flash, and have neither of the flags encrypted and readonly")
                .fix("move the partition, and remove its flags"));
        }
        Ok(place)
    }

    /// The partition for Espressif's esp_secure_cert.
    ///
    /// # Errors
    /// [`Code::PartitionTable`] if there is none, or it has another type than Espressif's library searches for.
    pub fn secure_cert(&self) -> Result<&Partition> {
        const LINE: &str = "esp_secure_cert, 0x3F, , 0xD000, 0x2000, encrypted";
        let place = self.table.secure_cert().ok_or_else(|| {
            Code::PartitionTable
                .error("the partition table has no place for esp_secure_cert")
                .fix(format!("write `nvs, data, nvs, 0x9000, 0x4000`, and after it the line `{LINE}`"))
        })?;
        match place.kind == PartitionType::SECURE_CERT {
            true => Ok(place),
            false => Err(Code::PartitionTable
                .error("the partition esp_secure_cert has another type than 0x3F")
                .because("Espressif's library searches for this type, and other libraries would use the partition, too")
                .fix(format!("write the line `{LINE}`"))),
        }
    }

    /// Fails if our firmware does not reach the credentials, or its own application: it reads the flash with the functions
    /// of the chips' ROM.
    ///
    /// # Errors
    /// [`Code::PartitionTable`].
    pub fn check_reachable(&self) -> Result<()> {
        for place in [self.app()?, self.credentials()?] {
            if place.end() > u64::from(MAX_WRITABLE) {
                return Err(Code::PartitionTable
                    .error(format!("our application does not reach the partition {}", place.name))
                    .because(format!(
                        "it ends at {:#x}, and the functions of the chip's ROM reach the first 16 MB of the flash",
                        place.end()
                    ))
                    .fix("move the partition, or name the application of the project with --app"));
            }
        }
        Ok(())
    }

    /// The partition for the credentials.
    ///
    /// # Errors
    /// [`Code::PartitionTable`] if there is none, or it has a size that devices cannot read.
    pub fn credentials(&self) -> Result<&Partition> {
        let place = self.table.credentials().ok_or_else(|| no_place("the credentials", "data, nvs"))?;
        let (most, page) = (device::nvs::MAX_PARTITION, device::nvs::PAGE);
        // The reader of the firmware has these limits.
        if place.size > most || !place.size.is_multiple_of(page) || (place.size as usize) < nvs::MIN_SIZE {
            let least = nvs::MIN_SIZE;
            return Err(Code::PartitionTable
                .error(format!("the partition {} for the credentials has {:#x} bytes", place.name, place.size))
                .because(format!(
                    "NVS partitions with credentials have {least:#x} to {most:#x} bytes, in pages of {page:#x}"
                ))
                .fix("give it another size (--partitions); 0x6000 is enough for certificates with EC keys"));
        }
        Ok(place)
    }
}

fn no_place(what: &str, kind: &str) -> Error {
    Code::PartitionTable
        .error(format!("the partition table has no place for {what}"))
        .fix(format!("add a partition of the type {kind}"))
}
