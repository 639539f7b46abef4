//! The second-stage bootloader: the one of espflash, or the one of a project.

use base::{Code, Error, Result};

use crate::application::check_bootloader;
use crate::chip::Chip;
use crate::partition::{DEFAULT_TABLE_OFFSET, FlashStart, PartitionTable};

/// The size limit of a bootloader's file in bytes: more than there is space in any flash.
pub const BOOTLOADER_FILE_LIMIT: usize = 1 << 20;

/// The length of the SHA-256 at the end of an image, in bytes.
const HASH: usize = 32;

/// The bootloader of a project, which is written as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnBootloader(Vec<u8>);

impl OwnBootloader {
    /// Reads a bootloader for `chip`.
    ///
    /// # Errors
    /// [`Code::Bootloader`] for an application, a merged image or a damaged file, [`Code::WrongChip`],
    /// [`Code::ChipUnsupported`], [`Code::ApplicationHoldsKey`].
    pub fn read(bytes: Vec<u8>, chip: Chip) -> Result<Self> {
        check_bootloader(&bytes, chip)?;
        super::check_public("bootloader", &bytes)?;
        Ok(Self(bytes))
    }

    /// Checks that it ends before the partition table begins.
    ///
    /// # Errors
    /// [`Code::ImageTooLarge`] with the sizes.
    pub fn check_fits(&self, start: FlashStart) -> Result<()> {
        check_size(&self.0, start)
    }

    /// Checks that the bootloader knows a flash in which all partitions lie: it refuses the whole table otherwise.
    ///
    /// # Errors
    /// [`Code::Bootloader`] with the sizes.
    pub fn check_knows(&self, table: &PartitionTable) -> Result<()> {
        // The upper half of byte 3 is the binary logarithm of the size in MiB (ESP-IDF, `esp_image_flash_size_t`).
        let Some(known) = self.0.get(3).and_then(|byte| (1_u64 << 20).checked_shl(u32::from(byte >> 4))) else {
            return Ok(());
        };
        match table.partitions().iter().find(|partition| partition.end() > known) {
            None => Ok(()),
            Some(beyond) => Err(Code::Bootloader
                .error(format!(
                    "the bootloader was built for a flash of {} MB, and the partition {} ends at {:#x}",
                    known >> 20,
                    beyond.name,
                    beyond.end()
                ))
                .because("it compares the table with this size, and starts nothing if a partition lies beyond it")
                .fix(format!(
                    "add `--flash-size {0}MB` if the flash has that size, or build the bootloader again for the larger one (in \
                     ESP-IDF, CONFIG_ESPTOOLPY_FLASHSIZE)",
                    known >> 20
                ))),
        }
    }

    /// True if it is the bootloader that tbpki writes itself, which an earlier image has: of these bytes, except for the mode,
    /// the frequency and the size of the flash in the header, and the hash over all of them. A signature can follow.
    pub(super) fn is_ours(&self, ours: &[u8]) -> bool {
        /// Mode, and size with frequency (ESP-IDF, `esp_image_header_t`).
        const FLASH_BYTES: std::ops::Range<usize> = 2..4;
        let end = ours.len().saturating_sub(HASH);
        let is_same = |(index, (one, other)): (usize, (&u8, &u8))| FLASH_BYTES.contains(&index) || one == other;
        self.0.len() >= ours.len() && ours.iter().zip(&self.0).take(end).enumerate().all(is_same)
    }

    /// The file's contents, with a signature if it has one.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Fails if a bootloader is larger than the space before the partition table.
pub(super) fn check_size(bootloader: &[u8], start: FlashStart) -> Result<()> {
    let room = start.bootloader_size();
    if bootloader.len() as u64 <= u64::from(room) {
        return Ok(());
    }
    Err(Code::ImageTooLarge
        .error(format!("the bootloader has {} bytes, and {room} are free for it", bootloader.len()))
        .because(format!("it begins at {:#x}, and the partition table at {:#x}", start.bootloader(), start.table()))
        .fix("use the bootloader and the --partition-table-offset of the same project"))
}

/// Fails if only the bootloader of the project can start what is signed, or finds the table where it is. `signed` names the
/// part that has a signature.
pub(super) fn check_needed(start: FlashStart, signed: Option<&str>) -> Result<()> {
    let needed = |what: String, why: &str| -> Error {
        Code::Bootloader
            .error(what)
            .because(why)
            .fix("add the project's own bootloader with --bootloader (in ESP-IDF, build/bootloader/bootloader.bin)")
    };
    if start.table() != DEFAULT_TABLE_OFFSET {
        return Err(needed(
            format!("the bootloader of tbpki does not find a partition table at {:#x}", start.table()),
            "the offset of the table is compiled into a bootloader, and this one has 0x8000",
        ));
    }
    if let Some(part) = signed {
        return Err(needed(
            format!("the {part} is signed for secure boot, and the bootloader of tbpki is not"),
            "a chip with secure boot starts no bootloader without the project's signature",
        ));
    }
    Ok(())
}
