//! Types, subtypes and flags of partitions, with their names in ESP-IDF's CSV and their numbers in binary tables.

use std::fmt;

/// The type of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionType(pub u8);

/// The subtype of a partition, whose meaning depends on the type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subtype(pub u8);

/// The flags of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(pub u32);

impl PartitionType {
    /// An application.
    pub const APP: Self = Self(0x00);
    /// Data with a subtype of ESP-IDF.
    pub const DATA: Self = Self(0x01);
    /// A second-stage bootloader (ESP-IDF 5.4).
    pub const BOOTLOADER: Self = Self(0x02);
    /// A partition table (ESP-IDF 5.4).
    pub const PARTITION_TABLE: Self = Self(0x03);
    /// The type of Espressif's esp_secure_cert.
    pub const SECURE_CERT: Self = Self(0x3F);

    /// The names of the types.
    pub(super) const WORDS: &[(&str, u8)] =
        &[("app", 0x00), ("data", 0x01), ("bootloader", 0x02), ("partition_table", 0x03)];
}

impl Subtype {
    /// The application that starts if none was received over the air.
    pub const FACTORY: Self = Self(0x00);
    /// The first of the slots for applications that are received over the air, `ota_0`.
    pub const FIRST_SLOT: Self = Self(0x10);
    /// The last of these slots, `ota_15`.
    pub const LAST_SLOT: Self = Self(0x1F);
    /// The application that starts if a pin of the board asks for it.
    pub const TEST: Self = Self(0x20);
    /// The record of the application that was received over the air last.
    pub const OTA_DATA: Self = Self(0x00);
    /// The same for the applications of a trusted execution environment.
    pub const TEE_OTA_DATA: Self = Self(0x90);
    /// The dump of a program that failed.
    pub const CORE_DUMP: Self = Self(0x03);
    /// The bootloader that the ROM starts, or the partition table that it reads.
    pub const PRIMARY: Self = Self(0x00);
    /// The bootloader that the ROM starts if the primary one is damaged.
    pub const RECOVERY: Self = Self(0x02);
    /// Calibration of the radio.
    pub const PHY: Self = Self(0x01);
    /// Non-volatile storage.
    pub const NVS: Self = Self(0x02);
    /// The keys of an encrypted non-volatile storage.
    pub const NVS_KEYS: Self = Self(0x04);
    /// No specific purpose.
    pub const UNDEFINED: Self = Self(0x06);

    /// The names of data subtypes.
    const DATA_WORDS: &[(&str, u8)] = &[
        ("ota", 0x00),
        ("phy", 0x01),
        ("nvs", 0x02),
        ("coredump", 0x03),
        ("nvs_keys", 0x04),
        ("efuse", 0x05),
        ("undefined", 0x06),
        ("esphttpd", 0x80),
        ("fat", 0x81),
        ("spiffs", 0x82),
        ("littlefs", 0x83),
        ("tee_ota", 0x90),
    ];

    /// The names of application subtypes, without the numbered ones.
    const APP_WORDS: &[(&str, u8)] = &[("factory", 0x00), ("test", 0x20), ("tee_0", 0x30), ("tee_1", 0x31)];

    /// The names of bootloader subtypes.
    const BOOTLOADER_WORDS: &[(&str, u8)] = &[("primary", 0x00), ("ota", 0x01), ("recovery", 0x02)];

    /// The names of partition table subtypes.
    const TABLE_WORDS: &[(&str, u8)] = &[("primary", 0x00), ("ota", 0x01)];

    /// The names for partitions of this type, without the numbered ones.
    const fn named(kind: PartitionType) -> &'static [(&'static str, u8)] {
        match kind {
            PartitionType::APP => Self::APP_WORDS,
            PartitionType::DATA => Self::DATA_WORDS,
            PartitionType::BOOTLOADER => Self::BOOTLOADER_WORDS,
            PartitionType::PARTITION_TABLE => Self::TABLE_WORDS,
            _ => &[],
        }
    }

    /// The subtype with this name for partitions of this type.
    pub(super) fn with_word(kind: PartitionType, word: &str) -> Option<Self> {
        let listed = Self::named(kind).iter().find(|(name, _)| *name == word).map(|(_, number)| *number);
        // Sixteen slots, as the subtype has four bits for them.
        let slot = || {
            // `ota` of a data partition is the record of the last update, and has no number.
            let digits = word.strip_prefix("ota_").filter(|_| kind == PartitionType::APP)?;
            // The parser also takes `+1` and `015`, which are no names of subtypes.
            let slot = digits.parse::<u8>().ok().filter(|slot| slot.to_string() == digits)?;
            (slot < 16).then_some(0x10 + slot)
        };
        listed.or_else(slot).map(Self)
    }

    /// The names for this type, for messages.
    pub(super) fn words(kind: PartitionType) -> String {
        match kind {
            PartitionType::APP => "factory, ota_0 to ota_15, test, or a number up to 254".to_owned(),
            PartitionType::DATA | PartitionType::BOOTLOADER | PartitionType::PARTITION_TABLE => {
                let words: Vec<&str> = Self::named(kind).iter().map(|(name, _)| *name).collect();
                format!("{}, or a number up to 254", words.join(", "))
            }
            _ => "a number up to 254".to_owned(),
        }
    }
}

impl Flags {
    /// None.
    pub const NONE: Self = Self(0);
    /// Encrypted if the chip encrypts its flash.
    pub const ENCRYPTED: Self = Self(1);
    /// Not written by the chip.
    pub const READ_ONLY: Self = Self(2);

    /// The flag with this name.
    pub(super) fn with_word(word: &str) -> Option<Self> {
        match word {
            "encrypted" => Some(Self::ENCRYPTED),
            "readonly" => Some(Self::READ_ONLY),
            _ => None,
        }
    }

    /// True if all flags of `other` are set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The union of both.
    pub(super) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Display for PartitionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::APP => f.write_str("app"),
            Self::DATA => f.write_str("data"),
            Self::BOOTLOADER => f.write_str("bootloader"),
            Self::PARTITION_TABLE => f.write_str("partition_table"),
            Self(number) => write!(f, "{number:#04x}"),
        }
    }
}
