//! What the images are for: chip, flash and partitions, from the configuration and the request.

use base::{Code, Error, Result, file};
use config::{Config, Origin};
use devkit::chip::Chip;
use devkit::image::Board;
use devkit::partition::{Extras, Table};

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

/// The board that is meant.
pub(super) fn board(config: &Config, request: &BundleRequest, chip: Chip) -> Result<Board> {
    let setting = &config.firmware.flash_size;
    let flash_size = setting.value.clone();
    chip.check_flash_size(&flash_size).map_err(|error| placed(&setting.origin, error))?;
    let table = match &request.partitions {
        None => {
            let extras = Extras { secure_cert: request.secure_cert, nvs_keys: request.nvs_encryption };
            Table::standard(flash_size.bytes(), extras)?
        }
        Some(path) => {
            let bytes = file::read(path, TABLE_LIMIT)?;
            let table = if Table::is_binary(&bytes) { Table::from_binary(&bytes) } else { from_csv(bytes) };
            table
                .and_then(|table| table.check_fits(flash_size.bytes()).map(|()| table))
                .map_err(|error| error.at(path))?
        }
    };
    Ok(Board { chip, crystal: chip.crystal(request.crystal)?, flash_size, table })
}

fn from_csv(bytes: Vec<u8>) -> Result<Table> {
    let text = String::from_utf8(bytes)
        .map_err(|_| Code::PartitionTable.error("the partition table is neither CSV in UTF-8 nor a binary table"))?;
    Table::from_csv(&text)
}

/// Where the value that is wrong was given.
fn placed(origin: &Origin, error: Error) -> Error {
    let finding = origin.place(error.into_finding());
    match origin {
        Origin::Flag(name) => Error::new(finding).argument(name),
        Origin::Variable(name) => Error::new(finding.item(name)),
        _ => Error::new(finding),
    }
}
