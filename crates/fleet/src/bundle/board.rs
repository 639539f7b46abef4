//! The target of images: chip, flash and partitions, from the configuration and the request.

use std::path::Path;

use base::{Code, Error, Finding, Result, file};
use config::{Config, Origin};
use device::flash_table::TABLE_OFFSETS;
use devkit::chip::Chip;
use devkit::image::{BOOTLOADER_FILE_LIMIT, Board, Firmware, OptionalParts, OwnBootloader};
use devkit::nvs::KEYS_PARTITION_SIZE;
use devkit::partition::{Flags, FlashStart, OptionalPartitions, PartitionTable, SECTOR, TABLE_SIZE};

use super::request::BundleRequest;

/// The most bytes that a partition table in CSV has.
const TABLE_LIMIT: usize = 1 << 20;

/// The chip that is meant.
pub(super) fn chip(config: &Config) -> Result<Chip> {
    let setting = &config.firmware.chip;
    let name = setting.value.as_ref().ok_or_else(|| {
        Code::Usage
            .error("no chip given")
            .argument("--chip")
            .fix("use --chip, or set firmware.chip in keygen.toml: esp32s3, esp32c3 and so on")
    })?;
    name.as_str().parse().map_err(|error| placed(&setting.origin, error))
}

/// The chip, unless none was given.
pub(super) fn known_chip(config: &Config) -> Result<Option<Chip>> {
    if config.firmware.chip.is_none() { Ok(None) } else { chip(config).map(Some) }
}

/// The board that is meant.
pub(super) fn board(config: &Config, request: &BundleRequest, chip: Chip) -> Result<Board> {
    let settings = &config.firmware;
    let flash_size = settings.flash_size.value.clone();
    chip.check_flash_size(&flash_size).map_err(|error| placed(&settings.flash_size.origin, error))?;
    let start = start(config, chip)?;
    let table = match &request.partitions {
        None => {
            let extras = OptionalPartitions {
                secure_cert: request.secure_cert,
                nvs_keys: request.nvs_encryption,
                identity_slots: request.enrolment.is_some(),
            };
            // The layout of the table is ours, so that only the offset or the flash can be wrong.
            let setting = match settings.partition_table_offset.value {
                Some(_) => &settings.partition_table_offset.origin,
                None => &settings.flash_size.origin,
            };
            PartitionTable::standard(flash_size.bytes(), extras, start).map_err(|error| placed(setting, error))?
        }
        Some(path) => read_table(&file::read(path, TABLE_LIMIT)?, start)
            .and_then(|table| table.check_fits(flash_size.bytes()).map(|()| table))
            .map_err(|error| error.at(path))?,
    };
    let board = Board {
        chip,
        crystal: chip.crystal(request.crystal)?,
        flash_size,
        table,
        bootloader: bootloader(config, chip, start)?,
        app_partition: settings.app_partition.value.as_ref().map(ToString::to_string),
    };
    // Checked before the application is read, so that messages name the table and not the application.
    let in_table = |error: Error| match &request.partitions {
        Some(path) => error.at(path),
        None => error,
    };
    board.app().map_err(|error| match board.app_partition {
        Some(_) => placed(&settings.app_partition.origin, error),
        None => in_table(error),
    })?;
    board.credentials().map_err(in_table)?;
    // Only the project's own bootloader finds a table at another offset, which itself is not wrong.
    board.check_bootloader().map_err(|error| {
        match (&settings.partition_table_offset.value, &settings.partition_table_offset.origin) {
            (Some(_), Origin::Flag(name)) => error.item(name),
            (Some(_), origin) => placed(origin, error),
            (None, _) => in_table(error),
        }
    })?;
    // The keys would be in no file that is flashed, so that the device could not read its credentials.
    if request.nvs_encryption && board.table.nvs_keys().is_none() {
        return Err(in_table(
            Code::PartitionTable
                .error("the partition table has no partition for the keys of the encrypted NVS")
                .fix("add the line `nvs_keys, data, nvs_keys, , 0x1000, encrypted`, or leave --nvs-encryption out"),
        ));
    }
    if let Some(place) = board.table.nvs_keys().filter(|_| request.nvs_encryption)
        && (place.size as usize) < KEYS_PARTITION_SIZE
    {
        return Err(in_table(
            Code::PartitionTable
                .error(format!(
                    "the partition {} has {:#x} bytes for the keys of the encrypted NVS",
                    place.name, place.size
                ))
                .because(format!("devices read them from a partition of {KEYS_PARTITION_SIZE:#x} bytes or more"))
                .fix(format!("give {} the size {KEYS_PARTITION_SIZE:#x}, or leave --nvs-encryption out", place.name)),
        ));
    }
    // A device without its slots could fetch a certificate, and would lose it with the power.
    if request.enrolment.is_some() {
        board.identity_slots().map_err(in_table)?;
    }
    if request.secure_cert {
        board.secure_cert().map_err(in_table)?;
    }
    Ok(board)
}

/// The offsets of bootloader and partition table.
fn start(config: &Config, chip: Chip) -> Result<FlashStart> {
    let setting = &config.firmware.partition_table_offset;
    match setting.value {
        None => Ok(FlashStart::of(chip)),
        Some(offset) => FlashStart::with_table(chip, offset.bytes()).map_err(|error| placed(&setting.origin, error)),
    }
}

/// The bootloader of the project, if one was named.
fn bootloader(config: &Config, chip: Chip, start: FlashStart) -> Result<Option<OwnBootloader>> {
    let Some(path) = &config.firmware.bootloader.value else { return Ok(None) };
    let bytes = file::read(path, BOOTLOADER_FILE_LIMIT)?;
    let read = OwnBootloader::read(bytes, chip).and_then(|own| own.check_fits(start).map(|()| own));
    read.map(Some).map_err(|error| error.at(path))
}

/// Fails if our application would not find the partition table, or not reach what it names.
pub(super) fn check_for_ours(config: &Config, request: &BundleRequest, board: &Board) -> Result<()> {
    let table = board.table.start().table();
    if TABLE_OFFSETS.contains(&table) {
        return board.check_reachable().map_err(|error| match &request.partitions {
            Some(path) => error.at(path),
            None => error,
        });
    }
    let error = Code::PartitionTable
        .error(format!("our application does not find a partition table at {table:#x}"))
        .because(format!("it searches from {:#x} to {:#x}", TABLE_OFFSETS.start, TABLE_OFFSETS.end - SECTOR))
        .fix("use a lower --partition-table-offset, or name the application of the project with --app");
    Err(placed(&config.firmware.partition_table_offset.origin, error))
}

fn read_table(bytes: &[u8], start: FlashStart) -> Result<PartitionTable> {
    if PartitionTable::is_binary(bytes) {
        return PartitionTable::from_binary(bytes, start);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| {
        Code::PartitionTable
            .error("the partition table is neither CSV in UTF-8 nor a binary table")
            .fix("name the CSV of the project, or build/partition_table/partition-table.bin of ESP-IDF")
    })?;
    PartitionTable::from_csv(text, start)
}

/// The file in which [`Firmware`] was found wrong: the bootloader of the project, if it is the cause, otherwise the
/// application.
pub(super) fn blamed<'a>(config: &'a Config, code: Code, application: &'a Path) -> &'a Path {
    match &config.firmware.bootloader.value {
        Some(bootloader) if code == Code::Bootloader => bootloader.as_ref(),
        _ => application,
    }
}

/// The doubts about the layout of the flash, which are no errors. `merged` is true if a merged file is made.
pub(super) fn findings(
    config: &Config,
    request: &BundleRequest,
    firmware: &Firmware,
    application: &Path,
    merged: bool,
) -> Result<Vec<Finding>> {
    let board = firmware.board();
    let mut findings = Vec::new();
    let app = board.app()?;
    if !firmware.is_started() {
        let started = board.table.app().map_or("none of its partitions", |started| started.name.as_str());
        findings.push(
            Code::FlashLayoutDoubtful
                .warning(format!("the application goes to the partition {}", app.name))
                .because(format!(
                    "the bootloader starts {started}, and the image has no record that selects {}",
                    app.name
                ))
                .fix(
                    "use this only for a board that starts the partition for another reason, for example a pin; slots \
                     (ota_0 and so on) are selected if the table has a partition of the type data, ota",
                ),
        );
    }
    findings.extend(overwritten_slots(request, firmware).filter(|_| merged));
    if firmware.lacks_signature() {
        findings.push(
            Code::Bootloader
                .warning("the bootloader is signed for secure boot, and the application is not")
                .at(application)
                .because("a chip with secure boot starts no application without the project's signature")
                .fix("sign application.bin of the image (`espsecure sign-data`), and name the signed file with --app"),
        );
    }
    let credentials = board.credentials()?;
    if credentials.flags.has(Flags::ENCRYPTED) {
        findings.push(
            Code::FlashLayoutDoubtful
                .warning(format!("the partition {} for the credentials has the flag encrypted", credentials.name))
                .because("on a chip with flash encryption, ESP-IDF opens no NVS partition with this flag")
                .fix("remove the flag; --nvs-encryption and an encrypted partition nvs_keys protect the credentials"),
        );
    }
    // With an offset of the user's own, a gap behind the table is meant.
    if config.firmware.partition_table_offset.is_none()
        && let Some(first) = board.table.gap_after_table()
    {
        let offset = first.offset.saturating_sub(TABLE_SIZE);
        findings.push(
            Code::FlashLayoutDoubtful
                .warning(format!("the first partition, {}, begins at {:#x}", first.name, first.offset))
                .because(format!("the table is written at {:#x}, and ends before {:#x}", board.table.start().table(), board.table.start().first()))
                .fix(format!(
                    "if the project has CONFIG_PARTITION_TABLE_OFFSET={offset:#x}, add `--partition-table-offset {offset:#x}`"
                )),
        );
    }
    Ok(findings)
}

/// The warning about a merged file that overwrites the identity of a device.
fn overwritten_slots(request: &BundleRequest, firmware: &Firmware) -> Option<Finding> {
    request.enrolment.as_ref()?;
    let optional = OptionalParts {
        secure_cert: request.secure_cert,
        nvs_keys: request.nvs_encryption && request.include_nvs_keys,
    };
    let slots = firmware.overwritten_slots(optional, request.whole_flash)?;
    let warning = Code::FlashLayoutDoubtful
        .warning(format!("the merged file overwrites the partition {} with the identity of the device", slots.name));
    Some(match request.whole_flash {
        true => warning
            .because("it ends with the flash, and a merged file fills gaps")
            .fix("leave out --whole-flash, or update devices with the single parts (flash_args)"),
        false => warning
            .because(format!(
                "it begins at {:#x}, before the end of the image, and a merged file fills gaps",
                slots.offset
            ))
            .fix("move the partition behind all others, or update devices with the single parts (flash_args)"),
    })
}

/// Adds the source of a wrong value to its error.
pub(super) fn placed(origin: &Origin, error: Error) -> Error {
    let finding = origin.place(error.into_finding());
    match origin {
        Origin::Flag(name) => Error::new(finding).argument(name),
        Origin::Variable(name) => Error::new(finding.item(name)),
        _ => Error::new(finding),
    }
}
