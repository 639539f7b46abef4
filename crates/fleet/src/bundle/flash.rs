//! Writing an image that was bundled to a board.

use std::io::Read;
use std::path::{Component, Path, PathBuf};

use base::file::BulkDir;
use base::text::{device_option, quote};
use base::timestamp::rfc3339;
use base::{Code, Error, Result, Secret, file};
use device::Record;
use device::record::Login;
use devkit::chip::Chip;
use devkit::credentials;
use devkit::flash::{ConnectedBoard, SerialTarget};
use devkit::image::{CREDENTIALS, NVS_KEYS, SECURE_CERT_FILE, max_revision, min_revision};
use devkit::nvs::{KEYS_PARTITION_SIZE, Keys};
use identity::lifecycle::one_time_password;
use ledger::{Filter, Kind, Role, SerialNumber, View};
use pki::device_name::DeviceName;
use pki::pem_bundle::PemBundle;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::board;
use crate::register;
use store::Workspace;
use store::identity_dir;

/// The file that lists which part is written to which offset.
const DESCRIPTION: &str = "flasher_args.json";

/// The parts that are of one device: its record, what opens it, and the same identity for Espressif's libraries. One without
/// the others would leave the keys of an earlier image on the board.
const SECRETS: [&str; 3] = [CREDENTIALS, NVS_KEYS, SECURE_CERT_FILE];

/// The most bytes of a part: larger than any flash that we know.
const PART_LIMIT: usize = 32 << 20;

/// A request to write a device's image.
#[derive(Debug, Clone)]
pub struct FlashRequest {
    /// Whose image; none for that of the only device.
    pub device: Option<DeviceName>,
    /// The serial port; none for the only board on USB.
    pub port: Option<String>,
    /// The speed in baud.
    pub baud: u32,
    /// Write only the parts with secrets.
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
/// [`Code::ImageMissing`] if there is no image, or one with a login that is not in use any more, [`Code::Revoked`],
/// [`Code::ChipRevision`] if the board would not start it, and the errors of
/// port and board.
pub fn flash(workspace: &Workspace<'_>, request: &FlashRequest, say: &mut dyn FnMut(&str)) -> Result<FlashReport> {
    let name = device_name(workspace, request)?;
    if !workspace.config.firmware.chip.is_none() {
        let directory = image_directory(workspace, &name, board::chip(workspace.config)?);
        let (chip, parts) = load(&directory, request)?;
        check_in_use(workspace, &name, &directory, &parts)?;
        return write(ConnectedBoard::connect(&target(request, Some(chip)), say)?, &directory, parts, say);
    }
    // No chip is configured, so that the board has to be asked before the image can be chosen.
    let board = ConnectedBoard::connect(&target(request, None), say)?;
    let directory = image_directory(workspace, &name, board.chip());
    let (_, parts) = load(&directory, request)?;
    check_in_use(workspace, &name, &directory, &parts)?;
    write(board, &directory, parts, say)
}

/// Fails if the device was revoked, or if the image has a certificate, a one-time password or a token that is not in use any
/// more.
fn check_in_use(workspace: &Workspace<'_>, name: &str, directory: &Path, parts: &[Part]) -> Result<()> {
    let view = workspace.view()?;
    if view.latest(Kind::Device, name)?.is_some_and(|latest| latest.role == Role::Revoked) {
        return Err(register::revoked(name));
    }
    let Some(record) = record(directory, parts)? else { return Ok(()) };
    let ended = match record.login() {
        Login::Certificate { chain, .. } => ended_certificate(&view, name, directory, chain)?,
        Login::Pending => ended_password(workspace, &view, name, &record)?,
        Login::Token(token) => ended_token(workspace, name, token.expose())?,
    };
    match ended {
        None => Ok(()),
        Some(Ended { what, remedy }) => {
            let remedy = format!("tbpki bundle-firmware {}{remedy} --force", device_option(name));
            Err(Code::ImageMissing
                .error(what)
                .item(name)
                .at(directory)
                .fix(format!("make the image again with `{remedy}`")))
        }
    }
}

/// The login of an image that is not in use any more.
struct Ended {
    what: String,
    /// The options of `bundle-firmware` for another one.
    remedy: &'static str,
}

/// The record in the credentials of an image; none if it cannot be read. The keys of an encrypted one are next to it.
fn record(directory: &Path, parts: &[Part]) -> Result<Option<Record>> {
    let Some(part) = parts.iter().find(|part| part.file == CREDENTIALS) else { return Ok(None) };
    if let Ok(record) = credentials::read(&part.bytes) {
        return Ok(Some(record));
    }
    let keys = file::read_optional(directory.join(NVS_KEYS), KEYS_PARTITION_SIZE)?;
    let keys = keys.and_then(|bytes| Keys::from_partition(&bytes).ok());
    let mut bytes = part.bytes.clone();
    let is_plain = keys.is_some_and(|keys| keys.decrypt_partition(&mut bytes).is_ok());
    Ok(if is_plain { credentials::read(&bytes).ok() } else { None })
}

/// Another certificate has replaced the one in the image, or it was given up.
fn ended_certificate(view: &View, name: &str, directory: &Path, chain: &str) -> Result<Option<Ended>> {
    let chain = PemBundle::parse(chain.trim_end_matches('\0').as_bytes()).map_err(|error| error.at(directory))?;
    let Some(leaf) = chain.certificates.first() else { return Ok(None) };
    let rows = view.by_serial(&SerialNumber::new(leaf.serial())?)?;
    let row = rows.into_iter().find(|row| row.key.kind == Kind::Device && row.key.name == name);
    let ended = row.filter(|row| !matches!(row.role, Role::Current | Role::Pending | Role::Intended));
    Ok(ended.map(|row| Ended {
        what: format!("the image has generation {} of the device, which is not in use any more", row.key.generation),
        remedy: "",
    }))
}

/// The service would refuse the one-time password in the image.
fn ended_password(workspace: &Workspace<'_>, view: &View, name: &str, record: &Record) -> Result<Option<Ended>> {
    let Some(enrolment) = record.enrolment() else { return Ok(None) };
    let hash = one_time_password::hash(&Secret::from(enrolment.password.expose()));
    let what = match view.password_of(name)? {
        None => "the one-time password in the image was withdrawn".to_owned(),
        Some(row) if row.hash != hash => "the one-time password in the image was replaced by another one".to_owned(),
        Some(row) if row.is_spent => "the one-time password in the image was used".to_owned(),
        Some(row) if row.expires_at <= workspace.now => {
            format!("the one-time password in the image expired on {}", rfc3339(row.expires_at))
        }
        Some(_) => return Ok(None),
    };
    Ok(Some(Ended { what, remedy: " --enroll URL" }))
}

/// The store has another access token of the device. Without a token in the store, that of the image can be the present one.
fn ended_token(workspace: &Workspace<'_>, name: &str, token: &str) -> Result<Option<Ended>> {
    let dir = identity_dir(workspace.store_dir(), Kind::Device, name);
    let is_other = match super::device::token(&dir, name) {
        Ok(present) => present.reveal() != token.trim_end_matches('\0'),
        Err(error) if error.code() == Code::TokenMissing => false,
        Err(error) => return Err(error),
    };
    let what = "the image has another access token than the store".to_owned();
    Ok(is_other.then_some(Ended { what, remedy: " --auth token" }))
}

/// Writes the image in a directory to a board. There need not be a store on this machine.
///
/// # Errors
/// Those of [`flash`].
pub fn flash_directory(directory: &Path, request: &FlashRequest, say: &mut dyn FnMut(&str)) -> Result<FlashReport> {
    // Everything that can fail without the board is checked before it is reset.
    let (chip, parts) = load(directory, request)?;
    write(ConnectedBoard::connect(&target(request, Some(chip)), say)?, directory, parts, say)
}

fn target(request: &FlashRequest, chip: Option<Chip>) -> SerialTarget<'_> {
    SerialTarget { port: request.port.as_deref(), baud: request.baud, chip }
}

fn write(
    mut board: ConnectedBoard,
    directory: &Path,
    parts: Vec<Part>,
    say: &mut dyn FnMut(&str),
) -> Result<FlashReport> {
    // Before the first write: an image that the chip refuses would replace one that works.
    let minimum = parts.iter().map(|part| min_revision(&part.bytes)).max().unwrap_or(0);
    let maximum = parts.iter().filter_map(|part| max_revision(&part.bytes)).min();
    board.check_revision(minimum, maximum)?;
    let places: Vec<(u32, &[u8])> = parts.iter().map(|part| (part.offset, part.bytes.as_slice())).collect();
    board.write(&places, say)?;
    let flashed = |part: Part| FlashedPart { bytes: part.bytes.len(), file: part.file, offset: part.offset };
    Ok(FlashReport {
        chip: board.chip().name(),
        port: board.port().to_owned(),
        directory: directory.to_owned(),
        parts: parts.into_iter().map(flashed).collect(),
    })
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
        parts.retain(|part| SECRETS.contains(&part.file.as_str()));
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
    let files = BulkDir::open(directory)?;
    let mut parts = Vec::new();
    for (offset, name) in description.flash_files {
        let number = offset.strip_prefix("0x").and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let offset = number.ok_or_else(|| damaged(format!("{offset:?} is no offset")))?;
        // The file may come from elsewhere: it must not make us read, and send to a board, any file of this machine.
        if !Path::new(&name).components().all(|component| matches!(component, Component::Normal(_))) {
            return Err(damaged(format!("{} leads out of the directory", quote(&name))));
        }
        parts.push(Part { offset, bytes: read_part(&files, &name)?, file: name });
    }
    // JSON has them in the order of their texts, where 0x10000 comes before 0x8000.
    parts.sort_by_key(|part| part.offset);
    Ok((chip, parts))
}

/// A part of an image. Links are not followed: they could lead to any file of this machine.
fn read_part(directory: &BulkDir, name: &str) -> Result<Zeroizing<Vec<u8>>> {
    let gone = || Code::ImageMissing.error("a part of the image is not here").at(directory.path().join(name));
    let (file, size) = match name.split_once('/') {
        Some((dir, rest)) => return read_part(&directory.dir(dir)?.ok_or_else(gone)?, rest),
        None => (directory.open_file(name)?, directory.size(name)?.ok_or_else(gone)?),
    };
    let unreadable =
        |error| Code::FileUnreadable.error("the file cannot be read").caused_by(error).at(directory.path().join(name));
    if size > PART_LIMIT as u64 {
        return Err(Code::ImageMissing
            .error(format!("the file has {size} bytes, and no flash has more than {PART_LIMIT}"))
            .at(directory.path().join(name)));
    }
    // Reserved, because a growing buffer would leave copies of keys behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(size as usize + 1));
    file.take(size).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

fn missing(directory: &Path, what: &str) -> Error {
    Code::ImageMissing
        .error(what)
        .at(directory)
        .fix("make one with `tbpki bundle-firmware`, and name its directory with --from where it is not the device's")
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the test makes the directory of an image")]
mod tests {
    use std::fs;

    use super::*;

    /// With the record alone, a board would keep the keys of an earlier image, and could not read the record.
    #[test]
    fn all_parts_with_secrets_belong_to_the_credentials() {
        let dir = tempfile::tempdir().unwrap();
        let files = [
            ("0x0", "bootloader.bin"),
            ("0x10000", "application.bin"),
            ("0x9000", CREDENTIALS),
            ("0xd000", SECURE_CERT_FILE),
            ("0xf000", NVS_KEYS),
        ];
        let listed: serde_json::Map<_, _> =
            files.iter().map(|(offset, file)| ((*offset).to_owned(), (*file).into())).collect();
        let description =
            serde_json::json!({"flash_files": listed, "extra_esptool_args": {"chip": "esp32c3"}}).to_string();
        fs::write(dir.path().join(DESCRIPTION), description).unwrap();
        for (_, file) in files {
            fs::write(dir.path().join(file), file).unwrap();
        }
        let request = |credentials_only| FlashRequest { device: None, port: None, baud: 115_200, credentials_only };
        let load = |credentials_only| {
            let (chip, parts) = load(dir.path(), &request(credentials_only)).unwrap();
            assert_eq!(chip, Chip::Esp32C3);
            parts.into_iter().map(|part| (part.offset, part.file)).collect::<Vec<_>>()
        };
        let expected = [(0x9000, CREDENTIALS), (0xD000, SECURE_CERT_FILE), (0xF000, NVS_KEYS)];
        assert_eq!(load(true), expected.map(|(offset, file)| (offset, file.to_owned())));
        assert_eq!(load(false).len(), 5);
    }
}
