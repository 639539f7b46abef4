//! Flash images: bootloader, partition table, application and credentials, as single files and merged.

mod description;
mod parts;

pub use description::{Manifest, flash_args, flasher_args, manifest};
pub use parts::{
    APPLICATION, BOOTLOADER, CREDENTIALS, FLASH, Image, NVS_KEYS, PARTITION_TABLE, Part,
    SECURE_CERT as SECURE_CERT_FILE,
};

use base::{Code, Error, Result};
use config::FlashSize;
use espflash::flasher::{FlashData, FlashMode, FlashSettings, FlashSize as EspSize};
use espflash::image_format::idf::IdfBootloaderFormat;
use espflash::target::{Chip as EspChip, XtalFrequency};

use crate::application::Application;
use crate::chip::{Chip, Crystal, PARTITION_TABLE_OFFSET};
use crate::partition::{Partition, Table};

/// The board of a fleet.
#[derive(Debug, Clone)]
pub struct Board {
    /// The chip.
    pub chip: Chip,
    /// The crystal.
    pub crystal: Crystal,
    /// The flash size.
    pub flash_size: FlashSize,
    /// The partition table.
    pub table: Table,
}

/// The parts of an image that all devices of a fleet share.
#[derive(Debug)]
pub struct Firmware {
    board: Board,
    bootloader: Vec<u8>,
    table: Vec<u8>,
    application: Vec<u8>,
    /// The offset of the application in the flash, in bytes.
    application_offset: u32,
}

impl Firmware {
    /// Prepares bootloader, table and application.
    ///
    /// # Errors
    /// [`Code::ImageTooLarge`] with the sizes, [`Code::PartitionTable`] for a table without a partition for the application or
    /// the credentials, [`Code::ApplicationUnreadable`] if espflash cannot convert the application.
    pub fn new(application: &Application, board: Board) -> Result<Self> {
        board.chip.check_flash_size(&board.flash_size)?;
        board.table.check_fits(board.flash_size.bytes())?;
        let place = board.app()?.clone();
        board.credentials()?;
        let (bootloader, made) = compose(application, &board)?;
        let application = application.image().map_or(made, <[u8]>::to_vec);
        if application.len() as u64 > u64::from(place.size) {
            return Err(Code::ImageTooLarge
                .error(format!(
                    "the application has {} bytes, and the partition {} has {}",
                    application.len(),
                    place.name,
                    place.size
                ))
                .fix("give it a larger partition (--partitions), or a larger flash (--flash-size)"));
        }
        let room = PARTITION_TABLE_OFFSET - board.chip.facts().bootloader_offset;
        if bootloader.len() as u64 > u64::from(room) {
            return Err(Code::ImageTooLarge
                .error(format!("the bootloader has {} bytes, and {room} are free for it", bootloader.len())));
        }
        Ok(Self { table: board.table.to_binary(), bootloader, application, application_offset: place.offset, board })
    }

    /// The board.
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// The application image.
    pub fn application(&self) -> &[u8] {
        &self.application
    }
}

impl Board {
    fn app(&self) -> Result<&Partition> {
        self.table.app().ok_or_else(|| no_place("an application", "app, factory"))
    }

    /// The partition for the credentials.
    ///
    /// # Errors
    /// [`Code::PartitionTable`] if there is none.
    pub fn credentials(&self) -> Result<&Partition> {
        self.table.credentials().ok_or_else(|| no_place("the credentials", "data, nvs"))
    }
}

fn no_place(what: &str, kind: &str) -> Error {
    Code::PartitionTable
        .error(format!("the partition table has no place for {what}"))
        .fix(format!("add a partition of the type {kind}"))
}

/// Bootloader and application from espflash.
fn compose(application: &Application, board: &Board) -> Result<(Vec<u8>, Vec<u8>)> {
    let settings = FlashSettings::new(Some(FlashMode::Dio), Some(esp_size(&board.flash_size)?), None);
    let data = FlashData::new(settings, 0, None, esp_chip(board.chip), esp_crystal(board.crystal));
    let elf = application.elf(board.chip);
    // Its own table is not used: ours is checked already, and where the application lies does not change it.
    let image = IdfBootloaderFormat::new(&elf, &data, None, None, None, None).map_err(|error| refused(&error))?;
    let mut segments = image.flash_segments();
    let mut next = || segments.next().map(|segment| segment.data.into_owned());
    match (next(), next(), next()) {
        (Some(bootloader), Some(_), Some(application)) => Ok((bootloader, application)),
        _ => Err(Code::Internal.error("espflash made an image without a bootloader or an application")),
    }
}

fn refused(error: &espflash::Error) -> Error {
    match error {
        espflash::Error::ElfTooBig(has, room) => Code::ImageTooLarge
            .error(format!("the application has {has} bytes, and {room} are free for it in this flash"))
            .fix("name the flash that the board has with --flash-size, or build a smaller application"),
        _ => Code::ApplicationUnreadable.error("no image can be made of this application").because(error),
    }
}

pub(crate) fn esp_chip(chip: Chip) -> EspChip {
    match chip {
        Chip::Esp32 => EspChip::Esp32,
        Chip::Esp32S3 => EspChip::Esp32s3,
        Chip::Esp32C2 => EspChip::Esp32c2,
        Chip::Esp32C3 => EspChip::Esp32c3,
        Chip::Esp32C6 => EspChip::Esp32c6,
        Chip::Esp32H2 => EspChip::Esp32h2,
    }
}

fn esp_crystal(crystal: Crystal) -> XtalFrequency {
    match crystal {
        Crystal::Mhz26 => XtalFrequency::_26Mhz,
        Crystal::Mhz32 => XtalFrequency::_32Mhz,
        Crystal::Mhz40 => XtalFrequency::_40Mhz,
    }
}

fn esp_size(size: &FlashSize) -> Result<EspSize> {
    size.to_string().parse().map_err(|_| Code::ChipOption.error(format!("images cannot be made for a flash of {size}")))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::application::check_image;
    use crate::partition::Extras;
    use testkit::application::Sample;

    pub(crate) fn board(chip: Chip) -> Board {
        let flash_size: FlashSize = "4MB".parse().unwrap();
        let table = Table::standard(flash_size.bytes(), Extras::default()).unwrap();
        Board { chip, crystal: chip.crystal(None).unwrap(), flash_size, table }
    }

    /// The application image that becomes of an ELF file.
    pub(crate) fn composed(elf: Vec<u8>, chip: Chip) -> Vec<u8> {
        let application = Application::read(elf, chip).unwrap();
        Firmware::new(&application, board(chip)).unwrap().application
    }

    #[test]
    fn every_chip_gets_a_whole_bootloader_and_a_whole_application() {
        for chip in Chip::ALL {
            for crystal in chip.facts().crystals {
                let application = Application::read(Sample::new(chip.name()).elf(), chip).unwrap();
                let firmware = Firmware::new(&application, Board { crystal: *crystal, ..board(chip) }).unwrap();
                check_image(&firmware.bootloader, chip).unwrap();
                check_image(&firmware.application, chip).unwrap();
                // The same from the image that another build made of it.
                let image = Application::read(firmware.application.clone(), chip).unwrap();
                let again = Firmware::new(&image, Board { crystal: *crystal, ..board(chip) }).unwrap();
                assert_eq!(again.application, firmware.application);
                assert_eq!(again.bootloader, firmware.bootloader);
            }
        }
    }

    #[test]
    fn the_two_crystals_have_two_bootloaders() {
        for chip in [Chip::Esp32, Chip::Esp32C2] {
            let application = Application::read(Sample::new(chip.name()).elf(), chip).unwrap();
            let [one, other] = [Crystal::Mhz40, Crystal::Mhz26]
                .map(|crystal| Firmware::new(&application, Board { crystal, ..board(chip) }).unwrap().bootloader);
            assert_ne!(one, other);
        }
    }

    #[test]
    fn the_table_of_chips_is_espflashs() {
        for chip in Chip::ALL {
            let facts = chip.facts();
            let theirs = esp_chip(chip);
            assert_eq!(theirs.id(), facts.image_id);
            assert_eq!(theirs.boot_address(), facts.bootloader_offset);
            assert_eq!(theirs.default_flash_frequency().to_string().trim_start_matches('_'), {
                let mhz = facts.flash_frequency.trim_end_matches('m');
                format!("{mhz}Mhz")
            });
            for range in &facts.flash_map {
                assert!(theirs.addr_is_flash(range.start) && theirs.addr_is_flash(range.end - 1), "{chip} {range:x?}");
            }
            for range in facts.ram_map.iter().filter(|range| !range.is_empty()) {
                assert!(
                    !theirs.addr_is_flash(range.start) && !theirs.addr_is_flash(range.end - 1),
                    "{chip} {range:x?}"
                );
            }
        }
    }

    #[test]
    fn what_is_too_large_is_told_with_the_numbers() {
        let mut sample = Sample::new(Chip::Esp32C3.name());
        sample.code = 1_200_000;
        let application = Application::read(sample.elf(), Chip::Esp32C3).unwrap();
        let table = Table::from_csv("nvs,data,nvs,,24K\nfactory,app,factory,0x10000,1M\n").unwrap();
        let error = Firmware::new(&application, Board { table, ..board(Chip::Esp32C3) }).unwrap_err();
        assert_eq!(error.code(), Code::ImageTooLarge);
        assert!(error.to_string().contains("the partition factory has 1048576"), "{error}");

        let small = Board { flash_size: "1MB".parse().unwrap(), ..board(Chip::Esp32C2) };
        sample = Sample::new(Chip::Esp32C2.name());
        sample.code = 1_200_000;
        let application = Application::read(sample.elf(), Chip::Esp32C2).unwrap();
        let table = Table::standard(1 << 20, Extras::default()).unwrap();
        let error = Firmware::new(&application, Board { table, ..small }).unwrap_err();
        assert_eq!(error.code(), Code::ImageTooLarge);
        assert!(error.to_string().contains("983040 are free"), "{error}");
    }

    #[test]
    fn a_table_has_a_place_for_both() {
        let application = Application::read(Sample::new(Chip::Esp32C3.name()).elf(), Chip::Esp32C3).unwrap();
        for csv in ["nvs,data,nvs,,24K\n", "factory,app,factory,,1M\n"] {
            let table = Table::from_csv(csv).unwrap();
            let error = Firmware::new(&application, Board { table, ..board(Chip::Esp32C3) }).unwrap_err();
            assert_eq!(error.code(), Code::PartitionTable);
        }
    }
}
