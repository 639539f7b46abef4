//! Partition tables.

mod binary;
mod check;
mod csv;
mod partition_type;
mod start;

pub use partition_type::{Flags, PartitionType, Subtype};
pub use start::{DEFAULT_TABLE_OFFSET, FlashStart, SECTOR, TABLE_SIZE};

use base::text::quote;
use base::{Code, Result};

/// The alignment of application partitions in bytes: the page size of the flash mapping.
pub const APP_ALIGNMENT: u32 = 0x1_0000;

/// The size limit of an application partition in bytes, which chips can map.
const LARGEST_APP: u32 = 0x100_0000;

/// The name of the partition that Espressif's esp_secure_cert_mgr reads.
pub const SECURE_CERT: &str = "esp_secure_cert";

/// The name of the partition with the identity slots in the default table. Devices find it by its type and size.
pub const IDENTITY_SLOTS: &str = "identity";

/// A partition of the flash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// The label, 1 to 16 bytes.
    pub name: String,
    /// The type.
    pub kind: PartitionType,
    /// The subtype, whose meaning depends on the type.
    pub subtype: Subtype,
    /// The offset in the flash, in bytes.
    pub offset: u32,
    /// The size in bytes.
    pub size: u32,
    /// The flags: encrypted, read-only.
    pub flags: Flags,
}

/// A partition table whose partitions are aligned, have unique names and do not overlap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionTable {
    partitions: Vec<Partition>,
    start: FlashStart,
    /// The bytes after the binary table, which a project with secure boot signs. Empty for tables without a signature.
    signature: Vec<u8>,
    /// The bytes of a binary table that tbpki would write differently, without the signature.
    given: Option<Vec<u8>>,
}

/// The optional partitions of the standard table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OptionalPartitions {
    /// Espressif's esp_secure_cert, at its usual place.
    pub secure_cert: bool,
    /// The keys of an encrypted NVS.
    pub nvs_keys: bool,
    /// The slots of the identities that a device fetches, at the end of the flash.
    pub identity_slots: bool,
}

impl PartitionTable {
    /// A table of these partitions.
    ///
    /// # Errors
    /// [`base::Code::PartitionTable`] and [`base::Code::PartitionsOverlap`].
    pub fn new(partitions: Vec<Partition>, start: FlashStart) -> Result<Self> {
        Self::checked(partitions, start).map_err(|fault| fault.error)
    }

    /// As [`new`](Self::new), with the partition that is wrong.
    fn checked(partitions: Vec<Partition>, start: FlashStart) -> Result<Self, check::Fault> {
        check::partitions(&partitions, start)?;
        Ok(Self { partitions, start, signature: Vec::new(), given: None })
    }

    /// The default table: NVS with the credentials after the table, and one application in the rest of `flash_size` bytes.
    ///
    /// # Errors
    /// [`base::Code::PartitionTable`] if the flash is too small for an application.
    pub fn standard(flash_size: u32, extras: OptionalPartitions, start: FlashStart) -> Result<Self> {
        let mut end = start.first();
        let mut data = |name: &str, kind, subtype, size, flags| {
            let offset = end;
            end += size;
            Partition { name: name.to_owned(), kind, subtype, offset, size, flags }
        };
        // The usual offset of esp_secure_cert lies within the usual NVS partition, which is shortened.
        let nvs_size = if extras.secure_cert { 0x4000 } else { 0x6000 };
        let mut partitions = vec![data("nvs", PartitionType::DATA, Subtype::NVS, nvs_size, Flags::NONE)];
        if extras.secure_cert {
            let kind = PartitionType::SECURE_CERT;
            partitions.push(data(SECURE_CERT, kind, Subtype::UNDEFINED, 0x2000, Flags::ENCRYPTED));
        }
        // One sector in both cases, so that the application begins at 0x10000, where other tools expect it.
        partitions.push(match extras.nvs_keys {
            true => data("nvs_keys", PartitionType::DATA, Subtype::NVS_KEYS, SECTOR, Flags::ENCRYPTED),
            false => data("phy_init", PartitionType::DATA, Subtype::PHY, SECTOR, Flags::NONE),
        });
        let offset = end.next_multiple_of(APP_ALIGNMENT);
        let slots = if extras.identity_slots { device::slots::PARTITION } else { 0 };
        // The flash functions of the chips' ROM, with which a device writes its slots, have addresses of 24 bits.
        let app_end = flash_size.min(if extras.identity_slots { LARGEST_APP } else { u32::MAX }).saturating_sub(slots);
        if app_end <= offset {
            return Err(Code::PartitionTable
                .error(format!("a flash of {} KiB has no space for an application", flash_size >> 10))
                .because(format!(
                    "with the partition table at {:#x}, the application would begin at {offset:#x}",
                    start.table()
                ))
                .fix("name the flash of the board with --flash-size, or a lower --partition-table-offset"));
        }
        partitions.push(Partition {
            name: "factory".to_owned(),
            kind: PartitionType::APP,
            subtype: Subtype::FACTORY,
            offset,
            size: (app_end - offset).min(LARGEST_APP),
            flags: Flags::NONE,
        });
        if extras.identity_slots {
            partitions.push(Partition {
                name: IDENTITY_SLOTS.to_owned(),
                kind: PartitionType::DATA,
                subtype: Subtype::UNDEFINED,
                offset: app_end,
                size: slots,
                flags: Flags::NONE,
            });
        }
        Self::new(partitions, start)
    }

    /// The offsets of bootloader and table.
    pub fn start(&self) -> FlashStart {
        self.start
    }

    /// True if the table has a signature of secure boot.
    pub fn is_signed(&self) -> bool {
        !self.signature.is_empty()
    }

    /// The partitions in the order of the table.
    pub fn partitions(&self) -> &[Partition] {
        &self.partitions
    }

    /// The partition that the bootloader starts while no update was received: factory, else the first slot for updates, else
    /// the test application. Bootloaders start no other partition by themselves.
    pub fn app(&self) -> Option<&Partition> {
        let slots = self.apps().filter_map(|app| self.ota_number(app).map(|number| (number, app)));
        self.apps()
            .find(|partition| partition.subtype == Subtype::FACTORY)
            .or_else(|| slots.min_by_key(|(number, _)| *number).map(|(_, app)| app))
            .or_else(|| self.apps().find(|partition| partition.subtype == Subtype::TEST))
    }

    /// The number of a slot for updates that the bootloader can start, beginning with 0; none for other partitions.
    pub(crate) fn ota_number(&self, app: &Partition) -> Option<u32> {
        let number = |app: &Partition| {
            let is_slot = (Subtype::FIRST_SLOT.0..=Subtype::LAST_SLOT.0).contains(&app.subtype.0);
            (app.kind == PartitionType::APP && is_slot).then(|| app.subtype.0 - Subtype::FIRST_SLOT.0)
        };
        // The bootloader counts the slots and tries the numbers below the count (ESP-IDF,
        // `bootloader_utility_load_boot_image`): it does not find ota_1 alone.
        let count = self.apps().filter_map(number).count();
        number(app).filter(|number| usize::from(*number) < count).map(u32::from)
    }

    /// The names of the application partitions.
    pub(crate) fn app_names(&self) -> Vec<&str> {
        self.apps().map(|partition| partition.name.as_str()).collect()
    }

    /// The partition in which the bootloader keeps the slot that it starts.
    pub fn ota_data(&self) -> Option<&Partition> {
        self.data(Subtype::OTA_DATA).next()
    }

    /// The application partition with this name.
    ///
    /// # Errors
    /// [`base::Code::PartitionTable`], which lists the application partitions.
    pub fn app_named(&self, name: &str) -> Result<&Partition> {
        self.apps().find(|partition| partition.name == name).ok_or_else(|| {
            Code::PartitionTable
                .error(format!("the partition table has no application partition {}", quote(name)))
                .fix(format!("use one of {}", self.app_names().join(", ")))
        })
    }

    fn apps(&self) -> impl Iterator<Item = &Partition> {
        self.partitions.iter().filter(|partition| partition.kind == PartitionType::APP)
    }

    /// The partition for the credentials: the NVS partition named `nvs`, or the first one.
    pub fn credentials(&self) -> Option<&Partition> {
        let data = || self.data(Subtype::NVS);
        // ESP-IDF's `nvs_flash_init` takes the partition called nvs.
        data().find(|partition| partition.name == "nvs").or_else(|| data().next())
    }

    /// The first partition, if there is a gap before it that its alignment does not explain. The table of a project with
    /// another offset looks so.
    pub fn gap_after_table(&self) -> Option<&Partition> {
        let first =
            self.partitions.iter().filter(|partition| !partition.is_primary()).min_by_key(|first| first.offset)?;
        (first.offset > self.start.first().next_multiple_of(first.kind.alignment())).then_some(first)
    }

    /// The partition for the keys of an encrypted NVS.
    pub fn nvs_keys(&self) -> Option<&Partition> {
        self.data(Subtype::NVS_KEYS).next()
    }

    /// The partition for the identity slots: the first one without a specific purpose that has their size.
    pub fn identity_slots(&self) -> Option<&Partition> {
        self.data(Subtype::UNDEFINED).find(|partition| partition.size == device::slots::PARTITION)
    }

    /// The partition for Espressif's esp_secure_cert.
    pub fn secure_cert(&self) -> Option<&Partition> {
        self.partitions.iter().find(|partition| partition.name == SECURE_CERT)
    }

    fn data(&self, subtype: Subtype) -> impl Iterator<Item = &Partition> {
        self.partitions
            .iter()
            .filter(move |partition| partition.kind == PartitionType::DATA && partition.subtype == subtype)
    }
}

impl PartitionType {
    /// The alignment of the offset in bytes.
    const fn alignment(self) -> u32 {
        if self.0 == Self::APP.0 { APP_ALIGNMENT } else { SECTOR }
    }
}

impl Partition {
    /// The offset of the first byte after the partition.
    pub fn end(&self) -> u64 {
        u64::from(self.offset) + u64::from(self.size)
    }

    /// True if it is the bootloader that the ROM starts, or the table itself, which lie before all other partitions.
    pub fn is_primary(&self) -> bool {
        self.subtype == Subtype::PRIMARY
            && (self.kind == PartitionType::BOOTLOADER || self.kind == PartitionType::PARTITION_TABLE)
    }

    /// The name and range for messages.
    fn span(&self) -> String {
        format!("{} ({:#x} to {:#x})", self.name, self.offset, self.end().saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chip::Chip;

    fn start() -> FlashStart {
        FlashStart::of(Chip::Esp32C3)
    }

    #[test]
    fn every_standard_table_holds_the_application_and_the_credentials() {
        for mib in [1, 2, 4, 8, 16, 32] {
            for (secure_cert, nvs_keys) in [(false, false), (true, false), (false, true), (true, true)] {
                let extras = OptionalPartitions { secure_cert, nvs_keys, identity_slots: false };
                let table = PartitionTable::standard(mib << 20, extras, start()).unwrap();
                table.check_fits(mib << 20).unwrap();
                assert_eq!(table.app().unwrap().offset, 0x1_0000);
                assert_eq!(table.credentials().unwrap().offset, 0x9000);
                assert_eq!(table.secure_cert().map(|partition| partition.offset), secure_cert.then_some(0xD000));
                assert_eq!(table.nvs_keys().is_some(), nvs_keys);
            }
        }
        let error = PartitionTable::standard(0x8000, OptionalPartitions::default(), start()).unwrap_err();
        assert_eq!(error.code(), Code::PartitionTable);
        // The table is in the last sector of the flash.
        let last = FlashStart::with_table(Chip::Esp32C3, 0x3F_F000).unwrap();
        let error = PartitionTable::standard(4 << 20, OptionalPartitions::default(), last).unwrap_err();
        assert!(error.to_string().contains("a flash of 4096 KiB has no space for an application"), "{error}");
        assert!(error.to_string().contains("table at 0x3ff000"), "{error}");
        assert!(error.finding().fix.is_some(), "{error:?}");
        let moved = FlashStart::with_table(Chip::Esp32C3, 0xD000).unwrap();
        let table = PartitionTable::standard(4 << 20, OptionalPartitions::default(), moved).unwrap();
        // The application moves by 64 KiB although the table moves by 20 KiB: it can begin only there.
        assert_eq!((table.credentials().unwrap().offset, table.app().unwrap().offset), (0xE000, 0x2_0000));
    }

    /// SHA-256 of the tables before there were identity slots.
    #[test]
    fn tables_without_identity_slots_have_the_bytes_that_they_always_had() {
        for (mib, expected) in [
            (4, "c9a826e85500d14d1854ce78e47452d4614a1be371bbd056278d2cb3398fbbfd"),
            (16, "655cd209ba03a1c8b6108ac5762de3ca6e2610f23a4fbf2e99792d3894a610cf"),
            (32, "94d942cb105729b9b92fd9d22447bfc59609d35604008ed36f8349d15b39b44f"),
        ] {
            let table = PartitionTable::standard(mib << 20, OptionalPartitions::default(), start()).unwrap();
            assert_eq!(base::digest::hex(&base::digest::sha256(&table.to_binary())), expected, "{mib}");
        }
    }

    #[test]
    fn the_identity_slots_are_the_last_64_kib_that_the_rom_can_write() {
        for (mib, end) in [(1, 0x10_0000), (2, 0x20_0000), (4, 0x40_0000), (16, 0x100_0000), (32, 0x100_0000)] {
            let extras = OptionalPartitions { identity_slots: true, ..OptionalPartitions::default() };
            let table = PartitionTable::standard(mib << 20, extras, start()).unwrap();
            table.check_fits(mib << 20).unwrap();
            let slots = table.identity_slots().unwrap();
            assert_eq!((slots.offset, slots.end()), (end - 0x1_0000, u64::from(end)));
            assert_eq!((slots.kind, slots.subtype, slots.flags), (PartitionType::DATA, Subtype(6), Flags::NONE));
            let app = table.app().unwrap();
            assert_eq!((app.offset, app.end()), (0x1_0000, u64::from(slots.offset)));
        }
        let usual = PartitionTable::standard(4 << 20, OptionalPartitions::default(), start()).unwrap();
        assert_eq!(usual.identity_slots(), None);
        let csv = "nvs,data,nvs,,24K\nown,data,undefined,,4K\nids,data,undefined,,64K\nfactory,app,factory,,1M\n";
        let table = PartitionTable::from_csv(csv, start()).unwrap();
        assert_eq!(table.identity_slots().map(|slots| slots.name.as_str()), Some("ids"));
    }

    #[test]
    fn the_credentials_go_to_nvs_and_the_application_to_factory() {
        let table = PartitionTable::from_csv(
            "wifi, data, nvs, 0x9000, 0x4000\nnvs, data, nvs, 0xd000, 0x3000\n\
             ota_0, app, ota_0, 0x10000, 1M\nfactory, app, factory, , 1M\n",
            start(),
        )
        .unwrap();
        assert_eq!(table.credentials().unwrap().offset, 0xd000);
        assert_eq!(table.app().unwrap().name, "factory");
        assert_eq!(table.app_named("ota_0").unwrap().offset, 0x1_0000);
        let error = table.app_named("nvs").unwrap_err();
        assert_eq!(error.code(), Code::PartitionTable);
        assert_eq!(error.finding().fix.as_deref(), Some("use one of ota_0, factory"));
    }

    #[test]
    fn a_gap_after_the_table_is_seen() {
        for (csv, gap) in [
            ("nvs,data,nvs,,24K\nfactory,app,factory,,1M\n", None),
            ("factory,app,factory,,1M\nnvs,data,nvs,,24K\n", None),
            ("nvs,data,nvs,0xE000,24K\nfactory,app,factory,,1M\n", Some("nvs")),
            ("boot,bootloader,primary,,\nfactory,app,factory,0x20000,1M\nnvs,data,nvs,,24K\n", Some("factory")),
        ] {
            let table = PartitionTable::from_csv(csv, start()).unwrap();
            assert_eq!(table.gap_after_table().map(|first| first.name.as_str()), gap, "{csv}");
        }
    }

    /// The bootloader takes the slot with the lowest number, wherever it is in the table.
    #[test]
    fn without_factory_the_application_goes_to_the_first_slot() {
        let csv = "nvs,data,nvs,,24K\ntest,app,test,,1M\nb,app,ota_1,,1M\na,app,ota_0,,1M\n";
        assert_eq!(PartitionTable::from_csv(csv, start()).unwrap().app().unwrap().name, "a");
    }

    #[test]
    fn partitions_that_the_bootloader_does_not_start_get_no_application() {
        for (apps, started) in [
            ("a,app,ota_1,,1M\n", None),
            ("a,app,0x30,,1M\nb,app,0x25,,1M\n", None),
            ("a,app,0x30,,1M\nb,app,test,,1M\n", Some("b")),
            // The bootloader counts two slots, and tries ota_0 and ota_1.
            ("a,app,ota_2,,1M\nb,app,ota_1,,1M\n", Some("b")),
            ("a,app,ota_1,,1M\nb,app,factory,,1M\n", Some("b")),
        ] {
            let table = PartitionTable::from_csv(&format!("nvs,data,nvs,,24K\n{apps}"), start()).unwrap();
            assert_eq!(table.app().map(|app| app.name.as_str()), started, "{apps}");
        }
    }
}
