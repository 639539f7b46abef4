//! Flash images: bootloader, partition table, application and credentials, as single files and merged.

mod board;
mod bootloader;
mod description;
mod device_key;
mod ota_data;
mod parts;

pub use board::Board;
pub use bootloader::{BOOTLOADER_FILE_LIMIT, OwnBootloader};
pub use description::{Manifest, flash_args, flasher_args, manifest};
pub use parts::{
    APPLICATION, BOOTLOADER, CREDENTIALS, FLASH, Image, NVS_KEYS, OTA_DATA, PARTITION_TABLE, Part,
    SECURE_CERT as SECURE_CERT_FILE,
};

use std::sync::OnceLock;

use base::{Code, Error, Result};
use config::FlashSize;
use espflash::flasher::{FlashData, FlashMode, FlashSettings, FlashSize as EspSize};
use espflash::image_format::idf::IdfBootloaderFormat;
use espflash::target::{Chip as EspChip, XtalFrequency};

use device_key::KeySearch;

use crate::application::secrets::{self, FoundSecret};
use crate::application::{Application, esp_image};
use crate::chip::{Chip, Crystal, revision_text};
use crate::partition::Partition;

/// The parts of an image that all devices of a fleet share.
#[derive(Debug)]
pub struct Firmware {
    board: Board,
    bootloader: Vec<u8>,
    table: Vec<u8>,
    application: Vec<u8>,
    /// The offset of the application in the flash, in bytes.
    application_offset: u32,
    /// The offset and the bytes of the record of the application to start, which selects the one of the image; none if the
    /// table has no such partition, or if no record selects the partition of the application.
    ota_data: Option<(u32, Vec<u8>)>,
    /// The index in which the keys of devices are looked up, made for the first of them.
    windows: OnceLock<[KeySearch; 2]>,
}

impl Firmware {
    /// Prepares bootloader, table and application.
    ///
    /// # Errors
    /// [`Code::ImageTooLarge`] with the sizes, [`Code::PartitionTable`] for a table without a partition for the application or
    /// the credentials, [`Code::ApplicationUnreadable`] if espflash cannot convert the application,
    /// [`Code::ApplicationHoldsKey`], [`Code::Bootloader`] if only the project's own bootloader can start the image.
    pub fn new(application: &Application, board: Board) -> Result<Self> {
        board.chip.check_flash_size(&board.flash_size)?;
        board.table.check_fits(board.flash_size.bytes())?;
        let place = board.app()?.clone();
        // Checked with the rest of the table, although the credentials are written later and for each device.
        board.credentials()?;
        let (espflashs, made) = compose(application, &board)?;
        // An application that came as an image is taken byte by byte: it may be signed.
        let application_bytes = application.image().map_or(made, <[u8]>::to_vec);
        if application_bytes.len() as u64 > u64::from(place.size) {
            return Err(Code::ImageTooLarge
                .error(format!(
                    "the application has {} bytes, and the partition {} has {}",
                    application_bytes.len(),
                    place.name,
                    place.size
                ))
                .fix("give it a larger partition (--partitions), or a larger flash (--flash-size)"));
        }
        check_public("application", &application_bytes)?;
        let start = board.table.start();
        let bootloader = match &board.bootloader {
            Some(own) => {
                if own.is_ours(&espflashs) {
                    let is_signed = esp_image::is_signed(own.bytes(), board.chip);
                    let needs_signature = application.is_signed(board.chip) && !is_signed;
                    bootloader::check_needed(start, needs_signature.then_some("application"))?;
                }
                own.check_knows(&board.table)?;
                own.bytes().to_vec()
            }
            None => {
                board.check_bootloader()?;
                bootloader::check_needed(start, application.is_signed(board.chip).then_some("application"))?;
                espflashs
            }
        };
        bootloader::check_size(&bootloader, start)?;
        check_revisions(&bootloader, &application_bytes)?;
        let table = board.table.to_binary();
        Ok(Self {
            ota_data: ota_data::record(&board.table, &place),
            table,
            bootloader,
            application: application_bytes,
            application_offset: place.offset,
            board,
            windows: OnceLock::new(),
        })
    }

    /// Checks that the parts for all devices do not contain the private key of one of them, given as PKCS#8 in PEM: neither
    /// its secret number nor the base64 or the hexadecimal digits of it.
    ///
    /// # Errors
    /// [`Code::ApplicationHoldsKey`] with the name of the device.
    pub fn check_without_key(&self, device: &str, key: &str) -> Result<()> {
        let parts = [("application", &self.application), ("bootloader", &self.bootloader)];
        let windows = self.windows.get_or_init(|| parts.map(|(_, bytes)| KeySearch::new(bytes)));
        let Some(secret) = device_key::secret(key) else { return Ok(()) };
        match parts.iter().zip(windows).find(|((_, bytes), search)| search.find(bytes, &secret)) {
            None => Ok(()),
            Some(((what, _), _)) => Err(holds_key(what, "the private key of a device").item(device)),
        }
    }

    /// The board that the image is for.
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// The application image.
    pub fn application(&self) -> &[u8] {
        &self.application
    }

    /// True if the project's own bootloader has a signature of secure boot, and the application has none.
    pub fn lacks_signature(&self) -> bool {
        let chip = self.board.chip;
        let is_signed = |bytes: &[u8]| esp_image::is_signed(bytes, chip);
        self.board.bootloader.as_ref().is_some_and(|own| is_signed(own.bytes())) && !is_signed(&self.application)
    }

    /// The minimum chip revision of bootloader and application, as 100 times the major and once the minor number; 0 if
    /// they run on every revision.
    pub fn min_revision(&self) -> u16 {
        esp_image::min_revision(&self.application).max(esp_image::min_revision(&self.bootloader))
    }

    /// The maximum chip revision of the application, as [`max_revision`].
    pub fn max_revision(&self) -> Option<u16> {
        max_revision(&self.application)
    }

    /// True if a board starts the application without further steps: it is in the partition that the bootloader starts, or
    /// the image has the record that selects its partition.
    pub fn is_started(&self) -> bool {
        self.ota_data.is_some()
            || self.board.table.app().is_some_and(|started| started.offset == self.application_offset)
    }

    /// The partition for the identity slots, if a merged file overwrites it: one that ends with the last part, with the
    /// `optional` ones, or with the flash.
    pub fn overwritten_slots(&self, optional: OptionalParts, whole_flash: bool) -> Option<&Partition> {
        let table = &self.board.table;
        let slots = table.identity_slots()?;
        let fixed = self.fixed_parts().into_iter().map(|part| u64::from(part.offset) + part.bytes.len() as u64);
        let secret = [
            table.credentials(),
            table.secure_cert().filter(|_| optional.secure_cert),
            table.nvs_keys().filter(|_| optional.nvs_keys),
        ];
        let end = fixed.chain(secret.into_iter().flatten().map(Partition::end)).max()?;
        (whole_flash || u64::from(slots.offset) < end).then_some(slots)
    }
}

/// The parts that not every image has.
#[derive(Debug, Clone, Copy, Default)]
pub struct OptionalParts {
    /// Espressif's esp_secure_cert.
    pub secure_cert: bool,
    /// The keys of an encrypted NVS.
    pub nvs_keys: bool,
}

/// The maximum chip revision in the header of an application, as 100 times the major and once the minor number; `None` if it
/// names none, and for other parts.
pub fn max_revision(part: &[u8]) -> Option<u16> {
    esp_image::max_revision(part)
}

/// The minimum chip revision in the header of a bootloader or an application, as 100 times the major and once the minor
/// number; 0 for other parts.
pub fn min_revision(part: &[u8]) -> u16 {
    esp_image::min_revision(part)
}

/// Fails if no revision of a chip starts both.
fn check_revisions(bootloader: &[u8], application: &[u8]) -> Result<()> {
    let minimum = esp_image::min_revision(bootloader);
    match max_revision(application).filter(|maximum| *maximum < minimum) {
        None => Ok(()),
        Some(maximum) => Err(Code::Bootloader
            .error("no revision of the chip starts both bootloader and application")
            .because(format!(
                "the bootloader requires {} or later, and the application {} or earlier",
                revision_text(minimum),
                revision_text(maximum)
            ))
            .fix("use bootloader and application of the same build")),
    }
}

/// Fails if a part that all devices share, and that every user may read, contains a secret.
fn check_public(what: &str, bytes: &[u8]) -> Result<()> {
    let found = match secrets::find(bytes) {
        None => return Ok(()),
        Some(FoundSecret::PrivateKey) => "a private key in PEM",
        Some(FoundSecret::DerKey) => "a private key in DER",
        Some(FoundSecret::EncodedKey) => "a private key in base64 or hexadecimal digits",
        Some(FoundSecret::TextKey) => "a private key as a JWK or as OpenSSL prints it",
        Some(FoundSecret::Credentials) => "the credentials of a device",
    };
    Err(holds_key(what, found))
}

fn holds_key(what: &str, found: &str) -> Error {
    Code::ApplicationHoldsKey
        .error(format!("the {what} contains {found}"))
        .because("the file is the same for all devices and readable for every user")
        .fix("build the program without it, and read the key from the credentials record or another partition")
}

/// Bootloader and application from espflash.
fn compose(application: &Application, board: &Board) -> Result<(Vec<u8>, Vec<u8>)> {
    // No frequency: espflash takes the chip's own, which a test compares with the table of chips.
    // DIO needs two data lines, which every module has connected. QIO needs four.
    let settings = FlashSettings::new(Some(FlashMode::Dio), Some(esp_size(&board.flash_size)?), None);
    let data = FlashData::new(settings, 0, None, esp_chip(board.chip), esp_crystal(board.crystal));
    let elf = application.elf(board.chip);
    // Its own table is not used: ours is checked already, and where the application lies does not change it.
    let image = IdfBootloaderFormat::new(&elf, &data, None, None, None, None).map_err(refused)?;
    let mut segments = image.flash_segments();
    let mut next = || segments.next().map(|segment| segment.data.into_owned());
    match (next(), next(), next()) {
        // The segment between the two is the table that espflash makes by itself.
        (Some(bootloader), Some(_), Some(application)) => Ok((bootloader, application)),
        _ => Err(Code::Internal.error("espflash made an image without a bootloader or an application")),
    }
}

fn refused(error: espflash::Error) -> Error {
    match error {
        espflash::Error::ElfTooBig(has, room) => Code::ImageTooLarge
            .error(format!("the application has {has} bytes, and {room} are free for it in this flash"))
            .fix("name the flash that the board has with --flash-size, or build a smaller application"),
        _ => Code::ApplicationUnreadable.error("no image can be made of this application").caused_by(error),
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
    use crate::partition::{FlashStart, OptionalPartitions, PartitionTable};
    use testkit::application::Sample;

    pub(crate) fn board(chip: Chip) -> Board {
        let flash_size: FlashSize = "4MB".parse().unwrap();
        let table =
            PartitionTable::standard(flash_size.bytes(), OptionalPartitions::default(), FlashStart::of(chip)).unwrap();
        let crystal = chip.crystal(None).unwrap();
        Board { chip, crystal, flash_size, table, bootloader: None, app_partition: None }
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
                crate::application::check_bootloader(&firmware.bootloader, chip).unwrap();
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
        // More than the MiB of the partition below.
        sample.code = 1_200_000;
        let application = Application::read(sample.elf(), Chip::Esp32C3).unwrap();
        let table = csv("nvs,data,nvs,,24K\nfactory,app,factory,0x10000,1M\n");
        let error = Firmware::new(&application, Board { table, ..board(Chip::Esp32C3) }).unwrap_err();
        assert_eq!(error.code(), Code::ImageTooLarge);
        assert!(error.to_string().contains("the partition factory has 1048576"), "{error}");

        let small = Board { flash_size: "1MB".parse().unwrap(), ..board(Chip::Esp32C2) };
        sample = Sample::new(Chip::Esp32C2.name());
        sample.code = 1_200_000;
        let application = Application::read(sample.elf(), Chip::Esp32C2).unwrap();
        let table =
            PartitionTable::standard(1 << 20, OptionalPartitions::default(), FlashStart::of(Chip::Esp32C2)).unwrap();
        let error = Firmware::new(&application, Board { table, ..small }).unwrap_err();
        assert_eq!(error.code(), Code::ImageTooLarge);
        assert!(error.to_string().contains("983040 are free"), "{error}");
    }

    fn csv(text: &str) -> PartitionTable {
        PartitionTable::from_csv(text, FlashStart::of(Chip::Esp32C3)).unwrap()
    }

    fn sample(chip: Chip) -> Application {
        Application::read(Sample::new(chip.name()).elf(), chip).unwrap()
    }

    #[test]
    fn a_table_has_a_place_for_both() {
        for text in ["nvs,data,nvs,,24K\n", "factory,app,factory,,1M\n"] {
            let board = Board { table: csv(text), ..board(Chip::Esp32C3) };
            let error = Firmware::new(&sample(Chip::Esp32C3), board).unwrap_err();
            assert_eq!(error.code(), Code::PartitionTable);
        }
    }

    #[test]
    fn credentials_go_only_where_devices_read_them() {
        for (size, fits) in [("1M", true), ("0x3000", true), ("0x101000", false), ("2M", false), ("0x3400", false)] {
            let table = csv(&format!("factory,app,factory,,1M\nnvs,data,nvs,,{size}\n"));
            let made = Firmware::new(&sample(Chip::Esp32C3), Board { table, ..board(Chip::Esp32C3) });
            assert_eq!(made.as_ref().err().map(Error::code), (!fits).then_some(Code::PartitionTable), "{size}");
        }
        let table = csv("factory,app,factory,,1M\nnvs,data,nvs,,0x1000,readonly\n");
        let error = Firmware::new(&sample(Chip::Esp32C3), Board { table, ..board(Chip::Esp32C3) }).unwrap_err();
        assert!(error.to_string().contains("0x3000 to 0x100000 bytes"), "{error}");
    }

    #[test]
    fn a_private_key_in_the_application_is_refused() {
        let mut elf = Sample::new(Chip::Esp32C3.name());
        elf.rodata = format!("-----BEGIN EC PRIVATE KEY-----\n{}\n", "MHcC".repeat(16)).into_bytes();
        let application = Application::read(elf.elf(), Chip::Esp32C3).unwrap();
        let error = Firmware::new(&application, board(Chip::Esp32C3)).unwrap_err();
        assert_eq!(error.code(), Code::ApplicationHoldsKey);
        assert!(!format!("{error:?}").contains("MHcC"), "{error:?}");
    }

    /// In each form that `application.bin`, which every user may read, could contain it.
    #[test]
    fn a_private_key_in_der_and_the_key_of_a_device_are_refused() {
        let chip = Chip::Esp32C3;
        let with = |bytes: &[u8]| {
            let mut elf = Sample::new(chip.name());
            elf.rodata = [b"data 0", bytes, b"\0more"].concat();
            Application::read(elf.elf(), chip).unwrap()
        };
        for (name, der) in crate::application::private_key::tests::keys() {
            let error = Firmware::new(&with(&der), board(chip)).unwrap_err();
            assert!(error.to_string().contains("contains a private key in DER"), "{name}: {error}");
        }
        for (pem, forms) in device_key::tests::written() {
            for (name, form) in forms {
                let error = match Firmware::new(&with(&form), board(chip)) {
                    Ok(firmware) => {
                        let error = firmware.check_without_key("pump-1", &pem).unwrap_err();
                        assert_eq!(error.finding().location.item.as_deref(), Some("pump-1"), "{error:?}");
                        error
                    }
                    // A whole key in base64 is found without knowing the key.
                    Err(error) => {
                        assert!(name.contains(": base64 of"), "{name}: {error}");
                        error
                    }
                };
                assert_eq!(error.code(), Code::ApplicationHoldsKey, "{name}");
            }
            Firmware::new(&sample(chip), board(chip)).unwrap().check_without_key("pump-1", &pem).unwrap();
        }
    }

    fn moved(chip: Chip, bootloader: Option<OwnBootloader>) -> Board {
        let start = FlashStart::with_table(chip, 0xD000).unwrap();
        let text = "nvs,data,nvs,,0x4000\notadata,data,ota,,0x2000\nota_0,app,ota_0,,1M\nota_1,app,ota_1,,1M\n";
        Board { table: PartitionTable::from_csv(text, start).unwrap(), bootloader, ..board(chip) }
    }

    #[test]
    fn another_table_offset_needs_the_bootloader_of_the_project() {
        for chip in [Chip::Esp32, Chip::Esp32S3] {
            let error = Firmware::new(&sample(chip), moved(chip, None)).unwrap_err();
            assert_eq!(error.code(), Code::Bootloader);
            assert!(error.finding().fix.as_ref().unwrap().contains("--bootloader"), "{error:?}");
            // That of tbpki is no bootloader of a project, also with the header of another flash.
            let ours = Firmware::new(&sample(chip), board(chip)).unwrap().bootloader;
            for bytes in [ours.clone(), other_flash_size(&ours)] {
                let own = OwnBootloader::read(bytes, chip).unwrap();
                let error = Firmware::new(&sample(chip), moved(chip, Some(own))).unwrap_err();
                assert_eq!(error.code(), Code::Bootloader);
                assert!(error.to_string().contains("the bootloader of tbpki does not find"), "{error}");
            }
            let theirs = testkit::application::other_bootloader(&ours, base::digest::sha256);
            let own = OwnBootloader::read(theirs.clone(), chip).unwrap();
            let firmware = Firmware::new(&sample(chip), moved(chip, Some(own.clone()))).unwrap();
            let offsets: Vec<u32> = firmware.fixed_parts().iter().map(|part| part.offset).collect();
            // The last one is the erased record of the application to start.
            assert_eq!(offsets, [chip.facts().bootloader_offset, 0xD000, 0x2_0000, 0x1_2000]);
            assert_eq!(firmware.bootloader, theirs);
            let board = Board { app_partition: Some("ota_1".to_owned()), ..moved(chip, Some(own)) };
            let firmware = Firmware::new(&sample(chip), board).unwrap();
            assert_eq!(firmware.fixed_parts()[2].offset, 0x12_0000);
            // The record selects the partition: erased, it would select ota_0.
            let record = firmware.fixed_parts()[3].bytes;
            assert_eq!((&record[..4], record.len()), (&[2, 0, 0, 0][..], 0x2000));
            assert!(firmware.is_started());
        }
    }

    #[test]
    fn espressifs_library_finds_its_partition_by_its_type() {
        let with = |line: &str| {
            let text = format!("nvs,data,nvs,0x9000,0x4000\n{line}factory,app,factory,0x20000,1M\n");
            let board = Board { table: csv(&text), ..board(Chip::Esp32C3) };
            board.secure_cert().map(|place| place.offset)
        };
        assert_eq!(with("esp_secure_cert,0x3F,,0xD000,0x2000\n").unwrap(), 0xD000);
        for (line, words) in [
            ("", "no place for esp_secure_cert"),
            ("esp_secure_cert,data,undefined,0x10000,64K\n", "another type than 0x3F"),
            ("esp_secure_cert,data,nvs,0xD000,0x3000\n", "another type than 0x3F"),
        ] {
            let error = with(line).unwrap_err();
            assert_eq!(error.code(), Code::PartitionTable);
            assert!(error.to_string().contains(words) && error.finding().fix.is_some(), "{error:?}");
        }
    }

    /// A bootloader with the header of a flash of 2 MB.
    fn other_flash_size(bootloader: &[u8]) -> Vec<u8> {
        let mut bytes = bootloader.to_vec();
        // The upper half of byte 3: 1 for 2 MB, 2 for the 4 MB of the board. The hash of the image covers it.
        bytes[3] = bytes[3] & 0x0F | 1 << 4;
        hashed(bytes)
    }

    /// A changed image whose hash, at its end, fits again.
    fn hashed(mut bytes: Vec<u8>) -> Vec<u8> {
        let end = bytes.len() - 32;
        let hash = base::digest::sha256(&bytes[..end]);
        bytes[end..].copy_from_slice(&hash);
        bytes
    }

    #[test]
    fn bootloader_and_application_need_a_revision_in_common() {
        let chip = Chip::Esp32S3;
        let own = Firmware::new(&sample(chip), board(chip)).unwrap();
        let mut bootloader = own.bootloader.clone();
        // The minimum revision of the header (ESP-IDF, `min_chip_rev_full`): v2.0.
        bootloader[15..17].copy_from_slice(&200_u16.to_le_bytes());
        let theirs = OwnBootloader::read(hashed(bootloader), chip).unwrap();
        let with = |maximum: u16| {
            let mut application = own.application.clone();
            application[17..19].copy_from_slice(&maximum.to_le_bytes());
            let application = Application::read(hashed(application), chip).unwrap();
            Firmware::new(&application, Board { bootloader: Some(theirs.clone()), ..board(chip) })
        };
        with(200).unwrap();
        let error = with(199).unwrap_err();
        assert_eq!(error.code(), Code::Bootloader);
        let why = error.finding().why.clone().unwrap();
        assert!(why.contains("requires v2.0 or later") && why.contains("v1.99 or earlier"), "{why}");
    }

    #[test]
    fn our_firmware_reaches_the_first_16_megabytes() {
        let with = |text: &str| Board { table: csv(text), ..board(Chip::Esp32S3) }.check_reachable();
        with("nvs,data,nvs,0x9000,0x4000\nfactory,app,factory,0xE00000,2M\n").unwrap();
        for (text, name) in [
            ("nvs,data,nvs,0x9000,0x4000\nfactory,app,factory,0xF00000,2M\n", "factory"),
            ("factory,app,factory,0x10000,2M\nnvs,data,nvs,0x1000000,0x4000\n", "nvs"),
        ] {
            let error = with(text).unwrap_err();
            assert_eq!(error.code(), Code::PartitionTable);
            assert!(error.to_string().contains(&format!("does not reach the partition {name}")), "{error}");
        }
    }

    #[test]
    fn a_bootloader_for_a_smaller_flash_is_refused() {
        let chip = Chip::Esp32C3;
        let bytes = other_flash_size(&Firmware::new(&sample(chip), board(chip)).unwrap().bootloader);
        let own = OwnBootloader::read(bytes, chip).unwrap();
        let error = Firmware::new(&sample(chip), Board { bootloader: Some(own.clone()), ..board(chip) }).unwrap_err();
        assert_eq!(error.code(), Code::Bootloader);
        assert!(error.to_string().contains("a flash of 2 MB, and the partition factory ends at 0x400000"), "{error}");
        let table = csv("nvs,data,nvs,,24K\nfactory,app,factory,,1M\n");
        Firmware::new(&sample(chip), Board { bootloader: Some(own), table, ..board(chip) }).unwrap();
    }

    #[test]
    fn slots_before_the_end_of_the_merged_file_are_pointed_out() {
        let overwritten = |text: &str, optional: OptionalParts, whole_flash: bool| {
            let board = Board { table: csv(text), ..board(Chip::Esp32C3) };
            let firmware = Firmware::new(&sample(Chip::Esp32C3), board).unwrap();
            firmware.overwritten_slots(optional, whole_flash).is_some()
        };
        let none = OptionalParts::default();
        let before = "nvs,data,nvs,0x9000,0x4000\nidentity,data,undefined,,64K\nfactory,app,factory,,1M\n";
        assert!(overwritten(before, none, false));
        let after = "nvs,data,nvs,0x9000,0x4000\nfactory,app,factory,,1M\nidentity,data,undefined,,64K\n";
        assert!(!overwritten(after, none, false));
        assert!(overwritten(after, none, true), "it ends with the flash");
        // The credentials lie behind the slots.
        let last = "factory,app,factory,,1M\nidentity,data,undefined,,64K\nnvs,data,nvs,,0x4000\n";
        assert!(overwritten(last, none, false));
        let keys = format!("{after}nvs_keys,data,nvs_keys,,0x1000\n");
        assert!(!overwritten(&keys, none, false));
        assert!(overwritten(&keys, OptionalParts { nvs_keys: true, ..none }, false));
        let cert = format!("{after}esp_secure_cert,0x3F,,,0x2000\n");
        assert!(!overwritten(&cert, none, false));
        assert!(overwritten(&cert, OptionalParts { secure_cert: true, ..none }, false));
    }

    #[test]
    fn a_signed_project_needs_its_own_bootloader() {
        let chip = Chip::Esp32C3;
        let mut signed = composed(Sample::new(chip.name()).elf(), chip);
        signed.extend([0; 4]);
        signed.extend([7; 64]);
        let application = Application::read(signed.clone(), chip).unwrap();
        let error = Firmware::new(&application, board(chip)).unwrap_err();
        assert_eq!(error.code(), Code::Bootloader);
        assert!(error.to_string().contains("signed for secure boot"), "{error}");
        let ours = Firmware::new(&sample(chip), board(chip)).unwrap().bootloader;
        let own = OwnBootloader::read(ours.clone(), chip).unwrap();
        let error = Firmware::new(&application, Board { bootloader: Some(own), ..board(chip) }).unwrap_err();
        assert!(error.to_string().contains("signed for secure boot"), "{error}");
        let theirs = testkit::application::other_bootloader(&ours, base::digest::sha256);
        let own = OwnBootloader::read(theirs, chip).unwrap();
        let firmware = Firmware::new(&application, Board { bootloader: Some(own), ..board(chip) }).unwrap();
        assert_eq!(firmware.application, signed);
    }

    #[test]
    fn only_a_bootloader_is_taken_as_one() {
        let chip = Chip::Esp32S3;
        let firmware = Firmware::new(&sample(chip), board(chip)).unwrap();
        for (bytes, words) in [
            (firmware.application.clone(), "it is an application"),
            ([firmware.bootloader.as_slice(), &[1; 9]].concat(), "and 9 bytes follow"),
            (b"\x7FELF".to_vec(), "header is not whole"),
            (vec![0; 100], "does not begin as images do"),
        ] {
            let error = OwnBootloader::read(bytes, chip).unwrap_err();
            assert_eq!(error.code(), Code::Bootloader);
            assert!(error.to_string().contains(words), "{error}");
        }
        let error = OwnBootloader::read(firmware.bootloader.clone(), Chip::Esp32C3).unwrap_err();
        assert_eq!(error.code(), Code::WrongChip);
        assert!(error.to_string().contains("this bootloader is not for the ESP32-C3"), "{error}");
        for (bytes, words) in [(&b""[..], "the file is empty"), (b"a text that is no bootloader\n", "as images do")] {
            let error = OwnBootloader::read(bytes.to_vec(), chip).unwrap_err();
            assert_eq!(error.code(), Code::Bootloader);
            assert!(error.to_string().contains(words) && !error.to_string().contains("application"), "{error}");
        }
        let large = [vec![0xFF; 0], firmware.bootloader, vec![0xFF; 0x1_0000]].concat();
        let own = OwnBootloader::read(large, chip).unwrap();
        assert_eq!(own.check_fits(FlashStart::of(chip)).unwrap_err().code(), Code::ImageTooLarge);
        let board = Board { bootloader: Some(own), ..board(chip) };
        assert_eq!(Firmware::new(&sample(chip), board).unwrap_err().code(), Code::ImageTooLarge);
    }
}
