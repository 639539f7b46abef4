//! The record of the application to start, in the partition of the type `data, ota` (ESP-IDF, `esp_ota_select_entry_t`).

use crate::partition::{Partition, PartitionTable};

/// The length of the record in bytes: two sectors, each with one entry.
const LENGTH: u32 = 0x2000;

/// The offset of the CRC-32 in an entry, in bytes. Label and state before it are erased, as in the entries of ESP-IDF's
/// otatool.
const CRC: usize = 28;

/// The offset and the bytes of the record that selects the application in `place`; none if the table has no partition for
/// it, or if no record selects this place.
///
/// An erased record selects what the bootloader starts on a board without an update. An earlier record is overwritten:
/// it would select another application.
pub(super) fn record(table: &PartitionTable, place: &Partition) -> Option<(u32, Vec<u8>)> {
    let data = table.ota_data()?;
    let mut bytes = vec![0xFF; data.size.min(LENGTH) as usize];
    if table.app() != Some(place) {
        // The bootloader starts the partition with the number (sequence - 1) modulo their count.
        let sequence = (table.ota_number(place)? + 1).to_le_bytes();
        let mut hash = crc32fast::Hasher::new_with_initial(u32::MAX);
        hash.update(&sequence);
        bytes.get_mut(..4)?.copy_from_slice(&sequence);
        bytes.get_mut(CRC..CRC + 4)?.copy_from_slice(&hash.finalize().to_le_bytes());
    }
    Some((data.offset, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chip::Chip;
    use crate::partition::FlashStart;

    const SLOTS: &str = "ota_0,app,ota_0,0x10000,1M\nota_1,app,ota_1,,1M\n";

    fn of(text: &str, name: &str) -> Option<Vec<u8>> {
        let text = format!("nvs,data,nvs,0x9000,0x4000\n{text}");
        let table = PartitionTable::from_csv(&text, FlashStart::of(Chip::Esp32C3)).unwrap();
        let place = table.app_named(name).unwrap().clone();
        record(&table, &place).map(|(offset, bytes)| {
            assert_eq!(offset, 0xE000);
            bytes
        })
    }

    #[test]
    fn the_record_selects_the_partition_of_the_application() {
        let table = format!("otadata,data,ota,0xE000,0x2000\n{SLOTS}");
        assert_eq!(of(&table, "ota_0").unwrap(), [0xFF; 0x2000]);
        // An entry as ESP-IDF's bootloader and otatool write it.
        let mut entry = [0xFF; 0x2000];
        entry[..4].copy_from_slice(&[2, 0, 0, 0]);
        entry[28..32].copy_from_slice(&[0x74, 0x37, 0xF6, 0x55]);
        assert_eq!(of(&table, "ota_1").unwrap(), entry);
        // A factory application is what an erased record selects, and ota_0 needs the first entry.
        let table = format!("{table}factory,app,factory,,1M\ntest,app,test,,512K\n");
        assert_eq!(of(&table, "factory").unwrap(), [0xFF; 0x2000]);
        entry[..4].copy_from_slice(&[1, 0, 0, 0]);
        entry[28..32].copy_from_slice(&[0x9A, 0x98, 0x43, 0x47]);
        assert_eq!(of(&table, "ota_0").unwrap(), entry);
        assert_eq!(of(&table, "test"), None, "a pin selects it");
        assert_eq!(of(SLOTS, "ota_1"), None);
    }
}
