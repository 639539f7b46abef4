//! The parts of one device's image, and the file that they are merged into.

use base::file::Mode;
use base::{Code, Result};
use zeroize::Zeroizing;

use super::Firmware;
use crate::chip::PARTITION_TABLE_OFFSET;

/// The file with the second-stage bootloader.
pub const BOOTLOADER: &str = "bootloader.bin";
/// The file with the partition table.
pub const PARTITION_TABLE: &str = "partition-table.bin";
/// The file with the application.
pub const APPLICATION: &str = "application.bin";
/// The file with the credentials.
pub const CREDENTIALS: &str = "credentials.bin";
/// The file with Espressif's esp_secure_cert.
pub const SECURE_CERT: &str = "esp_secure_cert.bin";
/// The file with the keys of an encrypted NVS.
pub const NVS_KEYS: &str = "nvs_keys.bin";
/// The file with everything, to be written from the beginning of the flash on.
pub const FLASH: &str = "flash.bin";

/// What goes to one place of the flash.
#[derive(Clone, Copy)]
pub struct Part<'a> {
    /// The file that it is in.
    pub file: &'static str,
    /// Where it goes, in bytes from the beginning of the flash.
    pub offset: u32,
    /// What it is.
    pub bytes: &'a [u8],
    /// Whether it holds a secret.
    pub mode: Mode,
}

/// All parts for one device.
pub struct Image<'a> {
    firmware: &'a Firmware,
    parts: Vec<Part<'a>>,
}

impl Firmware {
    /// The parts that every device has alike.
    pub fn fixed_parts(&self) -> [Part<'_>; 3] {
        let fixed = |file, offset, bytes| Part { file, offset, bytes, mode: Mode::Public };
        [
            fixed(BOOTLOADER, self.board.chip.facts().bootloader_offset, &self.bootloader),
            fixed(PARTITION_TABLE, PARTITION_TABLE_OFFSET, &self.table),
            fixed(APPLICATION, self.application_offset, &self.application),
        ]
    }
}

impl<'a> Image<'a> {
    /// The image of a device with these credentials, which have the length of their partition.
    ///
    /// # Errors
    /// [`Code::PartitionTable`] where the table has no place for a part, [`Code::ImageTooLarge`] where a part is
    /// larger than its place.
    pub fn new(
        firmware: &'a Firmware,
        credentials: &'a [u8],
        secure_cert: Option<&'a [u8]>,
        nvs_keys: Option<&'a [u8]>,
    ) -> Result<Self> {
        let table = &firmware.board.table;
        let mut parts = firmware.fixed_parts().to_vec();
        let secrets = [
            (CREDENTIALS, table.credentials(), Some(credentials)),
            (SECURE_CERT, table.secure_cert(), secure_cert),
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
            parts.push(Part { file, offset: place.offset, bytes, mode: Mode::Private });
        }
        parts.sort_by_key(|part| part.offset);
        Ok(Self { firmware, parts })
    }

    /// What all devices of a fleet have alike: an image without credentials.
    pub fn without_credentials(firmware: &'a Firmware) -> Self {
        let mut parts = firmware.fixed_parts().to_vec();
        parts.sort_by_key(|part| part.offset);
        Self { firmware, parts }
    }

    /// What the image is made for.
    pub fn firmware(&self) -> &'a Firmware {
        self.firmware
    }

    /// Its parts, by their places.
    pub fn parts(&self) -> &[Part<'a>] {
        &self.parts
    }

    /// All parts in one, erased flash between them: up to the end of the last part, or of the flash.
    ///
    /// # Errors
    /// Only where parts overlap, which checked tables exclude.
    pub fn merged(&self, whole_flash: bool) -> Result<Zeroizing<Vec<u8>>> {
        let end = self.parts.iter().map(|part| part.offset as usize + part.bytes.len()).max().unwrap_or(0);
        let length = if whole_flash { self.firmware.board.flash_size.bytes() as usize } else { end };
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
