//! Files that users name for images of a flash: partition tables and applications.

use devkit::application::Application;
use devkit::chip::Chip;
use devkit::image::{Board, Firmware, OwnBootloader};
use devkit::partition::{FlashStart, OptionalPartitions, PartitionTable};

/// The length of an image's header, and the offsets of two of its fields.
const HEADER: usize = 24;
const SEGMENTS: usize = 1;
const HAS_HASH: usize = 23;

/// The initial value of an image's checksum.
const CHECKSUM_START: u8 = 0xEF;

/// A partition table, in CSV or binary, after the usual offset and after another one.
pub(crate) fn partition_table(input: &[u8]) {
    let usual = FlashStart::of(Chip::Esp32);
    let Ok(other) = FlashStart::with_table(Chip::Esp32C3, 0xD000) else { return };
    // Offsets in a binary table depend on where the table is, so both places are tried.
    for start in [usual, other] {
        let text = std::str::from_utf8(input);
        let tables = [
            PartitionTable::from_binary(input, start).ok(),
            text.ok().and_then(|text| PartitionTable::from_csv(text, start).ok()),
        ];
        for table in tables.into_iter().flatten() {
            drop((table.app().cloned(), table.credentials().cloned(), table.check_fits(4 << 20)));
            let binary = table.to_binary();
            let read = PartitionTable::from_binary(&binary, start);
            assert_eq!(read.as_ref().ok(), Some(&table), "the table that was written is not the one that is read");
            assert!(table.partitions().len() <= 94 && binary.len() >= 0xC00);
        }
    }
}

/// An application or a bootloader, as it is and with the checksum and the hash that it should have.
pub(crate) fn application_image(input: &[u8]) {
    for chip in Chip::ALL {
        drop(OwnBootloader::read(input.to_vec(), chip));
        for bytes in [Some(input.to_vec()), repaired(input)].into_iter().flatten() {
            let Ok(application) = Application::read(bytes, chip) else { continue };
            let Some(board) = board(chip) else { continue };
            let Ok(firmware) = Firmware::new(&application, board) else { continue };
            assert!(firmware.min_revision() >= devkit::image::min_revision(firmware.application()));
            // An image that tbpki made itself must be taken again, as `fleet bundle` does.
            let again = Application::read(firmware.application().to_vec(), chip);
            assert!(again.is_ok(), "the application in an image is refused: {again:?}");
        }
    }
}

fn board(chip: Chip) -> Option<Board> {
    let flash_size: config::FlashSize = "4MB".parse().ok()?;
    let table =
        PartitionTable::standard(flash_size.bytes(), OptionalPartitions::default(), FlashStart::of(chip)).ok()?;
    Some(Board { chip, crystal: chip.crystal(None).ok()?, flash_size, table, bootloader: None, app_partition: None })
}

/// An image with the right checksum and hash, which no mutation finds.
fn repaired(image: &[u8]) -> Option<Vec<u8>> {
    let mut at = HEADER;
    let mut sum = CHECKSUM_START;
    for _ in 0..*image.get(SEGMENTS)? {
        let length = usize::try_from(u32::from_le_bytes(image.get(at + 4..at + 8)?.try_into().ok()?)).ok()?;
        let end = at.checked_add(8)?.checked_add(length)?;
        // The checksum is over the data of the segments alone, without their headers of 8 bytes.
        sum = image.get(at + 8..end)?.iter().fold(sum, |sum, byte| sum ^ byte);
        at = end;
    }
    // Padded so that the checksum is the last byte of a block of 16.
    let end = (at + 1).next_multiple_of(16);
    let mut repaired = image.get(..at)?.to_vec();
    repaired.resize(end, 0);
    *repaired.last_mut()? = sum;
    if *image.get(HAS_HASH)? == 1 {
        let hash = base::digest::sha256(&repaired);
        repaired.extend(hash);
    }
    // What follows the image stays.
    let rest = end + if image.get(HAS_HASH) == Some(&1) { 32 } else { 0 };
    repaired.extend(image.get(rest..).unwrap_or_default());
    Some(repaired)
}
