//! Partition tables: what lies where in the flash.

mod binary;
mod check;
mod csv;
mod partition_type;

pub use partition_type::{Flags, PartitionType, Subtype};

use base::Result;

use crate::chip::PARTITION_TABLE_OFFSET;

/// The smallest piece that the flash erases, in bytes: partitions begin and end on its boundaries.
pub const SECTOR: u32 = 0x1000;

/// What applications are mapped in, in bytes: they begin on its boundaries.
pub const APP_ALIGNMENT: u32 = 0x1_0000;

/// The largest application partition, in bytes: what chips can map.
const LARGEST_APP: u32 = 0x100_0000;

/// The partition that Espressif's esp_secure_cert_mgr looks for.
pub const SECURE_CERT: &str = "esp_secure_cert";

/// A partition: a stretch of the flash, and what it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Its label, 1 to 16 bytes.
    pub name: String,
    /// What sort of partition.
    pub kind: PartitionType,
    /// What for, within its kind.
    pub subtype: Subtype,
    /// Where it begins, in bytes from the beginning of the flash.
    pub offset: u32,
    /// How long it is, in bytes.
    pub size: u32,
    /// Whether it is encrypted with the flash, or never written to.
    pub flags: Flags,
}

/// A partition table whose partitions are aligned, named apart and do not overlap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    partitions: Vec<Partition>,
}

/// What a table of ours has room for besides the application and its NVS.
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

    /// The table that is used where nobody brings one: NVS with the credentials at its usual place, one application
    /// in all that is left of `flash_size` bytes.
    ///
    /// # Errors
    /// Where the flash is too small for any application.
    pub fn standard(flash_size: u32, extras: Extras) -> Result<Self> {
        let data = |name: &str, subtype, offset, size, flags| Partition {
            name: name.to_owned(),
            kind: PartitionType::DATA,
            subtype,
            offset,
            size,
            flags,
        };
        // esp_secure_cert's usual place lies within the usual nvs.
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

    /// Its partitions, in the order in which they are written.
    pub fn partitions(&self) -> &[Partition] {
        &self.partitions
    }

    /// Where the application goes: the factory partition, else the first one for applications.
    pub fn app(&self) -> Option<&Partition> {
        let apps = || self.partitions.iter().filter(|partition| partition.kind == PartitionType::APP);
        apps().find(|partition| partition.subtype == Subtype::FACTORY).or_else(|| apps().next())
    }

    /// Where the credentials go: the NVS partition called `nvs`, else the first one.
    pub fn credentials(&self) -> Option<&Partition> {
        let data = || self.data(Subtype::NVS);
        data().find(|partition| partition.name == "nvs").or_else(|| data().next())
    }

    /// Where the keys of an encrypted NVS go.
    pub fn nvs_keys(&self) -> Option<&Partition> {
        self.data(Subtype::NVS_KEYS).next()
    }

    /// Where Espressif's esp_secure_cert goes.
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
    /// Where it ends, in bytes: the first one that is no longer its own.
    pub fn end(&self) -> u64 {
        u64::from(self.offset) + u64::from(self.size)
    }

    /// From where to where it reaches, as messages show it.
    fn span(&self) -> String {
        format!("{} ({:#x} to {:#x})", self.name, self.offset, self.end().saturating_sub(1))
    }
}

/// Where the first partition may begin: behind the bootloader and the table itself.
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
