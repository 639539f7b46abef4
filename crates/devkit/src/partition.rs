//! Partition tables.

mod binary;
mod check;
mod csv;
mod partition_type;

pub use partition_type::{Flags, PartitionType, Subtype};

use base::Result;

use crate::chip::PARTITION_TABLE_OFFSET;

/// The unit in which flash is erased, in bytes. Partitions begin and end at its multiples.
pub const SECTOR: u32 = 0x1000;

/// The alignment of application partitions in bytes: the page size of the flash mapping.
pub const APP_ALIGNMENT: u32 = 0x1_0000;

/// The size limit of an application partition in bytes, which chips can map.
const LARGEST_APP: u32 = 0x100_0000;

/// The name of the partition that Espressif's esp_secure_cert_mgr reads.
pub const SECURE_CERT: &str = "esp_secure_cert";

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
pub struct Table {
    partitions: Vec<Partition>,
}

/// The optional partitions of the standard table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extras {
    /// Espressif's esp_secure_cert, at its usual place.
    pub secure_cert: bool,
    /// The keys of an encrypted NVS.
    pub nvs_keys: bool,
}

impl Table {
    /// A table of these partitions.
    ///
    /// # Errors
    /// [`base::Code::PartitionTable`] and [`base::Code::PartitionsOverlap`].
    pub fn new(partitions: Vec<Partition>) -> Result<Self> {
        check::partitions(&partitions)?;
        Ok(Self { partitions })
    }

    /// The default table: NVS with the credentials at its usual offset, and one application in the rest of `flash_size`
    /// bytes.
    ///
    /// # Errors
    /// [`base::Code::PartitionTable`] if the flash is too small for an application.
    pub fn standard(flash_size: u32, extras: Extras) -> Result<Self> {
        let data = |name: &str, subtype, offset, size, flags| Partition {
            name: name.to_owned(),
            kind: PartitionType::DATA,
            subtype,
            offset,
            size,
            flags,
        };
        // The usual offset of esp_secure_cert lies within the usual NVS partition, which is shortened.
        let nvs_size = if extras.secure_cert { 0x4000 } else { 0x6000 };
        let mut partitions = vec![data("nvs", Subtype::NVS, 0x9000, nvs_size, Flags::NONE)];
        if extras.secure_cert {
            partitions.push(Partition {
                kind: PartitionType::SECURE_CERT,
                ..data(SECURE_CERT, Subtype::UNDEFINED, 0xD000, 0x2000, Flags::ENCRYPTED)
            });
        }
        partitions.push(match extras.nvs_keys {
            true => data("nvs_keys", Subtype::NVS_KEYS, 0xF000, SECTOR, Flags::ENCRYPTED),
            false => data("phy_init", Subtype::PHY, 0xF000, SECTOR, Flags::NONE),
        });
        partitions.push(Partition {
            name: "factory".to_owned(),
            kind: PartitionType::APP,
            subtype: Subtype::FACTORY,
            offset: APP_ALIGNMENT,
            size: flash_size.saturating_sub(APP_ALIGNMENT).min(LARGEST_APP),
            flags: Flags::NONE,
        });
        Self::new(partitions)
    }

    /// The partitions in the order of the table.
    pub fn partitions(&self) -> &[Partition] {
        &self.partitions
    }

    /// The partition for the application: factory, or the first one for applications.
    pub fn app(&self) -> Option<&Partition> {
        let apps = || self.partitions.iter().filter(|partition| partition.kind == PartitionType::APP);
        apps().find(|partition| partition.subtype == Subtype::FACTORY).or_else(|| apps().next())
    }

    /// The partition for the credentials: the NVS partition named `nvs`, or the first one.
    pub fn credentials(&self) -> Option<&Partition> {
        let data = || self.data(Subtype::NVS);
        data().find(|partition| partition.name == "nvs").or_else(|| data().next())
    }

    /// The partition for the keys of an encrypted NVS.
    pub fn nvs_keys(&self) -> Option<&Partition> {
        self.data(Subtype::NVS_KEYS).next()
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

impl Partition {
    /// The offset of the first byte after the partition.
    pub fn end(&self) -> u64 {
        u64::from(self.offset) + u64::from(self.size)
    }

    /// The name and range for messages.
    fn span(&self) -> String {
        format!("{} ({:#x} to {:#x})", self.name, self.offset, self.end().saturating_sub(1))
    }
}

/// The lowest offset of a partition, after the bootloader and the table.
const FIRST: u32 = PARTITION_TABLE_OFFSET + SECTOR;

#[cfg(test)]
mod tests {
    use base::Code;

    use super::*;

    #[test]
    fn every_standard_table_holds_the_application_and_the_credentials() {
        for mib in [1, 2, 4, 8, 16, 32] {
            for (secure_cert, nvs_keys) in [(false, false), (true, false), (false, true), (true, true)] {
                let table = Table::standard(mib << 20, Extras { secure_cert, nvs_keys }).unwrap();
                table.check_fits(mib << 20).unwrap();
                assert_eq!(table.app().unwrap().offset, 0x1_0000);
                assert_eq!(table.credentials().unwrap().offset, 0x9000);
                assert_eq!(table.secure_cert().map(|partition| partition.offset), secure_cert.then_some(0xD000));
                assert_eq!(table.nvs_keys().is_some(), nvs_keys);
            }
        }
        assert_eq!(Table::standard(0x8000, Extras::default()).unwrap_err().code(), Code::PartitionTable);
    }

    #[test]
    fn the_credentials_go_to_nvs_and_the_application_to_factory() {
        let table = Table::from_csv(
            "wifi, data, nvs, 0x9000, 0x4000\nnvs, data, nvs, 0xd000, 0x3000\n\
             ota_0, app, ota_0, 0x10000, 1M\nfactory, app, factory, , 1M\n",
        )
        .unwrap();
        assert_eq!(table.credentials().unwrap().offset, 0xd000);
        assert_eq!(table.app().unwrap().name, "factory");
    }
}
