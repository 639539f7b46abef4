//! The parts of a device's image, and their merged file.

use base::file::Mode;
use base::{Code, Result};
use zeroize::Zeroizing;

use super::Firmware;

/// The file with the second-stage bootloader.
pub const BOOTLOADER: &str = "bootloader.bin";
/// The file with the partition table.
pub const PARTITION_TABLE: &str = "partition-table.bin";
/// The file with the application.
pub const APPLICATION: &str = "application.bin";
/// The file that makes the bootloader start the application of the image, and not an update that the board had received;
/// named as in ESP-IDF's build.
pub const OTA_DATA: &str = "ota_data_initial.bin";
/// The file with the credentials.
pub const CREDENTIALS: &str = "credentials.bin";
/// The file with Espressif's esp_secure_cert.
pub const SECURE_CERT: &str = "esp_secure_cert.bin";
/// The file with the keys of an encrypted NVS.
pub const NVS_KEYS: &str = "nvs_keys.bin";
/// The merged file, which is written at flash offset 0.
pub const FLASH: &str = "flash.bin";

/// A part of an image.
#[derive(Clone, Copy)]
pub struct Part<'a> {
    /// The file name.
    pub file: &'static str,
    /// The offset in the flash, in bytes.
    pub offset: u32,
    /// The contents.
    pub bytes: &'a [u8],
    /// Private if the part contains a secret.
    pub mode: Mode,
}

/// The image of a device.
pub struct Image<'a> {
    firmware: &'a Firmware,
    parts: Vec<Part<'a>>,
}

impl Firmware {
    /// The parts that all devices share.
    pub fn fixed_parts(&self) -> Vec<Part<'_>> {
        let fixed = |file, offset, bytes| Part { file, offset, bytes, mode: Mode::Public };
        let mut parts = vec![
            fixed(BOOTLOADER, self.board.table.start().bootloader(), self.bootloader.as_slice()),
            fixed(PARTITION_TABLE, self.board.table.start().table(), &self.table),
            fixed(APPLICATION, self.application_offset, &self.application),
        ];
        parts.extend(self.ota_data.as_ref().map(|(offset, bytes)| fixed(OTA_DATA, *offset, bytes.as_slice())));
        parts
    }
}

impl<'a> Image<'a> {
    /// The image of a device with these credentials, which have the size of their partition.
    ///
    /// # Errors
    /// [`Code::PartitionTable`] if the table has no partition for a part, [`Code::ImageTooLarge`] if a part is larger than its
    /// partition.
    pub fn new(
        firmware: &'a Firmware,
        credentials: &'a [u8],
        secure_cert: Option<&'a [u8]>,
        nvs_keys: Option<&'a [u8]>,
    ) -> Result<Self> {
        let table = &firmware.board.table;
        let mut parts = firmware.fixed_parts();
        let secrets = [
            (CREDENTIALS, table.credentials(), Some(credentials)),
            (SECURE_CERT, secure_cert.map(|_| firmware.board.secure_cert()).transpose()?, secure_cert),
            (NVS_KEYS, table.nvs_keys(), nvs_keys),
        ];
        for (file, place, bytes) in secrets {
            let Some(bytes) = bytes else { continue };
            let place = place.ok_or_else(|| {
                let what = file.trim_end_matches(".bin");
                Code::PartitionTable
                    .error(format!("the partition table has no place for {what}"))
                    .fix("add the partition, or leave --partitions out: the table of ours has it")
            })?;
            if bytes.len() as u64 > u64::from(place.size) {
                return Err(Code::ImageTooLarge.error(format!(
                    "{file} has {} bytes, and the partition {} has {}",
                    bytes.len(),
                    place.name,
                    place.size
                )));
            }
            // All three contain keys, or what opens them.
            parts.push(Part { file, offset: place.offset, bytes, mode: Mode::Private });
        }
        parts.sort_by_key(|part| part.offset);
        Ok(Self { firmware, parts })
    }

    /// The image without credentials, which all devices of a fleet share.
    pub fn without_credentials(firmware: &'a Firmware) -> Self {
        let mut parts = firmware.fixed_parts();
        parts.sort_by_key(|part| part.offset);
        Self { firmware, parts }
    }

    /// The firmware of the image.
    pub fn firmware(&self) -> &'a Firmware {
        self.firmware
    }

    /// The parts by offset.
    pub fn parts(&self) -> &[Part<'a>] {
        &self.parts
    }

    /// All parts in one file, with erased flash (0xFF) between them, up to the end of the last part or of the flash.
    ///
    /// # Errors
    /// [`Code::ImageTooLarge`] if a part extends beyond the flash.
    pub fn merged(&self, whole_flash: bool) -> Result<Zeroizing<Vec<u8>>> {
        let end = self.parts.iter().map(|part| part.offset as usize + part.bytes.len()).max().unwrap_or(0);
        let length = if whole_flash { self.firmware.board.flash_size.bytes() as usize } else { end };
        // 0xFF is what erased flash reads as: the gaps are not written a second time.
        let mut merged = Zeroizing::new(vec![0xFF; length]);
        for part in &self.parts {
            let at = part.offset as usize;
            merged
                .get_mut(at..at + part.bytes.len())
                .ok_or_else(|| Code::ImageTooLarge.error(format!("{} reaches over the end of the flash", part.file)))?
                .copy_from_slice(part.bytes);
        }
        Ok(merged)
    }
}

impl std::fmt::Debug for Part<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({} bytes at {:#x})", self.file, self.bytes.len(), self.offset)
    }
}

impl std::fmt::Debug for Image<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(&self.parts).finish()
    }
}
