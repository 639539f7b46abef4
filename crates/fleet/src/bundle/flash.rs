//! Writing an image that was bundled to a board.

use std::path::{Component, Path, PathBuf};

use base::text::quote;
use base::{Code, Error, Result, file};
use devkit::chip::Chip;
use devkit::flash::{ConnectedBoard, SerialTarget};
use devkit::image::{CREDENTIALS, min_revision};
use ledger::{Filter, Kind};
use pki::device_name::DeviceName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::board;
use store::Workspace;
use store::identity_dir;

/// The file that lists which part is written to which offset.
const DESCRIPTION: &str = "flasher_args.json";

/// The most bytes of a part: larger than any flash that we know.
const PART_LIMIT: usize = 32 << 20;

/// A request to write a device's image.
#[derive(Debug, Clone)]
pub struct FlashRequest {
    /// Whose image; none for that of the only device.
    pub device: Option<DeviceName>,
    /// The directory that the image is in, where it is not the device's own.
    pub from: Option<PathBuf>,
    /// The serial port; none for the only board on USB.
    pub port: Option<String>,
    /// The speed in baud.
    pub baud: u32,
    /// Write the credentials alone.
    pub credentials_only: bool,
}

/// The result of flashing.
#[derive(Debug, Serialize, JsonSchema)]
pub struct FlashReport {
    /// The chip that answered, for example esp32c3.
    pub chip: &'static str,
    /// The serial port of the board.
    pub port: String,
    /// The directory that the image was in.
    pub directory: PathBuf,
    /// The parts that were written.
    pub parts: Vec<FlashedPart>,
}

/// A part that was written, and compared by the chip.
#[derive(Debug, Serialize, JsonSchema)]
pub struct FlashedPart {
    /// The file that it was in.
    pub file: String,
    /// The beginning, in bytes from the beginning of the flash.
    pub offset: u32,
    /// The length in bytes.
    pub bytes: usize,
}

/// The little of `flasher_args.json` that is needed.
#[derive(Deserialize)]
struct Description {
    flash_files: std::collections::BTreeMap<String, String>,
    extra_esptool_args: Extra,
}

#[derive(Deserialize)]
struct Extra {
    chip: String,
}

struct Part {
    file: String,
    offset: u32,
    bytes: Zeroizing<Vec<u8>>,
}

/// Writes an image to a board. `say` receives progress messages.
///
/// # Errors
/// [`Code::ImageMissing`] if there is no image, [`Code::ChipRevision`] if the board would not start it, and the errors of
/// port and board.
pub fn flash(workspace: &Workspace<'_>, request: &FlashRequest, say: &mut dyn FnMut(&str)) -> Result<FlashReport> {
    let target = |chip| SerialTarget { port: request.port.as_deref(), baud: request.baud, chip };
    let (mut board, directory, parts) = match known_directory(workspace, request)? {
        Some(directory) => {
            // Everything that can fail without the board is checked before it is reset.
            let (chip, parts) = load(&directory, request)?;
            (ConnectedBoard::connect(&target(Some(chip)), say)?, directory, parts)
        }
        None => {
            // No chip is configured, so that the board has to be asked before the image can be chosen.
            let name = device_name(workspace, request)?;
            let board = ConnectedBoard::connect(&target(None), say)?;
            let directory = image_directory(workspace, &name, board.chip());
            let (_, parts) = load(&directory, request)?;
            (board, directory, parts)
        }
    };
    // Before the first write: an image that the chip refuses would replace one that works.
    let minimum = parts.iter().map(|part| min_revision(&part.bytes)).max().unwrap_or(0);
    board.check_revision(minimum)?;
    let places: Vec<(u32, &[u8])> = parts.iter().map(|part| (part.offset, part.bytes.as_slice())).collect();
    board.write(&places, say)?;
    let flashed = |part: Part| FlashedPart { bytes: part.bytes.len(), file: part.file, offset: part.offset };
    Ok(FlashReport {
        chip: board.chip().name(),
        port: board.port().to_owned(),
        directory,
        parts: parts.into_iter().map(flashed).collect(),
    })
}

/// The directory of the image, unless only the board tells for which chip it is.
fn known_directory(workspace: &Workspace<'_>, request: &FlashRequest) -> Result<Option<PathBuf>> {
    if let Some(from) = &request.from {
        return Ok(Some(from.clone()));
    }
    if workspace.config.firmware.chip.is_none() {
        return Ok(None);
    }
    let chip = board::chip(workspace.config)?;
    Ok(Some(image_directory(workspace, &device_name(workspace, request)?, chip)))
}

fn image_directory(workspace: &Workspace<'_>, device: &str, chip: Chip) -> PathBuf {
    identity_dir(workspace.store_dir(), Kind::Device, device).join(chip.name())
}

fn device_name(workspace: &Workspace<'_>, request: &FlashRequest) -> Result<String> {
    match &request.device {
        Some(name) => Ok(name.as_str().to_owned()),
        None => only_device(workspace),
    }
}

fn only_device(workspace: &Workspace<'_>) -> Result<String> {
    let view = workspace.view()?;
    let devices = Filter { kind: Some(Kind::Device), current_only: true, ..Filter::default() };
    // Two rows are enough to know, however many devices there are.
    let mut names = view.list(&devices).take(2).map(|entry| entry.map(|entry| entry.key.name));
    match (names.next().transpose()?, names.next()) {
        (Some(name), None) => Ok(name),
        _ => Err(Code::Usage
            .error("the store has not just one device, and none was named")
            .argument("--device")
            .fix("name it with --device, or its image's directory with --from")),
    }
}

/// The chip of an image, and the parts to write.
fn load(directory: &Path, request: &FlashRequest) -> Result<(Chip, Vec<Part>)> {
    let (chip, mut parts) = read(directory)?;
    if request.credentials_only {
        parts.retain(|part| part.file == CREDENTIALS);
    }
    if parts.is_empty() {
        return Err(missing(directory, "the image has no part that could be written"));
    }
    Ok((chip, parts))
}

/// The chip and all parts of an image.
fn read(directory: &Path) -> Result<(Chip, Vec<Part>)> {
    let path = directory.join(DESCRIPTION);
    // `flasher_args.json` has a few lines; a file of more than a megabyte is another file.
    let bytes = file::read_optional(&path, 1 << 20)?.ok_or_else(|| missing(directory, "there is no image here"))?;
    let damaged =
        |why: String| Code::ImageMissing.error("the file does not list the parts of an image").at(&path).because(why);
    let description: Description = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
    let chip: Chip = description.extra_esptool_args.chip.parse().map_err(|error: Error| error.at(&path))?;
    let mut parts = Vec::new();
    for (offset, name) in description.flash_files {
        let number = offset.strip_prefix("0x").and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let offset = number.ok_or_else(|| damaged(format!("{offset:?} is no offset")))?;
        // The file may come from elsewhere: it must not make us read, and send to a board, any file of this machine.
        if !Path::new(&name).components().all(|component| matches!(component, Component::Normal(_))) {
            return Err(damaged(format!("{} leads out of the directory", quote(&name))));
        }
        parts.push(Part { offset, bytes: file::read_secret(directory.join(&name), PART_LIMIT)?, file: name });
    }
    // JSON has them in the order of their texts, where 0x10000 comes before 0x8000.
    parts.sort_by_key(|part| part.offset);
    Ok((chip, parts))
}

fn missing(directory: &Path, what: &str) -> Error {
    Code::ImageMissing
        .error(what)
        .at(directory)
        .fix("make one with `tbpki bundle-firmware`, and name its directory with --from where it is not the device's")
}
